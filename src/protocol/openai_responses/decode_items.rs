//! Input items → turns (`openai-responses.md` §3). One item is one turn; normalisation joins what
//! belongs to one answer.

mod parts;

pub(super) use parts::{cache_mark, stringified_parts};

use super::read::{self, Path};
use super::{decode_tools, signed};
use crate::canonical::{
    Arguments, CallKind, Item, Request, ResultKind, Role, ServerTool, Signature, SignaturePlace,
    SystemBlock, SystemRank, Turn,
};
use crate::codec::{CodecError, Dialect};
use crate::raw::RawJson;
use crate::splice::{Doc, Kind, Node};
use parts::content;
use std::borrow::Cow;

/// Reads `input` into `request.system` and `request.turns`, and tools that stand among the items
/// into `request.tools`.
pub(super) fn input(
    node: Node<'_>,
    at: &Path<'_>,
    request: &mut Request,
) -> Result<(), CodecError> {
    if let Some(text) = node.text() {
        let turn = Turn::new(Role::User, vec![Item::text(text)]);
        request.turns.push(turn);
        return Ok(());
    }
    if node.kind() != Kind::Array {
        return Err(at.invalid("must be a string or an array of items"));
    }
    let mut carried = None;
    for (index, node) in node.elements().enumerate() {
        let at = &at.index(index);
        item(read::object(node, at)?, at, request, &mut carried)?;
    }
    if let Some(carried) = carried {
        request.turns.push(carried.into_turn());
    }
    Ok(())
}

/// A signature that belongs to the item behind it (`matrix.md` §6: Gemini's place on calls and
/// texts travels as a reasoning item in front of them).
struct Carried {
    signature: Signature,
    id: Option<String>,
}

impl Carried {
    fn into_turn(self) -> Turn {
        let item = Item::Reasoning {
            text: String::new(),
            summary: Vec::new(),
            signature: Some(self.signature),
            redacted: false,
            id: self.id,
        };
        Turn::new(Role::Assistant, vec![item])
    }

    /// Puts the signature on `item` when it is the kind it waits for.
    fn put_on(self, item: &mut Item) -> Result<(), Self> {
        let place = match (item, self.signature.place) {
            (Item::Call { signature, .. }, SignaturePlace::NextCall)
            | (Item::Text { signature, .. }, SignaturePlace::NextText) => signature,
            _ => return Err(self),
        };
        *place = Some(Signature {
            place: SignaturePlace::Here,
            ..self.signature
        });
        Ok(())
    }
}

fn item(
    node: Node<'_>,
    at: &Path<'_>,
    request: &mut Request,
    carried: &mut Option<Carried>,
) -> Result<(), CodecError> {
    let kind = read::opt_text(node.first("type"), at, "type")?;
    let mut turn = match kind.as_deref() {
        Some("message") => message(node, at, request)?,
        None if node.first("role").is_some() => message(node, at, request)?,
        None => return Err(at.key("type").invalid("is required: the kind of the item")),
        Some("reasoning") => match reasoning(node, at)? {
            Thought::Turn(turn) => Some(turn),
            Thought::Carried(new) => {
                if let Some(old) = carried.replace(new) {
                    request.turns.push(old.into_turn());
                }
                return Ok(());
            }
            Thought::Nothing => None,
        },
        Some("function_call") => Some(call(node, at, CallKind::Function)?),
        Some("custom_tool_call") => Some(call(node, at, CallKind::Custom)?),
        Some("function_call_output") => Some(result(node, at, ResultKind::Function)?),
        Some("custom_tool_call_output") => Some(result(node, at, ResultKind::Custom)?),
        Some("additional_tools") => {
            let [tools] = node.pick(["tools"]);
            if let Some(tools) = read::present(tools) {
                let at = &at.key("tools");
                decode_tools::tools(read::array(tools, at)?, at, None, &mut request.tools)?;
            }
            None
        }
        Some(native) => Some(native_turn(node, native)),
    };
    if let Some(old) = carried.take() {
        let first = turn.as_mut().and_then(|turn| turn.items.first_mut());
        let rest = match first {
            Some(item) => old.put_on(item).err(),
            None => Some(old),
        };
        request.turns.extend(rest.map(Carried::into_turn));
    }
    let Some(turn) = turn else { return Ok(()) };
    match request.turns.last_mut() {
        // Calls in a row were made at once: where two share an id, nobody can tell them apart
        // (E-28).
        Some(last) if is_calls(&turn) && is_calls(last) => last.items.extend(turn.items),
        _ => request.turns.push(turn),
    }
    Ok(())
}

fn is_calls(turn: &Turn) -> bool {
    turn.role == Role::Assistant
        && !turn.items.is_empty()
        && turn
            .items
            .iter()
            .all(|item| matches!(item, Item::Call { .. }))
}

/// A message. Leading instructions go to `request.system` and give no turn.
fn message(
    node: Node<'_>,
    at: &Path<'_>,
    request: &mut Request,
) -> Result<Option<Turn>, CodecError> {
    let [role, content, id, phase] = node.pick(["role", "content", "id", "phase"]);
    let role = match &*read::need_text(role, at, "role")? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "developer" => Role::Developer,
        other => {
            return Err(at.key("role").invalid(format!(
                "`{other}` is unknown; use `user`, `assistant`, `system` or `developer`"
            )));
        }
    };
    let items = match read::present(content) {
        Some(content) => parts::content(content, &at.key("content"))?,
        None => Vec::new(),
    };
    let rank = match role {
        Role::System => Some(SystemRank::System),
        Role::Developer => Some(SystemRank::Developer),
        _ => None,
    };
    if let Some(rank) = rank
        && request.turns.is_empty()
        && items.iter().all(|item| matches!(item, Item::Text { .. }))
    {
        request
            .system
            .extend(items.into_iter().filter_map(|item| match item {
                Item::Text { text, cache, .. } => Some(SystemBlock { text, rank, cache }),
                _ => None,
            }));
        return Ok(None);
    }
    Ok(Some(Turn {
        role,
        items,
        name: None,
        id: read::opt_text(id, at, "id")?.map(Cow::into_owned),
        phase: read::opt_text(phase, at, "phase")?.map(Cow::into_owned),
    }))
}

enum Thought {
    Turn(Turn),
    Carried(Carried),
    Nothing,
}

fn reasoning(node: Node<'_>, at: &Path<'_>) -> Result<Thought, CodecError> {
    let [id, summary, content, encrypted] =
        node.pick(["id", "summary", "content", "encrypted_content"]);
    let texts = |list: Option<Node<'_>>| -> Vec<String> {
        list.into_iter()
            .flat_map(|list| list.elements())
            .filter_map(|part| part.get("text")?.string().map(Cow::into_owned))
            .collect()
    };
    let id = read::opt_text(id, at, "id")?.map(Cow::into_owned);
    let summary = texts(summary);
    let text = texts(content).concat();
    let carried = read::opt_text(encrypted, at, "encrypted_content")?
        .filter(|value| !value.is_empty())
        .map(|value| signed::read(&value));
    let (signature, redacted) = match carried {
        Some(carried) => (Some(carried.signature), carried.redacted),
        None => (None, false),
    };
    if redacted && signature.as_ref().is_none_or(|s| s.value.is_empty()) {
        return Ok(Thought::Nothing);
    }
    if let Some(signature) = &signature
        && text.is_empty()
        && summary.iter().all(String::is_empty)
        && matches!(
            signature.place,
            SignaturePlace::NextCall | SignaturePlace::NextText
        )
    {
        let signature = signature.clone();
        return Ok(Thought::Carried(Carried { signature, id }));
    }
    let item = Item::Reasoning {
        text,
        summary,
        signature,
        redacted,
        id,
    };
    Ok(Thought::Turn(Turn::new(Role::Assistant, vec![item])))
}

fn call(node: Node<'_>, at: &Path<'_>, kind: CallKind) -> Result<Turn, CodecError> {
    let [call_id, id, name, namespace, arguments, input, caller] = node.pick([
        "call_id",
        "id",
        "name",
        "namespace",
        "arguments",
        "input",
        "caller",
    ]);
    let id = read::opt_text(id, at, "id")?.map(Cow::into_owned);
    let call_id = read::opt_text(call_id, at, "call_id")?.map(Cow::into_owned);
    let arguments = match kind {
        CallKind::Function => Arguments::Json(json_text(arguments)),
        CallKind::Custom => Arguments::Text(json_text(input)),
    };
    let item = Item::Call {
        // Some servers number only the item; its output then names that number.
        id: call_id.or_else(|| id.clone()).unwrap_or_default(),
        item_id: id,
        name: read::need_text(name, at, "name")?.into_owned(),
        namespace: read::opt_text(namespace, at, "namespace")?.map(Cow::into_owned),
        kind,
        arguments,
        signature: None,
        cache: None,
        caller: read::present(caller).map(RawJson::of),
    };
    Ok(Turn::new(Role::Assistant, vec![item]))
}

/// The text of a string; another value (an object in place of its JSON text) as it is written.
fn json_text(node: Option<Node<'_>>) -> String {
    match read::present(node) {
        None => String::new(),
        Some(node) => match node.string() {
            Some(text) => text.into_owned(),
            None => node.raw().to_owned(),
        },
    }
}

fn result(node: Node<'_>, at: &Path<'_>, kind: ResultKind) -> Result<Turn, CodecError> {
    let [call_id, name, output] = node.pick(["call_id", "name", "output"]);
    let content = match read::present(output) {
        None => Vec::new(),
        Some(output) => match output.text() {
            Some(text) if text.is_empty() => Vec::new(),
            Some(text) => stringified_parts(&text).unwrap_or_else(|| vec![Item::text(text)]),
            None if output.kind() == Kind::Array => content(output, &at.key("output"))?,
            None => vec![Item::text(output.raw())],
        },
    };
    let item = Item::Result {
        call_id: read::opt_text(call_id, at, "call_id")?
            .map(Cow::into_owned)
            .unwrap_or_default(),
        name: read::opt_text(name, at, "name")?.map(Cow::into_owned),
        content,
        object: None,
        is_error: false,
        kind,
        cache: None,
    };
    Ok(Turn::new(Role::Tool, vec![item]))
}

/// An item that only this protocol understands. Steps of tools keep their kind, so that a search in
/// the history can be shown to others.
fn native_turn(node: Node<'_>, kind: &str) -> Turn {
    let raw = RawJson::of(node);
    let role = if kind.ends_with("_output") || kind == "mcp_approval_response" {
        Role::User
    } else {
        Role::Assistant
    };
    let item = match kind {
        "item_reference" | "compaction_trigger" => Item::Opaque {
            dialect: Dialect::OpenAiResponses,
            raw,
        },
        _ => Item::Server(Box::new(server_tool(node.raw(), kind, raw))),
    };
    Turn::new(role, vec![item])
}

/// The common view on a step of a tool: `text` is the item, `raw` the same to keep.
pub(super) fn server_tool(text: &str, kind: &str, raw: RawJson) -> ServerTool {
    let doc = Doc::parse(text.as_bytes()).ok();
    let root = doc.as_ref().map(Doc::root);
    let [id, action] = root.map_or([None; 2], |root| root.pick(["id", "action"]));
    let search = kind == "web_search_call";
    let query = action.filter(|_| search).and_then(|action| {
        let [query, queries, url, pattern] = action.pick(["query", "queries", "url", "pattern"]);
        let first = queries.and_then(|list| list.elements().next());
        [query, first, url, pattern]
            .into_iter()
            .flatten()
            .find_map(|node| node.string().filter(|text| !text.is_empty()))
    });
    ServerTool {
        dialect: Dialect::OpenAiResponses,
        kind: kind.to_owned(),
        id: id.and_then(|id| id.string()).map(Cow::into_owned),
        name: search.then(|| "web_search".to_owned()),
        query: query.map(Cow::into_owned),
        raw,
    }
}
