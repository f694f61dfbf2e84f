//! Streams and whole replies of an upstream → events.

use super::*;
use crate::canonical::{Arguments, Delta, FailureKind, Item, ItemHead, Stop};
use crate::codec::{Dialect, ReplyNotes};
use crate::names::NameMap;
use serde_json::json;

fn start() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
        "model": "m", "content": [], "usage": {"input_tokens": 3, "output_tokens": 1}}})
}

fn block(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn text_block(index: u64) -> Value {
    block(index, json!({"type": "text", "text": ""}))
}

fn call_block(index: u64, input: Value) -> Value {
    block(
        index,
        json!({"type": "tool_use", "id": format!("toolu_{index}"), "name": "f", "input": input}),
    )
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn text(index: u64, text: &str) -> Value {
    delta(index, json!({"type": "text_delta", "text": text}))
}

fn input(index: u64, piece: &str) -> Value {
    delta(
        index,
        json!({"type": "input_json_delta", "partial_json": piece}),
    )
}

fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn reason(word: &str) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": word, "stop_sequence": null},
           "usage": {"output_tokens": 9}})
}

fn end() -> Value {
    json!({"type": "message_stop"})
}

fn decode(data: &[Value]) -> Vec<Event> {
    decode_stream(&stream(data), &context())
}

#[track_caller]
fn items(data: &[Value]) -> Vec<Item> {
    let mut response = fold(decode(data)).unwrap();
    response.choices.remove(0).items
}

#[track_caller]
fn only_arguments(data: &[Value]) -> String {
    match items(data).as_slice() {
        [
            Item::Call {
                arguments: Arguments::Json(text),
                ..
            },
        ] => text.clone(),
        other => panic!("{other:?}"),
    }
}

fn has_error(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::Error(_)))
}

#[test]
fn e180_a_call_without_deltas_has_an_empty_object() {
    let none = [
        start(),
        call_block(0, json!({})),
        stop(0),
        reason("tool_use"),
        end(),
    ];
    assert_eq!(only_arguments(&none), "{}");
    let empty = [
        start(),
        call_block(0, json!({})),
        input(0, ""),
        stop(0),
        reason("tool_use"),
        end(),
    ];
    assert_eq!(only_arguments(&empty), "{}");
}

#[test]
fn e181_input_at_the_start_counts_without_deltas_only() {
    let whole = [
        start(),
        call_block(0, json!({"a": 1})),
        stop(0),
        reason("tool_use"),
        end(),
    ];
    assert_eq!(only_arguments(&whole), r#"{"a":1}"#);
    let deltas = [
        start(),
        call_block(0, json!({})),
        input(0, "{\"a\""),
        input(0, ":2}"),
        stop(0),
        reason("tool_use"),
        end(),
    ];
    assert_eq!(only_arguments(&deltas), r#"{"a":2}"#);
}

#[test]
fn e182_items_are_counted_by_us_and_fragments_come_as_they_are() {
    let events = decode(&[
        start(),
        text_block(0),
        text(0, "x"),
        stop(0),
        call_block(1, json!({})),
        input(1, "{}"),
        stop(1),
        call_block(2, json!({})),
        input(2, "{\"a\":"),
        input(2, "1}"),
        stop(2),
        reason("tool_use"),
        end(),
    ]);
    let pieces: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Delta {
                index,
                delta: Delta::Arguments(piece),
            } => Some((*index, piece.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(pieces, [(1, "{}"), (2, "{\"a\":"), (2, "1}")]);
}

#[test]
fn e183_faults_of_the_upstream_are_mended() {
    let events = decode(&[
        start(),
        start(),
        text_block(0),
        text(0, "a"),
        delta(0, json!({"type": "signature_delta", "signature": "s"})),
        stop(0),
        text_block(0),
        text(0, "b"),
        stop(0),
        text_block(7),
        text(7, "c"),
        delta(9, json!({"type": "text_delta", "text": "nowhere"})),
        stop(7),
        reason("end_turn"),
        end(),
    ]);
    let starts = events.iter().filter(|e| matches!(e, Event::Start(_)));
    assert_eq!(starts.count(), 1);
    let opened: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::ItemStart { index, .. } => Some(*index),
            _ => None,
        })
        .collect();
    assert_eq!(opened, [0, 1, 2]);
    let texts: Vec<_> = fold(events).unwrap().choices[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Text {
                text, signature, ..
            } => {
                assert_eq!(*signature, None);
                text.clone()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["a", "b", "c"]);
}

#[test]
fn e183_an_empty_compaction_delta_says_nothing() {
    let items = items(&[
        start(),
        block(0, json!({"type": "compaction", "content": null})),
        delta(0, json!({"type": "compaction_delta", "content": null})),
        stop(0),
        reason("compaction"),
        end(),
    ]);
    let [Item::Server(tool)] = items.as_slice() else {
        panic!("{items:?}");
    };
    assert_eq!(
        tool.raw.read::<Value>().unwrap(),
        json!({"type": "compaction", "content": null})
    );
}

#[test]
fn e185_no_block_at_all_is_a_reply() {
    let events = decode(&[
        start(),
        json!({"type": "message_delta", "delta": {"stop_reason": "stop_sequence", "stop_sequence": "x"},
               "usage": {"output_tokens": 1}}),
        end(),
    ]);
    let response = fold(events).unwrap();
    assert!(response.choices[0].items.is_empty());
    assert_eq!(
        response.choices[0].stop,
        Some(Stop::StopSequence(Some("x".to_owned())))
    );
}

#[test]
fn e186_pings_are_a_sign_of_life_only() {
    let ping = json!({"type": "ping"});
    let with = [
        ping.clone(),
        start(),
        ping.clone(),
        text_block(0),
        ping,
        text(0, "a"),
        stop(0),
        reason("end_turn"),
        end(),
    ];
    let without: Vec<Value> = with
        .iter()
        .filter(|event| event["type"] != "ping")
        .cloned()
        .collect();
    let events = decode(&with);
    let lasting: Vec<_> = events
        .iter()
        .filter(|event| **event != Event::KeepAlive)
        .cloned()
        .collect();
    assert_eq!(events.len() - lasting.len(), 3);
    assert_eq!(lasting, decode(&without));
}

#[test]
fn e187_a_stop_reason_is_enough_for_an_end() {
    let events = decode(&[
        start(),
        text_block(0),
        text(0, "a"),
        stop(0),
        reason("end_turn"),
    ]);
    assert_eq!(events.last(), Some(&Event::End));
    assert_eq!(fold(events).unwrap().choices[0].stop, Some(Stop::EndTurn));
}

#[test]
fn e188_a_stream_that_stops_in_the_middle_is_an_error() {
    for data in [
        vec![start(), text_block(0), text(0, "a")],
        vec![start()],
        vec![],
        vec![start(), call_block(0, json!({})), input(0, "{\"a\":1}")],
    ] {
        let events = decode(&data);
        let Some(Event::Error(failure)) = events.last() else {
            panic!("{events:?}");
        };
        assert_eq!(failure.status, 502);
        assert!(!events.iter().any(|e| matches!(e, Event::ItemStop { .. })));
        assert!(!events.iter().any(|e| matches!(e, Event::Finish { .. })));
    }
}

#[test]
fn e189_citations_belong_to_their_text() {
    let citation = json!({"type": "web_search_result_location", "url": "https://a.example/",
        "title": "A", "cited_text": "c", "encrypted_index": "i"});
    let items = items(&[
        start(),
        block(0, json!({"type": "text", "text": "", "citations": null})),
        delta(0, json!({"type": "citations_delta", "citation": citation})),
        text(0, "a "),
        stop(0),
        text_block(1),
        text(1, "b"),
        stop(1),
        reason("end_turn"),
        end(),
    ]);
    assert_eq!(items.len(), 2);
    let Item::Text {
        text, citations, ..
    } = &items[0]
    else {
        panic!("{items:?}");
    };
    assert_eq!(text, "a ");
    assert_eq!(citations[0].url.as_deref(), Some("https://a.example/"));
    assert_eq!(citations[0].title.as_deref(), Some("A"));
    assert_eq!(citations[0].cited_text.as_deref(), Some("c"));
    assert_eq!(citations[0].dialect, Dialect::Anthropic);
}

#[test]
fn e115_the_forced_answer_is_text() {
    let context = ReplyContext {
        notes: ReplyNotes {
            structured_tool: Some("json_answer".to_owned()),
            ..ReplyNotes::default()
        },
        ..context()
    };
    let call = json!({"type": "tool_use", "id": "t", "name": "json_answer", "input": {}});
    let events = decode_stream(
        &stream(&[
            start(),
            block(0, call),
            input(0, "{\"a\":"),
            input(0, "1}"),
            stop(0),
            reason("tool_use"),
            end(),
        ]),
        &context,
    );
    let whole = decode_response(
        &json!({"type": "message", "id": "msg_1", "model": "m", "stop_reason": "tool_use",
            "content": [{"type": "tool_use", "id": "t", "name": "json_answer", "input": {"a": 1}}],
            "usage": {"input_tokens": 3, "output_tokens": 9}}),
        &context,
    );
    for response in [fold(events).unwrap(), whole] {
        let reply = &response.choices[0];
        assert_eq!(reply.items, [Item::text("{\"a\":1}")]);
        assert_eq!(reply.stop, Some(Stop::EndTurn));
    }
}

#[test]
fn e218_a_call_cut_by_the_limit_stays_cut() {
    let events = decode(&[
        start(),
        call_block(0, json!({})),
        input(0, "{\"a\":\"b"),
        reason("max_tokens"),
        end(),
    ]);
    let response = fold(events).unwrap();
    assert_eq!(response.choices[0].stop, Some(Stop::MaxTokens));
    let [Item::Call { arguments, .. }] = response.choices[0].items.as_slice() else {
        panic!("no call");
    };
    assert_eq!(arguments.as_str(), "{\"a\":\"b");
}

#[test]
fn e223_stop_reasons() {
    for (word, want) in [
        ("pause_turn", Stop::Pause),
        ("model_context_window_exceeded", Stop::ContextWindow),
        ("compaction", Stop::Compaction),
        ("refusal", Stop::Refusal(None)),
        ("sensitive", Stop::Refusal(None)),
        ("new_word", Stop::Other("new_word".to_owned())),
    ] {
        let events = decode(&[start(), reason(word), end()]);
        let finish = events.iter().find_map(|event| match event {
            Event::Finish { stop, native, .. } => Some((stop.clone(), native.clone())),
            _ => None,
        });
        assert_eq!(finish, Some((want, Some(word.to_owned()))));
    }
}

#[test]
fn e227_counts_of_the_last_report_win() {
    let mut last = reason("end_turn");
    last["usage"] = json!({"input_tokens": 61, "output_tokens": 2, "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 4}});
    let usage = fold(decode(&[start(), last, end()])).unwrap().usage;
    assert_eq!(usage.input_total, Some(61));
    assert_eq!(usage.output_total, Some(2));
    assert_eq!(usage.cache_write_5m, Some(4));
    assert!(usage.native.is_some());
}

#[test]
fn e237_an_error_in_the_stream_ends_it() {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
    let events = decode(&[
        start(),
        text_block(0),
        error.clone(),
        text(0, "late"),
        end(),
    ]);
    let Some(Event::Error(failure)) = events.last() else {
        panic!("{events:?}");
    };
    assert_eq!(failure.status, 529);
    assert_eq!(failure.kind, FailureKind::Overloaded);
    assert_eq!(failure.message, "busy");
    assert_eq!(failure.error_type.as_deref(), Some("overloaded_error"));
    assert!(failure.native.is_some());
    // The same object as a whole reply with a good status.
    let events = Anthropic
        .decode_response(&bytes(&error), &context())
        .unwrap();
    assert!(matches!(&events[..], [Event::Error(failure)] if failure.status == 529));
}

#[test]
fn e243_one_unreadable_event_is_forgiven() {
    let good = |data: &[Value]| stream(data);
    let mut forgiven = good(&[start(), text_block(0)]);
    forgiven.extend(b"event: content_block_delta\ndata: {\"type\":\n\n");
    forgiven.extend(good(&[text(0, "a"), stop(0), reason("end_turn"), end()]));
    let events = decode_stream(&forgiven, &context());
    assert_eq!(events.last(), Some(&Event::End));

    let mut last = good(&[
        start(),
        text_block(0),
        text(0, "a"),
        stop(0),
        reason("end_turn"),
    ]);
    last.extend(b"event: content_block_delta\ndata: {\"type\":\n\n");
    assert!(has_error(&decode_stream(&last, &context())));
}

#[test]
fn a_gateway_without_event_lines_is_read_too() {
    let mut bytes = Vec::new();
    for event in [
        start(),
        text_block(0),
        text(0, "a"),
        stop(0),
        reason("end_turn"),
        end(),
    ] {
        bytes.extend(format!("data: {event}\n\n").into_bytes());
    }
    let response = fold(decode_stream(&bytes, &context())).unwrap();
    assert_eq!(response.choices[0].items, [Item::text("a")]);
}

#[test]
fn tool_names_become_the_clients_again() {
    let mut names = NameMap::default();
    names.insert("my.tool", "f");
    let context = ReplyContext {
        notes: ReplyNotes {
            names,
            structured_tool: None,
        },
        ..context()
    };
    let events = decode_stream(
        &stream(&[
            start(),
            call_block(0, json!({})),
            stop(0),
            reason("tool_use"),
            end(),
        ]),
        &context,
    );
    assert!(events.iter().any(|event| matches!(
        event,
        Event::ItemStart { head: ItemHead::Call { name, .. }, .. } if name == "my.tool"
    )));
}

#[test]
fn calls_without_an_id_get_one() {
    let call = json!({"type": "tool_use", "id": "", "name": "f", "input": {}});
    let items = items(&[
        start(),
        block(0, call.clone()),
        stop(0),
        block(1, call),
        stop(1),
        reason("tool_use"),
        end(),
    ]);
    let ids: Vec<_> = items
        .iter()
        .map(|item| match item {
            Item::Call { id, .. } => id.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(ids.iter().all(|id| id.starts_with("toolu_")));
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn interleaved_blocks_are_kept_apart() {
    let items = items(&[
        start(),
        call_block(0, json!({})),
        call_block(1, json!({})),
        input(1, "{\"b\":2}"),
        input(0, "{\"a\":1}"),
        stop(1),
        stop(0),
        reason("tool_use"),
        end(),
    ]);
    let arguments: Vec<_> = items
        .iter()
        .map(|item| match item {
            Item::Call { arguments, .. } => arguments.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(arguments, ["{\"a\":1}", "{\"b\":2}"]);
}

#[test]
fn unknown_events_and_blocks_are_carried() {
    let events = decode(&[
        start(),
        json!({"type": "message_news", "x": 1}),
        block(
            0,
            json!({"type": "fallback", "from": {"model": "a"}, "text": {"new": 1}}),
        ),
        stop(0),
        reason("end_turn"),
        end(),
    ]);
    assert!(events.iter().any(|event| matches!(
        event,
        Event::Native {
            dialect: Dialect::Anthropic,
            ..
        }
    )));
    let response = fold(events).unwrap();
    assert!(matches!(
        response.choices[0].items.as_slice(),
        [Item::Opaque {
            dialect: Dialect::Anthropic,
            ..
        }]
    ));
}

#[test]
fn other_json_is_no_reply() {
    let events = Anthropic
        .decode_response(&bytes(&json!({"choices": []})), &context())
        .unwrap();
    assert!(matches!(&events[..], [Event::Error(failure)] if failure.status == 502));
    assert!(
        Anthropic
            .decode_response(&Bytes::from_static(b"<html>"), &context())
            .is_err()
    );
}
