//! A client's body → the common model (`anthropic-messages.md` §2, §5).

use super::decode_content::{self, CacheIn};
use super::read::{self, Path};
use crate::canonical::{
    Cache, CacheMark, Choice, Failure, Limits, Output, OutputFormat, Reasoning, ReasoningIntent,
    ReasoningShow, Request, Role, Sampling, State, SystemBlock, SystemRank, Tool, ToolKind, Turn,
};
use crate::codec::{CodecError, Dialect, root_value};
use crate::raw::RawJson;
use crate::splice::{JsonBody, Node};
use crate::thinking;
use serde::Deserialize;
use std::borrow::Cow;

/// First words of the attribution line Claude Code puts in front of its system text. It changes with
/// every request and spoils the prompt caches of other vendors (E-19).
const BILLING_LINE: &str = "x-anthropic-billing-header:";

/// The members that make a body long.
const LONG: [&str; 3] = ["messages", "system", "tools"];

/// What stands beside the long members, which are read apart: [`LONG`].
#[derive(Deserialize)]
struct Body {
    model: String,
    tool_choice: Option<ChoiceIn>,
    max_tokens: Option<u64>,
    stop_sequences: Option<Vec<String>>,
    stream: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
    thinking: Option<ThinkingIn>,
    output_config: Option<OutputConfigIn>,
    output_format: Option<FormatIn>,
    metadata: Option<MetadataIn>,
    service_tier: Option<String>,
    speed: Option<String>,
    cache_control: Option<CacheIn>,
    container: Option<RawJson>,
    context_management: Option<RawJson>,
    mcp_servers: Option<RawJson>,
    thread: Option<RawJson>,
}

#[derive(Deserialize)]
struct ChoiceIn {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    disable_parallel_tool_use: Option<bool>,
}

#[derive(Deserialize)]
struct ThinkingIn {
    #[serde(rename = "type")]
    kind: String,
    budget_tokens: Option<u64>,
    display: Option<String>,
}

#[derive(Deserialize)]
struct OutputConfigIn {
    effort: Option<String>,
    format: Option<FormatIn>,
}

#[derive(Deserialize)]
struct FormatIn {
    #[serde(rename = "type")]
    kind: String,
    schema: Option<RawJson>,
}

#[derive(Deserialize)]
struct MetadataIn {
    user_id: Option<String>,
}

#[derive(Deserialize)]
struct ToolIn<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    name: Option<String>,
    strict: Option<bool>,
    cache_control: Option<CacheIn>,
    defer_loading: Option<bool>,
    allowed_domains: Option<Vec<String>>,
    blocked_domains: Option<Vec<String>>,
    user_location: Option<RawJson>,
    max_uses: Option<u64>,
    mcp_server_name: Option<String>,
}

/// Decodes a body of `/v1/messages`.
pub(super) fn decode(json: &JsonBody) -> Result<Request, CodecError> {
    let root = Path::ROOT;
    let object = read::object(root_value(json)?, &root)?;
    let [messages, system, tools] = read::pick(object, LONG, &root)?;
    let body: Body = root.read(&object.without(&LONG))?;
    let messages = messages.ok_or_else(|| root.invalid("missing field `messages`"))?;
    if let Some(thread) = &body.thread {
        refuse_continued_thread(thread)?;
    }
    let tools = read::list(tools, &root.key("tools"), tool)?;
    let (tool_choice, parallel_calls) = match body.tool_choice {
        Some(choice) => choice_of(choice, &tools, &root)?,
        None => (None, None),
    };
    let (effort, format) = match body.output_config {
        Some(config) => (config.effort, config.format.or(body.output_format)),
        None => (None, body.output_format),
    };
    Ok(Request {
        model: body.model,
        stream: body.stream.unwrap_or(false),
        system: system
            .filter(|system| !system.is_null())
            .map_or(Ok(Vec::new()), |system| system_blocks(system, &root))?,
        turns: turns(messages, &root)?,
        tools,
        tool_choice,
        parallel_calls,
        limits: Limits {
            max_output: body.max_tokens,
            max_tool_calls: None,
            stop: body.stop_sequences.unwrap_or_default(),
        },
        sampling: Sampling {
            temperature: body.temperature,
            top_p: body.top_p,
            top_k: body.top_k,
            ..Sampling::default()
        },
        output: Output {
            format: output_format(format, &root)?,
            ..Output::default()
        },
        reasoning: reasoning(body.thinking, effort.as_deref(), &root)?,
        cache: Cache {
            top_level: body.cache_control.map(CacheMark::from),
            ..Cache::default()
        },
        tier: body.service_tier.map(common_tier),
        speed: body.speed,
        end_user: body.metadata.and_then(|metadata| metadata.user_id),
        state: State {
            container: body.container,
            context_management: body.context_management,
            thread: body.thread,
            ..State::default()
        },
        mcp_servers: body.mcp_servers,
        native: Some((Dialect::Anthropic, json.raw().clone())),
        ..Request::default()
    })
}

/// A continued message thread brings only the new messages; the ones before are kept by Anthropic
/// and by nobody else. With this error the clients send the whole history (`clients.md` §2 row 15).
fn refuse_continued_thread(thread: &RawJson) -> Result<(), CodecError> {
    #[derive(Deserialize)]
    struct Thread<'a> {
        #[serde(rename = "type", borrow)]
        kind: Option<Cow<'a, str>>,
    }
    let read: Thread<'_> = Path::ROOT.key("thread").read(thread.as_str())?;
    if read.kind.as_deref() != Some("continue") {
        return Ok(());
    }
    let mut failure = Failure::new(
        400,
        "message threads are not kept here; resend the whole conversation without `thread`",
    )
    .with_code("thread_unsupported_request")
    .with_param("thread");
    failure.extra.push((
        "details",
        RawJson::from(serde_json::json!({
            "error_code": "thread_unsupported_request",
            "unsupported": ["thread"],
        })),
    ));
    Err(CodecError::Refused(Box::new(failure)))
}

fn turns(messages: Node<'_>, root: &Path<'_>) -> Result<Vec<Turn>, CodecError> {
    let list = root.key("messages");
    let mut turns = Vec::new();
    for (n, message) in read::array(messages, &list)?.elements().enumerate() {
        let here = list.index(n);
        let message = read::object(message, &here)?;
        let [role, content] = read::pick(message, ["role", "content"], &here)?;
        let role: Cow<'_, str> = read::need(role, "role", &here)?;
        let content = content.ok_or_else(|| here.invalid("missing field `content`"))?;
        let at = here.key("content");
        match role.as_ref() {
            "user" => decode_content::user(content, &at, &mut turns)?,
            "assistant" => {
                let items = decode_content::items(content, &at)?;
                turns.push(Turn::new(Role::Assistant, items));
            }
            "system" => {
                let items = decode_content::items(content, &at)?;
                turns.push(Turn::new(Role::System, items));
            }
            other => {
                let message = format!("unknown role `{other}`; use user, assistant or system");
                return Err(here.key("role").invalid(message));
            }
        }
    }
    Ok(turns)
}

fn system_blocks(system: Node<'_>, root: &Path<'_>) -> Result<Vec<SystemBlock>, CodecError> {
    let texts = decode_content::texts(system, &root.key("system"))?;
    Ok(texts
        .into_iter()
        .enumerate()
        .filter(|(n, (text, _))| {
            // A long text is not decoded for its first letter.
            *n > 0 || !(text.begins_with('x') && text.starts_with(BILLING_LINE))
        })
        .map(|(_, (text, cache))| SystemBlock {
            text,
            rank: SystemRank::System,
            cache,
        })
        .collect())
}

fn tool(node: Node<'_>, path: &Path<'_>) -> Result<Tool, CodecError> {
    const LONG: [&str; 2] = ["description", "input_schema"];
    let node = read::object(node, path)?;
    let [description, schema] =
        read::pick(node, LONG, path)?.map(|node| node.filter(|node| !node.is_null()));
    let rest = node.without(&LONG);
    let tool: ToolIn<'_> = path.read(&rest)?;
    let verbatim = || RawJson::of(node);
    let kind = match tool.kind.as_deref() {
        None | Some("custom") => ToolKind::Function {
            schema: schema.map(RawJson::of),
            strict: tool.strict,
            output_schema: None,
        },
        Some(kind) if kind.starts_with("web_search_") => ToolKind::WebSearch {
            dialect: Dialect::Anthropic,
            allowed_domains: tool.allowed_domains.unwrap_or_default(),
            blocked_domains: tool.blocked_domains.unwrap_or_default(),
            user_location: tool.user_location,
            max_uses: tool.max_uses,
            offline: false,
            raw: verbatim(),
        },
        Some(kind) => ToolKind::Server {
            dialect: Dialect::Anthropic,
            kind: kind.to_owned(),
            raw: verbatim(),
        },
    };
    let name = match (tool.name, &kind) {
        (Some(name), _) => name,
        (None, ToolKind::Function { .. }) => {
            return Err(path.key("name").invalid("a tool needs a name"));
        }
        // A set of remote tools has the name of its server.
        (None, _) => tool.mcp_server_name.unwrap_or_default(),
    };
    Ok(Tool {
        name,
        namespace: None,
        description: description
            .map(|node| read::text(node, &path.key("description")))
            .transpose()?,
        kind,
        defer_loading: tool.defer_loading,
        cache: tool.cache_control.map(CacheMark::from),
    })
}

type ChoiceAndParallel = (Option<Choice>, Option<bool>);

fn choice_of(
    choice: ChoiceIn,
    tools: &[Tool],
    root: &Path<'_>,
) -> Result<ChoiceAndParallel, CodecError> {
    let path = root.key("tool_choice");
    let parallel = choice.disable_parallel_tool_use.map(|disable| !disable);
    let choice = match choice.kind.as_str() {
        "auto" => Choice::Auto,
        "any" => Choice::Required,
        "none" => Choice::None,
        "tool" => {
            let name = choice
                .name
                .ok_or_else(|| path.key("name").invalid("missing; name a tool of `tools`"))?;
            let search =
                |tool: &Tool| tool.name == name && matches!(tool.kind, ToolKind::WebSearch { .. });
            if tools.iter().any(search) {
                Choice::Server("web_search".to_owned())
            } else {
                Choice::Tool {
                    name,
                    namespace: None,
                }
            }
        }
        other => {
            let message = format!("unknown choice `{other}`; use auto, any, tool or none");
            return Err(path.key("type").invalid(message));
        }
    };
    Ok((Some(choice), parallel))
}

fn output_format(format: Option<FormatIn>, root: &Path<'_>) -> Result<OutputFormat, CodecError> {
    let Some(format) = format else {
        return Ok(OutputFormat::Text);
    };
    match (format.kind.as_str(), format.schema) {
        ("json_schema", Some(schema)) => Ok(OutputFormat::JsonSchema {
            name: None,
            description: None,
            schema,
            strict: None,
        }),
        ("json_schema", None) => {
            let config = root.key("output_config");
            let format = config.key("format");
            Err(format.key("schema").invalid("missing"))
        }
        // No other kind is known; a format nobody knows is no reason to refuse (`matrix.md` §4.1).
        _ => Ok(OutputFormat::Text),
    }
}

fn reasoning(
    thinking: Option<ThinkingIn>,
    effort: Option<&str>,
    root: &Path<'_>,
) -> Result<Reasoning, CodecError> {
    let level = match effort {
        Some(word) => Some(thinking::parse_level(word).ok_or_else(|| {
            let config = root.key("output_config");
            config.key("effort").invalid(format!(
                "unknown effort `{word}`; use low, medium, high, xhigh or max"
            ))
        })?),
        None => None,
    };
    let by_level = level.map(ReasoningIntent::Level);
    let Some(thinking) = thinking else {
        return Ok(Reasoning {
            intent: by_level.unwrap_or_default(),
            ..Reasoning::default()
        });
    };
    let intent = match thinking.kind.as_str() {
        "enabled" => match thinking.budget_tokens {
            Some(0) => ReasoningIntent::Off,
            Some(budget) => ReasoningIntent::Budget(u32::try_from(budget).unwrap_or(u32::MAX)),
            None => ReasoningIntent::Auto,
        },
        "adaptive" => by_level.unwrap_or(ReasoningIntent::Auto),
        "disabled" => ReasoningIntent::Off,
        other => {
            let message = format!("unknown type `{other}`; use enabled, adaptive or disabled");
            return Err(root.key("thinking").key("type").invalid(message));
        }
    };
    let show = match thinking.display.as_deref() {
        Some("omitted") => ReasoningShow::Hidden,
        _ if intent == ReasoningIntent::Off => ReasoningShow::Hidden,
        // Thinking that was asked for is shown, as a summary since Claude 4.
        _ => ReasoningShow::SummaryAuto,
    };
    Ok(Reasoning {
        intent,
        show,
        carry_encrypted: false,
    })
}

/// `standard_only` means the same as OpenAI's `default`; `auto` is the same word.
fn common_tier(tier: String) -> String {
    if tier == "standard_only" {
        "default".to_owned()
    } else {
        tier
    }
}
