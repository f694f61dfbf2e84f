//! Server-sent events as a strict client reads them.

use serde_json::Value;

/// One event, or a comment line.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SseEvent {
    /// The `event:` field.
    pub event: Option<String>,
    /// All `data:` lines, joined by line feeds.
    pub data: String,
    /// Text of the comment lines that came with it.
    pub comments: Vec<String>,
}

impl SseEvent {
    /// Parses the data as JSON; panics with the data when it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_str(&self.data) {
            Ok(value) => value,
            Err(error) => panic!("{error} in event data `{}`", self.data),
        }
    }

    /// Whether this block carried only comments.
    pub fn is_comment(&self) -> bool {
        self.event.is_none() && self.data.is_empty() && !self.comments.is_empty()
    }
}

/// Cuts a stream into events; bytes come in any pieces.
#[derive(Default)]
pub struct SseReader {
    rest: Vec<u8>,
    current: SseEvent,
    has_data: bool,
}

impl SseReader {
    /// Adds bytes and returns the events they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<SseEvent> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line)
                .trim_end_matches(['\r', '\n'])
                .to_owned();
            events.extend(self.line(&line));
        }
        events
    }

    /// What is left of an event that the stream did not finish; empty after a clean end.
    pub fn unfinished(&self) -> String {
        let rest = String::from_utf8_lossy(&self.rest);
        match (self.has_data, &self.current.event) {
            (true, _) => format!("data: {}\n{rest}", self.current.data),
            (false, Some(event)) => format!("event: {event}\n{rest}"),
            (false, None) => rest.into_owned(),
        }
    }

    fn line(&mut self, line: &str) -> Option<SseEvent> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.current);
            let had_data = std::mem::take(&mut self.has_data);
            return (had_data || event.event.is_some() || !event.comments.is_empty())
                .then_some(event);
        }
        if let Some(comment) = line.strip_prefix(':') {
            self.current.comments.push(comment.trim_start().to_owned());
            return None;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.current.data.push('\n');
                }
                self.has_data = true;
                self.current.data.push_str(value);
            }
            "event" => self.current.event = Some(value.to_owned()),
            "id" | "retry" => {}
            other => panic!("`{other}` is no field of server-sent events: `{line}`"),
        }
        None
    }
}

/// Parses a whole stream; panics when its last event is not finished.
#[track_caller]
pub fn parse_sse(bytes: &[u8]) -> Vec<SseEvent> {
    let mut reader = SseReader::default();
    let events = reader.push(bytes);
    let unfinished = reader.unfinished();
    assert!(
        unfinished.is_empty(),
        "the stream ends inside an event: {unfinished:?}"
    );
    events
}
