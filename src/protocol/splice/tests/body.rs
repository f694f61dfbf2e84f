//! A body that was looked through once gives what is found without.

use super::random::{json, value};
use crate::raw::RawJson;
use crate::splice::{Doc, Edits, JsonBody, Kind, Node, index};
use bytes::Bytes;
use proptest::prelude::*;
use serde::de::IgnoredAny;

#[track_caller]
fn check(text: &str) {
    let want = serde_json::from_str::<IgnoredAny>(text).is_ok();
    assert_eq!(index::marks(text).is_some(), want, "{text:?}");
    let body = JsonBody::new(Bytes::from(text.to_owned()));
    assert_eq!(body.doc().is_ok(), want, "{text:?}");
}

#[test]
fn accepts_what_serde_json_accepts() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "{}",
        "[]",
        " { } ",
        "\n[\t]\r ",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{,}",
        r#"{"a":1}"#,
        r#"{"a":1,}"#,
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a" : 1 , "b" : 2}"#,
        r#"{1:2}"#,
        r#"{"a":1]"#,
        r#"["a":1]"#,
        "[1}",
        "1 2",
        "[] []",
        "null",
        "nul",
        "nulll",
        "true",
        "false",
        "tru",
        "True",
        "0",
        "-0",
        "-",
        "00",
        "01",
        "-01",
        "1.",
        ".1",
        "1.0",
        "1e",
        "1e+",
        "1e-5",
        "1E5",
        "1.5e+10",
        "0.0e0",
        "+1",
        "1e1e1",
        "0x1",
        "NaN",
        "1a",
        "\"",
        "\"a",
        "\"a\"",
        "\"\\\"",
        "\"\\\\\"",
        r#""\n\r\t\b\f\/\\\"""#,
        r#""\a""#,
        r#""\u""#,
        r#""\u00e9""#,
        r#""\u00E""#,
        r#""\u00eg""#,
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#""\U0041""#,
        "\"\n\"",
        "\"\u{0}\"",
        "\"\u{1f}\"",
        "\"\u{7f}\"",
        "\"é✓\u{1f600}\"",
        "\u{feff}{}",
        "[[[[[[]]]]]]",
        "[[[[[]]]]]]",
        "// x\n1",
        "'a'",
    ] {
        check(text);
        // The same where every search for the end of a string crosses its steps.
        for n in [1, 7, 31, 40, 100] {
            let long = "x".repeat(n);
            check(&format!(r#"["{long}",{text}]"#));
            check(&format!(r#"{{"{long}":{text},"{long}":"{long}"}}"#));
            check(&text.replacen('"', &format!("\"{long}"), 1));
            check(&text.replacen("\\", &format!("{long}\\"), 1));
        }
    }
    // Depth does not matter.
    check(&("[".repeat(10_000) + &"]".repeat(10_000)));
    check(&("[".repeat(10_000) + &"]".repeat(9_999)));
}

#[test]
fn other_bytes_than_utf8_are_no_text() {
    let body = JsonBody::new(Bytes::from_static(b"{\"a\":\"\xff\"}"));
    assert!(body.trust().is_none());
    assert_eq!(
        body.doc().unwrap_err().to_string(),
        Doc::parse(body.raw()).unwrap_err().to_string()
    );
}

/// All values, each with what it holds.
fn spans<'a>(node: Node<'a>, out: &mut Vec<&'a str>) {
    out.push(node.raw());
    for (_, member) in node.members() {
        spans(member, out);
    }
    for element in node.elements() {
        spans(element, out);
    }
}

/// Removes the last member or element at every level, and replaces every string.
fn edit(node: Node<'_>, edits: &mut Edits) {
    if node.kind() == Kind::String {
        edits.replace(node, "\"new\"");
    }
    let elements: Vec<_> = node.elements().collect();
    if let Some(last) = elements.len().checked_sub(1) {
        edits.remove_element(node, last);
    }
    if let Some((key, _)) = node.members().last() {
        edits.set(node, &key, "0");
    }
    let members = node.members().map(|(_, member)| member);
    members.chain(elements).for_each(|child| edit(child, edits));
}

proptest! {
    #[test]
    fn accepts_what_serde_json_accepts_of_random_text(
        json in json(),
        at in any::<prop::sample::Index>(),
        with in prop::sample::select(vec!["", "\"", "\\", "{", "}", "[", "]", ",", ":", "1", "\n", "u", "-", "é"]),
    ) {
        check(&json);
        let places: Vec<usize> = json.char_indices().map(|(at, _)| at).collect();
        let at = places[at.index(places.len())];
        let after = json[at..].chars().next().map_or(0, char::len_utf8);
        check(&format!("{}{with}{}", &json[..at], &json[at + after..]));
        check(&json[..at]);
    }

    #[test]
    fn finds_what_is_found_without(json in json()) {
        let body = JsonBody::new(Bytes::from(json));
        let (with, without) = (body.doc().unwrap().root(), Doc::parse(body.raw()).unwrap().root());
        prop_assert!(body.marked().is_some());
        prop_assert_eq!(value(with), value(without));
        let (mut here, mut there) = (Vec::new(), Vec::new());
        spans(with, &mut here);
        spans(without, &mut there);
        prop_assert_eq!(here, there);
    }

    #[test]
    fn edits_what_is_edited_without(json in json()) {
        let body = JsonBody::new(Bytes::from(json));
        let (mut with, mut without) = (Edits::new(), Edits::new());
        edit(body.doc().unwrap().root(), &mut with);
        edit(Doc::parse(body.raw()).unwrap().root(), &mut without);
        prop_assert_eq!(with.apply_to(&body), without.apply(body.raw()));
    }
}

/// Every value as a piece of its own: the same text, the same members, the same edits.
fn check_pieces(node: Node<'_>) {
    let kept = RawJson::of(node);
    assert_eq!(kept.as_str(), node.raw());
    assert!(kept.read::<IgnoredAny>().is_ok(), "{}", node.raw());
    assert_eq!(value(kept.node()), value(node));
    let (mut here, mut there) = (Edits::new(), Edits::new());
    edit(kept.node(), &mut here);
    let copy = Bytes::copy_from_slice(node.raw().as_bytes());
    edit(Doc::parse(&copy).unwrap().root(), &mut there);
    assert_eq!(
        kept.edited(here).as_str().as_bytes(),
        &there.apply(&copy)[..]
    );
    let members = node.members().map(|(_, member)| member);
    members.chain(node.elements()).for_each(check_pieces);
}

proptest! {
    #[test]
    fn pieces_outlive_their_body(json in json()) {
        let body = JsonBody::new(Bytes::from(json));
        check_pieces(body.doc().unwrap().root());
    }
}
