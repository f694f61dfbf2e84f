//! Random texts with everything that a parse-and-print would lose.

use crate::splice::{Doc, Edits, Kind, Node, has_path, quote, set_path, text};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", " ", "\n\t", "\r "])
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "\\u0061", "c.d", "é", "\\\"{", "", "b\\\\"])
}

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "0",
            "-0",
            "1.0",
            "1e3",
            "-1.5E-7",
            "12345678901234567890",
            "\"\"",
        ])
        .prop_map(str::to_owned),
        r#""([a-c]|\\[nrtbf"\\/]|\\u00e9|\\ud83d\\ude00|[{}\[\],: ]|é|[ -!]){0,40}""#,
    ]
}

pub(super) fn json() -> impl Strategy<Value = String> {
    let spaced = (space(), leaf(), space()).prop_map(|(a, json, b)| format!("{a}{json}{b}"));
    spaced.prop_recursive(4, 40, 6, |inner| {
        let member = (space(), key(), space(), inner.clone())
            .prop_map(|(a, key, b, json)| format!("{a}\"{key}\"{b}:{json}"));
        let list = |open, of: BoxedStrategy<String>, close| {
            (space(), prop::collection::vec(of, 0..6), space(), space()).prop_map(
                move |(before, parts, inside, after)| {
                    let parts = if parts.is_empty() {
                        inside.to_owned()
                    } else {
                        parts.join(",")
                    };
                    format!("{before}{open}{parts}{close}{after}")
                },
            )
        };
        prop_oneof![
            list('{', member.boxed(), '}'),
            list('[', inner.boxed(), ']')
        ]
    })
}

fn members(node: Node<'_>) -> Vec<(String, String)> {
    node.members()
        .map(|(key, value)| (key.into_owned(), value.raw().to_owned()))
        .collect()
}

fn elements(node: Node<'_>) -> Vec<String> {
    node.elements().map(|e| e.raw().to_owned()).collect()
}

/// What serde_json reads, read through nodes.
pub(super) fn value(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Object => node
            .members()
            .map(|(key, member)| (key.into_owned(), value(member)))
            .collect(),
        Kind::Array => node.elements().map(value).collect(),
        Kind::String => node.string().unwrap().into_owned().into(),
        Kind::Bool => node.boolean().unwrap().into(),
        Kind::Number | Kind::Null => serde_json::from_str(node.raw()).unwrap(),
    }
}

/// Goes down `turns` times, into the child that each number picks.
fn descend<'a>(root: Node<'a>, turns: &[usize]) -> Node<'a> {
    turns.iter().fold(root, |node, turn| {
        let children: Vec<_> = match node.kind() {
            Kind::Object => node.members().map(|(_, value)| value).collect(),
            _ => node.elements().collect(),
        };
        match children.len() {
            0 => node,
            n => children[turn % n],
        }
    })
}

#[derive(Debug, Clone)]
enum Op {
    Set(String, String),
    Remove(String),
}

fn op() -> impl Strategy<Value = Op> {
    let name = prop::sample::select(vec!["a", "b", "c.d", "é", "new", ""]);
    prop_oneof![
        (name.clone(), leaf()).prop_map(|(name, json)| Op::Set(name.to_owned(), json)),
        name.prop_map(|name| Op::Remove(name.to_owned())),
    ]
}

proptest! {
    #[test]
    fn nodes_read_what_serde_json_reads(json in json()) {
        let doc = Doc::parse(json.as_bytes()).unwrap();
        prop_assert_eq!(value(doc.root()), serde_json::from_str::<Value>(&json).unwrap());
        prop_assert_eq!(doc.root().raw(), json.trim());
    }

    #[test]
    fn edits_of_members_touch_nothing_else(
        json in json(),
        turns in prop::collection::vec(0usize..6, 0..4),
        ops in prop::collection::vec(op(), 0..5),
    ) {
        let raw = Bytes::from(json.clone());
        let doc = Doc::parse(&raw).unwrap();
        let mut object = descend(doc.root(), &turns);
        if object.kind() != Kind::Object {
            object = doc.root();
        }
        let before = members(object);
        let mut edits = Edits::new();
        for op in &ops {
            match op {
                Op::Set(key, json) => edits.set(object, key, json.clone()),
                Op::Remove(key) => edits.remove(object, key),
            }
        }
        let edited = edits.apply(&raw);

        let last = |key: &str| ops.iter().rev().find(|op| match op {
            Op::Set(k, _) | Op::Remove(k) => k == key,
        });
        let mut want = Vec::new();
        for (key, old) in &before {
            match last(key) {
                None => want.push((key.clone(), old.clone())),
                Some(Op::Set(_, new)) if !want.iter().any(|(k, _)| k == key) => {
                    want.push((key.clone(), new.clone()));
                }
                Some(_) => {}
            }
        }
        for (at, op) in ops.iter().enumerate() {
            let Op::Set(key, new) = op else { continue };
            let overruled = ops[at + 1..].iter().any(|op| match op {
                Op::Set(k, _) | Op::Remove(k) => k == key,
            });
            if !overruled && !before.iter().any(|(k, _)| k == key) {
                want.push((key.clone(), new.clone()));
            }
        }
        if object.kind() != Kind::Object || want == before {
            prop_assert_eq!(edited.as_ptr(), raw.as_ptr());
            return Ok(());
        }

        let doc = Doc::parse(&edited).unwrap();
        // The text around the object is the same, so it starts at the same place.
        let (start, end) = (object.start, raw.len() - object.end);
        prop_assert_eq!(&edited[..start], &raw[..start]);
        prop_assert_eq!(&edited[edited.len() - end..], &raw[raw.len() - end..]);
        let inside = &edited[start..edited.len() - end];
        prop_assert_eq!(members(Doc::parse(inside).unwrap().root()), want);

        // The same edits on a parsed value.
        if object.start == doc.root().start {
            let mut parsed: Value = serde_json::from_str(&json).unwrap();
            let map = parsed.as_object_mut().unwrap();
            for op in &ops {
                match op {
                    Op::Set(key, json) => {
                        map.insert(key.clone(), serde_json::from_str(json).unwrap());
                    }
                    Op::Remove(key) => {
                        map.shift_remove(key);
                    }
                }
            }
            prop_assert_eq!(serde_json::from_slice::<Value>(&edited).unwrap(), parsed);
        }
    }

    #[test]
    fn edits_of_elements_touch_nothing_else(
        parts in prop::collection::vec(json(), 0..6),
        removed in prop::collection::vec(0usize..7, 0..5),
        inserted in prop::collection::vec((0usize..7, leaf()), 0..4),
    ) {
        let raw = Bytes::from(format!(" [{}] ", parts.join(",")));
        let root = Doc::parse(&raw).unwrap().root();
        let before = elements(root);
        let mut edits = Edits::new();
        let mut insert = inserted.iter();
        // Mixed, since the order must not matter.
        for index in &removed {
            edits.remove_element(root, *index);
            if let Some((index, json)) = insert.next() {
                edits.insert_element(root, *index, json.clone());
            }
        }
        for (index, json) in insert {
            edits.insert_element(root, *index, json.clone());
        }
        let edited = edits.apply(&raw);

        let mut want = Vec::new();
        for (at, old) in before.iter().enumerate() {
            want.extend(inserted.iter().filter(|(i, _)| *i == at).map(|(_, new)| new.clone()));
            if !removed.contains(&at) {
                want.push(old.clone());
            }
        }
        let behind = inserted.iter().filter(|(i, _)| *i >= before.len());
        want.extend(behind.map(|(_, new)| new.clone()));
        prop_assert_eq!(elements(Doc::parse(&edited).unwrap().root()), want.clone());
        if want == before && inserted.is_empty() {
            prop_assert_eq!(edited.as_ptr(), raw.as_ptr());
        }
    }

    #[test]
    fn what_a_path_sets_it_has(json in json(), path in r"[ab](\.[ab01]){0,3}", new in leaf()) {
        let raw = Bytes::from(json);
        let set = set_path(&raw, &path, Some(&new));
        prop_assert!(Doc::parse(&set).is_ok());
        if has_path(&set, &path) {
            let removed = set_path(&set, &path, None);
            prop_assert!(Doc::parse(&removed).is_ok());
        } else {
            // Nothing to set: an array or a scalar stands in the way.
            prop_assert_eq!(set, raw);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(
        prop::sample::select(br#"{}[]",:\a1 n"#.to_vec()), 0..40,
    )) {
        let raw = Bytes::from(bytes);
        let _ = Doc::parse(&raw);
        let _ = has_path(&raw, "a.1");
        let _ = set_path(&raw, "a.1", Some("1"));
        let _ = set_path(&raw, "a.a", None);
    }

    #[test]
    fn quoting_and_decoding_undo_each_other(any in any::<String>()) {
        let literal = quote(&any);
        prop_assert_eq!(&literal, &serde_json::to_string(&any).unwrap());
        prop_assert_eq!(text::decode(text::inner(&literal)), any);
    }
}
