//! JSON text written in one pass, without a tree in between.

use crate::splice::quote_into;
use crate::text::Words;
use std::fmt::{Display, Write as _};

/// Writes one object. Keys are plain words that need no escapes.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    filled: bool,
}

/// Writes one array.
pub(crate) struct Array<'a> {
    out: &'a mut String,
    filled: bool,
}

/// Appends the object that `fill` writes.
pub(crate) fn object(out: &mut String, fill: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    fill(&mut Object { out, filled: false });
    out.push('}');
}

/// Appends the array that `fill` writes.
pub(crate) fn array(out: &mut String, fill: impl FnOnce(&mut Array<'_>)) {
    out.push('[');
    fill(&mut Array { out, filled: false });
    out.push(']');
}

fn display(out: &mut String, value: impl Display) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "{value}");
}

impl Object<'_> {
    /// Writes the key; the caller appends exactly one value.
    pub(crate) fn key(&mut self, key: &str) -> &mut String {
        if self.filled {
            self.out.push(',');
        }
        self.filled = true;
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
        self.out
    }

    pub(crate) fn str(&mut self, key: &str, value: &str) {
        quote_into(value, self.key(key));
    }

    pub(crate) fn words(&mut self, key: &str, value: &Words<'_>) {
        value.quote_into(self.key(key));
    }

    pub(crate) fn opt_str(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.str(key, value);
        }
    }

    /// A number or a boolean.
    pub(crate) fn scalar(&mut self, key: &str, value: impl Display) {
        display(self.key(key), value);
    }

    pub(crate) fn opt_scalar(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.scalar(key, value);
        }
    }

    /// A value that is JSON text already.
    pub(crate) fn raw(&mut self, key: &str, json: &str) {
        self.key(key).push_str(json);
    }

    pub(crate) fn opt_raw(&mut self, key: &str, json: Option<&str>) {
        if let Some(json) = json {
            self.raw(key, json);
        }
    }

    pub(crate) fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.key(key), fill);
    }

    pub(crate) fn array(&mut self, key: &str, fill: impl FnOnce(&mut Array<'_>)) {
        array(self.key(key), fill);
    }
}

impl Array<'_> {
    fn next(&mut self) -> &mut String {
        if self.filled {
            self.out.push(',');
        }
        self.filled = true;
        self.out
    }

    pub(crate) fn str(&mut self, value: &str) {
        quote_into(value, self.next());
    }

    pub(crate) fn raw(&mut self, json: &str) {
        self.next().push_str(json);
    }

    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        object(self.next(), fill);
    }
}
