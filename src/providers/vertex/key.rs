//! The private key of a service account, however it was copied (`vertex.md` §1).

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

/// Columns of a PEM body.
const COLUMNS: usize = 64;

/// `rsaEncryption`, 1.2.840.113549.1.1.1 (RFC 8017, appendix C), as DER content.
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Padding gets lost when keys are copied.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An RSA key that signs.
pub(super) struct PrivateKey {
    /// PKCS#1, checked by `pair`.
    der: Vec<u8>,
    pair: RsaKeyPair,
}

/// Why a text is no usable key. Shows nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyFault {
    /// No key material in it.
    #[error("it holds no key")]
    Empty,
    /// Encrypted with a pass phrase.
    #[error("it is encrypted; use the file as Google gave it")]
    Encrypted,
    /// Another kind of key.
    #[error("not an RSA key")]
    NotRsa,
    /// Cut off or mangled.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl PrivateKey {
    /// Reads a key: PEM with PKCS#8 or PKCS#1 inside, or only the base64 of one, with whatever
    /// terminals and editors added to it.
    ///
    /// # Errors
    ///
    /// [`KeyFault`] for everything that is no RSA key of at least 2048 bits.
    pub(super) fn read(text: &str) -> Result<Self, KeyFault> {
        let text = without_escapes(text);
        let der = BASE64
            .decode(body(&text)?)
            .map_err(|error| KeyFault::Unreadable(error.to_string()))?;
        let der = pkcs1(&der)?.to_vec();
        let pair = RsaKeyPair::from_der(&der)
            .map_err(|rejected| KeyFault::Unreadable(rejected.to_string()))?;
        Ok(Self { der, pair })
    }

    /// The key as PKCS#1 PEM: line feeds, 64 columns, one at the end.
    pub(super) fn pem(&self) -> String {
        let body = BASE64.encode(&self.der);
        let mut pem = String::with_capacity(body.len() + body.len() / COLUMNS + 70);
        pem.push_str("-----BEGIN RSA PRIVATE KEY-----\n");
        for (at, letter) in body.char_indices() {
            if at > 0 && at % COLUMNS == 0 {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem.push_str("\n-----END RSA PRIVATE KEY-----\n");
        pem
    }

    /// The RS256 signature of `message` (RFC 7518 §3.3); `None` when the system gives no randomness.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .ok()?;
        Some(signature)
    }
}

/// Without the escapes that colour terminals, and with escaped line ends as such: files that went
/// through an environment variable have `\n` in two characters.
fn without_escapes(text: &str) -> String {
    let text = text.replace("\\r", "").replace("\\n", "\n");
    let mut clean = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            // ECMA-48: ESC [ parameters, then a letter from `@` to `~`.
            '\u{1b}' => {
                if letters.next() == Some('[') {
                    let _end = letters.find(|c| ('@'..='~').contains(c));
                }
            }
            c => clean.push(c),
        }
    }
    clean
}

/// The base64 of a key: what stands between the borders, or everything when there are none.
fn body(text: &str) -> Result<String, KeyFault> {
    const BEGIN: &str = "-----BEGIN ";
    const DASHES: &str = "-----";
    let inner = match text.split_once(BEGIN) {
        Some((_, rest)) => {
            let (label, rest) = rest
                .split_once(DASHES)
                .ok_or_else(|| KeyFault::Unreadable("its first line is cut".to_owned()))?;
            if label.contains("ENCRYPTED") || rest.contains("ENCRYPTED") {
                return Err(KeyFault::Encrypted);
            }
            if !label.ends_with("PRIVATE KEY") || label.starts_with("EC ") {
                return Err(KeyFault::NotRsa);
            }
            rest.split_once(DASHES).map_or(rest, |(inner, _)| inner)
        }
        None => text,
    };
    let is_base64 = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let body: String = inner.chars().filter(is_base64).collect();
    if body.is_empty() {
        return Err(KeyFault::Empty);
    }
    Ok(body)
}

/// The PKCS#1 key in `der`, which is one, or PKCS#8 around one (RFC 5208 §5). Pure.
fn pkcs1(der: &[u8]) -> Result<&[u8], KeyFault> {
    let cut = || KeyFault::Unreadable("it is cut off or mangled".to_owned());
    let mut outer = Der(der);
    let mut fields = Der(outer.take(SEQUENCE).ok_or_else(cut)?);
    fields.take(INTEGER).ok_or_else(cut)?;
    match fields.0.first() {
        Some(&INTEGER) => Ok(der),
        Some(&SEQUENCE) => {
            let mut algorithm = Der(fields.take(SEQUENCE).ok_or_else(cut)?);
            if algorithm.take(OBJECT_IDENTIFIER) != Some(RSA_ENCRYPTION) {
                return Err(KeyFault::NotRsa);
            }
            fields.take(OCTET_STRING).ok_or_else(cut)
        }
        // SEC 1: the key of an elliptic curve.
        Some(&OCTET_STRING) => Err(KeyFault::NotRsa),
        _ => Err(cut()),
    }
}

/// A reader of DER values (X.690 §8.1).
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next value when it has this tag; otherwise nothing is taken.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            // Four bytes count four gigabytes.
            let n_bytes = Some(usize::from(first & 0x7f)).filter(|n| (1..=4).contains(n))?;
            let (bytes, rest) = rest.split_at_checked(n_bytes)?;
            let fold = |length: usize, byte: &u8| length << 8 | usize::from(*byte);
            (bytes.iter().fold(0, fold), rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        if found != tag {
            return None;
        }
        self.0 = rest;
        Some(content)
    }
}
