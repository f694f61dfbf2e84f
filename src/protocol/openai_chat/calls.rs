//! Tool calls of one choice, put together from fragments (E-143 to E-152).

use super::choice::{Sink, extra_signature};
use super::decode_messages::arguments_text;
use super::wire_reply::{WireCall, WireFunction};
use crate::canonical::{CallKind, Delta, ItemHead, Signature};
use serde::de::IgnoredAny;

/// One element of `tool_calls`, read.
pub(super) struct CallPiece {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    kind: CallKind,
    signature: Option<Signature>,
    /// Element of a whole message: a call of its own, whatever its index and id.
    alone: bool,
}

impl CallPiece {
    /// `place`: position in a whole message.
    pub(super) fn of(call: WireCall<'_>, place: Option<usize>) -> Self {
        let kind = match (&call.function, &call.custom) {
            (None, Some(_)) => CallKind::Custom,
            _ => CallKind::Function,
        };
        let (name, arguments) = match (call.function, call.custom) {
            (Some(function), _) => (
                function.name,
                function.arguments.map(arguments_text).unwrap_or_default(),
            ),
            (None, Some(custom)) => (
                custom.name,
                custom
                    .input
                    .map(|text| text.0.into_owned())
                    .unwrap_or_default(),
            ),
            (None, None) => (None, String::new()),
        };
        Self {
            index: match place {
                Some(place) => u64::try_from(place).ok(),
                None => call.index,
            },
            id: call.id.map(|text| text.0.into_owned()).unwrap_or_default(),
            name: name.map(|text| text.0.into_owned()).unwrap_or_default(),
            arguments,
            kind,
            signature: extra_signature(call.extra_content),
            alone: place.is_some(),
        }
    }

    /// The deprecated `function_call`: one call without id.
    pub(super) fn of_old_form(call: WireFunction<'_>) -> Self {
        Self {
            index: Some(0),
            id: String::new(),
            name: call
                .name
                .map(|text| text.0.into_owned())
                .unwrap_or_default(),
            arguments: call.arguments.map(arguments_text).unwrap_or_default(),
            kind: CallKind::Function,
            signature: None,
            alone: false,
        }
    }
}

struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    kind: CallKind,
    /// All fragments so far.
    arguments: String,
    signature: Option<Signature>,
    /// Item index once started.
    item: Option<usize>,
    closed: bool,
}

impl Call {
    /// True when the arguments are a whole JSON value, or free text.
    fn parses(&self) -> bool {
        self.kind == CallKind::Custom || serde_json::from_str::<IgnoredAny>(&self.arguments).is_ok()
    }

    fn is_empty(&self) -> bool {
        self.id.is_empty() && self.name.is_empty() && self.arguments.is_empty()
    }

    /// Opens the item and sends what waited. Name and id must be known.
    fn start(&mut self, choice: u32, sink: &mut Sink<'_>) {
        let name = sink.context.notes.names.to_client(&self.name);
        let declared = &sink.context.declared.namespaced;
        let (name, namespace) = match declared.iter().find(|(flat, _, _)| flat == name) {
            Some((_, namespace, child)) => (child.clone(), Some(namespace.clone())),
            None => (name.to_owned(), None),
        };
        let index = sink.start(
            choice,
            ItemHead::Call {
                id: self.id.clone(),
                item_id: None,
                name,
                namespace,
                kind: self.kind,
                caller: None,
            },
        );
        self.item = Some(index);
        if let Some(signature) = self.signature.take() {
            sink.delta(index, Delta::Signature(signature));
        }
        if !self.arguments.is_empty() {
            sink.delta(index, Delta::Arguments(self.arguments.clone()));
        }
    }
}

/// The calls of one choice in order of arrival.
#[derive(Default)]
pub(super) struct Calls(Vec<Call>);

impl Calls {
    /// Takes over one fragment. `message_signature` goes to the first call that starts.
    pub(super) fn piece(
        &mut self,
        choice: u32,
        piece: CallPiece,
        message_signature: &mut Option<Signature>,
        sink: &mut Sink<'_>,
    ) {
        let at = match self.find(&piece) {
            Some(at) => at,
            None => {
                self.0.push(Call {
                    index: piece.index,
                    id: String::new(),
                    name: String::new(),
                    kind: piece.kind,
                    arguments: String::new(),
                    signature: message_signature.take(),
                    item: None,
                    closed: false,
                });
                self.0.len() - 1
            }
        };
        let call = &mut self.0[at];
        // Repeats of id and name say nothing new (E-145), and neither do late ones (E-159).
        if call.id.is_empty() {
            call.id = piece.id;
        }
        if call.name.is_empty() {
            call.name = piece.name;
        }
        if call.closed {
            return;
        }
        call.arguments.push_str(&piece.arguments);
        match call.item {
            Some(index) => {
                if let Some(signature) = piece.signature {
                    sink.delta(index, Delta::Signature(signature));
                }
                if !piece.arguments.is_empty() {
                    sink.delta(index, Delta::Arguments(piece.arguments));
                }
            }
            None => {
                if piece.signature.is_some() {
                    call.signature = piece.signature;
                }
                if !call.id.is_empty() && !call.name.is_empty() {
                    call.start(choice, sink);
                }
            }
        }
    }

    /// The call that a fragment belongs to; `None` = a new one.
    fn find(&self, piece: &CallPiece) -> Option<usize> {
        if piece.alone {
            return None;
        }
        if let Some(index) = piece.index {
            let at = self.0.iter().rposition(|call| call.index == Some(index))?;
            let call = &self.0[at];
            // Servers that number every call 0 (E-149). An id alone is late news of a closed call.
            let same = piece.id.is_empty() || call.id.is_empty() || call.id == piece.id;
            if same || (call.closed && piece.name.is_empty()) {
                return Some(at);
            }
            return self.0.iter().rposition(|call| call.id == piece.id);
        }
        if !piece.id.is_empty() {
            if let Some(at) = self.0.iter().rposition(|call| call.id == piece.id) {
                return Some(at);
            }
            // The id of a call that began without one.
            let last = self.0.last()?;
            let fits = last.id.is_empty() && (piece.name.is_empty() || last.name.is_empty());
            return fits.then_some(self.0.len() - 1);
        }
        let last = self.0.last()?;
        // Neither index nor id: another name, or the name again after whole arguments, is a new
        // call; anything else goes on with the last.
        let begins = !piece.name.is_empty()
            && !last.name.is_empty()
            && (piece.name != last.name || last.parses());
        (!begins).then_some(self.0.len() - 1)
    }

    /// Starts the calls that were held back, in the upstream's order, and closes all.
    pub(super) fn close(&mut self, choice: u32, sink: &mut Sink<'_>) {
        let mut held: Vec<usize> = (0..self.0.len())
            .filter(|at| self.0[*at].item.is_none() && !self.0[*at].is_empty())
            .collect();
        held.sort_by_key(|at| self.0[*at].index.unwrap_or(u64::MAX));
        for at in held {
            let call = &mut self.0[at];
            if call.closed {
                continue;
            }
            if call.name.is_empty() {
                let index = call.index.unwrap_or(at as u64);
                call.name = format!("tool_{index}");
            }
            if call.id.is_empty() {
                call.id = sink.context.id("call_", 24, *sink.n_made_ids);
                *sink.n_made_ids += 1;
            }
            call.start(choice, sink);
        }
        let mut open: Vec<usize> = Vec::new();
        for call in &mut self.0 {
            if !std::mem::replace(&mut call.closed, true) {
                open.extend(call.item);
            }
        }
        open.sort_unstable();
        for index in open {
            sink.stop(index);
        }
    }

    /// True when a call was sent, or will be.
    pub(super) fn any(&self) -> bool {
        self.0.iter().any(|call| !call.is_empty())
    }

    pub(super) fn all_parse(&self) -> bool {
        self.0.iter().all(|call| call.is_empty() || call.parses())
    }

    pub(super) fn last_parses(&self) -> bool {
        self.0.last().is_none_or(Call::parses)
    }
}
