//! Events and replies → Gemini clients.

use super::super::Gemini;
use crate::canonical::{
    Channel, Citation, Delta, Event, Failure, Item, ItemHead, ReasoningShow, Reply, Response,
    ServerTool, Signature, SignatureIssuer, SignaturePlace, Start, Stop, Usage, fold, unfold,
};
use crate::codec::{Codec, Dialect, Framing, ReplyContext};
use crate::testing::{
    arguments, call_head as call, delta, finish, open as start, stop, text, think as thought,
    thinking_head as reasoning,
};
use serde_json::{Value, json};

fn context() -> ReplyContext {
    ReplyContext {
        model: "shown".into(),
        id_seed: "0123456789abcdef".repeat(3),
        ..ReplyContext::default()
    }
}

fn array() -> ReplyContext {
    ReplyContext {
        framing: Framing::JsonArray,
        ..context()
    }
}

fn written(context: &ReplyContext, events: Vec<Event>) -> String {
    let mut encoder = Gemini.event_encoder(context);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// The objects of an SSE stream; checks the framing of every event (E-136).
#[track_caller]
fn objects(events: Vec<Event>) -> Vec<Value> {
    objects_for(&context(), events)
}

#[track_caller]
fn objects_for(context: &ReplyContext, events: Vec<Event>) -> Vec<Value> {
    let text = written(context, events);
    let mut objects = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (event, after) = rest
            .split_once("\n\n")
            .expect("events end with a blank line");
        let data = event.strip_prefix("data: ").expect("data lines only");
        objects.push(serde_json::from_str(data).unwrap());
        rest = after;
    }
    objects
}

fn parts(objects: &[Value]) -> Vec<Value> {
    objects
        .iter()
        .flat_map(|object| object["candidates"].as_array().cloned().unwrap_or_default())
        .flat_map(|candidate| {
            candidate["content"]["parts"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        })
        .collect()
}

fn begin() -> Event {
    Event::Start(Box::default())
}

fn claude(value: &str) -> Signature {
    Signature {
        issuer: SignatureIssuer::Anthropic,
        value: value.into(),
        place: SignaturePlace::Here,
    }
}

#[test]
fn a_stream_of_text() {
    let usage = Usage {
        input_total: Some(7),
        output_total: Some(5),
        reasoning: Some(2),
        cache_read: Some(3),
        ..Usage::default()
    };
    let events = vec![
        begin(),
        start(0, ItemHead::Text),
        text(0, "Hel"),
        text(0, ""),
        text(0, "lo"),
        stop(0),
        Event::KeepAlive,
        Event::Usage(Box::new(usage)),
        finish(Stop::EndTurn),
        Event::End,
    ];
    assert_eq!(
        written(&context(), events.clone()),
        concat!(
            r#"data: {"candidates":[{"content":{"role":"model","parts":[{"text":"Hel"}]},"index":0}],"modelVersion":"shown","responseId":"0123456789abcdef012345"}"#,
            "\n\n",
            r#"data: {"candidates":[{"content":{"role":"model","parts":[{"text":"lo"}]},"index":0}],"modelVersion":"shown","responseId":"0123456789abcdef012345"}"#,
            "\n\n",
            r#"data: {"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":7,"cachedContentTokenCount":3,"candidatesTokenCount":3,"thoughtsTokenCount":2,"totalTokenCount":12},"modelVersion":"shown","responseId":"0123456789abcdef012345"}"#,
            "\n\n",
        )
    );
    let whole = Gemini.encode_response(&fold(events).unwrap(), &context());
    assert_eq!(
        whole,
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"Hello"}]},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":7,"cachedContentTokenCount":3,"candidatesTokenCount":3,"thoughtsTokenCount":2,"totalTokenCount":12},"modelVersion":"shown","responseId":"0123456789abcdef012345"}"#
    );
}

#[test]
fn e204_without_alt_the_stream_is_one_array() {
    let events = vec![
        begin(),
        start(0, ItemHead::Text),
        text(0, "a"),
        text(0, "b"),
        stop(0),
        finish(Stop::EndTurn),
        Event::End,
    ];
    let out = written(&array(), events);
    assert!(out.starts_with("[{") && out.ends_with("}\n]"), "{out}");
    assert_eq!(out.matches("}\n,\n{").count(), 2);
    let objects: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(
        parts(&objects),
        [
            json!({"text": "a"}),
            json!({"text": "b"}),
            json!({"text": ""})
        ]
    );
    // Also when nothing came, and when it failed.
    assert_eq!(written(&array(), vec![begin(), Event::End]), "[]");
    let out = written(
        &array(),
        vec![Event::Error(Box::new(Failure::new(502, "x")))],
    );
    let objects: Vec<Value> = serde_json::from_str(&out).unwrap();
    assert_eq!(objects[0]["error"]["code"], 502);
}

#[test]
fn e136_e141_nothing_but_data_events() {
    assert_eq!(Gemini.keep_alive(true), b"");
    assert_eq!(Gemini.keep_alive(false), b"");
    let objects = objects(vec![
        begin(),
        Event::KeepAlive,
        finish(Stop::EndTurn),
        Event::End,
    ]);
    assert_eq!(objects.len(), 1);
}

#[test]
fn e185_a_reply_without_content_has_no_parts() {
    let events = vec![
        begin(),
        finish(Stop::StopSequence(Some("X".into()))),
        Event::End,
    ];
    let whole = Gemini.encode_response(&fold(events.clone()).unwrap(), &context());
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    for object in [&objects(events)[0], &whole] {
        let candidate = &object["candidates"][0];
        assert_eq!(candidate["finishReason"], "STOP");
        assert_eq!(candidate["content"], json!({"role": "model"}));
    }
}

#[test]
fn calls_come_whole_with_repaired_arguments() {
    let events = vec![
        begin(),
        start(0, call("c1", "f")),
        arguments(0, "{\"a\":"),
        arguments(0, "1}"),
        stop(0),
        start(1, call("c2", "g")),
        stop(1),
        start(2, call("c3", "h")),
        arguments(2, "{\"a\":1}{"),
        stop(2),
        finish(Stop::ToolUse),
        Event::End,
    ];
    let want = [
        json!({"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}}),
        json!({"functionCall": {"id": "c2", "name": "g", "args": {}}}),
        json!({"functionCall": {"id": "c3", "name": "h", "args": {}}}),
    ];
    let objects = objects(events.clone());
    assert_eq!(parts(&objects)[..3], want);
    assert_eq!(
        objects.last().unwrap()["candidates"][0]["finishReason"],
        "STOP"
    );
    let whole = Gemini.encode_response(&fold(events).unwrap(), &context());
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(parts(&[whole]), want);
}

#[test]
fn e218_a_call_cut_by_the_limit_is_no_call() {
    let events = vec![
        begin(),
        start(0, ItemHead::Text),
        text(0, "x"),
        stop(0),
        start(1, call("c1", "f")),
        arguments(1, "{\"path\":\"/etc"),
        stop(1),
        finish(Stop::MaxTokens),
        Event::End,
    ];
    let objects = objects(events.clone());
    assert_eq!(parts(&objects), [json!({"text": "x"}), json!({"text": ""})]);
    assert_eq!(
        objects.last().unwrap()["candidates"][0]["finishReason"],
        "MAX_TOKENS"
    );
    let whole = Gemini.encode_response(&fold(events).unwrap(), &context());
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(parts(&[whole]), [json!({"text": "x"})]);
}

#[test]
fn broken_arguments_are_released_when_something_follows() {
    let objects = objects(vec![
        begin(),
        start(0, call("c1", "f")),
        arguments(0, "{\"a\":1"),
        stop(0),
        start(1, ItemHead::Text),
        text(1, "x"),
        stop(1),
        finish(Stop::MaxTokens),
        Event::End,
    ]);
    let parts = parts(&objects);
    assert_eq!(parts[0]["functionCall"]["args"], json!({"a": 1}));
    assert_eq!(parts[1], json!({"text": "x"}));
}

#[test]
fn thinking_with_foreign_signatures() {
    let events = vec![
        begin(),
        start(0, reasoning()),
        thought(0, Channel::Summary(0), "one"),
        thought(0, Channel::Summary(1), "two"),
        delta(0, Delta::Signature(claude("old"))),
        delta(0, Delta::Signature(claude("sig"))),
        stop(0),
        start(
            1,
            ItemHead::Reasoning {
                id: None,
                redacted: true,
            },
        ),
        delta(1, Delta::Signature(claude("data"))),
        stop(1),
        finish(Stop::EndTurn),
        Event::End,
    ];
    let tagged = crate::signature::to_client(&claude("sig"), false, Dialect::Gemini);
    let redacted = crate::signature::to_client(&claude("data"), true, Dialect::Gemini);
    assert_eq!(
        parts(&objects(events.clone()))[..5],
        [
            json!({"text": "one", "thought": true}),
            json!({"text": "\n\n", "thought": true}),
            json!({"text": "two", "thought": true}),
            json!({"text": "", "thought": true, "thoughtSignature": tagged}),
            json!({"text": "", "thought": true, "thoughtSignature": redacted}),
        ]
    );
    let whole = Gemini.encode_response(&fold(events.clone()).unwrap(), &context());
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(
        parts(&[whole]),
        [
            json!({"text": "one\n\ntwo", "thought": true, "thoughtSignature": tagged}),
            json!({"text": "", "thought": true, "thoughtSignature": redacted}),
        ]
    );
    // A client that does not want to see it still carries the proof.
    let hidden = ReplyContext {
        show: ReasoningShow::Hidden,
        ..context()
    };
    let shown = parts(&objects_for(&hidden, events));
    assert_eq!(
        shown[0],
        json!({"text": "", "thought": true, "thoughtSignature": tagged})
    );
}

#[test]
fn gemini_signatures_are_unchanged_and_keep_their_place() {
    let signature = |place| Signature {
        issuer: SignatureIssuer::Gemini,
        value: "s".into(),
        place,
    };
    let events = vec![
        begin(),
        start(0, reasoning()),
        delta(0, Delta::Signature(signature(SignaturePlace::Detached))),
        stop(0),
        start(1, call("c", "f")),
        delta(1, Delta::Signature(signature(SignaturePlace::Here))),
        stop(1),
        finish(Stop::ToolUse),
        Event::End,
    ];
    let want = [
        json!({"text": "", "thoughtSignature": "s"}),
        json!({"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "s"}),
    ];
    assert_eq!(parts(&objects(events.clone()))[..2], want);
    let whole = Gemini.encode_response(&fold(events).unwrap(), &context());
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(parts(&[whole]), want);
}

#[test]
fn e129_pictures_and_native_parts() {
    let native = ServerTool {
        dialect: Dialect::Gemini,
        kind: "executableCode".into(),
        id: None,
        name: None,
        query: None,
        raw: json!({"executableCode": {"code": "1"}}).into(),
    };
    let events = vec![
        begin(),
        start(0, ItemHead::Image),
        delta(
            0,
            Delta::Image {
                mime: "image/png".into(),
                data: "AAAA".into(),
            },
        ),
        stop(0),
        start(1, ItemHead::Server(Box::new(native))),
        stop(1),
        finish(Stop::EndTurn),
        Event::End,
    ];
    let want = [
        json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
        json!({"executableCode": {"code": "1"}}),
    ];
    assert_eq!(parts(&objects(events.clone()))[..2], want);
    let whole = Gemini.encode_response(&fold(events).unwrap(), &context());
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(parts(&[whole]), want);
}

#[test]
fn citations_and_searches_become_grounding() {
    let citation = |span| {
        Delta::Citation(Box::new(Citation {
            dialect: Dialect::Anthropic,
            url: Some("https://a".into()),
            title: Some("A".into()),
            cited_text: None,
            span,
            raw: json!({}).into(),
        }))
    };
    let search = ServerTool {
        dialect: Dialect::Anthropic,
        kind: "server_tool_use".into(),
        id: Some("s".into()),
        name: Some("web_search".into()),
        query: Some("grüße".into()),
        raw: json!({}).into(),
    };
    let events = vec![
        begin(),
        start(0, ItemHead::Server(Box::new(search))),
        stop(0),
        start(1, ItemHead::Text),
        text(1, "Grüße. "),
        stop(1),
        start(2, ItemHead::Text),
        text(2, "Größe!"),
        delta(2, citation(Some((0, 5)))),
        delta(2, citation(None)),
        delta(2, citation(Some((4, 99)))),
        stop(2),
        finish(Stop::EndTurn),
        Event::End,
    ];
    let want = json!({
        "webSearchQueries": ["grüße"],
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [{
            "segment": {"startIndex": 9, "endIndex": 16, "text": "Größe"},
            "groundingChunkIndices": [0],
        }],
    });
    let objects = objects(events.clone());
    assert_eq!(
        objects.last().unwrap()["candidates"][0]["groundingMetadata"],
        want
    );
    let whole = Gemini.encode_response(&fold(events).unwrap(), &context());
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(whole["candidates"][0]["groundingMetadata"], want);
}

#[test]
fn e237_an_error_is_the_last_event() {
    let objects = objects(vec![
        begin(),
        start(0, ItemHead::Text),
        text(0, "a"),
        Event::Error(Box::new(Failure::new(503, "busy"))),
        text(0, "late"),
        Event::End,
    ]);
    assert_eq!(
        objects[1..],
        [json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}})]
    );
}

#[test]
fn candidates_keep_their_numbers() {
    let reply = |text: &str| Reply {
        items: vec![Item::text(text)],
        stop: Some(Stop::EndTurn),
        native_stop: None,
    };
    let response = Response {
        start: Start::default(),
        choices: vec![reply("a"), reply("b")],
        usage: Usage::default(),
    };
    let whole: Value =
        serde_json::from_slice(&Gemini.encode_response(&response, &context())).unwrap();
    let found: Vec<_> = whole["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["index"].clone(), c["content"]["parts"][0]["text"].clone()))
        .collect();
    assert_eq!(found, [(json!(0), json!("a")), (json!(1), json!("b"))]);
    let objects = objects(unfold(response));
    let last = objects.last().unwrap()["candidates"].as_array().unwrap();
    assert_eq!(
        (last[0]["index"].clone(), last[1]["index"].clone()),
        (json!(0), json!(1))
    );
}

#[test]
fn ids_of_google_are_kept() {
    let begun = |id: &str| {
        Event::Start(Box::new(Start {
            id: Some(id.into()),
            ..Start::default()
        }))
    };
    for (id, want) in [
        ("UwCzaaGdI_aEz7IPqoinwQM", "UwCzaaGdI_aEz7IPqoinwQM"),
        ("msg_01", "0123456789abcdef012345"),
    ] {
        let objects = objects(vec![begun(id), finish(Stop::EndTurn), Event::End]);
        assert_eq!(objects[0]["responseId"], want);
    }
}
