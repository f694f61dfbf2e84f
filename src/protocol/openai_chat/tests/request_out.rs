//! Bodies for upstreams.

use super::*;
use crate::canonical::{
    Arguments, CacheMark, CallKind, Choice, Effort, Item, MediaSource, OutputFormat,
    ReasoningIntent, Role, Signature, SignatureIssuer, SignaturePlace, SystemBlock, SystemRank,
    Tool, ToolKind, Turn,
};
use crate::codec::Dialect;
use crate::raw::RawJson;
use crate::testing::{assistant, result, user};
use serde_json::json;

fn results(items: Vec<Item>) -> Turn {
    Turn::new(Role::Tool, items)
}

fn request(turns: Vec<Turn>) -> Request {
    Request {
        model: "m".to_owned(),
        turns,
        ..Request::default()
    }
}

fn call(id: &str, name: &str) -> Item {
    crate::testing::call(id, name, "{}")
}

fn png() -> MediaSource {
    MediaSource::Base64 {
        mime: "image/png".to_owned(),
        data: "AAAA".to_owned(),
    }
}

fn image(source: MediaSource, detail: Option<&str>) -> Item {
    Item::Image {
        source,
        detail: detail.map(str::to_owned),
        cache: None,
    }
}

fn thought(text: &str, summary: &[&str]) -> Item {
    Item::Reasoning {
        text: text.to_owned(),
        summary: summary.iter().map(|part| (*part).to_owned()).collect(),
        signature: None,
        redacted: false,
        id: None,
    }
}

fn function(name: &str, schema: Option<Value>) -> Tool {
    Tool {
        name: name.to_owned(),
        namespace: None,
        description: Some("d".into()),
        kind: ToolKind::Function {
            schema: schema.map(RawJson::from),
            strict: None,
            output_schema: None,
        },
        defer_loading: None,
        cache: None,
    }
}

fn custom(name: &str) -> Tool {
    Tool {
        kind: ToolKind::Custom {
            format: Some(json!({"type": "grammar", "syntax": "lark", "definition": "x"}).into()),
        },
        ..function(name, None)
    }
}

fn reasoning_model() -> ModelTraits {
    ModelTraits {
        openai_reasoning: true,
        ..ModelTraits::default()
    }
}

#[test]
fn a_plain_request_is_plain() {
    let mut plain = request(vec![user("hi")]);
    plain.system = vec![SystemBlock {
        text: "S".into(),
        rank: SystemRank::Developer,
        cache: None,
    }];
    plain.limits.max_output = Some(100);
    plain.sampling.temperature = Some(0.5);
    assert_eq!(
        encode(&plain),
        json!({"model": "up", "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "hi"}],
            "max_tokens": 100, "temperature": 0.5})
    );
    // Reasoning models of the first vendor have other words, of another vendor they do not.
    assert_eq!(
        encode_for(&plain, &endpoint(false), &reasoning_model()),
        json!({"model": "up", "messages": [{"role": "developer", "content": "S"}, {"role": "user", "content": "hi"}],
            "max_completion_tokens": 100})
    );
    assert_eq!(
        encode_for(&plain, &endpoint(true), &reasoning_model()),
        encode(&plain)
    );
}

#[test]
fn e3_instructions_stay_in_place() {
    let body = encode(&request(vec![
        user("a"),
        Turn::new(Role::System, vec![Item::text("rule")]),
        user("b"),
    ]));
    assert_eq!(
        body["messages"][1],
        json!({"role": "system", "content": "rule"})
    );
}

#[test]
fn e5_instructions_alone_become_a_user_message() {
    let mut alone = request(Vec::new());
    alone.system = vec![SystemBlock {
        text: "S".into(),
        rank: SystemRank::System,
        cache: None,
    }];
    assert_eq!(
        encode(&alone)["messages"],
        json!([{"role": "user", "content": "S"}])
    );
}

#[test]
fn e10_neighbours_are_not_merged() {
    let body = encode(&request(vec![user("a"), user("b")]));
    assert_eq!(body["messages"].as_array().unwrap().len(), 2);
}

#[test]
fn e11_texts_around_a_call_join_its_message() {
    let body = encode(&request(vec![
        user("hi"),
        assistant(vec![Item::text("pre"), call("c", "f"), Item::text("post")]),
        results(vec![result("c", vec![Item::text("ok")])]),
    ]));
    assert_eq!(
        body["messages"][1],
        json!({"role": "assistant", "content": [{"type": "text", "text": "pre"}, {"type": "text", "text": "post"}],
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]})
    );
}

#[test]
fn e20_refusals_are_parts_or_text() {
    let turns = vec![user("hi"), assistant(vec![Item::Refusal("no".to_owned())])];
    assert_eq!(
        encode(&request(turns.clone()))["messages"][1]["content"],
        json!([{"type": "refusal", "refusal": "no"}])
    );
    assert_eq!(
        encode_for(&request(turns), &endpoint(true), &ModelTraits::default())["messages"][1]["content"],
        "no"
    );
}

/// Role, call id and text of every message.
fn line(body: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| {
            (
                text(&m["role"]),
                text(&m["tool_call_id"]),
                text(&m["content"]),
            )
        })
        .collect()
}

fn row(role: &str, id: &str, text: &str) -> (String, String, String) {
    (role.to_owned(), id.to_owned(), text.to_owned())
}

#[test]
fn e22_what_stands_between_call_and_result_moves_behind() {
    let body = encode(&request(vec![
        user("hi"),
        assistant(vec![call("a", "f"), call("b", "f")]),
        user("between"),
        results(vec![
            result("b", vec![Item::text("B")]),
            result("a", vec![Item::text("A")]),
        ]),
        user("next"),
    ]));
    assert_eq!(
        line(&body),
        [
            row("user", "-", "hi"),
            row("assistant", "-", "-"),
            row("tool", "a", "A"),
            row("tool", "b", "B"),
            row("user", "-", "between"),
            row("user", "-", "next"),
        ]
    );
}

#[test]
fn e23_results_stand_before_the_text_of_their_turn() {
    let body = encode(&request(vec![
        user("hi"),
        assistant(vec![call("a", "f")]),
        Turn::new(
            Role::User,
            vec![
                Item::text("before"),
                result("a", vec![Item::text("A")]),
                Item::text("after"),
            ],
        ),
    ]));
    assert_eq!(line(&body)[2], row("tool", "a", "A"));
    assert_eq!(
        body["messages"][3],
        json!({"role": "user", "content": [{"type": "text", "text": "before"}, {"type": "text", "text": "after"}]})
    );
    assert_eq!(line(&body).len(), 4);
}

#[test]
fn e26_the_last_answer_to_a_call_counts() {
    let body = encode(&request(vec![
        user("hi"),
        assistant(vec![call("dup", "f")]),
        results(vec![result("dup", vec![Item::text("first")])]),
        user("next"),
        results(vec![result("dup", vec![Item::text("final")])]),
        user("end"),
    ]));
    let tools: Vec<_> = line(&body)
        .into_iter()
        .filter(|row| row.0 == "tool")
        .collect();
    assert_eq!(tools, [row("tool", "dup", "final")]);
    assert_eq!(line(&body)[2], row("tool", "dup", "final"));
}

#[test]
fn e27_an_id_used_again_belongs_to_the_latest_call() {
    let round = |text: &str| {
        [
            assistant(vec![call("again", "f")]),
            results(vec![result("again", vec![Item::text(text)])]),
        ]
    };
    let mut turns = vec![user("hi")];
    turns.extend(round("one"));
    turns.push(user("next"));
    turns.extend(round("two"));
    let body = encode(&request(turns));
    let tools: Vec<_> = line(&body)
        .into_iter()
        .filter(|row| row.0 == "tool")
        .collect();
    assert_eq!(
        tools,
        [row("tool", "again", "one"), row("tool", "again", "two")]
    );
}

#[test]
fn e28_calls_nobody_can_tell_apart_are_dropped() {
    let body = encode(&request(vec![
        user("hi"),
        assistant(vec![Item::text("t"), call("same", "f"), call("same", "g")]),
        results(vec![result("same", vec![Item::text("x")])]),
        user("next"),
    ]));
    assert_eq!(
        line(&body),
        [
            row("user", "-", "hi"),
            row("assistant", "-", "t"),
            row("user", "-", "next")
        ]
    );
}

#[test]
fn e29_results_without_a_call_are_dropped() {
    let body = encode(&request(vec![
        results(vec![result("gone", vec![Item::text("x")])]),
        user("hi"),
    ]));
    assert_eq!(line(&body), [row("user", "-", "hi")]);
}

#[test]
fn e30_missing_results_are_filled_in() {
    let body = encode(&request(vec![
        user("hi"),
        assistant(vec![call("a", "f")]),
        user("next"),
    ]));
    assert_eq!(
        line(&body)[2..],
        [
            row("tool", "a", "Tool result missing"),
            row("user", "-", "next")
        ]
    );
    // The very last call keeps waiting.
    let body = encode(&request(vec![user("hi"), assistant(vec![call("a", "f")])]));
    assert_eq!(line(&body).len(), 2);
}

#[test]
fn e31_results_without_id_take_the_next_open_call() {
    let body = encode(&decode(json!({"model": "m", "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [
            {"id": "a", "function": {"name": "f", "arguments": "{}"}},
            {"function": {"name": "g", "arguments": "{}"}}]},
        {"role": "tool", "content": "A"},
        {"role": "tool", "tool_call_id": "", "content": "B"},
        {"role": "tool", "content": "nobody's"},
    ]})));
    let got = line(&body);
    assert_eq!(got[2], row("tool", "a", "A"));
    assert_eq!((got[3].0.as_str(), got[3].2.as_str()), ("tool", "B"));
    assert_eq!(
        got[3].1,
        body["messages"][1]["tool_calls"][1]["id"].as_str().unwrap()
    );
    assert!(!got[3].1.is_empty() && got.len() == 4);
}

#[test]
fn e32_a_result_of_nothing_is_empty_content() {
    let body = encode(&request(vec![
        user("hi"),
        assistant(vec![call("c", "f")]),
        results(vec![result("c", Vec::new())]),
    ]));
    assert_eq!(line(&body)[2], row("tool", "c", ""));
}

#[test]
fn results_say_so_when_they_failed() {
    for (text, want) in [
        ("boom", "Error: boom"),
        ("error 7", "error 7"),
        ("", "Error"),
    ] {
        let content = if text.is_empty() {
            Vec::new()
        } else {
            vec![Item::text(text)]
        };
        let mut failed = result("c", content);
        let Item::Result { is_error, .. } = &mut failed else {
            panic!()
        };
        *is_error = true;
        let body = encode(&request(vec![
            user("hi"),
            assistant(vec![call("c", "f")]),
            results(vec![failed]),
        ]));
        assert_eq!(line(&body)[2], row("tool", "c", want));
    }
}

#[test]
fn a_result_object_is_its_own_text() {
    let mut plain = result("c", Vec::new());
    let Item::Result { object, .. } = &mut plain else {
        panic!()
    };
    *object = Some(RawJson::parse(r#"{"temp": 1.0}"#).unwrap());
    let body = encode(&request(vec![
        user("hi"),
        assistant(vec![call("c", "f")]),
        results(vec![plain]),
    ]));
    assert_eq!(line(&body)[2], row("tool", "c", r#"{"temp": 1.0}"#));
}

#[test]
fn e123_pictures_in_results() {
    let url = MediaSource::Url {
        url: "https://e.org/a.png".to_owned(),
        mime: None,
    };
    let turns = vec![
        user("hi"),
        assistant(vec![call("a", "f"), call("b", "f")]),
        results(vec![
            result("a", vec![Item::text("see"), image(png(), None)]),
            result("b", vec![image(url, None)]),
        ]),
        user("next"),
    ];
    let data = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let link = json!({"type": "image_url", "image_url": {"url": "https://e.org/a.png"}});
    let taking = EndpointTraits {
        tool_images: true,
        ..EndpointTraits::default()
    };
    let body = encode_for(&request(turns.clone()), &taking, &ModelTraits::default());
    assert_eq!(
        body["messages"][2]["content"],
        json!([{"type": "text", "text": "see"}, data])
    );
    assert_eq!(body["messages"][3]["content"], json!([link]));
    assert_eq!(body["messages"].as_array().unwrap().len(), 5);
    // Officially results are text: the pictures follow behind all results of the group.
    let body = encode(&request(turns.clone()));
    assert_eq!(line(&body)[2], row("tool", "a", "see"));
    assert_eq!(line(&body)[3], row("tool", "b", ""));
    let behind = body["messages"][4]["content"].as_array().unwrap();
    assert_eq!(body["messages"][4]["role"], "user");
    assert_eq!((&behind[1], &behind[3]), (&data, &link));
    assert_eq!(line(&body)[5], row("user", "-", "next"));
    // A model without eyes is told.
    let blind = ModelTraits {
        vision: Some(false),
        ..ModelTraits::default()
    };
    let body = encode_for(&request(turns), &taking, &blind);
    assert_eq!(line(&body)[2].2, "see\n[image omitted: image/png]");
    assert_eq!(line(&body)[3].2, "[image: https://e.org/a.png]");
}

#[test]
fn e47_a_turn_of_nothing_but_thinking_is_dropped() {
    let turns = vec![
        user("hi"),
        assistant(vec![thought("hm", &[])]),
        user("and?"),
    ];
    for wants in [false, true] {
        let endpoint = EndpointTraits {
            wants_reasoning_content: wants,
            ..endpoint(true)
        };
        let body = encode_for(&request(turns.clone()), &endpoint, &ModelTraits::default());
        assert_eq!(
            line(&body),
            [row("user", "-", "hi"), row("user", "-", "and?")]
        );
        assert!(!body.to_string().contains("reasoning_content"));
    }
}

#[test]
fn e60_reasoning_goes_back_to_those_who_want_it() {
    let endpoint = EndpointTraits {
        wants_reasoning_content: true,
        ..endpoint(true)
    };
    let turns = |items: Vec<Item>| {
        request(vec![
            user("hi"),
            assistant(items),
            results(vec![result("c", vec![Item::text("ok")])]),
        ])
    };
    let known = turns(vec![
        thought("", &["first"]),
        thought("", &["second"]),
        call("c", "f"),
    ]);
    let unknown = turns(vec![call("c", "f")]);
    for (request, want) in [
        (&known, "first\n\nsecond"),
        (&unknown, "[reasoning unavailable]"),
    ] {
        let body = encode_for(request, &endpoint, &ModelTraits::default());
        assert_eq!(body["messages"][1]["reasoning_content"], want);
        assert!(
            encode(request)["messages"][1]
                .get("reasoning_content")
                .is_none()
        );
    }
}

#[test]
fn e61_signatures_go_back_to_the_gemini_compatible_endpoint() {
    let mut signed = call("c", "f");
    let Item::Call { signature, .. } = &mut signed else {
        panic!()
    };
    *signature = Some(Signature {
        issuer: SignatureIssuer::Gemini,
        value: "sig".to_owned(),
        place: SignaturePlace::Here,
    });
    let body = encode_for(
        &request(vec![user("hi"), assistant(vec![signed])]),
        &endpoint(true),
        &ModelTraits::default(),
    );
    assert_eq!(
        body["messages"][1]["tool_calls"][0]["extra_content"],
        json!({"google": {"thought_signature": "sig"}})
    );
}

#[test]
fn e69_stop_is_always_an_array() {
    let mut stopped = request(vec![user("hi")]);
    stopped.limits.stop = vec!["</block>".to_owned()];
    assert_eq!(encode(&stopped)["stop"], json!(["</block>"]));
}

#[test]
fn e72_usage_is_always_asked_for() {
    let mut streamed = request(vec![user("hi")]);
    assert!(encode(&streamed).get("stream").is_none());
    streamed.stream = true;
    let body = encode(&streamed);
    assert_eq!(body["stream"], true);
    assert_eq!(body["stream_options"], json!({"include_usage": true}));
    let without = EndpointTraits {
        no_stream_options: true,
        ..EndpointTraits::default()
    };
    let body = encode_for(&streamed, &without, &ModelTraits::default());
    assert!(body.get("stream_options").is_none());
}

#[test]
fn e73_several_choices_are_passed() {
    let mut several = request(vec![user("hi")]);
    several.sampling.n = Some(2);
    assert_eq!(encode(&several)["n"], 2);
    several.sampling.n = Some(1);
    assert!(encode(&several).get("n").is_none());
}

#[test]
fn e75_logprobs_with_and_without_alternatives() {
    let mut wish = request(vec![user("hi")]);
    wish.sampling.logprobs = Some(3);
    assert_eq!(encode(&wish)["top_logprobs"], 3);
    wish.sampling.logprobs = Some(0);
    let body = encode(&wish);
    assert_eq!(body["logprobs"], true);
    assert!(body.get("top_logprobs").is_none());
}

#[test]
fn e78_long_user_ids_become_a_stable_hash() {
    let long = "x".repeat(150);
    let mut known = request(vec![user("hi")]);
    known.end_user = Some(long);
    let first = encode(&known)["user"].as_str().unwrap().to_owned();
    assert!(first.len() <= 64 && !first.is_empty());
    assert_eq!(encode(&known)["user"], first);
    let plain = encode_for(&known, &endpoint(true), &ModelTraits::default());
    assert!(plain.get("user").is_none());
    known.end_user = Some("ann".to_owned());
    let plain = encode_for(&known, &endpoint(true), &ModelTraits::default());
    assert_eq!(plain["user"], "ann");
}

#[test]
fn other_vendors_get_no_fields_of_the_first() {
    let mut rich = request(vec![user("hi")]);
    rich.output.verbosity = Some("low".to_owned());
    rich.tier = Some("flex".to_owned());
    rich.metadata = Some(json!({"a": "b"}).into());
    rich.safety_identifier = Some("s".to_owned());
    rich.cache.key = Some("k".to_owned());
    rich.store = Some(true);
    let body = encode(&rich);
    for key in [
        "verbosity",
        "service_tier",
        "metadata",
        "safety_identifier",
        "prompt_cache_key",
    ] {
        assert!(body.get(key).is_some(), "{key}");
    }
    assert!(body.get("store").is_none());
    let plain = encode_for(&rich, &endpoint(true), &ModelTraits::default());
    assert_eq!(
        plain,
        json!({"model": "up", "messages": [{"role": "user", "content": "hi"}]})
    );
    let caching = EndpointTraits {
        prompt_cache_key: true,
        ..endpoint(true)
    };
    let body = encode_for(&rich, &caching, &ModelTraits::default());
    assert_eq!(body["prompt_cache_key"], "k");
}

#[test]
fn tiers_are_translated() {
    for (dialect, tier, speed, want) in [
        (Dialect::Anthropic, Some("auto"), None, Value::Null),
        (Dialect::Anthropic, Some("standard_only"), None, Value::Null),
        (
            Dialect::Anthropic,
            Some("auto"),
            Some("fast"),
            json!("priority"),
        ),
        (Dialect::OpenAiResponses, Some("auto"), None, json!("auto")),
        (
            Dialect::OpenAiResponses,
            Some("priority"),
            None,
            json!("priority"),
        ),
        (Dialect::Gemini, Some("standard"), None, json!("default")),
        (Dialect::Gemini, None, None, Value::Null),
    ] {
        let mut tiered = request(vec![user("hi")]);
        tiered.native = Some((dialect, Bytes::new()));
        tiered.tier = tier.map(str::to_owned);
        tiered.speed = speed.map(str::to_owned);
        assert_eq!(
            encode(&tiered)["service_tier"],
            want,
            "{dialect:?} {tier:?}"
        );
    }
}

#[test]
fn cache_marks_go_to_endpoints_that_take_cache_hints() {
    let marked = Item::Text {
        text: "hi".into(),
        citations: Vec::new(),
        signature: None,
        cache: Some(CacheMark {
            ttl: Some("1h".to_owned()),
        }),
        logprobs: None,
    };
    let request = request(vec![Turn::new(Role::User, vec![marked])]);
    let caching = EndpointTraits {
        prompt_cache_key: true,
        ..endpoint(true)
    };
    assert_eq!(
        encode_for(&request, &caching, &ModelTraits::default())["messages"][0]["content"],
        json!([{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}])
    );
    assert_eq!(encode(&request)["messages"][0]["content"], "hi");
}

#[test]
fn e82_long_names_are_cut_and_stay_apart() {
    let start = format!("mcp__{}__workers_builds_get_build", "s".repeat(50));
    let long = format!("{start}_logs");
    let mut named = request(vec![user("hi"), assistant(vec![call("a", &long)])]);
    named.tools = vec![function(&start, None), function(&long, None)];
    let body = encode(&named);
    let name = |n: usize| body["tools"][n]["function"]["name"].as_str().unwrap();
    assert_ne!(name(0), name(1));
    assert!(name(0).len() <= 64 && name(1).len() <= 64);
    assert_eq!(
        body["messages"][1]["tool_calls"][0]["function"]["name"],
        name(1)
    );
    assert_eq!(encode(&named), body);
}

#[test]
fn e84_names_stay_apart_and_are_used_everywhere() {
    let mut named = request(vec![
        user("hi"),
        assistant(vec![call("a", "read/file")]),
        results(vec![result("a", vec![Item::text("ok")])]),
    ]);
    named.tools = vec![function("read/file", None), function("read_file", None)];
    named.tool_choice = Some(Choice::Tool {
        name: "read/file".to_owned(),
        namespace: None,
    });
    let target = Target {
        model: "up",
        stream: false,
        model_traits: &ModelTraits::default(),
        endpoint: &EndpointTraits::default(),
    };
    let encoded = OpenAiChat.encode_request(&named, &target).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    let name = |n: usize| body["tools"][n]["function"]["name"].as_str().unwrap();
    assert_ne!(name(0), name(1));
    assert_eq!(name(1), "read_file");
    assert_eq!(
        body["messages"][1]["tool_calls"][0]["function"]["name"],
        name(0)
    );
    assert_eq!(
        body["tool_choice"],
        json!({"type": "function", "function": {"name": name(0)}})
    );
    assert_eq!(encoded.notes.names.to_client(name(0)), "read/file");
}

#[test]
fn e85_each_name_is_declared_once() {
    let mut twice = request(vec![user("hi")]);
    let child = Tool {
        namespace: Some("fs".to_owned()),
        ..function("read", None)
    };
    let mut second = function("f", None);
    second.description = Some("second".into());
    twice.tools = vec![
        child.clone(),
        function("f", None),
        second,
        function("fs__read", None),
    ];
    let body = encode(&twice);
    let names: Vec<_> = body["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| {
            (
                tool["function"]["name"].as_str().unwrap(),
                tool["function"]["description"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(names, [("f", "d"), ("fs__read", "d")]);
    twice.tools = vec![child];
    assert_eq!(encode(&twice)["tools"][0]["function"]["name"], "fs__read");
}

#[test]
fn e86_without_tools_nothing_speaks_of_them() {
    let mut bare = request(vec![user("hi")]);
    bare.tool_choice = Some(Choice::Auto);
    bare.parallel_calls = Some(false);
    let search = Tool {
        kind: ToolKind::Server {
            dialect: Dialect::OpenAiResponses,
            kind: "code_interpreter".to_owned(),
            raw: json!({}).into(),
        },
        ..function("code_interpreter", None)
    };
    for tools in [Vec::new(), vec![search]] {
        bare.tools = tools;
        let body = encode(&bare);
        for key in ["tools", "tool_choice", "parallel_tool_calls"] {
            assert!(body.get(key).is_none(), "{key}");
        }
    }
}

#[test]
fn e88_a_choice_of_a_dropped_tool_becomes_auto() {
    let mut forced = request(vec![user("hi")]);
    forced.tools = vec![function("f", None)];
    forced.tool_choice = Some(Choice::Tool {
        name: "gone".to_owned(),
        namespace: None,
    });
    assert_eq!(encode(&forced)["tool_choice"], "auto");
    forced.tool_choice = Some(Choice::Server("web_search".to_owned()));
    assert_eq!(encode(&forced)["tool_choice"], "auto");
}

#[test]
fn choices_by_endpoint() {
    let mut choosing = request(vec![user("hi")]);
    choosing.tools = vec![
        function("f", None),
        function("g", None),
        function("h", None),
    ];
    choosing.tool_choice = Some(Choice::Allowed {
        names: vec!["g".to_owned(), "f".to_owned(), "gone".to_owned()],
        required: true,
    });
    let named = |name: &str| json!({"type": "function", "function": {"name": name}});
    let body = encode(&choosing);
    assert_eq!(
        body["tool_choice"],
        json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named("g"), named("f")]}})
    );
    assert_eq!(body["tools"].as_array().unwrap().len(), 3);
    let body = encode_for(&choosing, &endpoint(true), &ModelTraits::default());
    assert_eq!(body["tool_choice"], "required");
    assert_eq!(body["tools"].as_array().unwrap().len(), 2);
    for (choice, want) in [
        (Choice::None, "none"),
        (Choice::Auto, "auto"),
        (Choice::Required, "required"),
    ] {
        choosing.tool_choice = Some(choice);
        assert_eq!(encode(&choosing)["tool_choice"], want);
    }
}

#[test]
fn e91_objects_get_properties() {
    let mut schemas = request(vec![user("hi")]);
    schemas.tools = vec![
        function("f", Some(json!({"type": "object"}))),
        function("g", None),
    ];
    let body = encode(&schemas);
    assert_eq!(
        body["tools"][0]["function"]["parameters"],
        json!({"type": "object", "properties": {}})
    );
    assert!(body["tools"][1]["function"].get("parameters").is_none());
}

#[test]
fn e93_custom_tools_by_endpoint() {
    let mut free = request(vec![
        user("hi"),
        assistant(vec![Item::Call {
            id: "c".to_owned(),
            item_id: None,
            name: "patch".to_owned(),
            namespace: None,
            kind: CallKind::Custom,
            arguments: Arguments::Text("raw \"text".to_owned()),
            signature: None,
            cache: None,
            caller: None,
        }]),
        results(vec![result("c", vec![Item::text("ok")])]),
    ]);
    free.tools = vec![custom("patch")];
    free.tool_choice = Some(Choice::Tool {
        name: "patch".to_owned(),
        namespace: None,
    });
    let body = encode(&free);
    assert_eq!(
        body["tools"][0],
        json!({"type": "custom", "custom": {"name": "patch", "description": "d",
            "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}}})
    );
    assert_eq!(
        body["messages"][1]["tool_calls"][0],
        json!({"id": "c", "type": "custom", "custom": {"name": "patch", "input": "raw \"text"}})
    );
    assert_eq!(
        body["tool_choice"],
        json!({"type": "custom", "custom": {"name": "patch"}})
    );
    let body = encode_for(&free, &endpoint(true), &ModelTraits::default());
    assert_eq!(body["tools"][0]["type"], "function");
    assert_eq!(
        body["tools"][0]["function"]["parameters"]["properties"]["input"]["type"],
        "string"
    );
    assert_eq!(
        body["messages"][1]["tool_calls"][0]["function"],
        json!({"name": "patch", "arguments": "{\"input\":\"raw \\\"text\"}"})
    );
    assert_eq!(body["tool_choice"]["type"], "function");
}

#[test]
fn e96_searches_are_for_search_models() {
    let mut searching = request(vec![user("hi")]);
    let search = Tool {
        kind: ToolKind::WebSearch {
            dialect: Dialect::Anthropic,
            allowed_domains: Vec::new(),
            blocked_domains: Vec::new(),
            user_location: Some(json!({"type": "approximate", "city": "Bonn"}).into()),
            max_uses: None,
            offline: false,
            raw: json!({}).into(),
        },
        ..function("web_search", None)
    };
    searching.tools = vec![search, function("f", None)];
    let body = encode(&searching);
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert!(body.get("web_search_options").is_none());
    let target = Target {
        model: "gpt-4o-search-preview",
        stream: false,
        model_traits: &ModelTraits::default(),
        endpoint: &EndpointTraits::default(),
    };
    let encoded = OpenAiChat.encode_request(&searching, &target).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        body["web_search_options"],
        json!({"user_location": {"type": "approximate", "approximate": {"city": "Bonn"}}})
    );
}

#[test]
fn e113_structured_output() {
    let mut wish = request(vec![user("hi")]);
    assert!(encode(&wish).get("response_format").is_none());
    wish.output.format = OutputFormat::JsonObject;
    assert_eq!(
        encode(&wish)["response_format"],
        json!({"type": "json_object"})
    );
    wish.output.format = OutputFormat::JsonSchema {
        name: Some("n".to_owned()),
        description: None,
        schema: json!({"type": "object"}).into(),
        strict: Some(true),
    };
    assert_eq!(
        encode(&wish)["response_format"],
        json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": true}})
    );
}

#[test]
fn thinking_wishes() {
    let mut wish = request(vec![user("hi")]);
    for (intent, want) in [
        (ReasoningIntent::Unset, Value::Null),
        (ReasoningIntent::Auto, Value::Null),
        (ReasoningIntent::Off, json!("none")),
        (ReasoningIntent::Level(Effort::XHigh), json!("xhigh")),
        (ReasoningIntent::Budget(9000), json!("high")),
    ] {
        wish.reasoning.intent = intent;
        assert_eq!(encode(&wish)["reasoning_effort"], want, "{intent:?}");
    }
    // With thinking off a reasoning model takes a temperature.
    wish.sampling.temperature = Some(0.5);
    wish.reasoning.intent = ReasoningIntent::Off;
    let body = encode_for(&wish, &endpoint(false), &reasoning_model());
    assert_eq!(body["temperature"], 0.5);
    wish.reasoning.intent = ReasoningIntent::Level(Effort::Low);
    let body = encode_for(&wish, &endpoint(false), &reasoning_model());
    assert!(body.get("temperature").is_none());
}

#[test]
fn e122_details_of_pictures() {
    for (detail, want) in [
        (Some("high"), json!("high")),
        (Some("original"), json!("high")),
        (Some("medium"), Value::Null),
        (None, Value::Null),
    ] {
        let body = encode(&request(vec![Turn::new(
            Role::User,
            vec![image(png(), detail)],
        )]));
        assert_eq!(
            body["messages"][0]["content"][0]["image_url"]["detail"],
            want
        );
    }
}

#[test]
fn e128_media_by_kind() {
    let data = |mime: &str| MediaSource::Base64 {
        mime: mime.to_owned(),
        data: "AAAA".to_owned(),
    };
    let file = |source: MediaSource, name: Option<&str>| Item::File {
        source,
        name: name.map(str::to_owned),
        context: None,
        citations_enabled: false,
        cache: None,
    };
    let body = encode(&request(vec![Turn::new(
        Role::User,
        vec![
            Item::Audio {
                source: data("audio/wav"),
                transcript: None,
                id: None,
            },
            Item::Video {
                source: data("video/mp4"),
            },
            file(data("application/pdf"), None),
            file(
                MediaSource::Text {
                    mime: "text/plain".to_owned(),
                    data: "words".to_owned(),
                },
                Some("a.txt"),
            ),
            file(
                MediaSource::Url {
                    url: "https://e.org/a.pdf".to_owned(),
                    mime: None,
                },
                None,
            ),
            file(
                MediaSource::FileId {
                    dialect: Dialect::OpenAiResponses,
                    id: "file-1".to_owned(),
                },
                None,
            ),
        ],
    )]));
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "document.pdf"}},
            {"type": "text", "text": "words"},
            {"type": "text", "text": "[file: https://e.org/a.pdf]"},
            {"type": "file", "file": {"file_id": "file-1"}},
        ])
    );
}

#[test]
fn state_nobody_keeps_is_refused() {
    let target = Target {
        model: "up",
        stream: false,
        model_traits: &ModelTraits::default(),
        endpoint: &EndpointTraits::default(),
    };
    let refused = |change: fn(&mut Request)| {
        let mut request = request(vec![user("hi")]);
        change(&mut request);
        let failure = OpenAiChat
            .encode_request(&request, &target)
            .unwrap_err()
            .into_failure();
        (failure.status, failure.param.unwrap())
    };
    assert_eq!(
        refused(|r| r.state.previous_response_id = Some("r".to_owned())),
        (400, "previous_response_id".to_owned())
    );
    assert_eq!(
        refused(|r| r.state.background = Some(true)),
        (400, "background".to_owned())
    );
    let mut fine = request(vec![user("hi")]);
    fine.state.background = Some(false);
    fine.state.truncation = Some("auto".to_owned());
    assert!(OpenAiChat.encode_request(&fine, &target).is_ok());
}

#[test]
fn decoding_what_was_encoded_gives_the_same_request() {
    let body = json!({"model": "up", "messages": [
        {"role": "system", "content": "S"},
        {"role": "user", "content": [{"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]},
        {"role": "assistant", "content": "ok", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1.0}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "42"},
        {"role": "user", "name": "ann", "content": "thanks"}],
        "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 10, "stop": ["END"],
        "temperature": 0.25, "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}}],
        "tool_choice": "auto", "parallel_tool_calls": true, "reasoning_effort": "low"});
    let mut first = decode(body);
    let mut second = decode(encode(&first));
    (first.native, second.native) = (None, None);
    // Binding gives a result the name of its call.
    for turn in first.turns.iter_mut().chain(&mut second.turns) {
        for item in &mut turn.items {
            if let Item::Result { name, .. } = item {
                *name = None;
            }
        }
    }
    assert_eq!(first, second);
}
