//! What a request asks for: model, suffix, session. Pure apart from reading the snapshot.

use super::{CallKind, ClientCall, extra};
use crate::providers::Extra;
use actix_web::http::header::HeaderMap;
use actors::domain::snapshot::{Route, Snapshot};
use chrono::{DateTime, Utc};
use protocol::Dialect;
use protocol::canonical::{Failure, ReasoningIntent};
use protocol::splice::{Doc, JsonBody, Kind, Node};
use protocol::thinking;
use std::sync::Arc;

/// Code of the failure for a model that nobody serves.
pub const UNKNOWN_MODEL: &str = "model_not_found";

/// The decisions that hold for all attempts of one request.
pub struct Plan {
    /// State of the daemon this request works with.
    pub snapshot: Arc<Snapshot>,
    /// Who serves the model.
    pub route: Arc<Route>,
    /// Model name as the client wrote it.
    pub requested: String,
    /// Thinking the client put into the name.
    pub suffix: Option<ReasoningIntent>,
    /// The client wants a stream.
    pub stream: bool,
    /// Chat: the client wants the usage chunk.
    pub include_usage: bool,
    /// The conversation this request belongs to, when one can be told.
    pub session: Option<Session>,
}

/// A conversation by the client's own mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The mark.
    pub id: String,
    /// The client named the session itself, in a field made for it.
    pub explicit: bool,
    /// It stays the same over the turns of a conversation.
    pub lasting: bool,
}

/// What of the body decides something here, found in one pass: each pass over the history of a long
/// conversation costs as much as relaying it.
#[derive(Default)]
struct Marks<'a> {
    model: Option<Node<'a>>,
    stream: Option<Node<'a>>,
    stream_options: Option<Node<'a>>,
    metadata: Option<Node<'a>>,
    /// Fields made for a session, in the order they count.
    sessions: [Option<Node<'a>>; 3],
    conversation_id: Option<Node<'a>>,
    /// The conversation, in the order its spellings count.
    turns: Option<Node<'a>>,
    /// The instructions, likewise.
    system: Option<Node<'a>>,
}

impl<'a> Marks<'a> {
    fn of(root: Node<'a>) -> Self {
        let [
            model,
            stream,
            stream_options,
            metadata,
            session_id,
            session_id_camel,
            prompt_cache_key,
            conversation_id,
            messages,
            input,
            contents,
            system,
            instructions,
            system_instruction,
        ] = root.pick([
            "model",
            "stream",
            "stream_options",
            "metadata",
            "session_id",
            "sessionId",
            "prompt_cache_key",
            "conversation_id",
            "messages",
            "input",
            "contents",
            "system",
            "instructions",
            "systemInstruction",
        ]);
        Self {
            model,
            stream,
            stream_options,
            metadata,
            sessions: [session_id, session_id_camel, prompt_cache_key],
            conversation_id,
            turns: messages.or(input).or(contents),
            system: system.or(instructions).or(system_instruction),
        }
    }
}

/// Reads a request and finds its route.
///
/// # Errors
///
/// 400 for a body that is no JSON object or names no model, 502 for a model nobody serves
/// (`http-api.md` §5.2).
pub fn plan(
    call: &ClientCall,
    snapshot: Arc<Snapshot>,
    now: DateTime<Utc>,
) -> Result<Plan, Box<Failure>> {
    if let CallKind::Extra(kind) = call.kind {
        return plan_extra(call, kind, snapshot, now);
    }
    // The codec that patches or decodes the body checks every byte of it; the other calls have none.
    if call.kind != CallKind::Generate {
        check_json(&call.body)?;
    }
    plan_unchecked(call, snapshot, now).map_err(|failure| {
        // Whatever seems to be missing: a body that is no JSON is the real fault.
        check_json(&call.body).err().unwrap_or(failure)
    })
}

/// The plan of a call whose body may be no JSON.
fn plan_extra(
    call: &ClientCall,
    kind: Extra,
    snapshot: Arc<Snapshot>,
    now: DateTime<Utc>,
) -> Result<Plan, Box<Failure>> {
    let extra::Facts { model, stream } = extra::facts(call, kind)?;
    let (route, suffix) = find(&snapshot, &model, now)
        .ok_or_else(|| Box::new(unknown_model(&snapshot, &model, now)))?;
    Ok(Plan {
        route,
        suffix,
        stream,
        include_usage: false,
        session: session(call.http.headers(), &Marks::default()),
        requested: model,
        snapshot,
    })
}

fn check_json(body: &JsonBody) -> Result<(), Box<Failure>> {
    if body.raw().iter().all(u8::is_ascii_whitespace) {
        let text = "Invalid request: the body is empty; send a JSON object";
        return Err(Box::new(Failure::new(400, text)));
    }
    body.doc().map(|_| ()).map_err(|error| {
        let text = format!("Invalid request: the body is not JSON: {error}");
        Box::new(Failure::new(400, text))
    })
}

fn plan_unchecked(
    call: &ClientCall,
    snapshot: Arc<Snapshot>,
    now: DateTime<Utc>,
) -> Result<Plan, Box<Failure>> {
    let doc = call
        .body
        .trust()
        .ok_or_else(|| Box::new(Failure::new(400, "Invalid request: the body is not UTF-8")))?;
    let root = doc.root();
    if root.kind() != Kind::Object {
        return Err(Box::new(Failure::new(
            400,
            "Invalid request: the body must be a JSON object",
        )));
    }
    let marks = Marks::of(root);
    let requested = match &call.path_model {
        Some(model) => model.clone(),
        None => body_model(marks.model)?,
    };
    let stream = match call.path_stream {
        Some(stream) => stream,
        None => wants_stream(marks.stream, call.dialect)?,
    };
    let (route, suffix) = find(&snapshot, &requested, now)
        .ok_or_else(|| Box::new(unknown_model(&snapshot, &requested, now)))?;
    Ok(Plan {
        route,
        suffix,
        stream,
        include_usage: marks
            .stream_options
            .and_then(|options| options.get("include_usage"))
            .is_some_and(|wish| wish.raw() == "true"),
        session: session(call.http.headers(), &marks),
        requested,
        snapshot,
    })
}

fn body_model(model: Option<Node<'_>>) -> Result<String, Box<Failure>> {
    let missing = |text: &str| Box::new(Failure::new(400, text).with_param("model"));
    let model =
        model.ok_or_else(|| missing("`model` is missing; GET /v1/models lists the names"))?;
    match model.string() {
        Some(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        _ => Err(missing("`model` must be a non-empty string")),
    }
}

/// Whether `call` asks for a stream, as far as its body can be read.
pub fn is_stream(call: &ClientCall) -> bool {
    call.path_stream
        .or_else(|| extra::is_stream(call))
        .unwrap_or_else(|| {
            call.body.trust().is_some_and(|doc| {
                wants_stream(doc.root().get("stream"), call.dialect).unwrap_or_default()
            })
        })
}

/// `stream: true` means a stream; Anthropic clients get one for anything but `false`
/// (`http-api.md` §2).
fn wants_stream(stream: Option<Node<'_>>, dialect: Dialect) -> Result<bool, Box<Failure>> {
    match stream.map(|node| (node.kind(), node.raw())) {
        None | Some((Kind::Null, _)) => Ok(false),
        Some((Kind::Bool, word)) => Ok(word == "true"),
        Some(_) if dialect == Dialect::Anthropic => Ok(true),
        Some(_) => Err(Box::new(
            Failure::new(400, "`stream` must be true or false").with_param("stream"),
        )),
    }
}

/// The route of a name: without its suffix first, then whole (`routing.md` §1, steps 1 to 3).
fn find(
    snapshot: &Snapshot,
    requested: &str,
    now: DateTime<Utc>,
) -> Option<(Arc<Route>, Option<ReasoningIntent>)> {
    let (base, suffix) = thinking::split_suffix(requested);
    let catalog = &snapshot.catalog;
    if let Some(route) = catalog.get(base) {
        return Some((Arc::clone(route), suffix));
    }
    if let Some(route) = catalog.get(requested) {
        return Some((Arc::clone(route), None));
    }
    if base == "auto" {
        return Some((Arc::clone(catalog.newest(now)?), suffix));
    }
    None
}

/// The documented text, and what helps: near names, or how to get any model at all.
fn unknown_model(snapshot: &Snapshot, requested: &str, now: DateTime<Utc>) -> Failure {
    /// So many names are listed; of more, the client has to ask for the list.
    const FEW: usize = 4;
    let quoted = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(" or ")
    };
    let (base, _) = thinking::split_suffix(requested);
    let near = snapshot.catalog.near(base);
    let some: Vec<&str> = snapshot
        .catalog
        .visible(now)
        .map(|route| route.model.as_str())
        .take(FEW + 1)
        .collect();
    let hint = if !near.is_empty() {
        format!("did you mean {}?", quoted(&near))
    } else if some.is_empty() {
        "no account is configured yet; log in (`--help` lists the logins), or add a key to \
         config.yaml, for example under `gemini-api-key`, `claude-api-key`, `codex-api-key` or \
         `openai-compatibility`"
            .to_owned()
    } else if some.len() <= FEW {
        format!("no configured account has it; there is {}", quoted(&some))
    } else {
        "no configured account has it; GET /v1/models lists what is there".to_owned()
    };
    let mut failure = Failure::new(
        502,
        format!("unknown provider for model {requested}; {hint}"),
    );
    failure.code = Some(UNKNOWN_MODEL.into());
    failure.param = Some("model".into());
    failure
}

/// The first mark of a conversation, in the order of `routing.md` §10.
fn session(headers: &HeaderMap, marks: &Marks<'_>) -> Option<Session> {
    const HEADERS: &[&str] = &[
        "x-claude-code-session-id",
        "session-id",
        "session_id",
        "x-session-id",
        "x-session-affinity",
    ];
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
            .filter(|value| !value.is_empty())
    };
    let text = |node: Option<Node<'_>>| {
        node.and_then(|node| node.string().map(|text| text.trim().to_owned()))
            .filter(|text| !text.is_empty())
    };
    let explicit = |id: String| Session {
        id,
        explicit: true,
        lasting: true,
    };
    if let Some(id) = HEADERS.iter().find_map(|name| header(name)) {
        return Some(explicit(id.to_owned()));
    }
    let user = text(marks.metadata.and_then(|metadata| metadata.get("user_id")));
    if let Some(id) = user.as_deref().and_then(session_part) {
        return Some(explicit(id));
    }
    if let Some(id) = marks.sessions.into_iter().find_map(text) {
        return Some(explicit(id));
    }
    let implied = |id: String, lasting: bool| Session {
        id,
        explicit: false,
        lasting,
    };
    let request = || header("x-client-request-id").map(str::to_owned);
    user.or_else(|| text(marks.conversation_id))
        .map(|id| implied(id, true))
        // Some clients give each of their turns a name of its own.
        .or_else(|| Some(implied(request()?, false)))
        .or_else(|| Some(implied(opening(marks)?, true)))
}

/// The session inside Claude Code's `metadata.user_id`: JSON text with `session_id`, or the older
/// `user_…_session_<id>`.
fn session_part(user: &str) -> Option<String> {
    if user.starts_with('{') {
        let doc = Doc::parse(user.as_bytes()).ok()?;
        return doc
            .root()
            .get("session_id")
            .and_then(|id| id.string().map(std::borrow::Cow::into_owned));
    }
    let (_, id) = user.rsplit_once("_session_")?;
    (!id.is_empty()).then(|| id.to_owned())
}

/// A hash of how the conversation begins: the same for all its turns.
fn opening(marks: &Marks<'_>) -> Option<String> {
    const LENGTH: usize = 100;
    let turns = marks.turns?;
    let mut text = String::new();
    let take = |node: Node<'_>, text: &mut String| text.extend(node.raw().chars().take(LENGTH));
    if let Some(system) = marks.system {
        take(system, &mut text);
    }
    // Up to the first user message: later turns add nothing in front of it.
    for message in turns.elements() {
        take(message, &mut text);
        if message
            .get("role")
            .is_some_and(|role| role.raw() == "\"user\"")
        {
            break;
        }
    }
    (!text.is_empty()).then(|| protocol::names::stable_hex(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    #[track_caller]
    fn check(header: Option<(&'static str, &'static str)>, body: &str, want: Option<(&str, bool)>) {
        let headers: HeaderMap = header
            .into_iter()
            .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
            .collect();
        let doc = Doc::parse(body.as_bytes()).unwrap();
        let got = session(&headers, &Marks::of(doc.root()));
        let got = got.as_ref().map(|s| (s.id.as_str(), s.explicit));
        assert_eq!(got, want, "{body}");
    }

    #[test]
    fn a_session_is_found_in_the_documented_order() {
        let claude = r#"{"metadata":{"user_id":"{\"session_id\":\"s1\",\"device_id\":\"d\"}"}}"#;
        check(None, claude, Some(("s1", true)));
        check(
            Some(("x-claude-code-session-id", "h")),
            claude,
            Some(("h", true)),
        );
        check(
            None,
            r#"{"metadata":{"user_id":"user_a_account__session_s2"}}"#,
            Some(("s2", true)),
        );
        check(
            None,
            r#"{"metadata":{"user_id":"me"}}"#,
            Some(("me", false)),
        );
        check(None, r#"{"prompt_cache_key":"k"}"#, Some(("k", true)));
        check(Some(("x-client-request-id", "r")), "{}", Some(("r", false)));
        check(None, "{}", None);
    }

    #[test]
    fn marks_of_a_conversation_last() {
        let lasting = |header: &'static str, body: &str| {
            let name = HeaderName::from_static(header);
            let headers: HeaderMap = [(name, HeaderValue::from_static("x"))]
                .into_iter()
                .collect();
            let doc = Doc::parse(body.as_bytes()).unwrap();
            session(&headers, &Marks::of(doc.root())).map(|session| session.lasting)
        };
        let chat = r#"{"messages":[{"role":"user","content":"a"}]}"#;
        assert_eq!(lasting("accept", chat), Some(true));
        assert_eq!(lasting("session-id", chat), Some(true));
        assert_eq!(lasting("x-client-request-id", chat), Some(false));
    }

    #[test]
    fn the_opening_is_the_same_on_every_turn() {
        let first = r#"{"messages":[{"role":"user","content":"a"}]}"#;
        let later = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}"#;
        let hash = |text: &str| opening(&Marks::of(Doc::parse(text.as_bytes()).unwrap().root()));
        assert_eq!(hash(first), hash(later));
        assert!(hash(first).is_some());
    }
}
