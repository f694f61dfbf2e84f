//! A text that many ask about.

use super::index::{self, Mark};
use super::{Doc, Marked, Node};
use bytes::Bytes;
use bytestring::ByteString;
use std::sync::Arc;

/// A JSON body that is read more than once. It is checked and looked through when it is made; a
/// [`Doc`] of it steps over long values without looking at them. Clones share everything.
#[derive(Debug, Clone)]
pub struct JsonBody {
    raw: Bytes,
    /// `None` when it is no JSON.
    valid: Option<Arc<Valid>>,
}

/// A checked text.
#[derive(Debug)]
pub(super) struct Valid {
    pub text: ByteString,
    /// Its long values, all of them, in order.
    pub marks: Vec<Mark>,
}

impl JsonBody {
    /// Looks through `raw`. Never fails: a body that is no JSON says so when it is asked.
    pub fn new(raw: Bytes) -> Self {
        let valid = ByteString::try_from(raw.clone()).ok().and_then(|text| {
            let marks = index::marks(&text)?;
            Some(Arc::new(Valid { text, marks }))
        });
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
        let valid = self.valid.as_ref()?;
        Some(Marked {
            text: &valid.text,
            body: Some(valid),
        })
    }
}

/// One value of a [`JsonBody`], kept beyond the body itself.
#[derive(Clone)]
pub struct Piece {
    body: Arc<Valid>,
    start: u32,
    end: u32,
    mark: u32,
}

impl Piece {
    pub(super) fn new(node: &Node<'_>) -> Option<Self> {
        Some(Self {
            body: Arc::clone(node.text.body?),
            start: node.start.try_into().ok()?,
            end: node.end.try_into().ok()?,
            mark: node.mark.try_into().ok()?,
        })
    }

    /// The value.
    pub fn node(&self) -> Node<'_> {
        Node {
            text: Marked {
                text: &self.body.text,
                body: Some(&self.body),
            },
            start: self.start as usize,
            end: self.end as usize,
            mark: self.mark as usize,
        }
    }
}

impl From<Bytes> for JsonBody {
    fn from(raw: Bytes) -> Self {
        Self::new(raw)
    }
}
