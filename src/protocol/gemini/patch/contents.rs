//! The conversation of a pass-through request: roles, names, ids and signatures that Google refuses.

use super::super::words::{STAND_IN, is_stand_in};
use super::survey::{Content, Function, Part};
use super::tools::rename;
use crate::canonical::SignatureIssuer;
use crate::codec::{Dialect, Target};
use crate::names::NameMap;
use crate::signature::from_client;
use crate::splice::{Doc, Edits, Kind, Node, quote};
use bytes::Bytes;
use std::borrow::Cow;

pub(super) fn edit(
    array: Option<Node<'_>>,
    contents: &[Content<'_>],
    target: &Target<'_>,
    names: &NameMap,
    edits: &mut Edits,
) {
    let Some(array) = array else { return };
    let mut walk = Walk {
        target,
        names,
        edits,
        group: Group::default(),
    };
    let mut first_role = None;
    for (index, content) in contents.iter().enumerate() {
        if content.node.kind() != Kind::Object {
            continue;
        }
        let role = walk.role(content);
        let is_gone = match role {
            "model" => walk.model(content),
            _ => walk.user(content),
        };
        if is_gone {
            walk.edits.remove_element(array, index);
        } else {
            first_role.get_or_insert(role);
        }
    }
    walk.end_group();
    if first_role == Some("model") {
        // The conversation must begin with the user (E-17).
        edits.insert_element(array, 0, r#"{"role":"user","parts":[{"text":""}]}"#);
    }
}

struct Walk<'s, 't, 'e> {
    target: &'t Target<'t>,
    names: &'t NameMap,
    edits: &'e mut Edits,
    group: Group<'s>,
}

/// The calls of neighbouring model contents, and how many results were seen behind them.
#[derive(Default)]
struct Group<'s> {
    calls: Vec<&'s Function<'s>>,
    /// The part of the first call.
    first: Option<&'s Part<'s>>,
    signed: bool,
    n_results: usize,
    /// A user content stood behind: the next model content begins a new group.
    answered: bool,
}

/// What to do with a signature.
pub(super) enum Fate {
    Stays,
    Goes,
    Becomes(String),
}

impl<'s> Walk<'s, '_, '_> {
    /// The role, filled in where it is missing or unknown to Google.
    fn role(&mut self, content: &'s Content<'s>) -> &'static str {
        let (key, given) = match &content.role {
            Some((key, node)) => (&**key, node.string()),
            None => ("role", None),
        };
        let role = match given.as_deref() {
            Some("user") => return "user",
            Some("model") => return "model",
            Some("assistant") => "model",
            _ if content.parts.iter().any(|part| part.call.is_some()) => "model",
            _ => "user",
        };
        self.edits.set(content.node, key, quote(role));
        role
    }

    /// Edits a model content; true when nothing of it is left.
    fn model(&mut self, content: &'s Content<'s>) -> bool {
        if self.group.answered {
            self.end_group();
        }
        let Some(list) = content.list else {
            return false;
        };
        let mut n_gone = 0;
        for (index, part) in content.parts.iter().enumerate() {
            let signature = part.signature.as_ref();
            let fate = signature
                .and_then(|(_, value)| value.string())
                .and_then(|value| fate_of(&value, self.target));
            match (&fate, &part.signature) {
                // Thinking of another vendor's model (`matrix.md` §6).
                (Some(Fate::Goes), _)
                    if (part.is_thought || part.is_carrier) && part.call.is_none() =>
                {
                    self.edits.remove_element(list, index);
                    n_gone += 1;
                    continue;
                }
                (Some(Fate::Goes), Some((key, _))) => self.edits.remove(part.node, key),
                (Some(Fate::Becomes(value)), Some((_, node))) => {
                    self.edits.replace(*node, quote(value));
                }
                _ => {}
            }
            if let Some(call) = &part.call {
                self.group.calls.push(call);
                self.group.first.get_or_insert(part);
                self.group.signed |= matches!(fate, Some(Fate::Stays | Fate::Becomes(_)));
                rename(
                    call.name.as_ref().map(|(_, name)| *name),
                    self.names,
                    self.edits,
                );
                drop_id(call, self.target, self.edits);
            }
        }
        n_gone > 0 && n_gone == content.parts.len()
    }

    /// Puts the stand-in on a group of calls that nobody signed (E-56).
    fn end_group(&mut self) {
        let group = std::mem::take(&mut self.group);
        if let Some(first) = group.first
            && !group.signed
            && self.target.model_traits.gemini3
        {
            let key = match &first.signature {
                Some((key, _)) => key,
                None => "thoughtSignature",
            };
            self.edits.set(first.node, key, quote(STAND_IN));
        }
    }

    /// Edits a user content; true when nothing of it is left.
    fn user(&mut self, content: &'s Content<'s>) -> bool {
        self.group.answered = true;
        let Some(list) = content.list else {
            return false;
        };
        let results: Vec<(usize, &Part<'_>, &Function<'_>)> = content
            .parts
            .iter()
            .enumerate()
            .filter_map(|(index, part)| Some((index, part, part.result.as_ref()?)))
            .collect();
        let mut n_gone = 0;
        if let Some(order) = self.order_of(&results) {
            for (&(_, part, _), from) in results.iter().zip(order) {
                let text = self.edited_copy(results[from].1.node);
                self.edits.replace(part.node, text);
            }
            self.group.n_results += results.len();
            return false;
        }
        for (index, part, result) in results {
            let call_name = self.call_of(result).map(Function::name_text);
            self.group.n_results += 1;
            if call_name.is_none() && result.name_text().is_none() {
                // An answer without a name to a call that does not exist (E-36).
                self.edits.remove_element(list, index);
                n_gone += 1;
                continue;
            }
            let name = call_name.flatten();
            edit_result(part, result, name, self.target, self.names, self.edits);
        }
        n_gone > 0 && n_gone == content.parts.len()
    }

    /// The call a result answers: by id, else by its place.
    fn call_of(&self, result: &Function<'_>) -> Option<&'s Function<'s>> {
        let calls = &self.group.calls;
        match result.id_text() {
            Some(id) => calls
                .iter()
                .find(|call| call.id_text().as_deref() == Some(&*id)),
            None => calls.get(self.group.n_results),
        }
        .copied()
    }

    /// Vertex binds results to calls by order alone: the order in which the results of a content
    /// must stand, as indexes, when it is not the order they stand in.
    fn order_of(&self, results: &[(usize, &Part<'_>, &Function<'_>)]) -> Option<Vec<usize>> {
        if !self.target.endpoint.vertex || results.len() < 2 {
            return None;
        }
        let place_of = |result: &Function<'_>| {
            let id = result.id_text()?;
            let calls = &self.group.calls;
            calls
                .iter()
                .position(|call| call.id_text().as_deref() == Some(&*id))
        };
        let places: Vec<usize> = results
            .iter()
            .map(|&(_, _, result)| place_of(result))
            .collect::<Option<_>>()?;
        let mut order: Vec<usize> = (0..results.len()).collect();
        order.sort_by_key(|&at| places.get(at).copied());
        (!order.is_sorted()).then_some(order)
    }

    /// The text of a result part with its edits, for a new place.
    fn edited_copy(&self, part: Node<'_>) -> String {
        let text = Bytes::copy_from_slice(part.raw().as_bytes());
        let Some(doc) = Doc::trust(&text) else {
            return part.raw().to_owned();
        };
        let part = Part::read(doc.root());
        let mut edits = Edits::new();
        if let Some(result) = &part.result {
            let name = self.call_of(result).and_then(Function::name_text);
            edit_result(&part, result, name, self.target, self.names, &mut edits);
        }
        String::from_utf8_lossy(&edits.apply(&text)).into_owned()
    }
}

/// Edits one part with a `functionResponse`: an empty name, an id, a signature.
fn edit_result(
    part: &Part<'_>,
    result: &Function<'_>,
    call_name: Option<Cow<'_, str>>,
    target: &Target<'_>,
    names: &NameMap,
    edits: &mut Edits,
) {
    match (result.name_text(), call_name) {
        (None, Some(name)) => {
            let key = match &result.name {
                Some((key, _)) => key,
                None => "name",
            };
            edits.set(result.node, key, quote(names.to_upstream(&name)));
        }
        _ => rename(result.name.as_ref().map(|(_, name)| *name), names, edits),
    }
    drop_id(result, target, edits);
    if let Some((key, value)) = &part.signature
        && !value.is_null()
    {
        edits.remove(part.node, key);
    }
}

/// Vertex knows no ids, and ids made here say nothing to Google (E-39).
fn drop_id(function: &Function<'_>, target: &Target<'_>, edits: &mut Edits) {
    let Some((key, id)) = &function.id else {
        return;
    };
    let endpoint = target.endpoint;
    let is_foreign = || id.string().is_some_and(|id| is_made_here(&id));
    if !endpoint.call_ids && (endpoint.vertex || is_foreign()) {
        edits.remove(function.node, key);
    }
}

/// Ids of ours: `call_` and 24 hex digits. Other ids are the client's own affair with Google.
pub(super) fn is_made_here(id: &str) -> bool {
    id.strip_prefix("call_")
        .is_some_and(|hex| hex.len() == 24 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// What becomes of a signature; `None` when there is none (`null`, empty).
pub(super) fn fate_of(value: &str, target: &Target<'_>) -> Option<Fate> {
    if value.is_empty() {
        return None;
    }
    let wanted = target.endpoint.issuer(Dialect::Gemini);
    let from_gemini = wanted == SignatureIssuer::Gemini;
    if is_stand_in(value) {
        return Some(if from_gemini { Fate::Stays } else { Fate::Goes });
    }
    let carried = from_client(value, Dialect::Gemini).signature;
    let fits =
        carried.issuer == wanted || carried.issuer == SignatureIssuer::Unknown && from_gemini;
    Some(match fits {
        true if carried.value == value => Fate::Stays,
        true => Fate::Becomes(carried.value),
        false => Fate::Goes,
    })
}
