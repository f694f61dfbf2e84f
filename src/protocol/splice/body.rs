//! A text that many ask about.

use super::index::{self, Mark};
use super::{Doc, Marked};
use bytes::Bytes;
use bytestring::ByteString;
use std::sync::Arc;

/// A JSON body that is read more than once. It is checked and looked through when it is made; a
/// [`Doc`] of it steps over long values without looking at them. Clones share everything.
#[derive(Debug, Clone)]
pub struct JsonBody {
    raw: Bytes,
    /// The text with the marks of its long values; `None` when it is no JSON.
    valid: Option<(ByteString, Arc<[Mark]>)>,
}

impl JsonBody {
    /// Looks through `raw`. Never fails: a body that is no JSON says so when it is asked.
    pub fn new(raw: Bytes) -> Self {
        let valid = ByteString::try_from(raw.clone())
            .ok()
            .and_then(|text| index::marks(&text).map(|marks| (text, marks.into())));
        Self { raw, valid }
    }

    /// The bytes as they came.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The checked text; the error is that of [`Doc::parse`].
    pub fn doc(&self) -> Result<Doc<'_>, serde_json::Error> {
        match self.marked() {
            Some(text) => Ok(Doc { text }),
            None => Doc::parse(&self.raw),
        }
    }

    /// The text, checked or not, as [`Doc::trust`] takes it.
    pub fn trust(&self) -> Option<Doc<'_>> {
        match self.marked() {
            Some(text) => Some(Doc { text }),
            None => Doc::trust(&self.raw),
        }
    }

    pub(super) fn marked(&self) -> Option<Marked<'_>> {
        let (text, marks) = self.valid.as_ref()?;
        Some(Marked { text, marks })
    }
}

impl From<Bytes> for JsonBody {
    fn from(raw: Bytes) -> Self {
        Self::new(raw)
    }
}
