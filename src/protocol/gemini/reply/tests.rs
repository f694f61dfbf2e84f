//! Upstream replies → events.

use super::super::Gemini;
use crate::canonical::{
    Arguments, CallKind, Channel, Delta, Event, Item, ItemHead, Response, SignaturePlace, Stop,
    Usage, fold,
};
use crate::codec::{Codec, ReplyContext};
use crate::sse::{Frame, SseParser};
use bytes::Bytes;
use serde_json::{Value, json};

fn context() -> ReplyContext {
    ReplyContext {
        id_seed: "0123456789abcdef".repeat(3),
        ..ReplyContext::default()
    }
}

/// Events of a stream whose frames carry these data.
fn stream(data: &[&str]) -> Vec<Event> {
    let mut decoder = Gemini.event_decoder(&context());
    let mut events = Vec::new();
    for data in data {
        decoder.decode(&Frame::of_data(None, data), &mut events);
    }
    decoder.finish(&mut events);
    decoder.finish(&mut events);
    events
}

fn objects(objects: &[Value]) -> Vec<Event> {
    let data: Vec<String> = objects.iter().map(Value::to_string).collect();
    stream(&data.iter().map(String::as_str).collect::<Vec<_>>())
}

fn parts(list: Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": list}}]})
}

fn finished(list: Value, reason: &str) -> Value {
    json!({"candidates": [{"content": {"parts": list}, "finishReason": reason}]})
}

#[track_caller]
fn folded(list: &[Value]) -> Response {
    fold(objects(list)).unwrap()
}

/// Kind and text of each item.
fn outline(response: &Response) -> Vec<(&'static str, String)> {
    response.choices[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Text { text, .. } => ("text", text.to_string()),
            Item::Reasoning { summary, .. } => ("thought", summary.join("|")),
            Item::Call {
                name, arguments, ..
            } => ("call", format!("{name}{}", arguments.as_str())),
            Item::Image { .. } => ("image", String::new()),
            Item::Server(tool) => ("server", tool.kind.clone()),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn stops(events: &[Event]) -> Vec<Stop> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Finish { stop, .. } => Some(stop.clone()),
            _ => None,
        })
        .collect()
}

#[track_caller]
fn failure_of(events: &[Event]) -> (u16, String) {
    match events.last() {
        Some(Event::Error(failure)) => (failure.status, failure.message.clone()),
        other => panic!("no failure at the end: {other:?}"),
    }
}

#[test]
fn the_order_of_events() {
    let events = objects(&[
        json!({"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": {"promptTokenCount": 1},
            "modelVersion": "gemini-x", "responseId": "r1"}),
        json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": { "x": 1 }}}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}}),
    ]);
    let Event::Start(start) = &events[0] else {
        panic!("starts with the head");
    };
    assert_eq!(
        (start.id.as_deref(), start.model.as_deref()),
        (Some("r1"), Some("gemini-x"))
    );
    assert!(matches!(
        &events[1],
        Event::ItemStart {
            index: 0,
            choice: 0,
            head: ItemHead::Text
        }
    ));
    assert!(
        matches!(&events[2], Event::Delta { index: 0, delta: Delta::Text { text, .. } } if text == "a")
    );
    assert!(matches!(&events[3], Event::ItemStop { index: 0, .. }));
    let Event::ItemStart {
        index: 1,
        head: ItemHead::Call { id, name, kind, .. },
        ..
    } = &events[4]
    else {
        panic!("a call: {:?}", events[4]);
    };
    assert_eq!(
        (id.as_str(), name.as_str(), *kind),
        ("call_0123456789abcdef01234567", "f", CallKind::Function)
    );
    assert!(
        matches!(&events[5], Event::Delta { index: 1, delta: Delta::Arguments(a) } if a == "{\"x\":1}")
    );
    assert!(matches!(&events[6], Event::ItemStop { index: 1, .. }));
    assert!(matches!(&events[7], Event::Usage(usage) if usage.output_total == Some(2)));
    assert!(
        matches!(&events[8], Event::Finish { choice: 0, stop: Stop::ToolUse, native: Some(n) } if n == "stop")
    );
    assert_eq!(events[9..], [Event::End]);
}

#[test]
fn e193_text_after_the_first_finish_counts() {
    let events = objects(&[
        json!({"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1}}),
        json!({"candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS"}], "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}}),
    ]);
    assert_eq!(stops(&events), [Stop::MaxTokens]);
    let response = fold(events).unwrap();
    assert_eq!(outline(&response), [("text", "ab".into())]);
    assert_eq!(response.usage.input_total, Some(9));
}

#[test]
fn e194_the_finish_waits_for_the_end() {
    let call = |name: &str| parts(json!([{"functionCall": {"name": name, "args": {}}}]));
    let events = objects(&[
        call("f"),
        call("g"),
        finished(json!([{"text": ""}]), "STOP"),
    ]);
    assert_eq!(stops(&events), [Stop::ToolUse]);
    let response = fold(events).unwrap();
    assert_eq!(
        outline(&response),
        [("call", "f{}".into()), ("call", "g{}".into())]
    );
}

#[test]
fn e195_calls_without_id_or_args() {
    let response = folded(&[finished(
        json!([
            {"functionCall": {"name": "f"}},
            {"functionCall": {"id": "", "name": "f", "args": null}},
            {"functionCall": {"id": "own", "name": "g", "args": {}}},
        ]),
        "STOP",
    )]);
    let calls: Vec<(&str, &Arguments)> = response.choices[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Call { id, arguments, .. } => (id.as_str(), arguments),
            other => panic!("{other:?}"),
        })
        .collect();
    let empty = Arguments::Json("{}".into());
    assert!(
        calls
            .iter()
            .all(|(id, arguments)| !id.is_empty() && **arguments == empty)
    );
    assert_ne!(calls[0].0, calls[1].0);
    assert_eq!(calls[2].0, "own");
}

#[test]
fn e196_arguments_in_pieces() {
    let piece = |call: Value| parts(json!([{ "functionCall": call }]));
    let events = objects(&[
        json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "w", "willContinue": true}, "thoughtSignature": "s"}]}}]}),
        piece(
            json!({"partialArgs": [{"jsonPath": "$.city", "stringValue": "Bos", "willContinue": true}], "willContinue": true}),
        ),
        piece(
            json!({"partialArgs": [{"jsonPath": "$.city", "stringValue": "ton"}], "willContinue": true}),
        ),
        piece(json!({})),
        piece(json!({"name": "w", "willContinue": true})),
        piece(
            json!({"partialArgs": [{"jsonPath": "$.n", "numberValue": 2}], "willContinue": true}),
        ),
        finished(json!([{"text": ""}]), "STOP"),
    ]);
    // Fragments come as they arrive.
    assert!(events.iter().any(
        |event| matches!(event, Event::Delta { delta: Delta::Arguments(a), .. } if a == "{\"city\":\"Bos")
    ));
    assert_eq!(stops(&events), [Stop::ToolUse]);
    let response = fold(events).unwrap();
    assert_eq!(
        outline(&response),
        [
            ("call", r#"w{"city":"Boston"}"#.into()),
            ("call", r#"w{"n":2}"#.into())
        ]
    );
    assert!(
        matches!(&response.choices[0].items[0], Item::Call { signature: Some(s), .. } if s.value == "s")
    );
}

#[test]
fn e196_two_calls_grow_side_by_side() {
    let piece = |id: &str, call: Value| {
        let mut call = call;
        call["id"] = id.into();
        parts(json!([{ "functionCall": call }]))
    };
    let grow = |path: &str| json!({"partialArgs": [{"jsonPath": path, "numberValue": 1}], "willContinue": true});
    let response = folded(&[
        piece("a", json!({"name": "f", "willContinue": true})),
        piece("b", json!({"name": "g", "willContinue": true})),
        piece("b", grow("$.y")),
        piece("a", grow("$.x")),
        piece("a", json!({})),
        piece(
            "b",
            json!({"partialArgs": [{"jsonPath": "$.z", "boolValue": true}]}),
        ),
        finished(json!([]), "STOP"),
    ]);
    assert_eq!(
        outline(&response),
        [
            ("call", r#"f{"x":1}"#.into()),
            ("call", r#"g{"y":1,"z":true}"#.into())
        ]
    );
}

#[test]
fn e197_refused_prompts_and_filtered_replies() {
    let events = objects(&[json!({"promptFeedback": {"blockReason": "SAFETY"}})]);
    let filtered = |word: &str| Stop::ContentFilter(Some(word.into()));
    assert_eq!(stops(&events), [filtered("safety")]);
    assert_eq!(events.last(), Some(&Event::End));
    assert!(fold(events).unwrap().choices[0].items.is_empty());
    for word in ["SAFETY", "RECITATION"] {
        let events = objects(&[json!({"candidates": [{"finishReason": word}]})]);
        assert_eq!(stops(&events), [filtered(&word.to_lowercase())]);
    }
    // Ratings alone are no refusal.
    let events = objects(&[
        json!({"promptFeedback": {"safetyRatings": []}, "candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}),
    ]);
    assert_eq!(stops(&events), [Stop::EndTurn]);
}

#[test]
fn e198_odd_endings() {
    let malformed = json!({"candidates": [{"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "bad call"}]});
    assert_eq!(
        stops(&objects(&[malformed])),
        [Stop::Malformed("bad call".into())]
    );
    let unknown = finished(json!([{"text": "a"}]), "FAKE_ENUM");
    assert_eq!(stops(&objects(&[unknown])), [Stop::EndTurn]);
    let without_parts = json!({"candidates": [{"content": {"role": "model"}}]});
    let response = folded(&[
        parts(json!([{"text": "a"}])),
        without_parts,
        finished(json!([]), "STOP"),
    ]);
    assert_eq!(outline(&response), [("text", "a".into())]);
}

#[test]
fn other_stops_need_content() {
    let with = objects(&[finished(json!([{"text": "a"}]), "OTHER")]);
    assert_eq!(stops(&with), [Stop::EndTurn]);
    let without = objects(&[json!({"candidates": [{"finishReason": "OTHER"}]})]);
    assert_eq!(failure_of(&without).0, 502);
}

#[test]
fn e199_a_candidate_without_content_is_an_empty_reply() {
    let events = objects(&[json!({"candidates": [{"finishReason": "STOP"}]})]);
    assert_eq!(events.last(), Some(&Event::End));
    assert!(fold(events).unwrap().choices[0].items.is_empty());
}

#[test]
fn e200_thoughts_and_texts_keep_their_order() {
    let response = folded(&[
        parts(json!([{"text": "t1"}, {"text": "h1", "thought": true}])),
        parts(json!([{"text": "h2", "thought": true}])),
        finished(
            json!([{"text": "t2"}, {"text": "h3", "thought": true}]),
            "STOP",
        ),
    ]);
    let want = [
        ("text", "t1"),
        ("thought", "h1h2"),
        ("text", "t2"),
        ("thought", "h3"),
    ];
    assert_eq!(
        outline(&response),
        want.map(|(kind, text)| (kind, text.to_owned()))
    );
}

#[test]
fn e57_signed_text_stays_text() {
    let response = folded(&[finished(
        json!([{"text": "408", "thoughtSignature": "s"}, {"text": "THOUGHT: x"}]),
        "STOP",
    )]);
    assert_eq!(
        outline(&response),
        [("text", "408".into()), ("text", "THOUGHT: x".into())]
    );
    let Item::Text {
        signature: Some(signature),
        ..
    } = &response.choices[0].items[0]
    else {
        panic!("the signature stays with its text");
    };
    assert_eq!(
        (signature.value.as_str(), signature.place),
        ("s", SignaturePlace::Here)
    );
}

#[test]
fn e58_a_trailing_signature_joins_open_thinking() {
    let events = objects(&[
        parts(json!([{"text": "h", "thought": true}])),
        finished(json!([{"text": "", "thoughtSignature": "s"}]), "STOP"),
    ]);
    let n_stops = events
        .iter()
        .filter(|e| matches!(e, Event::ItemStop { .. }))
        .count();
    assert_eq!(n_stops, 1);
    let response = fold(events).unwrap();
    let [
        Item::Reasoning {
            summary,
            signature: Some(signature),
            ..
        },
    ] = &response.choices[0].items[..]
    else {
        panic!("one item: {response:?}");
    };
    assert_eq!(
        (summary.join(""), signature.place),
        ("h".into(), SignaturePlace::Detached)
    );
}

#[test]
fn e201_a_late_signature_gets_an_item_of_its_own() {
    let response = folded(&[
        parts(json!([{"text": "h", "thought": true}, {"text": "t"}])),
        finished(json!([{"text": "", "thoughtSignature": "s"}]), "STOP"),
    ]);
    let want = [("thought", "h"), ("text", "t"), ("thought", "")];
    assert_eq!(
        outline(&response),
        want.map(|(kind, text)| (kind, text.to_owned()))
    );
    assert!(matches!(
        &response.choices[0].items[0],
        Item::Reasoning {
            signature: None,
            ..
        }
    ));
    assert!(matches!(
        &response.choices[0].items[2],
        Item::Reasoning { signature: Some(s), .. } if s.place == SignaturePlace::Detached
    ));
}

#[test]
fn thoughts_are_summaries() {
    let events = objects(&[finished(json!([{"text": "h", "thought": true}]), "STOP")]);
    assert!(events.iter().any(|event| matches!(
        event,
        Event::Delta { delta: Delta::Reasoning { channel: Channel::Summary(0), text }, .. } if text == "h"
    )));
}

#[test]
fn e202_done_markers_are_ignored() {
    let last = finished(json!([{"text": "a"}]), "STOP").to_string();
    let events = stream(&["[DONE]", &last, "[DONE]", ""]);
    assert_eq!(events.iter().filter(|e| **e == Event::End).count(), 1);
    assert_eq!(stops(&events), [Stop::EndTurn]);
    assert_eq!(stream(&["[DONE]"]).len(), 1);
}

#[test]
fn e203_an_empty_text_is_an_answer_when_it_is_all() {
    let response = folded(&[finished(json!([{"text": ""}]), "STOP")]);
    assert_eq!(outline(&response), [("text", String::new())]);
}

#[test]
fn e205_errors_in_the_stream() {
    let text = parts(json!([{"text": "a"}])).to_string();
    let error = r#"{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}"#;
    let wrapped = format!("[{error}]");
    for data in [error, &wrapped] {
        let events = stream(&[&text, data, &text]);
        assert_eq!(failure_of(&events), (503, "overloaded".into()));
        assert_eq!(
            events
                .iter()
                .filter(|e| matches!(e, Event::Error(_)))
                .count(),
            1
        );
    }
    // Bare JSON without `data:`.
    let mut parser = SseParser::new();
    let mut decoder = Gemini.event_decoder(&context());
    let mut events = Vec::new();
    let bytes = format!(
        "data: {text}\r\n\r\n{{\n  \"error\": {{\n    \"code\": 499,\n    \"message\": \"gone\"\n  }}\n}}\n\n"
    );
    parser
        .push(bytes.as_bytes(), |frame| decoder.decode(frame, &mut events))
        .unwrap();
    assert_eq!(failure_of(&events), (499, "gone".into()));
    // Without a code that is a status.
    let events = stream(&[r#"{"error":{"code":7,"message":"x"}}"#]);
    assert_eq!(failure_of(&events).0, 502);
}

#[test]
fn e240_quota_errors_carry_the_wait() {
    let error = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.07s"}]}}"#;
    let events = stream(&[error]);
    let Some(Event::Error(failure)) = events.last() else {
        panic!("a failure");
    };
    let wait = failure.retry_after.unwrap();
    assert!((34..=35).contains(&wait.as_secs()), "{wait:?}");
}

#[test]
fn e206_grounding_becomes_citations_and_one_search() {
    let grounding = json!({
        "webSearchQueries": ["köln wetter"],
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}],
        "groundingSupports": [{"segment": {"startIndex": 8, "endIndex": 14, "text": "Sonne."}, "groundingChunkIndices": [0]}],
    });
    let mut last = finished(json!([{"text": " Sonne."}]), "STOP");
    last["candidates"][0]["groundingMetadata"] = grounding;
    last["usageMetadata"] = json!({"promptTokenCount": 1, "totalTokenCount": 1});
    let mut first = parts(json!([{"text": "Grüße"}]));
    first["candidates"][0]["groundingMetadata"] = json!({});
    let response = folded(&[first, last]);
    assert_eq!(
        outline(&response),
        [
            ("text", "Grüße Sonne.".into()),
            ("server", "groundingMetadata".into())
        ]
    );
    let [Item::Text { citations, .. }, Item::Server(tool)] = &response.choices[0].items[..] else {
        panic!("text and search");
    };
    assert_eq!(citations.len(), 1);
    assert_eq!(
        (citations[0].span, citations[0].url.as_deref()),
        (Some((6, 12)), Some("https://a"))
    );
    assert_eq!(
        (tool.name.as_deref(), tool.query.as_deref()),
        (Some("web_search"), Some("köln wetter"))
    );
    assert_eq!(response.usage.web_searches, Some(1));
}

#[test]
fn e130_thought_pictures_are_no_answer() {
    let response = folded(&[finished(
        json!([
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thought": true},
            {"inlineData": {"mimeType": "image/png", "data": "BBBB"}},
        ]),
        "STOP",
    )]);
    assert_eq!(outline(&response), [("image", String::new())]);
}

#[test]
fn server_steps_are_kept_verbatim() {
    let response = folded(&[finished(
        json!([
            {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "s"},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        ]),
        "STOP",
    )]);
    let [Item::Server(code), Item::Server(_)] = &response.choices[0].items[..] else {
        panic!("two steps");
    };
    assert_eq!(
        code.raw.as_str(),
        r#"{"executableCode":{"language":"PYTHON","code":"1"},"thoughtSignature":"s"}"#
    );
}

#[test]
fn e220_whole_calls_outweigh_the_limit() {
    let call = json!([{"functionCall": {"name": "f", "args": {}}}]);
    assert_eq!(
        stops(&objects(&[finished(call, "MAX_TOKENS")])),
        [Stop::ToolUse]
    );
    let text = json!([{"text": "a"}]);
    assert_eq!(
        stops(&objects(&[finished(text, "MAX_TOKENS")])),
        [Stop::MaxTokens]
    );
    // Streamed arguments can be cut.
    let cut = json!([{"functionCall": {"name": "f", "willContinue": true, "partialArgs": [{"jsonPath": "$.a", "stringValue": "x", "willContinue": true}]}}]);
    let events = objects(&[finished(cut, "MAX_TOKENS")]);
    assert_eq!(stops(&events), [Stop::MaxTokens]);
    assert_eq!(
        outline(&fold(events).unwrap()),
        [("call", "f{\"a\":\"x".into())]
    );
}

#[test]
fn e229_e230_usage_counts() {
    let counts = |usage: Value| -> Usage {
        let mut object = finished(json!([{"text": "a"}]), "STOP");
        object["usageMetadata"] = usage;
        Usage {
            native: None,
            ..folded(&[object]).usage
        }
    };
    assert_eq!(
        counts(json!({
            "promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 1, "cachedContentTokenCount": 3,
            "toolUsePromptTokenCount": 4, "totalTokenCount": 12,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}, {"modality": "AUDIO", "tokenCount": 2}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1}],
        })),
        Usage {
            input_total: Some(9),
            cache_read: Some(3),
            output_total: Some(3),
            reasoning: Some(1),
            tool_use_input: Some(4),
            audio_input: Some(2),
            image_output: Some(1),
            ..Usage::default()
        }
    );
    let missing = counts(json!({"promptTokenCount": 5, "totalTokenCount": 5}));
    assert_eq!(missing.output_total, Some(0));
}

#[test]
fn e230_an_answer_that_only_the_total_counts() {
    for (usage, want) in [
        (json!({"promptTokenCount": 5, "totalTokenCount": 9}), 4),
        (
            json!({"promptTokenCount": 5, "candidatesTokenCount": 0, "thoughtsTokenCount": 3,
                "cachedContentTokenCount": 4, "totalTokenCount": 10}),
            5,
        ),
        (
            json!({"promptTokenCount": 5, "toolUsePromptTokenCount": 2, "totalTokenCount": 8}),
            1,
        ),
        (
            json!({"promptTokenCount": 5, "thoughtsTokenCount": 3, "totalTokenCount": 6}),
            3,
        ),
        (json!({"totalTokenCount": 9}), 0),
    ] {
        let mut object = finished(json!([{"text": "a"}]), "STOP");
        object["usageMetadata"] = usage.clone();
        assert_eq!(folded(&[object]).usage.output_total, Some(want), "{usage}");
    }
}

#[test]
fn e229_usage_comes_once_and_from_the_last_object() {
    let with = |n: u64, object: Value| {
        let mut object = object;
        object["usageMetadata"] = json!({"promptTokenCount": n, "totalTokenCount": n});
        object
    };
    let events = objects(&[
        with(1, parts(json!([{"text": "a"}]))),
        with(2, parts(json!([{"text": "b"}]))),
        with(3, finished(json!([]), "STOP")),
    ]);
    let totals: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Usage(usage) => usage.input_total,
            _ => None,
        })
        .collect();
    assert_eq!(totals, [3]);
}

#[test]
fn e231_empty_counts_are_no_result() {
    let mut object = finished(json!([{"text": "a"}]), "STOP");
    for usage in [
        json!({"promptTokenCount": 0, "totalTokenCount": 0}),
        json!({"trafficType": "ON_DEMAND"}),
    ] {
        object["usageMetadata"] = usage;
        assert_eq!(folded(&[object.clone()]).usage, Usage::default());
    }
}

#[test]
fn e243_one_unreadable_event_is_forgiven_unless_it_is_the_last() {
    let good = finished(json!([{"text": "a"}]), "STOP").to_string();
    let events = stream(&["{broken", &good]);
    assert_eq!(events.last(), Some(&Event::End));
    for bad in [
        "{broken",
        r#"{"this":[]}"#,
        r#"{"candidates":[{"content":{"parts":"x"}}]}"#,
    ] {
        let events = stream(&[&good, bad]);
        assert_eq!(failure_of(&events).0, 502, "{bad}");
    }
}

#[test]
fn ends_that_are_not_clean() {
    let text = parts(json!([{"text": "a"}]));
    let thought = parts(json!([{"text": "h", "thought": true}]));
    let call = parts(json!([{"functionCall": {"name": "f", "willContinue": true}}]));
    assert_eq!(
        stops(&objects(std::slice::from_ref(&text))),
        [Stop::EndTurn]
    );
    for cut in [vec![], vec![thought], vec![text, call]] {
        assert_eq!(failure_of(&objects(&cut)).0, 502, "{cut:?}");
    }
}

#[test]
fn log_probabilities_in_openai_words() {
    let mut object = finished(json!([{"text": "é!"}]), "STOP");
    object["candidates"][0]["logprobsResult"] = json!({
        "chosenCandidates": [{"token": "é", "tokenId": 5, "logProbability": -0.5}, {"token": "!"}],
        "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "e", "logProbability": -1.5}]}],
    });
    let response = folded(&[object]);
    let Item::Text {
        logprobs: Some(logprobs),
        ..
    } = &response.choices[0].items[0]
    else {
        panic!("log probabilities: {response:?}");
    };
    assert_eq!(
        logprobs.read::<Value>().unwrap(),
        json!([
            {"token": "é", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": [
                {"token": "é", "logprob": -0.5, "bytes": [195, 169]},
                {"token": "e", "logprob": -1.5, "bytes": [101]},
            ]},
            {"token": "!", "logprob": 0.0, "bytes": [33], "top_logprobs": []},
        ])
    );
}

#[test]
fn comments_keep_the_client_alive() {
    let mut decoder = Gemini.event_decoder(&context());
    let mut events = Vec::new();
    let comment = Frame {
        raw: b": ping\n\n",
        event: None,
        data: None,
    };
    decoder.decode(&comment, &mut events);
    assert_eq!(events, [Event::KeepAlive]);
}

#[test]
fn names_come_back_as_the_client_wrote_them() {
    let mut context = context();
    context.notes.names.insert("read/file", "read_file");
    let raw = finished(json!([{"functionCall": {"name": "read_file"}}]), "STOP").to_string();
    let events = Gemini.decode_response(&Bytes::from(raw), &context).unwrap();
    let response = fold(events).unwrap();
    assert_eq!(outline(&response), [("call", "read/file{}".into())]);
}

#[test]
fn whole_replies_may_be_arrays_and_must_be_replies() {
    let array = json!([
        parts(json!([{"text": "a"}])),
        finished(json!([{"text": "b"}]), "STOP")
    ]);
    let events = Gemini
        .decode_response(&Bytes::from(array.to_string()), &context())
        .unwrap();
    assert_eq!(outline(&fold(events).unwrap()), [("text", "ab".into())]);
    for bad in ["", "{", "{\"hello\":1}", "\"x\""] {
        assert!(
            Gemini
                .decode_response(&Bytes::from_static(bad.as_bytes()), &context())
                .is_err(),
            "{bad}"
        );
    }
}

#[test]
fn candidates_are_kept_apart() {
    let response = folded(&[
        json!({"candidates": [{"index": 1, "content": {"parts": [{"text": "b1"}]}}, {"index": 0, "content": {"parts": [{"text": "a"}]}}]}),
        json!({"candidates": [{"index": 1, "content": {"parts": [{"text": "b2"}]}, "finishReason": "MAX_TOKENS"}]}),
        json!({"candidates": [{"index": 0, "finishReason": "STOP"}]}),
    ]);
    let found: Vec<_> = response
        .choices
        .iter()
        .map(|reply| match &reply.items[..] {
            [Item::Text { text, .. }] => (text.as_str(), reply.stop.clone().unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(found, [("a", Stop::EndTurn), ("b1b2", Stop::MaxTokens)]);
}
