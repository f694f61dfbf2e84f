//! What a codec refuses, and the outermost value of a body.

use crate::canonical::Failure;
use crate::splice::{JsonBody, Kind, Node};
use std::borrow::Cow;

/// A request that a codec cannot take, or a reply it cannot read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A value of the wrong type or out of range.
    #[error("{}: {message}", place(.path))]
    Invalid {
        /// Where, as in `messages[2].content[0].type`; empty or `body` = the body as a whole.
        path: String,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// The body is no JSON text.
    #[error("Invalid request: the body is not JSON: {0}")]
    NotJson(String),
    /// The body is JSON, but no object.
    #[error("Invalid request: the body must be a JSON object")]
    NotAnObject,
    /// A feature that the chosen upstream does not have and that must not be dropped.
    #[error("{message}")]
    Unsupported {
        /// Parameter name.
        param: String,
        /// What to do instead.
        message: String,
    },
    /// A refusal that the protocol words itself (Anthropic message threads).
    #[error("{}", .0.message)]
    Refused(Box<Failure>),
}

/// True for the path of the body itself.
fn is_whole(path: &str) -> bool {
    matches!(path, "" | "body")
}

fn place(path: &str) -> Cow<'static, str> {
    if is_whole(path) {
        "the body".into()
    } else {
        format!("`{path}`").into()
    }
}

/// The outermost value of a request body, whatever it is.
pub(crate) fn root_value(body: &JsonBody) -> Result<Node<'_>, CodecError> {
    let doc = body
        .doc()
        .map_err(|error| CodecError::NotJson(error.to_string()))?;
    Ok(doc.root())
}

/// The outermost object of a request body.
pub(crate) fn root_object(body: &JsonBody) -> Result<Node<'_>, CodecError> {
    match root_value(body)? {
        root if root.kind() == Kind::Object => Ok(root),
        _ => Err(CodecError::NotAnObject),
    }
}

impl CodecError {
    /// The failure a client sees: 400 with the parameter named.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Invalid { ref path, .. } => {
                let failure = Failure::new(400, self.to_string());
                if is_whole(path) {
                    failure
                } else {
                    failure.with_param(path.clone())
                }
            }
            Self::NotJson(_) | Self::NotAnObject => Failure::new(400, self.to_string()),
            Self::Unsupported { param, message } => Failure::new(400, message)
                .with_code("unsupported_parameter")
                .with_param(param),
            Self::Refused(failure) => *failure,
        }
    }
}
