use super::*;
use crate::domain::outcome::{Outcome, Scope};
use crate::port::SystemClock;
use crate::testing::{FakeClock, FakeDriver, FakeProviders, candidate};
use std::path::Path;
use std::time::Duration;

/// Starts over files, with real time.
async fn start_over(source: Source) -> Result<Handles, StartError> {
    let driver = Arc::new(FakeDriver::default());
    start(StartOptions {
        source,
        env: Env::default(),
        providers: Arc::new(FakeProviders {
            driver,
            clock: FakeClock::new(),
        }),
        clock: Arc::new(SystemClock),
        store: None,
    })
    .await
}

fn config(folder: &Path, more: &str) -> PathBuf {
    let path = folder.join("config.yaml");
    let auths = folder.join("auths");
    std::fs::write(&path, format!("auth-dir: {}\n{more}", auths.display())).expect("written");
    path
}

#[actix_rt::test]
async fn starts_without_any_account_and_makes_the_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = config(folder.path(), "");
    let handles = start_over(Source::File(path))
        .await
        .expect("actors that run");
    assert!(folder.path().join("auths").is_dir());
    let snapshot = handles.snapshot.get();
    assert_eq!((snapshot.epoch, snapshot.members.len()), (1, 0));
    handles.fresh_models().await;
    handles.flush().await;
}

#[actix_rt::test]
async fn an_unusable_configuration_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = config(folder.path(), "port: []\n");
    let missing = folder.path().join("missing.yaml");
    for path in [bad, missing, folder.path().to_owned()] {
        let started = start_over(Source::File(path.clone())).await;
        assert!(
            matches!(started, Err(StartError::Config(_))),
            "{}",
            path.display()
        );
    }
}

#[actix_rt::test]
async fn an_unusable_folder_is_an_error_and_a_bad_login_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = config(folder.path(), "");
    let auths = folder.path().join("auths");
    std::fs::write(&auths, "a file").expect("written");
    let started = start_over(Source::File(path.clone())).await;
    assert!(matches!(started, Err(StartError::Store(_))));
    std::fs::remove_file(&auths).expect("removed");
    std::fs::create_dir(&auths).expect("a folder");
    std::fs::write(auths.join("bad.json"), "{").expect("written");
    std::fs::write(
        auths.join("good.json"),
        r#"{"type": "fake", "access_token": "t"}"#,
    )
    .expect("written");
    let handles = start_over(Source::File(path))
        .await
        .expect("actors that run");
    assert_eq!(candidate(&handles).credential.as_str(), "good.json");
}

#[actix_rt::test]
async fn rests_survive_a_restart_when_they_shall() {
    for (save, survives) in [("true", true), ("false", false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let key = "openai-compatibility:\n- name: r\n  base-url: https://r.example\n  \
                   api-key-entries: [{api-key: k}]\n";
        let path = config(
            folder.path(),
            &format!("save-cooldown-status: {save}\n{key}"),
        );
        let handles = start_over(Source::File(path.clone()))
            .await
            .expect("actors that run");
        let lease = candidate(&handles)
            .lease(Default::default(), SystemClock.now())
            .await;
        let retry_after = Some(Duration::from_secs(1200));
        let scope = Scope::Model;
        lease
            .expect("a lease")
            .finish(Outcome::RateLimited { retry_after, scope });
        // The report is on its way; an answer from the same mailbox comes after it.
        assert!(candidate(&handles).acquire(None).await.is_err());
        handles.flush().await;
        let handles = start_over(Source::File(path))
            .await
            .expect("actors that run");
        let usable = candidate(&handles).try_lease(SystemClock.now()).is_some();
        assert_eq!(usable, !survives, "save-cooldown-status: {save}");
    }
}
