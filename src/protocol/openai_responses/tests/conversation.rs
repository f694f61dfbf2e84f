use super::*;
use crate::canonical::Failure;
use crate::openai_responses::conversation::{Asked, Conversation, failure_message, messages};
use std::time::Duration;

#[track_caller]
fn asked(conversation: &mut Conversation, message: &Value) -> Value {
    match conversation.receive(&bytes(message), &context()).unwrap() {
        Asked::Reply(body) => serde_json::from_slice(&body).unwrap(),
        other @ Asked::Ready(_) => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused_message(conversation: &mut Conversation, message: &Value) -> Box<Failure> {
    conversation
        .receive(&bytes(message), &context())
        .unwrap_err()
}

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": text})
}

fn answer(text: &str) -> Value {
    json!({"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": text}]})
}

fn reply_with(conversation: &mut Conversation, id: &str, output: &Value) {
    conversation.sent(&json!({"type": "response.created", "response": {"id": id}}).to_string());
    conversation.sent(
        &json!({"type": "response.completed", "response": {"id": id, "output": output}})
            .to_string(),
    );
}

#[test]
fn later_messages_carry_the_conversation() {
    let mut conversation = Conversation::new();
    let body = asked(
        &mut conversation,
        &json!({"type": "response.create", "model": "m", "instructions": "S", "input": [user("a")], "tools": []}),
    );
    assert_eq!(
        body,
        json!({"model": "m", "instructions": "S", "input": [user("a")], "tools": [], "stream": true})
    );
    reply_with(&mut conversation, "resp_1", &json!([answer("b")]));
    let body = asked(
        &mut conversation,
        &json!({"type": "response.create", "previous_response_id": "resp_1", "input": [user("c")], "store": false}),
    );
    assert_eq!(
        body,
        json!({"input": [user("a"), answer("b"), user("c")], "store": false, "stream": true, "model": "m", "instructions": "S"})
    );
    reply_with(&mut conversation, "resp_2", &json!([answer("d")]));
    let body = asked(
        &mut conversation,
        &json!({"type": "response.append", "input": [user("e")]}),
    );
    assert_eq!(
        body["input"],
        json!([user("a"), answer("b"), user("c"), answer("d"), user("e")])
    );
}

#[test]
fn items_survive_verbatim() {
    let mut conversation = Conversation::new();
    let first = Bytes::from_static(
        br#"{"type":"response.create","model":"m","input":[ {"role":"user","content":"\u00e9","n":1.0,"a":1,"a":2} ]}"#,
    );
    conversation.receive(&first, &context()).unwrap();
    conversation.sent(r#"{"type":"response.completed","response":{"id":"r","output":[{"type":"reasoning", "x":1e3}]}}"#);
    let second = Bytes::from_static(
        br#"{"type":"response.append","input":[{"role":"user","content":"b"}]}"#,
    );
    let Asked::Reply(body) = conversation.receive(&second, &context()).unwrap() else {
        panic!("a reply was asked for");
    };
    let body = std::str::from_utf8(&body).unwrap();
    assert!(
        body.contains(
            r#"[{"role":"user","content":"\u00e9","n":1.0,"a":1,"a":2},{"type":"reasoning", "x":1e3},{"role":"user","content":"b"}]"#
        ),
        "{body}"
    );
}

#[test]
fn streamed_items_stand_in_for_an_empty_output() {
    let mut conversation = Conversation::new();
    asked(
        &mut conversation,
        &json!({"type": "response.create", "model": "m", "input": "hi"}),
    );
    conversation.sent(
        &json!({"type": "response.output_item.done", "output_index": 0, "item": answer("b")})
            .to_string(),
    );
    reply_with(&mut conversation, "resp_1", &json!([]));
    let body = asked(
        &mut conversation,
        &json!({"type": "response.append", "input": [user("c")]}),
    );
    assert_eq!(body["input"], json!([user("hi"), answer("b"), user("c")]));
}

#[test]
fn a_whole_transcript_starts_over() {
    let mut conversation = Conversation::new();
    asked(
        &mut conversation,
        &json!({"type": "response.create", "model": "m", "input": [user("a")]}),
    );
    reply_with(&mut conversation, "resp_1", &json!([answer("b")]));
    for transcript in [
        json!([user("a"), answer("b"), user("z")]),
        json!([{"type": "compaction", "encrypted_content": "x"}, user("z")]),
        json!([user("q"), answer("r"), user("z")]),
    ] {
        let body = asked(
            &mut conversation,
            &json!({"type": "response.create", "input": transcript}),
        );
        assert_eq!(body["input"], transcript);
    }
    // News are news, also without the id of what came before, and when they repeat something.
    let body = asked(
        &mut conversation,
        &json!({"type": "response.create", "input": [user("a")]}),
    );
    assert_eq!(body["input"], json!([user("a"), answer("b"), user("a")]));

    // Nothing was answered yet, but all that was said is said again.
    let mut conversation = Conversation::new();
    for input in [json!([user("a")]), json!([user("a"), user("z")])] {
        let body = asked(
            &mut conversation,
            &json!({"type": "response.create", "model": "m", "input": input}),
        );
        assert_eq!(body["input"], input);
        reply_with(&mut conversation, "resp_1", &json!([]));
    }
}

#[test]
fn a_request_that_failed_leaves_no_trace() {
    let mut conversation = Conversation::new();
    asked(
        &mut conversation,
        &json!({"type": "response.create", "model": "m", "input": [user("a")]}),
    );
    reply_with(&mut conversation, "resp_1", &json!([]));
    let again =
        json!({"type": "response.create", "previous_response_id": "resp_1", "input": [user("b")]});
    asked(&mut conversation, &again);
    conversation
        .sent(&json!({"type": "response.failed", "response": {"id": "resp_2"}}).to_string());
    let body = asked(&mut conversation, &again);
    assert_eq!(body["input"], json!([user("a"), user("b")]));
}

#[test]
fn the_end_of_a_reply_is_told() {
    let mut conversation = Conversation::new();
    let mut ends = |kind: &str| {
        conversation.sent(&json!({"type": kind, "delta": "x", "response": {"id": "r"}}).to_string())
    };
    assert!(!ends("response.created"));
    assert!(!ends("response.output_text.delta"));
    for kind in [
        "response.completed",
        "response.incomplete",
        "response.failed",
        "response.cancelled",
        "error",
    ] {
        assert!(ends(kind), "{kind}");
    }
}

#[test]
fn warm_up_is_answered_here() {
    let mut conversation = Conversation::new();
    let developer = json!({"type": "message", "role": "developer", "content": "D"});
    let warm_up = json!({"type": "response.create", "model": "m(high)", "generate": false, "input": [developer], "store": false});
    let Asked::Ready(answers) = conversation.receive(&bytes(&warm_up), &context()).unwrap() else {
        panic!("nothing to ask an upstream");
    };
    let answers: Vec<Value> = answers
        .iter()
        .map(|answer| serde_json::from_str(answer).unwrap())
        .collect();
    assert_eq!(kinds(&answers), ["response.created", "response.completed"]);
    assert_eq!(answers[1]["sequence_number"], 1);
    let response = &answers[1]["response"];
    assert_eq!(response["status"], "completed");
    assert_eq!(response["output"], json!([]));
    assert_eq!(response["model"], "m(high)");
    assert_eq!(response["usage"]["total_tokens"], 0);
    assert_eq!(response["id"], answers[0]["response"]["id"]);
    let body = asked(
        &mut conversation,
        &json!({"type": "response.create", "previous_response_id": response["id"], "input": [user("a")]}),
    );
    assert_eq!(
        body,
        json!({"input": [developer, user("a")], "stream": true, "model": "m(high)"})
    );
}

#[test]
fn what_is_no_request_is_refused() {
    let mut conversation = Conversation::new();
    let refusal = |conversation: &mut Conversation, message: Value| {
        let failure = refused_message(conversation, &message);
        assert_eq!(failure.status, 400);
        failure.message
    };
    assert_eq!(
        refusal(&mut conversation, json!({"type": "session.update"})),
        "unsupported websocket request type: session.update"
    );
    assert_eq!(
        refusal(
            &mut conversation,
            json!({"type": "response.append", "input": []})
        ),
        "websocket request received before response.create"
    );
    assert_eq!(
        refusal(
            &mut conversation,
            json!({"type": "response.create", "input": []})
        ),
        "missing model in response.create request"
    );
    assert!(
        conversation
            .receive(&Bytes::from_static(b"{"), &context())
            .is_err()
    );
    let body = asked(
        &mut conversation,
        &json!({"type": "response.create", "model": "m"}),
    );
    assert_eq!(body["input"], json!([]));
    reply_with(&mut conversation, "resp_1", &json!([]));
    assert_eq!(
        refusal(&mut conversation, json!({"type": "response.create"})),
        "websocket request requires array field: input"
    );
    let failure = refused_message(
        &mut conversation,
        &json!({"type": "response.create", "previous_response_id": "resp_9", "input": []}),
    );
    assert_eq!(failure.code.as_deref(), Some("previous_response_not_found"));
}

#[test]
fn messages_are_events_without_framing() {
    let mut encoder = OpenAiResponses.event_encoder(&context());
    let mut out = Vec::new();
    encoder.encode(start(), &mut out);
    encoder.encode(Event::KeepAlive, &mut out);
    let mut all = Vec::new();
    messages(&out, |data| all.push(data.to_owned())).unwrap();
    assert_eq!(all.len(), 2);
    let value: Value = serde_json::from_str(&all[0]).unwrap();
    assert_eq!(value["type"], "response.created");
}

#[test]
fn failures_as_messages() {
    let mut failure = Failure::new(429, "slow down");
    failure.retry_after = Some(Duration::from_millis(1200));
    let message: Value = serde_json::from_str(&failure_message(&failure)).unwrap();
    assert_eq!(message["type"], "error");
    assert_eq!(message["status"], 429);
    assert_eq!(message["headers"], json!({"retry-after": "2"}));
    assert_eq!(message["error"]["message"], "slow down");
    assert_eq!(message["error"]["type"], "rate_limit_error");
}
