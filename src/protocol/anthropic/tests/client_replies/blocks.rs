//! Blocks of a stream.

use super::*;

#[test]
fn e50_the_last_signature_counts_once() {
    let openai = |value| signature(SignatureIssuer::OpenAi, value);
    check(
        vec![
            open(0, reasoning()),
            delta(0, openai("X")),
            thought(0, Channel::Summary(0), "a"),
            delta(0, openai("Y")),
            stop(0),
        ],
        &[
            "0 thinking",
            "0 thinking=a",
            "0 signature=openai#Y",
            "0 .",
            "end_turn",
        ],
    );
}

#[test]
fn e51_summary_parts_are_one_block() {
    check(
        vec![
            open(0, reasoning()),
            thought(0, Channel::Summary(0), "one"),
            thought(0, Channel::Summary(1), "two"),
            thought(0, Channel::Summary(2), "three"),
            delta(0, signature(SignatureIssuer::OpenAi, "s")),
            stop(0),
            open(1, reasoning()),
            thought(1, Channel::Summary(0), "next"),
            stop(1),
        ],
        &[
            "0 thinking",
            "0 thinking=one",
            "0 thinking=\n\n",
            "0 thinking=two",
            "0 thinking=\n\n",
            "0 thinking=three",
            "0 signature=openai#s",
            "0 .",
            "1 thinking",
            "1 thinking=next",
            "1 signature=",
            "1 .",
            "end_turn",
        ],
    );
}

#[test]
fn e52_reasoning_without_text_is_a_signature_only() {
    check(
        vec![
            open(0, reasoning()),
            delta(0, signature(SignatureIssuer::OpenAi, "s")),
            stop(0),
            open(1, ItemHead::Text),
            text(1, "hi"),
            stop(1),
        ],
        &[
            "0 thinking",
            "0 signature=openai#s",
            "0 .",
            "1 text",
            "1 text=hi",
            "1 .",
            "end_turn",
        ],
    );
}

#[test]
fn empty_items_make_no_gaps() {
    check(
        vec![
            open(0, reasoning()),
            stop(0),
            open(1, ItemHead::Text),
            text(1, ""),
            stop(1),
            open(2, ItemHead::Text),
            text(2, "hi"),
            stop(2),
        ],
        &["0 text", "0 text=hi", "0 .", "end_turn"],
    );
}

#[test]
fn hidden_thinking_shows_its_signature_only() {
    let events = vec![
        open(0, reasoning()),
        thought(0, Channel::Raw, "secret"),
        delta(0, signature(SignatureIssuer::OpenAi, "s")),
        stop(0),
        open(1, reasoning()),
        thought(1, Channel::Raw, "secret"),
        stop(1),
    ];
    let context = ReplyContext {
        show: ReasoningShow::Hidden,
        ..context()
    };
    assert_eq!(
        short(events.clone(), &context),
        ["0 thinking", "0 signature=openai#s", "0 .", "end_turn"]
    );
    assert_eq!(
        whole(events, &context)["content"],
        json!([{"type": "thinking", "thinking": "", "signature": "openai#s"}])
    );
}

#[test]
fn e155_thinking_closes_before_the_text_opens() {
    check(
        vec![
            open(0, reasoning()),
            thought(0, Channel::Raw, "a"),
            thought(0, Channel::Raw, "b"),
            stop(0),
            open(1, ItemHead::Text),
            text(1, "c"),
            stop(1),
        ],
        &[
            "0 thinking",
            "0 thinking=a",
            "0 thinking=b",
            "0 signature=",
            "0 .",
            "1 text",
            "1 text=c",
            "1 .",
            "end_turn",
        ],
    );
}

#[test]
fn e156_arguments_are_not_lost_at_the_switch() {
    check(
        vec![
            open(0, ItemHead::Text),
            text(0, "a"),
            stop(0),
            open(1, call("t")),
            arguments(1, "{\"x\":1}"),
            stop(1),
            finish(Stop::ToolUse),
        ],
        &[
            "0 text",
            "0 text=a",
            "0 .",
            "1 tool_use",
            "1 partial_json={\"x\":1}",
            "1 .",
            "tool_use",
        ],
    );
}

#[test]
fn e168_interleaved_calls_come_one_after_the_other() {
    check(
        vec![
            open(0, call("a")),
            arguments(0, "{\"a\":"),
            open(1, call("b")),
            arguments(1, "{\"b\":2}"),
            stop(1),
            arguments(0, "1}"),
            stop(0),
            finish(Stop::ToolUse),
        ],
        &[
            "0 tool_use",
            "0 partial_json={\"a\":",
            "0 partial_json=1}",
            "0 .",
            "1 tool_use",
            "1 partial_json={\"b\":2}",
            "1 .",
            "tool_use",
        ],
    );
}
