//! The file that is written when there is none.

/// Returns the text of a first `config.yaml`: one client key, the demo provider, and comments that
/// say what to do next. It listens on `host`, by default loopback only. Write it with
/// [`super::file::create`].
///
/// `client_key` should be random; texts are put in quotes as JSON would.
pub fn first_config(client_key: &str, host: Option<&str>) -> String {
    let key = serde_json::Value::from(client_key);
    let host = serde_json::Value::from(host.unwrap_or("127.0.0.1"));
    format!(
        "\
# Written at the first start. Changes take effect as soon as you save, except host and port.
# All options, by task: config.example.yaml

# \"127.0.0.1\" = reachable from this machine only, \"0.0.0.0\" = from others too (in a container
# always): then keep the keys below secret.
host: {host}
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
        let (config, notices) = Config::parse(&first_config("sk-\"odd\\key", None), &env).unwrap();
        assert_eq!(notices, []);
        assert_eq!(
            (config.server.host.as_str(), config.server.port),
            ("127.0.0.1", 8317)
        );
        assert_eq!(config.client_keys, ["sk-\"odd\\key".into()]);
        assert!(config.demo && !config.allow_unauthenticated && !config.management.enabled());
    }

    #[test]
    fn it_listens_where_it_is_told() {
        let text = first_config("k", Some("0.0.0.0"));
        let (config, _) = Config::parse(&text, &Env::default()).unwrap();
        assert_eq!(config.server.host, "0.0.0.0");
    }
}
