//! A completions body → the common model (`openai-completions.md` §2, §4).

use crate::canonical::{Cache, Item, Limits, Request, Role, Sampling, Turn};
use crate::codec::{CodecError, Dialect, PathFacts};
use crate::openai_chat::locate::{invalid, refuse};
use crate::openai_chat::wire::StreamOptions;
use crate::openai_chat::wire_values::{Strings, Whole};
use crate::raw::RawJson;
use crate::splice::JsonBody;
use serde::Deserialize;
use serde_json::Value;

/// Stands for a prompt that is empty or absent.
const EMPTY_PROMPT: &str = "Complete this:";

#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    prompt: Option<Value>,
    max_tokens: Option<Whole<u64>>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    n: Option<Whole<u32>>,
    best_of: Option<Whole<u32>>,
    stop: Option<Strings>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    logit_bias: Option<RawJson>,
    seed: Option<Whole<i64>>,
    user: Option<String>,
    logprobs: Option<Whole<u32>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

pub(super) fn decode_request(body: &JsonBody, path: &PathFacts<'_>) -> Result<Request, CodecError> {
    let raw = body.raw();
    let body: Body = serde_json::from_slice(raw).map_err(|error| refuse(raw, "", &error))?;
    let model = match (body.model, path.model) {
        (Some(model), _) if !model.is_empty() => model,
        (_, Some(model)) => model.to_owned(),
        _ => return Err(invalid("model", "is required")),
    };
    let stream = body.stream.or(path.stream).unwrap_or(false);
    let n = body.n.map(|n| n.0);
    if stream && body.best_of.map_or(1, |best| best.0) > n.unwrap_or(1) {
        return Err(invalid(
            "best_of",
            "cannot be used with a stream; leave it out",
        ));
    }
    let mut prompt = read_prompt(body.prompt)?;
    if prompt.is_empty() {
        prompt.push_str(EMPTY_PROMPT);
    }
    Ok(Request {
        model,
        stream,
        include_usage: body
            .stream_options
            .and_then(|options| options.include_usage)
            .unwrap_or(false),
        turns: vec![Turn::new(Role::User, vec![Item::text(prompt)])],
        limits: Limits {
            max_output: body.max_tokens.map(|limit| limit.0),
            max_tool_calls: None,
            stop: body.stop.map(|stop| stop.0).unwrap_or_default(),
        },
        sampling: Sampling {
            temperature: body.temperature,
            top_p: body.top_p,
            presence_penalty: body.presence_penalty,
            frequency_penalty: body.frequency_penalty,
            seed: body.seed.map(|seed| seed.0),
            n,
            logit_bias: body.logit_bias,
            logprobs: body.logprobs.map(|n| n.0),
            ..Sampling::default()
        },
        cache: Cache::default(),
        end_user: body.user,
        native: Some((Dialect::OpenAiCompletions, raw.clone())),
        ..Request::default()
    })
}

/// The one prompt there may be (E-253).
fn read_prompt(prompt: Option<Value>) -> Result<String, CodecError> {
    match prompt {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Array(mut prompts)) => match (prompts.len(), prompts.pop()) {
            (_, None) => Ok(String::new()),
            (1, Some(Value::String(text))) => Ok(text),
            (_, Some(Value::String(_))) => Err(invalid(
                "prompt",
                "must be one text; send one request for each prompt",
            )),
            _ => Err(invalid("prompt", "token ids are not supported; send text")),
        },
        Some(_) => Err(invalid("prompt", "must be a string")),
    }
}

/// The prompt to put before the reply, when the client asked for `echo`.
pub(super) fn echo_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Peek {
        echo: Option<bool>,
        prompt: Option<Value>,
    }
    let peek: Peek = serde_json::from_slice(body).ok()?;
    if peek.echo != Some(true) {
        return None;
    }
    read_prompt(peek.prompt)
        .ok()
        .filter(|text| !text.is_empty())
}
