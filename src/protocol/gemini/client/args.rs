//! Arguments of calls as Gemini clients read them: always an object.

use crate::args;
use crate::canonical::CallKind;
use crate::raw::RawJson;
use serde::de::IgnoredAny;
use serde_json::json;

/// True when the text is no JSON value: cut, or broken.
pub(super) fn is_broken(arguments: &str) -> bool {
    !arguments.trim().is_empty() && serde_json::from_str::<IgnoredAny>(arguments).is_err()
}

/// The `args` of a `functionCall`: the object, repaired where that is possible, else `{}`
/// (`matrix.md` §5.2). Free text of a custom tool becomes its `input`.
pub(super) fn to_args(kind: CallKind, arguments: &str) -> RawJson {
    if kind == CallKind::Custom {
        return json!({ "input": arguments }).into();
    }
    let object = args::to_object(arguments);
    if object.as_str().starts_with("{\"raw_arguments\":") && is_broken(arguments) {
        return json!({}).into();
    }
    object
}
