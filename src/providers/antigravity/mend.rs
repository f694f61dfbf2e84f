//! A conversation whose signatures the service does not recognize (§6): of another account, of
//! another model, or too old.

use super::super::verdict::FailedReply;
use super::is_claude;
use bytes::Bytes;
use protocol::splice::{Doc, Edits, Kind, Node};

/// What Google documents for calls whose signature is lost.
const STAND_IN: &str = "\"skip_thought_signature_validator\"";

/// The refused body without the signatures of its history; for Claude, whose thoughts are nothing
/// without theirs, without the thoughts, too.
pub(super) fn mend(reply: &FailedReply<'_>, body: &Bytes) -> Option<Bytes> {
    let text = String::from_utf8_lossy(reply.body).to_ascii_lowercase();
    if reply.status != 400 || !text.contains("signature") {
        return None;
    }
    let root = Doc::trust(body)?.root();
    let claude = is_claude(&root.get("model")?.string()?);
    let request = root.get("request")?;
    let [contents, config] = request.pick(["contents", "generationConfig"]);
    let contents = contents.filter(|node| node.kind() == Kind::Array)?;
    let mut edits = Edits::new();
    let mut waits_for_results = false;
    for (n, content) in contents.elements().enumerate() {
        let Some(parts) = content.get("parts") else {
            continue;
        };
        waits_for_results = parts
            .elements()
            .any(|part| part.get("functionResponse").is_some());
        match claude {
            true => without_thoughts(contents, n, parts, &mut edits),
            false => without_signatures(parts, &mut edits),
        }
    }
    if edits.is_empty() {
        return None;
    }
    // Inside a tool loop Claude has to go on from the thinking that is gone now.
    if let Some(config) = config.filter(|_| claude && waits_for_results) {
        edits.remove(config, "thinkingConfig");
    }
    Some(edits.apply(body))
}

fn without_thoughts(contents: Node<'_>, n: usize, parts: Node<'_>, edits: &mut Edits) {
    let is_thought =
        |part: &Node<'_>| part.get("thought").and_then(|node| node.boolean()) == Some(true);
    let all = parts.elements().count();
    let thoughts: Vec<usize> = parts
        .elements()
        .enumerate()
        .filter(|(_, part)| is_thought(part))
        .map(|(index, _)| index)
        .collect();
    if all > 0 && thoughts.len() == all {
        return edits.remove_element(contents, n);
    }
    for index in thoughts {
        edits.remove_element(parts, index);
    }
    for part in parts.elements().filter(|part| !is_thought(part)) {
        if part.get("thoughtSignature").is_some() {
            edits.remove(part, "thoughtSignature");
        }
    }
}

fn without_signatures(parts: Node<'_>, edits: &mut Edits) {
    for part in parts.elements() {
        let [signature, call] = part.pick(["thoughtSignature", "functionCall"]);
        match (signature, call) {
            (Some(signature), Some(_)) if signature.raw() != STAND_IN => {
                edits.replace(signature, STAND_IN);
            }
            (Some(_), None) => edits.remove(part, "thoughtSignature"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderMap;
    use chrono::DateTime;
    use protocol::Dialect;
    use serde_json::{Value, json};

    fn mended(status: u16, message: &str, body: &Value) -> Option<Value> {
        let refusal = json!({"error": {"code": status, "message": message}});
        let reply = FailedReply {
            status,
            headers: &HeaderMap::new(),
            body: &refusal.to_string().into(),
            dialect: Dialect::Gemini,
            now: DateTime::UNIX_EPOCH,
        };
        let body = mend(&reply, &body.to_string().into())?;
        Some(serde_json::from_slice(&body).unwrap())
    }

    const BAD: &str = "messages.1.content.0: Invalid `signature` in `thinking` block";

    fn call(model: &str, last: Value) -> Value {
        json!({"project": "p", "model": model, "request": {"contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"thought": true, "text": "t", "thoughtSignature": "s"}]},
            {"role": "model", "parts": [{"thought": true, "text": "t", "thoughtSignature": "s"},
                {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "s"}]},
            {"role": "user", "parts": [last]}],
            "generationConfig": {"thinkingConfig": {"thinkingBudget": 1024}, "temperature": 1}}})
    }

    #[test]
    fn claude_goes_on_without_its_thoughts() {
        let result = json!({"functionResponse": {"name": "f", "response": {}}});
        let got = mended(400, BAD, &call("claude-opus-4-6-thinking", result.clone())).unwrap();
        let contents = json!([{"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [result]}]);
        assert_eq!(got["request"]["contents"], contents);
        assert_eq!(
            got["request"]["generationConfig"],
            json!({"temperature": 1})
        );
        let text = json!({"text": "go on"});
        let got = mended(400, BAD, &call("claude-opus-4-6-thinking", text)).unwrap();
        assert!(got["request"]["generationConfig"]["thinkingConfig"].is_object());
    }

    #[test]
    fn gemini_goes_on_without_signatures() {
        let body = call("gemini-3-flash", json!({"text": "go on"}));
        let got = mended(400, "Corrupted thought signature.", &body).unwrap();
        let turn = &got["request"]["contents"][2]["parts"];
        assert_eq!(turn[0], json!({"thought": true, "text": "t"}));
        let stand_in = "skip_thought_signature_validator";
        assert_eq!(turn[1]["thoughtSignature"], stand_in);
        // What was mended once is not sent again.
        assert_eq!(mended(400, "Corrupted thought signature.", &got), None);
    }

    #[test]
    fn other_refusals_are_not_mended() {
        let body = call("gemini-3-flash", json!({"text": "x"}));
        assert_eq!(mended(400, "Invalid JSON payload", &body), None);
        assert_eq!(mended(403, BAD, &body), None);
    }
}
