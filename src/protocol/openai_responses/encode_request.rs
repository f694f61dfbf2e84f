//! The common model → a request for an upstream (`matrix.md` §4, `codex.md` §7).

use super::decode_request::native_member;
use super::encode_items::{self, ItemOut, Style};
use super::encode_tools::{self, ChoiceOut, ToolOut};
use crate::canonical::{
    KeepReasoning, MissingResults, NormalizeRules, OutputFormat, ReasoningIntent, ReasoningShow,
    Request, SignatureIssuer, ToolKind, normalize,
};
use crate::codec::{CodecError, Dialect, Encoded, ReplyNotes, Target};
use crate::names::{NameMap, NameRule, stable_hex};
use crate::raw::RawJson;
use crate::thinking;
use serde::Serialize;
use std::borrow::Cow;

/// Longest `user` and `safety_identifier` OpenAI takes.
const MAX_USER: usize = 64;

const ENCRYPTED: &str = "reasoning.encrypted_content";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'a str>,
    input: Vec<ItemOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<ReasoningOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include: Vec<&'static str>,
    store: bool,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
    #[serde(flatten)]
    open: Open<'a>,
}

/// Fields the Codex backend refuses.
#[derive(Serialize, Default)]
struct Open<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tool_calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_retention: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_options: Option<RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_response_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a RawJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<bool>,
}

#[derive(Serialize)]
struct ReasoningOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'static str>,
}

#[derive(Serialize)]
struct TextOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FormatOut<'a> {
    JsonObject,
    JsonSchema {
        name: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        schema: &'a RawJson,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    },
}

pub(super) fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, CodecError> {
    if request.sampling.n.is_some_and(|n| n > 1) {
        return Err(CodecError::Unsupported {
            param: "n".to_owned(),
            message: "this model gives one choice only; leave `n` out or set it to 1".to_owned(),
        });
    }
    let request = &normalize(
        request,
        NormalizeRules {
            missing_results: MissingResults::Insert,
            reasoning: KeepReasoning::SignedBy(SignatureIssuer::OpenAi),
            only_native_of: Some(Dialect::OpenAiResponses),
            make_ids: Some("call_missing_"),
            ..NormalizeRules::default()
        },
    );
    let codex = target.endpoint.codex;
    let names = names(request);
    let style = Style {
        names: &names,
        breakpoints: breakpoints(request, target),
        plain_outputs: target.endpoint.compatible,
    };
    let (instructions, input) = input(request, style, codex);
    let tools = encode_tools::tools(&request.tools, &names);
    let has_tools = !tools.is_empty();
    let body = Body {
        model: target.model,
        instructions,
        input,
        tool_choice: request
            .tool_choice
            .as_ref()
            .filter(|_| has_tools)
            .map(|choice| encode_tools::choice(choice, &request.tools, &names)),
        parallel_tool_calls: request
            .parallel_calls
            .or(codex.then_some(true))
            .filter(|_| has_tools),
        tools,
        reasoning: reasoning(request, codex),
        text: text(request),
        include: include(request, target),
        // Chat's default, and a promise to clients of protocols that do not know storing.
        store: request.store.unwrap_or(false) && !codex,
        stream: target.stream || codex,
        service_tier: tier(request, codex),
        prompt_cache_key: request
            .cache
            .key
            .as_deref()
            .filter(|_| !target.endpoint.compatible || target.endpoint.prompt_cache_key),
        open: if codex {
            Open::default()
        } else {
            open(request, target)
        },
    };
    let body = serde_json::to_vec(&body).map_err(|e| CodecError::Invalid {
        path: "body".to_owned(),
        message: e.to_string(),
    })?;
    Ok(Encoded {
        body: body.into(),
        headers: Vec::new(),
        notes: ReplyNotes {
            names,
            structured_tool: None,
        },
    })
}

/// Names of declared tools first, so that a growing history never changes how they are mapped.
fn names(request: &Request) -> NameMap {
    let declared = request
        .tools
        .iter()
        .filter(|tool| {
            tool.namespace.is_none()
                && matches!(
                    tool.kind,
                    ToolKind::Function { .. } | ToolKind::Custom { .. }
                )
        })
        .map(|tool| tool.name.as_str());
    NameMap::build(
        declared.chain(encode_items::call_names(&request.turns)),
        NameRule::OPENAI,
    )
}

/// True when marks may be written as `prompt_cache_breakpoint`. Only clients of OpenAI's own
/// protocols mean it by one; models before gpt-5.6 refuse the field.
fn breakpoints(request: &Request, target: &Target<'_>) -> bool {
    let meant = match &request.native {
        Some((Dialect::OpenAiChat | Dialect::OpenAiResponses, body)) => {
            let needle = b"prompt_cache_breakpoint";
            body.windows(needle.len()).any(|window| window == needle)
        }
        _ => false,
    };
    meant && !target.endpoint.codex && !target.endpoint.compatible
}

fn input<'a>(
    request: &'a Request,
    style: Style<'a>,
    codex: bool,
) -> (Option<&'a str>, Vec<ItemOut<'a>>) {
    let (instructions, rest) = match request.system.split_first() {
        // Codex wants its own prompt or none at all there; a marked block must be a part.
        Some((first, rest)) if !codex && (first.cache.is_none() || !style.breakpoints) => {
            (Some(first.text.as_str()), rest)
        }
        _ => (codex.then_some(""), request.system.as_slice()),
    };
    let mut input: Vec<ItemOut<'a>> = rest
        .iter()
        .map(|block| encode_items::developer(block, style))
        .collect();
    input.extend(encode_items::items(&request.turns, style));
    (instructions, input)
}

fn reasoning(request: &Request, codex: bool) -> Option<ReasoningOut> {
    let wish = &request.reasoning;
    let effort = match wish.intent {
        ReasoningIntent::Unset | ReasoningIntent::Auto => codex.then_some("medium"),
        ReasoningIntent::Off => Some("none"),
        ReasoningIntent::Level(level) => Some(thinking::level_word(level)),
        ReasoningIntent::Budget(budget) => Some(thinking::level_word(thinking::level_of(budget))),
    };
    let summary = match wish.show {
        _ if wish.intent == ReasoningIntent::Off => None,
        ReasoningShow::Unset => codex.then_some("auto"),
        ReasoningShow::Hidden => None,
        ReasoningShow::SummaryAuto | ReasoningShow::Full => Some("auto"),
        ReasoningShow::SummaryConcise => Some("concise"),
        ReasoningShow::SummaryDetailed => Some("detailed"),
    };
    // A summary alone would make models that do not think refuse the request.
    let wanted = effort.is_some() || (summary.is_some() && wish.intent != ReasoningIntent::Unset);
    wanted.then_some(ReasoningOut { effort, summary })
}

fn text(request: &Request) -> Option<TextOut<'_>> {
    let format = match &request.output.format {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => Some(FormatOut::JsonObject),
        OutputFormat::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => Some(FormatOut::JsonSchema {
            name: name.as_deref().unwrap_or("response"),
            description: description.as_deref(),
            schema,
            strict: *strict,
        }),
    };
    let verbosity = request.output.verbosity.as_deref();
    (format.is_some() || verbosity.is_some()).then_some(TextOut { format, verbosity })
}

fn include(request: &Request, target: &Target<'_>) -> Vec<&'static str> {
    let thinks = target.model_traits.openai_reasoning
        || target
            .model_traits
            .thinking
            .as_ref()
            .is_some_and(|support| !support.none);
    let mut include = Vec::new();
    // Models that do not think refuse it.
    if target.endpoint.codex
        || request.reasoning.carry_encrypted
        || (thinks && !target.endpoint.compatible)
    {
        include.push(ENCRYPTED);
    }
    if request.sampling.logprobs.is_some() && !target.endpoint.codex {
        include.push("message.output_text.logprobs");
    }
    include
}

/// Words OpenAI knows; `fast` is the other vendors' for `priority`.
fn tier(request: &Request, codex: bool) -> Option<&str> {
    let word = match (request.tier.as_deref(), request.speed.as_deref()) {
        (Some("fast"), _) | (None, Some("fast")) => "priority",
        (Some("standard"), _) => "default",
        (Some(word @ ("auto" | "default" | "flex" | "scale" | "priority")), _) => word,
        _ => return None,
    };
    (!codex || word == "priority").then_some(word)
}

fn open<'a>(request: &'a Request, target: &Target<'_>) -> Open<'a> {
    let own_options = || match &request.native {
        Some((Dialect::OpenAiChat | Dialect::OpenAiResponses, body)) => {
            native_member(body, "prompt_cache_options")
        }
        _ => None,
    };
    Open {
        max_output_tokens: request.limits.max_output,
        max_tool_calls: request.limits.max_tool_calls,
        temperature: request.sampling.temperature,
        top_p: request.sampling.top_p,
        top_logprobs: request.sampling.logprobs.filter(|&n| n > 0),
        metadata: request.metadata.as_ref(),
        user: request.end_user.as_deref().map(short_user),
        safety_identifier: request.safety_identifier.as_deref().map(short_user),
        prompt_cache_retention: request.cache.retention.as_deref(),
        prompt_cache_options: (!target.endpoint.compatible).then(own_options).flatten(),
        previous_response_id: request.state.previous_response_id.as_deref(),
        conversation: request.state.conversation.as_ref(),
        prompt: request.state.prompt.as_ref(),
        truncation: request.state.truncation.as_deref(),
        background: request.state.background,
    }
}

/// Longer names become a hash, the same for the same name (E-78).
fn short_user(name: &str) -> Cow<'_, str> {
    if name.len() > MAX_USER {
        Cow::Owned(format!("user_{}", stable_hex(name)))
    } else {
        Cow::Borrowed(name)
    }
}
