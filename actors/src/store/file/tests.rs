use super::*;
use serde_json::json;
use tempfile::TempDir;

fn store() -> (TempDir, FileStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = FileStore::open(folder.path().join("auths"));
    (folder, store.expect("a store"))
}

fn document(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

fn id(name: &str) -> CredentialId {
    CredentialId::from(name)
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[actix_rt::test]
async fn keeps_documents_with_their_order_and_unknown_fields() {
    let (_folder, store) = store();
    let a = id("a.json");
    assert_eq!(store.load(&a).await.expect("a store"), None);
    let first = document(json!({"z": 1, "type": "x", "a": {"unknown": [1, 2.5, null]}}));
    let version = store.save(&a, first.clone(), None).await.expect("saved");
    let loaded = store.load(&a).await.expect("a store").expect("a document");
    assert_eq!(
        loaded,
        Stored {
            id: a.clone(),
            document: first.clone(),
            version: version.clone()
        }
    );
    assert_eq!(
        loaded.document.keys().collect::<Vec<_>>(),
        ["z", "type", "a"]
    );
    let again = store
        .save(&a, first, Some(version.clone()))
        .await
        .expect("saved");
    assert_eq!(again, version, "equal content, equal version");
    store.remove(&a).await.expect("removed");
    store.remove(&a).await.expect("removed before");
    assert_eq!(store.load(&a).await.expect("a store"), None);
}

#[cfg(unix)]
#[actix_rt::test]
async fn files_are_for_their_owner_only_and_nothing_is_left_beside_them() {
    let (_folder, store) = store();
    assert_eq!(mode(&store.folder), 0o700);
    let path = store.folder.join("a.json");
    fs::write(&path, "{}").expect("written");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .expect("a mode");
    let old = store
        .load(&id("a.json"))
        .await
        .expect("a store")
        .expect("a document");
    store
        .save(&id("a.json"), old.document, Some(old.version))
        .await
        .expect("saved");
    assert_eq!(mode(&path), 0o600);
    let names: Vec<_> = fs::read_dir(&store.folder).expect("a folder").collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[actix_rt::test]
async fn a_write_by_somebody_else_is_a_conflict() {
    let (_folder, store) = store();
    let a = id("a.json");
    let version = store
        .save(&a, document(json!({"n": 1})), None)
        .await
        .expect("saved");
    let twice = store.save(&a, document(json!({"n": 2})), None).await;
    assert!(
        matches!(twice, Err(StoreError::Conflict { .. })),
        "{twice:?}"
    );
    fs::write(store.folder.join("a.json"), r#"{"n": 9}"#).expect("written");
    let stale = store
        .save(&a, document(json!({"n": 2})), Some(version))
        .await;
    assert!(
        matches!(stale, Err(StoreError::Conflict { .. })),
        "{stale:?}"
    );
    let kept = store.load(&a).await.expect("a store").expect("a document");
    assert_eq!(kept.document, document(json!({"n": 9})));
}

#[actix_rt::test]
async fn one_bad_file_does_not_hide_the_others() {
    let (_folder, store) = store();
    for (name, text) in [
        ("b.json", "{\"type\": \"x\"}"),
        ("a.json", "{}"),
        ("half.json", "{\"type\": \"x"),
        ("list.json", "[]"),
        (".hidden.json", "{}"),
        ("notes.txt", "{}"),
    ] {
        fs::write(store.folder.join(name), text).expect("written");
    }
    fs::create_dir(store.folder.join("folder.json")).expect("a folder");
    let loaded = store.load_all().await.expect("a store");
    let found: Vec<_> = loaded
        .found
        .iter()
        .map(|stored| stored.id.as_str())
        .collect();
    assert_eq!(found, ["a.json", "b.json"]);
    let mut rejected: Vec<_> = loaded.rejected.iter().map(|(id, _)| id.as_str()).collect();
    rejected.sort_unstable();
    assert_eq!(rejected, ["half.json", "list.json"]);
    for (_, error) in &loaded.rejected {
        assert!(matches!(error, StoreError::Malformed { .. }), "{error:?}");
    }
}

#[actix_rt::test]
async fn names_cannot_lead_out_of_the_folder() {
    let (_folder, store) = store();
    for name in [
        "../a.json",
        "a/b.json",
        "/etc/a.json",
        ".a.json",
        "a.txt",
        "",
        "a\\b.json",
    ] {
        let loaded = store.load(&id(name)).await;
        assert!(
            matches!(loaded, Err(StoreError::Name { .. })),
            "{name}: {loaded:?}"
        );
        let saved = store.save(&id(name), Map::new(), None).await;
        assert!(
            matches!(saved, Err(StoreError::Name { .. })),
            "{name}: {saved:?}"
        );
        assert!(store.claim_refresh(&id(name)).await.is_err(), "{name}");
    }
}

#[actix_rt::test]
async fn a_claim_excludes_others_until_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = || FileStore::open(folder.path().to_owned()).expect("a store");
    let (one, two, a) = (node(), node(), id("a.json"));
    let claim = one
        .claim_refresh(&a)
        .await
        .expect("a store")
        .expect("a claim");
    assert!(two.claim_refresh(&a).await.expect("a store").is_none());
    assert!(
        two.claim_refresh(&id("b.json"))
            .await
            .expect("a store")
            .is_some()
    );
    claim.release().await;
    let claim = two
        .claim_refresh(&a)
        .await
        .expect("a store")
        .expect("a claim");
    assert!(one.claim_refresh(&a).await.expect("a store").is_none());
    assert!(two.claim_refresh(&a).await.expect("a store").is_none());
    claim.release().await;
    // Lock files are not taken for credentials.
    assert!(one.load_all().await.expect("a store").found.is_empty());
}

#[test]
fn what_a_killed_process_left_behind_is_removed_when_it_is_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let hours = |n: u64| std::time::SystemTime::now() - Duration::from_secs(n * 3600);
    for (name, written_at) in [
        (".config-old.tmp", hours(2)),
        (".config-new.tmp", hours(0)),
        (".other.tmp", hours(2)),
        ("a.json", hours(2)),
    ] {
        let file = fs::File::create(folder.path().join(name)).expect("a file");
        file.set_modified(written_at).expect("a time");
    }
    FileStore::open(folder.path().to_owned()).expect("a store");
    let there = |name: &str| folder.path().join(name).exists();
    assert!(!there(".config-old.tmp"));
    for name in [".config-new.tmp", ".other.tmp", "a.json"] {
        assert!(there(name), "{name}");
    }
}

#[test]
fn a_file_is_no_store_and_a_lost_folder_cannot_be_written() {
    let (folder, store) = store();
    store.probe().expect("a folder that takes files");
    assert_eq!(
        fs::read_dir(folder.path().join("auths"))
            .expect("a folder")
            .count(),
        0
    );
    fs::remove_dir(folder.path().join("auths")).expect("removed");
    store.probe().expect_err("no folder");
    fs::write(folder.path().join("auths"), "").expect("written");
    let Err(StoreError::Io { cause, .. }) = FileStore::open(folder.path().join("auths")) else {
        panic!("a file is no store");
    };
    assert_eq!(cause.kind(), ErrorKind::NotADirectory);
}
