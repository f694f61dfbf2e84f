//! The command line: clap's definition, and Go's spellings of it (`cli.md` §1).

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the program was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// `--config`: the config file; `None` = `config.yaml` in the working directory.
    pub config: Option<PathBuf>,
    /// What to do.
    pub mode: Mode,
    /// How to log in, for the logins.
    pub login: LoginArguments,
}

/// One thing at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Run the daemon.
    Serve,
    /// `--check-config`: check the file and exit.
    CheckConfig,
    /// `--accounts`: show the accounts and exit.
    Accounts,
    /// Log in, or import an account, and exit.
    Login {
        /// Name of the flag.
        flag: &'static str,
        /// The flag's value: the file to import.
        file: Option<PathBuf>,
    },
    /// A documented flag of the program we replace whose feature is not built yet, by its name.
    NotYet(&'static str),
}

/// Flags that only change a login (`cli.md` §1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginArguments {
    /// `--no-browser`
    pub no_browser: bool,
    /// `--incognito`, `--no-incognito`; `None` = the configuration decides.
    pub incognito: Option<bool>,
    /// `--oauth-callback-port`
    pub callback_port: Option<u16>,
    /// `--project_id`
    pub project: Option<String>,
    /// `--vertex-import-prefix`
    pub prefix: Option<String>,
}

/// A login that the program has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginFlag {
    /// Name without dashes.
    pub name: &'static str,
    /// What `--help` says.
    pub help: &'static str,
    /// The flag takes the path of a file.
    pub takes_file: bool,
}

/// The login flags of the February version in its order of precedence, and whether they take a
/// value (`cli.md` §1). Those that are no logins of this program yet are accepted, so that the answer
/// can say what is the matter.
const LOGINS: &[(&str, bool)] = &[
    ("vertex-import", true),
    ("login", false),
    ("antigravity-login", false),
    ("github-copilot-login", false),
    ("codex-login", false),
    ("codex-device-login", false),
    ("claude-login", false),
    ("qwen-login", false),
    ("kilo-login", false),
    ("iflow-login", false),
    ("iflow-cookie", false),
    ("kimi-login", false),
    ("kiro-login", false),
    ("kiro-google-login", false),
    ("kiro-aws-login", false),
    ("kiro-aws-authcode", false),
    ("kiro-import", false),
];

/// Other modes that are accepted only to say that they are not there.
const NOT_YET: &[(&str, bool)] = &[("tui", false)];

/// Flags that only change one of those: accepted, without effect on their own.
const NOT_YET_MODIFIERS: &[(&str, bool)] = &[("standalone", false), ("password", true)];

/// Reads the arguments, the program's name first; `logins` are the logins the program has. `Err` is
/// clap's: it prints itself, and its exit code is 0 for help and version, 2 for a bad flag.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    logins: &[LoginFlag],
) -> Result<Arguments, clap::Error> {
    let command = command(logins);
    let switches: HashSet<&str> = command
        .get_arguments()
        .filter(|arg| matches!(arg.get_action(), ArgAction::SetTrue))
        .filter_map(|arg| arg.get_long())
        .collect();
    let args = normalize_args(args, &switches);
    let matches = command.clone().try_get_matches_from(args)?;
    let on = |name: &str| matches.get_flag(name);
    let text = |name: &str| {
        let text = matches.get_one::<String>(name).map(|text| text.trim());
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let incognito = [("no-incognito", false), ("incognito", true)];
    Ok(Arguments {
        config: matches.get_one::<PathBuf>("config").cloned(),
        mode: mode(&matches, logins),
        login: LoginArguments {
            no_browser: on("no-browser"),
            incognito: incognito
                .iter()
                .find(|(name, _)| on(name))
                .map(|(_, private)| *private),
            callback_port: matches.get_one::<u16>("oauth-callback-port").copied(),
            project: text("project_id"),
            prefix: text("vertex-import-prefix"),
        },
    })
}

/// The first of several modes in the documented order.
fn mode(matches: &ArgMatches, logins: &[LoginFlag]) -> Mode {
    let known = LOGINS
        .iter()
        .filter_map(|(name, _)| logins.iter().find(|own| own.name == *name));
    // A login of a later version than the list stands behind it.
    let further = logins
        .iter()
        .filter(|own| LOGINS.iter().all(|(name, _)| *name != own.name));
    let given = |name: &str, takes_value: bool| is_given(matches, name, takes_value);
    let login = known
        .chain(further)
        .find(|own| given(own.name, own.takes_file));
    if let Some(login) = login {
        return Mode::Login {
            flag: login.name,
            file: login
                .takes_file
                .then(|| matches.get_one::<PathBuf>(login.name).cloned())
                .flatten(),
        };
    }
    let not_yet = not_yet(logins).find(|(name, takes_value)| given(name, *takes_value));
    match not_yet {
        Some((name, _)) => Mode::NotYet(name),
        None if given("accounts", false) => Mode::Accounts,
        None if given("check-config", false) => Mode::CheckConfig,
        None => Mode::Serve,
    }
}

/// Modes that are accepted although they are not there.
fn not_yet(logins: &[LoginFlag]) -> impl Iterator<Item = &'static (&'static str, bool)> {
    let missing = LOGINS
        .iter()
        .filter(|(name, _)| logins.iter().all(|own| own.name != *name));
    missing.chain(NOT_YET)
}

fn is_given(matches: &ArgMatches, name: &str, takes_value: bool) -> bool {
    if takes_value {
        matches.contains_id(name)
    } else {
        matches.get_flag(name)
    }
}

fn command(logins: &[LoginFlag]) -> Command {
    let to_come = not_yet(logins).chain(NOT_YET_MODIFIERS);
    Command::new("cli-proxy-api-plus")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "One local gateway for your own AI accounts: \
             OpenAI, Anthropic and Gemini APIs on one port.",
        )
        .long_about(
            "One local gateway for your own AI accounts: OpenAI, Anthropic and Gemini APIs on one \
             port.\n\nRun without flags to start the daemon. When there is no config file it writes \
             one with a random client key and serves the built-in demo model, so that a client can \
             be tried at once. Each login adds one account; a running daemon takes it into use by \
             itself.",
        )
        .after_help(
            "Every flag may also be written with one dash (-config) and as -flag=value.\n\
             The keys of the config file are explained in config.example.yaml.",
        )
        .max_term_width(100)
        // Go takes a flag twice; the last one counts.
        .args_override_self(true)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("Config file [default: config.yaml in the working directory]"),
        )
        .arg(flag("check-config").help("Check the config file, say what is wrong, and exit"))
        .arg(flag("accounts").help("Show the accounts and the state of their tokens, and exit"))
        .next_help_heading("Accounts")
        .args(logins.iter().map(|login| {
            let arg = if login.takes_file {
                Arg::new(login.name)
                    .long(login.name)
                    .value_name("FILE")
                    .value_parser(value_parser!(PathBuf))
            } else {
                flag(login.name)
            };
            arg.help(login.help)
        }))
        .next_help_heading("How to log in")
        .args(login_modifiers(!logins.is_empty()))
        .args(to_come.map(|(name, takes_value)| {
            let arg = if *takes_value {
                Arg::new(*name).long(*name).value_name("VALUE")
            } else {
                flag(name)
            };
            arg.hide(true)
        }))
}

fn login_modifiers(shown: bool) -> [Arg; 6] {
    [
        flag("no-browser").help("Print the address only; paste where the browser ends"),
        flag("incognito").help("Open a private browser window, for a further account"),
        flag("no-incognito").help("Open an ordinary window even if the config says otherwise"),
        Arg::new("oauth-callback-port")
            .long("oauth-callback-port")
            .value_name("PORT")
            .value_parser(value_parser!(u16).range(1..))
            .help("Listen on this port for the browser"),
        Arg::new("project_id")
            .long("project_id")
            .value_name("ID")
            .help("Google Cloud project, a comma list of them, or ALL"),
        Arg::new("vertex-import-prefix")
            .long("vertex-import-prefix")
            .value_name("PREFIX")
            .help("Model prefix of the imported account"),
    ]
    .map(|arg| arg.hide(!shown))
}

/// A switch. [`normalize_args`] reads Go's `=true` and `=false`.
fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// Turns Go's spellings into clap's: `-name` and `-name=value` into `--name…`, `--name=true` into
/// `--name`, and leaves `--name=false` out, for `switches`. `-h` and `-V` stay, and so does
/// everything behind `--`.
fn normalize_args(
    args: impl IntoIterator<Item = OsString>,
    switches: &HashSet<&str>,
) -> Vec<OsString> {
    let mut only_values = false;
    args.into_iter()
        .enumerate()
        .filter_map(|(n, arg)| {
            only_values |= arg == "--";
            let Some(text) = arg.to_str().filter(|_| n > 0 && !only_values) else {
                return Some(arg);
            };
            let long = match text.strip_prefix('-') {
                Some(rest) if !rest.starts_with('-') && rest.len() > 1 => format!("-{text}"),
                _ => text.to_owned(),
            };
            let switch = long
                .strip_prefix("--")
                .and_then(|name| name.split_once('='))
                .filter(|(name, _)| switches.contains(name));
            match switch.map(|(name, value)| (name, go_bool(value))) {
                Some((_, Some(false))) => None,
                Some((name, Some(true))) => Some(format!("--{name}").into()),
                _ => Some(long.into()),
            }
        })
        .collect()
}

/// The spellings of Go's `strconv.ParseBool`.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &[LoginFlag] = &[
        LoginFlag {
            name: "codex-login",
            help: "Log in to Codex",
            takes_file: false,
        },
        LoginFlag {
            name: "vertex-import",
            help: "Import a service account",
            takes_file: true,
        },
        LoginFlag {
            name: "future-login",
            help: "Log in to the future",
            takes_file: false,
        },
    ];

    fn parse_words(words: &[&str]) -> Result<Arguments, clap::Error> {
        let program = std::iter::once("cli-proxy-api-plus");
        let words = program.chain(words.iter().copied()).map(OsString::from);
        parse(words, SOME)
    }

    fn login(flag: &'static str) -> Mode {
        Mode::Login { flag, file: None }
    }

    #[test]
    fn the_definition_is_sound() {
        command(SOME).debug_assert();
        command(&[]).debug_assert();
    }

    #[test]
    fn go_spellings_are_accepted() {
        for words in [
            &["--config", "a.yaml"][..],
            &["-config", "a.yaml"],
            &["-config=a.yaml"],
            &["--config=a.yaml"],
        ] {
            let got = parse_words(words).unwrap();
            assert_eq!(got.config, Some(PathBuf::from("a.yaml")), "{words:?}");
            assert_eq!(got.mode, Mode::Serve);
        }
        for (words, mode) in [
            (&["-check-config"][..], Mode::CheckConfig),
            (&["-check-config=false"], Mode::Serve),
            (&["-accounts"], Mode::Accounts),
            (&["--accounts=1"], Mode::Accounts),
            (&["-accounts=T", "-check-config=f"], Mode::Accounts),
            (&["-accounts", "-accounts"], Mode::Accounts),
        ] {
            assert_eq!(parse_words(words).unwrap().mode, mode, "{words:?}");
        }
        assert_eq!(
            parse_words(&["-accounts=maybe"]).unwrap_err().exit_code(),
            2
        );
    }

    #[test]
    fn one_mode_runs_the_first_in_the_documented_order() {
        let import = Mode::Login {
            flag: "vertex-import",
            file: Some(PathBuf::from("x.json")),
        };
        for (words, mode) in [
            (&["-codex-login", "-no-browser"][..], login("codex-login")),
            (&["-vertex-import", "x.json"], import.clone()),
            (&["-codex-login", "-vertex-import=x.json"], import),
            (&["-future-login", "-codex-login"], login("codex-login")),
            (
                &["-codex-login=false", "-future-login"],
                login("future-login"),
            ),
            // Not there yet: what is there wins.
            (&["-login", "-codex-login"], login("codex-login")),
            (&["-login"], Mode::NotYet("login")),
            (&["-tui"], Mode::NotYet("tui")),
            (&["-claude-login", "-login"], Mode::NotYet("login")),
        ] {
            assert_eq!(parse_words(words).unwrap().mode, mode, "{words:?}");
        }
    }

    #[test]
    fn logins_take_their_options() {
        let words = [
            "-codex-login",
            "-no-browser",
            "-oauth-callback-port=1457",
            "-project_id",
            " a,b ",
            "-vertex-import-prefix",
            "",
        ];
        let got = parse_words(&words).unwrap().login;
        let want = LoginArguments {
            no_browser: true,
            incognito: None,
            callback_port: Some(1457),
            project: Some("a,b".to_owned()),
            prefix: None,
        };
        assert_eq!(got, want);
        for (words, want) in [
            (&["-incognito"][..], Some(true)),
            (&["-no-incognito"], Some(false)),
            (&["-incognito", "-no-incognito"], Some(false)),
            (&[], None),
        ] {
            assert_eq!(
                parse_words(words).unwrap().login.incognito,
                want,
                "{words:?}"
            );
        }
        let error = parse_words(&["-oauth-callback-port", "99999"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_bad_flag_exits_with_two_and_a_near_match() {
        let error = parse_words(&["-confg", "x"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--config"), "{error}");
        let error = parse_words(&["-c"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn help_names_every_flag_that_works() {
        let error = parse_words(&["-h"]).unwrap_err();
        assert_eq!(error.exit_code(), 0);
        let text = error.to_string();
        for word in [
            "--config",
            "--check-config",
            "--accounts",
            "--codex-login",
            "--vertex-import",
            "--no-browser",
            "config.example.yaml",
        ] {
            assert!(text.contains(word), "{text}");
        }
        assert!(!text.contains("kiro"), "{text}");
        assert!(!text.contains("[="), "{text}");
    }
}
