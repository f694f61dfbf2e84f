//! Forms with files (`multipart/form-data`, RFC 7578), read in place: pictures are megabytes.

use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::ops::Range;

/// Longest boundary (RFC 2046 §5.1.1).
const BOUNDARY_MAX: usize = 70;

/// Most parts of a form; more is no request for pictures.
const PARTS_MAX: usize = 256;

/// A form, as far as it has been looked at: no value is copied.
#[derive(Debug)]
pub struct Form<'a> {
    body: &'a Bytes,
    boundary: &'a str,
    parts: Vec<Part<'a>>,
}

/// One part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// Name of the field.
    pub name: Cow<'a, str>,
    /// A file was sent, under a name that does not matter here.
    pub is_file: bool,
    /// Media type of a file, when the client says one.
    pub content_type: Option<&'a str>,
    /// The value.
    pub value: &'a [u8],
    at: Range<usize>,
}

/// Why a body is no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The `Content-Type` names no boundary.
    #[error("the `Content-Type` of the form names no boundary")]
    NoBoundary,
    /// The body does not follow its boundary.
    #[error("the body is no form with the boundary its `Content-Type` names")]
    Malformed,
    /// The form is cut off.
    #[error("the form ends before its last boundary")]
    Cut,
}

/// Whether a `Content-Type` announces a form.
pub fn is_form(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("multipart/form-data")
}

impl<'a> Form<'a> {
    /// Reads the heads of all parts.
    ///
    /// # Errors
    ///
    /// [`FormError`].
    pub fn read(body: &'a Bytes, content_type: &'a str) -> Result<Self, FormError> {
        let boundary = parameter(content_type, "boundary").ok_or(FormError::NoBoundary)?;
        let Cow::Borrowed(boundary) = boundary else {
            return Err(FormError::NoBoundary);
        };
        if boundary.is_empty() || boundary.len() > BOUNDARY_MAX {
            return Err(FormError::NoBoundary);
        }
        let mut form = Self {
            body,
            boundary,
            parts: Vec::new(),
        };
        let mut at = match form.next_delimiter(0) {
            Some(found) => found.end,
            None => return Err(FormError::Malformed),
        };
        loop {
            let rest = body.get(at..).unwrap_or_default();
            if rest.starts_with(b"--") {
                return Ok(form);
            }
            // Blanks may stand behind a boundary.
            let blank = rest
                .iter()
                .take_while(|b| matches!(b, b' ' | b'\t'))
                .count();
            let head = at + blank + 2;
            if rest.get(blank..blank + 2) != Some(b"\r\n") || form.parts.len() >= PARTS_MAX {
                return Err(FormError::Malformed);
            }
            // The empty head of a part has its own line end only.
            let next = form.next_delimiter(head - 2).ok_or(FormError::Cut)?;
            form.parts
                .push(part(body, head..next.start).ok_or(FormError::Malformed)?);
            at = next.end;
        }
    }

    /// Its parts, in their order.
    pub fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// The text of the first field `name` that is no file.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let part = self
            .parts
            .iter()
            .find(|part| part.name == name && !part.is_file)?;
        std::str::from_utf8(part.value).ok()
    }

    /// The body with `text` as the value of the field `name`.
    pub fn with_text(&self, name: &str, text: &str) -> Bytes {
        let (before, value, after) = match self.parts.iter().find(|part| part.name == name) {
            Some(part) => (
                self.body.slice(..part.at.start),
                text.to_owned(),
                self.body.slice(part.at.end..),
            ),
            None => {
                let field = format!(
                    "--{}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n",
                    self.boundary
                );
                let start = self
                    .next_delimiter(0)
                    .map_or(0, |found| found.end - self.boundary.len() - 2);
                (self.body.slice(..start), field, self.body.slice(start..))
            }
        };
        let mut all = BytesMut::with_capacity(before.len() + value.len() + after.len());
        all.extend_from_slice(&before);
        all.extend_from_slice(value.as_bytes());
        all.extend_from_slice(&after);
        all.freeze()
    }

    /// The next boundary at `from` or later, with the line end in front of it.
    fn next_delimiter(&self, from: usize) -> Option<Range<usize>> {
        let marks = |at: usize| {
            let mark = self.body.get(at..)?.strip_prefix(b"--")?;
            mark.starts_with(self.boundary.as_bytes())
                .then(|| at + 2 + self.boundary.len())
        };
        if from == 0
            && let Some(end) = marks(0)
        {
            return Some(0..end);
        }
        let mut at = from;
        loop {
            at += self.body.get(at..)?.iter().position(|b| *b == b'\r')?;
            if self.body.get(at + 1) == Some(&b'\n')
                && let Some(end) = marks(at + 2)
            {
                return Some(at..end);
            }
            at += 1;
        }
    }
}

/// A part between its boundaries: head, empty line, value.
fn part(body: &Bytes, at: Range<usize>) -> Option<Part<'_>> {
    // A part without a value may have no line end of its own.
    let all = body.get(at.start..at.end.max(at.start))?;
    let head_end = (0..all.len()).find(|n| all.get(*n..*n + 4) == Some(b"\r\n\r\n"))?;
    let head = std::str::from_utf8(all.get(..head_end)?).ok()?;
    let line = |name: &str| {
        head.split("\r\n").find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let disposition = line("content-disposition")?;
    let value = at.start + head_end + 4..at.end;
    Some(Part {
        name: parameter(disposition, "name")?,
        is_file: parameter(disposition, "filename").is_some()
            || parameter(disposition, "filename*").is_some(),
        content_type: line("content-type").filter(|kind| !kind.is_empty()),
        value: body.get(value.clone())?,
        at: value,
    })
}

/// A parameter of a header value: `form-data; name="a"; filename="b;c"`.
fn parameter<'a>(value: &'a str, wanted: &str) -> Option<Cow<'a, str>> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_start_matches([';', ' ', '\t']).trim_end();
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => {
                let end = quoted_end(quoted)?;
                (unescaped(&quoted[..end]), &quoted[end + 1..])
            }
            None => {
                let (value, after) = after.split_once(';').unwrap_or((after, ""));
                (Cow::Borrowed(value.trim()), after)
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// Where a quoted text ends.
fn quoted_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if text.contains('\\') {
        Cow::Owned(text.replace("\\\"", "\"").replace("\\\\", "\\"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=XX";

    fn body() -> Bytes {
        let mut all = b"--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n\
            --XX\r\ncontent-disposition: form-data; filename=\"a;b\\\".png\"; name=\"image[]\"\r\n\
            Content-Type: image/png\r\n\r\n"
            .to_vec();
        // Bytes that look like boundaries and are none.
        all.extend_from_slice(b"\x89PNG\r\n--X\r\r\n-\xff");
        all.extend_from_slice(
            b"\r\n--XX\r\nContent-Disposition: form-data; name=prompt\r\n\r\n\r\n--XX--\r\n",
        );
        all.into()
    }

    #[test]
    fn a_form_is_read_in_place() {
        let body = body();
        let form = Form::read(&body, TYPE).unwrap();
        let seen: Vec<_> = form
            .parts()
            .iter()
            .map(|part| (&*part.name, part.is_file, part.content_type, part.value))
            .collect();
        assert_eq!(
            seen,
            [
                ("model", false, None, &b"m"[..]),
                (
                    "image[]",
                    true,
                    Some("image/png"),
                    b"\x89PNG\r\n--X\r\r\n-\xff"
                ),
                ("prompt", false, None, b""),
            ]
        );
        assert_eq!(form.text("model"), Some("m"));
        assert_eq!(form.text("image[]"), None, "a file is no text");
    }

    #[test]
    fn a_field_is_set_without_touching_the_others() {
        let body = body();
        let form = Form::read(&body, TYPE).unwrap();
        for (name, text) in [("model", "gpt-image-2"), ("stream", "true")] {
            let changed = form.with_text(name, text);
            let changed = Form::read(&changed, TYPE).unwrap();
            assert_eq!(changed.text(name), Some(text));
            assert_eq!(changed.text("prompt"), Some(""));
            let file = |form: &Form<'_>| {
                let file = form.parts().iter().find(|part| part.is_file);
                file.map(|part| part.value.to_vec())
            };
            assert_eq!(file(&changed), file(&form));
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for (content_type, body, want) in [
            ("multipart/form-data", &b"--XX--"[..], FormError::NoBoundary),
            (
                "multipart/form-data; boundary=\"\"",
                b"--XX--",
                FormError::NoBoundary,
            ),
            (TYPE, b"", FormError::Malformed),
            (TYPE, b"{\"model\": 1}", FormError::Malformed),
            (TYPE, b"--XXX\r\n\r\n", FormError::Malformed),
            (TYPE, b"--XX\r\nno head\r\n--XX--", FormError::Malformed),
            (
                TYPE,
                b"--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nhalf",
                FormError::Cut,
            ),
        ] {
            let body = Bytes::from_static(body);
            assert_eq!(Form::read(&body, content_type).unwrap_err(), want);
        }
        let empty = Bytes::from_static(b"--XX--\r\n");
        assert!(
            Form::read(&empty, "Multipart/Form-Data;boundary=\"XX\"")
                .unwrap()
                .parts()
                .is_empty()
        );
    }

    #[test]
    fn forms_are_told_by_their_type() {
        for (content_type, want) in [
            ("multipart/form-data; boundary=a", true),
            ("Multipart/Form-Data", true),
            ("application/json", false),
            ("multipart/mixed; boundary=a", false),
        ] {
            assert_eq!(is_form(content_type), want, "{content_type}");
        }
    }
}
