//! Thinking that an upstream writes between tags at the start of its content (E-163).

/// A piece of content after the split.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Thinking(String),
    Text(String),
}

const TAGS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];

/// Splits content that may come in any pieces. Only tags before the first text count, so that an
/// answer about tags stays an answer.
#[derive(Debug, Default)]
pub(super) struct TagSplitter {
    state: State,
    /// What may be the beginning of a tag.
    held: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far.
    #[default]
    Before,
    /// Between the tags of this number.
    Inside(usize),
    /// Behind a closing tag: white space belongs to nobody.
    After,
    /// Text, for good.
    Text,
}

impl TagSplitter {
    /// Takes a piece and appends what is certain.
    pub(super) fn push(&mut self, piece: &str, out: &mut Vec<Piece>) {
        if self.state == State::Text {
            out.push(Piece::Text(piece.to_owned()));
            return;
        }
        self.held.push_str(piece);
        while self.step(out) {}
    }

    /// The content is complete: what was held back is what it looks like.
    pub(super) fn finish(&mut self, out: &mut Vec<Piece>) {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return;
        }
        match self.state {
            State::Inside(_) => out.push(Piece::Thinking(held)),
            State::After if held.trim().is_empty() => {}
            _ => out.push(Piece::Text(held)),
        }
    }

    /// Makes one step; true when there may be another.
    fn step(&mut self, out: &mut Vec<Piece>) -> bool {
        if self.held.is_empty() {
            return false;
        }
        match self.state {
            State::Before | State::After => {
                let rest = self.held.trim_start();
                if rest.is_empty() {
                    return false;
                }
                if let Some(n) = TAGS.iter().position(|(open, _)| rest.starts_with(open)) {
                    self.held = rest[TAGS[n].0.len()..].to_owned();
                    self.state = State::Inside(n);
                    return true;
                }
                if TAGS.iter().any(|(open, _)| open.starts_with(rest)) {
                    return false;
                }
                let text = if self.state == State::After {
                    rest.to_owned()
                } else {
                    self.held.clone()
                };
                self.held.clear();
                self.state = State::Text;
                out.push(Piece::Text(text));
                false
            }
            State::Inside(n) => {
                let close = TAGS[n].1;
                if let Some(at) = self.held.find(close) {
                    let rest = self.held.split_off(at);
                    let thinking =
                        std::mem::replace(&mut self.held, rest[close.len()..].to_owned());
                    if !thinking.is_empty() {
                        out.push(Piece::Thinking(thinking));
                    }
                    self.state = State::After;
                    return true;
                }
                let keep = cut_tag(&self.held, close);
                let rest = self.held.split_off(self.held.len() - keep);
                let thinking = std::mem::replace(&mut self.held, rest);
                if !thinking.is_empty() {
                    out.push(Piece::Thinking(thinking));
                }
                false
            }
            State::Text => {
                out.push(Piece::Text(std::mem::take(&mut self.held)));
                false
            }
        }
    }
}

/// Length of the longest end of `text` that begins `tag`.
fn cut_tag(text: &str, tag: &str) -> usize {
    (1..tag.len())
        .rev()
        .find(|n| text.ends_with(&tag[..*n]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let mut splitter = TagSplitter::default();
        let mut out = Vec::new();
        for piece in pieces {
            splitter.push(piece, &mut out);
        }
        splitter.finish(&mut out);
        let mut got = (String::new(), String::new());
        for piece in out {
            match piece {
                Piece::Thinking(text) => got.0.push_str(&text),
                Piece::Text(text) => got.1.push_str(&text),
            }
        }
        got
    }

    #[test]
    fn e163_tags_cut_over_chunks() {
        for (pieces, thinking, text) in [
            (
                &["<thi", "nk>plan a < b", "</thin", "k>", "\n\nanswer"][..],
                "plan a < b",
                "answer",
            ),
            (
                &["<thi", "nking>plan", "</thin", "king>", "answer <b>"],
                "plan",
                "answer <b>",
            ),
            (&["\n<think>a</think>b"], "a", "b"),
            (&["<think>a</think><think>b</think>c"], "ab", "c"),
            (&["a < b", " and <think>"], "", "a < b and <think>"),
            (&["<"], "", "<"),
            (&["<thing>"], "", "<thing>"),
            (&["<think>never closed </thi"], "never closed </thi", ""),
            (&["<think>", "</think>", ""], "", ""),
            (&[" text first"], "", " text first"),
        ] {
            assert_eq!(
                split(pieces),
                (thinking.to_owned(), text.to_owned()),
                "{pieces:?}"
            );
        }
    }
}
