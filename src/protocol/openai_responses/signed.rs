//! `encrypted_content` ↔ signatures (`matrix.md` §6).

use crate::canonical::Signature;
use crate::codec::Dialect;
use crate::signature::{self, Carried};

/// What a client sent back.
pub(super) fn read(value: &str) -> Carried {
    signature::from_client(value, Dialect::OpenAiResponses)
}

/// What a client gets to keep.
pub(super) fn write(signature: &Signature, redacted: bool) -> String {
    signature::to_client(signature, redacted, Dialect::OpenAiResponses)
}
