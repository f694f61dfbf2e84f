//! The request as the service takes it (§4, §7).

use super::super::google::envelope::{self, member};
use super::super::{Call, ShapeError, uuid};
use super::{is_claude, models, placeholder};
use bytes::Bytes;
use protocol::Dialect;
use protocol::splice::{Doc, Edits, Kind, Node, quote};
use ring::digest;

/// Smallest thinking budget Claude takes.
const CLAUDE_BUDGET_MIN: u64 = 1024;

/// The whole body of a generate call.
pub(super) fn body(call: &Call<'_>) -> Result<Bytes, ShapeError> {
    let project = super::account::project(call.record).ok_or_else(|| {
        ShapeError::Misconfigured(
            "this Google account has no project; log in again with `--antigravity-login`"
                .to_owned(),
        )
    })?;
    if let Some(doc) = Doc::trust(call.body) {
        envelope::asks_something(doc.root())?;
    }
    let native = call.client == Dialect::Gemini;
    let kind = RequestKind::of(call.body, call.model);
    let session = match kind {
        RequestKind::WebSearch => Session::None,
        _ => match own_session(call.client_body).filter(|_| native) {
            Some(own) => Session::Own(own),
            None => Session::Derived,
        },
    };
    let inner = inner(call.body, call.model, native, session)
        .ok_or_else(|| ShapeError::Misconfigured("the body is not JSON".to_owned()))?;
    let request_id = request_id();
    let mut fields = vec![
        ("project", project),
        ("model", call.model),
        ("userAgent", "antigravity"),
        ("requestType", kind.word()),
    ];
    if kind != RequestKind::WebSearch {
        fields.push(("requestId", &request_id));
    }
    Ok(envelope::wrap(&fields, &inner))
}

/// What the service is told a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestKind {
    Agent,
    Image,
    /// A search without a conversation around it: it has no marks of one.
    WebSearch,
}

/// The models that the service's own client searches with.
const SEARCHERS: &[&str] = &["gemini-2.5-flash", "gemini-3.1-flash-lite"];

impl RequestKind {
    fn of(body: &Bytes, model: &str) -> Self {
        if model.contains("image") {
            return Self::Image;
        }
        let only_searches = || {
            let tools = Doc::trust(body)?.root().get("tools")?;
            let searches = |tool: Node<'_>| member(tool, "googleSearch", "google_search").is_some();
            let mut all = tools.elements();
            Some(all.next().is_some_and(searches) && all.all(searches))
        };
        match SEARCHERS.contains(&model) && only_searches() == Some(true) {
            true => Self::WebSearch,
            false => Self::Agent,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Image => "image_gen",
            Self::WebSearch => "web_search",
        }
    }
}

/// The mark of the conversation that goes with a request.
pub(super) enum Session {
    /// What the client called it.
    Own(String),
    /// It follows from the first words.
    Derived,
    /// None.
    None,
}

/// The name a client of the protocol gave its conversation. It does not come with the body: for
/// Google's public hosts the name is not theirs to read.
fn own_session(client_body: &Bytes) -> Option<String> {
    let text = std::str::from_utf8(client_body).ok()?;
    if !text.contains("\"sessionId\"") && !text.contains("\"session_id\"") {
        return None;
    }
    let doc = Doc::trust(client_body)?;
    let (_, session) = member(doc.root(), "sessionId", "session_id")?;
    let session = session.string()?;
    (!session.trim().is_empty()).then(|| session.into_owned())
}

/// The request itself. Pure. `native`: it may have come from a client as it is.
pub(super) fn inner(body: &Bytes, model: &str, native: bool, session: Session) -> Option<Bytes> {
    let doc = Doc::trust(body)?;
    let root = doc.root();
    if root.kind() != Kind::Object {
        return None;
    }
    let claude = is_claude(model);
    let mut edits = Edits::new();
    envelope::edit_inner(root, &mut edits);
    for name in ["safetySettings", "safety_settings", "session_id"] {
        edits.remove(root, name);
    }
    let functions = tools(root, model, &mut edits);
    if claude {
        if functions {
            validated(root, &mut edits);
        }
        texts_say_something(root, &mut edits);
    }
    generation(root, model, claude, &mut edits);
    if native {
        thoughts_have_text(root, &mut edits);
    }
    let session = match session {
        Session::Own(own) => Some(own),
        Session::Derived => session_id(root),
        Session::None => None,
    };
    if let Some(session) = session {
        edits.set(root, "sessionId", quote(&session));
    }
    Some(edits.apply(body))
}

/// Google's own tools cannot stand beside functions: they go. Returns whether there are functions.
fn tools(root: Node<'_>, model: &str, edits: &mut Edits) -> bool {
    let demanding = placeholder::is_wanted(model);
    let Some(tools) = root.get("tools") else {
        return false;
    };
    let declares = |tool: &Node<'_>| {
        let list = member(*tool, "functionDeclarations", "function_declarations");
        list.is_some_and(|(_, list)| list.elements().next().is_some())
    };
    if !tools.elements().any(|tool| declares(&tool)) {
        return false;
    }
    for (index, tool) in tools.elements().enumerate() {
        if !declares(&tool) {
            edits.remove_element(tools, index);
            continue;
        }
        let list = member(tool, "functionDeclarations", "function_declarations");
        let functions = list.into_iter().flat_map(|(_, list)| list.elements());
        for function in functions.filter(|_| demanding) {
            match function.get("parameters") {
                Some(schema) => placeholder::demand(schema, edits),
                None => edits.set(function, "parameters", placeholder::NOTHING),
            }
        }
    }
    true
}

/// Claude's calls are always checked against their schema, unless calls are forbidden.
fn validated(root: Node<'_>, edits: &mut Edits) {
    const CALLING: &str = r#"{"mode":"VALIDATED"}"#;
    let Some((_, config)) = member(root, "toolConfig", "tool_config") else {
        let config = format!("{{\"functionCallingConfig\":{CALLING}}}");
        edits.set(root, "toolConfig", config);
        return;
    };
    match member(config, "functionCallingConfig", "function_calling_config") {
        None => edits.set(config, "functionCallingConfig", CALLING),
        Some((_, calling)) => {
            let mode = calling.get("mode").and_then(|mode| mode.string());
            if mode.as_deref() != Some("NONE") {
                edits.set(calling, "mode", "\"VALIDATED\"");
            }
        }
    }
}

/// `maxOutputTokens` is for Claude only, and stands above its thinking budget.
fn generation(root: Node<'_>, model: &str, claude: bool, edits: &mut Edits) {
    let Some((_, config)) = member(root, "generationConfig", "generation_config") else {
        return;
    };
    let limit = member(config, "maxOutputTokens", "max_output_tokens");
    if !claude {
        if let Some((key, _)) = limit {
            edits.remove(config, &key);
        }
        return;
    }
    // Claude's scale ends at 1, Google's at 2 (`matrix.md` §7).
    let warmth = config.get("temperature");
    if let Some(node) = warmth.filter(|node| node.raw().parse().is_ok_and(|t: f64| t > 1.0)) {
        edits.replace(node, "1");
    }
    let number = |node: Node<'_>| node.raw().parse::<u64>().ok();
    let most = models::max_output(model);
    let asked = limit.as_ref().and_then(|(_, node)| number(*node));
    if let (Some((_, node)), Some(asked)) = (&limit, asked)
        && asked > most
    {
        edits.replace(*node, most.to_string());
    }
    let Some((thinking_key, thinking)) = member(config, "thinkingConfig", "thinking_config") else {
        return;
    };
    let budget = member(thinking, "thinkingBudget", "thinking_budget");
    let Some((_, budget_node)) = budget else {
        return;
    };
    let Some(budget) = number(budget_node) else {
        return; // −1: the model decides.
    };
    let room = match asked {
        Some(asked) => asked.min(most),
        None => {
            edits.set(config, "maxOutputTokens", most.to_string());
            most
        }
    };
    if budget == 0 || budget < room {
        return;
    }
    let fitting = room.saturating_sub(1);
    if fitting < CLAUDE_BUDGET_MIN {
        edits.remove(config, &thinking_key);
    } else {
        edits.replace(budget_node, fitting.to_string());
    }
}

/// Claude refuses texts without a word: they go, and a content that is nothing else gets one.
fn texts_say_something(root: Node<'_>, edits: &mut Edits) {
    let contents = root.get("contents");
    for content in contents.iter().flat_map(Node::elements) {
        let Some(parts) = content.get("parts") else {
            continue;
        };
        let is_empty = |part: &Node<'_>| {
            let mut members = part.members();
            let only = members.next().filter(|_| members.next().is_none());
            only.is_some_and(|(key, value)| key == "text" && value.raw() == "\"\"")
        };
        let all = parts.elements().count();
        let empty: Vec<usize> = parts
            .elements()
            .enumerate()
            .filter(|(_, part)| is_empty(part))
            .map(|(index, _)| index)
            .collect();
        if empty.len() == all && all > 0 {
            edits.replace(parts, r#"[{"text":"."}]"#);
            continue;
        }
        for index in empty {
            edits.remove_element(parts, index);
        }
    }
}

/// A thought without text is a fault of the service (500).
fn thoughts_have_text(root: Node<'_>, edits: &mut Edits) {
    let contents = root.get("contents");
    for content in contents.iter().flat_map(Node::elements) {
        let parts = content.get("parts");
        for part in parts.iter().flat_map(Node::elements) {
            let [thought, text] = part.pick(["thought", "text"]);
            if thought.and_then(|node| node.boolean()) == Some(true) && text.is_none() {
                edits.set(part, "text", "\"\"");
            }
        }
    }
}

/// The mark of a conversation that the service caches by: its first words (§4).
pub(super) fn session_id(root: Node<'_>) -> Option<String> {
    let contents = root.get("contents")?;
    let text = contents
        .elements()
        .filter(|content| {
            let role = content.get("role").and_then(|role| role.string());
            role.is_none_or(|role| role == "user")
        })
        .filter_map(|content| content.get("parts"))
        .flat_map(|parts| parts.elements())
        .filter_map(|part| part.get("text")?.string())
        .find(|text| !text.is_empty())?;
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let head: [u8; 8] = hash.as_ref().get(..8)?.try_into().ok()?;
    Some(format!("-{}", u64::from_be_bytes(head) & (u64::MAX >> 1)))
}

/// `agent-` and a random UUID: the service tells calls apart by it.
fn request_id() -> String {
    format!("agent-{}", uuid::random())
}
