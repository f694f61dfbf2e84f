//! Items an upstream cannot use: empty texts, thinking of others, native blocks of others.

use super::{KeepReasoning, NormalizeRules};
use crate::canonical::{Item, Role, Signature, SignatureIssuer, Turn};
use crate::text::Text;

/// Drops what cannot be used, then turns that became empty.
pub(super) fn clean(mut turns: Vec<Turn>, rules: NormalizeRules) -> Vec<Turn> {
    for turn in &mut turns {
        clean_items(&mut turn.items, rules);
        if rules.wrap_system && matches!(turn.role, Role::System | Role::Developer) {
            turn.role = Role::User;
            turn.items.iter_mut().for_each(wrap);
        }
    }
    turns.retain(|turn| !turn.items.is_empty());
    turns
}

/// True when a text says nothing to this upstream.
pub(super) fn is_empty(text: &Text, rules: NormalizeRules) -> bool {
    if rules.drop_blank_text {
        text.is_blank()
    } else {
        text.is_empty()
    }
}

fn clean_items(items: &mut Vec<Item>, rules: NormalizeRules) {
    items.retain_mut(|item| keep(item, rules));
}

fn keep(item: &mut Item, rules: NormalizeRules) -> bool {
    match item {
        Item::Text {
            text, signature, ..
        } => {
            drop_foreign(signature, rules.reasoning);
            // An empty part may be the carrier of a detached signature.
            !is_empty(text, rules) || signature.is_some()
        }
        Item::Call { signature, .. } => {
            drop_foreign(signature, rules.reasoning);
            true
        }
        Item::Refusal(text) if rules.drop_blank_text => !text.trim().is_empty(),
        Item::Refusal(text) => !text.is_empty(),
        Item::Reasoning {
            text,
            summary,
            signature,
            ..
        } => match rules.reasoning {
            KeepReasoning::All => {
                !text.is_empty() || summary.iter().any(|s| !s.is_empty()) || signature.is_some()
            }
            KeepReasoning::SignedBy(issuer) => signature.as_ref().is_some_and(|s| is_of(s, issuer)),
            KeepReasoning::None => false,
        },
        Item::Result { content, .. } => {
            // An empty answer is an answer (E-32): the result itself stays.
            clean_items(content, rules);
            true
        }
        Item::Server(tool) => rules.only_native_of.is_none_or(|d| d == tool.dialect),
        Item::Opaque { dialect, .. } => rules.only_native_of.is_none_or(|d| d == *dialect),
        Item::Image { .. }
        | Item::Audio { .. }
        | Item::Video { .. }
        | Item::File { .. }
        | Item::SearchResult(_) => true,
    }
}

fn drop_foreign(signature: &mut Option<Signature>, keep: KeepReasoning) {
    let stays = match (&*signature, keep) {
        (None, _) | (_, KeepReasoning::All) => return,
        (Some(signature), KeepReasoning::SignedBy(issuer)) => is_of(signature, issuer),
        (Some(_), KeepReasoning::None) => false,
    };
    if !stays {
        *signature = None;
    }
}

fn is_of(signature: &Signature, issuer: SignatureIssuer) -> bool {
    !signature.value.is_empty()
        && (signature.issuer == issuer
            || (signature.issuer == SignatureIssuer::Unknown && issuer == SignatureIssuer::Gemini))
}

fn wrap(item: &mut Item) {
    if let Item::Text { text, .. } = item {
        *text = format!("<system-reminder>\n{text}\n</system-reminder>").into();
    }
}
