//! The body for one candidate: patched where the protocols agree, translated where they do not. Made
//! once per (service protocol, model), however many credentials are tried.

use super::payload_rules::{self, Subject};
use super::plan::Plan;
use super::worker::Worker;
use super::{CallKind, ClientCall};
use crate::providers::Spoken;
use actors::config::Images;
use actors::domain::snapshot::Candidate;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use protocol::canonical::{Failure, ReasoningIntent, ReasoningShow, Request, Role};
use protocol::client_tools;
use protocol::codec::{
    CodecError, Declared, Encoded, ModelTraits, Patch, PathFacts, ReplyContext, Target,
};
use protocol::names::short_call_id;
use protocol::splice::{Edits, JsonBody, Node};
use protocol::thinking::{self, IntentSource};
use protocol::{Dialect, codec};
use std::sync::Arc;

/// Makes bodies for the candidates of one request.
pub struct Preparer<'a> {
    worker: &'a Worker,
    call: &'a ClientCall,
    plan: &'a Plan,
    /// The request in the common model, once a candidate needed it.
    decoded: Option<Decoded>,
    /// The body made last, and what it was made for.
    made: Option<(Key, Arc<Prepared>)>,
}

struct Decoded {
    request: Request,
    /// What the client's body said, before it was fitted to a model.
    intent: ReasoningIntent,
    declared: Declared,
}

#[derive(PartialEq)]
struct Key {
    spoken: Spoken,
    model: Arc<str>,
    suffix: Option<ReasoningIntent>,
    stream: bool,
}

/// A body and what its reply needs.
pub struct Prepared {
    /// The body and its notes.
    pub encoded: Encoded,
    /// Both sides speak the same protocol.
    pub same_dialect: bool,
    /// What the client declared; empty for the same protocol.
    pub declared: Declared,
    /// What of the thinking the client wants to see.
    pub show: ReasoningShow,
}

impl<'a> Preparer<'a> {
    /// Nothing made yet.
    pub fn new(worker: &'a Worker, call: &'a ClientCall, plan: &'a Plan) -> Self {
        Self {
            worker,
            call,
            plan,
            decoded: None,
            made: None,
        }
    }

    /// The body for `candidate`, whose service speaks `spoken`; `stream` tells how it is asked.
    ///
    /// # Errors
    ///
    /// The failure the client gets when its request cannot be expressed there.
    pub fn body(
        &mut self,
        candidate: &Candidate,
        spoken: &Spoken,
        stream: bool,
    ) -> Result<Arc<Prepared>, Box<Failure>> {
        let key = Key {
            spoken: spoken.clone(),
            model: Arc::clone(&candidate.upstream_model),
            suffix: candidate.suffix,
            stream,
        };
        if let Some((_, prepared)) = self.made.as_ref().filter(|(made_for, _)| *made_for == key) {
            return Ok(Arc::clone(prepared));
        }
        let traits = &candidate.info.traits;
        let target = Target {
            model: &candidate.upstream_model,
            stream,
            model_traits: traits,
            endpoint: &spoken.endpoint,
        };
        let suffix = candidate
            .suffix
            .or(self.plan.suffix)
            .filter(|intent| *intent != ReasoningIntent::Unset);
        let same_dialect = spoken.dialect == self.call.dialect;
        let mut prepared = if same_dialect {
            self.patched(&target, suffix, traits)
        } else {
            self.translated(&target, suffix, traits, spoken.dialect)
        }
        .map_err(|error| Box::new(error.into_failure()))?;
        prepared.encoded.body = self.apply_rules(candidate, spoken, prepared.encoded.body);
        let prepared = Arc::new(prepared);
        self.made = Some((key, Arc::clone(&prepared)));
        Ok(prepared)
    }

    /// The request in the common model, as the client meant it.
    ///
    /// # Errors
    ///
    /// The failure for a body that does not follow its protocol.
    pub fn request(&mut self) -> Result<&mut Request, CodecError> {
        Ok(&mut self.decoded()?.request)
    }

    fn decoded(&mut self) -> Result<&mut Decoded, CodecError> {
        if self.decoded.is_none() {
            let path = PathFacts {
                model: self.call.path_model.as_deref(),
                stream: self.call.path_stream,
            };
            let request = match (self.call.kind, self.call.dialect) {
                (CallKind::CountTokens, Dialect::Gemini) => {
                    protocol::gemini::decode_count_tokens(&self.call.body, &path)?
                }
                (_, dialect) => codec(dialect).decode_body(&self.call.body, &path)?,
            };
            self.decoded = Some(Decoded {
                intent: request.reasoning.intent,
                declared: Declared::of(&request),
                request,
            });
        }
        self.decoded.as_mut().ok_or_else(|| CodecError::Invalid {
            path: "body".into(),
            message: "could not be read".into(),
        })
    }

    /// Same protocol: edits of single spans.
    fn patched(
        &mut self,
        target: &Target<'_>,
        suffix: Option<ReasoningIntent>,
        traits: &ModelTraits,
    ) -> Result<Prepared, CodecError> {
        let dialect = self.call.dialect;
        let thinking = match suffix {
            Some(intent) => Some(thinking::resolve(
                intent,
                IntentSource::Suffix(dialect),
                dialect,
                traits,
            )?),
            None => self.fitted_body_intent(traits)?,
        };
        let differs = target.model != self.plan.requested;
        let patch = Patch {
            model: differs.then_some(target.model),
            stream: (self.plan.stream != target.stream).then_some(target.stream),
            thinking,
        };
        Ok(Prepared {
            encoded: codec(dialect).patch_body(&self.permitted(), &patch, target)?,
            same_dialect: true,
            declared: Declared::default(),
            show: ReasoningShow::Unset,
        })
    }

    /// The client's body without a tool that is switched off (`disable-image-generation`).
    fn permitted(&self) -> JsonBody {
        let body = &self.call.body;
        if self.plan.snapshot.config.images == Images::Everywhere
            || self.call.dialect != Dialect::OpenAiResponses
        {
            return body.clone();
        }
        without_image_tool(body)
    }

    /// The thinking of the client's body, when the model cannot take it as it is. Most bodies say
    /// nothing about thinking, or name a model nothing is known about: those are not decoded.
    fn fitted_body_intent(
        &mut self,
        traits: &ModelTraits,
    ) -> Result<Option<ReasoningIntent>, CodecError> {
        if traits.thinking.is_none() || !mentions_thinking(&self.call.body) {
            return Ok(None);
        }
        let dialect = self.call.dialect;
        let said = self.decoded()?.intent;
        if said == ReasoningIntent::Unset {
            return Ok(None);
        }
        let fitted = thinking::resolve(said, IntentSource::Body(dialect), dialect, traits)?;
        Ok((fitted != said).then_some(fitted))
    }

    /// Two protocols: through the common model.
    fn translated(
        &mut self,
        target: &Target<'_>,
        suffix: Option<ReasoningIntent>,
        traits: &ModelTraits,
        upstream: Dialect,
    ) -> Result<Prepared, CodecError> {
        let client = self.call.dialect;
        let key = self.call.client;
        let issuer = target.endpoint.issuer(upstream);
        let shared = self.worker.shared.clone();
        let session = self.cache_key(target);
        let decoded = self.decoded()?;
        let (intent, source) = match suffix {
            Some(intent) => (intent, IntentSource::Suffix(client)),
            None => (decoded.intent, IntentSource::Body(client)),
        };
        decoded.request.reasoning.intent = thinking::resolve(intent, source, upstream, traits)?;
        if has_no_place_for_signatures(client) {
            let now = shared.clock.now();
            shared
                .replay
                .restore(key, &mut decoded.request, issuer, now);
        }
        if let Some(session) = session.filter(|_| decoded.request.cache.key.is_none()) {
            decoded.request.cache.key = Some(session);
        }
        let encoded = codec(upstream).encode_request(&decoded.request, target)?;
        warn_of_missing_tools(&decoded.request, target.model, upstream);
        Ok(Prepared {
            encoded,
            same_dialect: false,
            declared: decoded.declared.clone(),
            show: decoded.request.reasoning.show,
        })
    }

    /// A mark of the conversation, for a service that keeps its cache by such marks
    /// (`codex.md` §4.1, `kimi.md` §7): the client's own, else one made of how it begins.
    fn cache_key(&self, target: &Target<'_>) -> Option<String> {
        let session = self.plan.session.as_ref()?;
        let wanted = target.endpoint.codex || target.endpoint.session_cache;
        if !wanted || !session.lasting {
            return None;
        }
        if session.explicit {
            return Some(short_call_id(&session.id));
        }
        // Clients do not share what they do not name.
        let mark = format!("{:x} {}", self.call.client, session.id);
        Some(protocol::names::stable_hex(&mark))
    }

    fn apply_rules(&self, candidate: &Candidate, spoken: &Spoken, body: Bytes) -> Bytes {
        let rules = &self.plan.snapshot.config.payload;
        if rules.is_empty() || self.call.kind != CallKind::Generate {
            return body;
        }
        let (base, _) = thinking::split_suffix(&self.plan.requested);
        let subject = Subject {
            models: &[&candidate.upstream_model, base, &self.plan.requested],
            protocol: spoken.dialect.config_name(),
            service: &candidate.provider,
            from_protocol: self.call.dialect.config_name(),
            headers: self.call.http.headers(),
            original: self.call.body.raw(),
        };
        payload_rules::apply(rules, &subject, body)
    }

    /// What the reply to `prepared` needs beside its bytes.
    pub fn reply_context(
        &self,
        candidate: &Candidate,
        spoken: &Spoken,
        prepared: &Prepared,
        now: DateTime<Utc>,
    ) -> ReplyContext {
        let config = &self.plan.snapshot.config;
        let renamed = *candidate.upstream_model != *self.plan.requested;
        let show_upstream = config.passthrough_model && !candidate.force_mapping;
        ReplyContext {
            model: if show_upstream {
                candidate.upstream_model.to_string()
            } else {
                self.plan.requested.clone()
            },
            echo_model: (renamed && !show_upstream).then(|| self.plan.requested.clone()),
            created: now.timestamp(),
            id_seed: self.worker.random_hex(24),
            issuer: spoken.endpoint.issuer(spoken.dialect),
            include_usage: self.plan.include_usage,
            show: prepared.show,
            client_body: self.call.body.raw().clone(),
            declared: prepared.declared.clone(),
            notes: prepared.encoded.notes.clone(),
            endpoint: spoken.endpoint.clone(),
            codex_client: self.call.codex_client,
            framing: self.call.framing,
        }
    }
}

/// Tells once in a conversation, with its first request, that the model will not know a tool.
fn warn_of_missing_tools(request: &Request, model: &str, upstream: Dialect) {
    if request
        .turns
        .iter()
        .any(|turn| turn.role == Role::Assistant)
    {
        return;
    }
    for tool in client_tools::left_out(request, upstream) {
        tracing::warn!(
            tool,
            model,
            "tool left out, it only works with models of its own vendor"
        );
    }
}

/// Chat and completions clients send back calls without the thinking in front of them.
pub fn has_no_place_for_signatures(client: Dialect) -> bool {
    matches!(client, Dialect::OpenAiChat | Dialect::OpenAiCompletions)
}

/// Whether any of the keys stands in the body that carry thinking wishes in some protocol.
fn mentions_thinking(body: &JsonBody) -> bool {
    let Some(doc) = body.trust() else {
        return false;
    };
    let found = doc.root().pick([
        "reasoning_effort",
        "reasoning",
        "thinking",
        "output_config",
        "enable_thinking",
        "thinking_budget",
        "generationConfig",
        "generation_config",
    ]);
    found.iter().any(Option::is_some)
}

/// A Responses body without the tool that makes pictures.
fn without_image_tool(body: &JsonBody) -> JsonBody {
    let Some(doc) = body.trust() else {
        return body.clone();
    };
    let is_it = |tool: Node<'_>| {
        let kind = tool.get("type").and_then(|kind| kind.string());
        kind.is_some_and(|kind| kind == "image_generation")
    };
    let [tools, choice] = doc.root().pick(["tools", "tool_choice"]);
    let mut edits = Edits::new();
    let mut nothing_left = false;
    if let Some(tools) = tools {
        let all = tools.elements().enumerate();
        let left_out = all.filter(|(_, tool)| is_it(*tool));
        left_out.for_each(|(n, _)| edits.remove_element(tools, n));
        nothing_left = !edits.is_empty() && tools.elements().all(is_it);
    }
    if nothing_left || choice.is_some_and(is_it) {
        // Nobody can be made to call a tool that is not there.
        edits.remove(doc.root(), "tool_choice");
    }
    if edits.is_empty() {
        return body.clone();
    }
    JsonBody::new(edits.apply_to(body))
}

impl Prepared {
    /// A body that is not made by a codec.
    pub fn raw(body: Bytes) -> Self {
        Self {
            encoded: protocol::codec::Encoded::plain(body),
            same_dialect: false,
            declared: protocol::codec::Declared::default(),
            show: protocol::canonical::ReasoningShow::Unset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn without_tools_none_can_be_demanded() {
        let (picture, other) = (
            json!({"type": "image_generation"}),
            json!({"type": "web_search"}),
        );
        let tools = |body: Value| {
            let body = without_image_tool(&JsonBody::new(body.to_string().into()));
            let body: Value = serde_json::from_slice(body.raw()).unwrap();
            (body["tools"].clone(), body["tool_choice"].clone())
        };
        let both = json!({"tools": [picture, other], "tool_choice": "required"});
        assert_eq!(tools(both), (json!([other]), json!("required")));
        let only = json!({"tools": [picture], "tool_choice": "required"});
        assert_eq!(tools(only), (json!([]), Value::Null));
        let none = json!({"tools": [], "tool_choice": "required"});
        assert_eq!(tools(none), (json!([]), json!("required")), "as it came");
    }
}
