//! Items inside a turn.

use super::*;

#[test]
fn e8_empty_texts_leave_no_hole() {
    let items = vec![Item::text(""), Item::text("hello"), Item::text("")];
    let got = contents(vec![Turn::new(Role::User, items)]);
    assert_eq!(got[0]["parts"], json!([{"text": "hello"}]));
    let audio = Item::Audio {
        source: MediaSource::Base64 {
            mime: "audio/mpeg".into(),
            data: "AAAA".into(),
        },
        transcript: None,
        id: None,
    };
    let got = contents(vec![Turn::new(Role::User, vec![Item::text(""), audio])]);
    assert_eq!(
        got[0]["parts"],
        json!([{"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}}])
    );
}

#[test]
fn e32_empty_results_stay() {
    let got = contents(vec![
        user("go"),
        assistant(vec![call("c1", "f", "{}")]),
        results(vec![result("c1", Vec::new())]),
    ]);
    assert_eq!(
        got[2]["parts"][0]["functionResponse"]["response"],
        json!({"output": ""})
    );
}

#[test]
fn results_as_objects_and_errors() {
    let mut object = result("c1", vec![Item::text("x")]);
    let mut failed = answer("c2", "boom");
    if let Item::Result { object, .. } = &mut object {
        *object = Some(json!({"temp": 22}).into());
    }
    if let Item::Result { is_error, .. } = &mut failed {
        *is_error = true;
    }
    let got = contents(vec![
        user("go"),
        assistant(vec![call("c1", "f", "{}"), call("c2", "g", "{}")]),
        results(vec![object, failed]),
    ]);
    assert_eq!(
        got[2]["parts"][0]["functionResponse"]["response"],
        json!({"temp": 22})
    );
    assert_eq!(
        got[2]["parts"][1]["functionResponse"]["response"],
        json!({"error": "boom"})
    );
}

#[test]
fn e45_arguments_are_always_an_object() {
    for (arguments, want) in [
        ("", json!({})),
        ("\"abc\"", json!({"input": "abc"})),
        (
            "{\"a\":1}{\"b\":2}",
            json!({"raw_arguments": "{\"a\":1}{\"b\":2}"}),
        ),
    ] {
        let got = contents(vec![
            user("go"),
            assistant(vec![call("c", "f", arguments)]),
            results(vec![answer("c", "x")]),
        ]);
        assert_eq!(
            got[1]["parts"][0]["functionCall"]["args"], want,
            "{arguments}"
        );
    }
}

#[test]
fn e47_unsigned_and_foreign_thinking_is_dropped() {
    let foreign = Some(Signature {
        issuer: SignatureIssuer::Anthropic,
        value: "x".into(),
        place: SignaturePlace::Here,
    });
    for thought in [thinking("hm", None), thinking("hm", foreign)] {
        let got = contents(vec![user("a"), assistant(vec![thought]), user("b")]);
        assert_eq!(
            got,
            json!([{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}])
        );
    }
}

#[test]
fn signatures_go_back_to_their_places() {
    let got = contents(vec![
        user("a"),
        assistant(vec![
            thinking("hm", signature("s1", SignaturePlace::Here)),
            thinking("", signature("s2", SignaturePlace::NextText)),
            Item::text("x"),
            thinking("summary", signature("s3", SignaturePlace::Detached)),
            thinking("", signature("s4", SignaturePlace::NextCall)),
            call("c1", "f", "{}"),
            signed(call("c2", "f", "{}"), "s5"),
            signed(Item::text("y"), "s6"),
        ]),
        results(vec![answer("c1", "1"), answer("c2", "2")]),
    ]);
    assert_eq!(
        got[1]["parts"],
        json!([
            {"text": "hm", "thought": true, "thoughtSignature": "s1"},
            {"text": "x", "thoughtSignature": "s2"},
            {"text": "", "thoughtSignature": "s3"},
            {"functionCall": {"name": "f", "args": {}, "id": "c1"}, "thoughtSignature": "s4"},
            {"functionCall": {"name": "f", "args": {}, "id": "c2"}, "thoughtSignature": "s5"},
            {"text": "y", "thoughtSignature": "s6"},
        ])
    );
}

#[test]
fn e56_stand_in_on_the_first_call_of_an_unsigned_group() {
    let history = |first: Item| {
        turns(vec![
            user("go"),
            assistant(vec![Item::text("ok"), first, call("c2", "f", "{}")]),
            results(vec![answer("c1", "1"), answer("c2", "2")]),
        ])
    };
    let signatures = |upstream: Upstream, request: &Request| -> Vec<Value> {
        let body = upstream.body(request);
        let parts = body["contents"][1]["parts"].as_array().unwrap();
        parts[1..]
            .iter()
            .map(|part| part["thoughtSignature"].clone())
            .collect()
    };
    let unsigned = history(call("c1", "f", "{}"));
    let native = history(signed(call("c1", "f", "{}"), "s"));
    let skip = json!("skip_thought_signature_validator");
    assert_eq!(
        signatures(Upstream::gemini3(), &unsigned),
        [skip, Value::Null]
    );
    assert_eq!(
        signatures(Upstream::gemini3(), &native),
        [json!("s"), Value::Null]
    );
    assert_eq!(
        signatures(Upstream::default(), &unsigned),
        [Value::Null, Value::Null]
    );
}

#[test]
fn e61_the_signature_of_a_call_goes_back_on_the_same_call() {
    let request = turns(vec![
        user("go"),
        assistant(vec![signed(call("c1", "f", "{}"), "s")]),
        results(vec![answer("c1", "1")]),
    ]);
    let body = Upstream::gemini3().body(&request);
    assert_eq!(body["contents"][1]["parts"][0]["thoughtSignature"], "s");
}

#[test]
fn e121_urls_that_google_reads_and_others() {
    let image = |url: &str, mime: Option<&str>| Item::Image {
        source: MediaSource::Url {
            url: url.into(),
            mime: mime.map(Into::into),
        },
        detail: None,
        cache: None,
    };
    let got = contents(vec![Turn::new(
        Role::User,
        vec![
            image("https://example.com/a.png", None),
            image("gs://b/o.png", None),
            image("gs://b/o", None),
            image("gs://b/o", Some("image/webp")),
            image(
                "https://generativelanguage.googleapis.com/v1beta/files/x",
                None,
            ),
        ],
    )]);
    assert_eq!(
        got[0]["parts"],
        json!([
            {"text": "[image: https://example.com/a.png]"},
            {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/o.png"}},
            {"text": "[image: gs://b/o]"},
            {"fileData": {"mimeType": "image/webp", "fileUri": "gs://b/o"}},
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/x"}},
        ])
    );
}

#[test]
fn e125_pictures_of_results_stay_with_their_result() {
    let request = turns(vec![
        user("go"),
        assistant(vec![call("c1", "f", "{}"), call("c2", "g", "{}")]),
        results(vec![
            result("c1", vec![Item::text("one"), png()]),
            result("c2", vec![Item::text("two"), png()]),
        ]),
    ]);
    let blob = json!({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}});
    let got = Upstream::gemini3().body(&request);
    let parts = got["contents"][2]["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2);
    for part in parts {
        assert_eq!(part["functionResponse"]["parts"], json!([blob]));
    }
    let got = body(&request);
    let parts = got["contents"][2]["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 4);
    assert_eq!(parts[0]["functionResponse"]["name"], "f");
    assert_eq!(parts[1], blob);
    assert_eq!(parts[2]["functionResponse"]["name"], "g");
    assert_eq!(parts[3], blob);
}

#[test]
fn e127_other_media_are_inline_data() {
    let base64 = |mime: &str| MediaSource::Base64 {
        mime: mime.into(),
        data: "AAAA".into(),
    };
    let file = |source| Item::File {
        source,
        name: Some("a.txt".into()),
        context: None,
        citations_enabled: false,
        cache: None,
    };
    let text = MediaSource::Text {
        mime: "text/plain".into(),
        data: "hi".into(),
    };
    let blocks = MediaSource::Content(json!([{"type": "text", "text": "block"}]).into());
    let foreign = MediaSource::FileId {
        dialect: Dialect::Anthropic,
        id: "file_1".into(),
    };
    let got = contents(vec![Turn::new(
        Role::User,
        vec![
            Item::Video {
                source: base64("video/mp4"),
            },
            file(base64("application/pdf")),
            file(text),
            file(blocks),
            file(foreign),
        ],
    )]);
    let blob = |mime: &str, data: &str| json!({"inlineData": {"mimeType": mime, "data": data}});
    assert_eq!(
        got[0]["parts"],
        json!([
            blob("video/mp4", "AAAA"),
            blob("application/pdf", "AAAA"),
            blob("text/plain", "aGk="),
            {"text": "block"},
            {"text": "[file: kept by another provider]"},
        ])
    );
}

#[test]
fn text_only_models_get_notes_for_pictures() {
    let mut upstream = Upstream::default();
    upstream.model.vision = Some(false);
    let got = upstream.body(&turns(vec![Turn::new(Role::User, vec![png()])]));
    assert_eq!(
        got["contents"][0]["parts"],
        json!([{"text": "[image: this model reads text only]"}])
    );
}
