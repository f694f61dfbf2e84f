use super::*;
use crate::canonical::{CallKind, Channel, Delta, Failure, ItemHead, Stop};
use crate::testing::stop;

fn call(index: usize) -> Event {
    Event::ItemStart {
        index,
        choice: 0,
        head: ItemHead::Call {
            id: format!("c{index}"),
            item_id: None,
            name: "f".into(),
            namespace: None,
            kind: CallKind::Function,
            caller: None,
        },
    }
}

fn text(index: usize) -> Event {
    crate::testing::open(index, ItemHead::Text)
}

fn delta(index: usize, text: &str) -> Event {
    Event::Delta {
        index,
        delta: Delta::Reasoning {
            channel: Channel::Raw,
            text: text.into(),
        },
    }
}

fn finish(choice: u32) -> Event {
    Event::Finish {
        choice,
        stop: Stop::EndTurn,
        native: None,
    }
}

/// `(0` opens, `0:x` grows, `)0` closes.
fn show(event: &Event) -> String {
    match event {
        Event::ItemStart { index, .. } => format!("({index}"),
        Event::Delta {
            index,
            delta: Delta::Reasoning { text, .. },
        } => format!("{index}:{text}"),
        Event::ItemStop { index, .. } => format!("){index}"),
        Event::Start(_) => "start".into(),
        Event::Usage(_) => "usage".into(),
        Event::Finish { choice, .. } => format!("fin{choice}"),
        Event::Error(_) => "error".into(),
        Event::End => "end".into(),
        other => format!("{other:?}"),
    }
}

/// Each step is shown behind a `/`, so that the time an event comes out is part of the answer.
#[track_caller]
fn check<const N: usize>(events: [Event; N], want: &str) {
    let mut linear = OneAtATime::default();
    let mut steps = Vec::new();
    for event in events {
        let mut out = Vec::new();
        linear.push(event, &mut out);
        steps.push(out.iter().map(show).collect::<Vec<_>>().join(" "));
    }
    assert_eq!(steps.join("/"), want);
}

#[test]
fn sequential_items_pass_at_once() {
    check(
        [
            Event::Start(Box::default()),
            text(0),
            delta(0, "a"),
            stop(0),
            call(1),
            delta(1, "b"),
            stop(1),
            Event::Usage(Box::default()),
            finish(0),
            Event::End,
        ],
        "start/(0/0:a/)0/(1/1:b/)1/usage/fin0/end",
    );
}

#[test]
fn e168_interleaved_calls_come_one_after_the_other() {
    check(
        [
            call(0),
            call(1),
            delta(1, "x"),
            delta(0, "a"),
            delta(1, "y"),
            stop(1),
            delta(0, "b"),
            stop(0),
            finish(0),
            Event::End,
        ],
        "(0///0:a///0:b/)0 (1 1:x 1:y )1/fin0/end",
    );
}

#[test]
fn e169_text_waits_for_the_open_call() {
    check(
        [
            call(0),
            text(1),
            delta(1, "t"),
            delta(0, "a"),
            stop(0),
            delta(1, "u"),
            stop(1),
            Event::End,
        ],
        "(0///0:a/)0 (1 1:t/1:u/)1/end",
    );
}

#[test]
fn e170_three_items_three_starts_and_stops() {
    check(
        [
            text(0),
            delta(0, "t"),
            call(1),
            call(2),
            stop(0),
            stop(1),
            stop(2),
        ],
        "(0/0:t///)0 (1/)1 (2/)2",
    );
}

#[test]
fn finish_waits_for_waiting_items() {
    check(
        [call(0), call(1), stop(1), finish(1), stop(0), finish(0)],
        "(0////)0 (1 )1 fin1/fin0",
    );
}

#[test]
fn end_closes_what_is_open_in_order() {
    check(
        [
            call(0),
            call(1),
            delta(1, "x"),
            text(2),
            stop(2),
            finish(0),
            Event::End,
        ],
        "(0//////)0 (1 1:x )1 (2 )2 fin0 end",
    );
}

#[test]
fn error_closes_nothing() {
    check(
        [
            call(0),
            call(1),
            stop(1),
            finish(0),
            Event::Error(Box::new(Failure::new(502, "cut"))),
        ],
        "(0////error",
    );
}

#[test]
fn late_delta_of_a_closed_item_is_dropped() {
    check([text(0), stop(0), delta(0, "late"), text(1)], "(0/)0//(1");
}
