//! Dockerfile, docker-compose.yml and the systemd unit against `cli.md` §5 and against the program.

use actors::config::{Config, Env, first_config};
use cli_proxy_api_plus::providers::login::{self, LoginKind};
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where the image keeps everything; also the working directory of the program.
const WORKDIR: &str = "/CLIProxyAPI";

/// The API, then the callbacks of browser logins.
const PORTS: [u16; 6] = [8317, 8085, 1455, 54545, 51121, 11451];

/// Variable of docker compose and its default on the host, place in the container.
const VOLUMES: [(&str, &str, &str); 3] = [
    (
        "CLI_PROXY_CONFIG_PATH",
        "./config.yaml",
        "/CLIProxyAPI/config.yaml",
    ),
    ("CLI_PROXY_AUTH_PATH", "./auths", "/root/.cli-proxy-api"),
    ("CLI_PROXY_LOG_PATH", "./logs", "/CLIProxyAPI/logs"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// How long the program lets open streams go on after SIGTERM.
fn drain_seconds() -> u64 {
    let text = read("src/run.rs");
    let (_, rest) = text
        .split_once("const DRAIN_SECONDS: u64 = ")
        .expect("the constant");
    let (number, _) = rest.split_once(';').expect("an end");
    number.parse().expect("a number")
}

// == docker compose ==

fn service() -> Value {
    let compose: Value = serde_yaml::from_str(&read("docker-compose.yml")).expect("YAML");
    let services = compose["services"].as_mapping().expect("services");
    assert_eq!(services.len(), 1);
    compose["services"]["cli-proxy-api"].clone()
}

fn text<'a>(value: &'a Value, what: &str) -> &'a str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{what}: {value:?} is no text"))
}

#[test]
fn compose_publishes_the_documented_ports() {
    let service = service();
    let ports = service["ports"].as_sequence().expect("ports");
    let got: Vec<&str> = ports.iter().map(|port| text(port, "port")).collect();
    // Callbacks come back to the port that the provider knows: it is the same on both sides.
    assert_eq!(got, PORTS.map(|port| format!("{port}:{port}")));
}

#[test]
fn every_browser_login_can_come_back_into_a_container() {
    for spec in login::all() {
        let LoginKind::Browser(callback) = spec.kind else {
            continue;
        };
        let port = callback.ports.first();
        // Where the provider takes any port, `--oauth-callback-port` can name a published one.
        let published = callback.any_port || port.is_some_and(|port| PORTS.contains(port));
        assert!(
            published,
            "{}: publish {port:?} in docker-compose.yml",
            spec.flag
        );
    }
}

#[test]
fn compose_mounts_the_documented_places() {
    let service = service();
    let volumes = service["volumes"].as_sequence().expect("volumes");
    let got: Vec<String> = volumes
        .iter()
        .map(|volume| match volume {
            Value::Mapping(_) => {
                assert_eq!(volume["type"], Value::from("bind"));
                format!(
                    "{}:{}",
                    text(&volume["source"], "source"),
                    text(&volume["target"], "target")
                )
            }
            short => text(short, "volume").to_owned(),
        })
        .collect();
    let want =
        VOLUMES.map(|(variable, default, inside)| format!("${{{variable}:-{default}}}:{inside}"));
    assert_eq!(got, want);
}

#[test]
fn a_missing_configuration_is_no_folder() {
    let service = service();
    let config = &service["volumes"][0];
    assert_eq!(config["bind"]["create_host_path"], Value::from(false));
}

#[test]
fn compose_keeps_names_environment_and_build_arguments() {
    let service = service();
    let container = text(&service["container_name"], "container_name");
    assert_eq!(container, "cli-proxy-api-plus");
    assert_eq!(service["restart"], Value::from("unless-stopped"));
    assert_eq!(service["environment"]["DEPLOY"], Value::from("${DEPLOY:-}"));
    let build = &service["build"];
    let dockerfile = text(&build["dockerfile"], "dockerfile");
    assert!(root().join(dockerfile).is_file(), "{dockerfile}");
    let arguments = build["args"].as_mapping().expect("args");
    let passed: BTreeSet<&str> = arguments.keys().map(|name| text(name, "arg")).collect();
    assert_eq!(passed, BTreeSet::from(["BUILD_DATE", "COMMIT", "VERSION"]));
    let declared: BTreeSet<String> = instructions()
        .into_iter()
        .filter(|(name, _)| name == "ARG")
        .filter_map(|(_, rest)| rest.split('=').next().map(str::to_owned))
        .collect();
    assert_eq!(passed, declared.iter().map(String::as_str).collect());
}

#[test]
fn a_container_may_finish_its_streams() {
    let service = service();
    let grace = text(&service["stop_grace_period"], "stop_grace_period");
    let seconds: u64 = grace.trim_end_matches('s').parse().expect("seconds");
    assert!(seconds > drain_seconds(), "{grace}");
}

// == Dockerfile ==

/// Instructions of the Dockerfile with their arguments, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let lines = read("Dockerfile").replace("\\\n", " ");
    lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()))
        .collect()
}

/// The instructions of the image that is shipped: behind the last `FROM`.
fn shipped() -> Vec<(String, String)> {
    let all = instructions();
    let last = all
        .iter()
        .rposition(|(name, _)| name == "FROM")
        .expect("FROM");
    all[last..].to_vec()
}

fn arguments_of(name: &str) -> Vec<String> {
    let found = shipped().into_iter().filter(|(found, _)| found == name);
    found.map(|(_, rest)| rest).collect()
}

#[test]
fn the_image_has_the_documented_shape() {
    assert_eq!(arguments_of("WORKDIR"), [WORKDIR]);
    assert_eq!(arguments_of("CMD"), [r#"["./CLIProxyAPIPlus"]"#]);
    assert_eq!(arguments_of("ENTRYPOINT"), [""; 0]);
    assert_eq!(arguments_of("EXPOSE"), [PORTS[0].to_string()]);
    // The auth folder is below root's home.
    assert_eq!(arguments_of("USER"), [""; 0]);
    for (_, _, inside) in VOLUMES {
        let below = inside.starts_with(WORKDIR) || inside.starts_with("/root/");
        assert!(below, "{inside}");
    }
    let packages = arguments_of("RUN").join(" ");
    for package in ["ca-certificates", "procps", "tzdata"] {
        assert!(packages.contains(package), "{package}");
    }
}

/// Nobody outside reaches a container's loopback.
#[test]
fn in_the_image_everything_listens_on_all_interfaces() {
    let variables = arguments_of("ENV");
    let variables = variables.iter().filter_map(|line| line.split_once('='));
    let env = Env::from_pairs(variables).with_dotenv("HOME=/root");
    for text in [read("config.example.yaml"), first_config("k", env.host())] {
        let (config, _) = Config::parse(&text, &env).expect("a configuration");
        let host = config.server.host.as_str();
        assert!(["", "0.0.0.0", "::"].contains(&host), "{host}");
        assert_eq!(config.oauth_callback_host, "0.0.0.0");
        assert_eq!(config.server.port, PORTS[0]);
        assert_eq!(config.auth_dir, Path::new(VOLUMES[1].2));
    }
}

#[test]
fn what_is_copied_exists() {
    let program = Path::new(env!("CARGO_BIN_EXE_cli-proxy-api-plus"));
    let program = program.file_name().expect("a name").to_string_lossy();
    let built = instructions()
        .into_iter()
        .find_map(|(name, rest)| (name == "RUN" && rest.contains("cargo build")).then_some(rest))
        .expect("a build");
    let saved_as = built
        .split(&format!("cp target/release/{program} "))
        .nth(1)
        .expect("the program is saved");
    let copies = arguments_of("COPY");
    let from_build = format!("--from=build {} ./CLIProxyAPIPlus", saved_as.trim());
    assert!(copies.contains(&from_build), "{copies:?}");
    let sources: Vec<&str> = copies
        .iter()
        .filter(|copy| !copy.starts_with("--from"))
        .filter_map(|copy| copy.split(' ').next())
        .collect();
    assert_eq!(sources, ["config.example.yaml"]);
    for source in sources {
        assert!(root().join(source).is_file(), "{source}");
        assert!(context().contains(source), "{source} is in .dockerignore");
    }
}

#[test]
fn the_image_is_built_with_the_compiler_of_the_workspace() {
    let manifest = read("Cargo.toml");
    let (_, rest) = manifest
        .split_once("rust-version = \"")
        .expect("rust-version");
    let (version, _) = rest.split_once('"').expect("an end");
    let (_, image) = instructions().swap_remove(0);
    assert_eq!(image, format!("rust:{version}-slim-bookworm AS build"));
}

#[test]
fn the_health_check_asks_a_route_that_exists() {
    let [check] = &arguments_of("HEALTHCHECK")[..] else {
        panic!("not one health check");
    };
    assert!(check.contains("${port:-8317}/healthz"), "{check}");
    assert!(read("src/http/mod.rs").contains("\"/healthz\""));
    // It reads the port from the file; the documented file must have it in that form.
    assert!(
        read("config.example.yaml")
            .lines()
            .any(|line| line == "port: 8317")
    );
}

/// Entries of the root folder that the build sees.
fn context() -> BTreeSet<String> {
    let text = read(".dockerignore");
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"), "everything stays out by default");
    lines
        .filter_map(|line| line.strip_prefix('!'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_build_sees_what_it_needs_and_no_secrets() {
    let context = context();
    for entry in &context {
        assert!(root().join(entry).exists(), "{entry}");
    }
    for secret in ["config.yaml", "auths", "logs", ".env", ".git", "target"] {
        assert!(!context.contains(secret), "{secret}");
    }
    let mut needed = BTreeSet::from(["Cargo.toml", "Cargo.lock", "src", "tests"].map(String::from));
    for folder in ["src", "actors"] {
        needed.insert(folder.to_owned());
        needed.extend(included(&root().join(folder)));
    }
    let missing: Vec<_> = needed.difference(&context).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Entries of the root folder that source files below `folder` include as text or bytes.
fn included(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(included(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            for part in text.split("include_").skip(1) {
                let named = part
                    .strip_prefix("str!(\"")
                    .or(part.strip_prefix("bytes!(\""));
                let Some(name) = named.and_then(|rest| rest.split('"').next()) else {
                    continue;
                };
                let file = path.parent().expect("a folder").join(name);
                let file = file.canonicalize().expect("an included file");
                let repository = root().canonicalize().expect("the root");
                let below = file.strip_prefix(repository).expect("in the repository");
                let first = below.iter().next().expect("a name");
                found.insert(first.to_string_lossy().into_owned());
            }
        }
    }
    found
}

// == systemd ==

/// Settings of the unit in order; a name may come more than once.
fn unit() -> Vec<(String, String)> {
    read("systemd/cli-proxy-api-plus.service")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn the_unit_confines_the_program_to_its_folder() {
    let unit = unit();
    let last: BTreeMap<&str, &str> = unit
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    for (name, want) in [
        ("DynamicUser", "yes"),
        ("StateDirectory", "cli-proxy-api-plus"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("NoNewPrivileges", "yes"),
        ("KillSignal", "SIGTERM"),
        ("WorkingDirectory", "%S/cli-proxy-api-plus"),
    ] {
        assert_eq!(last.get(name), Some(&want), "{name}");
    }
    let program = Path::new(env!("CARGO_BIN_EXE_cli-proxy-api-plus"));
    let program = program.file_name().expect("a name").to_string_lossy();
    assert_eq!(last["ExecStart"], format!("/usr/local/bin/{program}"));
    // Everything the program writes by default must be in the only folder it may write to.
    let environment: BTreeMap<&str, &str> = unit
        .iter()
        .filter(|(name, _)| name == "Environment")
        .filter_map(|(_, value)| value.split_once('='))
        .collect();
    for name in ["HOME", "WRITABLE_PATH"] {
        assert_eq!(
            environment.get(name),
            Some(&last["WorkingDirectory"]),
            "{name}"
        );
    }
}

#[test]
fn the_unit_lets_streams_finish_and_promises_no_more_than_the_program_does() {
    let unit = unit();
    let value = |wanted: &str| {
        let found = unit.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str()).expect("a setting")
    };
    let seconds: u64 = value("TimeoutStopSec").parse().expect("seconds");
    assert!(seconds > drain_seconds());
    // `notify` without a notice from the program would end in a start-up timeout.
    let notifies = read("src/run.rs").contains("NOTIFY_SOCKET");
    assert_eq!(value("Type"), if notifies { "notify" } else { "exec" });
}
