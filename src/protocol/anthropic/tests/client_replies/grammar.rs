//! Whatever comes, a client stream follows the grammar of `anthropic-messages.md` §7.

use super::*;
use proptest::prelude::*;

/// Any event, in any order, with indexes that clash.
fn any_event() -> impl Strategy<Value = Event> {
    let index = 0..4_usize;
    let words = "[a-z\n\"]{0,3}";
    prop_oneof![
        Just(start()),
        Just(Event::KeepAlive),
        Just(Event::Usage(Box::default())),
        Just(finish(Stop::ToolUse)),
        (index.clone(), 0..6_u8, 0..2_u32).prop_map(|(index, kind, choice)| Event::ItemStart {
            index,
            choice,
            head: match kind {
                0 => ItemHead::Text,
                1 => reasoning(),
                2 => ItemHead::Reasoning {
                    id: None,
                    redacted: true,
                },
                3 => ItemHead::Refusal,
                4 => ItemHead::Image,
                _ => call(""),
            },
        }),
        (index.clone(), 0..6_u8, words).prop_map(|(index, kind, text)| match kind {
            0 => super::text(index, &text),
            1 => thought(index, Channel::Summary(text.len()), &text),
            2 => thought(index, Channel::Raw, &text),
            3 => delta(index, signature(SignatureIssuer::OpenAi, &text)),
            4 => delta(index, Delta::Refusal(text)),
            _ => arguments(index, &text),
        }),
        index.prop_map(stop),
    ]
}

proptest! {
    #[test]
    fn streams_follow_the_grammar(events in prop::collection::vec(any_event(), 0..40)) {
        let mut all = events;
        all.push(Event::End);
        let data = data_of(&encode_events(all, &context()));
        let (mut open, mut next) = (None, 0);
        let last = data.len() - 1;
        for (n, event) in data.iter().enumerate() {
            let index = event["index"].as_u64();
            match event["type"].as_str().unwrap() {
                "message_start" => prop_assert_eq!(n, 0),
                "content_block_start" => {
                    prop_assert_eq!((open, index), (None, Some(next)));
                    open = index;
                    next += 1;
                }
                "content_block_delta" => prop_assert!(open.is_some() && open == index),
                "content_block_stop" => {
                    prop_assert!(open.is_some() && open == index);
                    open = None;
                }
                "message_delta" => {
                    prop_assert_eq!((open, n), (None, last - 1));
                    let calls = data.iter().any(|e| e["content_block"]["type"] == "tool_use");
                    prop_assert_eq!(event["delta"]["stop_reason"] == "tool_use", calls);
                }
                "message_stop" => prop_assert_eq!(n, last),
                "ping" => prop_assert!(n > 0),
                other => prop_assert!(false, "{}", other),
            }
        }
        prop_assert_eq!(data[0]["type"].as_str(), Some("message_start"));
        prop_assert_eq!(data[last]["type"].as_str(), Some("message_stop"));
    }
}
