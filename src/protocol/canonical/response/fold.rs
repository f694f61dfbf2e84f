//! From events to a reply.

use super::{Reply, Response};
use crate::canonical::{
    Arguments, CallKind, Channel, Delta, Event, Failure, Item, ItemHead, MediaSource,
};
use crate::raw::RawJson;
use std::collections::BTreeMap;

/// Most candidates a reply may have; no protocol allows more.
const MAX_CHOICES: u32 = 128;

/// Folds the events of one reply. Fails with the upstream's failure when it sent one, and with a 502
/// when the events end before `End` or number their choices beyond reason.
pub fn fold(events: impl IntoIterator<Item = Event>) -> Result<Response, Box<Failure>> {
    let mut response = Response::default();
    let mut items: BTreeMap<usize, Growing> = BTreeMap::new();
    for event in events {
        match event {
            Event::Start(start) => response.start = *start,
            Event::ItemStart {
                index,
                choice,
                head,
            } => {
                items.insert(index, Growing::new(choice, head));
            }
            Event::Delta { index, delta } => {
                if let Some(open) = items.get_mut(&index) {
                    open.grow(delta);
                }
            }
            Event::ItemStop { index, whole } => {
                if let (Some(whole), Some(open)) = (whole, items.get_mut(&index)) {
                    open.item = *whole;
                    open.logprobs.clear();
                }
            }
            Event::Usage(usage) => response.usage.merge(*usage),
            Event::Finish {
                choice,
                stop,
                native,
            } => {
                let reply = choice_mut(&mut response.choices, choice)?;
                reply.stop = Some(stop);
                reply.native_stop = native;
            }
            Event::Error(failure) => return Err(failure),
            Event::Native { .. } | Event::KeepAlive => {}
            Event::End => {
                for open in items.into_values() {
                    let choice = open.choice;
                    let reply = choice_mut(&mut response.choices, choice)?;
                    reply.items.push(open.whole());
                }
                choice_mut(&mut response.choices, 0)?;
                return Ok(response);
            }
        }
    }
    Err(Box::new(Failure::new(
        502,
        "the upstream ended the reply before it was complete",
    )))
}

fn choice_mut(choices: &mut Vec<Reply>, choice: u32) -> Result<&mut Reply, Box<Failure>> {
    if choice >= MAX_CHOICES {
        let message = format!("the upstream sent a choice with the number {choice}");
        return Err(Box::new(Failure::new(502, message)));
    }
    let at = choice as usize;
    if choices.len() <= at {
        choices.resize_with(at + 1, Reply::default);
    }
    Ok(&mut choices[at])
}

/// An item that is still being told.
struct Growing {
    choice: u32,
    item: Item,
    /// Log probabilities of a text, piece by piece: joined once, at the end.
    logprobs: Vec<RawJson>,
}

impl Growing {
    fn new(choice: u32, head: ItemHead) -> Self {
        Self {
            choice,
            item: empty_item(head),
            logprobs: Vec::new(),
        }
    }

    fn grow(&mut self, delta: Delta) {
        match (&mut self.item, delta) {
            (
                Item::Text { text, .. },
                Delta::Text {
                    text: piece,
                    logprobs,
                },
            ) => {
                text.push_str(&piece);
                self.logprobs.extend(logprobs);
            }
            (item, delta) => grow(item, delta),
        }
    }

    fn whole(mut self) -> Item {
        if let Item::Text { logprobs, .. } = &mut self.item
            && !self.logprobs.is_empty()
        {
            *logprobs = join_arrays(self.logprobs);
        }
        self.item
    }
}

fn empty_item(head: ItemHead) -> Item {
    match head {
        ItemHead::Text => Item::text(""),
        ItemHead::Refusal => Item::Refusal(String::new()),
        ItemHead::Reasoning { id, redacted } => Item::Reasoning {
            text: String::new(),
            summary: Vec::new(),
            signature: None,
            redacted,
            id,
        },
        ItemHead::Call {
            id,
            item_id,
            name,
            namespace,
            kind,
            caller,
        } => Item::Call {
            id,
            item_id,
            name,
            namespace,
            kind,
            arguments: match kind {
                CallKind::Function => Arguments::Json(String::new()),
                CallKind::Custom => Arguments::Text(String::new()),
            },
            signature: None,
            cache: None,
            caller,
        },
        ItemHead::Image => Item::Image {
            source: MediaSource::Base64 {
                mime: String::new(),
                data: String::new(),
            },
            detail: None,
            cache: None,
        },
        ItemHead::Audio => Item::Audio {
            source: MediaSource::Base64 {
                mime: String::new(),
                data: String::new(),
            },
            transcript: None,
            id: None,
        },
        ItemHead::Server(tool) => Item::Server(tool),
        ItemHead::Opaque { dialect, raw } => Item::Opaque { dialect, raw },
    }
}

fn grow(item: &mut Item, delta: Delta) {
    match (item, delta) {
        (Item::Text { citations, .. }, Delta::Citation(citation)) => citations.push(*citation),
        (
            Item::Text { signature, .. }
            | Item::Call { signature, .. }
            | Item::Reasoning { signature, .. },
            Delta::Signature(new),
        ) => *signature = Some(new),
        (Item::Refusal(text), Delta::Refusal(piece)) => text.push_str(&piece),
        (
            Item::Reasoning { text, summary, .. },
            Delta::Reasoning {
                channel,
                text: piece,
            },
        ) => match channel {
            Channel::Raw => text.push_str(&piece),
            Channel::Summary(n) => {
                if summary.len() <= n {
                    summary.resize_with(n + 1, String::new);
                }
                summary[n].push_str(&piece);
            }
        },
        (Item::Call { arguments, .. }, Delta::Arguments(piece)) => match arguments {
            Arguments::Json(text) | Arguments::Text(text) => text.push_str(&piece),
        },
        (Item::Image { source, .. }, Delta::Image { mime, data }) => {
            *source = MediaSource::Base64 { mime, data };
        }
        (
            Item::Audio {
                source,
                transcript,
                id,
            },
            Delta::Audio {
                id: new_id,
                data,
                transcript: piece,
                ..
            },
        ) => {
            if let MediaSource::Base64 { data: all, .. } = source {
                all.push_str(&data);
            }
            if !piece.is_empty() {
                transcript.get_or_insert_with(String::new).push_str(&piece);
            }
            if new_id.is_some() {
                *id = new_id;
            }
        }
        // A decoder that sends a delta to an item of another kind is wrong; its own tests say so.
        (_, _) => {}
    }
}

/// One array of the elements of all; the last piece when they are no arrays.
fn join_arrays(mut pieces: Vec<RawJson>) -> Option<RawJson> {
    if pieces.len() < 2 {
        return pieces.pop();
    }
    let elements = |piece: &RawJson| {
        let inner = piece.as_str().strip_prefix('[')?.strip_suffix(']')?;
        Some(inner.trim().to_owned())
    };
    let Some(mut all) = pieces.iter().map(elements).collect::<Option<Vec<_>>>() else {
        return pieces.pop();
    };
    all.retain(|elements| !elements.is_empty());
    RawJson::parse(format!("[{}]", all.join(","))).ok()
}
