//! What a person sees who starts the program for the first time, or with something wrong.

use crate::support::client::Client;
use crate::support::daemon::Setup;
use crate::support::deadline::eventually;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// The example configuration loads, and its checks pass on it.
#[test]
fn the_example_configuration_is_right() {
    let setup = Setup::new("");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.yaml");
    let finished = setup.run(&["--check-config", "--config", example]);
    assert!(finished.status.success(), "{}", finished.stderr);
    assert!(finished.stdout.ends_with(": ok\n"), "{}", finished.stdout);
}

#[test]
fn a_wrong_file_ends_with_one_readable_error() {
    let setup = Setup::new("");
    for (text, parts) in [
        ("port: abc\n", &["config.yaml", "port", "abc"][..]),
        ("api-keys:\n  - a\n b: [\n", &["config.yaml:"]),
    ] {
        std::fs::write(setup.config_path(), text).unwrap();
        for args in [&[][..], &["--check-config"]] {
            let finished = setup.run(args);
            assert_eq!(finished.status.code(), Some(1), "{text}");
            for part in parts {
                assert!(
                    finished.stderr.contains(part),
                    "{part}: {}",
                    finished.stderr
                );
            }
        }
    }
}

/// Docker makes a folder where a mounted file is missing (router-for-me/CLIProxyAPI#2450).
#[test]
fn a_folder_in_place_of_the_file_is_explained() {
    let setup = Setup::new("");
    std::fs::remove_file(setup.config_path()).unwrap();
    std::fs::create_dir(setup.config_path()).unwrap();
    let finished = setup.run(&[]);
    assert_eq!(finished.status.code(), Some(1));
    for part in ["failed to load config", "is a directory", "Docker"] {
        assert!(
            finished.stderr.contains(part),
            "{part}: {}",
            finished.stderr
        );
    }
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let setup = Setup::new("");
    let finished = setup.run(&["--config", "nowhere.yaml"]);
    assert_eq!(finished.status.code(), Some(1));
    assert!(
        finished.stderr.contains("nowhere.yaml"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_busy_port_is_explained() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let setup = Setup::new(&format!("port: {port}\n"));
    let finished = setup.run(&[]);
    assert_eq!(finished.status.code(), Some(1));
    assert!(
        finished.stderr.contains("another program uses it"),
        "{}",
        finished.stderr
    );
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    // A daemon that has the port may own the accounts, too: they are left alone.
    assert!(!setup.dir().join(".cli-proxy-api").exists());
}

#[test]
fn a_credential_folder_that_is_none_is_explained() {
    let setup = Setup::new("port: 0\nauth-dir: ./notes.txt\n");
    std::fs::write(setup.dir().join("notes.txt"), "").unwrap();
    let finished = setup.run(&[]);
    assert_eq!(finished.status.code(), Some(1));
    for part in [
        "cannot access",
        "notes.txt",
        "not a directory",
        "set `auth-dir`",
    ] {
        assert!(
            finished.stderr.contains(part),
            "{part}: {}",
            finished.stderr
        );
    }
}

/// No configuration at all: one is written, the printed command works, the answer is the demo's.
#[test]
fn the_first_start_writes_a_configuration_and_serves_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    // The file is written with the usual port, which another test or program may hold: then the
    // start fails after the file is there, and the second start uses a free port.
    let run = |name: &str| {
        Command::new(env!("CARGO_BIN_EXE_cli-proxy-api-plus"))
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path())
            .env("NAME", name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut first = run("first");
    let path = folder.path().join("config.yaml");
    let text = eventually("the first configuration", || {
        std::fs::read_to_string(&path)
            .ok()
            .filter(|text| text.contains("api-keys"))
    });
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    first.kill().unwrap();
    first.wait().unwrap();
    let key = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("- \"sk-"))
        .map(|rest| format!("sk-{}", rest.trim_end_matches('"')))
        .expect("a client key");
    assert!(text.contains("host: \"127.0.0.1\""), "loopback only");
    std::fs::write(&path, text.replace("port: 8317", "port: 0")).unwrap();
    let mut second = run("second");
    let stdout = BufReader::new(second.stdout.take().unwrap());
    let line = stdout.lines().next().unwrap().unwrap();
    let port: u16 = line
        .strip_prefix("API server started successfully on: 127.0.0.1:")
        .and_then(|port| port.parse().ok())
        .unwrap_or_else(|| panic!("{line}"));
    let client = Client::new(([127, 0, 0, 1], port).into()).with_key(&key);
    let body = json!({"model": "demo-echo", "messages": [{"role": "user", "content": "hello"}]});
    let answer = client.post("/v1/chat/completions", &body).expect_json(200);
    assert_eq!(
        answer["choices"][0]["message"]["content"],
        "You said: hello"
    );
    second.kill().unwrap();
    second.wait().unwrap();
}

/// `-h` is worth reading, and a bad flag ends with 2.
#[test]
fn help_and_bad_flags() {
    let setup = Setup::new("");
    for flag in ["-h", "--help", "-help"] {
        let finished = setup.run(&[flag]);
        assert_eq!(finished.status.code(), Some(0), "{flag}");
        assert!(finished.stdout.contains("--config"), "{}", finished.stdout);
    }
    let finished = setup.run(&["-no-such-flag"]);
    assert_eq!(finished.status.code(), Some(2));
}

/// `DEPLOY=cloud` waits for a configuration instead of ending.
#[test]
fn a_cloud_deployment_waits_for_its_configuration() {
    let setup = Setup::new("");
    std::fs::remove_file(setup.config_path()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_cli-proxy-api-plus"))
        .current_dir(setup.dir())
        .env_clear()
        .env("HOME", setup.dir())
        .env("DEPLOY", "cloud")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut await_line = |part: &str| {
        let found = lines.any(|line| line.unwrap().contains(part));
        assert!(found, "the program ended without `{part}`");
    };
    await_line("standing by");
    setup.write_config("demo: true\n");
    await_line("API server started successfully");
    child.kill().unwrap();
    child.wait().unwrap();
}
