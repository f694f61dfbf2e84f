use super::*;
use crate::credential::CredentialActor;
use crate::domain::health::{Mark, Reason};
use crate::domain::quota::{Quota, QuotaStatus, QuotaWindow};
use crate::domain::record::{CredentialRecord, Kind};
use crate::domain::view::LastError;
use chrono::TimeDelta;
use serde_json::json;

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn mark(minutes: i64, capped: bool) -> Mark {
    Mark {
        reason: Reason::Quota,
        since: now() - TimeDelta::hours(1),
        until: now() + TimeDelta::minutes(minutes),
        strikes: 3,
        capped,
        probe_until: None,
    }
}

fn record() -> Arc<CredentialRecord> {
    let mut record = CredentialRecord::bare("a.json".into(), "fake", Kind::Login);
    record.label = "me@example.com".to_owned();
    record.secret = Some("secret-token".into());
    Arc::new(record)
}

/// A view with everything that is kept.
fn view() -> CredentialView {
    let mut health = crate::domain::health::Health::default();
    health.restore(None, mark(-5, true));
    health.restore(Some("m"), mark(5, false));
    health.restore(Some("over"), mark(-1, false));
    let mut view = CredentialActor::first_view(record(), Kept::default());
    view.health = health;
    view.quota = Quota::default().with(
        vec![QuotaWindow {
            name: "5 h".into(),
            minutes: Some(300),
            used_percent: Some(37),
            resets_at: Some(now() + TimeDelta::hours(1)),
            status: QuotaStatus::Warning,
            observed_at: now(),
        }],
        now(),
    );
    view.attention = Some("verify".into());
    view.last_error = Some(Arc::new(LastError {
        at: now(),
        model: "m".into(),
        message: "no".to_owned(),
    }));
    view
}

fn written(folder: &Path, view: CredentialView) -> StatusKeeper {
    let (keeper, _) = StatusKeeper::open(folder, true, now());
    keeper.file.lock().write(1, &[Arc::new(view)], now());
    keeper
}

#[test]
fn what_is_known_survives_and_rests_only_when_they_shall() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(written(folder.path(), view()));
    let text = fs::read_to_string(folder.path().join(NAME)).expect("a file");
    assert!(!text.contains("secret"), "{text}");
    for (rests, want) in [(true, vec![None, Some("m")]), (false, vec![])] {
        let (_, kept) = StatusKeeper::open(folder.path(), rests, now());
        let kept = kept.get("a.json").cloned().expect("an account");
        let shown = CredentialActor::first_view(record(), kept.clone());
        let models: Vec<_> = shown.health.marks().map(|(model, _)| model).collect();
        assert_eq!(models, want);
        let told = shown.quota.get("5 h").expect("a window");
        assert_eq!(told.to_string(), "5 h 37 % (warning)");
        assert_eq!(shown.attention.is_some(), rests);
        assert!(shown.last_error.is_some());

        // Another account in its place has nothing to do with it.
        let mut other = (*record()).clone();
        other.label = "other@example.com".to_owned();
        let shown = CredentialActor::first_view(Arc::new(other), kept);
        assert!(shown.quota.is_empty() && shown.health.marks().next().is_none());
    }
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let _keeper = written(folder.path(), view());
    for name in [NAME, LOCK] {
        let metadata = fs::metadata(folder.path().join(name)).expect("a file");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn what_says_the_same_is_not_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(NAME);
    let keeper = written(folder.path(), view());
    let write = |n, view| keeper.file.lock().write(n, &[Arc::new(view)], now());
    fs::remove_file(&path).expect("a file");
    write(2, view());
    assert!(!path.exists(), "another view, the same content");
    let changed = || CredentialView {
        attention: None,
        ..view()
    };
    write(1, changed());
    assert!(!path.exists(), "overtaken");
    write(3, changed());
    assert!(path.exists());
}

#[test]
fn one_daemon_is_in_charge_of_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(Known::read(folder.path()).is_running, Some(false));
    let first = written(folder.path(), view());
    let known = Known::read(folder.path());
    assert_eq!(known.is_running, Some(true));
    let second = written(
        folder.path(),
        CredentialView {
            attention: None,
            ..view()
        },
    );
    let said = |folder: &Path| {
        let status = Known::read(folder).status.expect("a status");
        let account = status.accounts.get("a.json").cloned();
        account.expect("an account").attention
    };
    assert!(said(folder.path()).is_some(), "the second one keeps out");
    drop(first);
    second.file.lock().write(2, &[Arc::new(view())], now());
    assert_eq!(Known::read(folder.path()).is_running, Some(true));
    drop(second);
    let known = Known::read(folder.path());
    assert_eq!(known.is_running, Some(false));
    assert!(known.status.is_some() && known.error.is_none());
}

#[actix_rt::test]
async fn what_came_to_nothing_is_written_later() {
    tokio::time::pause();
    let folder = tempfile::tempdir().expect("a folder");
    let first = written(folder.path(), view());
    let (mut second, _) = StatusKeeper::open(folder.path(), true, now());
    let mut tries = || second.write(&[], now(), false).map(|work| work());
    assert!(tries().is_some());
    tokio::time::advance(GAP).await;
    assert!(tries().is_some(), "somebody else is in charge");
    drop(first);
    tokio::time::advance(GAP).await;
    assert!(tries().is_some());
    let status = Known::read(folder.path()).status.expect("a status");
    assert!(status.accounts.is_empty(), "the second one's");
    tokio::time::advance(GAP).await;
    assert!(tries().is_none(), "nothing has changed");
}

#[test]
fn what_cannot_be_read_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    for text in ["{", "[]", r#"{"format": 2}"#, "\u{0}"] {
        fs::write(folder.path().join(NAME), text).expect("written");
        let (_, kept) = StatusKeeper::open(folder.path(), true, now());
        assert!(kept.is_empty());
        let known = Known::read(folder.path());
        assert!(known.status.is_none() && known.error.is_some(), "{text}");
    }
    // Of a later version.
    let keeper = written(folder.path(), view());
    let text = fs::read_to_string(folder.path().join(NAME)).expect("a file");
    let later = text.replace("\"format\": 1", "\"format\": 2");
    fs::write(folder.path().join(NAME), later).expect("written");
    let error = Known::read(folder.path()).error.expect("an error");
    assert!(error.contains("format 2"), "{error}");
    drop(keeper);
}

#[test]
fn rests_of_earlier_versions_are_read_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = folder.path().join(OLD_NAME);
    let entry = |model: &str, minutes, capped| {
        let mut entry = json!(mark(minutes, capped));
        entry["model"] = model.into();
        entry
    };
    let text = json!({"a.json": [entry("m", 5, false), entry("over", -1, false), mark(-5, true)]});
    fs::write(&old, text.to_string()).expect("written");
    for (rests, want) in [(false, 0), (true, 2)] {
        let (_, kept) = StatusKeeper::open(folder.path(), rests, now());
        let health = kept.get("a.json").map(|kept| kept.health.clone());
        assert_eq!(health.unwrap_or_default().marks().count(), want);
    }
    drop(written(folder.path(), view()));
    assert!(!old.exists());
    fs::write(&old, "{").expect("written");
    fs::remove_file(folder.path().join(NAME)).expect("removed");
    let (_, kept) = StatusKeeper::open(folder.path(), true, now());
    assert!(kept.is_empty());
}
