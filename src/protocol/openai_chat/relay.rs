//! Chat on both sides: frames go on as they came (`matrix.md` §2).
//!
//! A frame is searched for a few keys and only parsed where one of them matters: usage, an error, a
//! finish reason. After the first content nothing else is looked at.

use super::errors::{bare_failure, cut, failure_in, no_choices, push_error_frame};
use super::usage::decode_usage;
use super::wire_reply::{Chunk, WireContent, WireDelta, filled};
use crate::canonical::{Failure, Usage};
use crate::codec::{Relay, ReplyContext, Seen};
use crate::names::NameMap;
use crate::splice::{Doc, Edits, Node, quote};
use crate::sse::{Frame, append_event};
use bytes::Bytes;

/// Relays one stream.
pub(crate) struct ChatRelay {
    echo_model: Option<String>,
    names: NameMap,
    include_usage: bool,
    usage: Option<Usage>,
    /// Content was seen: from here on every chunk is content.
    committed: bool,
    finished: bool,
    /// `[DONE]` or an error was sent: nothing may follow.
    ended: bool,
}

impl ChatRelay {
    pub(crate) fn new(context: &ReplyContext) -> Self {
        Self {
            echo_model: context.echo_model.clone(),
            names: context.notes.names.clone(),
            include_usage: context.include_usage,
            usage: None,
            committed: false,
            finished: false,
            ended: false,
        }
    }

    /// Reads what must be known of a payload.
    fn look(&mut self, data: &str) -> Look {
        // Half an object is no chunk; clients would stumble over it (E-243).
        if !data.starts_with('{') || !data.ends_with('}') {
            return Look::Unwanted;
        }
        let keys = Keys::of(data);
        let may_finish = keys.finish_reason && !self.finished;
        if self.committed && !keys.error && !keys.usage && !may_finish {
            return Look::Content;
        }
        let Ok(chunk) = serde_json::from_str::<Chunk<'_>>(data) else {
            return Look::Unwanted;
        };
        if let Some(failure) = failure_in(&chunk, data) {
            return Look::Failure(failure);
        }
        let choices = chunk.choices.as_deref().unwrap_or_default();
        if let Some(usage) = chunk.counts().and_then(|raw| decode_usage(raw.get())) {
            self.usage.get_or_insert_default().merge(usage);
        }
        for choice in choices {
            self.finished |= choice
                .finish_reason
                .as_ref()
                .is_some_and(|word| !word.is_empty());
            let delta = choice.delta.as_ref().or(choice.message.as_ref());
            self.committed |= self.finished || delta.is_some_and(says_something);
        }
        if choices.is_empty() && chunk.usage.is_some() && !self.include_usage {
            return Look::Unwanted;
        }
        if self.committed {
            Look::Content
        } else {
            Look::Preamble
        }
    }

    /// A frame without data is a comment, or an error that stands there as a line of bare JSON.
    fn no_data(&mut self, raw: &[u8], out: &mut Vec<u8>) -> Seen {
        let line = std::str::from_utf8(raw).unwrap_or_default().trim();
        if line.starts_with('{')
            && let Look::Failure(failure) = self.look(line)
        {
            push_error_frame(&failure, out);
            self.ended = true;
            return Seen::Failure(failure);
        }
        out.extend_from_slice(raw);
        Seen::Preamble
    }

    /// Sends the frame on, with the model and tool names the client knows.
    fn forward(&self, frame: &Frame<'_>, data: &str, out: &mut Vec<u8>) {
        let rename = !self.names.is_empty() && data.contains("\"tool_calls\"");
        if (self.echo_model.is_some() || rename)
            && let Some(edited) = edit(data, self.echo_model.as_deref(), &self.names)
        {
            append_event(frame.event, &edited, out);
            return;
        }
        frame.append_to(out);
    }
}

enum Look {
    Preamble,
    Content,
    /// A usage chunk for a client that did not ask for one, or no chunk at all.
    Unwanted,
    Failure(Box<Failure>),
}

impl Relay for ChatRelay {
    fn frame(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Seen {
        if self.ended {
            // Gateways that send chunks after `[DONE]` (E-138).
            return Seen::Preamble;
        }
        let Some(data) = frame.data.as_deref() else {
            return self.no_data(frame.raw, out);
        };
        let payload = data.trim();
        if payload.starts_with("[DONE]") {
            frame.append_to(out);
            self.ended = true;
            return Seen::End;
        }
        // A last frame without blank line may be half of one.
        let look = if frame.is_closed() || frame.object().is_some() {
            self.look(payload)
        } else {
            Look::Unwanted
        };
        if frame.event == Some("error") && !matches!(look, Look::Failure(_)) {
            // No client would see an error in this form.
            let failure = bare_failure(payload);
            push_error_frame(&failure, out);
            self.ended = true;
            return Seen::Failure(failure);
        }
        match look {
            Look::Unwanted => Seen::Preamble,
            Look::Preamble => {
                self.forward(frame, payload, out);
                Seen::Preamble
            }
            Look::Content => {
                self.forward(frame, payload, out);
                Seen::Content
            }
            Look::Failure(failure) => {
                frame.append_to(out);
                self.ended = true;
                Seen::Failure(failure)
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Option<Box<Failure>> {
        if self.ended {
            return None;
        }
        self.ended = true;
        if self.finished {
            out.extend_from_slice(b"data: [DONE]\n\n");
            return None;
        }
        let failure = cut();
        push_error_frame(&failure, out);
        Some(failure)
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if !self.ended {
            self.ended = true;
            push_error_frame(failure, out);
        }
    }

    fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }
}

/// The failure that a whole reply with status 2xx hides: an `error` member, or no choices and no
/// counts (`openai-compatibility.md` §6). `None` for a reply, and for text that is no JSON.
pub(super) fn failure_in_reply(raw: &[u8]) -> Option<Box<Failure>> {
    let text = std::str::from_utf8(raw).ok()?;
    let chunk: Chunk<'_> = serde_json::from_str(text).ok()?;
    failure_in(&chunk, text).or_else(|| {
        let empty = chunk.choices.as_ref().is_none_or(Vec::is_empty) && chunk.counts().is_none();
        empty.then(no_choices)
    })
}

/// A whole reply: the same bytes unless the client must see another model or other tool names.
pub(crate) fn relay_response(raw: &Bytes, context: &ReplyContext) -> (Bytes, Option<Usage>) {
    let Ok(text) = std::str::from_utf8(raw) else {
        return (raw.clone(), None);
    };
    let usage = serde_json::from_str::<Chunk<'_>>(text)
        .ok()
        .and_then(|chunk| decode_usage(chunk.counts()?.get()));
    let names = &context.notes.names;
    let edited = if context.echo_model.is_some() || !names.is_empty() {
        edit(text, context.echo_model.as_deref(), names)
    } else {
        None
    };
    (edited.unwrap_or_else(|| raw.clone()), usage)
}

/// The edited text; `None` when nothing had to change.
fn edit(text: &str, echo_model: Option<&str>, names: &NameMap) -> Option<Bytes> {
    let raw = Bytes::copy_from_slice(text.as_bytes());
    let doc = Doc::parse(&raw).ok()?;
    let mut edits = Edits::new();
    let [model, choices] = doc.root().pick(["model", "choices"]);
    if let Some(echo) = echo_model
        && let Some(node) = model
        && let Some(name) = node.string()
        && name != echo
        // Azure sends an empty name before the first real chunk; that is not a model.
        && !name.is_empty()
    {
        edits.replace(node, quote(echo));
    }
    if !names.is_empty() {
        for choice in choices.iter().flat_map(Node::elements) {
            for message in choice.pick(["delta", "message"]).into_iter().flatten() {
                rename_calls(&mut edits, names, message);
            }
        }
    }
    if edits.is_empty() {
        return None;
    }
    Some(edits.apply(&raw))
}

fn rename_calls(edits: &mut Edits, names: &NameMap, message: Node<'_>) {
    for call in message.get("tool_calls").iter().flat_map(Node::elements) {
        for holder in call.pick(["function", "custom"]).into_iter().flatten() {
            if let Some(node) = holder.get("name")
                && let Some(name) = node.string()
            {
                let client = names.to_client(&name);
                if client != name {
                    edits.replace(node, quote(client));
                }
            }
        }
    }
}

/// Keys of a payload whose value is not `null`, on whatever level.
#[derive(Debug, Default, PartialEq, Eq)]
struct Keys {
    error: bool,
    usage: bool,
    finish_reason: bool,
}

impl Keys {
    /// One pass over the text. Inside a string the closing quote of such a word would be escaped.
    fn of(data: &str) -> Self {
        let bytes = data.as_bytes();
        let mut keys = Self::default();
        for (at, _) in bytes.iter().enumerate().filter(|(_, b)| **b == b':') {
            let before = bytes[..at].trim_ascii_end();
            let found = if before.ends_with(b"\"error\"") {
                &mut keys.error
            } else if before.ends_with(b"\"usage\"") {
                &mut keys.usage
            } else if before.ends_with(b"\"finish_reason\"") {
                &mut keys.finish_reason
            } else {
                continue;
            };
            *found |= !bytes[at + 1..].trim_ascii_start().starts_with(b"null");
        }
        keys
    }
}

/// True when a delta brings more than the role.
fn says_something(delta: &WireDelta<'_>) -> bool {
    let content = match &delta.content {
        WireContent::None => false,
        WireContent::Text(text) => !text.is_empty(),
        WireContent::Parts(parts) => !parts.is_empty(),
    };
    content
        || delta
            .tool_calls
            .as_ref()
            .is_some_and(|calls| !calls.is_empty())
        || delta.function_call.is_some()
        || delta.audio.is_some()
        || delta.images.is_some()
        || delta.reasoning_details.is_some_and(|raw| raw.get() != "[]")
        || [
            delta.refusal,
            delta.reasoning_content,
            delta.reasoning,
            delta.reasoning_text,
            delta.reasoning_opaque,
        ]
        .into_iter()
        .any(|field| filled(field).is_some())
}
