//! Headers, betas and bodies (§4, §7).

use super::*;
use crate::providers::catalog;
use crate::providers::headers::PRODUCT;
use protocol::canonical::ReasoningIntent;
use protocol::codec::{EndpointTraits, ModelTraits, Patch, PathFacts, ReplyContext, Target};
use serde_json::json;

fn traits(model: &str) -> ModelTraits {
    let spec = catalog::CLAUDE.iter().find(|spec| spec.id == model);
    spec.unwrap().traits()
}

/// The `system` of a request with `system`, as it goes out with an account's token.
fn with_system(system: Option<Value>) -> Value {
    let mut asked = json!({"model": SONNET, "max_tokens": 5, "messages": []});
    if let Some(system) = system {
        asked["system"] = system;
    }
    body(&Made::by(account(), &asked).shape())["system"].take()
}

/// `claude.md` §8, 1.
#[test]
fn vector_1_api_key_and_chat() {
    let asked = json!({"model": SONNET, "messages": [{"role": "system", "content": "S"},
        {"role": "user", "content": "Hi"}], "max_tokens": 50, "temperature": 0.2});
    let request = protocol::codec(Dialect::OpenAiChat)
        .decode_request(&asked.to_string().into(), &PathFacts::default())
        .unwrap();
    let encoded = protocol::codec(Dialect::Anthropic)
        .encode_request(
            &request,
            &Target {
                model: SONNET,
                stream: false,
                model_traits: &traits(SONNET),
                endpoint: &EndpointTraits::default(),
            },
        )
        .unwrap();
    let mut made = Made::by(key(), &Value::Null);
    made.action = Action::Generate { stream: false };
    made.client = Dialect::OpenAiChat;
    made.body = encoded.body;
    made.body_headers = encoded.headers;
    let shaped = made.shape();
    assert_eq!(
        shaped.url,
        "https://api.anthropic.com/v1/messages?beta=true"
    );
    assert_eq!(header(&shaped, "x-api-key"), Some("sk-ant-api03-FAKE"));
    assert_eq!(header(&shaped, "authorization"), None);
    assert_eq!(header(&shaped, "anthropic-version"), Some("2023-06-01"));
    assert_eq!(header(&shaped, "anthropic-beta"), None);
    assert_eq!(header(&shaped, "user-agent"), Some(PRODUCT));
    let mut sent = body(&shaped);
    // Absent is false.
    let streams = sent.as_object_mut().unwrap().remove("stream");
    assert!(matches!(streams, None | Some(Value::Bool(false))));
    assert_eq!(
        sent,
        json!({"model": SONNET, "max_tokens": 50, "temperature": 0.2,
            "system": [{"type": "text", "text": "S"}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]})
    );
}

/// `claude.md` §8, 2; the old program lost "Be brief." (5c9997cda).
#[test]
fn vector_2_account_and_suffix() {
    let asked = json!({"model": format!("{SONNET}(4096)"), "system": "Be brief.",
        "max_tokens": 2000, "temperature": 0.3, "messages": [{"role": "user", "content": "Hi"}]});
    let encoded = protocol::codec(Dialect::Anthropic)
        .patch_request(
            &asked.to_string().into(),
            &Patch {
                model: Some(SONNET),
                stream: None,
                thinking: Some(ReasoningIntent::Budget(4096)),
            },
            &Target {
                model: SONNET,
                stream: false,
                model_traits: &traits(SONNET),
                endpoint: &EndpointTraits::default(),
            },
        )
        .unwrap();
    let mut made = Made::by(account(), &Value::Null);
    made.body = encoded.body;
    let shaped = made.shape();
    assert_eq!(
        header(&shaped, "authorization"),
        Some("Bearer sk-ant-oat01-FAKE")
    );
    assert_eq!(header(&shaped, "x-api-key"), None);
    assert_eq!(header(&shaped, "anthropic-beta"), Some("oauth-2025-04-20"));
    let sent = body(&shaped);
    assert_eq!(
        sent["system"],
        json!([{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}])
    );
    assert_eq!(
        sent["thinking"],
        json!({"type": "enabled", "budget_tokens": 1999})
    );
    assert_eq!(sent.get("temperature"), None);
    assert_eq!(sent["model"], SONNET);
}

/// `claude.md` §8, 3.
#[test]
fn vector_3_a_stream_folded_for_chat() {
    let stream = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[],"usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"f","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"x\":1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}

event: message_stop
data: {"type":"message_stop"}

"#;
    let context = ReplyContext::default();
    let mut decoder = protocol::codec(Dialect::Anthropic).event_decoder(&context);
    let mut events = Vec::new();
    protocol::sse::SseParser::new()
        .push(stream.as_bytes(), |frame| {
            decoder.decode(frame, &mut events)
        })
        .unwrap();
    decoder.finish(&mut events);
    let response = protocol::canonical::fold(events).unwrap();
    let reply = protocol::codec(Dialect::OpenAiChat).encode_response(&response, &context);
    let reply: Value = serde_json::from_slice(&reply).unwrap();
    let choice = &reply["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["id"], "toolu_1");
    assert_eq!(
        call["function"],
        json!({"name": "f", "arguments": "{\"x\":1}"})
    );
    let usage = &reply["usage"];
    assert_eq!(usage["prompt_tokens"], 15);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 5);
    assert_eq!(usage["completion_tokens"], 9);
}

/// Nobody else's words are put in front of the client's: only the end is marked.
#[test]
fn the_system_text_is_the_clients_own() {
    let mark = json!({"type": "ephemeral"});
    let own = json!({"type": "text", "text": "A"});
    let marked = json!({"type": "text", "text": "A", "cache_control": mark});
    for (system, want) in [
        (None, Value::Null),
        (Some(json!(null)), Value::Null),
        (Some(json!("")), json!("")),
        (Some(json!(" \n")), json!(" \n")),
        (Some(json!([])), json!([])),
        (Some(json!("A")), json!([marked])),
        (
            Some(json!("a \"quoted\"\nline")),
            json!([{"type": "text", "text": "a \"quoted\"\nline", "cache_control": mark}]),
        ),
        (Some(json!([own])), json!([marked])),
        (Some(json!([own, own])), json!([own, marked])),
    ] {
        assert_eq!(with_system(system.clone()), want, "{system:?}");
    }
}

/// Never for API keys, other bases, counts (2228847e6, 57ef78422), or where the client set marks,
/// whoever it is.
#[test]
fn the_body_of_others_is_not_touched() {
    let asked = json!({"model": SONNET, "system": "A", "messages": [
        {"role": "user", "content": "1"}, {"role": "assistant", "content": "2"},
        {"role": "user", "content": "3"}]});
    let mut foreign_key = key();
    foreign_key.base_url = Some("https://other.example".to_owned());
    let mut foreign_account = account();
    foreign_account.base_url = Some("https://other.example".to_owned());
    let mut key_file = account();
    key_file.secret = Some(Secret::from("sk-ant-api03-FAKE"));
    let mut count = Made::by(account(), &asked);
    count.action = Action::CountTokens;
    for made in [
        Made::by(key(), &asked),
        Made::by(foreign_key, &asked),
        Made::by(foreign_account, &asked),
        Made::by(key_file, &asked),
        count,
    ] {
        assert_eq!(made.shape().body, made.body, "{:?}", made.record);
    }
    let marked = json!({"model": SONNET, "system": [{"type": "text", "text": "A",
        "cache_control": {"type": "ephemeral"}}], "messages": []});
    for (agent, client) in [
        ("claude-cli/2.1.330 (external, cli)", Dialect::Anthropic),
        ("my-app/1", Dialect::Anthropic),
        ("my-app/1", Dialect::OpenAiChat),
    ] {
        let mut made = Made::by(account(), &marked);
        made.client_headers = headers(&[("user-agent", agent)]);
        made.client = client;
        assert_eq!(made.shape().body, made.body, "{agent} {client:?}");
    }
}

#[test]
fn tool_names_go_out_as_the_client_wrote_them() {
    let asked = json!({"model": SONNET, "max_tokens": 5, "tools": [{"name": "bash", "input_schema": {}}],
        "tool_choice": {"type": "tool", "name": "bash"},
        "messages": [{"role": "user", "content": "x"}]});
    let sent = body(&Made::by(account(), &asked).shape());
    assert_eq!(sent["tools"][0]["name"], "bash");
    assert_eq!(sent["tool_choice"], asked["tool_choice"]);
}

#[test]
fn marks_are_set_where_the_client_set_none() {
    let mark = json!({"type": "ephemeral"});
    let asked = json!({"model": SONNET, "max_tokens": 5, "system": [{"type": "text", "text": "A"}],
        "tools": [{"name": "a"}, {"name": "b"}, {"name": "c", "defer_loading": true}],
        "messages": [
            {"role": "user", "content": "1"}, {"role": "assistant", "content": "2"},
            {"role": "user", "content": "3"}, {"role": "assistant", "content": "4"},
            {"role": "user", "content": "5"}]});
    let sent = body(&Made::by(account(), &asked).shape());
    assert_eq!(
        sent["tools"],
        json!([{"name": "a"}, {"name": "b", "cache_control": mark},
            {"name": "c", "defer_loading": true}])
    );
    assert_eq!(
        sent["system"],
        json!([{"type": "text", "text": "A", "cache_control": mark}])
    );
    let mut messages = asked["messages"].clone();
    messages[2]["content"] = json!([{"type": "text", "text": "3", "cache_control": mark}]);
    assert_eq!(sent["messages"], messages);

    let mut blocks = asked.clone();
    blocks["messages"][2]["content"] =
        json!([{"type": "text", "text": "3"}, {"type": "tool_result", "tool_use_id": "t"}]);
    let sent = body(&Made::by(account(), &blocks).shape());
    let content = &sent["messages"][2]["content"];
    assert_eq!(content[0], json!({"type": "text", "text": "3"}));
    assert_eq!(content[1]["cache_control"], mark);

    let mut marked = asked;
    marked["messages"][4] = json!({"role": "user", "content": [
        {"type": "text", "text": "5", "cache_control": mark}]});
    let sent = body(&Made::by(account(), &marked).shape());
    assert_eq!(sent["messages"], marked["messages"]);
    assert_eq!(sent["tools"], marked["tools"]);
    assert_eq!(sent["system"], marked["system"]);
}

#[test]
fn a_token_of_an_account_among_the_keys_is_a_token() {
    let mut record = key();
    record.secret = Some(Secret::from("sk-ant-oat01-FAKE"));
    let made = Made::by(record, &json!({"model": SONNET, "messages": []}));
    let shaped = made.shape();
    assert_eq!(
        header(&shaped, "authorization"),
        Some("Bearer sk-ant-oat01-FAKE")
    );
    assert_eq!(header(&shaped, "x-api-key"), None);
    assert_eq!(made.betas(), ["oauth-2025-04-20"]);
}

#[test]
fn who_the_client_is_goes_along_and_nobody_is_invented() {
    let asked = json!({"model": SONNET, "messages": []});
    let mut made = Made::by(account(), &asked);
    let alone = made.shape();
    assert_eq!(header(&alone, "user-agent"), Some(PRODUCT));
    for name in [
        "x-app",
        "x-stainless-lang",
        "x-stainless-os",
        "anthropic-dangerous-direct-browser-access",
    ] {
        assert_eq!(header(&alone, name), None, "{name}");
    }
    assert_eq!(
        header(&alone, "accept-encoding"),
        Some("identity"),
        "419bf784a"
    );
    made.client_headers = headers(&[
        ("user-agent", "my-app/1"),
        ("x-app", "mine"),
        ("x-api-key", "client-secret"),
        ("authorization", "Bearer client-secret"),
    ]);
    let sent = made.shape();
    assert_eq!(header(&sent, "user-agent"), Some("my-app/1"));
    assert_eq!(header(&sent, "x-app"), Some("mine"));
    assert_eq!(header(&sent, "x-api-key"), None);
    assert_eq!(
        header(&sent, "authorization"),
        Some("Bearer sk-ant-oat01-FAKE")
    );
}

#[test]
fn spoken_is_plain_for_the_first_party_and_compatible_elsewhere() {
    assert!(
        !Claude
            .speaks(&account(), SONNET, Dialect::OpenAiChat)
            .endpoint
            .compatible
    );
    let mut foreign = account();
    foreign.base_url = Some("https://other.example".to_owned());
    assert!(
        Claude
            .speaks(&foreign, SONNET, Dialect::OpenAiChat)
            .endpoint
            .compatible
    );
    assert_eq!(Claude.models(&account()).len(), 17);
}
