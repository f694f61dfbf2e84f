//! Rules over the whole body.

use super::*;

#[test]
fn e190_marks_of_translated_requests_are_legal_too() {
    let mut request = request(vec![
        user(vec![marked("a"), marked("b")]),
        assistant(vec![marked("c")]),
        user(vec![marked("d")]),
    ]);
    request.tools = vec![Tool {
        cache: Some(CacheMark {
            ttl: Some("1h".to_owned()),
        }),
        ..function("f")
    }];
    let body = encode(&request);
    assert_eq!(body["tools"][0]["cache_control"]["ttl"], "1h");
    assert_eq!(body["messages"][0]["content"][0].get("cache_control"), None);
    assert!(body["messages"][0]["content"][1]["cache_control"].is_object());
    assert!(body["messages"][2]["content"][0]["cache_control"].is_object());
}

#[test]
fn betas_for_what_the_body_uses() {
    let model = ModelTraits {
        structured_output: true,
        mid_system: true,
        ..adaptive()
    };
    let mut request = thinking_wish(ReasoningIntent::Level(Effort::Low), schema_request());
    request
        .turns
        .push(Turn::new(Role::System, vec![Item::text("rule")]));
    let header = |compatible: bool| {
        let endpoint = EndpointTraits {
            compatible,
            ..EndpointTraits::default()
        };
        let target = Target {
            model: "m",
            stream: true,
            model_traits: &model,
            endpoint: &endpoint,
        };
        Anthropic.encode_request(&request, &target).unwrap().headers
    };
    assert_eq!(
        header(false),
        [(
            "anthropic-beta",
            "effort-2025-11-24,structured-outputs-2025-12-15,mid-conversation-system-2026-04-07"
                .to_owned()
        )]
    );
    assert!(header(true).is_empty());
}

#[test]
fn a_plain_request_is_plain() {
    let mut request = hi();
    request.system = vec![system("S", SystemRank::System)];
    request.limits.max_output = Some(50);
    request.sampling.temperature = Some(0.2);
    let model = ModelTraits::default();
    let endpoint = EndpointTraits::default();
    let target = Target {
        model: "claude-sonnet-4-5-20250929",
        stream: false,
        model_traits: &model,
        endpoint: &endpoint,
    };
    let encoded = Anthropic.encode_request(&request, &target).unwrap();
    assert_eq!(
        encoded.body,
        r#"{"model":"claude-sonnet-4-5-20250929","max_tokens":50,"system":[{"type":"text","text":"S"}],"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"temperature":0.2,"stream":false}"#
    );
    assert!(encoded.headers.is_empty());
}
