//! Base64 of signatures: vendors write both alphabets, with and without padding.

use ::base64::Engine as _;
use ::base64::alphabet::{self, Alphabet};
use ::base64::engine::DecodePaddingMode;
use ::base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

const fn lenient(alphabet: &Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

static EITHER_PADDING: GeneralPurpose = lenient(&alphabet::STANDARD);
static URL_SAFE: GeneralPurpose = lenient(&alphabet::URL_SAFE);

/// Standard base64 with padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Bytes of standard or URL-safe base64, padded or not; `None` for anything else.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    decode_bytes(text.as_bytes())
}

/// The same, of at most the first `max_chars` characters (a multiple of 4), so that long values are
/// not decoded for a look at their first bytes.
pub(super) fn decode_prefix(text: &str, max_chars: usize) -> Option<Vec<u8>> {
    decode_bytes(text.as_bytes().get(..max_chars).unwrap_or(text.as_bytes()))
}

fn decode_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let engine = if text.iter().any(|byte| matches!(byte, b'-' | b'_')) {
        &URL_SAFE
    } else {
        &EITHER_PADDING
    };
    engine.decode(text).ok()
}
