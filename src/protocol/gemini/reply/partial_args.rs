//! Streamed call arguments of Vertex: values along JSON paths → pieces of one JSON text (E-196).

use super::wire::PartialArg;
use crate::splice::quote;
use std::fmt::Write;

/// Writes the text of one `args` object piece by piece. The pieces joined are valid JSON once
/// [`Builder::close`] was called, whatever paths came.
#[derive(Debug, Default)]
pub(super) struct Builder {
    /// Containers that are open, outermost first; the outermost is the `args` object.
    open: Vec<Container>,
    /// Path of the string value that is still open.
    string: Option<Vec<Step>>,
    begun: bool,
}

#[derive(Debug)]
struct Container {
    kind: Kind,
    /// The member or element written last in it.
    last: Option<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Builder {
    /// True when no value came yet.
    pub(super) fn is_empty(&self) -> bool {
        !self.begun
    }

    /// Appends the JSON text that `arg` adds.
    pub(super) fn push(&mut self, arg: &PartialArg<'_>, out: &mut String) {
        let path = parse_path(&arg.json_path.0);
        if path.is_empty() {
            return;
        }
        let goes_on = arg.will_continue == Some(true);
        if let Some(text) = &arg.string_value {
            let literal = quote(&text.0);
            let inner = &literal[1..literal.len() - 1];
            if self.string.as_ref() != Some(&path) {
                self.go_to(&path, out);
                out.push('"');
            }
            out.push_str(inner);
            self.string = goes_on.then_some(path);
            if !goes_on {
                out.push('"');
            }
            return;
        }
        let value = match (arg.number_value, arg.bool_value) {
            (Some(number), _) => number.get(),
            (None, Some(true)) => "true",
            (None, Some(false)) => "false",
            // The value is still to come.
            (None, None) if goes_on => return,
            (None, None) => "null",
        };
        self.go_to(&path, out);
        out.push_str(value);
    }

    /// Appends what closes the text; `{}` when nothing came.
    pub(super) fn close(&mut self, out: &mut String) {
        self.begin(out);
        self.close_to(0, out);
    }

    fn begin(&mut self, out: &mut String) {
        if !self.begun {
            self.begun = true;
            out.push('{');
            self.open.push(Container {
                kind: Kind::Object,
                last: None,
            });
        }
    }

    fn close_to(&mut self, depth: usize, out: &mut String) {
        if self.string.take().is_some() {
            out.push('"');
        }
        while self.open.len() > depth {
            match self.open.pop().map(|container| container.kind) {
                Some(Kind::Array) => out.push(']'),
                Some(Kind::Object) | None => out.push('}'),
            }
        }
    }

    /// Closes and opens containers until the value at `path` can be written.
    fn go_to(&mut self, path: &[Step], out: &mut String) {
        self.begin(out);
        // Containers on the way to the value that are open already.
        let shared = self
            .open
            .iter()
            .zip(path)
            .take(path.len() - 1)
            .take_while(|(container, step)| container.last.as_ref() == Some(step))
            .count();
        self.close_to(shared.min(self.open.len() - 1) + 1, out);
        let from = self.open.len() - 1;
        for (at, step) in path.iter().enumerate().skip(from) {
            self.member(step, out);
            let kind = match path.get(at + 1) {
                Some(Step::Key(_)) => Kind::Object,
                Some(Step::Index(_)) => Kind::Array,
                None => return,
            };
            out.push(if kind == Kind::Array { '[' } else { '{' });
            self.open.push(Container { kind, last: None });
        }
    }

    /// Begins a member or element of the innermost container.
    fn member(&mut self, step: &Step, out: &mut String) {
        let Some(container) = self.open.last_mut() else {
            return;
        };
        if container.last.is_some() {
            out.push(',');
        }
        match (container.kind, step) {
            (Kind::Object, Step::Key(key)) => {
                out.push_str(&quote(key));
                out.push(':');
            }
            (Kind::Object, Step::Index(index)) => {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "\"{index}\":");
            }
            (Kind::Array, Step::Index(index)) => {
                // Elements that were jumped over exist, with nothing in them.
                let next = match container.last {
                    Some(Step::Index(last)) => last.saturating_add(1),
                    _ => 0,
                };
                const MAX_GAP: usize = 1024;
                let gap = index.saturating_sub(next).min(MAX_GAP);
                out.extend(std::iter::repeat_n("null,", gap));
            }
            (Kind::Array, Step::Key(_)) => {}
        }
        container.last = Some(step.clone());
    }
}

/// Steps of a JSON path: `$.a[0]['b c']`. The root has none.
fn parse_path(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (step, after) = bracket(inner);
            steps.push(step);
            rest = after;
            continue;
        }
        let name = rest.strip_prefix('.').unwrap_or(rest);
        let end = name.find(['.', '[']).unwrap_or(name.len());
        if end > 0 {
            steps.push(Step::Key(name[..end].to_owned()));
        } else if name.len() == rest.len() {
            break;
        }
        rest = &name[end..];
    }
    steps
}

/// The step in `…]` and what stands behind it.
fn bracket(inner: &str) -> (Step, &str) {
    if let Some(mark) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let quoted = &inner[1..];
        let end = quoted.find(mark).unwrap_or(quoted.len());
        let after = quoted.get(end + 1..).unwrap_or_default();
        let after = after.strip_prefix(']').unwrap_or(after);
        return (Step::Key(quoted[..end].to_owned()), after);
    }
    let (name, after) = inner.split_once(']').unwrap_or((inner, ""));
    let step = name
        .parse()
        .map_or_else(|_| Step::Key(name.to_owned()), Step::Index);
    (step, after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(args: &str, want: &str) {
        let args: Vec<PartialArg<'_>> = serde_json::from_str(args).unwrap();
        let mut builder = Builder::default();
        let mut text = String::new();
        for arg in &args {
            builder.push(arg, &mut text);
        }
        builder.close(&mut text);
        assert_eq!(text, want);
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }

    #[test]
    fn nothing_is_an_empty_object() {
        check("[]", "{}");
    }

    #[test]
    fn strings_grow_until_they_close() {
        check(
            r#"[{"jsonPath":"$.a","stringValue":"Bos","willContinue":true},
                {"jsonPath":"$.a","stringValue":"ton\n\"","willContinue":true},
                {"jsonPath":"$.a","stringValue":""},
                {"jsonPath":"$.b","numberValue":1.50},
                {"jsonPath":"$.c","boolValue":false},
                {"jsonPath":"$.d","nullValue":null}]"#,
            r#"{"a":"Boston\n\"","b":1.50,"c":false,"d":null}"#,
        );
    }

    #[test]
    fn paths_open_and_close_containers() {
        check(
            r#"[{"jsonPath":"$.ops[0].name","stringValue":"x"},
                {"jsonPath":"$.ops[0].deep.n","numberValue":1},
                {"jsonPath":"$.ops[1].name","stringValue":"y"},
                {"jsonPath":"$.ops[3]","numberValue":4},
                {"jsonPath":"$['odd key'].v","boolValue":true}]"#,
            r#"{"ops":[{"name":"x","deep":{"n":1}},{"name":"y"},null,4],"odd key":{"v":true}}"#,
        );
    }

    #[test]
    fn missing_ends_are_closed() {
        check(
            r#"[{"jsonPath":"$.ops[0].name","stringValue":"x","willContinue":true}]"#,
            r#"{"ops":[{"name":"x"}]}"#,
        );
        check(
            r#"[{"jsonPath":"$.a","stringValue":"x","willContinue":true},
                {"jsonPath":"$.b","stringValue":"y"}]"#,
            r#"{"a":"x","b":"y"}"#,
        );
    }

    #[test]
    fn odd_paths_still_give_json() {
        check(
            r#"[{"jsonPath":"$","stringValue":"x"},
                {"jsonPath":"$.a[0]","numberValue":1},
                {"jsonPath":"$.a.b","numberValue":2},
                {"jsonPath":"$[2]","numberValue":3},
                {"jsonPath":"$..z","numberValue":4}]"#,
            r#"{"a":[1,2],"2":3,"z":4}"#,
        );
    }

    proptest! {
        #[test]
        fn any_pieces_give_one_object(pieces in prop::collection::vec(
            (
                "\\$(\\.[ab]|\\[[0-3]\\]|\\['a b'\\]){0,4}",
                prop::option::of("[a\"\n]{0,3}"),
                prop::option::of(any::<bool>()),
                any::<bool>(),
            ),
            0..12,
        )) {
            let args: Vec<serde_json::Value> = pieces
                .into_iter()
                .map(|(path, text, truth, goes_on)| serde_json::json!({
                    "jsonPath": path, "stringValue": text, "boolValue": truth, "willContinue": goes_on,
                }))
                .collect();
            let json = serde_json::to_string(&args).unwrap();
            let args: Vec<PartialArg<'_>> = serde_json::from_str(&json).unwrap();
            let mut builder = Builder::default();
            let mut text = String::new();
            for arg in &args {
                builder.push(arg, &mut text);
            }
            builder.close(&mut text);
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert!(value.is_object());
        }
    }
}
