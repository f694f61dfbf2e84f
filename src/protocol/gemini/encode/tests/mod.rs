//! Requests → upstream bodies.

mod parts;
mod settings;
mod tools;
mod turns;

use super::encode;
use crate::canonical::{
    Arguments, CallKind, Choice, Effort, Item, MediaSource, OutputFormat, ReasoningIntent,
    ReasoningShow, Request, Role, ServerTool, Signature, SignatureIssuer, SignaturePlace,
    SystemBlock, SystemRank, Tool, ToolKind, Turn,
};
use crate::codec::{Dialect, Encoded, EndpointTraits, ModelTraits, Target, ThinkingSupport};
use crate::raw::RawJson;
use crate::testing::{assistant, call, result, user};
use serde_json::{Value, json};

#[derive(Default)]
struct Upstream {
    model: ModelTraits,
    endpoint: EndpointTraits,
}

impl Upstream {
    fn gemini3() -> Self {
        Self {
            model: ModelTraits {
                gemini3: true,
                ..ModelTraits::default()
            },
            ..Self::default()
        }
    }

    fn vertex() -> Self {
        Self {
            endpoint: EndpointTraits {
                vertex: true,
                ..EndpointTraits::default()
            },
            ..Self::default()
        }
    }

    fn strict() -> Self {
        Self {
            endpoint: EndpointTraits {
                strict_schema: true,
                ..EndpointTraits::default()
            },
            ..Self::default()
        }
    }

    #[track_caller]
    fn encoded(&self, request: &Request) -> Encoded {
        let target = Target {
            model: "gemini",
            stream: false,
            model_traits: &self.model,
            endpoint: &self.endpoint,
        };
        encode(request, &target).unwrap()
    }

    #[track_caller]
    fn body(&self, request: &Request) -> Value {
        serde_json::from_slice(&self.encoded(request).body).unwrap()
    }
}

fn body(request: &Request) -> Value {
    Upstream::default().body(request)
}

fn turns(turns: Vec<Turn>) -> Request {
    Request {
        turns,
        ..Request::default()
    }
}

fn contents(list: Vec<Turn>) -> Value {
    body(&turns(list))["contents"].clone()
}

fn signature(value: &str, place: SignaturePlace) -> Option<Signature> {
    Some(Signature {
        issuer: SignatureIssuer::Gemini,
        value: value.into(),
        place,
    })
}

fn signed(mut item: Item, value: &str) -> Item {
    if let Item::Call { signature: at, .. } | Item::Text { signature: at, .. } = &mut item {
        *at = signature(value, SignaturePlace::Here);
    }
    item
}

fn results(items: Vec<Item>) -> Turn {
    Turn::new(Role::Tool, items)
}

fn answer(id: &str, text: &str) -> Item {
    result(id, vec![Item::text(text)])
}

fn thinking(text: &str, signature: Option<Signature>) -> Item {
    Item::Reasoning {
        text: text.into(),
        summary: Vec::new(),
        signature,
        redacted: false,
        id: None,
    }
}

fn png() -> Item {
    Item::Image {
        source: MediaSource::Base64 {
            mime: "image/png".into(),
            data: "iVBORw0KGgo=".into(),
        },
        detail: None,
        cache: None,
    }
}

fn function(name: &str, schema: Option<Value>) -> Tool {
    Tool {
        name: name.into(),
        namespace: None,
        description: None,
        kind: ToolKind::Function {
            schema: schema.map(RawJson::from),
            strict: None,
            output_schema: None,
        },
        defer_loading: None,
        cache: None,
    }
}

fn server(kind: ToolKind) -> Tool {
    Tool {
        kind,
        ..function("server", None)
    }
}

fn web_search(offline: bool) -> Tool {
    server(ToolKind::WebSearch {
        dialect: Dialect::Anthropic,
        allowed_domains: Vec::new(),
        blocked_domains: vec!["b.com".into()],
        user_location: None,
        max_uses: None,
        offline,
        raw: json!({}).into(),
    })
}

fn with_tools(tools: Vec<Tool>, choice: Option<Choice>) -> Request {
    Request {
        tools,
        tool_choice: choice,
        ..turns(vec![user("hi")])
    }
}

fn names_of(body: &Value) -> Vec<&str> {
    body["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|group| {
            group["functionDeclarations"]
                .as_array()
                .into_iter()
                .flatten()
        })
        .map(|function| function["name"].as_str().unwrap())
        .collect()
}
