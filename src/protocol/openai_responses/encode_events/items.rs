//! Items of a reply on their way to the client.

use super::super::output::json::push_element;
use super::super::output::{Call, Frames, Message, Place, Status, Thinking, builtin, restore};
use super::super::{annotation, signed};
use super::Reply;
use crate::canonical::{
    CallKind, Channel, Citation, Delta, Item, ItemHead, ReasoningShow, ServerTool, Signature,
    SignatureIssuer, SignaturePlace,
};
use crate::codec::Dialect;
use crate::names::short_call_id;
use crate::raw::RawJson;

/// Longest item id OpenAI takes back.
const MAX_ITEM_ID: usize = 64;

/// The item between its `ItemStart` and its end.
pub(super) enum Current {
    /// None, or one that is not shown.
    Nothing,
    Text {
        /// Characters of the part before this item.
        offset: usize,
        signature: Option<Signature>,
        /// Citations that mean the whole item: their place is known when it ends.
        citations: Vec<Citation>,
    },
    Refusal,
    Reasoning {
        id: Option<String>,
        redacted: bool,
        shown: Option<Thinking>,
        signature: Option<Signature>,
    },
    Call(Call),
    /// Stopped, but whether it is whole only the next event tells.
    CallStopped(Call),
    /// A call that is held back until its signature is known.
    CallHeld {
        head: Box<CallHead>,
        arguments: String,
        signature: Option<Signature>,
    },
    Image(Option<(String, String)>),
    Audio,
    Search(Box<ServerTool>),
    /// An item of this protocol, shown as it is.
    Native(RawJson),
}

pub(super) struct CallHead {
    id: String,
    item_id: Option<String>,
    name: String,
    namespace: Option<String>,
    kind: CallKind,
    caller: Option<RawJson>,
}

impl Reply {
    pub(super) fn item_start(&mut self, head: ItemHead, out: &mut Vec<u8>) {
        self.current = match head {
            ItemHead::Text => Current::Text {
                offset: self.message.as_ref().map_or(0, Message::n_chars),
                signature: None,
                citations: Vec::new(),
            },
            ItemHead::Refusal => Current::Refusal,
            ItemHead::Reasoning { id, redacted } => Current::Reasoning {
                id,
                redacted,
                shown: None,
                signature: None,
            },
            ItemHead::Call {
                id,
                item_id,
                name,
                namespace,
                kind,
                caller,
            } => {
                let head = Box::new(CallHead {
                    id,
                    item_id,
                    name,
                    namespace,
                    kind,
                    caller,
                });
                // Gemini's calls arrive whole, and their signature must stand in front of them.
                if self.ids.issuer == SignatureIssuer::Gemini {
                    Current::CallHeld {
                        head,
                        arguments: String::new(),
                        signature: None,
                    }
                } else {
                    Current::Call(self.open_call(*head, out))
                }
            }
            ItemHead::Image => Current::Image(None),
            ItemHead::Audio => Current::Audio,
            ItemHead::Server(tool) => self.server_tool(tool),
            ItemHead::Opaque { dialect, raw } => {
                if dialect == Dialect::OpenAiResponses {
                    Current::Native(raw)
                } else {
                    Current::Nothing
                }
            }
        };
    }

    pub(super) fn delta(&mut self, delta: Delta, out: &mut Vec<u8>) {
        match (&mut self.current, delta) {
            (Current::Text { .. }, Delta::Text { text, logprobs }) if !text.is_empty() => {
                let logprobs = logprobs.as_ref().map(RawJson::as_str);
                self.say(out, |m, frames, out| m.text(&text, logprobs, frames, out));
            }
            (
                Current::Text {
                    offset, citations, ..
                },
                Delta::Citation(citation),
            ) => {
                if citation.span.is_some() {
                    let offset = *offset;
                    self.citation(&citation, offset, out);
                } else {
                    citations.push(*citation);
                }
            }
            (
                Current::Text { signature, .. }
                | Current::Reasoning { signature, .. }
                | Current::CallHeld { signature, .. },
                Delta::Signature(new),
            ) => *signature = Some(new),
            (Current::Refusal, Delta::Refusal(text)) if !text.is_empty() => {
                self.say(out, |m, frames, out| m.refusal(&text, frames, out));
            }
            (Current::Reasoning { .. }, Delta::Reasoning { channel, text }) => {
                self.reasoning(channel, &text, out);
            }
            (Current::Call(call), Delta::Arguments(piece)) if !piece.is_empty() => {
                call.arguments(&piece, &mut self.frames, out);
            }
            (Current::CallHeld { arguments, .. }, Delta::Arguments(piece)) => {
                arguments.push_str(&piece);
            }
            (Current::Image(image), Delta::Image { mime, data }) => *image = Some((mime, data)),
            // There is no item for sound: what was said can be read.
            (Current::Audio, Delta::Audio { transcript, .. }) if !transcript.is_empty() => {
                self.say(out, |m, frames, out| m.text(&transcript, None, frames, out));
            }
            // Empty pieces, progress of hidden tools, deltas of items that are not shown.
            _ => {}
        }
    }

    pub(super) fn item_stop(&mut self, whole: Option<Item>, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.current, Current::Nothing) {
            Current::Call(call) => self.current = Current::CallStopped(call),
            Current::CallHeld {
                head,
                arguments,
                signature,
            } => {
                if let Some(signature) = signature {
                    self.carrier(signature, SignaturePlace::NextCall, out);
                }
                let mut call = self.open_call(*head, out);
                if !arguments.is_empty() {
                    call.arguments(&arguments, &mut self.frames, out);
                }
                self.current = Current::CallStopped(call);
            }
            Current::Text {
                offset,
                signature,
                citations,
            } => {
                for citation in &citations {
                    self.citation(citation, offset, out);
                }
                if let Some(signature) = signature {
                    self.carrier(signature, SignaturePlace::Detached, out);
                }
            }
            Current::Reasoning {
                id,
                redacted,
                shown,
                signature,
            } => self.close_reasoning(id, redacted, shown, signature.as_ref(), out),
            Current::Image(Some((mime, data))) => {
                let place = self.place("ig_", None, out);
                let item = builtin::image(&place, &mime, &data, &mut self.frames, out);
                push_element(&mut self.output, &item);
            }
            Current::Search(tool) => {
                let query = match whole {
                    Some(Item::Server(whole)) => whole.query.or(tool.query),
                    _ => tool.query,
                };
                let place = self.place("ws_", None, out);
                let item = builtin::web_search(&place, query.as_deref(), &mut self.frames, out);
                push_element(&mut self.output, &item);
            }
            Current::Native(raw) => match whole {
                Some(Item::Server(whole)) => self.native(whole.raw.as_str(), out),
                Some(Item::Opaque { raw, .. }) => self.native(raw.as_str(), out),
                _ => self.native(raw.as_str(), out),
            },
            stopped @ Current::CallStopped(_) => self.current = stopped,
            Current::Nothing | Current::Refusal | Current::Image(None) | Current::Audio => {}
        }
    }

    pub(super) fn reasoning(&mut self, channel: Channel, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() || self.ids.show == ReasoningShow::Hidden {
            return;
        }
        if let Current::Reasoning {
            id, shown: None, ..
        } = &mut self.current
        {
            let id = id.take();
            let place = self.place("rs_", id, out);
            let opened = Thinking::open(place, &mut self.frames, out);
            if let Current::Reasoning { shown, .. } = &mut self.current {
                *shown = Some(opened);
            }
        }
        // Thinking without parts is shown as a summary too: that is what clients display and what
        // Codex sends back, while it drops `reasoning_text` of earlier turns.
        let key = match channel {
            Channel::Raw => None,
            Channel::Summary(n) => Some(n),
        };
        if let Current::Reasoning {
            shown: Some(thinking),
            ..
        } = &mut self.current
        {
            thinking.text(key, text, &mut self.frames, out);
        }
    }

    pub(super) fn close_reasoning(
        &mut self,
        id: Option<String>,
        redacted: bool,
        shown: Option<Thinking>,
        signature: Option<&Signature>,
        out: &mut Vec<u8>,
    ) {
        let encrypted = signature
            .filter(|signature| !signature.value.is_empty())
            .map(|signature| signed::write(signature, redacted));
        let thinking = match (shown, &encrypted) {
            (Some(shown), _) => shown,
            // Nothing to show and nothing to carry: no item, no gap.
            (None, None) => return,
            (None, Some(_)) => {
                let place = self.place("rs_", id, out);
                Thinking::open(place, &mut self.frames, out)
            }
        };
        let item = thinking.close(encrypted.as_deref(), &mut self.frames, out);
        push_element(&mut self.output, &item);
    }

    /// A reasoning item that only carries the signature of a call or a text.
    pub(super) fn carrier(
        &mut self,
        signature: Signature,
        place: SignaturePlace,
        out: &mut Vec<u8>,
    ) {
        let signature = Signature { place, ..signature };
        self.close_reasoning(None, false, None, Some(&signature), out);
    }

    pub(super) fn server_tool(&self, tool: Box<ServerTool>) -> Current {
        if tool.dialect == Dialect::OpenAiResponses {
            return Current::Native(tool.raw);
        }
        let search = tool.name.as_deref() == Some("web_search") && !tool.kind.ends_with("_result");
        if search && self.declared().web_search {
            Current::Search(tool)
        } else {
            Current::Nothing
        }
    }

    pub(super) fn native(&mut self, item: &str, out: &mut Vec<u8>) {
        let place = self.place("", Some(String::new()), out);
        let item = builtin::native(&place, item, &mut self.frames, out);
        push_element(&mut self.output, &item);
    }

    pub(super) fn open_call(&mut self, head: CallHead, out: &mut Vec<u8>) -> Call {
        let name = restore(self.declared(), head.name, head.namespace, head.kind);
        let call_id = short_call_id(&head.id);
        let prefix = if name.custom { "ctc_" } else { "fc_" };
        let id = head
            .item_id
            .filter(|id| id.starts_with(prefix))
            .unwrap_or_else(|| format!("{prefix}{call_id}"));
        let place = self.place(prefix, Some(id), out);
        Call::open(place, call_id, name, head.caller, &mut self.frames, out)
    }

    pub(super) fn citation(&mut self, citation: &Citation, offset: usize, out: &mut Vec<u8>) {
        let end = self.message.as_ref().map_or(0, Message::n_chars);
        if let Some(json) = annotation::encode(citation, offset, (offset.min(end), end)) {
            self.say(out, |m, frames, out| m.annotation(&json, frames, out));
        }
    }

    /// Writes to the open message, opened now if there is none.
    pub(super) fn say(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Message, &mut Frames, &mut Vec<u8>),
    ) {
        let mut message = match self.message.take() {
            Some(message) => message,
            None => {
                let place = Place {
                    index: self.next_index(),
                    id: self.made_id("msg_", 24),
                };
                Message::open(place, &mut self.frames, out)
            }
        };
        write(&mut message, &mut self.frames, out);
        self.message = Some(message);
    }

    /// Place of the next item that is no message; closes the open message. `id` is taken when it
    /// has the right prefix and length.
    pub(super) fn place(&mut self, prefix: &str, id: Option<String>, out: &mut Vec<u8>) -> Place {
        self.close_message(Status::Completed, out);
        let id = id
            .filter(|id| id.starts_with(prefix))
            .map(|id| {
                if id.len() > MAX_ITEM_ID {
                    short_call_id(&id)
                } else {
                    id
                }
            })
            .unwrap_or_else(|| self.made_id(prefix, 48));
        Place {
            index: self.next_index(),
            id,
        }
    }

    pub(super) fn next_index(&mut self) -> usize {
        self.n_items += 1;
        self.n_items - 1
    }

    pub(super) fn made_id(&mut self, prefix: &str, n: usize) -> String {
        self.n_ids += 1;
        self.ids.id(prefix, n, self.n_ids)
    }
}
