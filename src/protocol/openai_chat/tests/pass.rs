//! Chat on both sides.

use super::*;
use crate::canonical::{Effort, Failure, ReasoningIntent, Usage};
use crate::codec::{Encoded, Patch, Seen};
use serde_json::json;

fn patch_for(
    raw: &str,
    patch: &Patch<'_>,
    endpoint: &EndpointTraits,
    model: &ModelTraits,
) -> Encoded {
    let target = Target {
        model: "up",
        stream: true,
        model_traits: model,
        endpoint,
    };
    OpenAiChat
        .patch_request(&Bytes::copy_from_slice(raw.as_bytes()), patch, &target)
        .unwrap()
}

fn patch(raw: &str, patch: &Patch<'_>) -> String {
    let encoded = patch_for(
        raw,
        patch,
        &EndpointTraits::default(),
        &ModelTraits::default(),
    );
    String::from_utf8(encoded.body.to_vec()).unwrap()
}

#[test]
fn e80_untouched_text_goes_out_byte_for_byte() {
    let raw = r#"{"temperature":1.0, "n":12345678901234567890,"a":1,"a":2, "model":"m","x":"<\u00e9>é","messages":[ ]}"#;
    let bytes = Bytes::copy_from_slice(raw.as_bytes());
    let target = Target {
        model: "up",
        stream: false,
        model_traits: &ModelTraits::default(),
        endpoint: &EndpointTraits::default(),
    };
    let same = OpenAiChat
        .patch_request(&bytes, &Patch::default(), &target)
        .unwrap();
    // The same bytes, not a copy.
    assert_eq!(same.body.as_ptr(), bytes.as_ptr());
    let renamed = patch(
        raw,
        &Patch {
            model: Some("up"),
            ..Patch::default()
        },
    );
    assert_eq!(renamed, raw.replace("\"m\"", "\"up\""));
}

#[test]
fn e72_the_usage_chunk_is_asked_for_once() {
    for (raw, want) in [
        (
            r#"{"model":"m","stream":true}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream_options":{"include_obfuscation":false},"stream":true}"#,
            r#"{"stream_options":{"include_obfuscation":false,"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage":false}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":null}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (r#"{"stream":false}"#, r#"{"stream":false}"#),
    ] {
        assert_eq!(patch(raw, &Patch::default()), want);
    }
    let without = EndpointTraits {
        no_stream_options: true,
        ..EndpointTraits::default()
    };
    for raw in [
        r#"{"model":"m","stream":true}"#,
        r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
    ] {
        let encoded = patch_for(raw, &Patch::default(), &without, &ModelTraits::default());
        assert_eq!(encoded.body, r#"{"model":"m","stream":true}"#);
    }
}

#[test]
fn e74_stream_options_without_a_stream_are_removed() {
    for raw in [
        r#"{"stream":false,"stream_options":{"include_usage":true},"model":"m"}"#,
        r#"{"stream_options":{"include_usage":true},"stream":false,"model":"m"}"#,
    ] {
        assert_eq!(
            patch(raw, &Patch::default()),
            r#"{"stream":false,"model":"m"}"#
        );
    }
    let never = Patch {
        stream: Some(false),
        ..Patch::default()
    };
    assert_eq!(
        patch(
            r#"{"stream":true,"stream_options":{"include_usage":true},"model":"m"}"#,
            &never
        ),
        r#"{"stream":false,"model":"m"}"#
    );
    let always = Patch {
        stream: Some(true),
        ..Patch::default()
    };
    assert_eq!(
        patch(r#"{"model":"m"}"#, &always),
        r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#
    );
}

#[test]
fn a_suffix_replaces_every_form_of_thinking() {
    let level = |intent| Patch {
        thinking: Some(intent),
        ..Patch::default()
    };
    for (raw, intent, want) in [
        (
            r#"{"model":"m"}"#,
            ReasoningIntent::Level(Effort::High),
            r#"{"model":"m","reasoning_effort":"high"}"#,
        ),
        (
            r#"{"reasoning_effort":"low","model":"m"}"#,
            ReasoningIntent::Off,
            r#"{"reasoning_effort":"none","model":"m"}"#,
        ),
        (
            r#"{"model":"m","reasoning_effort":"low","thinking":{"type":"enabled"},"enable_thinking":true,"thinking_budget":5}"#,
            ReasoningIntent::Unset,
            r#"{"model":"m"}"#,
        ),
        (
            r#"{"model":"m","reasoning":{"effort":"low","exclude":true}}"#,
            ReasoningIntent::Budget(1024),
            r#"{"model":"m","reasoning":{"exclude":true},"reasoning_effort":"low"}"#,
        ),
        (
            r#"{"reasoning":{"effort":"low"},"model":"m"}"#,
            ReasoningIntent::Unset,
            r#"{"model":"m"}"#,
        ),
    ] {
        assert_eq!(patch(raw, &level(intent)), want);
    }
}

#[test]
fn an_upstreams_own_tools_keep_their_names() {
    let raw = json!({"model": "m", "tools": [
        {"type": "builtin_function", "function": {"name": "$web_search"}},
        {"type": "function", "function": {"name": "read/file"}}]});
    for (builtin_tools, want) in [(true, "$web_search"), (false, "_web_search")] {
        let endpoint = EndpointTraits {
            builtin_tools,
            ..EndpointTraits::default()
        };
        let encoded = patch_for(
            &raw.to_string(),
            &Patch::default(),
            &endpoint,
            &ModelTraits::default(),
        );
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        assert_eq!(body["tools"][0]["function"]["name"], want);
        assert_eq!(body["tools"][1]["function"]["name"], "read_file");
    }
}

#[test]
fn e84_illegal_names_are_mapped_and_mapped_back() {
    let raw = json!({"model": "m", "messages": [
        {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "read/file", "arguments": "{}"}}]}],
        "tools": [{"type": "function", "function": {"name": "read/file"}}, {"type": "function", "function": {"name": "read_file"}}],
        "tool_choice": {"type": "function", "function": {"name": "read/file"}}});
    let encoded = patch_for(
        &raw.to_string(),
        &Patch::default(),
        &EndpointTraits::default(),
        &ModelTraits::default(),
    );
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let name = body["tools"][0]["function"]["name"].as_str().unwrap();
    assert!(name != "read/file" && name != "read_file");
    assert_eq!(body["tools"][1]["function"]["name"], "read_file");
    assert_eq!(
        body["messages"][0]["tool_calls"][0]["function"]["name"],
        name
    );
    assert_eq!(body["tool_choice"]["function"]["name"], name);
    let mut context = context();
    context.notes = encoded.notes;
    let chunk = format!(
        r#"{{"id":"x","choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,"id":"a","function":{{"name":"{name}","arguments":""}}}}]}}}}]}}"#
    );
    let (text, _) = relayed(&context, &[&chunk, &finish("tool_calls"), DONE]);
    assert!(text.contains(r#""name":"read/file""#), "{text}");
    let (whole, _) = OpenAiChat.relay_response(
        &Bytes::from(format!(
            r#"{{"choices":[{{"message":{{"tool_calls":[{{"function":{{"name":"{name}"}}}}]}}}}]}}"#
        )),
        &context,
    );
    assert_eq!(
        whole,
        r#"{"choices":[{"message":{"tool_calls":[{"function":{"name":"read/file"}}]}}]}"#
    );
}

#[test]
fn pictures_in_results_are_described_to_a_model_without_eyes() {
    let raw = r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}}]},{"role":"tool","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}]}"#;
    let blind = ModelTraits {
        vision: Some(false),
        ..ModelTraits::default()
    };
    let encoded = patch_for(raw, &Patch::default(), &EndpointTraits::default(), &blind);
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(body["messages"][0]["content"][0]["type"], "image_url");
    assert_eq!(
        body["messages"][1]["content"][1],
        json!({"type": "text", "text": "[image omitted: the model takes text only]"})
    );
    assert_eq!(patch(raw, &Patch::default()), raw);
}

#[test]
fn bodies_that_are_no_object_are_refused() {
    for raw in ["[]", "{", ""] {
        let target = Target {
            model: "up",
            stream: false,
            model_traits: &ModelTraits::default(),
            endpoint: &EndpointTraits::default(),
        };
        let refusal = OpenAiChat.patch_request(
            &Bytes::from_static(raw.as_bytes()),
            &Patch::default(),
            &target,
        );
        let whole = matches!(
            refusal,
            Err(CodecError::NotJson(_) | CodecError::NotAnObject)
        );
        assert!(whole, "{raw}");
    }
}

/// What a client gets for a stream of these payloads, and what the relay saw; the connection closes
/// afterwards.
fn relayed(context: &ReplyContext, payloads: &[&str]) -> (String, Vec<Seen>) {
    let stream: String = payloads
        .iter()
        .map(|payload| format!("data: {payload}\n\n"))
        .collect();
    let (out, seen, _, _) = relay_bytes(context, stream.as_bytes());
    (out, seen)
}

type Relayed = (String, Vec<Seen>, Option<Box<Failure>>, Option<Usage>);

fn relay_bytes(context: &ReplyContext, stream: &[u8]) -> Relayed {
    let mut relay = OpenAiChat.relay(context);
    let mut parser = SseParser::new();
    let mut out = Vec::new();
    let mut seen = Vec::new();
    parser
        .push(stream, |frame| seen.push(relay.frame(frame, &mut out)))
        .unwrap();
    parser
        .finish(|frame| seen.push(relay.frame(frame, &mut out)))
        .unwrap();
    let failure = relay.finish(&mut out);
    let usage = relay.usage().cloned();
    (String::from_utf8(out).unwrap(), seen, failure, usage)
}

const COUNTED: &str =
    r#"{"id":"x","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#;

#[test]
fn frames_go_on_untouched() {
    let stream = concat!(
        ": OPENROUTER PROCESSING\n\n",
        "data: {\"choices\":[],\"prompt_filter_results\":[]}\r\n\r\n",
        "id: 7\ndata:  {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"n\":1.0,\"n\":1e3}\n\n",
        "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"say \\\"usage\\\": and \\\"error\\\": x\"}}]}\n\n",
        "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "event: later\ndata: {\"unknown\":true}\n\n",
        "data: [DONE] \n\n",
    );
    let (out, seen, failure, usage) = relay_bytes(&context(), stream.as_bytes());
    assert_eq!(out, stream);
    assert_eq!(
        seen,
        [
            Seen::Preamble,
            Seen::Preamble,
            Seen::Preamble,
            Seen::Content,
            Seen::Content,
            Seen::Content,
            Seen::End
        ]
    );
    assert_eq!((failure, usage), (None, None));
}

#[test]
fn e234_the_usage_chunk_stays_here_unless_asked_for() {
    let text = chunk(r#"{"content":"a"}"#);
    let end = finish("stop");
    let payloads = [text.as_str(), &end, COUNTED, DONE];
    let stream: String = payloads.iter().map(|p| format!("data: {p}\n\n")).collect();
    let mut context = context();
    for asked in [false, true] {
        context.include_usage = asked;
        let (out, _, _, usage) = relay_bytes(&context, stream.as_bytes());
        let usage = usage.unwrap();
        assert_eq!((usage.input_total, usage.output_total), (Some(3), Some(4)));
        assert_eq!(out.contains("\"usage\""), asked);
        assert!(out.ends_with("data: [DONE]\n\n"));
    }
    // Counts on a chunk with content belong to the reply and are never changed.
    context.include_usage = false;
    let running = r#"{"id":"x","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9}}"#;
    let (out, seen) = relayed(&context, &[running, DONE]);
    assert!(out.contains("\"usage\""));
    assert_eq!(seen, [Seen::Content, Seen::End]);
}

#[test]
fn e138_nothing_after_done_and_a_done_of_our_own() {
    let text = chunk(r#"{"content":"a"}"#);
    let end = finish("stop");
    let (out, _) = relayed(&context(), &[&text, &end, DONE, &text]);
    assert_eq!(out.matches("data: ").count(), 3);
    let (out, seen) = relayed(&context(), &[&text, &end]);
    assert!(out.ends_with("data: [DONE]\n\n"));
    assert_eq!(seen.len(), 2);
    // `[DONE]` without a finish reason ends the reply.
    let (out, seen) = relayed(&context(), &[&text, DONE]);
    assert_eq!(seen.last(), Some(&Seen::End));
    assert!(!out.contains("error"));
    // A last frame without blank line is completed.
    let stream = format!("data: {text}\n\ndata: [DONE]");
    let (out, seen, _, _) = relay_bytes(&context(), stream.as_bytes());
    assert!(out.ends_with("data: [DONE]\n\n"));
    assert_eq!(seen.last(), Some(&Seen::End));
}

#[test]
fn e160_a_stream_that_breaks_off_ends_with_an_error() {
    let text = chunk(r#"{"content":"a"}"#);
    let stream = format!("data: {text}\n\n");
    let (out, _, failure, _) = relay_bytes(&context(), stream.as_bytes());
    assert_eq!(failure.unwrap().status, 502);
    let (chunks, done) = chunks_of(&out);
    assert!(!done);
    assert!(chunks[1]["error"]["message"].is_string());
}

#[test]
fn e241_errors_inside_the_stream_are_seen() {
    let first = r#"{"error":{"message":"m","code":503}}"#;
    let (out, seen) = relayed(&context(), &[first, DONE]);
    let [Seen::Failure(failure), Seen::Preamble] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!((failure.status, failure.message.as_str()), (503, "m"));
    // As it came, and nothing behind it.
    assert_eq!(out, format!("data: {first}\n\n"));
    let text = chunk(r#"{"content":"a"}"#);
    let (out, seen) = relayed(&context(), &[&text, first]);
    assert!(matches!(seen[..], [Seen::Content, Seen::Failure(_)]));
    assert!(out.ends_with(&format!("data: {first}\n\n")));
    // An error no client would see gets the envelope.
    let stream = "event: error\ndata: {\"message\":\"plain\"}\n\n";
    let (out, seen, _, _) = relay_bytes(&context(), stream.as_bytes());
    assert!(matches!(seen[..], [Seen::Failure(_)]));
    assert_eq!(chunks_of(&out).0[0]["error"]["message"], "plain");
    // The word alone is no error.
    let quiet = r#"{"id":"x","error":null,"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#;
    let (_, seen) = relayed(&context(), &[quiet, DONE]);
    assert_eq!(seen, [Seen::Content, Seen::End]);
}

#[test]
fn e237_a_failure_after_the_commit_is_told() {
    let mut relay = OpenAiChat.relay(&context());
    let mut out = Vec::new();
    relay.fail(&Failure::new(504, "too slow"), &mut out);
    relay.fail(&Failure::new(504, "twice"), &mut out);
    assert_eq!(relay.finish(&mut out), None);
    let (chunks, done) = chunks_of(&String::from_utf8(out).unwrap());
    assert!(!done && chunks.len() == 1);
    assert_eq!(chunks[0]["error"]["message"], "too slow");
}

#[test]
fn the_model_is_echoed_where_it_must_be() {
    let mut context = context();
    context.echo_model = Some("alias".to_owned());
    let text = r#"{"id":"x", "model":"up","choices":[{"index":0,"delta":{"content":"\"model\":\"up\""}}],"moderation":{"model":"up"}}"#;
    let (out, _) = relayed(&context, &[text, &finish("stop"), DONE]);
    assert!(
        out.starts_with(&format!(
            "data: {}\n\n",
            text.replacen("\"model\":\"up\"", "\"model\":\"alias\"", 1)
        )),
        "{out}"
    );
    let whole = Bytes::from_static(br#"{"model":"up","usage":{"prompt_tokens":1},"choices":[]}"#);
    let (body, usage) = OpenAiChat.relay_response(&whole, &context);
    assert_eq!(
        body,
        r#"{"model":"alias","usage":{"prompt_tokens":1},"choices":[]}"#
    );
    assert_eq!(usage.unwrap().input_total, Some(1));
    context.echo_model = None;
    let (body, _) = OpenAiChat.relay_response(&whole, &context);
    assert_eq!(body.as_ptr(), whole.as_ptr());
}

#[test]
fn e243_unreadable_events_are_skipped() {
    let text = chunk(r#"{"content":"a"}"#);
    let bad = ["{broken", "ping", "", "{\"choices\":3}"];
    let mut payloads = bad.to_vec();
    payloads.push(&text);
    payloads.extend(&bad[..3]);
    let end = finish("stop");
    payloads.extend([end.as_str(), DONE]);
    let (out, seen) = relayed(&context(), &payloads);
    assert_eq!(
        out,
        format!("data: {text}\n\ndata: {end}\n\ndata: [DONE]\n\n")
    );
    assert_eq!(seen.last(), Some(&Seen::End));
    // As the last thing said it is a broken reply.
    let stream = format!("data: {text}\n\ndata: {{broken\n\n");
    let (_, _, failure, _) = relay_bytes(&context(), stream.as_bytes());
    assert_eq!(failure.unwrap().status, 502);
}

#[test]
fn e139_an_error_as_a_line_of_bare_json() {
    let stream = "{\"error\":{\"message\":\"m\",\"code\":503}}\n\n";
    let (out, seen, _, _) = relay_bytes(&context(), stream.as_bytes());
    assert!(matches!(&seen[..], [Seen::Failure(failure)] if failure.status == 503));
    assert_eq!(chunks_of(&out).0[0]["error"]["message"], "m");
}

#[test]
fn e158_counts_are_found_wherever_a_vendor_puts_them() {
    let counts = r#""usage":{"prompt_tokens":9,"completion_tokens":1}"#;
    for payload in [
        format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop",{counts}}}]}}"#),
        format!(
            r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}],"x_groq":{{{counts}}}}}"#
        ),
        format!(r#"{{"choices":[{{"index":0,"delta":{{}},"finish_reason":"stop"}}],{counts}}}"#),
    ] {
        let stream = format!("data: {payload}\n\n");
        let (_, _, _, usage) = relay_bytes(&context(), stream.as_bytes());
        assert_eq!(usage.unwrap().input_total, Some(9), "{payload}");
    }
}

#[test]
fn replies_that_hide_a_failure() {
    for (body, status) in [
        (r#"{"error":{"message":"m","code":429}}"#, Some(429)),
        (r#"{"choices":[]}"#, Some(502)),
        (r#"{"choices":[],"usage":{"prompt_tokens":1}}"#, None),
        (
            r#"{"choices":[{"message":{"content":"x"}}],"error":null}"#,
            None,
        ),
        ("text", None),
    ] {
        let failure = crate::openai_chat::failure_in_reply(body.as_bytes());
        assert_eq!(failure.map(|failure| failure.status), status, "{body}");
    }
}
