//! From a reply to events.

use super::Response;
use crate::canonical::{Arguments, CallKind, Channel, Delta, Event, Item, ItemHead, MediaSource};

/// Replays a whole reply as events, for a stream client on an upstream that does not stream.
/// `fold` gives the same reply back; what no delta can say stands in the `whole` of `ItemStop`.
/// Items that only requests have are left out.
pub fn unfold(response: Response) -> Vec<Event> {
    let mut events = vec![Event::Start(Box::new(response.start))];
    let mut index = 0;
    let mut finishes = Vec::new();
    for (choice, reply) in response.choices.into_iter().enumerate() {
        let choice = u32::try_from(choice).unwrap_or(u32::MAX);
        for item in reply.items {
            if unfold_item(&mut events, index, choice, item) {
                index += 1;
            }
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

/// True when the deltas of an item cannot say all of it.
fn needs_whole(item: &Item) -> bool {
    match item {
        Item::Text { cache, .. } => cache.is_some(),
        Item::Call {
            cache,
            kind,
            arguments,
            ..
        } => {
            let fits = match arguments {
                Arguments::Json(_) => *kind == CallKind::Function,
                Arguments::Text(_) => *kind == CallKind::Custom,
            };
            cache.is_some() || !fits
        }
        Item::Image {
            source,
            detail,
            cache,
        } => !matches!(source, MediaSource::Base64 { .. }) || detail.is_some() || cache.is_some(),
        Item::Audio {
            source, transcript, ..
        } => {
            !matches!(source, MediaSource::Base64 { mime, .. } if mime.is_empty())
                || transcript.as_ref().is_some_and(String::is_empty)
        }
        _ => false,
    }
}

/// Appends the events of one item; false when it has none.
fn unfold_item(events: &mut Vec<Event>, index: usize, choice: u32, item: Item) -> bool {
    let whole = needs_whole(&item).then(|| Box::new(item.clone()));
    let mut deltas = Vec::new();
    let head = match item {
        Item::Text {
            text,
            citations,
            signature,
            logprobs,
            ..
        } => {
            if !text.is_empty() || logprobs.is_some() {
                let text = text.into();
                deltas.push(Delta::Text { text, logprobs });
            }
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
            let (Arguments::Json(text) | Arguments::Text(text)) = arguments;
            if !text.is_empty() {
                deltas.push(Delta::Arguments(text));
            }
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
        Item::Image { source, .. } => {
            if let MediaSource::Base64 { mime, data } = source {
                deltas.push(Delta::Image { mime, data });
            }
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
        Item::Video { .. } | Item::File { .. } | Item::SearchResult(_) | Item::Result { .. } => {
            return false;
        }
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
    events.push(Event::ItemStop { index, whole });
    true
}
