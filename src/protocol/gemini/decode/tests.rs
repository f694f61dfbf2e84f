//! Client bodies → requests.

use super::decode;
use crate::canonical::{
    Arguments, Choice, Effort, Item, MediaSource, NormalizeRules, OutputFormat, ReasoningIntent,
    ReasoningShow, Request, Role, Signature, SignatureIssuer, SignaturePlace, ToolKind, normalize,
};
use crate::codec::{CodecError, Dialect, PathFacts};
use bytes::Bytes;
use serde_json::{Value, json};

const PATH: PathFacts<'_> = PathFacts {
    model: Some("gemini-2.5-pro(high)"),
    stream: Some(true),
};

fn try_read(body: &Value) -> Result<Request, CodecError> {
    decode(&Bytes::from(body.to_string()).into(), &PATH)
}

#[track_caller]
fn read(body: Value) -> Request {
    try_read(&body).unwrap()
}

/// The request without the body it came from, to compare two spellings.
#[track_caller]
fn read_bare(body: Value) -> Request {
    Request {
        native: None,
        ..read(body)
    }
}

fn contents(contents: Value) -> Request {
    read(json!({ "contents": contents }))
}

fn roles(request: &Request) -> Vec<Role> {
    request.turns.iter().map(|turn| turn.role).collect()
}

fn gemini(value: &str, place: SignaturePlace) -> Signature {
    Signature {
        issuer: SignatureIssuer::Gemini,
        value: value.into(),
        place,
    }
}

/// A signature in Google's form: base64 of a protobuf that is not Anthropic's.
const SIGNATURE: &str = "EpEBCo4BAb4+9vueD6qXh+z6U+4AqU940Oj5Cdxb85BS4kZ2qdo/Y9VJGyog8DcshmXFSqqX";

#[test]
fn model_and_stream_come_from_the_path() {
    let request = read(json!({"contents": "hi", "model": "other"}));
    assert_eq!(request.model, "gemini-2.5-pro(high)");
    assert!(request.stream);
    let path = PathFacts {
        model: Some("models/gemini-x"),
        stream: None,
    };
    let request = decode(&Bytes::from_static(b"{\"contents\":[]}").into(), &path).unwrap();
    assert_eq!(
        (request.model.as_str(), request.stream),
        ("gemini-x", false)
    );
    let nameless = decode(
        &Bytes::from_static(b"{\"contents\":[]}").into(),
        &PathFacts::default(),
    );
    assert!(nameless.is_err());
}

#[test]
fn e18_other_spellings_mean_the_same() {
    let camel = read_bare(json!({
        "systemInstruction": {"parts": [{"text": "S"}]},
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {"maxOutputTokens": 5, "topP": 0.5, "thinkingConfig": {"thinkingBudget": 7}},
        "safetySettings": [],
        "cachedContent": "cachedContents/1",
    }));
    let snake = read_bare(json!({
        "system_instruction": "S",
        "contents": [
            {"parts": {"inline_data": {"mime_type": "image/png", "data": "iVBORw0KGgo="}}},
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"a": 1}}}]},
            {"role": "function", "parts": [{"function_response": {"name": "f", "response": {"output": "x"}}}]},
        ],
        "tools": {"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]},
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        "generation_config": {"max_output_tokens": "5", "top_p": 0.5, "thinking_config": {"thinking_budget": 7.0}},
        "safety_settings": [],
        "cached_content": "cachedContents/1",
    }));
    assert_eq!(camel, snake);
    assert_eq!(roles(&camel), [Role::User, Role::Assistant, Role::Tool]);
    assert_eq!(camel.system[0].text, "S");
}

#[test]
fn e79_unknown_fields_are_dropped() {
    let request = read_bare(json!({"contents": [], "foo": 1, "generationConfig": {"bar": {}}}));
    assert_eq!(
        request,
        Request {
            model: PATH.model.unwrap().into(),
            stream: true,
            ..Request::default()
        }
    );
}

#[test]
fn wrong_types_are_refused_with_their_path() {
    for (body, want) in [
        (json!([]), "body"),
        (
            json!({"contents": [{"parts": [{"text": 5}]}]}),
            "contents[0].parts[0].text",
        ),
        (json!({"contents": [1]}), "contents[0]"),
        (
            json!({"contents": [{"parts": [{"text": "a"}, {"inlineData": {"data": "%%"}}]}]}),
            "contents[0].parts[1].inlineData.data",
        ),
        (
            json!({"contents": [{"role": "model", "parts": [{"functionCall": {}}]}]}),
            "contents[0].parts[0].functionCall.name",
        ),
        (
            json!({"generationConfig": {"temperature": "hot"}}),
            "generationConfig.temperature",
        ),
        (
            json!({"generationConfig": {"topK": 1.5}}),
            "generationConfig.topK",
        ),
        (
            json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": -2}}}),
            "generationConfig.thinkingConfig.thinkingBudget",
        ),
        (
            json!({"tools": [{"functionDeclarations": [{"description": "x"}]}]}),
            "tools[0].functionDeclarations[0].name",
        ),
    ] {
        match try_read(&body) {
            Err(CodecError::Invalid { path, .. }) => assert_eq!(path, want),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn null_counts_as_absent() {
    let request = read(json!({
        "contents": [{"role": null, "parts": [{"text": "a", "thought": null, "thoughtSignature": null}]}],
        "safetySettings": null, "systemInstruction": null, "toolConfig": null, "tools": null,
        "generationConfig": {"temperature": null},
    }));
    assert_eq!(request.turns[0].items, [Item::text("a")]);
    assert_eq!(request.safety_settings, None);
}

#[test]
fn lone_surrogates_do_not_break_a_request() {
    let body = Bytes::from_static(br#"{"contents":[{"parts":[{"text":"cut \ud83d"}]}]}"#);
    let request = decode(&body.clone().into(), &PATH).unwrap();
    assert_eq!(request.turns[0].items, [Item::text("cut \u{fffd}")]);
}

#[test]
fn e33_e34_results_find_their_calls() {
    let call = |name: &str, id: Option<&str>| json!({"functionCall": {"id": id, "name": name, "args": {}}});
    let result = |name: &str, id: Option<&str>, out: &str| json!({"functionResponse": {"id": id, "name": name, "response": {"output": out}}});
    let bound = |calls: Value, results: Value| {
        let request = contents(json!([
            {"role": "model", "parts": calls},
            {"role": "user", "parts": results},
        ]));
        let request = normalize(
            &request,
            NormalizeRules {
                make_ids: Some("call_"),
                ..NormalizeRules::default()
            },
        );
        let texts = |items: &[Item]| -> Vec<(String, String)> {
            items
                .iter()
                .map(|item| match item {
                    Item::Result {
                        call_id, content, ..
                    } => match &content[..] {
                        [Item::Text { text, .. }] => (call_id.clone(), text.to_string()),
                        other => panic!("{other:?}"),
                    },
                    other => panic!("{other:?}"),
                })
                .collect()
        };
        texts(&request.turns[1].items)
    };
    // First in, first out per name.
    let got = bound(
        json!([
            call("a", None),
            call("b", None),
            call("a", None),
            call("b", None)
        ]),
        json!([
            result("b", None, "b1"),
            result("a", None, "a1"),
            result("b", None, "b2"),
            result("a", None, "a2")
        ]),
    );
    let outputs: Vec<_> = got.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(outputs, ["a1", "b1", "a2", "b2"]);
    // Explicit ids are taken out first.
    let got = bound(
        json!([
            call("f", Some("call_1")),
            call("f", Some("call_2")),
            call("f", Some("call_3"))
        ]),
        json!([
            result("f", Some("call_2"), "two"),
            result("f", None, "one"),
            result("f", None, "three")
        ]),
    );
    let want = [("call_1", "one"), ("call_2", "two"), ("call_3", "three")];
    assert_eq!(got, want.map(|(id, text)| (id.to_owned(), text.to_owned())));
}

#[test]
fn e34_call_id_spellings() {
    for key in ["id", "call_id", "callId"] {
        let request = contents(json!([
            {"parts": [{"functionResponse": {key: "x1", "name": "f", "response": {}}}]}
        ]));
        assert!(
            matches!(&request.turns[0].items[0], Item::Result { call_id, .. } if call_id == "x1"),
            "{key}"
        );
    }
}

#[test]
fn e35_made_ids_are_always_the_same() {
    let body = json!([{"role": "model", "parts": [
        {"functionCall": {"name": "f", "args": {"a": 1}}},
        {"functionCall": {"name": "f", "args": {"a": 1}}},
    ]}, {"parts": [{"functionResponse": {"name": "f", "response": {}}}]}]);
    let ids = || -> Vec<String> {
        let rules = NormalizeRules {
            make_ids: Some("call_"),
            ..NormalizeRules::default()
        };
        let items = &normalize(&contents(body.clone()), rules).turns[0].items;
        items
            .iter()
            .map(|item| match item {
                Item::Call { id, .. } => id.clone(),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let first = ids();
    assert_ne!(first[0], first[1]);
    assert!(first.iter().all(|id| !id.is_empty()));
    assert_eq!(ids(), first);
}

#[test]
fn e36_empty_result_names_are_filled_by_place() {
    let request = contents(json!([
        {"role": "model", "parts": [
            {"functionCall": {"name": "Read", "args": {}}},
            {"functionCall": {"name": "Grep", "args": {}}},
        ]},
        {"parts": [
            {"functionResponse": {"name": "", "response": {"output": "1"}}},
            {"functionResponse": {"name": "", "response": {"output": "2"}}},
            {"functionResponse": {"name": "", "response": {"output": "surplus"}}},
        ]},
    ]));
    let request = normalize(&request, NormalizeRules::default());
    let names: Vec<_> = request.turns[1]
        .items
        .iter()
        .map(|item| match item {
            Item::Result { name, .. } => name.as_deref().unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["Read", "Grep"]);
}

#[test]
fn result_objects_are_kept_and_read() {
    for (response, text, is_error) in [
        (json!({"output": "22C"}), Some("22C"), false),
        (json!({"result": {"t": 1}}), Some("{\"t\":1}"), false),
        (json!({"error": "no"}), Some("no"), true),
        (
            json!({"a": 1, "output": "x"}),
            Some("{\"a\":1,\"output\":\"x\"}"),
            false,
        ),
        (json!({"output": ""}), None, false),
        (json!({}), None, false),
        (json!("bare"), Some("bare"), false),
    ] {
        let request = contents(json!([
            {"parts": [{"functionResponse": {"name": "f", "response": response}}]}
        ]));
        let Item::Result {
            content,
            object,
            is_error: failed,
            ..
        } = &request.turns[0].items[0]
        else {
            panic!("a result");
        };
        let want: Vec<Item> = text.into_iter().map(Item::text).collect();
        assert_eq!((content, *failed), (&want, is_error), "{response}");
        assert_eq!(object.is_some(), response.is_object());
    }
}

#[test]
fn results_text_and_media_of_one_content() {
    let png = json!({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}});
    let request = contents(json!([{"role": "user", "parts": [
        {"functionResponse": {"name": "a", "response": {"output": "1"}, "parts": [png]}},
        {"functionResponse": {"name": "b", "response": {"output": "2"}}},
        png,
        {"text": "and now?"},
        png,
    ]}]));
    assert_eq!(roles(&request), [Role::Tool, Role::User]);
    let n_items: Vec<usize> = request.turns[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Result { content, .. } => content.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(n_items, [2, 2]);
    assert_eq!(request.turns[1].items.len(), 2);
}

#[test]
fn e59_hidden_thoughts_carry_no_signature() {
    let request = contents(json!([
        {"role": "model", "parts": [{"text": "hm", "thought": true}]},
        {"role": "model", "parts": [{"text": "hm", "thought": true}, {"text": "yes"}]},
    ]));
    for turn in &request.turns {
        assert!(matches!(
            &turn.items[0],
            Item::Reasoning { text, signature: None, .. } if text == "hm"
        ));
    }
    assert_eq!(request.turns[1].items[1], Item::text("yes"));
    // An upstream that takes signed thinking only sees the text.
    let rules = NormalizeRules {
        reasoning: crate::canonical::KeepReasoning::SignedBy(SignatureIssuer::Anthropic),
        ..NormalizeRules::default()
    };
    let seen = normalize(&request, rules);
    assert_eq!(seen.turns.len(), 1);
    assert_eq!(seen.turns[0].items, [Item::text("yes")]);
}

#[test]
fn thoughts_in_pieces_become_one_item_closed_by_the_signature() {
    let request = contents(json!([{"role": "model", "parts": [
        {"text": "a", "thought": true},
        {"text": "b", "thought": true},
        {"text": "", "thought": true, "thoughtSignature": SIGNATURE},
        {"text": "c", "thought": true},
        {"text": "x", "thoughtSignature": SIGNATURE},
        {"functionCall": {"name": "f"}, "thoughtSignature": SIGNATURE},
        {"functionCall": {"name": "g"}, "thoughtSignature": "skip_thought_signature_validator"},
        {"text": "", "thoughtSignature": SIGNATURE},
    ]}]));
    let found: Vec<(String, Option<SignaturePlace>)> = request.turns[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Reasoning {
                text, signature, ..
            } => (format!("think {text}"), signature.as_ref().map(|s| s.place)),
            Item::Text {
                text, signature, ..
            } => (format!("text {text}"), signature.as_ref().map(|s| s.place)),
            Item::Call {
                name, signature, ..
            } => (format!("call {name}"), signature.as_ref().map(|s| s.place)),
            other => panic!("{other:?}"),
        })
        .collect();
    let here = Some(SignaturePlace::Here);
    assert_eq!(
        found,
        [
            ("think ab".into(), here),
            ("think c".into(), None),
            ("text x".into(), here),
            ("call f".into(), here),
            ("call g".into(), None),
            ("think ".into(), Some(SignaturePlace::Detached)),
        ]
    );
}

#[test]
fn signatures_of_other_vendors_come_home() {
    let mut carried = Signature {
        issuer: SignatureIssuer::Anthropic,
        value: "c2ln".into(),
        place: SignaturePlace::Here,
    };
    let value = crate::signature::to_client(&carried, false, Dialect::Gemini);
    let request = contents(json!([{"role": "model", "parts": [
        {"text": "why", "thought": true},
        {"text": "", "thought": true, "thoughtSignature": value},
    ]}]));
    let [
        Item::Reasoning {
            text, signature, ..
        },
    ] = &request.turns[0].items[..]
    else {
        panic!("one thinking item");
    };
    assert_eq!((text.as_str(), signature.as_ref()), ("why", Some(&carried)));
    // Redacted data has no text.
    carried.value = "ZGF0YQ==".into();
    let value = crate::signature::to_client(&carried, true, Dialect::Gemini);
    let request = contents(json!([{"role": "model", "parts": [
        {"text": "", "thought": true, "thoughtSignature": value},
    ]}]));
    assert!(matches!(
        &request.turns[0].items[..],
        [Item::Reasoning { redacted: true, signature: Some(s), .. }] if *s == carried
    ));
}

#[test]
fn unsigned_places_of_gemini() {
    let request = contents(json!([{"role": "model", "parts": [
        {"text": "x", "thought": true, "thoughtSignature": SIGNATURE},
    ]}]));
    let [
        Item::Reasoning {
            signature: Some(s), ..
        },
    ] = &request.turns[0].items[..]
    else {
        panic!("one thinking item");
    };
    // The issuer may stay open: Gemini's signatures have no sure mark.
    assert_eq!(s.value, gemini(SIGNATURE, SignaturePlace::Here).value);
    assert!(matches!(
        s.issuer,
        SignatureIssuer::Gemini | SignatureIssuer::Unknown
    ));
}

#[test]
fn e128_media_by_type() {
    let request = contents(json!([{"parts": [
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}},
        {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
        {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERg==", "displayName": "a.pdf"}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.com/a.jpg"}},
        {"fileData": {"fileUri": "https://youtu.be/x"}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/o.pdf"}},
    ]}]));
    let kinds: Vec<&str> = request.turns[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Image {
                source: MediaSource::Base64 { .. },
                ..
            } => "image",
            Item::Audio { .. } => "audio",
            Item::Video {
                source: MediaSource::Base64 { .. },
            } => "video",
            Item::File {
                source: MediaSource::Base64 { .. },
                name: Some(_),
                ..
            } => "file",
            Item::Image {
                source: MediaSource::Url { .. },
                ..
            } => "image url",
            Item::Video {
                source: MediaSource::Url { .. },
            } => "video url",
            Item::File {
                source: MediaSource::FileId { .. },
                ..
            } => "google file",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "image",
            "audio",
            "video",
            "file",
            "image url",
            "video url",
            "google file"
        ]
    );
}

#[test]
fn url_safe_base64_becomes_standard() {
    let request = contents(json!([{"parts": [
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgr_-w"}},
    ]}]));
    assert!(matches!(
        &request.turns[0].items[0],
        Item::Image { source: MediaSource::Base64 { data, .. }, .. } if data == "iVBORw0KGgr/+w=="
    ));
}

#[test]
fn server_steps_and_unknown_parts_stay_verbatim() {
    let request = contents(json!([{"role": "model", "parts": [
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"toolCall": {"id": "t1", "toolType": "GOOGLE_SEARCH", "args": {}}},
        {"somethingNew": {"a": 1}},
        {"thought": true},
        {},
    ]}]));
    let [
        Item::Server(code),
        Item::Server(tool),
        Item::Opaque { raw, .. },
    ] = &request.turns[0].items[..]
    else {
        panic!("three items: {:?}", request.turns);
    };
    assert_eq!(code.kind, "executableCode");
    assert_eq!(
        (tool.id.as_deref(), tool.name.as_deref()),
        (Some("t1"), Some("GOOGLE_SEARCH"))
    );
    assert_eq!(raw.as_str(), r#"{"somethingNew":{"a":1}}"#);
}

#[test]
fn calls_keep_their_number_text() {
    let body = br#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{ "a": 1.0, "b": 12345678901234567890 }}}]}]}"#;
    let request = decode(&Bytes::from_static(body).into(), &PATH).unwrap();
    let Item::Call { arguments, .. } = &request.turns[0].items[0] else {
        panic!("a call");
    };
    let want = r#"{"a":1.0,"b":12345678901234567890}"#;
    assert_eq!(*arguments, Arguments::Json(want.into()));
}

#[test]
fn tools_and_choices() {
    let request = read(json!({"tools": [
        {"functionDeclarations": [
            {"name": "f", "description": "", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}},
            {"name": "g"},
        ], "codeExecution": {}},
        {"googleSearch": {"excludeDomains": ["b.com"]}},
        {"url_context": {}},
    ]}));
    let kinds: Vec<(&str, &str)> = request
        .tools
        .iter()
        .map(|tool| {
            let kind = match &tool.kind {
                ToolKind::Function {
                    schema: Some(_), ..
                } => "function with schema",
                ToolKind::Function { schema: None, .. } => "function",
                ToolKind::Server { kind, .. } => kind,
                ToolKind::WebSearch {
                    blocked_domains, ..
                } => &blocked_domains[0],
                other => panic!("{other:?}"),
            };
            (tool.name.as_str(), kind)
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("f", "function with schema"),
            ("g", "function"),
            ("codeExecution", "codeExecution"),
            ("googleSearch", "b.com"),
            ("urlContext", "urlContext"),
        ]
    );
    assert_eq!(request.tools[0].description.as_deref(), Some(""));
    let ToolKind::Server { raw, .. } = &request.tools[4].kind else {
        panic!("a server tool");
    };
    assert_eq!(raw.as_str(), r#"{"url_context":{}}"#);

    let tool = |name: &str| Choice::Tool {
        name: name.into(),
        namespace: None,
    };
    let names = || vec!["f".to_owned(), "g".to_owned()];
    for (mode, allowed, want) in [
        ("AUTO", json!([]), Some(Choice::Auto)),
        ("NONE", json!(null), Some(Choice::None)),
        ("ANY", json!(null), Some(Choice::Required)),
        ("ANY", json!(["f"]), Some(tool("f"))),
        (
            "ANY",
            json!(["f", "g"]),
            Some(Choice::Allowed {
                names: names(),
                required: true,
            }),
        ),
        (
            "VALIDATED",
            json!(["f", "g"]),
            Some(Choice::Allowed {
                names: names(),
                required: false,
            }),
        ),
        ("VALIDATED", json!(null), Some(Choice::Auto)),
        ("MODE_UNSPECIFIED", json!(null), None),
    ] {
        let config =
            json!({"functionCallingConfig": {"mode": mode, "allowedFunctionNames": allowed}});
        assert_eq!(
            read(json!({ "toolConfig": config })).tool_choice,
            want,
            "{mode}"
        );
    }
}

#[test]
fn generation_config_into_the_model() {
    let request = read(json!({"generationConfig": {
        "temperature": 0.5, "topP": 0.9, "topK": 40.0, "candidateCount": 2, "seed": -5,
        "maxOutputTokens": 100, "stopSequences": ["END"], "presencePenalty": 0.1,
        "frequencyPenalty": 0.2, "responseLogprobs": true, "logprobs": 3,
        "responseModalities": ["TEXT", "Image"], "imageConfig": {"aspectRatio": "16:9"},
    }}));
    let sampling = &request.sampling;
    assert_eq!(sampling.top_k, Some(40));
    assert_eq!(
        (sampling.n, sampling.seed, sampling.logprobs),
        (Some(2), Some(-5), Some(3))
    );
    assert_eq!(request.limits.max_output, Some(100));
    assert_eq!(request.limits.stop, ["END"]);
    assert_eq!(request.output.modalities, ["text", "image"]);
    assert!(request.output.image_config.is_some());
}

#[test]
fn output_formats() {
    let format = |config: Value| read(json!({ "generationConfig": config })).output.format;
    assert_eq!(format(json!({})), OutputFormat::Text);
    assert_eq!(
        format(json!({"responseMimeType": "text/plain"})),
        OutputFormat::Text
    );
    assert_eq!(
        format(json!({"responseMimeType": "application/json"})),
        OutputFormat::JsonObject
    );
    for config in [
        json!({"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}}),
        json!({"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}),
        json!({"response_mime_type": "application/json", "_responseJsonSchema": {"type": "object"}}),
    ] {
        assert!(
            matches!(
                format(config.clone()),
                OutputFormat::JsonSchema { schema, .. } if schema.as_str() == r#"{"type":"object"}"#
            ),
            "{config}"
        );
    }
}

#[test]
fn thinking_wishes() {
    for (config, intent, show) in [
        (json!({}), ReasoningIntent::Unset, ReasoningShow::Unset),
        (
            json!({"thinkingBudget": 0}),
            ReasoningIntent::Off,
            ReasoningShow::Unset,
        ),
        (
            json!({"thinkingBudget": -1}),
            ReasoningIntent::Auto,
            ReasoningShow::Unset,
        ),
        (
            json!({"thinkingBudget": 512, "includeThoughts": true}),
            ReasoningIntent::Budget(512),
            ReasoningShow::SummaryAuto,
        ),
        (
            json!({"thinkingLevel": "HIGH", "includeThoughts": false}),
            ReasoningIntent::Level(Effort::High),
            ReasoningShow::Hidden,
        ),
        (
            json!({"thinking_level": "minimal"}),
            ReasoningIntent::Level(Effort::Minimal),
            ReasoningShow::Unset,
        ),
    ] {
        let body = json!({"generationConfig": {"thinkingConfig": config}});
        let reasoning = read(body).reasoning;
        assert_eq!(
            (reasoning.intent, reasoning.show),
            (intent, show),
            "{config}"
        );
    }
}
