//! What chunks and whole messages towards a client have in common.

use super::json::Object;
use crate::canonical::{Citation, ReasoningShow, Signature, SignatureIssuer};
use crate::codec::ReplyContext;
use crate::names::flatten;
use serde::Deserialize;

/// The upstream's reply id when it has the form of chat, else one of ours.
pub(crate) fn made_id(upstream: Option<&str>, context: &ReplyContext) -> String {
    match upstream.filter(|id| id.starts_with("chatcmpl-")) {
        Some(id) => id.to_owned(),
        None => context.id("chatcmpl-", 29, 0),
    }
}

/// The name a chat client declared: namespaces do not exist here.
pub(crate) fn call_name(namespace: Option<&str>, name: &str) -> String {
    flatten(namespace.filter(|ns| !ns.is_empty()), name)
}

/// True when the client declared `name` as a custom (free text) tool.
pub(crate) fn declared_custom(context: &ReplyContext, name: &str) -> bool {
    context.declared.custom.iter().any(|custom| custom == name)
}

/// What of the thinking goes to the client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThinkingOut {
    /// Nothing.
    pub(crate) hidden: bool,
    /// Also as `reasoning_details`, whose signatures the client sends back.
    pub(crate) details: bool,
}

impl ThinkingOut {
    pub(crate) fn of(context: &ReplyContext) -> Self {
        Self {
            hidden: context.show == ReasoningShow::Hidden,
            details: wants_details(&context.client_body),
        }
    }
}

/// Clients that speak OpenRouter's extension (`reasoning` object, `include_reasoning`) know
/// `reasoning_details`; the others never see that field.
fn wants_details(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Peek<'a> {
        #[serde(borrow)]
        reasoning: Option<&'a serde_json::value::RawValue>,
        include_reasoning: Option<bool>,
    }
    // Bodies are large and most have neither word.
    let Ok(text) = std::str::from_utf8(body) else {
        return false;
    };
    if !text.contains("\"reasoning\"") && !text.contains("\"include_reasoning\"") {
        return false;
    }
    serde_json::from_str::<Peek<'_>>(text).is_ok_and(|peek| {
        peek.include_reasoning == Some(true)
            || peek.reasoning.is_some_and(|raw| raw.get().starts_with('{'))
    })
}

/// `format` word of an issuer; the inverse of what the request decoder reads.
fn format_word(issuer: SignatureIssuer) -> Option<&'static str> {
    match issuer {
        SignatureIssuer::Anthropic => Some("anthropic-claude-v1"),
        SignatureIssuer::OpenAi => Some("openai-responses-v1"),
        SignatureIssuer::Gemini => Some("google-gemini-v1"),
        SignatureIssuer::Kiro | SignatureIssuer::Copilot | SignatureIssuer::Unknown => None,
    }
}

/// One entry of `reasoning_details`; pieces of one item share `index`.
pub(crate) fn write_detail(
    o: &mut Object<'_>,
    index: usize,
    text: Option<(&str, SignatureIssuer)>,
    signature: Option<&Signature>,
    redacted: bool,
) {
    let issuer = signature
        .map(|s| s.issuer)
        .or(text.map(|(_, issuer)| issuer));
    let encrypted = redacted || (issuer == Some(SignatureIssuer::OpenAi) && text.is_none());
    o.str(
        "type",
        if encrypted {
            "reasoning.encrypted"
        } else {
            "reasoning.text"
        },
    );
    if let Some((text, _)) = text {
        o.str("text", text);
    }
    if let Some(signature) = signature {
        o.str(
            if encrypted { "data" } else { "signature" },
            &signature.value,
        );
    }
    o.opt_str("format", issuer.and_then(format_word));
    o.scalar("index", index);
}

/// `extra_content.google.thought_signature`, the place of the Gemini compatible endpoint.
pub(crate) fn write_google_signature(o: &mut Object<'_>, value: &str) {
    o.object("extra_content", |o| {
        o.object("google", |o| o.str("thought_signature", value));
    });
}

/// URL citations of one message, with spans counted in its whole content.
#[derive(Debug, Default)]
pub(crate) struct Annotations(Vec<Annotation>);

#[derive(Debug)]
struct Annotation {
    span: (usize, usize),
    url: String,
    title: String,
}

impl Annotations {
    /// Adds the citations of a text that stands at characters `from..to` of the content. Spans of
    /// the model count from the start of that text; without one, the whole text is meant.
    pub(crate) fn add(&mut self, citations: &[Citation], from: usize, to: usize) {
        for citation in citations {
            let Some(url) = &citation.url else { continue };
            let span = match citation.span {
                Some((start, end)) => (from + start, (from + end).min(to.max(from + start))),
                None => (from, to),
            };
            self.0.push(Annotation {
                span,
                url: url.clone(),
                title: citation.title.clone().unwrap_or_default(),
            });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes `annotations`; callers leave it out when empty, clients take `[]` for a search
/// (`clients.md` §2 row 17).
pub(crate) fn write_annotations(o: &mut Object<'_>, annotations: &Annotations) {
    o.array("annotations", |a| {
        for annotation in &annotations.0 {
            a.object(|o| {
                o.str("type", "url_citation");
                o.object("url_citation", |o| {
                    o.scalar("start_index", annotation.span.0);
                    o.scalar("end_index", annotation.span.1);
                    o.str("title", &annotation.title);
                    o.str("url", &annotation.url);
                });
            });
        }
    });
}
