//! Signatures without our tag: carriers of the older program, and the forms of the vendors.

use super::{Carried, base64};
use crate::canonical::{Signature, SignatureIssuer, SignaturePlace};

/// Carrier of redacted thinking in sessions of the older program.
const REDACTED: &str = "claude-redacted-thinking:";
/// Carrier of Gemini signatures there: `<direction>:<target>:<base64 without padding>` follows.
const GEMINI: &str = "cpa-gemini-responses-carrier-v1:";

/// Reads a carrier of the older program. One that cannot be read has an unknown issuer and the value
/// as it came: nobody else understands it either.
pub(super) fn carrier(value: &str) -> Option<Carried> {
    if let Some(data) = value.strip_prefix(REDACTED) {
        return Some(Carried {
            signature: Signature {
                issuer: SignatureIssuer::Anthropic,
                value: data.to_owned(),
                place: SignaturePlace::Here,
            },
            redacted: true,
        });
    }
    let mut fields = value.strip_prefix(GEMINI)?.splitn(3, ':');
    let (direction, target, data) = (fields.next()?, fields.next()?, fields.next()?);
    let value = String::from_utf8(base64::decode(data)?).ok()?;
    let place = match (direction, target) {
        ("next", "function") => SignaturePlace::NextCall,
        ("next", _) => SignaturePlace::NextText,
        _ => SignaturePlace::Detached,
    };
    Some(Carried {
        signature: Signature {
            issuer: SignatureIssuer::Gemini,
            value,
            place,
        },
        redacted: false,
    })
}

/// The vendor whose form `value` has.
pub(super) fn issuer(value: &str) -> SignatureIssuer {
    if value.starts_with("gAAAA") {
        // Fernet token: version byte 0x80 and a time of this century.
        SignatureIssuer::OpenAi
    } else if is_anthropic(value) {
        SignatureIssuer::Anthropic
    } else {
        SignatureIssuer::Unknown
    }
}

/// True for base64 (in one or two layers) of Anthropic's envelope: `{1: version?, 2: container,
/// 3: flag?}`, the container starting with `1: channel`, the channel starting with a number in field
/// 1 or 3. Gemini's envelopes look alike on the outside, but their field 1 holds bytes.
fn is_anthropic(value: &str) -> bool {
    // The look goes no deeper than the first fields; 64 bytes hold them.
    let Some(mut head) = base64::decode_prefix(value, 128) else {
        return false;
    };
    if head.first() == Some(&b'E') {
        let inner = std::str::from_utf8(&head).ok();
        let Some(decoded) = inner.and_then(|text| base64::decode_prefix(text, 64)) else {
            return false;
        };
        head = decoded;
    }
    envelope(&head).is_some()
}

fn envelope(mut bytes: &[u8]) -> Option<()> {
    if bytes.first() == Some(&0x08) {
        let (version, rest) = varint(&bytes[1..])?;
        if version > 0xff {
            return None;
        }
        bytes = rest;
    }
    let container = length_delimited(bytes, 0x12)?;
    let channel = length_delimited(container, 0x0a)?;
    match channel {
        [0x08 | 0x18, rest @ ..] => varint(rest).map(|_| ()),
        _ => None,
    }
}

/// Body of a field, as far as it is there: the head of a longer value is enough.
fn length_delimited(bytes: &[u8], key: u8) -> Option<&[u8]> {
    let (&first, rest) = bytes.split_first()?;
    if first != key {
        return None;
    }
    let (length, rest) = varint(rest)?;
    let length = usize::try_from(length).ok().filter(|&n| n > 0)?;
    Some(&rest[..rest.len().min(length)])
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[i + 1..]));
        }
    }
    None
}
