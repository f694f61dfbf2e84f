//! The same protocol on both sides: what no rule names goes out byte for byte (`matrix.md` §2).

use crate::pair::*;
use crate::said;
use bytes::Bytes;
use proptest::prelude::*;
use protocol::codec::{EndpointTraits, ModelTraits, Patch, ReplyContext, Target};
use protocol::sse::{Frame, SseParser};
use protocol::{Dialect, codec};
use serde_json::Value;

const ALL: [Dialect; 4] = [C, R, A, G];

/// White space between tokens.
fn space() -> impl Strategy<Value = String> {
    "[ \n\t]{0,2}"
}

/// A JSON text in a form no serialiser writes: odd numbers, escapes, double keys, white space.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "1.0",
            "1e3",
            "1E+5",
            "-0",
            "0.10",
            "12345678901234567890",
            "null",
            "true",
            "false",
            r#""h\u00e9""#,
            r#""a\/b""#,
            r#""\ud83d\ude00""#,
            r#""\ud83d""#,
            r#""<&>""#,
            r#""""#,
            r#""data: x\n\n""#,
            r#""\"model\":\"asked\"""#,
        ])
        .prop_map(str::to_owned),
        "\"[a-zé😀\u{2028} ]{0,6}\"",
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let member = (key(), space(), inner.clone())
            .prop_map(|(key, space, value)| format!("{key}{space}:{value}"));
        prop_oneof![
            (prop::collection::vec(member, 0..4), space())
                .prop_map(|(members, space)| format!("{{{space}{}}}", members.join(","))),
            (prop::collection::vec(inner, 0..3), space())
                .prop_map(|(list, space)| format!("[{}{space}]", list.join(" , "))),
        ]
    })
}

/// A key that means nothing to anybody; some of them come twice.
fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        r#""x""#,
        r#""x_new""#,
        r#""x\u0079""#,
        r#""X-ü""#,
        r#""x.y""#,
    ])
    .prop_map(str::to_owned)
}

/// An unknown member of an object.
fn member() -> impl Strategy<Value = String> {
    (key(), space(), json_text()).prop_map(|(key, space, value)| format!("{key}:{space}{value}"))
}

/// Members a body of this protocol needs; `$` stands for an unknown member inside.
fn needed(dialect: Dialect) -> Vec<&'static str> {
    match dialect {
        C | L => vec![
            r#""messages":[{"role":"user","content":[{"type":"text","text":"h\u00e9",$}],$}]"#,
            r#""temperature":1.0"#,
            r#""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object",$},$},$}]"#,
        ],
        R => vec![
            r#""input":[{"role":"user","content":[{"type":"input_text","text":"h\u00e9",$}],$},{"type":"item_new",$}]"#,
            r#""tools":[{"type":"function","name":"f","parameters":{"type":"object",$},$}]"#,
        ],
        A => vec![
            r#""max_tokens":1e2"#,
            r#""messages":[{"role":"user","content":[{"type":"text","text":"h\u00e9",$}],$}]"#,
            r#""tools":[{"name":"f","input_schema":{"type":"object",$},$}]"#,
        ],
        G => vec![
            r#""contents":[{"role":"user","parts":[{"text":"h\u00e9",$}],$}]"#,
            r#""tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT"},$}],$}]"#,
        ],
    }
}

/// A body in pieces: the text in front of the model's value, and behind it.
fn body(dialect: Dialect) -> impl Strategy<Value = (String, String)> {
    let n = needed(dialect).len();
    (
        prop::collection::vec(member(), 0..5),
        prop::collection::vec(member(), 8),
        prop::collection::vec(any::<prop::sample::Index>(), n + 1),
        space(),
    )
        .prop_map(move |(mut members, inner, places, space)| {
            let mut inner = inner.iter().cycle();
            for (text, place) in needed(dialect).into_iter().zip(&places) {
                let filled: String = text
                    .split_inclusive('$')
                    .map(|piece| match piece.strip_suffix('$') {
                        Some(piece) => format!("{piece}{}", inner.next().unwrap()),
                        None => piece.to_owned(),
                    })
                    .collect();
                members.insert(place.index(members.len() + 1), filled);
            }
            let at = places[n].index(members.len() + 1);
            let (before, after) = members.split_at(at);
            let mut head = format!("{{{space}");
            for member in before {
                head.push_str(member);
                head.push_str(&format!("{space},"));
            }
            let mut tail = String::new();
            for member in after {
                tail.push_str(&format!("{space},{space}"));
                tail.push_str(member);
            }
            tail.push_str(&format!("{space}}}"));
            (head, tail)
        })
}

fn patched(dialect: Dialect, raw: &Bytes, patch: &Patch<'_>) -> Bytes {
    let target = Target {
        model: patch.model.unwrap_or("asked"),
        stream: false,
        model_traits: &ModelTraits::default(),
        endpoint: &EndpointTraits::default(),
    };
    codec(dialect)
        .patch_request(raw, patch, &target)
        .unwrap()
        .body
}

fn check_body(dialect: Dialect, (head, tail): &(String, String)) -> Result<(), TestCaseError> {
    let with = |model: &str| match dialect {
        G => {
            // The model stands in the path.
            let head = head.trim_end().trim_end_matches(',');
            if head.trim() == "{" {
                format!("{{{}", tail.trim_start().trim_start_matches(','))
            } else {
                format!("{head}{tail}")
            }
        }
        _ => format!("{head}\"model\": {model} {tail}"),
    };
    let raw = Bytes::from(with(r#""asked""#));
    let same = patched(dialect, &raw, &Patch::default());
    prop_assert_eq!(same.as_ptr(), raw.as_ptr(), "a copy: {:?}", raw);
    prop_assert_eq!(same.len(), raw.len());
    let patch = Patch {
        model: Some("other"),
        ..Patch::default()
    };
    let changed = patched(dialect, &raw, &patch);
    let want = with(r#""other""#);
    prop_assert_eq!(std::str::from_utf8(&changed).unwrap(), want);
    Ok(())
}

/// One event of a stream; the kinds that mean something come with what they need.
fn event(dialect: Dialect) -> impl Strategy<Value = String> {
    let known: Vec<&'static str> = match dialect {
        C | L => vec![
            r#""id":"c","choices":[{"index":0,"delta":{"content":"h\u00e9"}}]"#,
            r#""id":"c","choices":[],"usage":{"prompt_tokens":1}"#,
            r#""object":"news""#,
        ],
        R => vec![
            r#""type":"response.output_text.delta","delta":"h\u00e9""#,
            r#""type":"response.brand_new""#,
            r#""type":"keepalive""#,
        ],
        A => vec![
            r#""type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"h\u00e9"}"#,
            r#""type":"brand_new""#,
            r#""type":"ping""#,
        ],
        G => vec![
            r#""candidates":[{"content":{"parts":[{"text":"h\u00e9"}]}}]"#,
            r#""modelVersion":"asked","usageMetadata":{"promptTokenCount":1.0}"#,
        ],
    };
    let end = prop::sample::select(if dialect == G {
        vec!["\n\n", "\r\n\r\n", "\r\r"]
    } else {
        vec!["\n\n", "\r\n\r\n", "\r\r", "\n\r\n"]
    });
    let comment = if dialect == G { 0 } else { 1 };
    (
        prop::sample::select(known),
        member(),
        space(),
        end,
        any::<bool>(),
        0..=comment,
    )
        .prop_map(move |(known, member, space, end, first, comment)| {
            let space = space.replace('\n', " ");
            let member = member.replace('\n', " ");
            let object = if first {
                format!("{{{space}{member},{known}}}")
            } else {
                format!("{{{known} ,{member}{space}}}")
            };
            let name = serde_json::from_str::<Value>(&object)
                .ok()
                .and_then(|value| value["type"].as_str().map(str::to_owned));
            let line = &end[..end.len() / 2];
            let mut out = String::new();
            if comment > 0 {
                out.push_str(&format!(": keep-alive{end}"));
            }
            if let (A | R, Some(name)) = (dialect, name) {
                out.push_str(&format!("event: {name}{line}"));
            }
            out.push_str(&format!("data: {object}{end}"));
            out
        })
}

fn check_stream(
    dialect: Dialect,
    events: &[String],
    cuts: &[prop::sample::Index],
) -> Result<(), TestCaseError> {
    let whole = String::from_utf8(sse(dialect, &said::text(dialect, "hello"))).unwrap();
    // The odd events stand behind the head of a reply that ends as it should.
    let at = whole.find("\n\n").unwrap() + 2;
    let stream = format!("{}{}{}", &whole[..at], events.concat(), &whole[at..]);
    let context = ReplyContext {
        include_usage: true,
        ..ReplyContext::default()
    };
    let mut relay = codec(dialect).relay(&context);
    let mut parser = SseParser::new();
    let mut out = Vec::new();
    let mut each = |frame: &Frame<'_>| {
        relay.frame(frame, &mut out);
    };
    let bytes = stream.as_bytes();
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut from = 0;
    for place in places.into_iter().chain([bytes.len()]) {
        parser.push(&bytes[from..place], &mut each).unwrap();
        from = place;
    }
    parser.finish(&mut each).unwrap();
    let failure = relay.finish(&mut out);
    prop_assert_eq!(failure, None);
    prop_assert_eq!(String::from_utf8(out).unwrap(), stream);
    Ok(())
}

proptest! {
    #[test]
    fn e80_bodies_pass_byte_for_byte(
        chat in body(C), responses in body(R), anthropic in body(A), gemini in body(G),
    ) {
        for (dialect, body) in ALL.into_iter().zip([chat, responses, anthropic, gemini]) {
            check_body(dialect, &body)?;
        }
    }

    #[test]
    fn e80_streams_pass_byte_for_byte(
        chat in prop::collection::vec(event(C), 0..6),
        responses in prop::collection::vec(event(R), 0..6),
        anthropic in prop::collection::vec(event(A), 0..6),
        gemini in prop::collection::vec(event(G), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        for (dialect, events) in ALL.into_iter().zip([chat, responses, anthropic, gemini]) {
            check_stream(dialect, &events, &cuts)?;
        }
    }

    /// Whole replies, too.
    #[test]
    fn e80_replies_pass_byte_for_byte(members in prop::collection::vec(member(), 0..4)) {
        for dialect in ALL {
            let reply = said::whole(dialect, "hello").to_string();
            let mut text = String::from("{ ");
            for member in &members {
                text.push_str(member);
                text.push_str(" ,\n");
            }
            text.push_str(&reply[1..]);
            let raw = Bytes::from(text);
            let (out, usage) = codec(dialect).relay_response(&raw, &ReplyContext::default());
            prop_assert_eq!(out.as_ptr(), raw.as_ptr());
            prop_assert_eq!(usage.and_then(|usage| usage.input_total), Some(12));
        }
    }
}
