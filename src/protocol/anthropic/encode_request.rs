//! The common model → a body for an upstream of this protocol (`matrix.md` §4).

use super::cache_marks::{self, Fate, Mark, Place};
use super::encode_content;
use super::encode_tools::{self, Tools};
use super::thinking::{self, Thinking};
use super::wire::{Block, CacheControl};
use super::{ANTHROPIC_BETA, DEFAULT_MAX_TOKENS};
use crate::canonical::{
    Item, KeepReasoning, MissingResults, NormalizeRules, OutputFormat, Request, Role,
    SignatureIssuer, Turn, normalize,
};
use crate::codec::{CodecError, Dialect, Encoded, ReplyNotes, Target};
use crate::names::{self, NameMap, NameRule};
use crate::raw::RawJson;
use crate::tool_schema;
use bytes::Bytes;
use serde::Serialize;

/// Longest `metadata.user_id` the API takes, in characters.
const MAX_USER_ID: usize = 256;

/// Betas by what the body uses (`claude.md` §4.2).
const BETA_EFFORT: &str = "effort-2025-11-24";
const BETA_STRUCTURED: &str = "structured-outputs-2025-12-15";
const BETA_MID_SYSTEM: &str = "mid-conversation-system-2026-04-07";
const BETA_FAST: &str = "fast-mode-2026-02-01";

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block<'a>>,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<encode_tools::ToolOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<encode_tools::ChoiceOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<ThinkingOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheControl<'a>>,
    stream: bool,
}

/// A message.
#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    pub(super) content: Vec<Block<'a>>,
}

/// The `thinking` field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ThinkingOut {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) display: Option<RawJson>,
}

impl ThinkingOut {
    /// The field; `None` for no field.
    pub(super) fn new(thinking: Thinking) -> Option<Self> {
        let (kind, budget_tokens) = match thinking {
            Thinking::Absent => return None,
            Thinking::Disabled => ("disabled", None),
            Thinking::Adaptive(_) => ("adaptive", None),
            Thinking::Enabled(budget) => ("enabled", Some(budget)),
        };
        Some(Self {
            kind,
            budget_tokens,
            display: None,
        })
    }
}

#[derive(Serialize)]
struct OutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<FormatOut>,
}

#[derive(Serialize)]
struct FormatOut {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: RawJson,
}

#[derive(Serialize)]
struct Metadata {
    user_id: String,
}

/// Encodes a request.
pub(super) fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, CodecError> {
    refuse_what_is_not_here(request)?;
    let normal = normalize(request, rules(target));
    let mut notes = ReplyNotes {
        names: name_map(&normal),
        structured_tool: None,
    };
    let model = target.model_traits;
    let mut tools = Tools::new(&normal, &notes.names);
    let mut format = None;
    let mut json_only = false;
    match &normal.output.format {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => json_only = true,
        OutputFormat::JsonSchema { schema, .. } if model.structured_output => {
            format = Some(FormatOut {
                kind: "json_schema",
                schema: tool_schema::for_anthropic_output(schema),
            });
        }
        OutputFormat::JsonSchema {
            schema,
            description,
            ..
        } => notes.structured_tool = Some(tools.force_answer(schema, description.as_deref())),
    }

    let max_tokens = normal
        .limits
        .max_output
        .unwrap_or_else(|| model.max_output.unwrap_or(DEFAULT_MAX_TOKENS));
    let mut thought = Thinking::new(normal.reasoning.intent, model, max_tokens);
    if thought.is_active() && tools.is_forced() {
        thought = Thinking::Absent;
    }
    // Adaptive thinking does not ask for the thinking of earlier turns.
    if matches!(thought, Thinking::Enabled(_)) && tool_loop_lost_its_thinking(&normal.turns) {
        thought = Thinking::Disabled;
    }
    let temperature = normal.sampling.temperature.map(|t| t.clamp(0.0, 1.0));
    let top_p = normal.sampling.top_p;
    let allowed = thinking::allowed(thought.is_active(), model, temperature, top_p);

    let mut body = Body {
        model: target.model,
        max_tokens,
        system: encode_content::system(&normal.system, json_only),
        messages: encode_content::messages(&normal.turns, &notes.names, target),
        tools: tools.declared,
        tool_choice: tools.choice,
        temperature: temperature.filter(|_| allowed.temperature),
        top_p: top_p.filter(|_| allowed.top_p),
        top_k: normal.sampling.top_k.filter(|_| allowed.top_k),
        stop_sequences: normal
            .limits
            .stop
            .iter()
            .map(String::as_str)
            .filter(|stop| !stop.trim().is_empty())
            .collect(),
        thinking: thinking_field(thought, &normal),
        output_config: (thought.effort().is_some() || format.is_some()).then(|| OutputConfig {
            effort: thought.effort(),
            format,
        }),
        metadata: normal.end_user.as_deref().map(|user| Metadata {
            user_id: user_id(user),
        }),
        speed: (model.fast_mode && wants_priority(&normal)).then_some("fast"),
        cache_control: normal.cache.top_level.as_ref().map(CacheControl::from),
        stream: target.stream,
    };
    settle_cache_marks(&mut body);
    let headers = betas(&body, target);
    let bytes = serde_json::to_vec(&body).map_err(|error| CodecError::Invalid {
        path: String::new(),
        message: format!("the request cannot be written: {error}"),
    })?;
    Ok(Encoded {
        body: Bytes::from(bytes),
        headers,
        notes,
    })
}

/// Wishes that must not be dropped silently (`matrix.md` §4.1).
fn refuse_what_is_not_here(request: &Request) -> Result<(), CodecError> {
    let state = &request.state;
    let kept_elsewhere = "keeps no conversations; send the whole history";
    let refused = [
        (
            request.sampling.n.is_some_and(|n| n > 1),
            "n",
            "gives one answer; ask once per answer",
        ),
        (
            state.previous_response_id.is_some(),
            "previous_response_id",
            kept_elsewhere,
        ),
        (state.conversation.is_some(), "conversation", kept_elsewhere),
        (
            state.prompt.is_some(),
            "prompt",
            "has no stored prompts; send the text",
        ),
        (
            state.background == Some(true),
            "background",
            "has no background mode; leave it out",
        ),
    ];
    match refused.into_iter().find(|(wanted, ..)| *wanted) {
        None => Ok(()),
        Some((_, param, why)) => Err(CodecError::Unsupported {
            param: param.to_owned(),
            message: format!("`{param}` is not supported: the Anthropic upstream {why}"),
        }),
    }
}

fn rules(target: &Target<'_>) -> NormalizeRules {
    NormalizeRules {
        merge_turns: true,
        missing_results: MissingResults::InsertAsError,
        calls_last: true,
        results_as_user: true,
        wrap_system: !target.model_traits.mid_system,
        drop_blank_text: true,
        trim_prefill: true,
        continue_prefill: target.model_traits.no_prefill,
        // Compatible servers take thinking back unsigned; Anthropic takes its own only.
        reasoning: if target.endpoint.compatible {
            KeepReasoning::All
        } else {
            KeepReasoning::SignedBy(SignatureIssuer::Anthropic)
        },
        only_native_of: Some(Dialect::Anthropic),
        make_ids: Some("toolu_"),
        ..NormalizeRules::default()
    }
}

/// Names of declared tools and of calls in the history, where the upstream refuses them.
fn name_map(request: &Request) -> NameMap {
    let declared = request
        .tools
        .iter()
        .map(|tool| names::flatten(tool.namespace.as_deref(), &tool.name));
    let called = request
        .turns
        .iter()
        .flat_map(|turn| &turn.items)
        .filter_map(|item| match item {
            Item::Call {
                name, namespace, ..
            } => Some(names::flatten(namespace.as_deref(), name)),
            _ => None,
        });
    let all: Vec<String> = declared.chain(called).collect();
    NameMap::build(all.iter().map(String::as_str), NameRule::ANTHROPIC)
}

/// True when the last assistant turns, back to the last word of the user, hold calls but no signed
/// thinking: with thinking on, the API refuses that (E-46).
fn tool_loop_lost_its_thinking(turns: &[Turn]) -> bool {
    let says_more = |turn: &Turn| {
        turn.role == Role::User
            && turn
                .items
                .iter()
                .any(|item| !matches!(item, Item::Result { .. }))
    };
    let Some(last) = turns.iter().rposition(|turn| turn.role == Role::Assistant) else {
        return false;
    };
    let has = |turn: &Turn, is: fn(&Item) -> bool| turn.items.iter().any(is);
    let is_call = |item: &Item| matches!(item, Item::Call { .. });
    if !turns.get(last).is_some_and(|turn| has(turn, is_call)) {
        return false;
    }
    !turns
        .iter()
        .take(last + 1)
        .rev()
        .take_while(|turn| !says_more(turn))
        .any(|turn| {
            has(turn, |item| {
                matches!(
                    item,
                    Item::Reasoning {
                        signature: Some(_),
                        ..
                    }
                )
            })
        })
}

/// Newer models hide their thinking unless asked; older ones know no `display`.
fn thinking_field(thought: Thinking, request: &Request) -> Option<ThinkingOut> {
    use crate::canonical::ReasoningShow as Show;
    let mut field = ThinkingOut::new(thought)?;
    if matches!(thought, Thinking::Adaptive(_)) {
        let word = match request.reasoning.show {
            Show::Unset => None,
            Show::Hidden => Some("omitted"),
            Show::SummaryAuto | Show::SummaryConcise | Show::SummaryDetailed | Show::Full => {
                Some("summarized")
            }
        };
        field.display = word.map(|word| RawJson::from(serde_json::Value::from(word)));
    }
    Some(field)
}

/// True when the client pays for being served first (`matrix.md` §4.1).
fn wants_priority(request: &Request) -> bool {
    request.speed.as_deref() == Some("fast")
        || matches!(request.tier.as_deref(), Some("priority" | "fast"))
}

fn user_id(user: &str) -> String {
    if user.chars().count() > MAX_USER_ID {
        names::stable_hex(user)
    } else {
        user.to_owned()
    }
}

/// Betas that the body asks for, for a first-party endpoint.
fn betas(body: &Body<'_>, target: &Target<'_>) -> Vec<(&'static str, String)> {
    if target.endpoint.compatible {
        return Vec::new();
    }
    let config = body.output_config.as_ref();
    let used = [
        (
            config.is_some_and(|config| config.effort.is_some()),
            BETA_EFFORT,
        ),
        (
            config.is_some_and(|config| config.format.is_some()),
            BETA_STRUCTURED,
        ),
        (
            body.messages
                .iter()
                .any(|message| message.role == encode_content::SYSTEM),
            BETA_MID_SYSTEM,
        ),
        (body.speed.is_some(), BETA_FAST),
    ];
    let names: Vec<&str> = used
        .into_iter()
        .filter_map(|(used, name)| used.then_some(name))
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    vec![(ANTHROPIC_BETA, names.join(","))]
}

fn settle_cache_marks(body: &mut Body<'_>) {
    let mut slots: Vec<(Place, &mut Option<CacheControl<'_>>)> = Vec::new();
    for tool in &mut body.tools {
        slots.extend(tool.cache_control().map(|slot| (Place::Tools, slot)));
    }
    for block in &mut body.system {
        slots.extend(block.cache_control().map(|slot| (Place::System, slot)));
    }
    for block in body.messages.iter_mut().flat_map(|m| &mut m.content) {
        slots.extend(block.cache_control().map(|slot| (Place::Messages, slot)));
    }
    slots.push((Place::Request, &mut body.cache_control));
    slots.retain(|(_, slot)| slot.is_some());
    let marks: Vec<Mark> = slots
        .iter()
        .map(|(place, slot)| Mark {
            place: *place,
            hour: slot.as_ref().is_some_and(|mark| mark.ttl == Some("1h")),
        })
        .collect();
    for ((_, slot), fate) in slots.into_iter().zip(cache_marks::settle(&marks)) {
        match (fate, slot.as_mut()) {
            (Fate::Remove, _) => *slot = None,
            (Fate::Shorten, Some(mark)) => mark.ttl = None,
            (Fate::Keep, _) | (Fate::Shorten, None) => {}
        }
    }
}
