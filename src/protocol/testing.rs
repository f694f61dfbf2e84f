//! Short forms of events, items and traits for the tests of all codecs.

use crate::canonical::{
    Arguments, CacheMark, CallKind, Channel, Delta, Event, Item, ItemHead, Response, ResultKind,
    Role, Stop, Turn,
};
use crate::codec::{ModelTraits, ThinkingSupport};

// Events of choice 0.

/// An item opens.
pub(crate) fn open(index: usize, head: ItemHead) -> Event {
    Event::ItemStart {
        index,
        choice: 0,
        head,
    }
}

/// An open item grows.
pub(crate) fn delta(index: usize, delta: Delta) -> Event {
    Event::Delta { index, delta }
}

/// A text grows.
pub(crate) fn text(index: usize, text: &str) -> Event {
    delta(
        index,
        Delta::Text {
            text: text.to_owned(),
            logprobs: None,
        },
    )
}

/// Thinking grows.
pub(crate) fn think(index: usize, channel: Channel, text: &str) -> Event {
    delta(
        index,
        Delta::Reasoning {
            channel,
            text: text.to_owned(),
        },
    )
}

/// The arguments of a call grow.
pub(crate) fn arguments(index: usize, piece: &str) -> Event {
    delta(index, Delta::Arguments(piece.to_owned()))
}

/// An item closes.
pub(crate) fn stop(index: usize) -> Event {
    Event::ItemStop { index, whole: None }
}

/// The choice is complete.
pub(crate) fn finish(stop: Stop) -> Event {
    Event::Finish {
        choice: 0,
        stop,
        native: None,
    }
}

/// Head of shown thinking.
pub(crate) fn thinking_head() -> ItemHead {
    ItemHead::Reasoning {
        id: None,
        redacted: false,
    }
}

/// Head of a call of a function.
pub(crate) fn call_head(id: &str, name: &str) -> ItemHead {
    ItemHead::Call {
        id: id.to_owned(),
        item_id: None,
        name: name.to_owned(),
        namespace: None,
        kind: CallKind::Function,
        caller: None,
    }
}

// Turns and items.

/// A user says something.
pub(crate) fn user(text: &str) -> Turn {
    Turn::new(Role::User, vec![Item::text(text)])
}

/// The model says something.
pub(crate) fn assistant(items: Vec<Item>) -> Turn {
    Turn::new(Role::Assistant, items)
}

/// A call of a function.
pub(crate) fn call(id: &str, name: &str, arguments: &str) -> Item {
    Item::Call {
        id: id.to_owned(),
        item_id: None,
        name: name.to_owned(),
        namespace: None,
        kind: CallKind::Function,
        arguments: Arguments::Json(arguments.to_owned()),
        signature: None,
        cache: None,
        caller: None,
    }
}

/// What a function answered; the name of the call is bound later.
pub(crate) fn result(call_id: &str, content: Vec<Item>) -> Item {
    Item::Result {
        call_id: call_id.to_owned(),
        name: None,
        content,
        object: None,
        is_error: false,
        kind: ResultKind::Function,
        cache: None,
    }
}

/// A text with a cache mark.
pub(crate) fn marked(text: &str) -> Item {
    let mut item = Item::text(text);
    if let Item::Text { cache, .. } = &mut item {
        *cache = Some(CacheMark { ttl: None });
    }
    item
}

/// Id, name and arguments of the calls of choice 0.
pub(crate) fn calls(response: &Response) -> Vec<(String, String, String)> {
    response.choices[0]
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Call {
                id,
                name,
                arguments,
                ..
            } => Some((id.clone(), name.clone(), arguments.as_str().to_owned())),
            _ => None,
        })
        .collect()
}

/// A model that thinks by budgets.
pub(crate) fn budgets() -> ModelTraits {
    ModelTraits {
        thinking: Some(ThinkingSupport {
            min_budget: 1024,
            max_budget: 128_000,
            can_disable: true,
            ..ThinkingSupport::default()
        }),
        ..ModelTraits::default()
    }
}
