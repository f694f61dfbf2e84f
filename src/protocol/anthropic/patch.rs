//! Edits of a body on its way to an upstream of the same protocol (`matrix.md` §2).
//!
//! What no edit names goes out as it came.

use super::cache_marks::{self, Fate, Mark, Place};
use super::encode_request::ThinkingOut;
use super::history::{self, Repairs};
use super::thinking::{self, Thinking};
use super::{ANTHROPIC_BETA, DEFAULT_MAX_TOKENS};
use crate::codec::{CodecError, Encoded, Patch, ReplyNotes, Target, root_object};
use crate::names::{NameMap, NameRule};
use crate::raw::RawJson;
use crate::splice::{Edits, JsonBody, Kind, Node, quote};

/// Fields that `count_tokens` does not take.
const NOT_COUNTED: [&str; 15] = [
    "max_tokens",
    "stream",
    "metadata",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "service_tier",
    "context_management",
    "diagnostics",
    "container",
    "inference_geo",
    "fallbacks",
    "fallback_credit_token",
    "thread",
];

/// Edits a body of `/v1/messages`.
pub(super) fn patch(
    json: &JsonBody,
    patch: &Patch<'_>,
    target: &Target<'_>,
) -> Result<Encoded, CodecError> {
    let root = root_object(json)?;
    let mut body = Patched::new(root, target);
    if let Some(model) = patch.model {
        body.edits.set(body.root, "model", quote(model));
    }
    if let Some(stream) = patch.stream {
        body.edits.set(body.root, "stream", stream.to_string());
    }
    let headers = body.take_betas();
    body.fill_max_tokens();
    body.fix_tools();
    let thinking_lost = body.fix_history();
    body.fix_thinking(patch, thinking_lost);
    body.fix_cache_marks();
    Ok(Encoded {
        body: body.edits.apply_to(json),
        headers,
        notes: ReplyNotes {
            names: body.names,
            structured_tool: None,
        },
    })
}

/// Edits a body for `/v1/messages/count_tokens`: the model, and fields that call does not take.
pub(super) fn patch_count(json: &JsonBody, model: Option<&str>) -> Result<Encoded, CodecError> {
    let root = root_object(json)?;
    let target_model = crate::codec::ModelTraits::default();
    let endpoint = crate::codec::EndpointTraits::default();
    let target = Target {
        model: model.unwrap_or_default(),
        stream: false,
        model_traits: &target_model,
        endpoint: &endpoint,
    };
    let mut body = Patched::new(root, &target);
    if let Some(model) = model {
        body.edits.set(body.root, "model", quote(model));
    }
    let headers = body.take_betas();
    for (node, key) in body.root.pick(NOT_COUNTED).into_iter().zip(NOT_COUNTED) {
        if node.is_some() {
            body.edits.remove(body.root, key);
        }
    }
    body.fix_history();
    Ok(Encoded {
        body: body.edits.apply_to(json),
        headers,
        notes: ReplyNotes::default(),
    })
}

/// A body with the changes made so far.
struct Patched<'a, 't> {
    root: Node<'a>,
    target: &'t Target<'t>,
    edits: Edits,
    names: NameMap,
    max_tokens: Option<Node<'a>>,
    thinking: Option<Node<'a>>,
    output_config: Option<Node<'a>>,
    tool_choice: Option<Node<'a>>,
    temperature: Option<Node<'a>>,
    top_p: Option<Node<'a>>,
    top_k: Option<Node<'a>>,
    betas: Option<Node<'a>>,
    tools: Option<Node<'a>>,
    system: Option<Node<'a>>,
    messages: Option<Node<'a>>,
    cache_control: Option<Node<'a>>,
    context_management: Option<Node<'a>>,
}

impl<'a, 't> Patched<'a, 't> {
    fn new(root: Node<'a>, target: &'t Target<'t>) -> Self {
        let [
            max_tokens,
            thinking,
            output_config,
            tool_choice,
            temperature,
            top_p,
            top_k,
            betas,
            tools,
            system,
            messages,
            cache_control,
            context_management,
        ] = root
            .pick([
                "max_tokens",
                "thinking",
                "output_config",
                "tool_choice",
                "temperature",
                "top_p",
                "top_k",
                "betas",
                "tools",
                "system",
                "messages",
                "cache_control",
                "context_management",
            ])
            .map(|node| node.filter(|node| !node.is_null()));
        Self {
            root,
            target,
            edits: Edits::new(),
            names: NameMap::default(),
            max_tokens,
            thinking,
            output_config,
            tool_choice,
            temperature,
            top_p,
            top_k,
            betas,
            tools,
            system,
            messages,
            cache_control,
            context_management,
        }
    }

    /// An SDK input that clients really send; upstream it is a header.
    fn take_betas(&mut self) -> Vec<(&'static str, String)> {
        let Some(betas) = self.betas else {
            return Vec::new();
        };
        self.edits.remove(self.root, "betas");
        let names: Vec<_> = match betas.string() {
            Some(one) => vec![one],
            None => betas.elements().filter_map(|beta| beta.string()).collect(),
        };
        if names.is_empty() {
            return Vec::new();
        }
        vec![(ANTHROPIC_BETA, names.join(","))]
    }

    fn default_max_tokens(&self) -> u64 {
        let known = self.target.model_traits.max_output;
        known.unwrap_or(DEFAULT_MAX_TOKENS)
    }

    fn fill_max_tokens(&mut self) {
        if self.max_tokens.is_none() {
            let default = self.default_max_tokens().to_string();
            self.edits.set(self.root, "max_tokens", default);
        }
    }

    /// Names outside the charset, and domain lists that are empty (E-98).
    fn fix_tools(&mut self) {
        let Some(tools) = self.tools else { return };
        let mut illegal = false;
        for tool in tools.elements() {
            let [kind, name, allowed, blocked] =
                tool.pick(["type", "name", "allowed_domains", "blocked_domains"]);
            let kind = kind.and_then(|kind| kind.string());
            match kind.as_deref() {
                None | Some("custom") => {
                    illegal |= name
                        .and_then(|name| name.string())
                        .is_some_and(|name| !NameRule::ANTHROPIC.accepts(&name));
                }
                Some(kind) if kind.starts_with("web_search_") => {
                    for (key, list) in [("allowed_domains", allowed), ("blocked_domains", blocked)]
                    {
                        let empty = |list: Node<'_>| {
                            list.kind() == Kind::Array && list.elements().next().is_none()
                        };
                        if list.is_some_and(empty) {
                            self.edits.remove(tool, key);
                        }
                    }
                }
                Some(_) => {}
            }
        }
        // What a compatible server takes as a name is its own affair.
        if illegal && !self.target.endpoint.compatible {
            self.rename_tools(tools);
        }
    }

    fn rename_tools(&mut self, tools: Node<'a>) {
        let declared: Vec<_> = tools
            .elements()
            .filter_map(|tool| tool.get("name"))
            .filter_map(|node| node.string().map(|name| (node, name)))
            .collect();
        self.names = NameMap::build(
            declared.iter().map(|(_, name)| name.as_ref()),
            NameRule::ANTHROPIC,
        );
        let chosen = self
            .tool_choice
            .and_then(|choice| choice.get("name"))
            .and_then(|node| node.string().map(|name| (node, name)));
        for (node, name) in declared.into_iter().chain(chosen) {
            let upstream = self.names.to_upstream(&name);
            if upstream != name {
                self.edits.replace(node, quote(upstream));
            }
        }
    }

    /// Foreign thinking, call ids, blank texts, instructions in the middle and renamed calls. True
    /// when the open tool loop lost its thinking.
    fn fix_history(&mut self) -> bool {
        let repairs = Repairs::of(self.system, self.messages, &self.names, self.target);
        if !repairs.is_due() {
            return false;
        }
        if let (true, Some(system)) = (repairs.drops_blank(), self.system) {
            let blank = |block: Node<'_>| block.get("text").is_some_and(history::is_blank);
            if history::is_blank(system) || system.elements().all(blank) {
                self.edits.remove(self.root, "system");
            } else {
                for (n, _) in system.elements().enumerate().filter(|(_, b)| blank(*b)) {
                    self.edits.remove_element(system, n);
                }
            }
        }
        match self.messages {
            Some(messages) => repairs.apply(messages, &mut self.edits),
            None => false,
        }
    }

    /// Thinking as the patch wants it, nothing the API refuses beside it, and legal sampling.
    fn fix_thinking(&mut self, patch: &Patch<'_>, thinking_lost: bool) {
        let kind = self
            .thinking
            .and_then(|thinking| thinking.get("type"))
            .and_then(|kind| kind.string());
        let mut active = matches!(kind.as_deref(), Some("enabled" | "adaptive"));
        let mut budget = kind.as_deref() == Some("enabled");
        let mut new = None;
        if let Some(intent) = patch.thinking {
            let limit = self
                .max_tokens
                .and_then(|limit| limit.raw().parse().ok())
                .unwrap_or_else(|| self.default_max_tokens());
            let wish = Thinking::new(intent, self.target.model_traits, limit);
            active = wish.is_active();
            budget = matches!(wish, Thinking::Enabled(_));
            new = Some(wish);
        }
        if active && self.is_forced() {
            new = Some(Thinking::Absent);
            active = false;
        } else if budget && thinking_lost {
            new = Some(Thinking::Disabled);
            active = false;
        }
        if let Some(thinking) = new {
            self.write_thinking(thinking);
        }
        if !active {
            self.drop_thinking_edits();
        }
        self.fix_sampling(active);
    }

    /// Edits of earlier thinking are refused when the model does not think.
    fn drop_thinking_edits(&mut self) {
        let Some(management) = self.context_management else {
            return;
        };
        let Some(list) = management.get("edits") else {
            return;
        };
        let is_thinking = |edit: &Node<'_>| {
            edit.get("type")
                .and_then(|kind| kind.string())
                .is_some_and(|kind| kind.starts_with("clear_thinking"))
        };
        if list.elements().all(|edit| is_thinking(&edit)) {
            if list.elements().next().is_some() {
                self.edits.remove(self.root, "context_management");
            }
            return;
        }
        for (n, _) in list.elements().enumerate().filter(|(_, e)| is_thinking(e)) {
            self.edits.remove_element(list, n);
        }
    }

    fn is_forced(&self) -> bool {
        self.tool_choice
            .and_then(|choice| choice.get("type"))
            .and_then(|kind| kind.string())
            .is_some_and(|kind| matches!(kind.as_ref(), "any" | "tool"))
    }

    fn write_thinking(&mut self, thinking: Thinking) {
        match ThinkingOut::new(thinking) {
            None => {
                if self.thinking.is_some() {
                    self.edits.remove(self.root, "thinking");
                }
            }
            Some(mut field) => {
                if matches!(thinking, Thinking::Adaptive(_)) {
                    // What to show is the client's own wish.
                    field.display = self
                        .thinking
                        .and_then(|old| old.get("display"))
                        .and_then(|display| RawJson::parse(display.raw()).ok());
                }
                if let Ok(json) = RawJson::from_value(&field) {
                    self.edits.set(self.root, "thinking", json.as_str());
                }
            }
        }
        match (thinking.effort(), self.output_config) {
            (Some(effort), Some(config)) => self.edits.set(config, "effort", quote(effort)),
            (Some(effort), None) => {
                let config = format!("{{\"effort\":{}}}", quote(effort));
                self.edits.set(self.root, "output_config", config);
            }
            (None, Some(config)) => {
                if config.members().all(|(key, _)| key == "effort") {
                    self.edits.remove(self.root, "output_config");
                } else {
                    self.edits.remove(config, "effort");
                }
            }
            (None, None) => {}
        }
    }

    /// Only parameters the API is known to refuse; compatible servers have rules of their own.
    fn fix_sampling(&mut self, thinking: bool) {
        let model = self.target.model_traits;
        if self.target.endpoint.compatible && !model.no_sampling {
            return;
        }
        let number = |node: Option<Node<'_>>| node.and_then(|node| node.raw().parse().ok());
        let allowed = thinking::allowed(
            thinking,
            model,
            number(self.temperature),
            number(self.top_p),
        );
        for (key, node, allowed) in [
            ("temperature", self.temperature, allowed.temperature),
            ("top_p", self.top_p, allowed.top_p),
            ("top_k", self.top_k, allowed.top_k),
        ] {
            if node.is_some() && !allowed {
                self.edits.remove(self.root, key);
            }
        }
    }

    /// At most four marks in a legal order (E-190). None is ever added here.
    fn fix_cache_marks(&mut self) {
        let mut found: Vec<(Mark, Node<'a>, Node<'a>)> = Vec::new();
        let mut note = |place: Place, owner: Node<'a>, mark: Option<Node<'a>>| {
            let Some(node) = mark.filter(|mark| !mark.is_null()) else {
                return;
            };
            let ttl = node.get("ttl").and_then(|ttl| ttl.string());
            let hour = ttl.as_deref() == Some("1h");
            found.push((Mark { place, hour }, owner, node));
        };
        for tool in self.tools.iter().flat_map(Node::elements) {
            note(Place::Tools, tool, tool.get("cache_control"));
        }
        for block in self.system.iter().flat_map(Node::elements) {
            note(Place::System, block, block.get("cache_control"));
        }
        for message in self.messages.iter().flat_map(Node::elements) {
            for block in message.get("content").iter().flat_map(Node::elements) {
                let [content, mark] = block.pick(["content", "cache_control"]);
                for inner in content.iter().flat_map(Node::elements) {
                    note(Place::Messages, inner, inner.get("cache_control"));
                }
                note(Place::Messages, block, mark);
            }
        }
        note(Place::Request, self.root, self.cache_control);
        let marks: Vec<Mark> = found.iter().map(|(mark, ..)| *mark).collect();
        for ((_, owner, node), fate) in found.into_iter().zip(cache_marks::settle(&marks)) {
            match fate {
                Fate::Keep => {}
                Fate::Shorten => self.edits.remove(node, "ttl"),
                Fate::Remove => self.edits.remove(owner, "cache_control"),
            }
        }
    }
}
