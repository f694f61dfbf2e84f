//! A whole reply: the fold of its events.

use super::{
    Arguments, Channel, Delta, Event, Failure, Item, ItemHead, MediaSource, Start, Stop, Usage,
};

/// A complete reply.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Response {
    /// Head.
    pub start: Start,
    /// Candidates by number; at least one.
    pub choices: Vec<Reply>,
    /// Token counts.
    pub usage: Usage,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reply {
    /// Items in order.
    pub items: Vec<Item>,
    /// Why it ended.
    pub stop: Option<Stop>,
    /// The upstream's own word for it.
    pub native_stop: Option<String>,
}

/// Folds the events of one reply. Fails with the upstream's failure when it sent one, and with a 502
/// when the events end before `End`.
pub fn fold(events: impl IntoIterator<Item = Event>) -> Result<Response, Box<Failure>> {
    let mut response = Response::default();
    let mut open: Vec<Option<(u32, Item)>> = Vec::new();
    let mut ended = false;
    for event in events {
        match event {
            Event::Start(start) => response.start = *start,
            Event::ItemStart {
                index,
                choice,
                head,
            } => {
                if open.len() <= index {
                    open.resize_with(index + 1, || None);
                }
                open[index] = Some((choice, empty_item(head)));
            }
            Event::Delta { index, delta } => {
                if let Some(Some((_, item))) = open.get_mut(index) {
                    grow(item, delta);
                }
            }
            Event::ItemStop { index, whole } => {
                if let (Some(whole), Some(Some((_, item)))) = (whole, open.get_mut(index)) {
                    *item = *whole;
                }
            }
            Event::Usage(usage) => response.usage.merge(*usage),
            Event::Finish {
                choice,
                stop,
                native,
            } => {
                let reply = choice_mut(&mut response.choices, choice);
                reply.stop = Some(stop);
                reply.native_stop = native;
            }
            Event::Error(failure) => return Err(failure),
            Event::Native { .. } | Event::KeepAlive => {}
            Event::End => ended = true,
        }
    }
    if !ended {
        return Err(Box::new(Failure::new(
            502,
            "the upstream ended the reply before it was complete",
        )));
    }
    for (choice, item) in open.into_iter().flatten() {
        choice_mut(&mut response.choices, choice).items.push(item);
    }
    choice_mut(&mut response.choices, 0);
    Ok(response)
}

/// Replays a whole reply as events, for a stream client on an upstream that does not stream.
pub fn unfold(response: Response) -> Vec<Event> {
    let mut events = vec![Event::Start(Box::new(response.start))];
    let mut index = 0;
    let mut finishes = Vec::new();
    for (choice, reply) in response.choices.into_iter().enumerate() {
        let choice = u32::try_from(choice).unwrap_or(u32::MAX);
        for item in reply.items {
            unfold_item(&mut events, index, choice, item);
            index += 1;
        }
        if let Some(stop) = reply.stop {
            finishes.push(Event::Finish {
                choice,
                stop,
                native: reply.native_stop,
            });
        }
    }
    events.push(Event::Usage(Box::new(response.usage)));
    events.extend(finishes);
    events.push(Event::End);
    events
}

fn choice_mut(choices: &mut Vec<Reply>, choice: u32) -> &mut Reply {
    let at = choice as usize;
    if choices.len() <= at {
        choices.resize_with(at + 1, Reply::default);
    }
    &mut choices[at]
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
                super::CallKind::Function => Arguments::Json(String::new()),
                super::CallKind::Custom => Arguments::Text(String::new()),
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
        (
            Item::Text { text, logprobs, .. },
            Delta::Text {
                text: piece,
                logprobs: more,
            },
        ) => {
            text.push_str(&piece);
            if let Some(more) = more {
                *logprobs = Some(join_arrays(logprobs.take(), more));
            }
        }
        (Item::Text { citations, .. }, Delta::Citation(citation)) => citations.push(*citation),
        (Item::Text { signature, .. } | Item::Call { signature, .. }, Delta::Signature(new)) => {
            *signature = Some(new);
        }
        (Item::Reasoning { signature, .. }, Delta::Signature(new)) => *signature = Some(new),
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

fn join_arrays(old: Option<crate::raw::RawJson>, new: crate::raw::RawJson) -> crate::raw::RawJson {
    let Some(old) = old else { return new };
    let (Ok(mut all), Ok(more)) = (
        old.read::<Vec<serde_json::Value>>(),
        new.read::<Vec<serde_json::Value>>(),
    ) else {
        return new;
    };
    all.extend(more);
    serde_json::Value::Array(all).into()
}

fn unfold_item(events: &mut Vec<Event>, index: usize, choice: u32, item: Item) {
    let mut deltas = Vec::new();
    let head = match item {
        Item::Text {
            text,
            citations,
            signature,
            logprobs,
            ..
        } => {
            deltas.push(Delta::Text { text, logprobs });
            deltas.extend(citations.into_iter().map(|c| Delta::Citation(Box::new(c))));
            deltas.extend(signature.map(Delta::Signature));
            ItemHead::Text
        }
        Item::Refusal(text) => {
            deltas.push(Delta::Refusal(text));
            ItemHead::Refusal
        }
        Item::Reasoning {
            text,
            summary,
            signature,
            redacted,
            id,
        } => {
            for (n, text) in summary.into_iter().enumerate() {
                deltas.push(Delta::Reasoning {
                    channel: Channel::Summary(n),
                    text,
                });
            }
            if !text.is_empty() {
                deltas.push(Delta::Reasoning {
                    channel: Channel::Raw,
                    text,
                });
            }
            deltas.extend(signature.map(Delta::Signature));
            ItemHead::Reasoning { id, redacted }
        }
        Item::Call {
            id,
            item_id,
            name,
            namespace,
            kind,
            arguments,
            signature,
            caller,
            ..
        } => {
            deltas.push(Delta::Arguments(arguments.as_str().to_owned()));
            deltas.extend(signature.map(Delta::Signature));
            ItemHead::Call {
                id,
                item_id,
                name,
                namespace,
                kind,
                caller,
            }
        }
        Item::Image {
            source: MediaSource::Base64 { mime, data },
            ..
        } => {
            deltas.push(Delta::Image { mime, data });
            ItemHead::Image
        }
        Item::Audio {
            source,
            transcript,
            id,
        } => {
            if let MediaSource::Base64 { data, .. } = source {
                let transcript = transcript.unwrap_or_default();
                deltas.push(Delta::Audio {
                    id,
                    data,
                    transcript,
                    expires_at: None,
                });
            }
            ItemHead::Audio
        }
        Item::Server(tool) => ItemHead::Server(tool),
        Item::Opaque { dialect, raw } => ItemHead::Opaque { dialect, raw },
        // Request-only items never stand in a reply.
        Item::Image { .. }
        | Item::Video { .. }
        | Item::File { .. }
        | Item::SearchResult(_)
        | Item::Result { .. } => return,
    };
    events.push(Event::ItemStart {
        index,
        choice,
        head,
    });
    events.extend(
        deltas
            .into_iter()
            .map(|delta| Event::Delta { index, delta }),
    );
    events.push(Event::ItemStop { index, whole: None });
}
