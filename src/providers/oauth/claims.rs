//! Reading JWTs that the token endpoint itself handed over: no signature to check (OpenID Connect
//! Core §3.1.3.7, 6).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// The payload of a JWT; `None` when the text is none.
pub fn claims(jwt: &str) -> Option<Map<String, Value>> {
    let mut parts = jwt.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// `exp` of a JWT.
pub fn expires_at(jwt: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(claims(jwt)?.get("exp")?.as_i64()?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_is_read_and_garbage_is_not() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"email":"a@b.c","exp":1800000000}"#);
        let jwt = format!("eyJ.{payload}.sig");
        assert_eq!(claims(&jwt).unwrap()["email"], "a@b.c");
        assert_eq!(expires_at(&jwt).unwrap().timestamp(), 1_800_000_000);
        for garbage in ["", "a.b", "a.%.c", "eyJ.fake.sig"] {
            assert!(claims(garbage).is_none(), "{garbage}");
        }
    }
}
