//! Bodies of clients → the common model.

use super::*;
use crate::canonical::{
    Arguments, CacheMark, Choice, Effort, Item, MediaSource, OutputFormat, ReasoningIntent,
    ReasoningShow, Role, SignatureIssuer, SignaturePlace, ToolKind,
};
use crate::codec::{CodecError, Dialect};
use serde_json::json;

fn with_messages(messages: Value) -> Request {
    decode_request(&json!({"model": "m", "max_tokens": 9, "messages": messages}))
}

fn with(mut extra: Value) -> Value {
    let body = extra.as_object_mut().unwrap();
    body.insert("model".to_owned(), json!("m"));
    body.insert(
        "messages".to_owned(),
        json!([{"role": "user", "content": "hi"}]),
    );
    extra
}

#[track_caller]
fn refused(body: &Value) -> CodecError {
    Anthropic
        .decode_request(&bytes(body), &PathFacts::default())
        .unwrap_err()
}

fn shape(request: &Request) -> Vec<(Role, Vec<String>)> {
    let name = |item: &Item| match item {
        Item::Text { text, .. } => text.to_string(),
        Item::Reasoning { text, .. } => format!("thinking:{text}"),
        Item::Call { id, .. } => format!("call:{id}"),
        Item::Result { call_id, .. } => format!("result:{call_id}"),
        Item::Server(tool) => format!("server:{}", tool.kind),
        other => format!("{other:?}"),
    };
    request
        .turns
        .iter()
        .map(|turn| (turn.role, turn.items.iter().map(name).collect()))
        .collect()
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn e3_system_messages_stay_in_their_place() {
    for content in [json!("rule"), json!([{"type": "text", "text": "rule"}])] {
        let request = with_messages(json!([
            {"role": "user", "content": "a"},
            {"role": "system", "content": content},
            {"role": "user", "content": "b"},
        ]));
        assert_eq!(
            shape(&request),
            [
                (Role::User, texts(&["a"])),
                (Role::System, texts(&["rule"])),
                (Role::User, texts(&["b"])),
            ]
        );
    }
}

#[test]
fn system_blocks_inside_a_message_become_turns() {
    let request = with_messages(json!([{"role": "user", "content": [
        {"type": "text", "text": "a"},
        {"type": "mid_conv_system", "content": [{"type": "text", "text": "rule"}]},
        {"type": "text", "text": "b"},
    ]}]));
    assert_eq!(
        shape(&request),
        [
            (Role::User, texts(&["a"])),
            (Role::System, texts(&["rule"])),
            (Role::User, texts(&["b"])),
        ]
    );
}

#[test]
fn e12_assistant_blocks_keep_their_order() {
    let request = with_messages(json!([{"role": "assistant", "content": [
        {"type": "thinking", "thinking": "1", "signature": "openai#s"},
        {"type": "text", "text": "2"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        {"type": "thinking", "thinking": "3", "signature": "openai#t"},
        {"type": "text", "text": "4"},
    ]}]));
    assert_eq!(
        shape(&request),
        [(
            Role::Assistant,
            texts(&["thinking:1", "2", "call:t", "thinking:3", "4"])
        )]
    );
}

#[test]
fn e19_the_billing_line_is_left_out() {
    let line = "x-anthropic-billing-header: cc_version=2.1; cch=abc;";
    let request = decode_request(&with(json!({"system": [
        {"type": "text", "text": line},
        {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": line},
    ]})));
    let system: Vec<_> = request
        .system
        .iter()
        .map(|block| (block.text.as_str(), block.cache.clone()))
        .collect();
    let hour = CacheMark {
        ttl: Some("1h".to_owned()),
    };
    // Only the first block is the client's line.
    assert_eq!(system, [("Be brief.", Some(hour)), (line, None)]);
    assert!(
        decode_request(&with(json!({"system": line})))
            .system
            .is_empty()
    );
}

#[test]
fn e23_results_come_before_the_other_blocks() {
    let request = with_messages(json!([
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]},
        {"role": "user", "content": [
            {"type": "text", "text": "before"},
            {"type": "tool_result", "tool_use_id": "t", "content": "ok"},
            {"type": "text", "text": "after"},
        ]},
    ]));
    assert_eq!(
        shape(&request),
        [
            (Role::Assistant, texts(&["call:t"])),
            (Role::Tool, texts(&["result:t"])),
            (Role::User, texts(&["before", "after"])),
        ]
    );
    let Item::Call { arguments, .. } = &request.turns[0].items[0] else {
        panic!("no call");
    };
    assert_eq!(*arguments, Arguments::Json(r#"{"a":1}"#.to_owned()));
}

#[test]
fn e32_results_without_content_are_results() {
    for content in [json!([]), json!(""), json!(null)] {
        let request = with_messages(json!([{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": content, "is_error": true},
        ]}]));
        let Item::Result {
            content, is_error, ..
        } = &request.turns[0].items[0]
        else {
            panic!("no result");
        };
        assert!(content.is_empty());
        assert!(is_error);
    }
}

#[test]
fn e47_unsigned_thinking_has_no_signature() {
    let request = with_messages(json!([{"role": "assistant", "content": [
        {"type": "thinking", "thinking": "a"},
        {"type": "thinking", "thinking": "b", "signature": ""},
    ]}]));
    for item in &request.turns[0].items {
        assert!(matches!(
            item,
            Item::Reasoning {
                signature: None,
                ..
            }
        ));
    }
}

#[test]
fn e49_signatures_tell_their_issuer() {
    let request = with_messages(json!([{"role": "assistant", "content": [
        {"type": "thinking", "thinking": "a", "signature": "openai#gAAAAx"},
        {"type": "thinking", "thinking": "", "signature": "gemini.call#s"},
        {"type": "redacted_thinking", "data": "blob"},
    ]}]));
    let found: Vec<_> = request.turns[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Reasoning {
                signature: Some(signature),
                redacted,
                ..
            } => (
                signature.issuer,
                signature.value.as_str(),
                signature.place,
                *redacted,
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        found,
        [
            (
                SignatureIssuer::OpenAi,
                "gAAAAx",
                SignaturePlace::Here,
                false
            ),
            (
                SignatureIssuer::Gemini,
                "s",
                SignaturePlace::NextCall,
                false
            ),
            (
                SignatureIssuer::Anthropic,
                "blob",
                SignaturePlace::Here,
                true
            ),
        ]
    );
}

#[test]
fn e79_unknown_fields_are_dropped() {
    let request = decode_request(&with(json!({"foo": {"bar": 1}, "diagnostics": {}})));
    assert_eq!(request.turns.len(), 1);
}

#[test]
fn e123_result_content_in_every_form() {
    let picture = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}});
    let by_url =
        json!({"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"}});
    for (content, want) in [
        (json!([{"type": "text", "text": "t"}, picture]), 2),
        (picture.clone(), 1),
        (json!([by_url]), 1),
    ] {
        let request = with_messages(json!([{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": content},
        ]}]));
        let Item::Result { content, .. } = &request.turns[0].items[0] else {
            panic!("no result");
        };
        assert_eq!(content.len(), want);
        assert!(matches!(content.last(), Some(Item::Image { .. })));
    }
}

#[test]
fn documents_in_every_form() {
    let request = with_messages(json!([{"role": "user", "content": [
        {"type": "document", "title": "a.pdf", "context": "c", "citations": {"enabled": true},
         "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
        {"type": "document", "source": {"type": "url", "url": "https://e.example/a.pdf"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "y"}]}},
        {"type": "search_result", "source": "s", "title": "t", "content": []},
        {"type": "container_upload", "file_id": "f"},
    ]}]));
    let items = &request.turns[0].items;
    let sources: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            Item::File { source, .. } => Some(source),
            _ => None,
        })
        .collect();
    assert!(matches!(sources[0], MediaSource::Base64 { mime, .. } if mime == "application/pdf"));
    assert!(matches!(sources[1], MediaSource::Text { data, .. } if data == "x"));
    assert!(matches!(sources[2], MediaSource::Url { .. }));
    assert!(
        matches!(sources[3], MediaSource::FileId { dialect: Dialect::Anthropic, id } if id == "file_1")
    );
    assert!(matches!(sources[4], MediaSource::Content(_)));
    assert!(matches!(
        &items[0],
        Item::File { name: Some(name), context: Some(_), citations_enabled: true, .. } if name == "a.pdf"
    ));
    assert!(matches!(items[5], Item::SearchResult(_)));
    assert!(matches!(
        items[6],
        Item::Opaque {
            dialect: Dialect::Anthropic,
            ..
        }
    ));
}

#[test]
fn server_tool_steps_are_carried() {
    let request = with_messages(json!([{"role": "assistant", "content": [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    ]}]));
    let tools: Vec<_> = request.turns[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Server(tool) => (
                tool.kind.as_str(),
                tool.id.as_deref(),
                tool.name.as_deref(),
                tool.query.as_deref(),
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    let id = Some("srvtoolu_1");
    let name = Some("web_search");
    assert_eq!(
        tools,
        [
            ("server_tool_use", id, name, Some("q")),
            ("web_search_tool_result", id, name, None),
        ]
    );
}

#[test]
fn tools_of_every_kind() {
    let request = decode_request(&with(json!({"tools": [
        {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true,
         "defer_loading": true, "cache_control": {"type": "ephemeral"}},
        {"type": "custom", "name": "g", "input_schema": {"type": "object"}},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "allowed_domains": ["a.example"]},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "mcp_toolset", "mcp_server_name": "srv"},
    ]})));
    let tools = &request.tools;
    assert!(matches!(
        tools[0].kind,
        ToolKind::Function {
            strict: Some(true),
            schema: Some(_),
            ..
        }
    ));
    assert_eq!(tools[0].defer_loading, Some(true));
    assert!(tools[0].cache.is_some());
    assert!(matches!(tools[1].kind, ToolKind::Function { .. }));
    assert!(matches!(
        &tools[2].kind,
        ToolKind::WebSearch { max_uses: Some(3), allowed_domains, .. } if allowed_domains == &["a.example"]
    ));
    assert!(matches!(&tools[3].kind, ToolKind::Server { kind, .. } if kind == "bash_20250124"));
    assert_eq!(tools[4].name, "srv");
}

#[test]
fn choices() {
    let tools = json!([
        {"name": "f", "input_schema": {"type": "object"}},
        {"type": "web_search_20250305", "name": "web_search"},
    ]);
    let tool = |name: &str| Choice::Tool {
        name: name.to_owned(),
        namespace: None,
    };
    for (choice, want, parallel) in [
        (json!({"type": "auto"}), Choice::Auto, None),
        (
            json!({"type": "any", "disable_parallel_tool_use": true}),
            Choice::Required,
            Some(false),
        ),
        (json!({"type": "none"}), Choice::None, None),
        (json!({"type": "tool", "name": "f"}), tool("f"), None),
        (
            json!({"type": "tool", "name": "web_search"}),
            Choice::Server("web_search".to_owned()),
            None,
        ),
    ] {
        let request = decode_request(&with(json!({"tools": tools, "tool_choice": choice})));
        assert_eq!(request.tool_choice, Some(want));
        assert_eq!(request.parallel_calls, parallel);
    }
}

#[test]
fn thinking_wishes() {
    use ReasoningIntent::{Auto, Budget, Level, Off, Unset};
    for (thinking, effort, intent, show) in [
        (json!(null), json!(null), Unset, ReasoningShow::Unset),
        (
            json!(null),
            json!("high"),
            Level(Effort::High),
            ReasoningShow::Unset,
        ),
        (
            json!({"type": "enabled", "budget_tokens": 2048}),
            json!("low"),
            Budget(2048),
            ReasoningShow::SummaryAuto,
        ),
        (
            json!({"type": "enabled"}),
            json!(null),
            Auto,
            ReasoningShow::SummaryAuto,
        ),
        (
            json!({"type": "adaptive", "display": "omitted"}),
            json!("max"),
            Level(Effort::Max),
            ReasoningShow::Hidden,
        ),
        (
            json!({"type": "adaptive", "display": "updates"}),
            json!(null),
            Auto,
            ReasoningShow::SummaryAuto,
        ),
        (
            json!({"type": "disabled"}),
            json!("high"),
            Off,
            ReasoningShow::Hidden,
        ),
    ] {
        let body = with(json!({"thinking": thinking, "output_config": {"effort": effort}}));
        let reasoning = decode_request(&body).reasoning;
        assert_eq!((reasoning.intent, reasoning.show), (intent, show), "{body}");
    }
}

#[test]
fn scalars() {
    let request = decode_request(&with(json!({
        "max_tokens": 100, "stream": true, "temperature": 0.5, "top_p": 0.9, "top_k": 40,
        "stop_sequences": ["</a>"], "metadata": {"user_id": "u"}, "service_tier": "standard_only",
        "speed": "fast", "cache_control": {"type": "ephemeral"}, "container": "c",
        "context_management": {"edits": []}, "mcp_servers": [],
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
    })));
    assert!(request.stream);
    assert_eq!(request.limits.max_output, Some(100));
    assert_eq!(request.limits.stop, ["</a>"]);
    assert_eq!(request.sampling.temperature, Some(0.5));
    assert_eq!(request.sampling.top_p, Some(0.9));
    assert_eq!(request.sampling.top_k, Some(40));
    assert_eq!(request.end_user.as_deref(), Some("u"));
    assert_eq!(request.tier.as_deref(), Some("default"));
    assert_eq!(request.speed.as_deref(), Some("fast"));
    assert!(request.cache.top_level.is_some());
    assert!(request.state.container.is_some());
    assert!(request.state.context_management.is_some());
    assert!(request.mcp_servers.is_some());
    assert!(matches!(
        request.output.format,
        OutputFormat::JsonSchema { .. }
    ));
}

#[test]
fn wrong_types_are_refused_with_their_place() {
    for (body, want) in [
        (json!({"messages": []}), ""),
        (json!({"model": 5, "messages": []}), "model"),
        (json!({"model": "m"}), ""),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": 5}]}),
            "messages[0].content",
        ),
        (
            json!({"model": "m", "messages": [{"role": "pope", "content": "x"}]}),
            "messages[0].role",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [{"text": "x"}]}]}),
            "messages[0].content[0]",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}),
            "messages[0].content[0].text",
        ),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "x"}}]}]}),
            "messages[0].content[0].source.type",
        ),
        (with(json!({"max_tokens": "9"})), "max_tokens"),
        (
            with(json!({"tools": [{"input_schema": {}}]})),
            "tools[0].name",
        ),
        (
            with(json!({"tool_choice": {"type": "some"}})),
            "tool_choice.type",
        ),
        (with(json!({"thinking": {"type": "x"}})), "thinking.type"),
        (
            with(json!({"output_config": {"effort": "huge"}})),
            "output_config.effort",
        ),
    ] {
        let CodecError::Invalid { path, .. } = refused(&body) else {
            panic!("{body}");
        };
        assert_eq!(path, want, "{body}");
    }
}

#[test]
fn a_continued_thread_asks_for_the_whole_history() {
    let body = with(json!({"thread": {"type": "continue", "previous_message_id": "msg_1"}}));
    let error = refused(&body);
    assert!(matches!(error, CodecError::Refused(_)));
    let failure = error.into_failure();
    assert_eq!(failure.status, 400);
    let answer: Value = serde_json::from_slice(&Anthropic.encode_failure(&failure)).unwrap();
    assert_eq!(answer["type"], "error");
    assert_eq!(answer["error"]["type"], "invalid_request_error");
    assert_eq!(
        answer["error"]["details"],
        json!({"error_code": "thread_unsupported_request", "unsupported": ["thread"]})
    );
    // The first request of a thread brings everything.
    assert!(
        decode_request(&with(json!({"thread": {"type": "create"}})))
            .state
            .thread
            .is_some()
    );
}

/// Blocks are found by their borders: where the type stands in them, and what text they hold, does
/// not matter.
#[test]
fn blocks_are_read_in_any_order_of_members() {
    let raw = Bytes::from_static(
        br#"{"model":"m","max_tokens":9,"messages":[
            {"role":"user","content":[ {"text":"a\\\"}]{[\ud83d","type":"text"} ,
                {"cache_control":{"type":"ephemeral"},"type":"text","text":"b"}]},
            {"role":"assistant","content":[{"input":{"q":"\"}]"},"id":"t1","name":"f","type":"tool_use"}]},
            {"role":"user","content":[{"content":[{"text":"ok","type":"text"}],"is_error":null,
                "tool_use_id":"t1","type":"tool_result","cache_control":null}]}]}"#,
    );
    let request = Anthropic
        .decode_request(&raw, &PathFacts::default())
        .unwrap();
    let texts: Vec<&str> = request.turns[0]
        .items
        .iter()
        .map(|item| match item {
            Item::Text { text, .. } => text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["a\\\"}]{[\u{fffd}", "b"]);
    assert!(matches!(
        &request.turns[1].items[0],
        Item::Call { arguments, .. } if arguments.as_str() == r#"{"q":"\"}]"}"#
    ));
    let Item::Result {
        content, is_error, ..
    } = &request.turns[2].items[0]
    else {
        panic!("{:?}", request.turns[2]);
    };
    assert_eq!(
        (content.as_slice(), *is_error),
        (&[Item::text("ok")][..], false)
    );
}
