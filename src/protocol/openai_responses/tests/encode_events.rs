use super::*;
use crate::canonical::{Failure, Usage};

#[test]
fn a_text_reply_has_every_event() {
    let frames = frames_out(
        &context(),
        reply(
            vec![
                open(0, ItemHead::Text),
                say(0, "Hel"),
                say(0, "lo"),
                stop(0),
            ],
            Stop::EndTurn,
        ),
    );
    assert_eq!(
        kinds(&frames),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
}

#[test]
fn e237_an_error_is_flat_and_numbered() {
    let mut events = vec![start(), open(0, ItemHead::Text), say(0, "x")];
    events.push(Event::Error(Box::new(Failure::new(503, "busy"))));
    let frames = frames_out(&context(), events.clone());
    let last = frames.last().unwrap();
    assert_eq!(
        *last,
        json!({"type": "error", "sequence_number": 5, "code": "internal_server_error", "message": "busy", "param": null})
    );
    let codex = ReplyContext {
        codex_client: true,
        ..context()
    };
    let frames = frames_out(&codex, events);
    let last = frames.last().unwrap();
    assert_eq!(last["type"], "response.failed");
    assert_eq!(last["response"]["status"], "failed");
    assert_eq!(
        last["response"]["error"],
        json!({"code": "internal_server_error", "message": "busy"})
    );
}

#[test]
fn e232_both_detail_objects_are_always_there() {
    let mut events = reply(vec![], Stop::EndTurn);
    events.insert(
        1,
        Event::Usage(Box::new(Usage {
            input_total: Some(5),
            output_total: Some(2),
            ..Usage::default()
        })),
    );
    let frames = frames_out(&context(), events);
    assert_eq!(
        frames.last().unwrap()["response"]["usage"],
        json!({"input_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7})
    );
}
