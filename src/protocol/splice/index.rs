//! One pass over a JSON text that checks it and remembers where its long values end, so that no later
//! question has to look through them again.

use super::scan;

/// Values from this length on are remembered; shorter ones are scanned again just as quickly.
const LONG: usize = 32;

/// A long value (or key): no longer one is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Where it starts.
    pub start: u32,
    /// Behind it.
    pub end: u32,
    /// Number of the first mark behind it and what it holds.
    pub next: u32,
    /// What stands in a string; nothing is said of other values.
    pub escapes: Escapes,
}

/// What stands behind the backslashes of a string literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Escapes {
    /// There is no backslash.
    None,
    /// Only what a literal cannot do without, spelt as serde_json spells it: reading and printing
    /// the text gives the same bytes.
    Needed,
    /// Anything.
    Any,
}

/// The marks of `text` in order; `None` when it is not exactly one JSON value, or too long for the
/// positions. Lone surrogate escapes are let through, the depth does not matter: what this accepts
/// is what [`Doc::parse`](super::Doc::parse) accepts.
pub(super) fn marks(text: &str) -> Option<Vec<Mark>> {
    u32::try_from(text.len()).ok()?;
    let mut reader = Reader {
        bytes: text.as_bytes(),
        at: 0,
        marks: Vec::with_capacity(text.len() / 128),
        open: Vec::new(),
    };
    reader.document()?;
    Some(reader.marks)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    marks: Vec<Mark>,
    /// Numbers of the marks of what is open, with true for objects.
    open: Vec<(usize, bool)>,
}

impl Reader<'_> {
    fn document(&mut self) -> Option<()> {
        loop {
            // A value is due.
            self.skip_space();
            match self.peek()? {
                b'"' => self.string()?,
                b'{' => {
                    self.enter(true);
                    if self.peek()? == b'}' {
                        self.leave();
                    } else {
                        self.key()?;
                        continue;
                    }
                }
                b'[' => {
                    self.enter(false);
                    if self.peek()? == b']' {
                        self.leave();
                    } else {
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => return None,
            }
            // A value has ended: what is open goes on, or ends as well.
            loop {
                self.skip_space();
                let Some(&(_, is_object)) = self.open.last() else {
                    return (self.at == self.bytes.len()).then_some(());
                };
                match (self.peek()?, is_object) {
                    (b',', false) => self.at += 1,
                    (b',', true) => {
                        self.at += 1;
                        self.skip_space();
                        self.key()?;
                    }
                    (b']', false) | (b'}', true) => {
                        self.leave();
                        continue;
                    }
                    _ => return None,
                }
                break;
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        // Nearly all clients write none.
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.at = scan::skip_space(self.bytes, self.at);
        }
    }

    fn enter(&mut self, is_object: bool) {
        self.open.push((self.marks.len(), is_object));
        self.mark(self.at, Escapes::None);
        self.at += 1;
        self.skip_space();
    }

    /// Steps over a closing bracket.
    fn leave(&mut self) {
        self.at += 1;
        let Some((number, _)) = self.open.pop() else {
            return;
        };
        let next = self.marks.len();
        let Some(mark) = self.marks.get_mut(number) else {
            return;
        };
        if self.at - (mark.start as usize) < LONG {
            // It holds nothing long either: its mark is the last one.
            self.marks.truncate(number);
        } else {
            // Positions were found to fit; there are fewer marks than bytes.
            mark.end = self.at as u32;
            mark.next = next as u32;
        }
    }

    /// Adds the mark of a value that ends here.
    fn mark(&mut self, start: usize, escapes: Escapes) {
        self.marks.push(Mark {
            start: start as u32,
            end: self.at as u32,
            next: self.marks.len() as u32 + 1,
            escapes,
        });
    }

    /// A key and its colon.
    fn key(&mut self) -> Option<()> {
        self.string()?;
        self.skip_space();
        self.eat(b':')
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn string(&mut self) -> Option<()> {
        let start = self.at;
        self.eat(b'"')?;
        let mut escapes = Escapes::None;
        loop {
            self.at = scan::find_escaped(self.bytes, self.at);
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    self.at += 1;
                    escapes = escapes.max(self.escape()?);
                }
                // A control character.
                _ => return None,
            }
        }
        self.at += 1;
        if self.at - start >= LONG {
            self.mark(start, escapes);
        }
        Some(())
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Option<Escapes> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b'"' | b'\\' | b'n' | b't' | b'r' | b'b' | b'f' => Some(Escapes::Needed),
            b'/' => Some(Escapes::Any),
            b'u' => {
                let digits: &[u8; 4] = self.bytes.get(self.at..)?.first_chunk()?;
                self.at += digits.len();
                let valid = digits.iter().all(u8::is_ascii_hexdigit);
                valid.then_some(Escapes::Any)
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        let n = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += n;
        (n > 0).then_some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes
            .get(self.at..)?
            .starts_with(word)
            .then(|| self.at += word.len())
    }
}
