mod accounts;
mod odd;
mod rejected;
mod settings;

use std::path::Path;

use super::*;

fn env() -> Env {
    Env::from_pairs([("HOME", "/home/me")])
}

#[track_caller]
fn accepted(text: &str) -> (Config, Vec<String>) {
    match Config::parse(text, &env()) {
        Ok((config, notices)) => (config, notices.iter().map(ToString::to_string).collect()),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn clean(text: &str) -> Config {
    let (config, notices) = accepted(text);
    assert_eq!(notices, [""; 0], "{text}");
    config
}

#[track_caller]
fn rejected(text: &str) -> String {
    let error = Config::parse(text, &env()).map(|_| ()).unwrap_err();
    error.in_file(Path::new("config.yaml")).to_string()
}
