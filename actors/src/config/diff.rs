//! What a new configuration changes, so that a reload touches only that.

use std::collections::BTreeMap;
use std::fmt;

use super::account::KeyAccount;
use super::model::Config;

/// One difference between two configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A key that is read at start only; the running process keeps the old value.
    NeedsRestart(&'static str),
    /// Upstream keys, by account id.
    Accounts(AccountChanges),
    /// Who may call: client keys, `allow-unauthenticated`, `ws-auth`.
    Access,
    /// How an account is chosen: strategy, affinity, prefixes. Cursors begin anew.
    Routing,
    /// Retries, cooldowns, and what is tried without a quota.
    Attempts,
    /// Keep-alives, silence limit, early retries.
    Streaming,
    /// Models: aliases, exclusions, error rules of logged-in accounts.
    OAuthModels,
    /// Accounts of `kiro` and their endpoint.
    Kiro,
    /// The demo provider.
    Demo,
    /// Payload rules.
    Payload,
    /// Management API and panel.
    Management,
    /// Logs and statistics.
    Logging,
    /// The way to upstreams: global proxy, URL rewrites. Open connections must not be used again.
    Network,
    /// What answers and upstream requests carry besides the content.
    Headers,
    /// Where pictures may be made.
    Images,
    /// How logins are done.
    Login,
}

/// Differences of the configured upstream keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountChanges {
    /// Ids that are new.
    pub added: Vec<String>,
    /// Ids that are gone.
    pub removed: Vec<String>,
    /// Ids whose settings differ.
    pub changed: Vec<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedsRestart(key) => write!(f, "`{key}` (needs a restart)"),
            Self::Accounts(AccountChanges {
                added,
                removed,
                changed,
            }) => {
                let counts = (added.len(), removed.len(), changed.len());
                write!(
                    f,
                    "upstream keys (+{} −{} ~{})",
                    counts.0, counts.1, counts.2
                )
            }
            Self::Access => f.write_str("client keys"),
            Self::Routing => f.write_str("routing"),
            Self::Attempts => f.write_str("retries and cooldowns"),
            Self::Streaming => f.write_str("streaming"),
            Self::OAuthModels => f.write_str("models of logged-in accounts"),
            Self::Kiro => f.write_str("kiro accounts"),
            Self::Demo => f.write_str("demo provider"),
            Self::Payload => f.write_str("payload rules"),
            Self::Management => f.write_str("management"),
            Self::Logging => f.write_str("logging"),
            Self::Network => f.write_str("proxy and URL rewrites"),
            Self::Headers => f.write_str("headers"),
            Self::Images => f.write_str("making of pictures"),
            Self::Login => f.write_str("logins"),
        }
    }
}

/// Lists what differs, in the order of [`Change`]; empty when nothing does.
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    // Without `..`: a new field has to find its place here.
    let Config {
        server,
        auth_dir,
        client_keys,
        allow_unauthenticated,
        demo,
        retry,
        cooling,
        routing,
        quota_exceeded,
        streaming,
        accounts,
        oauth_model_alias,
        oauth_excluded_models,
        oauth_request_scoped_errors,
        oauth_callback_host,
        incognito_browser,
        payload,
        management,
        logging,
        proxy,
        upstream_rewrites,
        passthrough_headers,
        passthrough_model,
        ws_auth,
        kiro_endpoint,
        kiro,
        codex_headers,
        images,
        environment,
    } = new;
    let account_changes = account_changes(&old.accounts, accounts);
    let found = [
        (Change::NeedsRestart("host"), server.host != old.server.host),
        (Change::NeedsRestart("port"), server.port != old.server.port),
        (Change::NeedsRestart("tls"), server.tls != old.server.tls),
        (Change::NeedsRestart("auth-dir"), *auth_dir != old.auth_dir),
        (
            Change::NeedsRestart("environment"),
            *environment != old.environment,
        ),
        (
            Change::Accounts(account_changes.clone()),
            account_changes != AccountChanges::default(),
        ),
        (
            Change::Access,
            (client_keys, allow_unauthenticated, ws_auth)
                != (&old.client_keys, &old.allow_unauthenticated, &old.ws_auth),
        ),
        (Change::Routing, *routing != old.routing),
        (
            Change::Attempts,
            (retry, cooling, quota_exceeded) != (&old.retry, &old.cooling, &old.quota_exceeded),
        ),
        (Change::Streaming, *streaming != old.streaming),
        (
            Change::OAuthModels,
            (
                oauth_model_alias,
                oauth_excluded_models,
                oauth_request_scoped_errors,
            ) != (
                &old.oauth_model_alias,
                &old.oauth_excluded_models,
                &old.oauth_request_scoped_errors,
            ),
        ),
        (
            Change::Kiro,
            (kiro_endpoint, kiro) != (&old.kiro_endpoint, &old.kiro),
        ),
        (Change::Demo, *demo != old.demo),
        (Change::Payload, *payload != old.payload),
        (Change::Management, *management != old.management),
        (Change::Logging, *logging != old.logging),
        (
            Change::Network,
            (proxy, upstream_rewrites) != (&old.proxy, &old.upstream_rewrites),
        ),
        (
            Change::Headers,
            (passthrough_headers, passthrough_model, codex_headers)
                != (
                    &old.passthrough_headers,
                    &old.passthrough_model,
                    &old.codex_headers,
                ),
        ),
        (Change::Images, *images != old.images),
        (
            Change::Login,
            (oauth_callback_host, incognito_browser)
                != (&old.oauth_callback_host, &old.incognito_browser),
        ),
    ];
    found
        .into_iter()
        .filter_map(|(change, differs)| differs.then_some(change))
        .collect()
}

fn account_changes(old: &[KeyAccount], new: &[KeyAccount]) -> AccountChanges {
    let before: BTreeMap<&str, &KeyAccount> = old
        .iter()
        .map(|account| (account.id.as_str(), account))
        .collect();
    let mut out = AccountChanges::default();
    for account in new {
        match before.get(account.id.as_str()) {
            None => out.added.push(account.id.clone()),
            // The place in the file may move without anything to do.
            Some(old)
                if KeyAccount {
                    at: old.at.clone(),
                    ..account.clone()
                } != **old =>
            {
                out.changed.push(account.id.clone());
            }
            Some(_) => {}
        }
    }
    let kept = |old: &&KeyAccount| new.iter().any(|account| account.id == old.id);
    out.removed = old
        .iter()
        .filter(|old| !kept(old))
        .map(|account| account.id.clone())
        .collect();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Env;

    fn parse(text: &str) -> Config {
        Config::parse(text, &Env::default()).unwrap().0
    }

    #[test]
    fn every_setting_has_its_change() {
        let base = parse("");
        for (text, want) in [
            ("", ""),
            ("# only a comment\nport: 8317\n", ""),
            (
                "host: a\nport: 1\ntls: {enable: true, cert: a, key: b}\nauth-dir: x\n",
                "`host` (needs a restart), `port` (needs a restart), `tls` (needs a restart), \
              `auth-dir` (needs a restart)",
            ),
            ("api-keys: [a]\n", "client keys"),
            ("allow-unauthenticated: true\n", "client keys"),
            ("ws-auth: false\n", "client keys"),
            ("routing: {strategy: ff}\n", "routing"),
            ("force-model-prefix: true\n", "routing"),
            ("request-retry: 9\n", "retries and cooldowns"),
            ("disable-cooling: true\n", "retries and cooldowns"),
            (
                "quota-exceeded: {switch-project: true}\n",
                "retries and cooldowns",
            ),
            ("streaming: {keepalive-seconds: 1}\n", "streaming"),
            (
                "oauth-model-alias: {claude: []}\n",
                "models of logged-in accounts",
            ),
            (
                "oauth-excluded-models: {claude: [x]}\n",
                "models of logged-in accounts",
            ),
            ("kiro-preferred-endpoint: cli\n", "kiro accounts"),
            ("demo: true\n", "demo provider"),
            (
                "payload: {filter: [{models: [{name: a}], params: [b]}]}\n",
                "payload rules",
            ),
            ("remote-management: {secret-key: x}\n", "management"),
            ("debug: true\nusage-statistics-enabled: true\n", "logging"),
            ("proxy-url: direct\n", "proxy and URL rewrites"),
            (
                "upstream-rewrites: {'https://a': 'https://b'}\n",
                "proxy and URL rewrites",
            ),
            ("passthrough-headers: true\n", "headers"),
            ("codex-header-defaults: {user-agent: x}\n", "headers"),
            ("disable-image-generation: chat\n", "making of pictures"),
            ("incognito-browser: true\n", "logins"),
            (
                "gemini-api-key: [{api-key: a}]\n",
                "upstream keys (+1 −0 ~0)",
            ),
        ] {
            let changes: Vec<String> = diff(&base, &parse(text))
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(changes.join(", "), want, "{text}");
        }
    }

    #[test]
    fn accounts_are_told_apart_by_id() {
        let old = parse("gemini-api-key: [{api-key: a}, {api-key: b}, {api-key: c}]\n");
        let new = parse("gemini-api-key: [{api-key: c, weight: 2}, {api-key: d}, {api-key: a}]\n");
        let id = |config: &Config, n: usize| config.accounts[n].id.clone();
        let want = AccountChanges {
            added: vec![id(&new, 1)],
            removed: vec![id(&old, 1)],
            changed: vec![id(&new, 0)],
        };
        assert_eq!(diff(&old, &new), [Change::Accounts(want)]);
    }
}
