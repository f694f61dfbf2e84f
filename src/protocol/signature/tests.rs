use super::*;
use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
use SignaturePlace::{Detached, Here, NextCall, NextText};

/// Heads of real values; the tails carry nothing that is looked at.
const CLAUDE: &str = "EusBClsIDRgCKkBpzetW9oKOZtFP6IeFJJr3gnQBXqdZrYcRnwTLcVuC";
const CLAUDE_REDACTED: &str = "EtUFCkYIBxgCKkAE46qlfUcG4eBdm3DIVpKC";
const CLAUDE_OLD_REDACTED: &str = "EmwKAhgBEgyqHNPC3kKzPBvNe4waDPk=";
const CLAUDE_WITH_VERSION: &str = "CAISqwQKhwEIEBgCKkAciZInI2gcLrwOU5o9XFlI";
const OPENAI: &str = "gAAAAABoydMRl1hq6DrJ7HAdoeYmmd-7zPCJYV25qkrJdqLS_vI-1MKGSjLT";
const GEMINI: [&str; 5] = [
    "EucECuQEAb4+9vsYroJyp1uieeH5kjR2slN/TtULDJ5DWhM6IAskLN0yYqxS",
    "Et0BCtoBAXLI2nwMB4momyXTj+K3OPELPDi5Mq6bA5ZHuiKVF9m94gyxd+zd",
    "CiQBvj72+y6VX8BA4jMLQJOJvw+XWxadOcgaygxn/UK4Wl8SjCEKZwG+Pvb7",
    "AVSoXO4AzAXs7GGvOY63fp8CwJK3yR8HbUPhxhfN2HaPvJnscmZCkaWvckz5",
    "AY89a19ZkXSMGh/bSOlwTCxl62lQdtTZw/RrFa7T+iYbR+RaEkjrJoZjdPES",
];

fn sig(issuer: SignatureIssuer, place: SignaturePlace, value: &str) -> Signature {
    Signature {
        issuer,
        value: value.to_owned(),
        place,
    }
}

#[test]
fn own_protocol_gets_the_value_unchanged() {
    for (issuer, client) in [
        (SignatureIssuer::Anthropic, Anthropic),
        (SignatureIssuer::OpenAi, OpenAiResponses),
        (SignatureIssuer::Gemini, Gemini),
        (SignatureIssuer::Unknown, Anthropic),
    ] {
        for redacted in [false, true] {
            assert_eq!(to_client(&sig(issuer, Here, "v"), redacted, client), "v");
        }
    }
}

#[test]
fn tags_come_back_for_every_client() {
    let cases = [
        (SignatureIssuer::Anthropic, Here, false, "claude#v/w=="),
        (
            SignatureIssuer::Anthropic,
            Here,
            true,
            "claude-redacted#v/w==",
        ),
        (SignatureIssuer::OpenAi, Here, false, "openai#v/w=="),
        (SignatureIssuer::Gemini, Here, false, "gemini#v/w=="),
        (
            SignatureIssuer::Gemini,
            NextCall,
            false,
            "gemini.call#v/w==",
        ),
        (
            SignatureIssuer::Gemini,
            NextText,
            false,
            "gemini.text#v/w==",
        ),
        (
            SignatureIssuer::Gemini,
            Detached,
            false,
            "gemini.detached#v/w==",
        ),
        (SignatureIssuer::Kiro, Here, false, "kiro#v/w=="),
        (SignatureIssuer::Copilot, Here, false, "copilot#v/w=="),
    ];
    for (issuer, place, redacted, tagged) in cases {
        let signature = sig(issuer, place, "v/w==");
        for client in [OpenAiChat, OpenAiResponses, Anthropic, Gemini] {
            if client.issuer() == issuer {
                continue;
            }
            let shown = to_client(&signature, redacted, client);
            if client == Gemini {
                assert_eq!(base64::decode(&shown).as_deref(), Some(tagged.as_bytes()));
            } else {
                assert_eq!(shown, tagged);
            }
            let want = Carried {
                signature: signature.clone(),
                redacted,
            };
            assert_eq!(from_client(&shown, client), want, "{client:?}");
        }
    }
}

#[test]
fn untagged_values_are_known_by_their_form() {
    let double_layer = base64::encode(CLAUDE.as_bytes());
    assert!(double_layer.starts_with('R'));
    let claude = [
        CLAUDE,
        CLAUDE_REDACTED,
        CLAUDE_OLD_REDACTED,
        CLAUDE_WITH_VERSION,
        &double_layer,
    ];
    let unknown = [
        "",
        "c2lnbmF0dXJl",
        "signature_REDACTED_1",
        "skip_thought_signature_validator",
        "opaque-encrypted-advice",
        "Looking directly at the Sun",
        "E",
        "EgA=",
        "EgIKAA==",
    ];
    let cases = claude
        .map(|v| (v, SignatureIssuer::Anthropic))
        .into_iter()
        .chain([(OPENAI, SignatureIssuer::OpenAi)])
        .chain(GEMINI.map(|v| (v, SignatureIssuer::Unknown)))
        .chain(unknown.map(|v| (v, SignatureIssuer::Unknown)));
    for (value, want) in cases {
        for client in [OpenAiChat, OpenAiResponses, Anthropic, Gemini] {
            let got = from_client(value, client);
            assert_eq!(got.signature, sig(want, Here, value), "{client:?}");
            assert!(!got.redacted);
        }
    }
}

#[test]
fn carriers_of_the_older_program_are_read() {
    let carrier = |rest: &str| format!("cpa-gemini-responses-carrier-v1:{rest}");
    for (value, place) in [
        (carrier("next:function:c2ln"), NextCall),
        (carrier("next:text:c2ln"), NextText),
        (carrier("previous:text:c2ln"), Detached),
        (carrier("standalone:any:c2ln"), Detached),
    ] {
        let got = from_client(&value, OpenAiResponses);
        assert_eq!(got.signature, sig(SignatureIssuer::Gemini, place, "sig"));
    }
    for broken in ["next:function", "next:function:***"] {
        let value = carrier(broken);
        let got = from_client(&value, OpenAiResponses);
        assert_eq!(got.signature, sig(SignatureIssuer::Unknown, Here, &value));
    }
}

#[test]
fn e53_redacted_data_travels_in_encrypted_content() {
    let data = sig(SignatureIssuer::Anthropic, Here, CLAUDE_REDACTED);
    let shown = to_client(&data, true, OpenAiResponses);
    let back = from_client(&shown, OpenAiResponses);
    assert_eq!((back.signature, back.redacted), (data.clone(), true));
    let older = format!("claude-redacted-thinking:{CLAUDE_REDACTED}");
    let back = from_client(&older, OpenAiResponses);
    assert_eq!((back.signature, back.redacted), (data, true));
}

#[test]
fn base64_of_every_length() {
    for n in 0..20u8 {
        let bytes: Vec<u8> = (0..n).map(|i| i.wrapping_mul(37) ^ 0xf5).collect();
        let text = base64::encode(&bytes);
        assert_eq!(text.len() % 4, 0);
        assert_eq!(base64::decode(&text).as_deref(), Some(&bytes[..]));
        let url_safe = text.replace('+', "-").replace('/', "_");
        assert_eq!(
            base64::decode(url_safe.trim_end_matches('=')).as_deref(),
            Some(&bytes[..])
        );
    }
    assert_eq!(base64::encode(b"light wor"), "bGlnaHQgd29y");
    assert_eq!(base64::encode(b"a"), "YQ==");
    for broken in ["a", "ab*d", "äöü"] {
        assert_eq!(base64::decode(broken), None, "{broken}");
    }
}
