//! The file that is written when there is none.

/// Returns the text of a first `config.yaml`: loopback only, one client key, the demo provider, and
/// comments that say what to do next. Write it with [`super::file::create`].
///
/// `client_key` should be random; it is put in quotes as JSON would.
pub fn first_config(client_key: &str) -> String {
    let key = serde_json::Value::from(client_key);
    format!(
        "\
# Written at the first start. Changes take effect as soon as you save, except host and port.
# All options, by task: config.example.yaml

# Reachable from this machine only. For other machines: \"0.0.0.0\" (in a container always), and
# keep the keys below secret.
host: \"127.0.0.1\"
port: 8317

# Clients send one of these keys, for example:
#   curl http://127.0.0.1:8317/v1/models -H \"Authorization: Bearer <key>\"
# In most programs: base URL http://127.0.0.1:8317/v1 and the key as API key.
api-keys:
  - {key}

# A built-in provider that answers without any account, to try a client out. Switch it off when you
# have an account.
demo: true

# Next: bring an account. Either log in, each login adds one:
#   cli-proxy-api-plus --claude-login
#   cli-proxy-api-plus --codex-login
#   cli-proxy-api-plus --help                   (all logins)
# or write an API key here:
#
# gemini-api-key:
#   - api-key: \"AIza...\"
# openai-compatibility:
#   - name: \"openrouter\"
#     base-url: \"https://openrouter.ai/api/v1\"
#     api-key-entries:
#       - api-key: \"sk-or-...\"
#     models:
#       - name: \"moonshotai/kimi-k2\"
#         alias: \"kimi-k2\"
"
    )
}

#[cfg(test)]
mod tests {
    use super::first_config;
    use crate::config::{Config, Env};

    #[test]
    fn it_loads_and_is_closed_to_others() {
        let env = Env::from_pairs([("HOME", "/home/me")]);
        let (config, notices) = Config::parse(&first_config("sk-\"odd\\key"), &env).unwrap();
        assert_eq!(notices, []);
        assert_eq!(
            (config.server.host.as_str(), config.server.port),
            ("127.0.0.1", 8317)
        );
        assert_eq!(config.client_keys, ["sk-\"odd\\key".into()]);
        assert!(config.demo && !config.allow_unauthenticated && !config.management.enabled());
    }
}
