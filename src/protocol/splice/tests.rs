mod body;
mod random;

use super::*;
use bytes::Bytes;

fn edited(raw: &str, edit: impl FnOnce(&mut Edits, Node<'_>)) -> String {
    let raw = Bytes::copy_from_slice(raw.as_bytes());
    let mut edits = Edits::new();
    edit(&mut edits, Doc::parse(&raw).unwrap().root());
    String::from_utf8(edits.apply(&raw).to_vec()).unwrap()
}

#[test]
fn reads_kinds_members_and_elements() {
    let text = br#" {"a":[1, "x\"]" ,{}],"b":null,"\u0061":true,"c":"\u00e9\ud83d\ude00\ud800.","n":-1e3} "#;
    let root = Doc::parse(text).unwrap().root();
    assert_eq!(root.kind(), Kind::Object);
    let keys: Vec<_> = root
        .members()
        .map(|(k, v)| (k.into_owned(), v.kind()))
        .collect();
    let want = [
        ("a", Kind::Array),
        ("b", Kind::Null),
        ("a", Kind::Bool),
        ("c", Kind::String),
        ("n", Kind::Number),
    ];
    assert_eq!(keys, want.map(|(k, v)| (k.to_owned(), v)));
    let first = root.members().next().unwrap().1;
    let elements: Vec<_> = first.elements().map(|e| e.raw()).collect();
    assert_eq!(elements, ["1", r#""x\"]""#, "{}"]);
    assert_eq!(first.elements().nth(1).unwrap().string().unwrap(), "x\"]");
    // The last of several members counts, however its key is written.
    assert_eq!(root.get("a").unwrap().boolean(), Some(true));
    assert_eq!(
        root.get("c").unwrap().string().unwrap(),
        "é\u{1f600}\u{fffd}."
    );
    assert_eq!(root.get("n").unwrap().raw(), "-1e3");
    assert!(root.get("b").unwrap().is_null());
    let [n, none, b] = root.pick(["n", "z", "b"]);
    assert_eq!(n.unwrap().raw(), "-1e3");
    assert!(none.is_none() && b.is_some());
    assert!(root.get("n").unwrap().get("a").is_none());
    assert_eq!(root.get("b").unwrap().elements().count(), 0);
}

#[test]
fn refuses_what_is_no_json() {
    for bad in [
        &b""[..],
        b"{",
        b"{} {}",
        b"{\"a\":1,}",
        b"\"\xff\"",
        b"\"\x01\"",
        b"[01]",
    ] {
        assert!(
            Doc::parse(bad).is_err(),
            "{:?}",
            String::from_utf8_lossy(bad)
        );
    }
}

#[test]
fn removes_members_with_their_comma() {
    for (keys, want) in [
        (&["a"][..], r#"{ "b" : 2 , "c":3 }"#),
        (&["b"], r#"{ "a":1 , "c":3 }"#),
        (&["c"], r#"{ "a":1, "b" : 2 }"#),
        (&["a", "b"], r#"{ "c":3 }"#),
        (&["b", "c"], r#"{ "a":1 }"#),
        (&["a", "b", "c"], "{  }"),
        (&["z"], r#"{ "a":1, "b" : 2 , "c":3 }"#),
    ] {
        let got = edited(r#"{ "a":1, "b" : 2 , "c":3 }"#, |edits, root| {
            keys.iter().for_each(|key| edits.remove(root, key));
        });
        assert_eq!(got, want, "{keys:?}");
    }
}

#[test]
fn sets_members() {
    assert_eq!(edited("{}", |e, root| e.set(root, "a", "1")), r#"{"a":1}"#);
    assert_eq!(
        edited(r#"{"a":1,"b":2,"a":3}"#, |e, root| e.set(root, "a", "9")),
        r#"{"a":9,"b":2}"#
    );
    let got = edited(r#"{"a":1,"b":2}"#, |e, root| {
        e.remove(root, "a");
        e.remove(root, "b");
        e.set(root, "c", "3");
        e.set(root, "d", "0");
        e.set(root, "d", "4");
    });
    assert_eq!(got, r#"{"c":3,"d":4}"#);
    let got = edited(r#"{"a":1,"b":2}"#, |e, root| {
        e.set(root, "a", "9");
        e.remove(root, "a");
        e.remove(root, "b");
        e.set(root, "b", "8");
    });
    assert_eq!(got, r#"{"b":8}"#);
}

#[test]
fn edits_elements() {
    let got = edited("[1,2,3]", |e, root| {
        e.insert_element(root, 0, "\"a\"");
        e.insert_element(root, 0, "\"b\"");
        e.insert_element(root, 1, "\"c\"");
        e.remove_element(root, 1);
        e.insert_element(root, 7, "\"d\"");
    });
    assert_eq!(got, r#"["a","b",1,"c",3,"d"]"#);
    let got = edited("[1,2,3]", |e, root| {
        e.remove_element(root, 2);
        e.remove_element(root, 1);
        e.insert_element(root, 1, "0");
        e.remove_element(root, 9);
    });
    assert_eq!(got, "[1,0]");
    assert_eq!(edited("[ ]", |e, r| e.insert_element(r, 0, "1")), "[1 ]");
    let got = edited("[1]", |e, root| {
        e.remove_element(root, 0);
        e.insert_element(root, 0, "2");
    });
    assert_eq!(got, "[2]");
}

#[test]
fn drops_edits_inside_replaced_and_removed_values() {
    let got = edited(r#"{"a":{"x":1},"b":{"y":2},"c":[{"z":3}]}"#, |e, root| {
        let [a, b, c] = root.pick(["a", "b", "c"]).map(Option::unwrap);
        e.set(a, "x", "9");
        e.remove(root, "a");
        e.replace(b.get("y").unwrap(), "8");
        e.replace(b, "{}");
        e.set(c.elements().next().unwrap(), "w", "4");
    });
    assert_eq!(got, r#"{"b":{},"c":[{"z":3,"w":4}]}"#);
    let got = edited(r#"{"a":1}"#, |e, root| {
        e.replace(root.get("a").unwrap(), "2");
        e.replace(root.get("a").unwrap(), "3");
    });
    assert_eq!(got, r#"{"a":3}"#);
}

#[test]
fn changes_nothing_without_a_copy() {
    let raw = Bytes::from_static(b" {\"a\": 1} ");
    for path in ["b", "a.b", "b.c", "a.0", ""] {
        assert_eq!(
            set_path(&raw, path, None).as_ptr(),
            raw.as_ptr(),
            "{path:?}"
        );
    }
    assert_eq!(set_path(&raw, "a", Some("1")).as_ptr(), raw.as_ptr());
    let mut edits = Edits::new();
    edits.remove(Doc::parse(&raw).unwrap().root(), "b");
    assert_eq!(edits.apply(&raw).as_ptr(), raw.as_ptr());
}

#[test]
fn sets_and_removes_by_path() {
    for (raw, path, json, want) in [
        (
            r#"{"a":{"b":1}}"#,
            "a.c.d",
            Some("2"),
            r#"{"a":{"b":1,"c":{"d":2}}}"#,
        ),
        (r#"{"a":{"b":1}}"#, "a.b", None, r#"{"a":{}}"#),
        (r#"{"a.b":1}"#, r"a\.b", Some("2"), r#"{"a.b":2}"#),
        (r#"{"a":null}"#, "a.b", Some("2"), r#"{"a":{"b":2}}"#),
        (
            r#"{"a":[{"b":1},2]}"#,
            "a.0.b",
            Some("3"),
            r#"{"a":[{"b":3},2]}"#,
        ),
        (r#"{"a":[1,2]}"#, "a.1", None, r#"{"a":[1]}"#),
        (r#"{"a":[1]}"#, "a.1", Some("2"), r#"{"a":[1,2]}"#),
        (r#"{"a":[1]}"#, "a.-1", Some("2"), r#"{"a":[1,2]}"#),
        (r#"{"a":[1]}"#, "a.5", Some("2"), r#"{"a":[1]}"#),
        (r#"{"a":[1]}"#, "a.b.c", Some("2"), r#"{"a":[1]}"#),
        ("7", "a", Some("2"), "7"),
    ] {
        let got = set_path(&Bytes::copy_from_slice(raw.as_bytes()), path, json);
        assert_eq!(got, want.as_bytes(), "{raw} {path}");
    }
    for (path, want) in [
        ("a", true),
        ("a.1.b", true),
        ("a.0.b", false),
        ("a.2", false),
        ("b.c", false),
        ("b", true),
        ("", false),
    ] {
        assert_eq!(has_path(br#"{"a":[0,{"b":1}],"b":null}"#, path), want);
    }
}

#[test]
fn text_that_is_no_json_does_no_harm() {
    for raw in [
        "",
        "{",
        "{\"a\"",
        "{\"a\":",
        "[,,]",
        "{\"a\":\"\\",
        "}{",
        "{\"a\":]}",
        "{\"a\" 1}",
    ] {
        let raw = Bytes::copy_from_slice(raw.as_bytes());
        let _ = set_path(&raw, "a.b", Some("1"));
        let _ = set_path(&raw, "0.a", None);
        assert!(!has_path(&raw, "a.b"));
    }
}

#[test]
fn quotes_as_serde_json() {
    for text in [
        "",
        "plain é",
        "a\"b\\c/",
        "\u{0}\u{1f}\u{7f}\n\r\t\u{8}\u{c}",
        "\u{2028}",
    ] {
        let want = serde_json::to_string(text).unwrap();
        assert_eq!(quote(text), want);
        assert_eq!(text::decode(text::inner(&want)), text);
    }
}

#[test]
fn e80_unedited_parts_keep_their_bytes() {
    let raw = r#"{"temperature":1.0,"n":12345678901234567890,"x":1e3,"a":1,"a":2,"t":"\u003c é <","model":"m"}"#;
    assert_eq!(
        edited(raw, |e, root| e.set(root, "model", "\"k\"")),
        raw.replace("\"m\"", "\"k\"")
    );
}

/// Strings are searched in steps of many bytes: every border of a step is crossed.
#[test]
fn strings_end_behind_any_padding_and_backslashes() {
    for n_pad in 0..70 {
        for n_backslashes in 0..5 {
            for tail in [
                "",
                "é",
                "\u{7f}",
                "\u{a2}\u{dc}",
                "0123456789012345678901234567890123456789",
            ] {
                let text = format!(
                    "{}{}{tail}",
                    "x".repeat(n_pad),
                    "\\\"".repeat(n_backslashes)
                );
                let literal = serde_json::to_string(&text).unwrap();
                assert_eq!(quote(&text), literal);
                let json = format!("[{literal},{{{literal}:{literal}}},1]");
                let doc = Doc::parse(json.as_bytes()).unwrap();
                let elements: Vec<_> = doc.root().elements().collect();
                assert_eq!(elements.len(), 3, "{json}");
                assert_eq!(elements[0].string().unwrap(), text);
                let member = elements[1].get(&text).unwrap();
                assert_eq!(member.raw(), literal);
            }
        }
    }
}

#[test]
fn every_character_is_quoted_as_serde_json_does() {
    for n_pad in 0..10 {
        for code in (0..0x100).chain([0x2028, 0xffff, 0x1_f600]) {
            let character = char::from_u32(code).unwrap();
            let text = format!("{}{character}{}", "é".repeat(n_pad), "x".repeat(9));
            assert_eq!(quote(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
