use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::*;
use crate::config::{KeyPath, ManagementSecret, edit as text_edit, seal};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, text: &str) -> PathBuf {
        let path = self.0.path().join("config.yaml");
        fs::write(&path, text).unwrap();
        path
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn env() -> Env {
    Env::from_pairs([("HOME", "/home/me")])
}

fn set_port(text: &str) -> Result<String, EditError> {
    text_edit::set(text, &KeyPath::of(&["port"]), &json!(2))
}

#[test]
fn a_missing_file_names_the_way_out() {
    let folder = Folder::new();
    let path = folder.0.path().join("none.yaml");
    let error = load(&path, &env()).unwrap_err();
    assert!(matches!(error, ConfigError::NotFound { .. }));
    assert_eq!(
        error.to_string(),
        format!(
            "failed to load config: `{}` does not exist; start without `--config` to have a first \
             one written, or copy `config.example.yaml`",
            path.display()
        )
    );
}

#[test]
fn a_directory_names_dockers_part_and_the_fix() {
    let folder = Folder::new();
    let path = folder.0.path().join("config.yaml");
    fs::create_dir(&path).unwrap();
    let error = load(&path, &env()).unwrap_err();
    assert!(matches!(error, ConfigError::IsDirectory { .. }));
    let text = error.to_string();
    assert_eq!(
        text,
        format!(
            "failed to load config: read {}: is a directory; Docker created a directory because \
             the file was missing on the host; fix: stop the container, remove the directory (`rm \
             -rf config.yaml`), put a file there (`cp config.example.yaml config.yaml`), start \
             again",
            path.display()
        )
    );
}

#[test]
fn bytes_that_are_no_text_are_placed() {
    let folder = Folder::new();
    let path = folder.0.path().join("config.yaml");
    fs::write(&path, b"port: 1\nhost: \xff\n").unwrap();
    let want = format!(
        "failed to load config: {}:2:7: found bytes that are no UTF-8 text; save the file as UTF-8",
        path.display()
    );
    assert_eq!(load(&path, &env()).unwrap_err().to_string(), want);
}

#[test]
fn faults_name_the_file() {
    let folder = Folder::new();
    let path = folder.file("port: x\n");
    let want = format!(
        "failed to load config: {}:1:7: `port`: found the text `x`, expected a whole number",
        path.display()
    );
    assert_eq!(load(&path, &env()).unwrap_err().to_string(), want);
}

#[test]
fn an_edit_keeps_the_old_text_once_and_leaves_no_rubbish() {
    let folder = Folder::new();
    let path = folder.file("# mine\nport: 1\n");
    let loaded = edit(&path, &env(), set_port).unwrap();
    assert_eq!(loaded.config.server.port, 2);
    assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\nport: 2\n");
    assert_eq!(
        fs::read_to_string(copy_of(&path)).unwrap(),
        "# mine\nport: 1\n"
    );
    assert_eq!(read(&path).unwrap(), loaded.source);
    let text = "port: 3\n";
    overwrite(&path, &env(), text).unwrap();
    assert_eq!(
        fs::read_to_string(copy_of(&path)).unwrap(),
        "# mine\nport: 2\n"
    );
    assert_eq!(folder.names(), ["config.yaml", "config.yaml.bak"]);
}

#[test]
fn a_result_that_is_no_configuration_is_refused() {
    let folder = Folder::new();
    let path = folder.file("port: 1\n");
    for text in ["port: x\n", "a: b: c\n"] {
        assert!(matches!(
            overwrite(&path, &env(), text),
            Err(SaveError::Config(
                ConfigError::Invalid { .. } | ConfigError::Syntax { .. }
            ))
        ));
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "port: 1\n");
    assert_eq!(folder.names(), ["config.yaml"]);
}

#[test]
fn a_change_by_somebody_else_is_not_lost() {
    let folder = Folder::new();
    let path = folder.file("port: 1\n");
    let mut n_calls = 0;
    edit(&path, &env(), |text| {
        n_calls += 1;
        if n_calls == 1 {
            fs::write(&path, "port: 1\nhost: by-hand\n").unwrap();
        }
        set_port(text)
    })
    .unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "port: 2\nhost: by-hand\n"
    );
    let path = folder.file("port: 1\n");
    let mut n = 0;
    let busy = edit(&path, &env(), |text| {
        n += 1;
        fs::write(&path, format!("port: 1\n# {n}\n")).unwrap();
        set_port(text)
    });
    assert!(matches!(busy, Err(SaveError::Busy { .. })));
}

#[test]
fn an_edit_that_changes_nothing_writes_nothing() {
    let folder = Folder::new();
    let path = folder.file("port: 2\n");
    edit(&path, &env(), set_port).unwrap();
    assert_eq!(folder.names(), ["config.yaml"]);
}

#[test]
fn a_file_is_created_once_and_for_its_owner_only() {
    let folder = Folder::new();
    let path = folder.0.path().join("sub/config.yaml");
    create(&path, "port: 1\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "port: 1\n");
    #[cfg(unix)]
    assert_eq!(mode(&path), 0o600);
    assert!(matches!(
        create(&path, "port: 2\n"),
        Err(ConfigError::Io { .. })
    ));
    assert_eq!(fs::read_to_string(&path).unwrap(), "port: 1\n");
}

/// The name of the temporary file means nothing to anybody.
#[test]
#[cfg(target_os = "linux")]
fn a_file_that_cannot_be_written_is_told_by_its_own_name() {
    let error = create(Path::new("/proc/config.yaml"), "port: 1\n").unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("cannot write `/proc/config.yaml`: "),
        "{text}"
    );
    assert!(!text.contains(".tmp"), "{text}");
}

#[test]
fn refusals_of_the_system_say_what_helps() {
    for (kind, part) in [
        (
            ErrorKind::PermissionDenied,
            "its folder must be writable for this user",
        ),
        (
            ErrorKind::ReadOnlyFilesystem,
            "name a file elsewhere with `--config`",
        ),
        (ErrorKind::StorageFull, "make room on the disk"),
    ] {
        let error = ConfigError::Io {
            action: "write",
            path: "config.yaml".into(),
            cause: kind.into(),
        };
        let text = error.to_string();
        assert!(text.contains(part), "{text}");
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
#[test]
fn mode_and_links_survive() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new();
    let path = folder.file("port: 1\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.0.path().join("link.yaml");
    symlink(&path, &link).unwrap();
    edit(&link, &env(), set_port).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&path).unwrap(), "port: 2\n");
    assert_eq!((mode(&path), mode(&copy_of(&link))), (0o640, 0o640));
}

#[test]
fn in_place_cuts_off_what_was_longer() {
    let folder = Folder::new();
    let path = folder.file("port: 1 # a long comment\n");
    in_place(&path, "port: 2\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "port: 2\n");
    for kind in [
        ErrorKind::ResourceBusy,
        ErrorKind::CrossesDevices,
        ErrorKind::PermissionDenied,
        ErrorKind::ReadOnlyFilesystem,
    ] {
        assert!(may_work_in_place(&kind.into()), "{kind}");
    }
    assert!(!may_work_in_place(&ErrorKind::StorageFull.into()));
}

#[test]
fn the_management_key_is_replaced_by_its_hash() {
    let folder = Folder::new();
    let before =
        "# top\nremote-management:\n  secret-key: \"my key\" # change me\n  allow-remote: true\n";
    let path = folder.file(before);
    let loaded = seal(&path, &env(), load(&path, &env()).unwrap());
    let Some(secret @ ManagementSecret::Hash(hash)) = &loaded.config.management.secret else {
        panic!("not hashed")
    };
    assert!(hash.expose().starts_with("$2a$10$"));
    assert!(secret.verify("my key") && !secret.verify("my kex"));
    let after = fs::read_to_string(&path).unwrap();
    assert_eq!(after, before.replace("my key", hash.expose()));
    assert_eq!(loaded.source.text, after);
    assert!(loaded.notices.is_empty());
    // The plain key is in no copy, and a hash stays as it is.
    assert_eq!(folder.names(), ["config.yaml"]);
    let again = seal(&path, &env(), load(&path, &env()).unwrap());
    assert_eq!(again.source, loaded.source);
}

#[test]
fn a_key_that_cannot_be_written_back_is_hashed_in_memory() {
    let folder = Folder::new();
    let path = folder.file("remote-management: {secret-key: k}\n");
    let loaded = load(&path, &env()).unwrap();
    fs::write(&path, "remote-management: {secret-key: other}\n").unwrap();
    let loaded = seal(&path, &env(), loaded);
    assert!(
        loaded
            .config
            .management
            .secret
            .as_ref()
            .unwrap()
            .verify("k")
    );
    assert_eq!(
        loaded.notices[0].to_string(),
        "`remote-management.secret-key`: its hash is used, but the file keeps the plain text: \
         cannot change `remote-management.secret-key`: the file has changed meanwhile"
    );
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "remote-management: {secret-key: other}\n"
    );
}

#[test]
fn a_key_too_long_to_hash_still_works() {
    let folder = Folder::new();
    let key = "k".repeat(80);
    let path = folder.file(&format!("remote-management: {{secret-key: {key}}}\n"));
    let loaded = seal(&path, &env(), load(&path, &env()).unwrap());
    let secret = loaded.config.management.secret.as_ref().unwrap();
    assert!(secret.verify(&key) && !secret.verify(&key[..79]));
    assert_eq!(
        loaded.notices[0].to_string(),
        "`remote-management.secret-key`: longer than 72 bytes, which cannot be hashed; it stays \
         plain text"
    );
}

#[test]
fn debug_output_shows_no_text() {
    let folder = Folder::new();
    let path = folder.file("api-keys: [s3cret]\n");
    assert!(!format!("{:?}", load(&path, &env()).unwrap()).contains("s3cret"));
}
