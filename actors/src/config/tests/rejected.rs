//! Files that are refused, with the exact message.

use super::*;

#[test]
fn rejected_files_say_where_what_and_what_is_right() {
    for (text, want) in [
        (
            "port: abc\n",
            "config.yaml:1:7: `port`: found the text `abc`, expected a whole number",
        ),
        (
            "port: 70000\n",
            "config.yaml:1:7: `port`: found the number `70000`, expected a port from 0 to 65535",
        ),
        (
            "# c\ntls:\n  enable: maybe\n",
            "config.yaml:3:11: `tls.enable`: found the text `maybe`, expected `true` or `false`",
        ),
        (
            "tls:\n  enable: true\n  cert: /c\n",
            "config.yaml:1:1: `tls.key`: missing, but `tls.enable` is on; name the PEM file, or \
             switch `tls.enable` off",
        ),
        (
            "api-keys: secret\n",
            "config.yaml:1:11: `api-keys`: found a text, expected a list (lines of \
             `- value`)",
        ),
        (
            "gemini-api-key:\n  - just-a-key\n",
            "config.yaml:2:5: `gemini-api-key[0]`: found a text, expected a \
             mapping (lines of `key: value`)",
        ),
        (
            "gemini-api-key:\n  - api-key: a\n    weight: 1000001\n",
            "config.yaml:3:13: `gemini-api-key[0].weight`: found the number `1000001`, expected \
             at most 1000000",
        ),
        (
            "gemini-api-key:\n  - api-key: a\n    weight: 1.5\n",
            "config.yaml:3:13: `gemini-api-key[0].weight`: found the number `1.5`, expected a \
             whole number",
        ),
        (
            "proxy-url: ftp://me:secret@x\n",
            "config.yaml:1:12: `proxy-url`: found `ftp://`, expected `http://`, `https://`, \
             `socks5://` or `socks5h://` and a host, or `direct`",
        ),
        (
            "routing: {strategy: random}\n",
            "config.yaml:1:21: `routing.strategy`: found the text `random`, expected \
             `round-robin`, `weighted-round-robin` or `fill-first`",
        ),
        (
            "routing:\n  session-affinity-ttl: soon\n",
            "config.yaml:2:25: `routing.session-affinity-ttl`: found the text `soon`, expected a \
             duration such as `1h`, `90s` or `250ms`",
        ),
        (
            "claude-api-key:\n  - api-key: a\n    base-url: example.com\n",
            "config.yaml:3:15: `claude-api-key[0].base-url`: found the text `example.com`, \
             expected a URL that begins with `https://` or `http://`",
        ),
        (
            "claude-api-key:\n  - api-key: a\n    headers: {\"a b\": c}\n",
            "config.yaml:3:22: `claude-api-key[0].headers.a b`: found a header that cannot be \
             sent, expected a name of letters, digits and hyphens and a value on one line",
        ),
        (
            "oauth-request-scoped-errors:\n  claude:\n    - status: 4\n      action: stop\n    - status: 400\n      action: halt\n",
            "config.yaml:3:15: `oauth-request-scoped-errors.claude[0].status`: found the number \
             `4`, expected an HTTP status such as 400\nconfig.yaml:6:15: \
             `oauth-request-scoped-errors.claude[1].action`: found the text `halt`, expected \
             `stop`, `stop-and-cooldown`, `continue` or `continue-and-cooldown`",
        ),
        (
            "upstream-rewrites:\n  https://a.example: b\n",
            "config.yaml:2:22: `upstream-rewrites.https://a.example`: found `https://a.example` → \
             `b`, expected a URL that begins with `http://` or `https://` on both sides",
        ),
        (
            "- a\n- b\n",
            "config.yaml: found a list, expected a mapping (lines of `key: value`)",
        ),
    ] {
        assert_eq!(
            rejected(text),
            format!("failed to load config: {want}"),
            "{text}"
        );
    }
}

#[test]
fn texts_that_are_no_yaml_get_a_place_a_key_and_a_fix() {
    for (text, want) in [
        (
            "port: 1\nhost: a\nport: 2\n",
            "config.yaml:3:1: `port`: this key stands in line 1 already; keep one of the two",
        ),
        (
            "tls:\n\tenable: true\n",
            "config.yaml:2:1: `tls`: found character that cannot start any token; indent with \
             spaces; YAML allows no tabs there",
        ),
        (
            "tls:\n  cert: a: b\n",
            "config.yaml:2:10: `tls.cert`: mapping values are not allowed in this context; put a \
             text that holds `: ` in quotes, or correct the indentation of this line",
        ),
        (
            "api-keys:\n  - \"abc\n",
            "config.yaml:3:1: `api-keys`: found unexpected end of stream; close the quote",
        ),
        (
            "api-keys: [a, b\nport: 1\n",
            "config.yaml:2:5: `port`: did not find expected ',' or ']'; close the bracket, and \
             separate the items by commas",
        ),
        (
            "port: 1\n---\nport: 2\n",
            "config.yaml: deserializing from YAML containing more than one document is not \
             supported; keep one document: remove the second `---` and what follows",
        ),
        (
            "tls: *x\n",
            "config.yaml:1:6: `tls`: unknown anchor; define it above the alias: `key: &name`",
        ),
    ] {
        assert_eq!(
            rejected(text),
            format!("failed to load config: {want}"),
            "{text}"
        );
    }
}
