//! The command line: clap's definition, and Go's spellings of it (`cli.md` §1).

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::ffi::OsString;
use std::path::PathBuf;

/// What the program was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// `--config`: the config file; `None` = `config.yaml` in the working directory.
    pub config: Option<PathBuf>,
    /// What to do.
    pub mode: Mode,
}

/// One thing at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Run the daemon.
    Serve,
    /// `--check-config`: check the file and exit.
    CheckConfig,
    /// A documented flag of the program we replace whose feature is not built yet, by its name.
    NotYet(&'static str),
}

/// Modes of the February version that this version does not have yet (`cli.md` §1), in its order of
/// precedence. They are accepted, so that the answer can say what is the matter.
const NOT_YET: &[(&str, bool)] = &[
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
    ("tui", false),
];

/// Flags that only change one of those modes: accepted, without effect on their own.
const NOT_YET_MODIFIERS: &[(&str, bool)] = &[
    ("project_id", true),
    ("vertex-import-prefix", true),
    ("no-browser", false),
    ("incognito", false),
    ("no-incognito", false),
    ("oauth-callback-port", true),
    ("standalone", false),
    ("password", true),
];

/// Reads the arguments, the program's name first. `Err` is clap's: it prints itself, and its exit
/// code is 0 for help and version, 2 for a bad flag.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let matches = command().try_get_matches_from(normalize_args(args))?;
    let not_yet = NOT_YET
        .iter()
        .find(|(name, takes_value)| is_given(&matches, name, *takes_value))
        .map(|(name, _)| *name);
    let mode = match not_yet {
        Some(name) => Mode::NotYet(name),
        None if matches.get_flag("check-config") => Mode::CheckConfig,
        None => Mode::Serve,
    };
    Ok(Arguments {
        config: matches.get_one::<PathBuf>("config").cloned(),
        mode,
    })
}

fn is_given(matches: &ArgMatches, name: &str, takes_value: bool) -> bool {
    if takes_value {
        matches.contains_id(name)
    } else {
        matches.get_one::<bool>(name).copied().unwrap_or_default()
    }
}

fn command() -> Command {
    let to_come = NOT_YET.iter().chain(NOT_YET_MODIFIERS);
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
             be tried at once.",
        )
        .after_help(
            "Every flag may also be written with one dash (-config) and as -flag=value.\n\
             The keys of the config file are explained in config.example.yaml.",
        )
        .max_term_width(100)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("PATH")
                .value_parser(value_parser!(PathBuf))
                .help("Config file [default: config.yaml in the working directory]"),
        )
        .arg(flag("check-config").help("Check the config file, say what is wrong, and exit"))
        .args(to_come.map(|(name, takes_value)| {
            let arg = if *takes_value {
                Arg::new(*name).long(*name).value_name("VALUE")
            } else {
                flag(name)
            };
            arg.hide(true)
        }))
}

/// A switch that also takes `=true` and `=false`, as Go's flags do.
fn flag(name: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_value("false")
        .default_missing_value("true")
        .hide_default_value(true)
        .hide_possible_values(true)
        .value_parser(value_parser!(bool))
}

/// Turns `-name` and `-name=value` into `--name…`; `-h` and `-V` stay. Everything behind `--` is left
/// alone.
fn normalize_args(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut only_values = false;
    args.into_iter()
        .enumerate()
        .map(|(n, arg)| {
            only_values |= arg == "--";
            match arg.to_str() {
                Some(text)
                    if n > 0
                        && !only_values
                        && text.starts_with('-')
                        && !text.starts_with("--")
                        && text.len() > 2 =>
                {
                    OsString::from(format!("-{text}"))
                }
                _ => arg,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &[&str]) -> Result<Arguments, clap::Error> {
        let program = std::iter::once("cli-proxy-api-plus");
        parse(program.chain(words.iter().copied()).map(OsString::from))
    }

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
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
            (
                &["-codex-login", "-no-browser"],
                Mode::NotYet("codex-login"),
            ),
            (&["-codex-login", "-login"], Mode::NotYet("login")),
            (&["-vertex-import", "x.json"], Mode::NotYet("vertex-import")),
        ] {
            assert_eq!(parse_words(words).unwrap().mode, mode, "{words:?}");
        }
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
        for word in ["--config", "--check-config", "config.example.yaml"] {
            assert!(text.contains(word), "{text}");
        }
    }
}
