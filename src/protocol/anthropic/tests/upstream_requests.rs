//! The common model → bodies for an upstream.

mod media;
mod messages;
mod scalars;
mod thinking;
mod tools;
mod whole;

use super::*;
use crate::canonical::{
    Arguments, CacheMark, CallKind, Choice, Effort, Item, MediaSource, OutputFormat,
    ReasoningIntent, ReasoningShow, Role, Signature, SignaturePlace, SystemBlock, SystemRank, Tool,
    ToolKind, Turn,
};
use crate::codec::{CodecError, Dialect, ThinkingSupport};
use crate::raw::RawJson;
use crate::testing::{assistant, budgets, marked, result};
use serde_json::json;

fn request(turns: Vec<Turn>) -> Request {
    Request {
        model: "m".to_owned(),
        turns,
        ..Request::default()
    }
}

fn hi() -> Request {
    request(vec![user(vec![Item::text("hi")])])
}

fn user(items: Vec<Item>) -> Turn {
    Turn::new(Role::User, items)
}

fn tool(items: Vec<Item>) -> Turn {
    Turn::new(Role::Tool, items)
}

fn says(text: &str) -> Turn {
    user(vec![Item::text(text)])
}

fn answers(text: &str) -> Turn {
    assistant(vec![Item::text(text)])
}

fn call_with(id: &str, arguments: &str) -> Item {
    crate::testing::call(id, "f", arguments)
}

fn call(id: &str) -> Item {
    call_with(id, "{}")
}

fn said(id: &str, text: &str) -> Item {
    result(id, vec![Item::text(text)])
}

fn thinking(text: &str, issuer: SignatureIssuer) -> Item {
    Item::Reasoning {
        text: text.to_owned(),
        summary: Vec::new(),
        signature: Some(Signature {
            issuer,
            value: "sig".to_owned(),
            place: SignaturePlace::Here,
        }),
        redacted: false,
        id: None,
    }
}

fn function(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        namespace: None,
        description: None,
        kind: ToolKind::Function {
            schema: Some(RawJson::from(json!({"type": "object", "properties": {}}))),
            strict: Some(true),
            output_schema: None,
        },
        defer_loading: None,
        cache: None,
    }
}

fn search(allowed: &[&str], blocked: &[&str], offline: bool) -> Tool {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Tool {
        kind: ToolKind::WebSearch {
            dialect: Dialect::OpenAiResponses,
            allowed_domains: list(allowed),
            blocked_domains: list(blocked),
            user_location: None,
            max_uses: None,
            offline,
            raw: RawJson::from(json!({"type": "web_search"})),
        },
        ..function("web_search")
    }
}

fn system(text: &str, rank: SystemRank) -> SystemBlock {
    SystemBlock {
        text: text.into(),
        rank,
        cache: None,
    }
}

fn adaptive() -> ModelTraits {
    ModelTraits {
        thinking: Some(ThinkingSupport {
            levels: vec![Effort::Low, Effort::Medium, Effort::High, Effort::Max],
            can_disable: true,
            dynamic: true,
            ..ThinkingSupport::default()
        }),
        ..ModelTraits::default()
    }
}

fn on(request: &Request, model: &ModelTraits) -> Value {
    encode_with(request, model, &EndpointTraits::default())
}

/// Messages in short form: `u`, `a` or `s`, then the blocks.
fn short(body: &Value) -> Vec<String> {
    let block = |block: &Value| match block["type"].as_str().unwrap() {
        "text" => block["text"].as_str().unwrap().to_owned(),
        "tool_use" => format!("call:{}", block["id"].as_str().unwrap()),
        "tool_result" => {
            let text = block["content"][0]["text"].as_str().unwrap_or("-");
            format!("result:{}={text}", block["tool_use_id"].as_str().unwrap())
        }
        "thinking" => format!("thinking:{}", block["thinking"].as_str().unwrap()),
        other => other.to_owned(),
    };
    body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            let role = &message["role"].as_str().unwrap()[..1];
            let blocks: Vec<_> = message["content"]
                .as_array()
                .unwrap()
                .iter()
                .map(block)
                .collect();
            format!("{role} {}", blocks.join("|"))
        })
        .collect()
}

#[track_caller]
fn check(turns: Vec<Turn>, want: &[&str]) {
    assert_eq!(short(&encode(&request(turns))), want);
}

fn thinking_wish(intent: ReasoningIntent, mut request: Request) -> Request {
    request.reasoning.intent = intent;
    request
}

fn schema_request() -> Request {
    let mut request = hi();
    request.output.format = OutputFormat::JsonSchema {
        name: Some("answer".to_owned()),
        description: None,
        schema: RawJson::from(
            json!({"type": "object", "properties": {"a": {"type": "string", "minLength": 2}}}),
        ),
        strict: Some(true),
    };
    request
}
