//! Settings that are read and typed while the feature behind them does not exist yet: whoever sets one
//! is told.

use super::account::{KeyAccount, KeyKind};
use super::error::{Level, Notice};
use super::model::Config;
use super::path::KeyPath;

/// A remark for every such setting of `config` that is set to something.
pub fn unbuilt(config: &Config) -> Vec<Notice> {
    let alone = config
        .routing
        .affinity
        .as_ref()
        .is_some_and(|one| !one.subagents);
    let settings: [(bool, &[&str]); 7] = [
        (config.logging.to_file, &["logging-to-file"]),
        (config.logging.request_log, &["request-log"]),
        (
            config.logging.usage_statistics,
            &["usage-statistics-enabled"],
        ),
        (
            config.management.secret.is_some(),
            &["remote-management", "secret-key"],
        ),
        // What they call with their agent's session goes where that goes.
        (alone, &["routing", "session-affinity-subagents"]),
        (!config.kiro.is_empty(), &["kiro"]),
        (config.kiro_endpoint.is_some(), &["kiro-preferred-endpoint"]),
    ];
    let set = settings.into_iter().filter(|(is_set, _)| *is_set);
    let notices = set.map(|(_, keys)| remark(KeyPath::of(keys), "accepted, has no effect yet"));
    let sockets = config.accounts.iter().filter(|account| account.websockets);
    notices.chain(sockets.map(over_http)).collect()
}

/// Clients may use WebSockets whatever this setting says.
fn over_http(account: &KeyAccount) -> Notice {
    let text = match account.kind {
        KeyKind::Codex => {
            "accepted, has no effect yet: clients on WebSockets are served, this service is called \
             over HTTP"
        }
        _ => "accepted, has no effect: only `codex-api-key` entries may have it",
    };
    remark(account.at.key("websockets"), text)
}

fn remark(key: KeyPath, text: &str) -> Notice {
    Notice {
        level: Level::Info,
        position: None,
        key,
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::unbuilt;
    use crate::config::{Config, Env};

    #[test]
    fn what_is_set_for_nothing_is_told() {
        let env = Env::from_pairs([("HOME", "/home/me")]);
        let told = |text: &str| {
            let (config, _) = Config::parse(text, &env).unwrap();
            unbuilt(&config)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(told(""), [""; 0]);
        assert_eq!(
            told("request-log: true\nremote-management: {secret-key: k}\n"),
            [
                "`request-log`: accepted, has no effect yet",
                "`remote-management.secret-key`: accepted, has no effect yet"
            ]
        );
        assert_eq!(
            told("routing: {session-affinity: true, session-affinity-subagents: false}\n"),
            ["`routing.session-affinity-subagents`: accepted, has no effect yet"]
        );
        assert_eq!(
            told("codex-api-key: [{api-key: a, websockets: true}, {api-key: b}]\n"),
            [
                "`codex-api-key[0].websockets`: accepted, has no effect yet: clients on WebSockets \
                 are served, this service is called over HTTP"
            ]
        );
    }
}
