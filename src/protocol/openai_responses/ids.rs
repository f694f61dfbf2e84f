//! Item ids an OpenAI upstream takes (E-42).

use crate::names::{short_call_id, stable_hex};

/// Longest item id and call id.
pub(super) const MAX_ID: usize = 64;

/// The prefix an item id must have; `None` for kinds whose ids are not checked.
fn prefix(kind: &str) -> Option<&'static str> {
    match kind {
        "message" => Some("msg_"),
        "reasoning" => Some("rs_"),
        "function_call" => Some("fc_"),
        "custom_tool_call" => Some("ctc_"),
        "custom_tool_call_output" => Some("ctco_"),
        "web_search_call" => Some("ws_"),
        _ => None,
    }
}

/// The id to send for an item of `kind`: `None` when it is fine as it is. A made id always carries a
/// hash of the whole old one, so that two ids never become one and never meet a real one.
pub(super) fn corrected(kind: &str, id: &str) -> Option<String> {
    let Some(prefix) = prefix(kind) else {
        return (id.len() > MAX_ID).then(|| short_call_id(id));
    };
    let fits = id.len() <= MAX_ID && id.starts_with(prefix) && id.bytes().all(is_plain);
    if fits {
        return None;
    }
    let hash = stable_hex(id);
    let keep = MAX_ID - prefix.len() - hash.len() - 1;
    let rest = id.strip_prefix(prefix).unwrap_or(id);
    let first: String = rest
        .chars()
        .map(|c| {
            if u8::try_from(c).is_ok_and(is_plain) {
                c
            } else {
                '_'
            }
        })
        .take(keep)
        .collect();
    Some(format!("{prefix}{first}_{hash}"))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}
