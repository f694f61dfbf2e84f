//! A client's body → the common model (`matrix.md` §4).

use super::read::{self, Path};
use super::{decode_items, decode_tools};
use crate::canonical::{
    Effort, Output, OutputFormat, Reasoning, ReasoningIntent, ReasoningShow, Request, SystemBlock,
    SystemRank,
};
use crate::codec::{CodecError, Dialect, root_object};
use crate::raw::RawJson;
use crate::splice::{Doc, JsonBody, Node};
use crate::text::Text;
use crate::thinking;
use bytes::Bytes;
use std::borrow::Cow;

/// Decodes `json`. Fails with the path of the first value of a wrong type.
pub(super) fn decode(json: &JsonBody) -> Result<Request, CodecError> {
    let root = root_object(json)?;
    let mut request = Request {
        native: Some((Dialect::OpenAiResponses, json.raw().clone())),
        ..Request::default()
    };
    let mut rest = Rest::default();
    for (key, node) in root.members() {
        if !node.is_null() {
            member(&mut request, &mut rest, &key, node)?;
        }
    }
    if request.model.is_empty() {
        return Err(Path::ROOT.key("model").invalid("is required: a model name"));
    }
    finish(&mut request, rest)?;
    Ok(request)
}

/// Members whose meaning depends on others.
#[derive(Default)]
struct Rest<'a> {
    instructions: Option<Text>,
    input: Option<Node<'a>>,
    tools: Option<Node<'a>>,
    include: Vec<String>,
    top_logprobs: Option<u32>,
}

fn member<'a>(
    request: &mut Request,
    rest: &mut Rest<'a>,
    key: &str,
    node: Node<'a>,
) -> Result<(), CodecError> {
    let at = &Path::ROOT.key(key);
    let owned = || read::text(node, at).map(Cow::into_owned);
    match key {
        "model" => request.model = owned()?,
        "input" => rest.input = Some(node),
        "instructions" => rest.instructions = Some(read::whole_text(node, at)?),
        "stream" => request.stream = read::boolean(node, at)?,
        "tools" => rest.tools = Some(read::array(node, at)?),
        "tool_choice" => request.tool_choice = Some(decode_tools::choice(node, at)?),
        "parallel_tool_calls" => request.parallel_calls = Some(read::boolean(node, at)?),
        "max_output_tokens" => request.limits.max_output = Some(read::whole(node, at)?),
        "max_tool_calls" => request.limits.max_tool_calls = Some(read::whole(node, at)?),
        "temperature" => request.sampling.temperature = Some(read::number(node, at)?),
        "top_p" => request.sampling.top_p = Some(read::number(node, at)?),
        "top_logprobs" => {
            let n = read::whole(node, at)?;
            rest.top_logprobs = Some(u32::try_from(n).map_err(|_| at.invalid("is too large"))?);
        }
        "text" => text_options(&mut request.output, read::object(node, at)?, at)?,
        "reasoning" => {
            // `generate_summary` and the like may stand in several duplicates: the last object wins.
            request.reasoning = reasoning(read::object(node, at)?, at)?;
        }
        "include" => rest.include = read::strings(Some(read::array(node, at)?)),
        "store" => request.store = Some(read::boolean(node, at)?),
        "metadata" => request.metadata = Some(RawJson::of(read::object(node, at)?)),
        "user" => request.end_user = Some(owned()?),
        "safety_identifier" => request.safety_identifier = Some(owned()?),
        "service_tier" => request.tier = Some(owned()?),
        "prompt_cache_key" => request.cache.key = Some(owned()?),
        "prompt_cache_retention" => request.cache.retention = Some(owned()?),
        "previous_response_id" => {
            request.state.previous_response_id = Some(owned()?).filter(|id| !id.is_empty());
        }
        "conversation" => request.state.conversation = Some(RawJson::of(node)),
        "prompt" => request.state.prompt = Some(RawJson::of(node)),
        "truncation" => request.state.truncation = Some(owned()?),
        "background" => request.state.background = Some(read::boolean(node, at)?),
        // Unknown fields are dropped on translation, never refused (E-79). `context_management` of
        // this protocol is a list of its own, not the object that the model's field holds.
        _ => {}
    }
    Ok(())
}

fn finish(request: &mut Request, rest: Rest<'_>) -> Result<(), CodecError> {
    if let Some(instructions) = rest.instructions
        && !instructions.is_empty()
    {
        request.system.push(SystemBlock {
            text: instructions,
            rank: SystemRank::System,
            cache: None,
        });
    }
    if let Some(tools) = rest.tools {
        decode_tools::tools(tools, &Path::ROOT.key("tools"), None, &mut request.tools)?;
    }
    if let Some(input) = rest.input {
        decode_items::input(input, &Path::ROOT.key("input"), request)?;
    }
    decode_tools::dedupe(&mut request.tools);
    let has = |word: &str| rest.include.iter().any(|i| i == word);
    request.reasoning.carry_encrypted = has("reasoning.encrypted_content");
    request.sampling.logprobs = match rest.top_logprobs {
        None if has("message.output_text.logprobs") => Some(0),
        // OpenAI writes `top_logprobs: 0` for "none asked"; so do clients that copy its objects.
        Some(0) if !has("message.output_text.logprobs") => None,
        n => n,
    };
    Ok(())
}

fn text_options(output: &mut Output, node: Node<'_>, at: &Path<'_>) -> Result<(), CodecError> {
    let [format, verbosity] = node.pick(["format", "verbosity"]);
    output.verbosity = read::opt_text(verbosity, at, "verbosity")?.map(Cow::into_owned);
    if let Some(format) = read::present(format) {
        let at = &at.key("format");
        output.format = output_format(read::object(format, at)?, at)?;
    }
    Ok(())
}

fn output_format(node: Node<'_>, at: &Path<'_>) -> Result<OutputFormat, CodecError> {
    let [kind, nested] = node.pick(["type", "json_schema"]);
    // Clients written for chat nest the fields one level deeper.
    let fields = read::present(nested).unwrap_or(node);
    let [name, description, schema, strict] =
        fields.pick(["name", "description", "schema", "strict"]);
    match &*read::need_text(kind, at, "type")? {
        "text" => Ok(OutputFormat::Text),
        "json_object" => Ok(OutputFormat::JsonObject),
        "json_schema" => {
            let Some(schema) = read::present(schema) else {
                return Ok(OutputFormat::JsonObject);
            };
            Ok(OutputFormat::JsonSchema {
                name: read::opt_text(name, at, "name")?.map(Cow::into_owned),
                description: read::opt_text(description, at, "description")?.map(Cow::into_owned),
                schema: RawJson::of(schema),
                strict: read::present(strict)
                    .map(|strict| read::boolean(strict, &at.key("strict")))
                    .transpose()?,
            })
        }
        other => Err(at.key("type").invalid(format!(
            "`{other}` is unknown; use `text`, `json_object` or `json_schema`"
        ))),
    }
}

fn reasoning(node: Node<'_>, at: &Path<'_>) -> Result<Reasoning, CodecError> {
    let [effort, summary, old] = node.pick(["effort", "summary", "generate_summary"]);
    let intent = match read::opt_text(effort, at, "effort")? {
        Some(word) => intent(&word, &at.key("effort"))?,
        None => ReasoningIntent::Unset,
    };
    let summary = match read::opt_text(summary, at, "summary")? {
        None => read::opt_text(old, at, "generate_summary")?,
        word => word,
    };
    let show = match summary.as_deref() {
        None => ReasoningShow::Unset,
        Some("concise") => ReasoningShow::SummaryConcise,
        Some("detailed") => ReasoningShow::SummaryDetailed,
        Some("none") => ReasoningShow::Hidden,
        Some(_) => ReasoningShow::SummaryAuto,
    };
    Ok(Reasoning {
        intent,
        show,
        carry_encrypted: false,
    })
}

fn intent(word: &str, at: &Path<'_>) -> Result<ReasoningIntent, CodecError> {
    if word.eq_ignore_ascii_case("none") {
        return Ok(ReasoningIntent::Off);
    }
    if word.eq_ignore_ascii_case("auto") {
        return Ok(ReasoningIntent::Auto);
    }
    // `ultra` is Codex's word above `max` (`codex.md` §5); no other protocol has a level up there.
    if word.eq_ignore_ascii_case("ultra") {
        return Ok(ReasoningIntent::Level(Effort::Max));
    }
    thinking::parse_level(word)
        .map(ReasoningIntent::Level)
        .ok_or_else(|| {
            at.invalid(format!(
                "level `{word}` not supported, valid levels: none, minimal, low, medium, high, \
                 xhigh, max"
            ))
        })
}

/// The value of a top-level member as JSON text, when it is there and not `null`.
pub(super) fn native_member(body: &Bytes, key: &str) -> Option<RawJson> {
    let doc = Doc::parse(body).ok()?;
    let node = read::present(doc.root().get(key))?;
    Some(RawJson::of(node))
}
