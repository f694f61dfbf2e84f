//! The common model → a body for an upstream that speaks chat (`matrix.md` §4).

use super::decode_tools::nested_format;
use super::encode_messages::{Messages, shown_names};
use super::json::{self, Object};
use crate::canonical::{
    CallKind, Choice, KeepReasoning, MissingResults, NormalizeRules, OutputFormat, ReasoningIntent,
    Request, SignatureIssuer, Tool, ToolKind, normalize,
};
use crate::codec::{CodecError, Dialect, Encoded, ReplyNotes, Target};
use crate::names::{NameMap, NameRule, flatten, stable_hex};
use crate::text::Words;
use crate::thinking::{level_of, level_word};
use crate::tool_schema::{custom_input, for_chat};
use bytes::Bytes;
use std::collections::HashSet;

/// Longest `user` and `safety_identifier` that OpenAI takes, in characters.
const MAX_USER: usize = 64;

pub(super) fn encode_request(
    request: &Request,
    target: &Target<'_>,
) -> Result<Encoded, CodecError> {
    refuse_state(request)?;
    let wants_back = target.endpoint.wants_reasoning_content;
    let request = normalize(
        request,
        NormalizeRules {
            missing_results: MissingResults::Insert,
            make_ids: Some("call_"),
            only_native_of: Some(Dialect::OpenAiChat),
            reasoning: if wants_back {
                KeepReasoning::All
            } else {
                // Thinking goes; signatures stay on calls, for the Gemini compatible endpoint.
                KeepReasoning::SignedBy(SignatureIssuer::Gemini)
            },
            ..NormalizeRules::default()
        },
    );
    let names = name_map(&shown_names(&request), target);
    let size = request.native.as_ref().map_or(1024, |(_, body)| body.len());
    let mut body = String::with_capacity(size);
    let writer = Writer {
        request: &request,
        target,
        names: &names,
    };
    json::object(&mut body, |o| writer.body(o));
    Ok(Encoded {
        body: Bytes::from(body),
        headers: Vec::new(),
        notes: ReplyNotes {
            names,
            structured_tool: None,
        },
    })
}

/// What an upstream without memory cannot do and must not drop (`matrix.md` §4.1).
fn refuse_state(request: &Request) -> Result<(), CodecError> {
    let state = &request.state;
    for (param, set) in [
        ("previous_response_id", state.previous_response_id.is_some()),
        ("conversation", state.conversation.is_some()),
        ("prompt", state.prompt.is_some()),
        ("background", state.background == Some(true)),
    ] {
        if set {
            return Err(CodecError::Unsupported {
                param: param.to_owned(),
                message: format!(
                    "`{param}` is not supported by this model's provider; send the whole \
                     conversation instead"
                ),
            });
        }
    }
    Ok(())
}

/// The names that have to change. Those of the upstream's own tools stay.
pub(super) fn name_map(names: &[String], target: &Target<'_>) -> NameMap {
    let own = |name: &&str| target.endpoint.builtin_tools && name.starts_with('$');
    let names = names.iter().map(String::as_str);
    NameMap::build(names.filter(|name| !own(name)), NameRule::OPENAI)
}

/// A tool that will be declared.
struct Declared<'r> {
    tool: &'r Tool,
    /// Upstream name.
    name: String,
    /// As `custom`; else as a function.
    custom: bool,
}

struct Writer<'r> {
    request: &'r Request,
    target: &'r Target<'r>,
    names: &'r NameMap,
}

impl Writer<'_> {
    /// True for a vendor other than the first: only what every service knows is sent.
    fn compatible(&self) -> bool {
        self.target.endpoint.compatible
    }

    /// True for models with the newer names of the first vendor.
    fn modern(&self) -> bool {
        self.target.model_traits.openai_reasoning && !self.compatible()
    }

    fn body(&self, o: &mut Object<'_>) {
        let request = self.request;
        o.str("model", self.target.model);
        let messages = Messages {
            request,
            target: self.target,
            names: self.names,
            modern: self.modern(),
        };
        o.array("messages", |a| messages.write(a));
        if self.target.stream {
            o.raw("stream", "true");
            if !self.target.endpoint.no_stream_options {
                o.raw("stream_options", "{\"include_usage\":true}");
            }
        }
        self.limits(o);
        self.sampling(o);
        self.tools(o);
        self.output(o);
        if let Some(word) = effort_word(request.reasoning.intent) {
            o.str("reasoning_effort", word);
        }
        self.identity(o);
    }

    fn limits(&self, o: &mut Object<'_>) {
        let key = if self.modern() {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        o.opt_scalar(key, self.request.limits.max_output);
        let stop = &self.request.limits.stop;
        if !stop.is_empty() {
            // Always an array: Kimi refuses a string (E-69).
            o.array("stop", |a| stop.iter().for_each(|text| a.str(text)));
        }
    }

    fn sampling(&self, o: &mut Object<'_>) {
        let sampling = &self.request.sampling;
        // Reasoning models of the first vendor take these only with thinking off.
        let fixed = self.modern() && self.request.reasoning.intent != ReasoningIntent::Off;
        if !fixed {
            o.opt_scalar("temperature", sampling.temperature);
            o.opt_scalar("top_p", sampling.top_p);
        }
        o.opt_scalar("presence_penalty", sampling.presence_penalty);
        o.opt_scalar("frequency_penalty", sampling.frequency_penalty);
        o.opt_scalar("seed", sampling.seed);
        o.opt_scalar("n", sampling.n.filter(|n| *n > 1));
        o.opt_raw(
            "logit_bias",
            sampling.logit_bias.as_ref().map(|raw| raw.as_str()),
        );
        if let Some(n) = sampling.logprobs {
            o.raw("logprobs", "true");
            if n > 0 {
                o.scalar("top_logprobs", n);
            }
        }
    }

    /// Tools, and what speaks about them; nothing of it without a tool (E-86).
    fn tools(&self, o: &mut Object<'_>) {
        let mut declared = self.declared();
        let choice = self.request.tool_choice.as_ref();
        // Vendors that do not know `allowed_tools` get those tools only.
        if let (true, Some(Choice::Allowed { names, .. })) = (self.compatible(), choice) {
            let allowed: HashSet<&str> = names.iter().map(|n| self.names.to_upstream(n)).collect();
            if declared.iter().any(|d| allowed.contains(d.name.as_str())) {
                declared.retain(|d| allowed.contains(d.name.as_str()));
            }
        }
        if !declared.is_empty() {
            o.array("tools", |a| {
                for tool in &declared {
                    a.object(|o| write_tool(o, tool));
                }
            });
            if let Some(choice) = choice {
                self.choice(o, choice, &declared);
            }
            o.opt_scalar("parallel_tool_calls", self.request.parallel_calls);
        }
        self.web_search(o);
    }

    /// Client tools by upstream name, each name once: the first wins, and a direct tool wins over
    /// the child of a namespace (E-85).
    fn declared(&self) -> Vec<Declared<'_>> {
        let direct: HashSet<&str> = self
            .request
            .tools
            .iter()
            .filter(|tool| tool.namespace.is_none())
            .map(|tool| tool.name.as_str())
            .collect();
        let mut seen = HashSet::new();
        let mut declared = Vec::new();
        for tool in &self.request.tools {
            let custom = match tool.kind {
                ToolKind::Function { .. } => false,
                ToolKind::Custom { .. } => !self.compatible(),
                // Run by another vendor's servers (`matrix.md` §4.7).
                ToolKind::WebSearch { .. } | ToolKind::Server { .. } => continue,
            };
            let full = flatten(tool.namespace.as_deref(), &tool.name);
            if tool.namespace.is_some() && direct.contains(full.as_str()) {
                continue;
            }
            let name = self.names.to_upstream(&full).to_owned();
            if seen.insert(name.clone()) {
                declared.push(Declared { tool, name, custom });
            }
        }
        declared
    }

    fn choice(&self, o: &mut Object<'_>, choice: &Choice, declared: &[Declared<'_>]) {
        let find = |name: &str| {
            let name = self.names.to_upstream(name);
            declared.iter().find(|tool| tool.name == name)
        };
        match choice {
            Choice::None => o.str("tool_choice", "none"),
            Choice::Required => o.str("tool_choice", "required"),
            Choice::Tool { name, namespace } => {
                match find(&flatten(namespace.as_deref(), name)) {
                    Some(tool) => o.object("tool_choice", |o| write_named(o, tool)),
                    // The tool was dropped (E-88).
                    None => o.str("tool_choice", "auto"),
                }
            }
            Choice::Allowed { names, required } => {
                let mode = if *required { "required" } else { "auto" };
                let tools: Vec<_> = names.iter().filter_map(|name| find(name)).collect();
                if self.compatible() || tools.is_empty() {
                    let mode = if tools.is_empty() { "auto" } else { mode };
                    o.str("tool_choice", mode);
                    return;
                }
                o.object("tool_choice", |o| {
                    o.str("type", "allowed_tools");
                    o.object("allowed_tools", |o| {
                        o.str("mode", mode);
                        o.array("tools", |a| {
                            for tool in tools {
                                a.object(|o| write_named(o, tool));
                            }
                        });
                    });
                });
            }
            Choice::Auto | Choice::Server(_) => o.str("tool_choice", "auto"),
        }
    }

    /// Search models of the first vendor search by option, others not at all.
    fn web_search(&self, o: &mut Object<'_>) {
        if self.compatible() || !self.target.model.contains("-search") {
            return;
        }
        for tool in &self.request.tools {
            let ToolKind::WebSearch {
                dialect,
                user_location,
                raw,
                ..
            } = &tool.kind
            else {
                continue;
            };
            if *dialect == Dialect::OpenAiChat {
                o.raw("web_search_options", raw.as_str());
            } else {
                o.object("web_search_options", |o| {
                    if let Some(location) = user_location {
                        o.object("user_location", |o| {
                            o.str("type", "approximate");
                            o.raw("approximate", &without_type(location.as_str()));
                        });
                    }
                });
            }
            return;
        }
    }

    fn output(&self, o: &mut Object<'_>) {
        let output = &self.request.output;
        match &output.format {
            OutputFormat::Text => {}
            OutputFormat::JsonObject => {
                o.object("response_format", |o| o.str("type", "json_object"));
            }
            OutputFormat::JsonSchema {
                name,
                description,
                schema,
                strict,
            } => o.object("response_format", |o| {
                o.str("type", "json_schema");
                o.object("json_schema", |o| {
                    o.str("name", name.as_deref().unwrap_or("response"));
                    o.opt_str("description", description.as_deref());
                    o.raw("schema", schema.as_str());
                    o.opt_scalar("strict", *strict);
                });
            }),
        }
        if output.modalities.iter().any(|word| word != "text") {
            o.array("modalities", |a| {
                output.modalities.iter().for_each(|word| a.str(word));
            });
            o.opt_raw("audio", output.audio.as_ref().map(|raw| raw.as_str()));
        }
        if self.compatible() {
            if let Some(config) = &output.image_config {
                write_image_config(o, config.as_str());
            }
        } else {
            o.opt_str("verbosity", output.verbosity.as_deref());
            let prediction = output.prediction.as_ref();
            o.opt_raw("prediction", prediction.map(|raw| raw.as_str()));
        }
    }

    fn identity(&self, o: &mut Object<'_>) {
        let request = self.request;
        let user = request.end_user.as_deref().filter(|id| !id.is_empty());
        if self.compatible() {
            // Some services refuse the field; what does not fit is left out (E-78).
            o.opt_str("user", user.filter(|id| id.chars().count() <= MAX_USER));
        } else {
            o.opt_str("user", user.map(short_id).as_deref());
            let safety = request.safety_identifier.as_deref();
            o.opt_str("safety_identifier", safety.map(short_id).as_deref());
            o.opt_str("service_tier", self.tier());
            o.opt_raw("metadata", request.metadata.as_ref().map(|m| m.as_str()));
        }
        if !self.compatible() || self.target.endpoint.prompt_cache_key {
            o.opt_str("prompt_cache_key", request.cache.key.as_deref());
        }
        if !self.compatible() {
            o.opt_str("prompt_cache_retention", request.cache.retention.as_deref());
        }
    }

    /// The tier in OpenAI's words. Anthropic's own words mean nothing here.
    fn tier(&self) -> Option<&str> {
        if self.request.speed.as_deref() == Some("fast") {
            return Some("priority");
        }
        let anthropic = matches!(self.request.native, Some((Dialect::Anthropic, _)));
        match self.request.tier.as_deref()? {
            "standard" => Some("default"),
            "auto" if anthropic => None,
            word @ ("auto" | "default" | "flex" | "scale" | "priority" | "fast") => Some(word),
            _ => None,
        }
    }
}

/// The word for `reasoning_effort`; `None` leaves the choice to the provider.
pub(super) fn effort_word(intent: ReasoningIntent) -> Option<&'static str> {
    match intent {
        ReasoningIntent::Unset | ReasoningIntent::Auto => None,
        ReasoningIntent::Off => Some("none"),
        ReasoningIntent::Level(level) => Some(level_word(level)),
        ReasoningIntent::Budget(tokens) => Some(level_word(level_of(tokens))),
    }
}

fn short_id(id: &str) -> String {
    if id.chars().count() <= MAX_USER {
        id.to_owned()
    } else {
        stable_hex(id)
    }
}

fn write_tool(o: &mut Object<'_>, declared: &Declared<'_>) {
    let tool = declared.tool;
    let description = tool
        .description
        .as_ref()
        .map_or(Words::from(""), Words::from);
    if declared.custom {
        o.str("type", "custom");
        o.object("custom", |o| {
            o.str("name", &declared.name);
            o.words("description", &description);
            if let ToolKind::Custom {
                format: Some(format),
            } = &tool.kind
            {
                o.raw("format", nested_format(format).as_str());
            }
        });
        return;
    }
    o.str("type", "function");
    o.object("function", |o| {
        o.str("name", &declared.name);
        o.words("description", &description);
        match &tool.kind {
            ToolKind::Function { schema, strict, .. } => {
                let schema = for_chat(schema.as_ref());
                o.opt_raw("parameters", schema.as_ref().map(|raw| raw.as_str()));
                o.opt_scalar("strict", *strict);
            }
            _ => o.raw("parameters", custom_input().as_str()),
        }
    });
}

fn write_named(o: &mut Object<'_>, tool: &Declared<'_>) {
    let kind = if tool.custom { "custom" } else { "function" };
    o.str("type", kind);
    o.object(kind, |o| o.str("name", &tool.name));
}

/// A flat place without its `type`.
fn without_type(location: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(location) {
        Ok(serde_json::Value::Object(mut place)) => {
            place.shift_remove("type");
            serde_json::Value::Object(place).to_string()
        }
        _ => location.to_owned(),
    }
}

/// Gemini's words → OpenRouter's.
fn write_image_config(o: &mut Object<'_>, config: &str) {
    let config: serde_json::Value = serde_json::from_str(config).unwrap_or_default();
    let text = |key: &str| config.get(key).and_then(|value| value.as_str());
    let (ratio, size) = (text("aspectRatio"), text("imageSize"));
    if ratio.is_some() || size.is_some() {
        o.object("image_config", |o| {
            o.opt_str("aspect_ratio", ratio);
            o.opt_str("image_size", size);
        });
    }
}

/// Whether a call of the history goes out as a custom call.
pub(super) fn native_custom(kind: CallKind, target: &Target<'_>) -> bool {
    kind == CallKind::Custom && !target.endpoint.compatible
}
