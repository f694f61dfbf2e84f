//! The end of a reply, and replies that come whole.

use super::super::wire::{DetailsIn, ItemIn, ResponseIn, elements, read};
use super::super::{fault, usage};
use super::Decoder;
use crate::canonical::{Event, Failure, Stop};
use crate::codec::{CodecError, ReplyContext};
use crate::stop::settle;
use bytes::Bytes;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Decodes a whole reply. Fails when `raw` is no JSON object.
pub(crate) fn whole(raw: &Bytes, context: &ReplyContext) -> Result<Vec<Event>, CodecError> {
    let invalid = |message: String| CodecError::Invalid {
        path: "body".to_owned(),
        message,
    };
    let text = std::str::from_utf8(raw).map_err(|e| invalid(e.to_string()))?;
    let response: ResponseIn<'_> =
        serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
    let mut decoder = Decoder::new(context);
    let mut out = Vec::new();
    let failed = match response.status.as_deref() {
        Some("failed" | "cancelled") => true,
        _ => response.error.is_some() && response.output.is_none(),
    };
    if response.choices.is_some() {
        decoder.fail(fault::wrong_protocol(), &mut out);
    } else if failed {
        decoder.fail(fault::decode(text), &mut out);
    } else if response.output.is_none() {
        decoder.fail(
            Failure::new(502, "the upstream's reply has no `output`"),
            &mut out,
        );
    } else if let Some(status @ ("in_progress" | "queued")) = response.status.as_deref() {
        let message = format!("the upstream's reply is not complete: its status is `{status}`");
        decoder.fail(Failure::new(502, message), &mut out);
    } else {
        decoder.terminal(&response, &mut out);
    }
    Ok(out)
}

impl Decoder {
    pub(super) fn terminal(&mut self, response: &ResponseIn<'_>, out: &mut Vec<Event>) {
        self.start(Some(response), out);
        let items: Vec<(&RawValue, ItemIn<'_>)> = elements(response.output)
            .into_iter()
            .map(|raw| (raw, read(raw)))
            .collect();
        let mut known: Vec<Option<usize>> = items.iter().map(|(_, i)| self.by_id(i)).collect();
        for ((raw, item), known) in items.iter().zip(&mut known) {
            let at = match known.or_else(|| self.by_order(item)) {
                Some(at) => at,
                None => self.insert(None, item, Some(raw), out),
            };
            self.slots[at].matched = true;
            self.complete(at, item, raw, out);
        }
        for at in 0..self.slots.len() {
            self.close(at, out);
        }
        let counts = response
            .usage
            .and_then(|u| usage::decode(u, response.tool_usage));
        if let Some(counts) = counts {
            out.push(Event::Usage(Box::new(counts)));
        }
        let (stop, native) = stop_of(response);
        out.push(Event::Finish {
            choice: 0,
            stop: settle(stop, self.calls),
            native: Some(native),
        });
        out.push(Event::End);
        self.over = true;
    }

    /// The streamed item that an item of the terminal event repeats, by its ids.
    pub(super) fn by_id(&mut self, item: &ItemIn<'_>) -> Option<usize> {
        let kind = item.kind.as_deref().unwrap_or("message");
        let same = |known: &Option<String>, new: &Option<Cow<'_, str>>| {
            new.is_some() && known.as_deref() == new.as_deref()
        };
        let at = self.slots.iter().position(|slot| {
            !slot.matched
                && slot.kind == kind
                && (same(&slot.call_id, &item.call_id) || same(&slot.id, &item.id))
        })?;
        self.slots[at].matched = true;
        Some(at)
    }

    /// Ids may have changed: the first streamed item of the kind that is left. Call ids do not.
    pub(super) fn by_order(&self, item: &ItemIn<'_>) -> Option<usize> {
        let kind = item.kind.as_deref().unwrap_or("message");
        self.slots.iter().position(|slot| {
            !slot.matched && slot.kind == kind && (slot.call_id.is_none() || item.call_id.is_none())
        })
    }
}

/// Why the reply ended, and the upstream's word for it.
fn stop_of(response: &ResponseIn<'_>) -> (Stop, String) {
    let reason = response
        .incomplete_details
        .map(read::<DetailsIn<'_>>)
        .and_then(|details| details.reason);
    if let Some(reason) = reason {
        let word = reason.to_lowercase();
        let stop = match word.as_str() {
            "max_output_tokens" | "max_tokens" => Stop::MaxTokens,
            "content_filter" => Stop::ContentFilter(None),
            _ => Stop::Other(word.clone()),
        };
        return (stop, word);
    }
    let word = response
        .status
        .as_deref()
        .unwrap_or("completed")
        .to_lowercase();
    let stop = match (&response.stop_sequence, word.as_str()) {
        (Some(text), _) => Stop::StopSequence(Some(text.clone().into_owned())),
        (None, "incomplete") => Stop::MaxTokens,
        (None, _) => Stop::EndTurn,
    };
    (stop, word)
}
