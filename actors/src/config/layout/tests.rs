use serde_yaml::Value;

use super::{Kind, Layout, Node, Style, position};
use crate::config::path::KeyPath;

/// Reads the text back through the scanner: what it sees must be what the library sees.
fn rebuilt(text: &str, node: &Node) -> Value {
    let written = text.get(node.span.clone()).unwrap();
    match &node.kind {
        Kind::Empty => Value::Null,
        // The indentation of the first line is outside the span.
        Kind::Scalar(Style::Block) => Value::Null,
        Kind::Scalar(_) => {
            let parsed: Value = serde_yaml::from_str(written).unwrap();
            parsed
        }
        Kind::BlockMap(entries) | Kind::FlowMap(entries) => Value::Mapping(
            entries
                .iter()
                .map(|entry| {
                    (
                        Value::String(entry.key.clone()),
                        rebuilt(text, &entry.value),
                    )
                })
                .collect(),
        ),
        Kind::BlockList(items) | Kind::FlowList(items) => Value::Sequence(
            items
                .iter()
                .map(|item| rebuilt(text, &item.value))
                .collect(),
        ),
    }
}

#[track_caller]
fn check_same(text: &str) {
    let layout = Layout::of(text).unwrap_or_else(|| panic!("gave up on:\n{text}"));
    let want: Value = serde_yaml::from_str(text.trim_start_matches('\u{feff}')).unwrap();
    let got = layout
        .root()
        .map_or(Value::Null, |root| rebuilt(text, root));
    assert_eq!(got, want, "{text}");
}

#[test]
fn sees_what_the_library_sees() {
    for text in [
        "",
        "# only a comment\n",
        "\u{feff}a: 1\n",
        "a: 1",
        "a: 1\r\nb: 2\r\n",
        "---\na: 1\n...\n",
        "%YAML 1.1\n---\na: 1\n",
        "a:\nb: ~\nc:   # comment\nd: x # comment\n",
        "a: x#y\nb: 'it''s: # fine'\nc: \"a \\\" b: # c\"\n",
        "list:\n- a\n- b\nnext: 1\n",
        "list:\n  - a\n\n  # between\n  - b # behind\n  -\n  -   c\n",
        "list:\n  - name: x\n    models:\n      - name: m\n        alias: n\n      - name: o\n  - name: y\n",
        "list:\n  -\n    a: 1\n    b: 2\n",
        "nested:\n  - - a\n    - b\n  - - c\n",
        "flow: [a, \"b, c\", 'd', {e: 1, \"f\": [2]}, ]\nmore: {}\nnone: []\n",
        "flow: [\n  a, # one\n  b\n]\nx: {a: , b}\n",
        "url: http://x:80/y\nwin: C:\\dir\ntime: 12:30\n",
        "\"quoted key\": 1\n'other key' : 2\nspaced   : 3\n",
        "long: one two\n  three\n  four\nnext: 5\n",
        "quoted: \"one\n  two\"\nnext: 5\n",
        "deep:\n      a:\n       b:\n        - c\nnext: 1\n",
        "- a\n- b: 1\n  c: 2\n",
        "just a text\n",
        "x: -1\ny: -z\nz: \"-\"\n",
        "a: !!str five\nb: &name\n  c: 1\nd: &other text\n",
        "ключ: значение # замечание\nдругой: [да, \"нет\"]\n",
    ] {
        check_same(text);
    }
}

#[test]
fn block_texts_end_where_their_lines_end() {
    for (text, want) in [
        ("a: |\n  one\n\n  # two\nb: 1\n", "|\n  one\n\n  # two"),
        ("a: >-\n  one\n  two\n\n\nb: 1\n", ">-\n  one\n  two"),
        ("a: |\r\n  one\r\nb: 1\r\n", "|\r\n  one"),
        ("a: |\n  last", "|\n  last"),
        ("a: |\nb: 1\n", "|"),
    ] {
        let layout = Layout::of(text).unwrap();
        let node = layout.node(&KeyPath::of(&["a"])).unwrap();
        assert_eq!(text.get(node.span.clone()), Some(want), "{text}");
    }
}

#[test]
fn gives_up_on_what_it_does_not_know() {
    for text in [
        "? a\n: b\n",
        "a: 1\n---\nb: 2\n",
        "[a, b: c]\n",
        "{a: 1}: 2\n",
        "&x a: 1\n",
    ] {
        assert!(Layout::of(text).is_none(), "{text}");
    }
    assert!(Layout::of(&"[".repeat(5_000)).is_none());
}

#[test]
fn offsets_point_at_scalars_keys_and_dashes() {
    let text = "tls:\n  enable: maybe\nkeys:\n  - api-key: x\n    weight: 9\n";
    let layout = Layout::of(text).unwrap();
    for (path, line, column) in [
        (KeyPath::of(&["tls"]), 1, 1),
        (KeyPath::of(&["tls", "enable"]), 2, 11),
        (KeyPath::of(&["keys"]).index(0), 4, 3),
        (KeyPath::of(&["keys"]).index(0).key("weight"), 5, 13),
        // What is not written is shown at what is around it.
        (KeyPath::of(&["keys"]).index(0).key("missing"), 4, 3),
    ] {
        let at = position(text, layout.offset(&path).unwrap());
        assert_eq!((at.line, at.column), (line, column), "{path}");
    }
}

#[test]
fn finds_the_key_that_stands_twice() {
    let text = "a:\n  - x: 1\n    y: 2\n    x: 3\n";
    let (path, first, second) = Layout::of(text).unwrap().duplicate().unwrap();
    assert_eq!(path.to_string(), "a[0].x");
    assert_eq!(
        (position(text, first).line, position(text, second).line),
        (2, 4)
    );
}
