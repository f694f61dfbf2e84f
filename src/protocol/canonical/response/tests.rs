use super::*;
use crate::canonical::{
    Arguments, CacheMark, CallKind, Citation, Delta, Event, Failure, ItemHead, MediaSource,
    ServerTool, Signature, SignatureIssuer, SignaturePlace,
};
use crate::codec::Dialect;
use crate::linear::OneAtATime;
use crate::raw::RawJson;
use crate::testing::delta;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

fn raw(json: &str) -> RawJson {
    RawJson::parse(json).unwrap()
}

fn text_delta(index: usize, text: &str, logprobs: Option<&str>) -> Event {
    delta(
        index,
        Delta::Text {
            text: text.into(),
            logprobs: logprobs.map(raw),
        },
    )
}

fn start(index: usize, choice: u32, head: ItemHead) -> Event {
    Event::ItemStart {
        index,
        choice,
        head,
    }
}

#[test]
fn cut_reply_is_a_failure() {
    let cut = fold([start(0, 0, ItemHead::Text), text_delta(0, "a", None)]);
    assert_eq!(cut.unwrap_err().status, 502);
    let upstream = Box::new(Failure::new(429, "slow down"));
    let failed = fold([Event::Error(upstream.clone()), Event::End]);
    assert_eq!(failed.unwrap_err(), upstream);
}

#[test]
fn choice_numbers_beyond_reason_are_a_failure() {
    for choice in [128, u32::MAX] {
        let answer = fold([start(0, choice, ItemHead::Text), Event::End]);
        assert_eq!(answer.unwrap_err().status, 502);
    }
}

#[test]
fn empty_reply_has_one_choice() {
    assert_eq!(fold([Event::End]).unwrap().choices, [Reply::default()]);
}

#[test]
fn log_probabilities_are_joined_as_text() {
    let answer = fold([
        start(0, 0, ItemHead::Text),
        text_delta(0, "a", Some(r#"[{"logprob":-1.0}]"#)),
        text_delta(0, "b", None),
        text_delta(0, "c", Some("[ ]")),
        text_delta(0, "d", Some(r#"[ {"logprob":-0.10000000000000000001} ]"#)),
        Event::End,
    ])
    .unwrap();
    let Item::Text { text, logprobs, .. } = &answer.choices[0].items[0] else {
        panic!("{answer:?}");
    };
    assert_eq!(text, "abcd");
    assert_eq!(
        logprobs.as_ref().unwrap().as_str(),
        r#"[{"logprob":-1.0},{"logprob":-0.10000000000000000001}]"#
    );
}

#[test]
fn whole_item_replaces_what_the_deltas_brought() {
    let whole = Item::Call {
        id: "c".into(),
        item_id: Some("fc_1".into()),
        name: "f".into(),
        namespace: None,
        kind: CallKind::Function,
        arguments: Arguments::Json("{\"a\":1}".into()),
        signature: None,
        cache: None,
        caller: None,
    };
    let head = ItemHead::Call {
        id: "c".into(),
        item_id: None,
        name: "f".into(),
        namespace: None,
        kind: CallKind::Function,
        caller: None,
    };
    let answer = fold([
        start(0, 0, head),
        delta(0, Delta::Arguments("{".into())),
        Event::ItemStop {
            index: 0,
            whole: Some(Box::new(whole.clone())),
        },
        Event::End,
    ]);
    assert_eq!(answer.unwrap().choices[0].items, [whole]);
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-zé\\n]{1,6}"]
}

fn signature() -> impl Strategy<Value = Signature> {
    word().prop_map(|value| Signature {
        issuer: SignatureIssuer::Gemini,
        value,
        place: SignaturePlace::NextCall,
    })
}

fn citation() -> impl Strategy<Value = Citation> {
    (of(word()), of((0..9usize, 0..9usize))).prop_map(|(url, span)| Citation {
        dialect: Dialect::OpenAiChat,
        url,
        title: None,
        cited_text: None,
        span,
        raw: raw(r#"{"n":1.0}"#),
    })
}

fn cache() -> impl Strategy<Value = Option<CacheMark>> {
    of(Just(CacheMark { ttl: None }))
}

fn source() -> impl Strategy<Value = MediaSource> {
    prop_oneof![
        (word(), word()).prop_map(|(mime, data)| MediaSource::Base64 { mime, data }),
        word().prop_map(|url| MediaSource::Url { url, mime: None }),
    ]
}

fn item() -> impl Strategy<Value = Item> {
    let text = (
        word(),
        vec(citation(), 0..2),
        of(signature()),
        cache(),
        of(Just(r#"[{"token":"a"}]"#)),
    )
        .prop_map(|(text, citations, signature, cache, logprobs)| Item::Text {
            text: text.into(),
            citations,
            signature,
            cache,
            logprobs: logprobs.map(raw),
        });
    let reasoning = (
        word(),
        vec(word(), 0..3),
        of(signature()),
        any::<bool>(),
        of(word()),
    )
        .prop_map(|(text, summary, signature, redacted, id)| Item::Reasoning {
            text,
            summary,
            signature,
            redacted,
            id,
        });
    let call = (
        (word(), of(word()), word(), of(word())),
        any::<(bool, bool)>(),
        word(),
        of(signature()),
        cache(),
    )
        .prop_map(
            |((id, item_id, name, namespace), (custom, json), text, signature, cache)| Item::Call {
                id,
                item_id,
                name,
                namespace,
                kind: if custom {
                    CallKind::Custom
                } else {
                    CallKind::Function
                },
                arguments: if json {
                    Arguments::Json(text)
                } else {
                    Arguments::Text(text)
                },
                signature,
                cache,
                caller: None,
            },
        );
    let image = (source(), of(word()), cache()).prop_map(|(source, detail, cache)| Item::Image {
        source,
        detail,
        cache,
    });
    let audio =
        (source(), of(word()), of(word())).prop_map(|(source, transcript, id)| Item::Audio {
            source,
            transcript,
            id,
        });
    let server = of(word()).prop_map(|id| {
        Item::Server(Box::new(ServerTool {
            dialect: Dialect::Anthropic,
            kind: "server_tool_use".into(),
            id,
            name: None,
            query: None,
            raw: raw("{}"),
        }))
    });
    let opaque = Just(Item::Opaque {
        dialect: Dialect::Gemini,
        raw: raw("[1.0]"),
    });
    prop_oneof![
        text,
        reasoning,
        call,
        image,
        audio,
        server,
        opaque,
        word().prop_map(Item::Refusal),
    ]
}

fn response() -> impl Strategy<Value = Response> {
    let stop = prop_oneof![
        Just(Stop::EndTurn),
        word().prop_map(|s| Stop::StopSequence(Some(s))),
    ];
    let reply = (vec(item(), 0..5), stop, of(word())).prop_map(|(items, stop, native)| Reply {
        items,
        stop: Some(stop),
        native_stop: native,
    });
    (vec(reply, 1..3), of(word()), of(0..9u64)).prop_map(|(choices, id, input_total)| Response {
        start: Start {
            id,
            ..Start::default()
        },
        choices,
        usage: Usage {
            input_total,
            ..Usage::default()
        },
    })
}

/// Cuts text deltas into characters: streams of the same reply differ in nothing else.
fn in_small_pieces(events: Vec<Event>) -> Vec<Event> {
    let mut out = Vec::new();
    for event in events {
        let pieces = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        match event {
            Event::Delta {
                index,
                delta: Delta::Arguments(text),
            } => out.extend(
                pieces(&text)
                    .into_iter()
                    .map(|piece| delta(index, Delta::Arguments(piece))),
            ),
            Event::Delta {
                index,
                delta: Delta::Reasoning { channel, text },
            } if !text.is_empty() => out.extend(
                pieces(&text)
                    .into_iter()
                    .map(|text| delta(index, Delta::Reasoning { channel, text })),
            ),
            Event::Delta {
                index,
                delta: Delta::Refusal(text),
            } => out.extend(
                pieces(&text)
                    .into_iter()
                    .map(|piece| delta(index, Delta::Refusal(piece))),
            ),
            other => out.push(other),
        }
    }
    out
}

fn item_of(event: &Event) -> Option<usize> {
    match event {
        Event::ItemStart { index, .. }
        | Event::Delta { index, .. }
        | Event::ItemStop { index, .. } => Some(*index),
        _ => None,
    }
}

/// Mixes the events of different items as `picks` says; each item keeps its own order.
fn interleaved(events: Vec<Event>, picks: &[usize]) -> Vec<Event> {
    let mut lanes: Vec<std::collections::VecDeque<Event>> = Vec::new();
    let mut out = Vec::new();
    let mut tail = Vec::new();
    for event in events {
        match (item_of(&event), &event) {
            (Some(index), _) => {
                if lanes.len() <= index {
                    lanes.resize_with(index + 1, Default::default);
                }
                lanes[index].push_back(event);
            }
            (None, Event::Start(_)) => out.push(event),
            (None, _) => tail.push(event),
        }
    }
    let mut picks = picks.iter().cycle();
    loop {
        lanes.retain(|lane| !lane.is_empty());
        if lanes.is_empty() {
            break;
        }
        let n = picks.next().copied().unwrap_or(0) % lanes.len();
        out.extend(lanes[n].pop_front());
    }
    out.extend(tail);
    out
}

proptest! {
    #[test]
    fn fold_undoes_unfold(response in response()) {
        prop_assert_eq!(fold(unfold(response.clone())).unwrap(), response);
    }

    #[test]
    fn pieces_fold_to_the_same(response in response()) {
        let events = in_small_pieces(unfold(response.clone()));
        prop_assert_eq!(fold(events).unwrap(), response);
    }

    /// One item at a time, in any mixture: never two open, nothing lost.
    #[test]
    fn interleaved_items_come_out_one_by_one(
        response in response(),
        picks in vec(0..9usize, 1..40),
    ) {
        let mixed = interleaved(in_small_pieces(unfold(response.clone())), &picks);
        let n = mixed.len();
        let mut linear = OneAtATime::default();
        let mut out = Vec::new();
        for event in mixed {
            linear.push(event, &mut out);
        }
        prop_assert_eq!(out.len(), n);
        let mut open = None;
        for event in &out {
            match event {
                Event::ItemStart { index, .. } => prop_assert_eq!(open.replace(*index), None),
                Event::ItemStop { index, .. } => prop_assert_eq!(open.take(), Some(*index)),
                Event::Finish { .. } | Event::End => prop_assert_eq!(open, None),
                other => prop_assert!(item_of(other).is_none_or(|index| open == Some(index))),
            }
        }
        prop_assert_eq!(fold(out).unwrap(), response);
    }
}
