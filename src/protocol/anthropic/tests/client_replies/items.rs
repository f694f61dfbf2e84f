//! Items of other vendors.

use super::*;

#[test]
fn e249_ids_of_others_become_messages_of_ours() {
    let head = |id: &str| Start {
        id: Some(id.to_owned()),
        ..Start::default()
    };
    let made = context().id("msg_", 24, 0);
    for (id, want) in [("chatcmpl-1", made.as_str()), ("msg_1", "msg_1")] {
        let data = data_of(&encode_events(
            vec![Event::Start(Box::new(head(id))), Event::End],
            &context(),
        ));
        assert_eq!(data[0]["message"]["id"], want);
    }
}

#[test]
fn e250_the_model_is_the_one_asked_for() {
    let head = Start {
        model: Some("upstream-model".to_owned()),
        ..Start::default()
    };
    let events = vec![
        Event::Start(Box::new(head)),
        open(0, ItemHead::Text),
        text(0, "I am upstream-model"),
        stop(0),
        Event::End,
    ];
    let data = data_of(&encode_events(events.clone(), &context()));
    assert_eq!(data[0]["message"]["model"], "asked-model");
    assert_eq!(data[2]["delta"]["text"], "I am upstream-model");
    let response = fold(events).unwrap();
    let message: Value =
        serde_json::from_slice(&Anthropic.encode_response(&response, &context())).unwrap();
    assert_eq!(message["model"], "asked-model");
}

#[test]
fn gemini_signatures_travel_on_thinking_blocks() {
    let context = ReplyContext {
        issuer: SignatureIssuer::Gemini,
        ..context()
    };
    let gemini = |value| signature(SignatureIssuer::Gemini, value);
    let events = vec![
        open(0, call("t")),
        arguments(0, "{}"),
        delta(0, gemini("c")),
        stop(0),
        open(1, ItemHead::Text),
        text(1, "x"),
        delta(1, gemini("t")),
        stop(1),
        finish(Stop::ToolUse),
    ];
    assert_eq!(
        short(events.clone(), &context),
        [
            "0 thinking",
            "0 signature=gemini.call#c",
            "0 .",
            "1 tool_use",
            "1 partial_json={}",
            "1 .",
            "2 text",
            "2 text=x",
            "2 .",
            "3 thinking",
            "3 signature=gemini.detached#t",
            "3 .",
            "tool_use",
        ]
    );
    let kinds: Vec<_> = whole(events, &context)["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["thinking", "tool_use", "text", "thinking"]);
}

#[test]
fn free_text_calls_are_wrapped() {
    let head = ItemHead::Call {
        id: "t".to_owned(),
        item_id: None,
        name: "patch".to_owned(),
        namespace: Some("ns".to_owned()),
        kind: CallKind::Custom,
        caller: None,
    };
    let events = vec![
        open(0, head),
        arguments(0, "*** Begin"),
        arguments(0, " \"x\""),
        stop(0),
        finish(Stop::ToolUse),
    ];
    check(
        events.clone(),
        &[
            "0 tool_use",
            "0 partial_json={\"input\":\"*** Begin \\\"x\\\"\"}",
            "0 .",
            "tool_use",
        ],
    );
    let block = &whole(events, &context())["content"][0];
    assert_eq!(block["name"], "ns__patch");
    assert_eq!(block["input"], json!({"input": "*** Begin \"x\""}));
}

#[test]
fn absent_fields_stay_absent() {
    let events = vec![
        open(0, ItemHead::Text),
        text(0, "a"),
        stop(0),
        open(1, call("a.b")),
        arguments(1, "{}"),
        stop(1),
        finish(Stop::ToolUse),
    ];
    let message = whole(events, &context());
    assert_eq!(
        message["content"],
        json!([
            {"type": "text", "text": "a"},
            {"type": "tool_use", "id": "a_b", "name": "f", "input": {}},
        ])
    );
    let keys: Vec<_> = message.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "id",
            "type",
            "role",
            "model",
            "content",
            "stop_reason",
            "stop_sequence",
            "usage"
        ]
    );
}

#[test]
fn citations_of_others_name_their_source() {
    let citation = Citation {
        dialect: Dialect::OpenAiResponses,
        url: Some("https://a.example/".to_owned()),
        title: Some("A".to_owned()),
        cited_text: None,
        span: Some((0, 1)),
        raw: RawJson::from(json!({"type": "url_citation"})),
    };
    let nameless = Citation {
        url: None,
        ..citation.clone()
    };
    let events = vec![
        open(0, ItemHead::Text),
        text(0, "a"),
        delta(0, Delta::Citation(Box::new(citation))),
        delta(0, Delta::Citation(Box::new(nameless))),
        stop(0),
    ];
    let want = json!({"type": "web_search_result_location", "url": "https://a.example/",
                      "title": "A", "cited_text": "", "encrypted_index": ""});
    assert_eq!(
        whole(events.clone(), &context())["content"][0]["citations"],
        json!([want])
    );
    let mut all = vec![start()];
    all.extend(events);
    let data = data_of(&encode_events(all, &context()));
    assert_eq!(data[3]["delta"]["citation"], want);
    assert_eq!(data.len(), 5);
}

#[test]
fn pictures_and_sound_are_named() {
    let picture = Delta::Image {
        mime: "image/png".to_owned(),
        data: "AAAA".to_owned(),
    };
    let sound = Delta::Audio {
        id: None,
        data: "AAAA".to_owned(),
        transcript: "said".to_owned(),
        expires_at: None,
    };
    let events = vec![
        open(0, ItemHead::Image),
        delta(0, picture),
        stop(0),
        open(1, ItemHead::Audio),
        delta(1, sound),
        stop(1),
    ];
    let content = whole(events.clone(), &context())["content"].clone();
    assert!(
        content[0]["text"]
            .as_str()
            .unwrap()
            .starts_with("[image/png")
    );
    assert_eq!(content[1], json!({"type": "text", "text": "said"}));
    let lines = short(events, &context());
    assert!(lines[1].starts_with("0 text=[image/png"), "{lines:?}");
    assert_eq!(lines[4], "1 text=said");
}

#[test]
fn only_the_first_candidate_is_shown() {
    let second = Event::ItemStart {
        index: 1,
        choice: 1,
        head: ItemHead::Text,
    };
    check(
        vec![
            open(0, ItemHead::Text),
            second,
            text(1, "b"),
            text(0, "a"),
            stop(1),
            stop(0),
        ],
        &["0 text", "0 text=a", "0 .", "end_turn"],
    );
}

fn search_tool(id: &str, query: &str) -> ServerTool {
    ServerTool {
        dialect: Dialect::OpenAiResponses,
        kind: "web_search_call".to_owned(),
        id: Some(id.to_owned()),
        name: None,
        query: None,
        raw: RawJson::from(json!({
            "type": "web_search_call", "id": id, "status": "completed",
            "action": {"type": "search", "query": query, "sources": [
                {"type": "url", "url": "https://a.example/"},
                {"type": "url", "url": "https://a.example/"},
            ]},
        })),
    }
}

#[test]
fn e174_searches_of_others_are_server_tool_blocks() {
    let begun = ServerTool {
        raw: RawJson::from(json!({"type": "web_search_call", "id": "ws_1-2"})),
        ..search_tool("ws_1-2", "")
    };
    let done = crate::canonical::Item::Server(Box::new(search_tool("ws_1-2", "q")));
    let events = vec![
        open(0, ItemHead::Server(Box::new(begun))),
        Event::ItemStop {
            index: 0,
            whole: Some(Box::new(done)),
        },
        open(1, ItemHead::Text),
        text(1, "a"),
        stop(1),
    ];
    // Not declared: the client could not read it.
    check(events.clone(), &["0 text", "0 text=a", "0 .", "end_turn"]);
    let context = ReplyContext {
        declared: Declared {
            web_search: true,
            ..Declared::default()
        },
        ..context()
    };
    assert_eq!(
        short(events.clone(), &context),
        [
            "0 server_tool_use",
            "0 partial_json={\"query\":\"q\"}",
            "0 .",
            "1 web_search_tool_result",
            "1 .",
            "2 text",
            "2 text=a",
            "2 .",
            "end_turn",
        ]
    );
    let message = whole(events, &context);
    assert_eq!(
        message["content"][0],
        json!({"type": "server_tool_use", "id": "srvtoolu_1_2", "name": "web_search", "input": {"query": "q"}})
    );
    assert_eq!(message["content"][1]["tool_use_id"], "srvtoolu_1_2");
    assert_eq!(
        message["content"][1]["content"],
        json!([{"type": "web_search_result", "url": "https://a.example/", "title": "https://a.example/",
                "encrypted_content": "", "page_age": null}])
    );
    assert_eq!(
        message["usage"]["server_tool_use"],
        json!({"web_search_requests": 1})
    );
}
