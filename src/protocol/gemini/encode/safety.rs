//! Safety settings for requests that bring none (`providers/gemini.md` §7.1).

use crate::codec::Target;
use crate::raw::RawJson;
use serde::Serialize;

/// Every category open: the client's own prompt is nobody's business on the way.
const OPEN: &[Setting] = &[
    Setting::new("HARM_CATEGORY_HARASSMENT", "OFF"),
    Setting::new("HARM_CATEGORY_HATE_SPEECH", "OFF"),
    Setting::new("HARM_CATEGORY_SEXUALLY_EXPLICIT", "OFF"),
    Setting::new("HARM_CATEGORY_DANGEROUS_CONTENT", "OFF"),
    Setting::new("HARM_CATEGORY_CIVIC_INTEGRITY", "BLOCK_NONE"),
];

/// Settings of a request.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Safety<'a> {
    /// The client's.
    Own(&'a RawJson),
    /// Ours.
    Open(&'static [Setting]),
}

/// What is blocked of one kind.
#[derive(Debug, Serialize)]
pub(super) struct Setting {
    category: &'static str,
    threshold: &'static str,
}

impl Setting {
    const fn new(category: &'static str, threshold: &'static str) -> Self {
        Self {
            category,
            threshold,
        }
    }
}

impl<'a> Safety<'a> {
    /// The client's settings always win; only other protocols have none, and their clients expect
    /// what they know from there.
    pub(super) fn of(own: Option<&'a RawJson>, target: &Target<'_>) -> Option<Self> {
        own.map(Self::Own)
            .or_else(|| target.endpoint.open_safety.then_some(Self::Open(OPEN)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{EndpointTraits, ModelTraits};
    use serde_json::json;

    #[test]
    fn added_only_where_none_are_and_where_the_endpoint_wants_them() {
        let own = RawJson::parse("[]").unwrap();
        for (open_safety, own, want) in [
            (true, Some(&own), Some(0)),
            (true, None, Some(5)),
            (false, None, None),
        ] {
            let endpoint = EndpointTraits {
                open_safety,
                ..EndpointTraits::default()
            };
            let target = Target {
                model: "m",
                stream: false,
                model_traits: &ModelTraits::default(),
                endpoint: &endpoint,
            };
            let safety = Safety::of(own, &target).map(|safety| json!(safety));
            let n = safety.map(|list| list.as_array().unwrap().len());
            assert_eq!(n, want);
        }
    }
}
