//! Streams and whole replies of upstreams.

use super::*;
use crate::canonical::{
    Arguments, CallKind, Delta, Item, ItemHead, MediaSource, Reply, SignatureIssuer, Stop, Usage,
};
use crate::names::NameMap;
use crate::testing::calls;
use serde_json::json;

/// Events in short form, for the order in which things happen.
fn short(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| match event {
            Event::Start(start) => format!("start {}", start.id.as_deref().unwrap_or("-")),
            Event::ItemStart {
                index,
                choice,
                head,
            } => {
                let head = match head {
                    ItemHead::Text => "text".to_owned(),
                    ItemHead::Refusal => "refusal".to_owned(),
                    ItemHead::Reasoning { redacted, .. } => format!("reasoning {redacted}"),
                    ItemHead::Call { id, name, .. } => format!("call {id} {name}"),
                    ItemHead::Image => "image".to_owned(),
                    ItemHead::Audio => "audio".to_owned(),
                    other => format!("{other:?}"),
                };
                format!("{choice}/{index} {head}")
            }
            Event::Delta { index, delta } => match delta {
                Delta::Text { text, .. } | Delta::Refusal(text) | Delta::Arguments(text) => {
                    format!("{index} + {text}")
                }
                Delta::Reasoning { text, .. } => format!("{index} ~ {text}"),
                Delta::Signature(signature) => format!("{index} sig {}", signature.value),
                other => format!("{index} {other:?}"),
            },
            Event::ItemStop { index, .. } => format!("{index} stop"),
            Event::Usage(usage) => format!(
                "usage {}/{}",
                usage.input_total.unwrap_or(0),
                usage.output_total.unwrap_or(0)
            ),
            Event::Finish {
                choice,
                stop,
                native,
            } => {
                format!(
                    "{choice} finish {stop:?} {}",
                    native.as_deref().unwrap_or("-")
                )
            }
            Event::Error(failure) => format!("error {} {}", failure.status, failure.message),
            Event::KeepAlive => "alive".to_owned(),
            Event::End => "end".to_owned(),
            other => format!("{other:?}"),
        })
        .collect()
}

/// The stream of these deltas of choice 0, ended by `word` and `[DONE]`.
fn deltas(deltas: &[&str], word: &str) -> Vec<Event> {
    deltas_with(&context(), deltas, word)
}

fn deltas_with(context: &ReplyContext, deltas: &[&str], word: &str) -> Vec<Event> {
    let mut payloads: Vec<String> = deltas.iter().map(|delta| chunk(delta)).collect();
    payloads.push(finish(word));
    payloads.push(DONE.to_owned());
    let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
    stream_with(context, &payloads)
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.to_owned(), name.to_owned(), arguments.to_owned())
}

fn stop_of(response: &Response) -> &Stop {
    response.choices[0].stop.as_ref().unwrap()
}

#[track_caller]
fn error_of(events: &[Event]) -> (u16, String) {
    match events.last() {
        Some(Event::Error(failure)) => (failure.status, failure.message.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn text_streams_in_order() {
    let events = deltas(
        &[
            r#"{"role":"assistant","content":""}"#,
            r#"{"content":"He"}"#,
            r#"{"content":"llo"}"#,
        ],
        "stop",
    );
    assert_eq!(
        short(&events),
        [
            "start chatcmpl-1",
            "0/0 text",
            "0 + He",
            "0 + llo",
            "0 stop",
            "0 finish EndTurn stop",
            "end"
        ]
    );
}

#[test]
fn e143_a_call_closes_only_at_the_finish() {
    let events = deltas(
        &[
            r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":{}}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":" "}}]}"#,
        ],
        "tool_calls",
    );
    assert_eq!(
        short(&events),
        [
            "start chatcmpl-1",
            "0/0 call c f",
            r#"0 + {"a":{}}"#,
            "0 +  ",
            "0 stop",
            "0 finish ToolUse tool_calls",
            "end"
        ]
    );
}

#[test]
fn e144_a_whole_call_with_its_finish_in_one_chunk() {
    let events = stream(&[
        r#"{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#,
        DONE,
    ]);
    assert_eq!(
        short(&events),
        [
            "start x",
            "0/0 call c f",
            "0 + {}",
            "0 stop",
            "0 finish ToolUse tool_calls",
            "end"
        ]
    );
}

#[test]
fn e145_repeated_names_and_ids_say_nothing_new() {
    for again in [
        r#"{"tool_calls":[{"index":0,"function":{"name":null,"arguments":"1}"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"name":"","arguments":"1}"}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"1}"}}]}"#,
        r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"1}"}}]}"#,
        r#"{"tool_calls":[{"index":0,"id":"","function":{"arguments":"1}"}}]}"#,
    ] {
        let response = folded(deltas(
            &[
                r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\":"}}]}"#,
                again,
            ],
            "tool_calls",
        ));
        assert_eq!(calls(&response), [call("c", "f", r#"{"a":1}"#)], "{again}");
    }
}

#[test]
fn e146_a_start_waits_for_name_and_id() {
    let events = deltas(
        &[
            r#"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":"f"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"late"}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}"#,
        ],
        "tool_calls",
    );
    assert_eq!(
        short(&events)[1..4],
        ["0/0 call late f", r#"0 + {"a""#, "0 + :1}"]
    );
}

#[test]
fn e147_what_never_arrives_is_made_up_or_left_out() {
    let response = folded(deltas(
        &[r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}"#],
        "tool_calls",
    ));
    let [(id, name, arguments)] = &calls(&response)[..] else {
        panic!()
    };
    assert!(id.starts_with("call_") && id.len() == 29, "{id}");
    assert_eq!((name.as_str(), arguments.as_str()), ("f", "{}"));

    let response = folded(deltas(
        &[r#"{"tool_calls":[{"index":3,"id":"c","function":{"arguments":"{}"}}]}"#],
        "tool_calls",
    ));
    assert_eq!(calls(&response), [call("c", "tool_3", "{}")]);

    let response = folded(deltas(
        &[
            r#"{"content":"hi"}"#,
            r#"{"tool_calls":[{"index":0,"id":"","type":"function","function":{"name":"","arguments":""}}]}"#,
        ],
        "tool_calls",
    ));
    assert!(calls(&response).is_empty());
    assert_eq!(stop_of(&response), &Stop::EndTurn);
}

#[test]
fn e148_empty_ids_of_a_whole_reply_become_different() {
    let call = json!({"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let response = folded(whole(
        &json!({"id": "x", "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "tool_calls": [call, call]}}]}),
    ));
    let ids: Vec<String> = calls(&response).into_iter().map(|(id, ..)| id).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.iter().all(|id| id.len() > 20));
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn e149_indexes_that_lie() {
    let one = |index: &str, id: &str, name: &str| {
        format!(
            r#"{{"tool_calls":[{{{index}"id":"{id}","function":{{"name":"{name}","arguments":"{{}}"}}}}]}}"#
        )
    };
    for (first, second) in [
        // Every call is number 0.
        (
            one(r#""index":0,"#, "a", "f"),
            one(r#""index":0,"#, "b", "g"),
        ),
        // No index.
        (one("", "a", "f"), one("", "b", "g")),
        // Starting at 1.
        (
            one(r#""index":1,"#, "a", "f"),
            one(r#""index":2,"#, "b", "g"),
        ),
    ] {
        let response = folded(deltas(&[&first, &second], "tool_calls"));
        assert_eq!(
            calls(&response),
            [call("a", "f", "{}"), call("b", "g", "{}")]
        );
    }
    // Neither index nor id, whole calls.
    let bare = |name: &str| {
        format!(r#"{{"tool_calls":[{{"function":{{"name":"{name}","arguments":"{{}}"}}}}]}}"#)
    };
    let response = folded(deltas(&[&bare("f"), &bare("f"), &bare("g")], "tool_calls"));
    let names: Vec<String> = calls(&response)
        .into_iter()
        .map(|(_, name, _)| name)
        .collect();
    assert_eq!(names, ["f", "f", "g"]);
    // No index: the fragments go on with the last call.
    let response = folded(deltas(
        &[
            r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}"#,
            r#"{"tool_calls":[{"function":{"arguments":"}"}}]}"#,
            r#"{"tool_calls":[{"id":"b","function":{"name":"f","arguments":"{"}}]}"#,
            r#"{"tool_calls":[{"id":"b","function":{"arguments":"}"}}]}"#,
        ],
        "tool_calls",
    ));
    assert_eq!(
        calls(&response),
        [call("a", "f", "{}"), call("b", "f", "{}")]
    );
    // Calls held back come out in index order.
    let held = |index: u32| {
        format!(
            r#"{{"tool_calls":[{{"index":{index},"function":{{"name":"f{index}","arguments":"{{}}"}}}}]}}"#
        )
    };
    let response = folded(deltas(&[&held(2), &held(0), &held(1)], "tool_calls"));
    let names: Vec<String> = calls(&response)
        .into_iter()
        .map(|(_, name, _)| name)
        .collect();
    assert_eq!(names, ["f0", "f1", "f2"]);
}

#[test]
fn e150_empty_content_between_fragments_opens_no_text() {
    let events = deltas(
        &[
            r#"{"content":"","tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]}"#,
            r#"{"content":""}"#,
            r#"{"content":"","tool_calls":[{"index":0,"function":{"arguments":"}"}}]}"#,
        ],
        "tool_calls",
    );
    assert_eq!(
        short(&events)[1..5],
        ["0/0 call c f", "0 + {", "0 + }", "0 stop"]
    );
}

#[test]
fn e151_an_empty_fragment_after_the_call_is_no_second_call() {
    let response = folded(deltas(
        &[
            r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}"#,
            r#"{"tool_calls":[{"index":0,"id":"","type":"function","function":{"arguments":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"function":{"name":null,"arguments":""}}]}"#,
        ],
        "tool_calls",
    ));
    assert_eq!(calls(&response), [call("c", "f", "{}")]);
}

#[test]
fn e152_nulls_and_missing_words_change_nothing() {
    let response = folded(deltas(
        &[
            r#"{"role":"","content":null,"tool_calls":null,"refusal":null,"reasoning_content":null}"#,
            r#"{"content":"hi","tool_calls":null,"function_call":null,"audio":null,"annotations":null}"#,
            r#"{"tool_calls":[]}"#,
            r#"{}"#,
        ],
        "stop",
    ));
    assert_eq!(response.choices[0].items, [Item::text("hi")]);
}

#[test]
fn e153_chunks_before_the_first_choice_are_ignored() {
    let events = stream(&[
        r#"{"choices":[],"created":0,"id":"","model":"","prompt_filter_results":[]}"#,
        &chunk(r#"{"role":"assistant","content":""}"#),
        &chunk(r#"{"content":"x"}"#),
        &finish("stop"),
        DONE,
    ]);
    let Event::Start(start) = &events[0] else {
        panic!()
    };
    assert_eq!(
        (start.id.as_deref(), start.model.as_deref(), start.created),
        (Some("chatcmpl-1"), Some("up"), Some(7))
    );
}

#[test]
fn e154_reasoning_counts_once() {
    for (delta, want) in [
        (r#"{"reasoning_content":"a","reasoning":"a"}"#, "a"),
        (
            r#"{"reasoning":"b","reasoning_details":[{"type":"reasoning.text","text":"b"}]}"#,
            "b",
        ),
        (
            r#"{"reasoning_details":[{"type":"reasoning.summary","summary":"c"}]}"#,
            "c",
        ),
        (r#"{"reasoning_text":"d"}"#, "d"),
        (r#"{"reasoning_content":"","reasoning":"e"}"#, "e"),
        (
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"f"}]}]}"#,
            "f",
        ),
    ] {
        let response = folded(deltas(&[delta, r#"{"content":"x"}"#], "stop"));
        assert!(
            matches!(&response.choices[0].items[0], Item::Reasoning { text, .. } if text == want),
            "{delta}: {response:?}"
        );
        assert_eq!(response.choices[0].items[1], Item::text("x"));
    }
}

#[test]
fn e155_reasoning_closes_before_text_opens() {
    let events = deltas(
        &[
            r#"{"reasoning_content":"r"}"#,
            r#"{"content":"t"}"#,
            r#"{"reasoning_content":"r2"}"#,
        ],
        "stop",
    );
    assert_eq!(
        short(&events)[1..10],
        [
            "0/0 reasoning false",
            "0 ~ r",
            "0 stop",
            "0/1 text",
            "1 + t",
            "1 stop",
            "0/2 reasoning false",
            "2 ~ r2",
            "2 stop"
        ]
    );
}

#[test]
fn e156_nothing_is_lost_when_a_call_follows_text() {
    let events = deltas(
        &[
            r#"{"content":"t"}"#,
            r#"{"content":"u","tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}"#,
        ],
        "tool_calls",
    );
    assert_eq!(
        short(&events)[1..8],
        [
            "0/0 text",
            "0 + t",
            "0 + u",
            "0 stop",
            "0/1 call c f",
            "1 + {}",
            "1 stop"
        ]
    );
}

#[test]
fn e157_an_empty_finish_reason_is_no_finish() {
    let payload = |text: &str, word: &str| {
        format!(
            r#"{{"id":"x","choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":"{word}"}}]}}"#
        )
    };
    let events = stream(&[&payload("a", ""), &payload("b", ""), &payload("c", "stop")]);
    let response = folded(events);
    assert_eq!(response.choices[0].items, [Item::text("abc")]);
    assert_eq!(error_of(&stream(&[&payload("a", "")])).0, 502);
}

#[test]
fn e158_the_last_usage_counts_wherever_it_stands() {
    let counted = |n: u32| format!(r#""usage":{{"prompt_tokens":{n},"completion_tokens":1}}"#);
    let with = |delta: &str, word: &str, usage: &str| {
        format!(
            r#"{{"id":"x","choices":[{{"index":0,"delta":{delta},"finish_reason":{word}}}],{usage}}}"#
        )
    };
    for payloads in [
        // Running, on every chunk.
        vec![
            with(r#"{"content":"a"}"#, "null", &counted(1)),
            with("{}", "\"stop\"", &counted(9)),
        ],
        // On the finish chunk only.
        vec![
            with(r#"{"content":"a"}"#, "null", "\"usage\":null"),
            with("{}", "\"stop\"", &counted(9)),
        ],
        // In a chunk of its own.
        vec![
            with(r#"{"content":"a"}"#, "\"stop\"", "\"usage\":null"),
            format!(r#"{{"id":"x","choices":[],{}}}"#, counted(9)),
        ],
        // Kimi: inside the choice.
        vec![format!(
            r#"{{"id":"x","choices":[{{"index":0,"delta":{{"content":"a"}},"finish_reason":"stop",{}}}]}}"#,
            counted(9)
        )],
        // Groq.
        vec![with(
            r#"{"content":"a"}"#,
            "\"stop\"",
            &format!("\"x_groq\":{{{}}}", counted(9)),
        )],
    ] {
        let mut payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
        payloads.push(DONE);
        let events = stream(&payloads);
        let line = short(&events);
        assert_eq!(
            line[line.len() - 3..],
            ["usage 9/1", "0 finish EndTurn stop", "end"]
        );
    }
}

#[test]
fn usage_fields_of_all_vendors() {
    for (usage, want) in [
        (
            json!({"prompt_tokens": 1000, "completion_tokens": 5, "total_tokens": 1005,
                "prompt_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 200, "audio_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 2, "accepted_prediction_tokens": 3}}),
            Usage {
                input_total: Some(1000),
                output_total: Some(5),
                cache_read: Some(300),
                cache_write: Some(200),
                audio_input: Some(1),
                reasoning: Some(2),
                predicted_accepted: Some(3),
                ..Usage::default()
            },
        ),
        (
            json!({"prompt_tokens": 18, "completion_tokens": 3.0, "prompt_cache_hit_tokens": 4}),
            Usage {
                input_total: Some(18),
                output_total: Some(3),
                cache_read: Some(4),
                ..Usage::default()
            },
        ),
        (
            json!({"input_tokens": 7, "output_tokens": 2, "cached_tokens": 0, "reasoning_tokens": 1}),
            Usage {
                input_total: Some(7),
                output_total: Some(2),
                cache_read: Some(0),
                reasoning: Some(1),
                ..Usage::default()
            },
        ),
    ] {
        let response = folded(whole(
            &json!({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": usage}),
        ));
        let mut got = response.usage;
        assert!(got.native.take().is_some());
        assert_eq!(got, want, "{usage}");
    }
    let response = folded(whole(
        &json!({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": {}}),
    ));
    assert_eq!(response.usage, Usage::default());
}

#[test]
fn e159_an_id_after_the_finish_changes_nothing() {
    let events = stream(&[
        &chunk(r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}"#),
        &finish("tool_calls"),
        &chunk(r#"{"tool_calls":[{"index":0,"id":"late"}]}"#),
        DONE,
        &chunk(r#"{"content":"after the end"}"#),
    ]);
    let response = folded(events.clone());
    let ids = calls(&response);
    assert!(ids.len() == 1 && ids[0].0 != "late");
    assert_eq!(events.iter().filter(|e| **e == Event::End).count(), 1);
    assert_eq!(events.last(), Some(&Event::End));
}

#[test]
fn e160_done_alone_ends_only_what_is_complete() {
    let text = chunk(r#"{"content":"hi"}"#);
    assert_eq!(stop_of(&folded(stream(&[&text, DONE]))), &Stop::EndTurn);
    let whole_call =
        chunk(r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}"#);
    assert_eq!(
        stop_of(&folded(stream(&[&whole_call, DONE]))),
        &Stop::ToolUse
    );
    let thought = chunk(r#"{"reasoning_content":"hm"}"#);
    let cut_call = chunk(
        r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a"}}]}"#,
    );
    for payloads in [
        &[thought.as_str(), DONE][..],
        &[&cut_call, DONE],
        &[&text, &cut_call, DONE],
        // Without `[DONE]`, and without anything.
        &[&text],
        &[&whole_call],
        &[DONE],
        &[],
    ] {
        let events = stream(payloads);
        assert_eq!(error_of(&events).0, 502, "{payloads:?}");
        // Nothing of a cut reply is closed as if it were complete.
        assert!(
            !events
                .iter()
                .any(|event| matches!(event, Event::Finish { .. } | Event::End))
        );
    }
}

#[test]
fn e162_choices_interleave() {
    let two = |a: &str, b: &str| {
        format!(r#"{{"id":"x","choices":[{{"index":0,"delta":{a}}},{{"index":1,"delta":{b}}}]}}"#)
    };
    let call = r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}"#;
    let events = stream(&[
        &two(r#"{"content":"a"}"#, r#"{"content":"b"}"#),
        &two(r#"{"content":"A"}"#, call),
        r#"{"id":"x","choices":[{"index":1,"delta":{},"finish_reason":"tool_calls"}]}"#,
        r#"{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#,
        DONE,
    ]);
    let starts: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::ItemStart { index, choice, .. } => Some((*choice, *index)),
            _ => None,
        })
        .collect();
    assert_eq!(starts, [(0, 0), (1, 1), (1, 2)]);
    let response = folded(events);
    assert_eq!(response.choices[0].items, [Item::text("aA")]);
    assert_eq!(response.choices[0].stop, Some(Stop::MaxTokens));
    assert_eq!(response.choices[1].items.len(), 2);
    assert_eq!(response.choices[1].stop, Some(Stop::ToolUse));
}

#[test]
fn e162_one_unfinished_choice_is_a_cut_reply() {
    let events = stream(&[
        r#"{"id":"x","choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#,
        r#"{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
    ]);
    assert_eq!(error_of(&events).0, 502);
}

#[test]
fn e163_think_tags_of_flagged_upstreams() {
    let mut context = context();
    context.endpoint.think_tags = true;
    let pieces = [
        r#"{"content":"<thi"}"#,
        r#"{"content":"nk>plan a < b"}"#,
        r#"{"content":"</thin"}"#,
        r#"{"content":"k>\n\nanswer"}"#,
    ];
    let events = deltas_with(&context, &pieces, "stop");
    assert_eq!(
        short(&events)[1..7],
        [
            "0/0 reasoning false",
            "0 ~ plan a < b",
            "0 stop",
            "0/1 text",
            "1 + answer",
            "1 stop"
        ]
    );
    // Other upstreams: text is text.
    let response = folded(deltas(&pieces, "stop"));
    assert_eq!(
        response.choices[0].items,
        [Item::text("<think>plan a < b</think>\n\nanswer")]
    );
}

#[test]
fn e217_the_finish_follows_the_calls() {
    let call = r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}"#;
    assert_eq!(stop_of(&folded(deltas(&[call], "stop"))), &Stop::ToolUse);
    assert_eq!(
        stop_of(&folded(deltas(&[r#"{"content":"x"}"#], "tool_calls"))),
        &Stop::EndTurn
    );
    let response = folded(deltas(
        &[r#"{"function_call":{"name":"f","arguments":"{}"}}"#],
        "function_call",
    ));
    assert_eq!(stop_of(&response), &Stop::ToolUse);
    assert_eq!(calls(&response)[0].1, "f");
}

#[test]
fn e218_a_cut_call_stays_cut() {
    let response = folded(deltas(
        &[
            r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\":\"b"}}]}"#,
        ],
        "length",
    ));
    assert_eq!(stop_of(&response), &Stop::MaxTokens);
    assert_eq!(calls(&response), [call("c", "f", "{\"a\":\"b")]);
}

#[test]
fn e224_refusals_are_items_of_their_own() {
    let response = folded(deltas(
        &[
            r#"{"content":null,"refusal":""}"#,
            r#"{"refusal":"I'm"}"#,
            r#"{"refusal":" sorry"}"#,
        ],
        "stop",
    ));
    assert_eq!(
        response.choices[0].items,
        [Item::Refusal("I'm sorry".to_owned())]
    );
    assert_eq!(stop_of(&response), &Stop::EndTurn);
}

#[test]
fn e225_words_of_other_vendors() {
    let text = r#"{"content":"x"}"#;
    for (word, want) in [
        ("eos", Stop::EndTurn),
        ("STOP", Stop::EndTurn),
        ("model_length", Stop::MaxTokens),
        ("insufficient_system_resource", Stop::EndTurn),
        ("whatever", Stop::EndTurn),
        ("sensitive", Stop::ContentFilter(None)),
    ] {
        let response = folded(deltas(&[text], word));
        assert_eq!(stop_of(&response), &want, "{word}");
        assert_eq!(
            response.choices[0].native_stop.as_deref(),
            Some(word.to_ascii_lowercase().as_str())
        );
    }
    assert_eq!(error_of(&deltas(&[text], "error")).0, 502);
    assert_eq!(
        error_of(&deltas(&["{}"], "insufficient_system_resource")).0,
        502
    );
}

#[test]
fn e237_an_error_in_mid_stream_ends_the_reply() {
    let events = stream(&[
        &chunk(r#"{"content":"x"}"#),
        r#"{"error":{"message":"boom","type":"server_error","code":null}}"#,
        DONE,
    ]);
    assert_eq!(error_of(&events), (500, "boom".to_owned()));
}

#[test]
fn e241_an_error_as_the_first_event() {
    for (payload, status) in [
        (r#"{"error":{"message":"m","code":503}}"#, 503),
        (r#"{"error":{"message":"m","code":"429"}}"#, 429),
        (r#"{"error":{"message":"m","code":7}}"#, 502),
        (r#"{"error":{"message":"m","type":"odd"}}"#, 502),
        (r#"{"error":"m"}"#, 502),
        (
            r#"{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"error","error":{"message":"m","code":400}}]}"#,
            400,
        ),
    ] {
        let events = stream(&[payload, DONE]);
        assert_eq!(events.len(), 1, "{payload}");
        assert_eq!(error_of(&events).0, status, "{payload}");
    }
    // An error member that says nothing.
    for quiet in ["null", "false", r#""""#] {
        let payload = format!(
            r#"{{"id":"x","error":{quiet},"choices":[{{"index":0,"delta":{{"content":"a"}},"finish_reason":"stop"}}]}}"#
        );
        assert_eq!(
            folded(stream(&[&payload, DONE])).choices[0].items,
            [Item::text("a")]
        );
    }
    let mut decoder = OpenAiChat.event_decoder(&context());
    let mut events = Vec::new();
    let frame = Frame::of_data(Some("error"), r#"{"message":"plain"}"#);
    decoder.decode(&frame, &mut events);
    assert_eq!(error_of(&events), (502, "plain".to_owned()));
    // The same inside a whole reply with status 200.
    assert_eq!(
        error_of(&whole(&json!({"error": {"message": "m", "code": 429}}))),
        (429, "m".to_owned())
    );
}

#[test]
fn e243_an_unreadable_event_counts_only_as_the_last() {
    let text = chunk(r#"{"content":"x"}"#);
    let end = finish("stop");
    let response = folded(stream(&["{broken", &text, "{\"choices\":3}", &end, DONE]));
    assert_eq!(response.choices[0].items, [Item::text("x")]);
    let events = stream(&[&text, "{broken"]);
    let (status, message) = error_of(&events);
    assert_eq!(status, 502);
    assert!(message.contains("unreadable"), "{message}");
    assert_eq!(error_of(&stream(&[&text, "<html>", DONE])).0, 502);
    // Behind the finish it cannot have been content.
    assert_eq!(
        stop_of(&folded(stream(&[&text, &end, "{broken"]))),
        &Stop::EndTurn
    );
}

#[test]
fn e138_done_with_blanks_and_close_after_the_finish() {
    for last in [Some("[DONE] "), None] {
        let text = chunk(r#"{"content":"x"}"#);
        let end = finish("stop");
        let mut payloads = vec![text.as_str(), &end];
        payloads.extend(last);
        assert_eq!(stop_of(&folded(stream(&payloads))), &Stop::EndTurn);
    }
}

#[test]
fn e139_a_whole_reply_in_place_of_chunks() {
    let body = r#"{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let mut decoder = OpenAiChat.event_decoder(&context());
    let mut events = Vec::new();
    // As data, and as a line of bare JSON.
    decoder.decode(&Frame::of_data(None, body), &mut events);
    decoder.finish(&mut events);
    let as_data = folded(events);
    let mut decoder = OpenAiChat.event_decoder(&context());
    let mut events = Vec::new();
    let raw = format!("{body}\n\n");
    let frame = Frame {
        raw: raw.as_bytes(),
        event: None,
        data: None,
    };
    decoder.decode(&frame, &mut events);
    decoder.finish(&mut events);
    assert_eq!(folded(events), as_data);
    assert_eq!(as_data.choices[0].items, [Item::text("hi")]);
    // And the other way round: a service that streams although it was not asked to.
    let sse = format!(
        "data: {}\n\ndata: {}\n\ndata: [DONE]\n\n",
        chunk(r#"{"content":"hi"}"#),
        finish("stop")
    );
    let events = OpenAiChat
        .decode_response(&Bytes::from(sse), &context())
        .unwrap();
    assert_eq!(folded(events).choices[0].items, [Item::text("hi")]);
}

#[test]
fn replies_nobody_can_read_are_the_upstreams_fault() {
    for body in [
        &b"<html>"[..],
        b"",
        b"{\"object\":\"response\",\"output\":[]}",
        b"{\"choices\":[]}",
        b"\xff",
    ] {
        let events = OpenAiChat
            .decode_response(&Bytes::copy_from_slice(body), &context())
            .unwrap();
        assert_eq!(error_of(&events).0, 502, "{body:?}");
    }
}

#[test]
fn comments_keep_the_connection_alive() {
    let mut decoder = OpenAiChat.event_decoder(&context());
    let mut events = Vec::new();
    let frame = Frame {
        raw: b": OPENROUTER PROCESSING\n\n",
        event: None,
        data: None,
    };
    decoder.decode(&frame, &mut events);
    assert_eq!(events, [Event::KeepAlive]);
}

#[test]
fn e94_names_are_those_of_the_client() {
    let mut context = context();
    context.notes.names = NameMap::default();
    context.notes.names.insert("read/file", "read_file");
    context.declared.namespaced = vec![("fs__read".to_owned(), "fs".to_owned(), "read".to_owned())];
    let delta = r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"read_file","arguments":"{}"}},{"index":1,"id":"b","function":{"name":"fs__read","arguments":"{}"}}]}"#;
    let response = folded(deltas_with(&context, &[delta], "tool_calls"));
    let names: Vec<_> = response.choices[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Call {
                name, namespace, ..
            } => (name.as_str(), namespace.as_deref()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, [("read/file", None), ("read", Some("fs"))]);
}

#[test]
fn custom_calls_stream_as_free_text() {
    let response = folded(deltas(
        &[
            r#"{"tool_calls":[{"index":0,"id":"c","type":"custom","custom":{"name":"p","input":""}}]}"#,
            r#"{"tool_calls":[{"index":0,"custom":{"input":"raw \"text"}}]}"#,
        ],
        "tool_calls",
    ));
    assert!(matches!(
        &response.choices[0].items[0],
        Item::Call { kind: CallKind::Custom, arguments: Arguments::Text(text), .. } if text == "raw \"text"
    ));
}

#[test]
fn signatures_of_all_vendors() {
    let signature = |response: &Response, at: usize| match &response.choices[0].items[at] {
        Item::Reasoning {
            signature,
            redacted,
            ..
        } => {
            let signature = signature.clone().unwrap();
            (signature.issuer, signature.value, *redacted)
        }
        Item::Call { signature, .. } | Item::Text { signature, .. } => {
            let signature = signature.clone().unwrap();
            (signature.issuer, signature.value, false)
        }
        other => panic!("{other:?}"),
    };
    let copilot = folded(deltas(
        &[
            r#"{"reasoning_text":"t","reasoning_opaque":"o"}"#,
            r#"{"content":"x"}"#,
        ],
        "stop",
    ));
    assert_eq!(
        signature(&copilot, 0),
        (SignatureIssuer::Copilot, "o".to_owned(), false)
    );
    let router = folded(deltas(
        &[
            r#"{"reasoning":"t","reasoning_details":[{"type":"reasoning.text","text":"t","format":"anthropic-claude-v1","index":0}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.text","signature":"s","format":"anthropic-claude-v1","index":0}]}"#,
            r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"d","format":"anthropic-claude-v1","index":1}]}"#,
            r#"{"content":"x"}"#,
        ],
        "stop",
    ));
    assert_eq!(
        signature(&router, 0),
        (SignatureIssuer::Anthropic, "s".to_owned(), false)
    );
    assert_eq!(
        signature(&router, 1),
        (SignatureIssuer::Anthropic, "d".to_owned(), true)
    );
    let google = folded(deltas(
        &[
            r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"g"}}}]}"#,
        ],
        "tool_calls",
    ));
    assert_eq!(
        signature(&google, 0),
        (SignatureIssuer::Gemini, "g".to_owned(), false)
    );
    let on_text = folded(deltas(
        &[r#"{"content":"x","extra_content":{"google":{"thought_signature":"g"}}}"#],
        "stop",
    ));
    assert_eq!(
        signature(&on_text, 0),
        (SignatureIssuer::Gemini, "g".to_owned(), false)
    );
}

#[test]
fn pictures_sound_citations_and_logprobs() {
    let response = folded(deltas(
        &[
            r#"{"content":"see"}"#,
            r#"{"annotations":[{"type":"url_citation","url_citation":{"start_index":0,"end_index":3,"title":"T","url":"https://e.org"}}]}"#,
            r#"{"images":[{"type":"image_url","index":0,"image_url":{"url":"data:image/png;base64,AAAA"}}]}"#,
            r#"{"audio":{"id":"au","data":"AAAA","transcript":"hal"}}"#,
            r#"{"audio":{"data":"BBBB","transcript":"lo"}}"#,
        ],
        "stop",
    ));
    let Reply { items, .. } = &response.choices[0];
    assert!(matches!(
        &items[0],
        Item::Text { citations, .. } if citations[0].span == Some((0, 3)) && citations[0].url.as_deref() == Some("https://e.org")
    ));
    assert!(matches!(
        &items[1],
        Item::Image { source: MediaSource::Base64 { mime, .. }, .. } if mime == "image/png"
    ));
    assert!(matches!(
        &items[2],
        Item::Audio { transcript: Some(text), id: Some(id), .. } if text == "hallo" && id == "au"
    ));
    let response = folded(stream(&[
        r#"{"id":"x","choices":[{"index":0,"delta":{"content":""},"logprobs":{"content":[],"refusal":null}}]}"#,
        r#"{"id":"x","choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a"}]}}]}"#,
        r#"{"id":"x","choices":[{"index":0,"delta":{"content":"b"},"logprobs":{"content":[{"token":"b"}]},"finish_reason":"stop"}]}"#,
        DONE,
    ]));
    let Item::Text {
        logprobs: Some(logprobs),
        ..
    } = &response.choices[0].items[0]
    else {
        panic!()
    };
    assert_eq!(logprobs.as_str(), r#"[{"token":"a"},{"token":"b"}]"#);
}
