//! Errors in this protocol's envelope (`anthropic-messages.md` §10).

use super::frames;
use super::words;
use crate::canonical::Failure;
use crate::codec::Dialect;
use crate::raw::RawJson;
use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// The body for `failure`; a body of this protocol goes out as it came.
pub(super) fn body(failure: &Failure) -> Bytes {
    if let Some((Dialect::Anthropic, native)) = &failure.native {
        return native.clone();
    }
    let mut body = Vec::with_capacity(256);
    frames::json(&mut body, &Envelope(failure));
    Bytes::from(body)
}

/// Appends the `error` event for `failure`.
pub(super) fn push_event(failure: &Failure, out: &mut Vec<u8>) {
    let native = match &failure.native {
        Some((Dialect::Anthropic, native)) => std::str::from_utf8(native)
            .ok()
            .and_then(|text| RawJson::parse(text).ok()),
        _ => None,
    };
    match native {
        Some(native) => frames::event(out, "error", &native),
        None => frames::event(out, "error", &Envelope(failure)),
    }
}

struct Envelope<'a>(&'a Failure);
struct Inner<'a>(&'a Failure);

impl Serialize for Envelope<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "error")?;
        map.serialize_entry("error", &Inner(self.0))?;
        if let Some(id) = &self.0.request_id {
            map.serialize_entry("request_id", id)?;
        }
        map.end()
    }
}

impl Serialize for Inner<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", words::error_type(self.0))?;
        map.serialize_entry("message", &self.0.message)?;
        for (key, value) in &self.0.extra {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
