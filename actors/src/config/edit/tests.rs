use proptest::prelude::*;
use serde_json::{Value as Json, json};

use std::ops::Range;

use super::*;
use crate::config::layout::{Kind, Layout};

/// `a.0.b` as a path; numbers are positions.
fn path(text: &str) -> KeyPath {
    text.split('.')
        .fold(KeyPath::root(), |path, step| match step.parse() {
            Ok(index) => path.index(index),
            Err(_) => path.key(step),
        })
}

#[track_caller]
fn check(got: Result<String, EditError>, want: &str) {
    match got {
        Ok(got) => assert_eq!(got, want),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn scalars_change_in_place() {
    for (before, at, value, after) in [
        (
            "port: 1 # p\nhost: a\n",
            "port",
            json!(2),
            "port: 2 # p\nhost: a\n",
        ),
        (
            "key: 'old'  # c\n",
            "key",
            json!("new"),
            "key: \"new\"  # c\n",
        ),
        ("key: old\n", "key", json!("new"), "key: new\n"),
        (
            "key: old\n",
            "key",
            json!("$2a$10$x"),
            "key: \"$2a$10$x\"\n",
        ),
        ("key: old\n", "key", json!("no"), "key: \"no\"\n"),
        ("key: old\n", "key", json!("1e5"), "key: \"1e5\"\n"),
        (
            "key: \"old\"",
            "key",
            json!("line\n\"q\""),
            "key: \"line\\n\\\"q\\\"\"",
        ),
        (
            "a:\n  b: 1\r\nc: 2\r\n",
            "c",
            json!(3),
            "a:\n  b: 1\r\nc: 3\r\n",
        ),
        (
            "key: # none yet\n",
            "key",
            json!("x"),
            "key: \"x\" # none yet\n",
        ),
        (
            "key: |\n  one\n  two\n# c\nb: 1\n",
            "key",
            json!("x"),
            "key: \"x\"\n# c\nb: 1\n",
        ),
        (
            "a: {b: 1, c: [2, 3]} # f\n",
            "a.c.1",
            json!("x"),
            "a: {b: 1, c: [2, x]} # f\n",
        ),
        (
            "l:\n  - k: 1 # c\n    w: 2\n",
            "l.0.w",
            json!(9),
            "l:\n  - k: 1 # c\n    w: 9\n",
        ),
        ("\u{feff}a: 1\n", "a", json!(2), "\u{feff}a: 2\n"),
    ] {
        check(set(before, &path(at), &value), after);
    }
}

#[test]
fn missing_keys_are_added() {
    for (before, at, value, after) in [
        ("", "port", json!(1), "port: 1\n"),
        ("# c\n", "a.b", json!("x"), "# c\na:\n  b: \"x\"\n"),
        ("a: 1\n# end", "b", json!(2), "a: 1\n# end\nb: 2\n"),
        (
            "tls: # t\n  enable: true # e\n  # cert: x\n\n# next\nport: 1\n",
            "tls.cert",
            json!("/c"),
            "tls: # t\n  enable: true # e\n  # cert: x\n  cert: \"/c\"\n\n# next\nport: 1\n",
        ),
        (
            "tls:\nport: 1\n",
            "tls.cert",
            json!("c"),
            "tls:\n  cert: \"c\"\nport: 1\n",
        ),
        (
            "tls: ~ # off\n",
            "tls.cert",
            json!("c"),
            "tls: # off\n  cert: \"c\"\n",
        ),
        (
            "tls: {} # off\n",
            "tls.cert",
            json!("c"),
            "tls: # off\n  cert: \"c\"\n",
        ),
        (
            "tls: {a: 1}\n",
            "tls.b.c",
            json!("d"),
            "tls: {a: 1, b: {\"c\":\"d\"}}\n",
        ),
        (
            "l:\n  - a: 1\n  - a: 2\n",
            "l.0.b",
            json!(3),
            "l:\n  - a: 1\n    b: 3\n  - a: 2\n",
        ),
        (
            "a: 1\r\n",
            "b.c",
            json!([1]),
            "a: 1\r\nb:\r\n  c:\r\n    - 1\r\n",
        ),
    ] {
        check(set(before, &path(at), &value), after);
    }
}

#[test]
fn collections_are_written_as_blocks() {
    let entry = json!({"api-key": "k", "models": [{"name": "m"}, {"name": "n", "alias": "o"}]});
    for (before, at, value, after) in [
        (
            "keys: [] # none\nport: 1\n",
            "keys",
            json!([entry]),
            "keys: # none\n  - api-key: \"k\"\n    models:\n      - name: \"m\"\n      - name: \"n\"\n        alias: \"o\"\nport: 1\n",
        ),
        (
            "a:\n- 1\n- 2\nb: 3\n",
            "a",
            json!({"x": 1}),
            "a:\n  x: 1\nb: 3\n",
        ),
        (
            "a:\n  # why\n  - 1\n  - 2 # two\nb: 3\n",
            "a",
            json!([]),
            "a: []\n  # why\n   # two\nb: 3\n",
        ),
        (
            "a:\n    - 1\n",
            "a",
            json!(["x", "y"]),
            "a:\n    - \"x\"\n    - \"y\"\n",
        ),
        (
            "a: old # c\nb: 1\n",
            "a",
            json!({"x": {"z": []}}),
            "a: # c\n  x:\n    z: []\nb: 1\n",
        ),
        (
            "l:\n  - old # c\n",
            "l.0",
            json!({"x": 1, "z": 2}),
            "l:\n  - x: 1\n    z: 2 # c\n",
        ),
        (
            "l:\n  - a: 1\n    b: 2\n",
            "l.0",
            json!("x"),
            "l:\n  - \"x\"\n",
        ),
    ] {
        check(set(before, &path(at), &value), after);
    }
}

#[test]
fn removing_takes_whole_lines() {
    for (before, at, after) in [
        ("# a\na: 1 # x\n# b\nb: 2\n", "a", "# a\n# b\nb: 2\n"),
        ("a: 1\nb: 2", "b", "a: 1\n"),
        ("a:\n  b: 1\n  # c\nd: 2\n", "a.b", "a:\n  # c\nd: 2\n"),
        ("a:\n  b: 1\n  c: 2\n", "a", ""),
        ("l:\n  - a # x\n  # y\n  - b\n", "l.0", "l:\n  # y\n  - b\n"),
        ("l:\n  - a # x\nm: 1\n", "l.0", "l: []\n   # x\nm: 1\n"),
        (
            "l:\n  - a: 1\n    b: 2\n    c: 3\n",
            "l.0.a",
            "l:\n  - b: 2\n    c: 3\n",
        ),
        (
            "l:\n  - a: 1 # x\n    b: 2\n",
            "l.0.a",
            "l:\n  -  # x\n    b: 2\n",
        ),
        (
            "l:\n  - a: 1\n  - b: 2\n",
            "l.0.a",
            "l:\n  - {}\n  - b: 2\n",
        ),
        ("l: [a, b, c]\n", "l.0", "l: [b, c]\n"),
        ("l: [a, b, c]\n", "l.2", "l: [a, b]\n"),
        ("l: [a]\n", "l.0", "l: []\n"),
        ("m: {a: 1, b: 2}\n", "m.a", "m: {b: 2}\n"),
        ("l:\n  - - a\n    - b\n", "l.0.0", "l:\n  - - b\n"),
        ("\u{feff}a: 1\nb: 2\n", "a", "\u{feff}b: 2\n"),
    ] {
        check(remove(before, &path(at)), after);
    }
}

#[test]
fn items_are_pushed_and_inserted() {
    for (before, at, index, after) in [
        (
            "k:\n  - a # x\n\n# next\nb: 1\n",
            "k",
            9,
            "k:\n  - a # x\n  - \"new\"\n\n# next\nb: 1\n",
        ),
        (
            "k:\n- a\n# on b\n- b\n",
            "k",
            1,
            "k:\n- a\n- \"new\"\n# on b\n- b\n",
        ),
        ("k:\n  - a\n", "k", 0, "k:\n  - \"new\"\n  - a\n"),
        ("k: [a, b]\n", "k", 0, "k: [\"new\", a, b]\n"),
        ("k: [a, b]\n", "k", 9, "k: [a, b, \"new\"]\n"),
        ("k: []\n", "k", 9, "k:\n  - \"new\"\n"),
        ("k:\nb: 1\n", "k", 9, "k:\n  - \"new\"\nb: 1\n"),
        ("b: 1\n", "k", 9, "b: 1\nk:\n  - \"new\"\n"),
        ("k:\r\n  - a\r\n", "k", 9, "k:\r\n  - a\r\n  - \"new\"\r\n"),
    ] {
        check(insert(before, &path(at), index, &json!("new")), after);
    }
    check(
        push("k:\n  - a: 1\n", &path("k"), &json!({"b": 2, "c": [3]})),
        "k:\n  - a: 1\n  - b: 2\n    c:\n      - 3\n",
    );
}

#[test]
fn merging_touches_only_what_differs() {
    let before = "\
keys: # all
  # the first
  - name: one # 1
    weight: 5 # w
    models: # m
      - a
      - b
  # the second
  - name: two # 2
  # the third
  - name: three # 3
";
    for (value, after) in [
        (
            json!([
                {"name": "one", "weight": 6, "models": ["a", "c", "b"], "prefix": "p"},
                {"name": "two"},
                {"name": "three"}
            ]),
            "\
keys: # all
  # the first
  - name: one # 1
    weight: 6 # w
    models: # m
      - a
      - \"c\"
      - b
    prefix: \"p\"
  # the second
  - name: two # 2
  # the third
  - name: three # 3
",
        ),
        (
            json!([{"name": "one", "weight": 5, "models": ["a", "b"]}, {"name": "three"}]),
            "\
keys: # all
  # the first
  - name: one # 1
    weight: 5 # w
    models: # m
      - a
      - b
  # the second
  # the third
  - name: three # 3
",
        ),
    ] {
        check(merge(before, &path("keys"), &value), after);
        check(merge(after, &path("keys"), &value), after);
    }
    check(merge("a: 1 # c\n", &path("a"), &json!(1)), "a: 1 # c\n");
}

#[test]
fn refuses_what_it_cannot_do_safely() {
    for (got, want) in [
        (
            set("a: &x 1\nb: *x\n", &path("a"), &json!(2)),
            "cannot change `a` without touching the rest of the file; change it by hand",
        ),
        (
            set("a: 1\n---\nb: 1\n", &path("a"), &json!(2)),
            "failed to load config: deserializing from YAML containing more than one document is \
             not supported; keep one document: remove the second `---` and what follows",
        ),
        (
            set("? a\n: 1\n", &path("a"), &json!(2)),
            "cannot change `a` without touching the rest of the file; change it by hand",
        ),
        (
            set("l: [1]\n", &path("l.5"), &json!(2)),
            "cannot change `l[5]`: the list has no such position",
        ),
        (
            set("a: 1\n", &path("a.b"), &json!(2)),
            "cannot change `a.b`: what is around it is no mapping",
        ),
        (
            remove("a: 1\n", &path("b")),
            "cannot change `b`: it is not in the file",
        ),
        (
            push("a: 1\n", &path("a"), &json!(2)),
            "cannot change `a`: it is no list",
        ),
        (
            // The key comes from a merged block.
            remove("x: &x {k: 1}\na: {<<: *x}\n", &path("a.k")),
            "cannot change `a.k`: it is not in the file",
        ),
    ] {
        assert_eq!(got.unwrap_err().to_string(), want);
    }
}

/// A small document as people write it, from a stream of random numbers.
struct Writer {
    random: Vec<u8>,
    at: usize,
    comments: usize,
    out: String,
}

impl Writer {
    fn pick(&mut self, n: u8) -> u8 {
        self.at += 1;
        self.random
            .get(self.at % self.random.len())
            .copied()
            .unwrap_or(0)
            % n
    }

    fn comment(&mut self) -> String {
        self.comments += 1;
        format!("# comment {}", self.comments)
    }

    fn end_line(&mut self) {
        if self.pick(3) == 0 {
            let comment = self.comment();
            self.out.push_str("  ");
            self.out.push_str(&comment);
        }
        self.out.push('\n');
        if self.pick(6) == 0 {
            self.out.push('\n');
        }
    }

    fn own_line(&mut self, indent: usize) {
        if self.pick(4) == 0 {
            let comment = self.comment();
            self.out
                .push_str(&format!("{}{comment}\n", " ".repeat(indent)));
        }
    }

    fn scalar(&mut self) {
        let words = [
            "x",
            "'it''s'",
            "\"a # b\"",
            "12",
            "true",
            "http://h:1/p",
            "a b",
            "[1, two]",
            "{k: v, l: w}",
            "",
        ];
        let word = words[usize::from(self.pick(10))];
        if !word.is_empty() {
            self.out.push(' ');
            self.out.push_str(word);
        }
        self.end_line();
    }

    fn map(&mut self, indent: usize, first_inline: bool, depth: u8) {
        for n in 0..=self.pick(3) {
            if n > 0 || !first_inline {
                self.own_line(indent);
                self.out.push_str(&" ".repeat(indent));
            }
            self.out.push_str(&format!("k{n}:"));
            match self.pick(3) {
                1 if depth > 0 => {
                    self.end_line();
                    self.map(indent + 2, false, depth - 1);
                }
                2 if depth > 0 => {
                    self.end_line();
                    let deeper = usize::from(self.pick(2)) * 2;
                    self.list(indent + deeper, depth - 1);
                }
                _ => self.scalar(),
            }
        }
    }

    fn list(&mut self, indent: usize, depth: u8) {
        for _ in 0..=self.pick(3) {
            self.own_line(indent);
            self.out.push_str(&" ".repeat(indent));
            self.out.push('-');
            if depth > 0 && self.pick(2) == 0 {
                self.out.push(' ');
                self.map(indent + 2, true, depth - 1);
            } else {
                self.scalar();
            }
        }
    }
}

/// All paths of a value.
fn paths(value: &Json, at: &KeyPath, out: &mut Vec<KeyPath>) {
    let children: Vec<(KeyPath, &Json)> = match value {
        Json::Object(map) => map
            .iter()
            .map(|(key, value)| (at.key(key), value))
            .collect(),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .map(|(n, item)| (at.index(n), item))
            .collect(),
        _ => Vec::new(),
    };
    for (path, value) in children {
        paths(value, &path, out);
        out.push(path);
    }
}

/// The line numbers (from 0) that the value at a path and its key take.
fn own_lines(text: &str, path: &KeyPath) -> Range<usize> {
    let layout = Layout::of(text).unwrap();
    let node = layout.node(path).unwrap();
    let line = |at: usize| text.get(..at).unwrap().matches('\n').count();
    let (parent, _) = path.split_last().unwrap();
    let start = match (
        &layout.node(&parent).unwrap().kind,
        path.steps().last().unwrap(),
    ) {
        (Kind::BlockMap(list) | Kind::FlowMap(list), Step::Key(key)) => {
            list.iter().find(|entry| entry.key == *key).unwrap().start
        }
        (Kind::BlockList(list) | Kind::FlowList(list), Step::Index(index)) => list[*index].start,
        _ => panic!("no such path"),
    };
    line(start)..line(node.span.end) + 1
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_leaves_all_other_lines_as_they_are(
        random in proptest::collection::vec(any::<u8>(), 40..200),
        which in any::<proptest::sample::Index>(),
        kind in 0..6,
    ) {
        let mut writer = Writer { random, at: 0, comments: 0, out: String::new() };
        writer.map(0, false, 3);
        let text = writer.out;
        let before = json(&plain_value_of(&text).unwrap());
        let mut all = Vec::new();
        paths(&before, &KeyPath::root(), &mut all);
        let path = which.get(&all);
        let is_list = |path: &KeyPath| {
            let layout = Layout::of(&text).unwrap();
            matches!(layout.node(path).unwrap().kind, Kind::BlockList(_) | Kind::FlowList(_))
        };
        let block = json!({"new": {"a": [1, "b"], "c": null}});
        let after = match kind {
            0 => set(&text, path, &json!("new")),
            1 => set(&text, path, &block),
            2 => remove(&text, path),
            3 if is_list(path) => push(&text, path, &block),
            4 if is_list(path) => insert(&text, path, 0, &json!(5)),
            3..=4 => set(&text, path, &json!([])),
            _ => merge(&text, path, &json!({"k0": 1, "k1": ["x", {"y": 2}]})),
        };
        let after = match after {
            Ok(after) => after,
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{text}"))),
        };
        // What stands outside the value's own lines is still there, in the same order, and
        // nothing of it stands twice.
        let own = own_lines(&text, path);
        // After the first key of a list item goes, the next one moves up to the dash.
        let moves_up = kind == 2;
        let (parent, _) = path.split_last().unwrap();
        // A list that loses its last item is written as `[]` beside its key.
        let parent_line = if kind == 2 && !parent.steps().is_empty() {
            own_lines(&text, &parent).start
        } else {
            own.start
        };
        let mut left = after.lines();
        for (n, line) in text.lines().enumerate() {
            if own.contains(&n) || n == parent_line || line.is_empty() {
                continue;
            }
            prop_assert!(
                left.any(|new| new == line || (moves_up && new.ends_with(line.trim_start()))),
                "line {n} `{line}` is lost at {path}\n--- before\n{text}--- after\n{after}"
            );
        }
        // Comments are never lost, unless they stood inside what was replaced.
        for (n, line) in text.lines().enumerate().filter(|(n, _)| !own.contains(n)) {
            if let Some((_, comment)) = line.split_once("# comment ") {
                let comment = format!("# comment {comment}");
                prop_assert!(
                    after.lines().any(|new| new.ends_with(&comment)),
                    "comment of line {n} is lost at {path}\n--- before\n{text}--- after\n{after}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "[a-c\\-:#&*!|>'\"\\[\\]{},?%~ \t\r\n\u{feff}é]{0,60}", n in 0_usize..3) {
        let paths = [path("a"), path("a.b"), path("a.0"), path("b.0.c")];
        for path in &paths {
            let results = [
                set(&text, path, &json!({"x": 1})),
                set(&text, path, &json!("x")),
                remove(&text, path),
                insert(&text, path, n, &json!("x")),
            ];
            for after in results.into_iter().flatten() {
                prop_assert!(plain_value_of(&after).is_ok());
            }
        }
        let _ = crate::config::Config::parse(&text, &crate::config::Env::default());
    }
}
