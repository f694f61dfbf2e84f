//! One candidate of a reply in motion.

mod calls;
mod steps;

use super::super::client::GROUNDING;
use super::super::words::{Finish, read_finish};
use super::decoder::Shared;
use super::logprobs;
use super::sources;
use super::wire;
use crate::canonical::{
    Channel, Delta, Event, ItemHead, ServerTool, Signature, SignaturePlace, Stop,
};
use crate::codec::Dialect;
use crate::raw::RawJson;
use crate::stop::{Calls, settle};
use calls::Growing;

/// State of one candidate.
#[derive(Default)]
pub(super) struct Choice {
    number: u32,
    open: Option<Open>,
    /// Calls whose arguments are still coming (Vertex).
    growing: Vec<Growing>,
    /// Text of the open text item: grounding counts its bytes.
    text: String,
    grounding: Option<RawJson>,
    citations: Option<RawJson>,
    finish: Option<Ending>,
    n_complete_calls: usize,
    n_items: usize,
    has_text: bool,
    has_empty_text: bool,
}

/// The item that text or thinking goes to.
struct Open {
    index: usize,
    kind: OpenKind,
    /// A signature closed the part: what comes next is another item.
    sealed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OpenKind {
    Text,
    Thought,
}

/// The last `finishReason`.
struct Ending {
    finish: Finish,
    word: String,
}

impl Choice {
    pub(super) fn new(number: u32) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    /// True when a reply without finish reason may count as complete (`matrix.md` §5.4).
    pub(super) fn is_complete(&self) -> bool {
        self.finish.is_some() || (self.has_text && self.growing.is_empty())
    }

    /// True when the candidate brought anything.
    pub(super) fn is_used(&self) -> bool {
        self.n_items > 0 || self.has_empty_text || self.finish.is_some()
    }

    pub(super) fn push(
        &mut self,
        candidate: wire::Candidate<'_>,
        shared: &mut Shared,
        out: &mut Vec<Event>,
    ) {
        let first = out.len();
        for part in candidate.content.and_then(|c| c.parts).unwrap_or_default() {
            self.push_part(part, shared, out);
        }
        if let Some(result) = &candidate.logprobs_result {
            add_logprobs(result, out.get_mut(first..).unwrap_or_default());
        }
        if let Some(grounding) = candidate.grounding_metadata
            && sources::is_said(grounding)
        {
            self.grounding = Some(RawJson::from(grounding.to_owned()));
        }
        if let Some(citations) = candidate.citation_metadata {
            self.citations = Some(RawJson::from(citations.to_owned()));
        }
        if let Some(word) = candidate.finish_reason {
            let message = candidate.finish_message.as_ref().map(|text| &*text.0);
            let finish = read_finish(&word.0, message);
            if finish != Finish::None {
                self.finish = Some(Ending {
                    finish,
                    word: word.0.to_ascii_lowercase(),
                });
            }
        }
    }

    fn push_part(&mut self, part: wire::Part<'_>, shared: &mut Shared, out: &mut Vec<Event>) {
        let thought = part.thought == Some(true);
        let signature = part
            .thought_signature
            .filter(|value| !value.0.is_empty())
            .map(|value| Signature {
                issuer: shared.issuer,
                value: value.0.into_owned(),
                place: SignaturePlace::Here,
            });
        if let Some(call) = part.function_call {
            self.call(call, signature, shared, out);
            return;
        }
        let native = [
            ("executableCode", part.executable_code),
            ("codeExecutionResult", part.code_execution_result),
            ("toolCall", part.tool_call),
            ("toolResponse", part.tool_response),
        ];
        if let Some((key, Some(value))) = native.into_iter().find(|(_, value)| value.is_some()) {
            self.server_step(key, value, signature, shared, out);
            return;
        }
        if let Some(blob) = part.inline_data {
            // A thought picture is a sketch, not an answer (E-130).
            if !thought {
                self.blob(blob, shared, out);
            }
            return;
        }
        if let Some(file) = part.file_data {
            let raw = format!("{{\"fileData\":{}}}", file.get());
            self.opaque(raw, shared, out);
            return;
        }
        let text = part.text.unwrap_or_default();
        if text.is_empty() && signature.is_none() {
            self.has_empty_text |= !thought;
            return;
        }
        if thought {
            self.thought(text, signature, shared, out);
        } else {
            self.visible_text(text, signature, shared, out);
        }
    }

    fn visible_text(
        &mut self,
        text: String,
        signature: Option<Signature>,
        shared: &mut Shared,
        out: &mut Vec<Event>,
    ) {
        if text.is_empty() {
            // A signature on an empty part of its own.
            if let Some(mut signature) = signature {
                signature.place = SignaturePlace::Detached;
                self.detached(signature, shared, out);
            }
            return;
        }
        self.close_calls(out);
        let index = self.open_item(OpenKind::Text, shared, out);
        self.has_text = true;
        self.text.push_str(&text);
        out.push(Event::Delta {
            index,
            delta: Delta::Text {
                text,
                logprobs: None,
            },
        });
        self.seal(index, signature, out);
    }

    fn thought(
        &mut self,
        text: String,
        signature: Option<Signature>,
        shared: &mut Shared,
        out: &mut Vec<Event>,
    ) {
        self.close_calls(out);
        let index = self.open_item(OpenKind::Thought, shared, out);
        if !text.is_empty() {
            out.push(Event::Delta {
                index,
                delta: Delta::Reasoning {
                    // Google shows summaries of the thinking, never the thinking itself.
                    channel: Channel::Summary(0),
                    text,
                },
            });
        }
        self.seal(index, signature, out);
    }

    /// A signature without content joins thinking that is still open (E-58), else it gets an item of
    /// its own (E-201).
    fn detached(&mut self, signature: Signature, shared: &mut Shared, out: &mut Vec<Event>) {
        let joins = self
            .open
            .as_ref()
            .is_some_and(|open| open.kind == OpenKind::Thought && !open.sealed);
        if !joins {
            self.close_open(out);
        }
        let index = self.open_item(OpenKind::Thought, shared, out);
        self.seal(index, Some(signature), out);
    }

    fn seal(&mut self, index: usize, signature: Option<Signature>, out: &mut Vec<Event>) {
        if let Some(signature) = signature {
            out.push(Event::Delta {
                index,
                delta: Delta::Signature(signature),
            });
            if let Some(open) = &mut self.open {
                open.sealed = true;
            }
        }
    }

    /// The index of the open item of `kind`; opens one when there is none.
    fn open_item(&mut self, kind: OpenKind, shared: &mut Shared, out: &mut Vec<Event>) -> usize {
        if let Some(open) = &self.open
            && open.kind == kind
            && !open.sealed
        {
            return open.index;
        }
        let head = match kind {
            OpenKind::Text => ItemHead::Text,
            OpenKind::Thought => ItemHead::Reasoning {
                id: None,
                redacted: false,
            },
        };
        let index = self.start(head, shared, out);
        self.open = Some(Open {
            index,
            kind,
            sealed: false,
        });
        index
    }

    /// Closes what is open and starts an item.
    fn start(&mut self, head: ItemHead, shared: &mut Shared, out: &mut Vec<Event>) -> usize {
        self.close_open(out);
        let index = shared.next_index();
        self.n_items += 1;
        out.push(Event::ItemStart {
            index,
            choice: self.number,
            head,
        });
        index
    }

    /// Closes the open text or thinking; a text takes what is known of its sources along.
    fn close_open(&mut self, out: &mut Vec<Event>) {
        let Some(open) = self.open.take() else { return };
        let index = open.index;
        if open.kind == OpenKind::Text {
            let mut citations = Vec::new();
            if let Some(grounding) = &self.grounding {
                citations = sources::of_grounding(grounding, &self.text);
            }
            if let Some(recited) = self.citations.take() {
                citations.extend(sources::of_citations(&recited, &self.text));
            }
            out.extend(citations.into_iter().map(|citation| Event::Delta {
                index,
                delta: Delta::Citation(Box::new(citation)),
            }));
            self.text.clear();
        }
        out.push(Event::ItemStop { index, whole: None });
    }

    /// Emits what is still open and what was searched. Returns the number of searches.
    pub(super) fn close(&mut self, shared: &mut Shared, out: &mut Vec<Event>) -> u64 {
        let limited = self.is_limited();
        if limited {
            // The limit cut these: closed, but not made whole (E-218).
            out.extend(self.growing.iter().map(|open| Event::ItemStop {
                index: open.index,
                whole: None,
            }));
        } else {
            self.close_calls(out);
        }
        if self.n_items == 0 && self.has_empty_text {
            // An answer that is an empty text is not the same as no answer (E-203).
            self.open_item(OpenKind::Text, shared, out);
        }
        self.close_open(out);
        let Some(raw) = self.grounding.take() else {
            return 0;
        };
        let queries = sources::queries(&raw);
        if queries.is_empty() {
            // Sources without a search (pages by URL, files): their citations say it all.
            return 0;
        }
        let n_searches = queries.len() as u64;
        let head = ItemHead::Server(Box::new(ServerTool {
            dialect: Dialect::Gemini,
            kind: GROUNDING.to_owned(),
            id: None,
            name: Some("web_search".to_owned()),
            query: queries.into_iter().next(),
            raw,
        }));
        let index = self.start(head, shared, out);
        out.push(Event::ItemStop { index, whole: None });
        n_searches
    }

    fn is_limited(&self) -> bool {
        matches!(
            &self.finish,
            Some(Ending {
                finish: Finish::Stop(Stop::MaxTokens),
                ..
            })
        )
    }

    /// How the candidate ended: the stop and the upstream's word, or that word when it means failure.
    pub(super) fn ending(&self) -> Result<(Stop, Option<String>), String> {
        let calls = Calls {
            complete: self.n_complete_calls > 0,
            cut: !self.growing.is_empty(),
            arrive_whole: true,
        };
        let (stop, native) = match &self.finish {
            None => (Stop::EndTurn, None),
            Some(Ending {
                finish: Finish::Stop(stop),
                word,
            }) => (stop.clone(), Some(word.clone())),
            Some(Ending { word, .. }) if self.n_items == 0 => return Err(word.clone()),
            Some(Ending { word, .. }) => (Stop::EndTurn, Some(word.clone())),
        };
        Ok((settle(stop, calls), native))
    }

    /// The candidate's number.
    pub(super) fn number(&self) -> u32 {
        self.number
    }
}

/// Puts the log probabilities of an object on the last text it brought.
fn add_logprobs(result: &wire::Logprobs, events: &mut [Event]) {
    let text = events.iter_mut().rev().find_map(|event| match event {
        Event::Delta {
            delta: Delta::Text { logprobs, .. },
            ..
        } => Some(logprobs),
        _ => None,
    });
    if let Some(place) = text {
        *place = logprobs::convert(result);
    }
}
