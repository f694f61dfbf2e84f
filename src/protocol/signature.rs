//! Signatures in places of other protocols: tags and guesses (`matrix.md` §6).
//!
//! A signature is good for its issuer only. Where a client of another protocol has a field for one,
//! it gets the value with a tag in front, and the tag tells the way home when it comes back.

mod base64;
mod guess;
#[cfg(test)]
mod tests;

use crate::canonical::{Signature, SignatureIssuer, SignaturePlace};
use crate::codec::Dialect;

/// What a signature field held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The signature without its tag.
    pub signature: Signature,
    /// True for Anthropic redacted data (`claude-redacted#`).
    pub redacted: bool,
}

struct Tag {
    text: &'static str,
    issuer: SignatureIssuer,
    place: SignaturePlace,
    redacted: bool,
}

const fn tag(text: &'static str, issuer: SignatureIssuer, place: SignaturePlace) -> Tag {
    Tag {
        text,
        issuer,
        place,
        redacted: false,
    }
}

static TAGS: &[Tag] = &[
    tag("claude#", SignatureIssuer::Anthropic, SignaturePlace::Here),
    Tag {
        text: "claude-redacted#",
        issuer: SignatureIssuer::Anthropic,
        place: SignaturePlace::Here,
        redacted: true,
    },
    tag("openai#", SignatureIssuer::OpenAi, SignaturePlace::Here),
    tag("gemini#", SignatureIssuer::Gemini, SignaturePlace::Here),
    tag(
        "gemini.call#",
        SignatureIssuer::Gemini,
        SignaturePlace::NextCall,
    ),
    tag(
        "gemini.text#",
        SignatureIssuer::Gemini,
        SignaturePlace::NextText,
    ),
    tag(
        "gemini.detached#",
        SignatureIssuer::Gemini,
        SignaturePlace::Detached,
    ),
    tag("kiro#", SignatureIssuer::Kiro, SignaturePlace::Here),
    tag("copilot#", SignatureIssuer::Copilot, SignaturePlace::Here),
];

/// The value for a signature field of a client of `client`: unchanged when that protocol belongs to
/// the issuer, else tagged (`claude#`, `claude-redacted#`, `openai#`, `gemini.call#`, …; base64 of
/// the tagged text for Gemini clients). A signature of unknown origin cannot be tagged and stays.
///
/// The Gemini place goes into the tag: an encoder that shows the signature of a call on a thinking
/// block in front of it sets [`SignaturePlace::NextCall`] first.
pub fn to_client(signature: &Signature, redacted: bool, client: Dialect) -> String {
    if signature.issuer == client.issuer() {
        return signature.value.clone();
    }
    let tag = TAGS.iter().find(|tag| {
        tag.issuer == signature.issuer
            && tag.redacted == redacted
            && (tag.issuer != SignatureIssuer::Gemini || tag.place == signature.place)
    });
    let Some(tag) = tag else {
        return signature.value.clone();
    };
    let tagged = [tag.text, &signature.value].concat();
    if client == Dialect::Gemini {
        // The field has the JSON form of `bytes`: clients refuse what is no base64.
        base64::encode(tagged.as_bytes())
    } else {
        tagged
    }
}

/// Reads the value of a signature field sent by a client of `client`: tags, old carriers, then
/// guesses by form. What stays [`SignatureIssuer::Unknown`] may go to Gemini and to nobody else.
pub fn from_client(value: &str, client: Dialect) -> Carried {
    let value = value.trim();
    if client == Dialect::Gemini
        && let Some(text) = base64::decode(value).and_then(|bytes| String::from_utf8(bytes).ok())
        && let Some(carried) = tagged(&text)
    {
        return carried;
    }
    tagged(value)
        .or_else(|| guess::carrier(value))
        .unwrap_or_else(|| Carried {
            signature: Signature {
                issuer: guess::issuer(value),
                value: value.to_owned(),
                place: SignaturePlace::Here,
            },
            redacted: false,
        })
}

fn tagged(value: &str) -> Option<Carried> {
    TAGS.iter().find_map(|tag| {
        let value = value.strip_prefix(tag.text)?;
        Some(Carried {
            signature: Signature {
                issuer: tag.issuer,
                value: value.to_owned(),
                place: tag.place,
            },
            redacted: tag.redacted,
        })
    })
}
