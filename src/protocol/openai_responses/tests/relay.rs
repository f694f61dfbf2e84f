use super::*;
use crate::codec::{Relay, Seen};
use crate::names::NameMap;
use crate::openai_responses::ResponseFold;

fn frame_text(payload: &Value) -> String {
    format!(
        "event: {}\ndata: {payload}\n\n",
        payload["type"].as_str().unwrap()
    )
}

/// Carries frames; what went out, and what was seen in each.
fn carried(relay: &mut dyn Relay, frames: &str) -> (String, Vec<Seen>) {
    let mut out = Vec::new();
    let mut seen = Vec::new();
    let mut parser = SseParser::new();
    parser
        .push(frames.as_bytes(), |frame| {
            seen.push(relay.frame(frame, &mut out));
        })
        .unwrap();
    (String::from_utf8(out).unwrap(), seen)
}

fn created() -> Value {
    json!({"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1", "model": "up"}})
}

fn word(number: usize) -> Value {
    json!({"type": "response.output_text.delta", "sequence_number": number, "output_index": 0, "content_index": 0, "delta": "x"})
}

fn completed(output: Value) -> Value {
    json!({"type": "response.completed", "sequence_number": 9, "response": {"id": "resp_1", "model": "up", "output": output,
        "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}}})
}

#[test]
fn frames_pass_as_they_came() {
    let frames = [
        ": comment\n\n".to_owned(),
        frame_text(&created()),
        "event: response.output_text.delta\r\ndata:{\"type\":\"response.output_text.delta\", \"delta\":\"x\"}\r\n\r\n".to_owned(),
        frame_text(&json!({"type": "keepalive"})),
        frame_text(&json!({"type": "codex.rate_limits", "x": 1})),
        frame_text(&json!({"type": "response.new_thing"})),
        frame_text(&completed(json!([]))),
    ]
    .concat();
    let mut relay = OpenAiResponses.relay(&context());
    let (out, seen) = carried(&mut *relay, &frames);
    assert_eq!(out, frames);
    assert_eq!(
        seen,
        [
            Seen::Preamble,
            Seen::Preamble,
            Seen::Content,
            Seen::Preamble,
            Seen::Preamble,
            Seen::Content,
            Seen::End,
        ]
    );
    assert_eq!(relay.usage().unwrap().input_total, Some(3));
    assert_eq!(relay.finish(&mut Vec::new()), None);
    // Behind the end there is nothing.
    let (out, _) = carried(&mut *relay, "data: [DONE]\n\n");
    assert_eq!(out, "");
}

#[test]
fn events_without_name_are_known_by_their_type() {
    let frames = format!("data: {}\n\ndata: {}\n\n", word(1), completed(json!([])));
    let mut relay = OpenAiResponses.relay(&context());
    let (out, seen) = carried(&mut *relay, &frames);
    assert_eq!(out, frames);
    assert_eq!(seen, [Seen::Content, Seen::End]);
}

#[test]
fn private_events_of_codex_are_for_codex_only() {
    let frame = frame_text(&json!({"type": "codex.rate_limits"}));
    for (codex_client, want) in [(false, ""), (true, frame.as_str())] {
        let context = ReplyContext {
            endpoint: codex(),
            codex_client,
            ..context()
        };
        let (out, seen) = carried(&mut *OpenAiResponses.relay(&context), &frame);
        assert_eq!(out, want);
        assert_eq!(seen, [Seen::Preamble]);
    }
}

#[test]
fn model_and_names_are_the_clients() {
    let mut names = NameMap::default();
    names.insert("a long name", "short");
    let mut context = ReplyContext {
        echo_model: Some("alias(high)".to_owned()),
        ..context()
    };
    context.notes.names = names;
    let call = json!({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "short", "arguments": "{}"});
    let frames: String = [
        created(),
        json!({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": call}),
        json!({"type": "response.function_call_arguments.done", "sequence_number": 2, "output_index": 0, "name": "short", "arguments": "{\"name\":\"short\"}"}),
        completed(json!([call])),
    ]
    .iter()
    .map(frame_text)
    .collect();
    let (out, _) = carried(&mut *OpenAiResponses.relay(&context), &frames);
    let out = payloads(out.as_bytes());
    assert_eq!(out[0]["response"]["model"], "alias(high)");
    assert_eq!(out[1]["item"]["name"], "a long name");
    assert_eq!(out[2]["name"], "a long name");
    assert_eq!(out[2]["arguments"], "{\"name\":\"short\"}");
    assert_eq!(out[3]["response"]["output"][0]["name"], "a long name");
    assert_eq!(out[3]["response"]["model"], "alias(high)");
    assert_eq!(out[3]["sequence_number"], 9);
}

#[test]
fn codex_gets_its_output_back() {
    let item = json!({"type": "message", "id": "msg_1", "content": []});
    let frames: String = [
        json!({"type": "response.output_item.done", "output_index": 1, "item": item}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}}),
        completed(json!([])),
    ]
    .iter()
    .map(frame_text)
    .collect();
    let context = ReplyContext {
        endpoint: codex(),
        ..context()
    };
    let (out, seen) = carried(&mut *OpenAiResponses.relay(&context), &frames);
    let out = payloads(out.as_bytes());
    assert_eq!(
        out[2]["response"]["output"],
        json!([{"type": "reasoning", "id": "rs_1"}, item])
    );
    assert_eq!(seen.last(), Some(&Seen::End));
}

#[test]
fn failures_pass_and_are_seen() {
    let frames = [created(), json!({"type": "error", "sequence_number": 1, "code": "rate_limit_exceeded", "message": "slow"})]
        .iter()
        .map(frame_text)
        .collect::<String>();
    let mut relay = OpenAiResponses.relay(&context());
    let (out, seen) = carried(&mut *relay, &frames);
    assert_eq!(out, frames);
    match &seen[1] {
        Seen::Failure(failure) => {
            assert_eq!((failure.status, failure.message.as_str()), (429, "slow"))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(relay.finish(&mut Vec::new()), None);

    // Codex reads failures from `response.failed` only.
    let codex_client = ReplyContext {
        codex_client: true,
        ..context()
    };
    let (out, _) = carried(&mut *OpenAiResponses.relay(&codex_client), &frames);
    let out = payloads(out.as_bytes());
    assert_eq!(
        kinds(&out),
        ["response.created", "error", "response.failed"]
    );
    assert_eq!(out[2]["sequence_number"], 2);
    assert_eq!(out[2]["response"]["id"], "resp_1");
    assert_eq!(
        out[2]["response"]["error"],
        json!({"code": "rate_limit_exceeded", "message": "slow"})
    );
}

#[test]
fn a_cut_reply_ends_with_an_error() {
    let frames: String = [created(), word(7)].iter().map(frame_text).collect();
    let mut relay = OpenAiResponses.relay(&context());
    carried(&mut *relay, &frames);
    let mut out = Vec::new();
    let failure = relay.finish(&mut out).unwrap();
    assert_eq!(failure.status, 502);
    assert_eq!(
        payloads(&out),
        [
            json!({"type": "error", "sequence_number": 8, "code": "internal_server_error",
            "message": "stream closed before response.completed", "param": null})
        ]
    );
    assert_eq!(relay.finish(&mut Vec::new()), None);
}

#[test]
fn e252_chat_chunks_do_not_pass() {
    let frames = "data: {\"object\":\"chat.completion.chunk\",\"choices\":[]}\n\n";
    let (out, seen) = carried(&mut *OpenAiResponses.relay(&context()), frames);
    assert!(matches!(&seen[..], [Seen::Failure(_)]));
    assert_eq!(payloads(out.as_bytes())[0]["type"], "error");
}

#[test]
fn e254_a_wrapped_call_passes() {
    let item = json!({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "multi_tool_use.parallel", "arguments": "{\"tool_uses\":[]}"});
    let frames =
        frame_text(&json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
    let (out, _) = carried(&mut *OpenAiResponses.relay(&context()), &frames);
    assert_eq!(out, frames);
}

#[test]
fn whole_replies() {
    let raw = Bytes::from_static(
        br#"{"id":"resp_1","model":"up", "output":[],"temperature":1.0,"usage":{"input_tokens":3,"output_tokens":2}}"#,
    );
    let (body, usage) = OpenAiResponses.relay_response(&raw, &context());
    assert_eq!((body.as_ptr(), &body), (raw.as_ptr(), &raw));
    assert_eq!(usage.unwrap().output_total, Some(2));
    let echo = ReplyContext {
        echo_model: Some("alias".to_owned()),
        ..context()
    };
    let (body, _) = OpenAiResponses.relay_response(&raw, &echo);
    let want = std::str::from_utf8(&raw)
        .unwrap()
        .replace("\"up\"", "\"alias\"");
    assert_eq!(body, want.as_bytes());
}

/// Folds frames; `None` when they hold no terminal event.
fn fold_frames(payloads: &[Value]) -> Option<Result<Value, u16>> {
    let mut fold = ResponseFold::new();
    payloads.iter().find_map(|payload| {
        let data = payload.to_string();
        let ended = fold.frame(&Frame::of_data(None, &data))?;
        Some(match ended {
            Ok(body) => Ok(serde_json::from_slice(&body).unwrap()),
            Err(failure) => Err(failure.status),
        })
    })
}

#[test]
fn a_stream_folds_into_its_response_object() {
    // Test vector 2 of the Codex sheet.
    let message = json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": "Hello", "annotations": []}]});
    let reasoning =
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAfake"});
    let last = json!({"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": [],
        "usage": {"input_tokens": 12, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 19}}});
    let stream = [
        json!({"type": "response.output_item.done", "output_index": 1, "item": message}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": reasoning}),
        last,
    ];
    let response = fold_frames(&stream).unwrap().unwrap();
    assert_eq!(response["output"], json!([reasoning, message]));
    let events = OpenAiResponses
        .decode_response(&bytes(&response), &context())
        .unwrap();
    let folded = fold(events).unwrap();
    assert_eq!(text_of(&folded.choices[0].items[1]), "Hello");
    assert_eq!(folded.usage.cache_read, Some(4));

    assert_eq!(fold_frames(&stream[..2]), None);
    assert_eq!(
        fold_frames(&[json!({"type": "error", "code": "server_is_overloaded", "message": "m"})]),
        Some(Err(503))
    );
    assert_eq!(ResponseFold::new().finish().status, 502);
}
