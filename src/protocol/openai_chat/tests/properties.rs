//! Any text survives the way there and back.

use super::*;
use crate::canonical::{Item, Reply, Role, Start, Stop, Turn, Usage, unfold};
use proptest::prelude::*;

fn call(id: usize, arguments: String) -> Item {
    crate::testing::call(&format!("call_{id}"), &format!("tool_{id}"), &arguments)
}

fn result(id: usize, text: String) -> Item {
    // The name is bound by the normaliser, not on the wire.
    crate::testing::result(&format!("call_{id}"), vec![Item::text(text)])
}

/// A question, its answer, and perhaps the arguments and the output of one call.
type Round = (String, String, Option<(String, String)>);

fn round() -> impl Strategy<Value = Round> {
    let text = "\\PC{1,12}|[\\x00-\\x1f\"\\\\é\u{2028}😀]{1,8}";
    (
        text,
        text,
        prop::option::of(("\\{\"a\":\"[a-z]{0,4}\"\\}|\\PC{1,8}", "[a-z\"\\\\\n]{1,8}")),
    )
}

fn conversation(rounds: Vec<Round>) -> Vec<Turn> {
    let mut turns = Vec::new();
    for (n, (question, answer, called)) in rounds.into_iter().enumerate() {
        turns.push(Turn::new(Role::User, vec![Item::text(question)]));
        let mut items = vec![Item::text(answer)];
        let Some((arguments, output)) = called else {
            turns.push(Turn::new(Role::Assistant, items));
            continue;
        };
        items.push(call(n, arguments));
        turns.push(Turn::new(Role::Assistant, items));
        turns.push(Turn::new(Role::Tool, vec![result(n, output)]));
    }
    turns
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn requests_read_as_they_were_written(rounds in prop::collection::vec(round(), 1..5)) {
        let mut turns = conversation(rounds);
        turns.push(Turn::new(Role::User, vec![Item::text("end")]));
        let request = Request {
            model: "up".to_owned(),
            turns,
            ..Request::default()
        };
        let mut again = decode(encode(&request));
        again.native = None;
        prop_assert_eq!(again, request);
    }

    #[test]
    fn replies_read_as_they_were_written(
        pieces in prop::collection::vec("\\PC{0,12}|[\\x00-\\x1f\"\\\\]{1,8}", 1..6),
        arguments in "\\{\\}|\\PC{1,20}",
    ) {
        let text: String = pieces.concat();
        let mut items = Vec::new();
        if !text.is_empty() {
            items.push(Item::text(text));
        }
        items.push(call(0, arguments));
        let response = Response {
            start: Start {
                id: Some("chatcmpl-1".to_owned()),
                model: Some("shown".to_owned()),
                created: Some(1_700_000_000),
                ..Start::default()
            },
            choices: vec![Reply {
                items,
                stop: Some(Stop::ToolUse),
                native_stop: Some("tool_calls".to_owned()),
            }],
            usage: Usage::default(),
        };
        let body = OpenAiChat.encode_response(&response, &context());
        let mut whole = folded(OpenAiChat.decode_response(&body, &context()).unwrap());
        whole.usage = Usage::default();
        prop_assert_eq!(&whole, &response);
        let text = sent_with(&context(), unfold(response.clone()));
        let mut decoder = OpenAiChat.event_decoder(&context());
        let mut events = Vec::new();
        SseParser::new()
            .push(text.as_bytes(), |frame| decoder.decode(frame, &mut events))
            .unwrap();
        decoder.finish(&mut events);
        prop_assert_eq!(folded(events), response);
    }
}
