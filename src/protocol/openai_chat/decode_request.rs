//! A client's body → the common model (`matrix.md` §4).

use super::decode_messages::{cache_mark, decode_messages};
use super::decode_tools::{decode_choice, decode_tools};
use super::locate::{array, invalid, pick, read};
use super::wire::{ChatBody, ImageConfig, ResponseFormat};
use crate::canonical::{
    Cache, Effort, Limits, Output, OutputFormat, Reasoning, ReasoningIntent, ReasoningShow,
    Request, Sampling,
};
use crate::codec::{CodecError, Dialect, PathFacts, root_value};
use crate::raw::RawJson;
use crate::splice::{JsonBody, Kind};
use crate::thinking::parse_level;

/// The members that make a body long.
const LONG: [&str; 2] = ["messages", "tools"];

/// Decodes a chat body. Unknown fields are dropped; a wrong type is refused with its path.
pub(super) fn decode_request(body: &JsonBody, path: &PathFacts<'_>) -> Result<Request, CodecError> {
    let native = body.raw().clone();
    let root = root_value(body)?;
    let [messages, tools] = pick(root, LONG, || "body".to_owned())?;
    let rest = match root.kind() {
        Kind::Object => root.without(&LONG),
        _ => root.raw().to_owned(),
    };
    let mut body: ChatBody<'_> = read(&rest, String::new)?;
    let model = match (body.model.take(), path.model) {
        (Some(model), _) if !model.is_empty() => model,
        (_, Some(model)) => model.to_owned(),
        _ => return Err(invalid("model", "is required")),
    };
    let mut messages = array(messages, "messages")?.peekable();
    if messages.peek().is_none() {
        return Err(invalid("messages", "must hold at least one message"));
    }
    let (system, turns) = decode_messages(messages)?;
    let tools = decode_tools(array(tools, "tools")?, &mut body)?;
    let tool_choice = decode_choice(&body)?;
    let reasoning = decode_reasoning(&body)?;
    let format = decode_format(body.response_format.take())?;
    Ok(Request {
        model,
        stream: body.stream.or(path.stream).unwrap_or(false),
        include_usage: body
            .stream_options
            .as_ref()
            .and_then(|options| options.include_usage)
            .unwrap_or(false),
        system,
        turns,
        tools,
        tool_choice,
        parallel_calls: body.parallel_tool_calls,
        limits: Limits {
            // The older name wins when both are there (E-62).
            max_output: body
                .max_tokens
                .or(body.max_completion_tokens)
                .map(|limit| limit.0),
            max_tool_calls: None,
            stop: body.stop.map(|stop| stop.0).unwrap_or_default(),
        },
        sampling: Sampling {
            temperature: body.temperature,
            top_p: body.top_p,
            top_k: body.top_k.0,
            min_p: body.min_p.0,
            presence_penalty: body.presence_penalty,
            frequency_penalty: body.frequency_penalty,
            seed: body.seed.map(|seed| seed.0),
            n: body.n.map(|n| n.0),
            logit_bias: body.logit_bias,
            logprobs: body
                .logprobs
                .unwrap_or(false)
                .then(|| body.top_logprobs.map_or(0, |n| n.0)),
        },
        output: Output {
            modalities: body
                .modalities
                .unwrap_or_default()
                .iter()
                .map(|word| word.to_ascii_lowercase())
                .collect(),
            format,
            verbosity: body.verbosity,
            audio: body.audio,
            image_config: body.image_config.0.map(gemini_image_config),
            prediction: body.prediction,
        },
        reasoning,
        cache: Cache {
            key: body.prompt_cache_key,
            retention: body.prompt_cache_retention,
            top_level: body.cache_control.0.map(cache_mark),
        },
        tier: body.service_tier,
        store: body.store,
        metadata: body.metadata,
        end_user: body.user,
        safety_identifier: body.safety_identifier,
        native: Some((Dialect::OpenAiChat, native)),
        ..Request::default()
    })
}

fn decode_format(format: Option<ResponseFormat>) -> Result<OutputFormat, CodecError> {
    let Some(format) = format else {
        return Ok(OutputFormat::Text);
    };
    Ok(match format.kind.as_str() {
        "text" => OutputFormat::Text,
        "json_object" => OutputFormat::JsonObject,
        "json_schema" => match format.json_schema {
            // Without a schema nothing is asked but JSON (E-112).
            None => OutputFormat::JsonObject,
            Some(wish) => match wish.schema {
                None => OutputFormat::JsonObject,
                Some(schema) => OutputFormat::JsonSchema {
                    name: wish.name,
                    description: wish.description,
                    schema,
                    strict: wish.strict,
                },
            },
        },
        other => {
            return Err(invalid(
                "response_format.type",
                format!("unknown type `{other}`; use `text`, `json_object` or `json_schema`"),
            ));
        }
    })
}

/// OpenRouter's words → the words of Gemini's `imageConfig`, which the model keeps.
fn gemini_image_config(config: ImageConfig) -> RawJson {
    let mut json = serde_json::Map::new();
    if let Some(ratio) = config.aspect_ratio {
        json.insert("aspectRatio".to_owned(), ratio.into());
    }
    if let Some(size) = config.image_size {
        json.insert("imageSize".to_owned(), size.into());
    }
    serde_json::Value::Object(json).into()
}

/// `reasoning_effort`, then the vendors' forms (`matrix.md` §4.5).
fn decode_reasoning(body: &ChatBody<'_>) -> Result<Reasoning, CodecError> {
    let google = body
        .extra_body
        .0
        .as_ref()
        .and_then(|extra| extra.google.as_ref())
        .and_then(|google| google.thinking_config.as_ref());
    let intent = match body.reasoning_effort.as_deref().filter(|w| !w.is_empty()) {
        Some(word) => effort(word).ok_or_else(|| {
            invalid(
                "reasoning_effort",
                format!(
                    "level `{word}` not supported, valid levels: none, minimal, low, medium, \
                     high, xhigh, max"
                ),
            )
        })?,
        None => vendor_intent(body, google),
    };
    let excluded = body.reasoning.0.as_ref().and_then(|r| r.exclude) == Some(true)
        || google.and_then(|config| config.include_thoughts) == Some(false);
    let show = match intent {
        _ if excluded => ReasoningShow::Hidden,
        ReasoningIntent::Unset | ReasoningIntent::Off => ReasoningShow::Unset,
        // Chat has no switch: who asks for thinking is shown what the upstream shows by default.
        _ => ReasoningShow::SummaryAuto,
    };
    Ok(Reasoning {
        intent,
        show,
        carry_encrypted: false,
    })
}

fn effort(word: &str) -> Option<ReasoningIntent> {
    match word.to_ascii_lowercase().as_str() {
        "none" => Some(ReasoningIntent::Off),
        "auto" => Some(ReasoningIntent::Auto),
        word => parse_level(word).map(ReasoningIntent::Level),
    }
}

fn budget(tokens: i64) -> ReasoningIntent {
    match u32::try_from(tokens) {
        Ok(0) => ReasoningIntent::Off,
        Ok(tokens) => ReasoningIntent::Budget(tokens),
        Err(_) if tokens < 0 => ReasoningIntent::Auto,
        Err(_) => ReasoningIntent::Level(Effort::Max),
    }
}

fn switch(on: bool) -> ReasoningIntent {
    if on {
        ReasoningIntent::Auto
    } else {
        ReasoningIntent::Off
    }
}

fn vendor_intent(
    body: &ChatBody<'_>,
    google: Option<&super::wire::ThinkingConfig>,
) -> ReasoningIntent {
    if let Some(reasoning) = &body.reasoning.0 {
        let named = reasoning.effort.as_deref().and_then(effort);
        let budgeted = reasoning.max_tokens.map(budget);
        if reasoning.enabled == Some(false) {
            return ReasoningIntent::Off;
        }
        if let Some(intent) = named.or(budgeted).or(reasoning.enabled.map(switch)) {
            return intent;
        }
    }
    if let Some(thinking) = &body.thinking.0 {
        match thinking.kind.as_deref() {
            Some("disabled") => return ReasoningIntent::Off,
            Some("enabled" | "auto" | "adaptive") => {
                return thinking.budget_tokens.map_or(ReasoningIntent::Auto, budget);
            }
            _ => {}
        }
    }
    if let Some(config) = google {
        let named = config.thinking_level.as_deref().and_then(effort);
        if let Some(intent) = named.or(config.thinking_budget.map(budget)) {
            return intent;
        }
    }
    let template = body.chat_template_kwargs.0.as_ref();
    let enabled = body
        .enable_thinking
        .0
        .or(template.and_then(|args| args.enable_thinking.or(args.thinking)));
    match (enabled, body.thinking_budget.0) {
        (Some(false), _) => ReasoningIntent::Off,
        (_, Some(tokens)) => budget(tokens),
        (Some(true), None) => ReasoningIntent::Auto,
        (None, None) => ReasoningIntent::Unset,
    }
}
