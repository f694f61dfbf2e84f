//! Thinking that a client sends back with its history, in the forms of many vendors.

use super::wire::{Message, ReasoningDetail};
use crate::canonical::{Item, Signature, SignatureIssuer, SignaturePlace};
use crate::codec::Dialect;
use crate::signature;

/// Thinking that a client sends back, in the vendors' forms.
pub(super) fn history_reasoning(message: &mut Message<'_>) -> Vec<Item> {
    let plain = [
        message.reasoning_content.0.take(),
        message.reasoning.0.take(),
    ]
    .into_iter()
    .flatten()
    .find(|text| !text.is_empty());
    let details = message.reasoning_details.0.take().unwrap_or_default();
    let signed = details
        .iter()
        .any(|detail| detail.signature.is_some() || detail.data.is_some());
    if signed || (plain.is_none() && !details.is_empty()) {
        return detail_items(details);
    }
    let text = plain
        .or(message.reasoning_text.0.take())
        .unwrap_or_default();
    let opaque = message.reasoning_opaque.0.take().map(|value| Signature {
        issuer: SignatureIssuer::Copilot,
        value,
        place: SignaturePlace::Here,
    });
    if text.is_empty() && opaque.is_none() {
        return Vec::new();
    }
    vec![reasoning(text, opaque)]
}

/// The issuer that a `format` word of `reasoning_details` names.
pub(super) fn issuer_of_format(format: Option<&str>) -> SignatureIssuer {
    match format.unwrap_or_default() {
        format if format.starts_with("anthropic") => SignatureIssuer::Anthropic,
        format if format.starts_with("openai") => SignatureIssuer::OpenAi,
        format if format.starts_with("google") => SignatureIssuer::Gemini,
        _ => SignatureIssuer::Unknown,
    }
}

fn detail_items(details: Vec<ReasoningDetail>) -> Vec<Item> {
    let mut items: Vec<(Option<i64>, Item)> = Vec::new();
    for detail in details {
        let issuer = issuer_of_format(detail.format.as_deref());
        let encrypted = detail.kind.as_deref() == Some("reasoning.encrypted");
        let value = detail.signature.or(detail.data).filter(|v| !v.is_empty());
        let sign = value.map(|value| {
            if issuer == SignatureIssuer::Unknown {
                signature::from_client(&value, Dialect::OpenAiChat).signature
            } else {
                Signature {
                    issuer,
                    value,
                    place: SignaturePlace::Here,
                }
            }
        });
        // Pieces of one entry that a client kept apart share its index.
        let same = items
            .last_mut()
            .filter(|(index, _)| detail.index.is_some() && *index == detail.index);
        if let Some((
            _,
            Item::Reasoning {
                text,
                summary,
                signature,
                ..
            },
        )) = same
        {
            text.push_str(&detail.text.unwrap_or_default());
            if let (Some(more), Some(last)) = (&detail.summary, summary.last_mut()) {
                last.push_str(more);
            } else {
                summary.extend(detail.summary);
            }
            if sign.is_some() {
                *signature = sign;
            }
            continue;
        }
        items.push((
            detail.index,
            Item::Reasoning {
                text: detail.text.unwrap_or_default(),
                summary: detail.summary.into_iter().collect(),
                redacted: encrypted && issuer == SignatureIssuer::Anthropic,
                signature: sign,
                id: detail.id,
            },
        ));
    }
    items.into_iter().map(|(_, item)| item).collect()
}

/// Mistral nests text parts, others write the text itself.
pub(super) fn nested_thinking(value: Option<serde_json::Value>) -> Option<String> {
    let text = match value? {
        serde_json::Value::String(text) => text,
        serde_json::Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text")?.as_str())
            .collect(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

pub(super) fn reasoning(text: String, signature: Option<Signature>) -> Item {
    Item::Reasoning {
        text,
        summary: Vec::new(),
        signature,
        redacted: false,
        id: None,
    }
}
