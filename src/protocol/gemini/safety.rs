//! Safety settings for requests that bring none (`providers/gemini.md` §7.1).

use super::read::fields;
use crate::codec::CodecError;
use crate::splice::{Doc, Edits};
use bytes::Bytes;

/// Every category open: the client's own prompt is nobody's business on the way.
const DEFAULTS: &str = r#"[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"OFF"},{"category":"HARM_CATEGORY_HATE_SPEECH","threshold":"OFF"},{"category":"HARM_CATEGORY_SEXUALLY_EXPLICIT","threshold":"OFF"},{"category":"HARM_CATEGORY_DANGEROUS_CONTENT","threshold":"OFF"},{"category":"HARM_CATEGORY_CIVIC_INTEGRITY","threshold":"BLOCK_NONE"}]"#;

/// Adds the default `safetySettings` to a `generateContent` body that has none; else returns the
/// same bytes. Providers that want this call it last: it is not part of the codec, so that a
/// pass-through body can stay as it came. Fails when the body is no JSON.
pub fn with_default_safety(body: &Bytes) -> Result<Bytes, CodecError> {
    let doc = Doc::parse(body).map_err(|error| CodecError::NotJson(error.to_string()))?;
    let root = doc.root();
    let [settings] = fields(root, ["safetySettings"]);
    if settings.is_some() {
        return Ok(body.clone());
    }
    let mut edits = Edits::new();
    edits.remove(root, "safety_settings");
    edits.set(root, "safetySettings", DEFAULTS);
    Ok(edits.apply(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_only_where_none_are() {
        let bare = Bytes::from_static(br#"{"contents":[]}"#);
        let with = with_default_safety(&bare).unwrap();
        assert!(with.starts_with(br#"{"contents":[],"safetySettings":[{"category":"#));
        assert_eq!(with_default_safety(&with).unwrap(), with);
        let own = Bytes::from_static(br#"{"safety_settings":[]}"#);
        assert_eq!(with_default_safety(&own).unwrap(), own);
        let null = Bytes::from_static(br#"{"safetySettings":null}"#);
        assert_eq!(
            with_default_safety(&null)
                .unwrap()
                .iter()
                .filter(|b| **b == b':')
                .count(),
            11
        );
    }
}
