//! With real files and real time: every test waits for a condition, with a generous deadline.

use crate::config::{Env, KeyPath, edit};
use crate::domain::outcome::Outcome;
use crate::domain::snapshot::Snapshot;
use crate::port::{Clock, SystemClock};
use crate::registry::EditConfig;
use crate::system::{Handles, Source, StartOptions, start};
use crate::testing::{FakeClock, FakeDriver, FakeProviders, candidate};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long a change may take on a busy machine. Unloaded it takes a second at most.
const DEADLINE: Duration = Duration::from_secs(30);

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A configuration whose `request-retry` tells the states apart.
    fn text(&self, n: u32) -> String {
        format!(
            "auth-dir: {}\nrequest-retry: {n}\n",
            self.path("auths").display()
        )
    }

    async fn start(&self, config: &Path) -> Handles {
        let driver = Arc::new(FakeDriver::default());
        let clock = FakeClock::new();
        start(StartOptions {
            source: Source::File(config.to_owned()),
            env: Env::default(),
            providers: Arc::new(FakeProviders { driver, clock }),
            clock: Arc::new(SystemClock),
            store: None,
        })
        .await
        .expect("actors that run")
    }
}

#[track_caller]
fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

async fn until(handles: &Handles, what: &str, holds: impl Fn(&Snapshot) -> bool) -> Duration {
    let begin = Instant::now();
    while !holds(&handles.snapshot.get()) {
        assert!(
            begin.elapsed() < DEADLINE,
            "not within {DEADLINE:?}: {what}"
        );
        sleep(Duration::from_millis(10)).await;
    }
    begin.elapsed()
}

async fn until_retry(handles: &Handles, n: u32, what: &str) -> Duration {
    until(handles, what, |snapshot| snapshot.config.retry.rounds == n).await
}

/// Writes in the ways of editors and waits for each to take effect.
async fn check_ways_of_saving(place: &Place, handles: &Handles, path: &Path) {
    write(path, &place.text(2));
    until_retry(handles, 2, "write in place").await;

    // `sed -i`, vim, our own save: a new file takes the name.
    let beside = path.with_extension("new");
    write(&beside, &place.text(3));
    fs::rename(&beside, path).expect("renamed");
    until_retry(handles, 3, "rename over it").await;

    write(path, &place.text(4));
    until_retry(handles, 4, "write in place after a rename").await;

    // Other editors move the old file away first.
    fs::rename(path, path.with_extension("old")).expect("renamed");
    sleep(Duration::from_millis(300)).await;
    assert!(
        handles.last_config_error().is_some() || handles.snapshot.get().config.retry.rounds == 4
    );
    write(path, &place.text(5));
    until_retry(handles, 5, "move away and write").await;
    assert!(handles.last_config_error().is_none());
}

#[actix_rt::test]
async fn every_way_of_saving_takes_effect() {
    let place = Place::new();
    let path = place.path("config.yaml");
    write(&path, &place.text(1));
    let handles = place.start(&path).await;
    check_ways_of_saving(&place, &handles, &path).await;
}

#[cfg(unix)]
#[actix_rt::test]
async fn a_linked_file_is_followed() {
    let place = Place::new();
    fs::create_dir(place.path("real")).expect("a folder");
    fs::create_dir(place.path("etc")).expect("a folder");
    let real = place.path("real/config.yaml");
    write(&real, &place.text(1));
    let link = place.path("etc/config.yaml");
    std::os::unix::fs::symlink(&real, &link).expect("a link");
    let handles = place.start(&link).await;
    check_ways_of_saving(&place, &handles, &real).await;
    // The link itself is turned.
    let other = place.path("real/other.yaml");
    write(&other, &place.text(9));
    std::os::unix::fs::symlink(&other, place.path("etc/next")).expect("a link");
    fs::rename(place.path("etc/next"), &link).expect("renamed");
    until_retry(&handles, 9, "link turned").await;
    write(&other, &place.text(10));
    until_retry(&handles, 10, "write behind the turned link").await;
}

/// Kubernetes mounts a folder of links through `..data`, which it turns to swap all files at once.
#[cfg(unix)]
#[actix_rt::test]
async fn a_mounted_config_map_is_followed() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    for n in 1..4_u32 {
        fs::create_dir(place.path(&format!("..{n}"))).expect("a folder");
        write(&place.path(&format!("..{n}/config.yaml")), &place.text(n));
    }
    symlink("..1", place.path("..data")).expect("a link");
    symlink("..data/config.yaml", place.path("config.yaml")).expect("a link");
    let handles = place.start(&place.path("config.yaml")).await;
    for n in 2..4 {
        symlink(format!("..{n}"), place.path("..data_tmp")).expect("a link");
        fs::rename(place.path("..data_tmp"), place.path("..data")).expect("renamed");
        fs::remove_dir_all(place.path(&format!("..{}", n - 1))).expect("removed");
        until_retry(&handles, n, "swap").await;
    }
}

#[actix_rt::test]
async fn an_invalid_file_changes_nothing_and_is_shown() {
    let place = Place::new();
    let path = place.path("config.yaml");
    write(&path, &place.text(1));
    let handles = place.start(&path).await;
    let before = handles.snapshot.get();
    write(&path, &format!("{}port: [\n", place.text(2)));
    let begin = Instant::now();
    while handles.last_config_error().is_none() {
        assert!(begin.elapsed() < DEADLINE);
        sleep(Duration::from_millis(10)).await;
    }
    assert!(Arc::ptr_eq(&before, &handles.snapshot.get()));
    // Back to what is in use: the error goes although nothing is taken over.
    write(&path, &place.text(1));
    let begin = Instant::now();
    while handles.last_config_error().is_some() {
        assert!(begin.elapsed() < DEADLINE);
        sleep(Duration::from_millis(10)).await;
    }
    write(&path, "");
    sleep(Duration::from_millis(500)).await;
    assert!(
        handles.last_config_error().is_none(),
        "an empty file is half a save"
    );
    write(&path, &place.text(7));
    until_retry(&handles, 7, "a good file at last").await;
}

#[actix_rt::test]
async fn logins_come_change_and_go_with_their_files() {
    let place = Place::new();
    let path = place.path("config.yaml");
    write(&path, &place.text(1));
    let handles = place.start(&path).await;
    let file = place.path("auths/a.json");
    let login = |priority: i32| {
        let ends = SystemClock.now() + chrono::TimeDelta::hours(5);
        json!({"type": "fake", "access_token": "t", "expired": ends, "priority": priority})
            .to_string()
    };
    let priority = |snapshot: &Snapshot| {
        let route = snapshot.catalog.get("m")?;
        Some(route.candidates.first()?.priority)
    };
    write(&file, &login(1));
    until(&handles, "new file", |snapshot| {
        priority(snapshot) == Some(1)
    })
    .await;
    write(&file, &login(2));
    until(&handles, "written file", |snapshot| {
        priority(snapshot) == Some(2)
    })
    .await;
    write(&file, "{\"type\": ");
    sleep(Duration::from_millis(400)).await;
    assert_eq!(
        priority(&handles.snapshot.get()),
        Some(2),
        "half a file changes nothing"
    );
    write(&place.path("auths/.a.json.tmp"), &login(3));
    fs::rename(place.path("auths/.a.json.tmp"), &file).expect("renamed");
    until(&handles, "replaced file", |snapshot| {
        priority(snapshot) == Some(3)
    })
    .await;
    fs::remove_file(&file).expect("removed");
    until(&handles, "removed file", |snapshot| {
        snapshot.members.is_empty()
    })
    .await;
}

#[actix_rt::test]
async fn an_edit_is_in_use_when_it_is_answered() {
    let place = Place::new();
    let path = place.path("config.yaml");
    write(&path, &format!("# mine\n{}", place.text(1)));
    let handles = place.start(&path).await;
    for n in 2..5_u32 {
        let at = KeyPath::of(&["request-retry"]);
        let change = move |text: &str| edit::set(text, &at, &json!(n));
        let edited = handles.registry.send(EditConfig(Box::new(change))).await;
        edited.expect("an actor").expect("an edit");
        assert_eq!(handles.snapshot.get().config.retry.rounds, n);
    }
    let epoch = handles.snapshot.get().epoch;
    assert!(
        fs::read_to_string(&path)
            .expect("a file")
            .starts_with("# mine\n")
    );
    let bad = EditConfig(Box::new(|_| Ok("port: []\n".to_owned())));
    assert!(handles.registry.send(bad).await.expect("an actor").is_err());
    sleep(Duration::from_millis(700)).await;
    assert_eq!(
        handles.snapshot.get().epoch,
        epoch,
        "its own writes are no news"
    );
}

#[actix_rt::test]
async fn a_plain_management_key_is_sealed_at_start_and_at_reload() {
    let place = Place::new();
    let path = place.path("config.yaml");
    let with_key =
        |key: &str| format!("{}remote-management:\n  secret-key: {key}\n", place.text(1));
    write(&path, &with_key("hush"));
    let handles = place.start(&path).await;
    let sealed = fs::read_to_string(&path).expect("a file");
    assert!(
        sealed.contains("$2a$10$") && !sealed.contains("hush"),
        "{sealed}"
    );
    write(&path, &with_key("other"));
    let opens = |snapshot: &Snapshot, key: &str| {
        snapshot
            .config
            .management
            .secret
            .as_ref()
            .is_some_and(|secret| secret.verify(key))
    };
    until(&handles, "the new key", |snapshot| opens(snapshot, "other")).await;
    let sealed = fs::read_to_string(&path).expect("a file");
    assert!(
        sealed.contains("$2a$10$") && !sealed.contains("other"),
        "{sealed}"
    );
}

#[actix_rt::test]
async fn a_reload_changes_what_it_says_and_nothing_else() {
    let place = Place::new();
    let path = place.path("config.yaml");
    let key = "openai-compatibility:\n- name: r\n  base-url: https://r.example\n  \
               api-key-entries: [{api-key: k}]\n";
    write(&path, &format!("{}{key}", place.text(1)));
    let handles = place.start(&path).await;
    let set = async |keys: &[&str], value: serde_json::Value| {
        let at = KeyPath::of(keys);
        let change = EditConfig(Box::new(move |text| edit::set(text, &at, &value)));
        handles
            .registry
            .send(change)
            .await
            .expect("an actor")
            .expect("an edit");
    };
    let cursor = || {
        let snapshot = handles.snapshot.get();
        let route = snapshot.catalog.get("m").expect("a route");
        Arc::clone(&route.cursor)
    };
    cursor().store(5, Ordering::Relaxed);
    candidate(&handles)
        .try_lease(SystemClock.now())
        .expect("a lease")
        .finish(Outcome::Transient);
    assert!(candidate(&handles).acquire(None).await.is_err(), "resting");

    set(&["max-retry-interval"], json!(3)).await;
    assert!(
        candidate(&handles).try_lease(SystemClock.now()).is_none(),
        "still resting"
    );
    assert_eq!(cursor().load(Ordering::Relaxed), 5);

    set(&["disable-cooling"], json!(true)).await;
    // Behind the message that switches rests off.
    assert!(candidate(&handles).acquire(None).await.is_ok());
    set(&["routing", "strategy"], json!("fill-first")).await;
    assert_eq!(cursor().load(Ordering::Relaxed), 0);

    let before = handles.snapshot.get().config.auth_dir.clone();
    set(&["auth-dir"], json!("/elsewhere")).await;
    assert_eq!(
        handles.snapshot.get().config.auth_dir,
        before,
        "needs a restart"
    );
}
