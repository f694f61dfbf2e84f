//! The conversation of a pass-through request: roles, names, ids and signatures that Google refuses.

use super::super::encode::is_foreign;
use super::super::read::{fields, is_field, list};
use super::super::words::{STAND_IN, is_stand_in};
use super::member;
use super::tools::rename;
use crate::canonical::SignatureIssuer;
use crate::codec::{Dialect, Target};
use crate::names::NameMap;
use crate::signature::from_client;
use crate::splice::{Doc, Edits, Kind, Node, quote};
use bytes::Bytes;
use std::borrow::Cow;

/// Elements of `parts` of a content.
pub(super) fn parts_of<'a>(content: Node<'a>) -> impl Iterator<Item = Node<'a>> {
    let [parts] = fields(content, ["parts"]);
    parts.into_iter().flat_map(list)
}

pub(super) fn edit(
    contents: Option<Node<'_>>,
    target: &Target<'_>,
    names: &NameMap,
    edits: &mut Edits,
) {
    let Some(contents) = contents.filter(|contents| contents.kind() != Kind::String) else {
        return;
    };
    let mut walk = Walk {
        target,
        names,
        edits,
        group: Group::default(),
    };
    let mut first_role = None;
    for (index, content) in list(contents).enumerate() {
        if content.kind() != Kind::Object {
            continue;
        }
        let role = walk.role(content);
        let is_gone = match role {
            "model" => walk.model(content),
            _ => walk.user(content),
        };
        if is_gone {
            walk.edits.remove_element(contents, index);
        } else {
            first_role.get_or_insert(role);
        }
    }
    walk.end_group();
    if first_role == Some("model") {
        // The conversation must begin with the user (E-17).
        edits.insert_element(contents, 0, r#"{"role":"user","parts":[{"text":""}]}"#);
    }
}

struct Walk<'a, 't, 'e> {
    target: &'t Target<'t>,
    names: &'t NameMap,
    edits: &'e mut Edits,
    group: Group<'a>,
}

/// The calls of neighbouring model contents, and how many results were seen behind them.
#[derive(Default)]
struct Group<'a> {
    calls: Vec<Called<'a>>,
    /// The part of the first call.
    first: Option<Node<'a>>,
    signed: bool,
    n_results: usize,
    /// A user content stood behind: the next model content begins a new group.
    answered: bool,
}

struct Called<'a> {
    id: Option<Cow<'a, str>>,
    name: Cow<'a, str>,
}

/// What to do with a signature.
enum Fate {
    Stays,
    Goes,
    Becomes(String),
}

impl<'a> Walk<'a, '_, '_> {
    /// The role, filled in where it is missing or unknown to Google.
    fn role(&mut self, content: Node<'a>) -> &'static str {
        let (key, given) = match member(content, "role") {
            Some((key, node)) => (key, node.string()),
            None => (Cow::Borrowed("role"), None),
        };
        let role = match given.as_deref() {
            Some("user") => return "user",
            Some("model") => return "model",
            Some("assistant") => "model",
            _ if parts_of(content).any(|part| member(part, "functionCall").is_some()) => "model",
            _ => "user",
        };
        self.edits.set(content, &key, quote(role));
        role
    }

    /// Edits a model content; true when nothing of it is left.
    fn model(&mut self, content: Node<'a>) -> bool {
        if self.group.answered {
            self.end_group();
        }
        let Some((_, parts)) = member(content, "parts") else {
            return false;
        };
        let mut n_parts = 0;
        let mut n_gone = 0;
        for (index, part) in list(parts).enumerate() {
            n_parts += 1;
            let [call, thought, words] = fields(part, ["functionCall", "thought", "text"]);
            let is_thought = thought.and_then(|thought| thought.boolean()) == Some(true);
            let is_carrier = words.is_some_and(|words| words.raw() == "\"\"");
            let signature = member(part, "thoughtSignature");
            let fate = signature.as_ref().and_then(|(_, value)| fate_of(*value));
            match (&fate, &signature) {
                // Thinking of another vendor's model (`matrix.md` §6).
                (Some(Fate::Goes), _) if (is_thought || is_carrier) && call.is_none() => {
                    self.edits.remove_element(parts, index);
                    n_gone += 1;
                    continue;
                }
                (Some(Fate::Goes), Some((key, _))) => self.edits.remove(part, key),
                (Some(Fate::Becomes(value)), Some((_, node))) => {
                    self.edits.replace(*node, quote(value));
                }
                _ => {}
            }
            if let Some(call) = call {
                let is_signed = matches!(fate, Some(Fate::Stays | Fate::Becomes(_)));
                self.call(part, call, is_signed);
            }
        }
        n_parts > 0 && n_gone == n_parts
    }

    fn call(&mut self, part: Node<'a>, call: Node<'a>, is_signed: bool) {
        let [id, name] = fields(call, ["id", "name"]);
        self.group.calls.push(Called {
            id: id.and_then(|id| id.string()),
            name: name.and_then(|name| name.string()).unwrap_or_default(),
        });
        self.group.first.get_or_insert(part);
        self.group.signed |= is_signed;
        rename(name, self.names, self.edits);
        self.drop_id(call);
    }

    /// Vertex knows no ids, and ids made here say nothing to Google (E-39).
    fn drop_id(&mut self, object: Node<'_>) {
        drop_id(object, self.target, self.edits);
    }

    /// Puts the stand-in on a group of calls that nobody signed (E-56).
    fn end_group(&mut self) {
        let group = std::mem::take(&mut self.group);
        if let (Some(first), false, true) =
            (group.first, group.signed, self.target.model_traits.gemini3)
        {
            let key = member(first, "thoughtSignature")
                .map_or(Cow::Borrowed("thoughtSignature"), |(key, _)| key);
            self.edits.set(first, &key, quote(STAND_IN));
        }
    }

    /// Edits a user content; true when nothing of it is left.
    fn user(&mut self, content: Node<'a>) -> bool {
        self.group.answered = true;
        let Some((_, parts)) = member(content, "parts") else {
            return false;
        };
        let results: Vec<(usize, Node<'_>, Node<'_>)> = list(parts)
            .enumerate()
            .filter_map(|(index, part)| {
                let [result] = fields(part, ["functionResponse"]);
                Some((index, part, result?))
            })
            .collect();
        if results.is_empty() {
            return false;
        }
        let order = self.order_of(&results);
        let mut n_gone = 0;
        for (slot, &(index, part, result)) in results.iter().enumerate() {
            let call_name = self.call_of(result).map(|call| call.name.clone());
            self.group.n_results += 1;
            if let Some(order) = &order {
                let (_, from, _) = results[order[slot]];
                let text = self.edited_copy(from);
                self.edits.replace(part, text);
                continue;
            }
            if call_name.is_none() && name_of(result).is_none() {
                // An answer without a name to a call that does not exist (E-36).
                self.edits.remove_element(parts, index);
                n_gone += 1;
                continue;
            }
            edit_result(part, result, call_name, self.target, self.names, self.edits);
        }
        n_gone > 0 && n_gone == list(parts).count()
    }

    /// The call a result answers: by id, else by its place.
    fn call_of(&self, result: Node<'_>) -> Option<&Called<'a>> {
        if let Some(id) = id_of(result) {
            return self
                .group
                .calls
                .iter()
                .find(|call| call.id.as_deref() == Some(&*id));
        }
        self.group.calls.get(self.group.n_results)
    }

    /// Vertex binds results to calls by order alone: the order in which the results of a content
    /// must stand, as indexes, when it is not the order they stand in.
    fn order_of(&self, results: &[(usize, Node<'_>, Node<'_>)]) -> Option<Vec<usize>> {
        if !self.target.endpoint.vertex || results.len() < 2 {
            return None;
        }
        let place_of = |result: Node<'_>| {
            let id = id_of(result)?;
            let calls = &self.group.calls;
            calls
                .iter()
                .position(|call| call.id.as_deref() == Some(&*id))
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
        let Ok(doc) = Doc::parse(&text) else {
            return part.raw().to_owned();
        };
        let part = doc.root();
        let mut edits = Edits::new();
        if let Some((_, result)) = member(part, "functionResponse") {
            let name = self.call_of(result).map(|call| call.name.clone());
            edit_result(part, result, name, self.target, self.names, &mut edits);
        }
        String::from_utf8_lossy(&edits.apply(&text)).into_owned()
    }
}

/// Edits one part with a `functionResponse`: an empty name, an id, a signature.
fn edit_result(
    part: Node<'_>,
    result: Node<'_>,
    call_name: Option<Cow<'_, str>>,
    target: &Target<'_>,
    names: &NameMap,
    edits: &mut Edits,
) {
    match (name_of(result), call_name) {
        (None, Some(name)) => {
            let key = member(result, "name").map_or(Cow::Borrowed("name"), |(key, _)| key);
            edits.set(result, &key, quote(names.to_upstream(&name)));
        }
        _ => rename(member(result, "name").map(|(_, name)| name), names, edits),
    }
    drop_id(result, target, edits);
    if let Some((key, _)) = member(part, "thoughtSignature") {
        edits.remove(part, &key);
    }
}

fn drop_id(object: Node<'_>, target: &Target<'_>, edits: &mut Edits) {
    if let Some((key, id)) = object.members().filter(|(key, _)| is_id(key)).last()
        && (target.endpoint.vertex || id.string().is_none_or(|id| is_made_here(&id)))
    {
        edits.remove(object, &key);
    }
}

/// Ids of ours: `call_` and 24 hex digits. Other ids are the client's own affair with Google.
fn is_made_here(id: &str) -> bool {
    is_foreign(id)
        && id
            .strip_prefix("call_")
            .is_some_and(|hex| hex.len() == 24 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_id(key: &str) -> bool {
    key == "id" || is_field(key, "callId")
}

fn id_of<'a>(object: Node<'a>) -> Option<Cow<'a, str>> {
    let [id, call_id] = fields(object, ["id", "callId"]);
    id.or(call_id)?.string().filter(|id| !id.is_empty())
}

fn name_of<'a>(result: Node<'a>) -> Option<Cow<'a, str>> {
    let [name] = fields(result, ["name"]);
    name?.string().filter(|name| !name.is_empty())
}

/// What becomes of a signature; `None` when there is none (`null`, empty).
fn fate_of(value: Node<'_>) -> Option<Fate> {
    let text = value.string().filter(|text| !text.is_empty())?;
    if is_stand_in(&text) {
        return Some(Fate::Stays);
    }
    let carried = from_client(&text, Dialect::Gemini).signature;
    Some(match carried.issuer {
        SignatureIssuer::Gemini | SignatureIssuer::Unknown if carried.value == text => Fate::Stays,
        SignatureIssuer::Gemini | SignatureIssuer::Unknown => Fate::Becomes(carried.value),
        _ => Fate::Goes,
    })
}
