//! Calls of a candidate: whole in one part, or growing over several (Vertex).

use super::super::decoder::Shared;
use super::super::partial_args::Builder;
use super::super::wire;
use super::Choice;
use crate::canonical::{CallKind, Delta, Event, ItemHead, Signature};
use crate::gemini::read::compact;

/// A call whose arguments are still coming.
pub(super) struct Growing {
    pub(super) index: usize,
    /// Id by the upstream.
    id: Option<String>,
    args: Builder,
}

impl Choice {
    /// Takes a call, or a piece of one.
    pub(super) fn call(
        &mut self,
        call: wire::Call<'_>,
        signature: Option<Signature>,
        shared: &mut Shared,
        out: &mut Vec<Event>,
    ) {
        let id = call.id.map(|id| id.0).filter(|id| !id.is_empty());
        let name = call.name.map(|name| name.0).filter(|name| !name.is_empty());
        let known = match (&id, &name) {
            (Some(id), _) => self
                .growing
                .iter()
                .position(|open| open.id.as_deref() == Some(id)),
            (None, None) => self.growing.len().checked_sub(1),
            (None, Some(_)) => None,
        };
        let at = match (known, name) {
            (Some(at), _) => at,
            // The end marker of a call that is closed already.
            (None, None) => return,
            (None, Some(name)) => {
                // Calls that can be told apart by id may grow side by side.
                if id.is_none() {
                    self.close_calls(out);
                }
                let id = id.map(|id| id.into_owned());
                let head = ItemHead::Call {
                    id: id.clone().unwrap_or_else(|| shared.make_call_id()),
                    item_id: None,
                    name: shared.client_name(&name),
                    namespace: None,
                    kind: CallKind::Function,
                    caller: None,
                };
                let index = self.start(head, shared, out);
                self.growing.push(Growing {
                    index,
                    id,
                    args: Builder::default(),
                });
                self.growing.len() - 1
            }
        };
        let Some(open) = self.growing.get_mut(at) else {
            return;
        };
        let index = open.index;
        // First: clients that show it in front of the call need not wait.
        if let Some(signature) = signature {
            out.push(Event::Delta {
                index,
                delta: Delta::Signature(signature),
            });
        }
        let mut piece = String::new();
        for arg in call.partial_args.iter().flatten() {
            open.args.push(arg, &mut piece);
        }
        let whole = call.args.filter(|_| open.args.is_empty());
        let goes_on = call.will_continue == Some(true);
        if !goes_on {
            let open = self.growing.remove(at);
            match whole {
                Some(args) if args.get() != "null" => piece = compact(args.get()),
                _ => {
                    let mut args = open.args;
                    args.close(&mut piece);
                }
            }
        }
        if !piece.is_empty() {
            out.push(Event::Delta {
                index,
                delta: Delta::Arguments(piece),
            });
        }
        if !goes_on {
            self.n_complete_calls += 1;
            out.push(Event::ItemStop { index, whole: None });
        }
    }

    /// Closes calls whose end marker did not come (E-196).
    pub(super) fn close_calls(&mut self, out: &mut Vec<Event>) {
        for mut open in std::mem::take(&mut self.growing) {
            let mut piece = String::new();
            open.args.close(&mut piece);
            let index = open.index;
            out.push(Event::Delta {
                index,
                delta: Delta::Arguments(piece),
            });
            out.push(Event::ItemStop { index, whole: None });
            self.n_complete_calls += 1;
        }
    }
}
