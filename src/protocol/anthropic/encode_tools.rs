//! Tools and tool choice for an upstream (`matrix.md` §4.4, §4.7).

use super::wire::CacheControl;
use crate::canonical::{Choice, Request, Tool, ToolKind};
use crate::codec::Dialect;
use crate::names::{self, NameMap};
use crate::raw::RawJson;
use crate::tool_schema;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashSet;

/// Name of the tool whose input stands for the answer, on models without structured output.
const ANSWER_TOOL: &str = "json_answer";

/// Search tool of the protocol that every model with search takes.
const WEB_SEARCH_TYPE: &str = "web_search_20250305";
const WEB_SEARCH: &str = "web_search";

/// A declared tool.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum ToolOut<'a> {
    Function {
        name: Cow<'a, str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'a str>,
        input_schema: RawJson,
        #[serde(skip_serializing_if = "Option::is_none")]
        defer_loading: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    WebSearch {
        #[serde(rename = "type")]
        kind: &'static str,
        name: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_uses: Option<u64>,
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        allowed_domains: &'a [String],
        #[serde(skip_serializing_if = "<[String]>::is_empty")]
        blocked_domains: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        user_location: Option<RawJson>,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl<'a>>,
    },
    /// A tool of this protocol, as it was declared.
    Verbatim(&'a RawJson),
}

impl<'a> ToolOut<'a> {
    /// The cache mark of a tool that may have one.
    pub(super) fn cache_control(&mut self) -> Option<&mut Option<CacheControl<'a>>> {
        match self {
            Self::Function { cache_control, .. } | Self::WebSearch { cache_control, .. } => {
                Some(cache_control)
            }
            Self::Verbatim(_) => None,
        }
    }
}

/// The `tool_choice` field.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ChoiceOut<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disable_parallel_tool_use: bool,
}

/// Tools and choice of a body.
#[derive(Debug)]
pub(super) struct Tools<'a> {
    pub(super) declared: Vec<ToolOut<'a>>,
    pub(super) choice: Option<ChoiceOut<'a>>,
    /// Names that are taken, as the upstream knows them.
    taken: HashSet<String>,
}

impl<'a> Tools<'a> {
    /// The tools this protocol can express, each name once, and the choice among them.
    pub(super) fn new(request: &'a Request, map: &NameMap) -> Self {
        let mut tools = Self {
            declared: Vec::new(),
            choice: None,
            taken: HashSet::new(),
        };
        let only = match &request.tool_choice {
            Some(Choice::Allowed { names, .. }) => Some(names),
            _ => None,
        };
        // A direct tool wins over a child of a namespace with the same full name (E-85).
        let direct: HashSet<&str> = request
            .tools
            .iter()
            .filter(|tool| tool.namespace.is_none())
            .map(|tool| tool.name.as_str())
            .collect();
        for tool in &request.tools {
            let name = names::flatten(tool.namespace.as_deref(), &tool.name);
            let hidden = tool.namespace.is_some() && direct.contains(name.as_str());
            let allowed =
                only.is_none_or(|only| only.iter().any(|n| *n == name || *n == tool.name));
            if !hidden && allowed {
                tools.declare(tool, map.to_upstream(&name));
            }
        }
        if !tools.declared.is_empty() {
            tools.choice = tools.choose(request, map);
        }
        tools
    }

    /// Declares one more tool with the answer's schema and forces it. Returns its name.
    pub(super) fn force_answer(
        &mut self,
        schema: &'a RawJson,
        description: Option<&'a str>,
    ) -> String {
        let mut name = ANSWER_TOOL.to_owned();
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        let may_call = !self.declared.is_empty()
            && self
                .choice
                .as_ref()
                .is_none_or(|choice| choice.kind != "none");
        self.declared.push(ToolOut::Function {
            name: Cow::Owned(name.clone()),
            description: description.or(Some("Give the answer with this tool")),
            input_schema: tool_schema::for_anthropic(Some(schema)),
            defer_loading: None,
            cache_control: None,
        });
        let forced = self
            .choice
            .as_ref()
            .is_some_and(|choice| choice.kind == "tool");
        if !forced {
            // Beside other tools any of them may be called first; the answer comes with the last.
            self.choice = Some(ChoiceOut {
                kind: if may_call { "any" } else { "tool" },
                name: (!may_call).then(|| Cow::Owned(name.clone())),
                disable_parallel_tool_use: true,
            });
        }
        name
    }

    /// True when the model must call a tool: it cannot think then (E-68).
    pub(super) fn is_forced(&self) -> bool {
        self.choice
            .as_ref()
            .is_some_and(|choice| matches!(choice.kind, "any" | "tool"))
    }

    fn declare(&mut self, tool: &'a Tool, upstream_name: &str) {
        // A deferred tool is not in the prompt: a mark on it is refused.
        let cache = tool
            .cache
            .as_ref()
            .filter(|_| tool.defer_loading != Some(true));
        let cache_control = cache.map(CacheControl::from);
        // An empty description is left out.
        let description = tool.description.as_deref().filter(|text| !text.is_empty());
        let (name, out) = match &tool.kind {
            ToolKind::Function { schema, .. } => (
                upstream_name,
                ToolOut::Function {
                    name: Cow::Owned(upstream_name.to_owned()),
                    description,
                    input_schema: tool_schema::for_anthropic(schema.as_ref()),
                    defer_loading: tool.defer_loading,
                    cache_control,
                },
            ),
            ToolKind::Custom { .. } => (
                upstream_name,
                ToolOut::Function {
                    name: Cow::Owned(upstream_name.to_owned()),
                    description,
                    input_schema: tool_schema::custom_input(),
                    defer_loading: None,
                    cache_control,
                },
            ),
            ToolKind::WebSearch { offline: true, .. } => return,
            ToolKind::WebSearch {
                allowed_domains,
                blocked_domains,
                user_location,
                max_uses,
                ..
            } => (
                WEB_SEARCH,
                ToolOut::WebSearch {
                    kind: WEB_SEARCH_TYPE,
                    name: WEB_SEARCH,
                    max_uses: *max_uses,
                    allowed_domains,
                    // The API takes one of the lists.
                    blocked_domains: if allowed_domains.is_empty() {
                        blocked_domains
                    } else {
                        &[]
                    },
                    user_location: user_location.as_ref().and_then(location),
                    cache_control,
                },
            ),
            ToolKind::Server {
                dialect: Dialect::Anthropic,
                raw,
                ..
            } => (upstream_name, ToolOut::Verbatim(raw)),
            // Built-in tools of other vendors.
            ToolKind::Server { .. } => return,
        };
        if self.taken.insert(name.to_owned()) {
            self.declared.push(out);
        }
    }

    fn choose(&self, request: &'a Request, map: &NameMap) -> Option<ChoiceOut<'a>> {
        let serial = request.parallel_calls == Some(false);
        let (kind, name) = match &request.tool_choice {
            // Only the wish for one call at a time needs the field.
            None if !serial => return None,
            None | Some(Choice::Auto) => ("auto", None),
            Some(Choice::None) => ("none", None),
            Some(Choice::Required | Choice::Allowed { required: true, .. }) => ("any", None),
            Some(Choice::Allowed {
                required: false, ..
            }) => ("auto", None),
            Some(Choice::Tool { name, namespace }) => {
                let full = names::flatten(namespace.as_deref(), name);
                self.named(map.to_upstream(&full))
            }
            Some(Choice::Server(kind)) if kind.starts_with(WEB_SEARCH) => self.named(WEB_SEARCH),
            Some(Choice::Server(kind)) => self.named(kind),
        };
        Some(ChoiceOut {
            kind,
            name,
            disable_parallel_tool_use: serial && kind != "none",
        })
    }

    /// A forced tool; one that was dropped leaves the choice to the model (E-88).
    fn named(&self, name: &str) -> (&'static str, Option<Cow<'a, str>>) {
        if self.taken.contains(name) {
            ("tool", Some(Cow::Owned(name.to_owned())))
        } else {
            ("auto", None)
        }
    }
}

/// The location of a search. Chat wraps it once more (`{"type":"approximate","approximate":{…}}`).
fn location(raw: &RawJson) -> Option<RawJson> {
    let value: serde_json::Value = raw.read().ok()?;
    let mut place = match value.get("approximate") {
        Some(inner) => inner.as_object()?.clone(),
        None => value.as_object()?.clone(),
    };
    place.retain(|_, value| !value.is_null());
    place.insert("type".to_owned(), serde_json::Value::from("approximate"));
    Some(RawJson::from(serde_json::Value::Object(place)))
}
