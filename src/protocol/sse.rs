//! Server-sent events: bytes in any pieces → whole frames (WHATWG HTML §9.2.6).

use std::borrow::Cow;

/// One frame: the lines up to and including a blank line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The bytes as they came, blank line included (absent only at the end of a cut stream).
    pub raw: &'a [u8],
    /// `event:` field.
    pub event: Option<&'a str>,
    /// `data:` lines joined by `\n`; `None` when the frame has no data line (comments).
    pub data: Option<Cow<'a, str>>,
}

impl<'a> Frame<'a> {
    /// A frame that was not read from a stream (tests, one-object streams).
    pub fn of_data(event: Option<&'a str>, data: &'a str) -> Self {
        Self {
            raw: &[],
            event,
            data: Some(Cow::Borrowed(data)),
        }
    }

    /// False only for the last frame of a stream that ended without the blank line.
    pub fn is_closed(&self) -> bool {
        let line = self
            .raw
            .strip_suffix(b"\r\n")
            .or_else(|| self.raw.strip_suffix(b"\n"))
            .or_else(|| self.raw.strip_suffix(b"\r"));
        self.raw.is_empty()
            || line.is_some_and(|rest| rest.ends_with(b"\n") || rest.ends_with(b"\r"))
    }

    /// Appends the bytes as they came; a last frame gets the blank line it lacks, without which
    /// clients drop it.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.raw);
        if !self.is_closed() {
            let newline = self.raw.ends_with(b"\n") || self.raw.ends_with(b"\r");
            out.extend_from_slice(if newline { b"\n" } else { b"\n\n" });
        }
    }

    /// The data, when it can be a JSON object. Braces at both ends tell enough of a frame that is
    /// closed; the last one of a cut stream is read to its end.
    pub fn object(&self) -> Option<&str> {
        let data = self.data.as_deref()?.trim();
        let braces = data.starts_with('{') && data.ends_with('}');
        let whole = || serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok();
        (braces && (self.is_closed() || whole())).then_some(data)
    }
}

/// Appends one event; data of several lines gets a `data:` field for each.
pub fn append_event(event: Option<&str>, data: &[u8], out: &mut Vec<u8>) {
    if let Some(event) = event {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.as_bytes());
        out.push(b'\n');
    }
    for line in data.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// The byte-order mark in UTF-8; it may stand in front of a stream.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Cuts a byte stream into frames. Accepts LF, CRLF and CR line ends, a byte-order mark, and frames
/// of any size.
#[derive(Debug, Default)]
pub struct SseParser {
    /// Bytes of a frame that is not complete.
    held: Vec<u8>,
    /// Where to go on looking for its end.
    searched: usize,
    begun: bool,
}

impl SseParser {
    /// A parser at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Feeds `chunk` and hands each frame it completes to `each`. Frames wholly inside `chunk` are
    /// not copied. `Err` carries the position of a frame that is not UTF-8.
    pub fn push(&mut self, chunk: &[u8], mut each: impl FnMut(&Frame<'_>)) -> Result<(), NotUtf8> {
        let mut rest = chunk;
        if !self.begun {
            if self.held.is_empty() && (chunk.len() >= BOM.len() || !BOM.starts_with(chunk)) {
                rest = chunk.strip_prefix(BOM).unwrap_or(chunk);
            } else {
                // A mark cut by chunks, or what begins like one.
                self.held.extend_from_slice(chunk);
                if self.held.len() < BOM.len() && BOM.starts_with(&self.held) {
                    return Ok(());
                }
                if self.held.starts_with(BOM) {
                    self.held.drain(..BOM.len());
                }
                rest = &[];
            }
            self.begun = true;
        }
        if !self.held.is_empty() {
            self.held.extend_from_slice(rest);
            let held = std::mem::take(&mut self.held);
            let mut at = 0;
            let mut from = self.searched;
            while let Some(end) = frame_end(&held[at..], from) {
                each(&parse(&held[at..at + end])?);
                at += end;
                from = 0;
            }
            self.held = held;
            self.held.drain(..at);
            self.searched = self.held.len().saturating_sub(3);
            return Ok(());
        }
        while let Some(end) = frame_end(rest, 0) {
            each(&parse(&rest[..end])?);
            rest = &rest[end..];
        }
        self.held.extend_from_slice(rest);
        self.searched = self.held.len().saturating_sub(3);
        Ok(())
    }

    /// The stream ended: hands over a last frame without blank line, when it has data or is bare JSON
    /// (servers break off with an error object outside any frame, E-205).
    pub fn finish(&mut self, mut each: impl FnMut(&Frame<'_>)) -> Result<(), NotUtf8> {
        let held = std::mem::take(&mut self.held);
        self.searched = 0;
        if !held.is_empty() {
            let frame = parse(&held)?;
            let bare_json = matches!(held.trim_ascii_start().first(), Some(b'{' | b'['));
            if frame.data.is_some() || bare_json {
                each(&frame);
            }
        }
        Ok(())
    }

    /// Bytes held back for a frame that is not complete.
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

/// The stream is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event stream is not UTF-8")]
pub struct NotUtf8;

/// Length of the first frame of `bytes`, blank line included. `from` may skip bytes already searched.
fn frame_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += bytes
            .get(at..)?
            .iter()
            .position(|&b| b == b'\n' || b == b'\r')?;
        let after_line = match (bytes[at], bytes.get(at + 1)) {
            (b'\r', Some(b'\n')) => at + 2,
            // A CR at the end of the bytes may be half of a CRLF.
            (b'\r', None) => return None,
            _ => at + 1,
        };
        match (bytes.get(after_line), bytes.get(after_line + 1)) {
            (Some(b'\n'), _) => return Some(after_line + 1),
            (Some(b'\r'), Some(b'\n')) => return Some(after_line + 2),
            (Some(b'\r'), Some(_)) => return Some(after_line + 1),
            // A lone CR may still become a CRLF: wait, so that no stray LF opens the next frame.
            (Some(b'\r'), None) | (None, _) => return None,
            (Some(_), _) => at = after_line,
        }
    }
}

fn parse(raw: &[u8]) -> Result<Frame<'_>, NotUtf8> {
    let text = std::str::from_utf8(raw).map_err(|_| NotUtf8)?;
    let mut event = None;
    let mut data: Option<Cow<'_, str>> = None;
    for line in lines(text) {
        let (field, value) = match line.split_once(':') {
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
            None => (line, ""),
        };
        match field {
            "event" => event = Some(value),
            "data" => match &mut data {
                None => data = Some(Cow::Borrowed(value)),
                Some(all) => {
                    let all = all.to_mut();
                    all.push('\n');
                    all.push_str(value);
                }
            },
            _ => {}
        }
    }
    Ok(Frame { raw, event, data })
}

/// Lines by LF, CRLF or CR, empty ones left out.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r']).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(chunks: &[&[u8]]) -> Vec<(Option<String>, Option<String>, Vec<u8>)> {
        let mut parser = SseParser::new();
        let mut got = Vec::new();
        let mut keep = |f: &Frame<'_>| {
            got.push((
                f.event.map(str::to_owned),
                f.data.as_deref().map(str::to_owned),
                f.raw.to_vec(),
            ));
        };
        for chunk in chunks {
            parser.push(chunk, &mut keep).unwrap();
        }
        parser.finish(&mut keep).unwrap();
        got
    }

    #[test]
    fn reads_fields_comments_and_line_ends() {
        for (text, want) in [
            ("data: a\n\n", vec![(None, Some("a"))]),
            ("data:a\r\n\r\n", vec![(None, Some("a"))]),
            ("data: a\r\r", vec![(None, Some("a"))]),
            (
                "event: x\ndata: a\ndata: b\n\n",
                vec![(Some("x"), Some("a\nb"))],
            ),
            (
                ": ping\n\ndata: a\n\n",
                vec![(None, None), (None, Some("a"))],
            ),
            ("\u{feff}data: a\n\n", vec![(None, Some("a"))]),
            (
                "data: last without blank line",
                vec![(None, Some("last without blank line"))],
            ),
            (": only a comment", vec![]),
            ("{\"error\":1}", vec![(None, None)]),
            ("data\n\n", vec![(None, Some(""))]),
        ] {
            let got = frames(&[text.as_bytes()]);
            let got: Vec<_> = got
                .iter()
                .map(|(e, d, _)| (e.as_deref(), d.as_deref()))
                .collect();
            assert_eq!(got, want, "{text:?}");
        }
    }

    #[test]
    fn a_stream_that_is_no_text_is_an_error() {
        assert_eq!(
            SseParser::new().push(b"data: \xff\n\n", |_| {}),
            Err(NotUtf8)
        );
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_frames(
            parts in prop::collection::vec("(data: [a-z{}\"é]{0,8}|event: x|: c)(\n|\r\n|\r)(\n|\r\n|\r)?", 0..8),
            cuts in prop::collection::vec(0usize..200, 0..12),
        ) {
            let text = parts.concat().into_bytes();
            let whole = frames(&[&text]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(text.len())).collect();
            cuts.sort_unstable();
            let mut at = 0;
            let mut chunks = Vec::new();
            for cut in cuts {
                chunks.push(&text[at..cut]);
                at = cut;
            }
            chunks.push(&text[at..]);
            prop_assert_eq!(frames(&chunks), whole);
        }
    }
}
