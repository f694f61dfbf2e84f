//! Two codecs in a row, joined as the exchange joins them.

use bytes::Bytes;
use protocol::canonical::{Event, Failure, fold, unfold};
use protocol::codec::{
    CodecError, Declared, EndpointTraits, Framing, ModelTraits, Patch, PathFacts, ReplyContext,
    Target,
};
use protocol::sse::{Frame, SseParser};
use protocol::thinking::{self, IntentSource};
use protocol::{Dialect, codec};
use serde_json::{Value, json};

/// OpenAI chat.
pub const C: Dialect = Dialect::OpenAiChat;
/// OpenAI legacy completions.
pub const L: Dialect = Dialect::OpenAiCompletions;
/// OpenAI Responses.
pub const R: Dialect = Dialect::OpenAiResponses;
/// Anthropic Messages.
pub const A: Dialect = Dialect::Anthropic;
/// Gemini.
pub const G: Dialect = Dialect::Gemini;

/// A client's protocol, an upstream's, and what is known about the model behind it.
#[derive(Clone, Debug)]
pub struct Pair {
    pub client: Dialect,
    pub upstream: Dialect,
    pub model: ModelTraits,
    pub endpoint: EndpointTraits,
    /// The client asks for a stream by its URL (Gemini).
    pub by_path: bool,
    pub framing: Framing,
}

/// A pair about whose model nothing is known.
pub fn pair(client: Dialect, upstream: Dialect) -> Pair {
    Pair {
        client,
        upstream,
        model: ModelTraits::default(),
        endpoint: EndpointTraits::default(),
        by_path: false,
        framing: Framing::Sse,
    }
}

/// What the upstream is asked, and what its reply needs to be read.
pub struct Asked {
    pub body: Value,
    pub bytes: Bytes,
    pub headers: Vec<(&'static str, String)>,
    pub context: ReplyContext,
}

impl Pair {
    pub fn model(mut self, change: impl FnOnce(&mut ModelTraits)) -> Self {
        change(&mut self.model);
        self
    }

    pub fn endpoint(mut self, change: impl FnOnce(&mut EndpointTraits)) -> Self {
        change(&mut self.endpoint);
        self
    }

    /// Translates or patches the body of a client.
    pub fn try_ask(&self, body: &str) -> Result<Asked, Box<Failure>> {
        let raw = Bytes::copy_from_slice(body.as_bytes());
        let path = PathFacts {
            model: (self.client == G).then_some("asked"),
            stream: (self.client == G).then_some(self.by_path),
        };
        let mut request = codec(self.client)
            .decode_request(&raw, &path)
            .map_err(refused)?;
        let target = Target {
            model: "upstream",
            stream: request.stream,
            model_traits: &self.model,
            endpoint: &self.endpoint,
        };
        let source = IntentSource::Body(self.client);
        let said = request.reasoning.intent;
        let fitted =
            thinking::resolve(said, source, self.upstream, &self.model).map_err(refused)?;
        let encoded = if self.client == self.upstream {
            let patch = Patch {
                model: Some("upstream"),
                stream: None,
                thinking: (fitted != said).then_some(fitted),
            };
            codec(self.upstream).patch_request(&raw, &patch, &target)
        } else {
            request.reasoning.intent = fitted;
            codec(self.upstream).encode_request(&request, &target)
        }
        .map_err(refused)?;
        let mut context = self.context();
        context.include_usage = request.include_usage;
        context.show = request.reasoning.show;
        context.declared = Declared::of(&request);
        context.notes = encoded.notes;
        context.client_body = raw;
        Ok(Asked {
            body: serde_json::from_slice(&encoded.body).unwrap(),
            bytes: encoded.body,
            headers: encoded.headers,
            context,
        })
    }

    #[track_caller]
    pub fn ask(&self, body: &Value) -> Asked {
        match self.try_ask(&body.to_string()) {
            Ok(asked) => asked,
            Err(failure) => panic!("{:?}→{:?}: {failure:?}", self.client, self.upstream),
        }
    }

    /// The upstream's body for a client's.
    #[track_caller]
    pub fn body(&self, body: &Value) -> Value {
        self.ask(body).body
    }

    /// A context without a request.
    pub fn context(&self) -> ReplyContext {
        ReplyContext {
            model: "asked".to_owned(),
            echo_model: (self.client == self.upstream).then(|| "asked".to_owned()),
            created: 1_700_000_000,
            id_seed: "0123456789abcdef".repeat(3),
            issuer: self.upstream.issuer(),
            endpoint: self.endpoint.clone(),
            framing: self.framing,
            ..ReplyContext::default()
        }
    }

    /// The client's stream for an upstream's; `stream` is cut into pieces of `size` bytes.
    pub fn stream_in(&self, context: &ReplyContext, stream: &[u8], size: usize) -> Vec<u8> {
        let mut parser = SseParser::new();
        let mut out = Vec::new();
        if self.client == self.upstream {
            let mut relay = codec(self.client).relay(context);
            let mut each = |frame: &Frame<'_>| {
                relay.frame(frame, &mut out);
            };
            for piece in stream.chunks(size.max(1)) {
                parser.push(piece, &mut each).unwrap();
            }
            parser.finish(&mut each).unwrap();
            relay.finish(&mut out);
            return out;
        }
        let mut decoder = codec(self.upstream).event_decoder(context);
        let mut encoder = codec(self.client).event_encoder(context);
        let mut events = Vec::new();
        let mut each = |frame: &Frame<'_>| {
            decoder.decode(frame, &mut events);
            for event in events.drain(..) {
                encoder.encode(event, &mut out);
            }
        };
        for piece in stream.chunks(size.max(1)) {
            parser.push(piece, &mut each).unwrap();
        }
        parser.finish(&mut each).unwrap();
        decoder.finish(&mut events);
        for event in events {
            encoder.encode(event, &mut out);
        }
        out
    }

    /// The client's frames for these payloads of the upstream.
    #[track_caller]
    pub fn told(&self, context: &ReplyContext, payloads: &[Value]) -> Told {
        Told::read(&self.stream_in(context, &sse(self.upstream, payloads), usize::MAX))
    }

    /// The same without a request before it.
    #[track_caller]
    pub fn tell(&self, payloads: &[Value]) -> Told {
        self.told(&self.context(), payloads)
    }

    /// The client's body for a whole reply of the upstream.
    #[track_caller]
    pub fn whole_in(&self, context: &ReplyContext, body: &Value) -> Value {
        let raw = Bytes::from(body.to_string());
        let out = if self.client == self.upstream {
            codec(self.client).relay_response(&raw, context).0
        } else {
            let events = codec(self.upstream).decode_response(&raw, context).unwrap();
            match fold(events) {
                Ok(response) => codec(self.client).encode_response(&response, context),
                Err(failure) => codec(self.client).encode_failure(&failure),
            }
        };
        serde_json::from_slice(&out).unwrap()
    }

    #[track_caller]
    pub fn whole(&self, body: &Value) -> Value {
        self.whole_in(&self.context(), body)
    }

    /// A whole reply told as a stream.
    #[track_caller]
    pub fn replayed(&self, body: &Value) -> Told {
        let context = self.context();
        let raw = Bytes::from(body.to_string());
        let events = codec(self.upstream)
            .decode_response(&raw, &context)
            .unwrap();
        let events = match fold(events) {
            Ok(response) => unfold(response),
            Err(failure) => vec![Event::Error(failure)],
        };
        let mut encoder = codec(self.client).event_encoder(&context);
        let mut out = Vec::new();
        for event in events {
            encoder.encode(event, &mut out);
        }
        Told::read(&out)
    }
}

fn refused(error: CodecError) -> Box<Failure> {
    Box::new(error.into_failure())
}

/// Payloads as an upstream of `dialect` frames them, without an end marker.
pub fn sse(dialect: Dialect, payloads: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for payload in payloads {
        if let (A | R, Some(kind)) = (dialect, payload["type"].as_str()) {
            out.extend(format!("event: {kind}\n").into_bytes());
        }
        // A bare text is no JSON: `[DONE]`.
        let data = payload
            .as_str()
            .map_or_else(|| payload.to_string(), str::to_owned);
        out.extend(format!("data: {data}\n\n").into_bytes());
    }
    out
}

/// What a client reads.
#[derive(Debug)]
pub struct Told {
    /// Event names.
    pub names: Vec<Option<String>>,
    /// Payloads; `[DONE]` is a text.
    pub data: Vec<Value>,
}

impl Told {
    /// Reads a client stream; every frame must be whole.
    #[track_caller]
    pub fn read(stream: &[u8]) -> Self {
        let mut told = Self {
            names: Vec::new(),
            data: Vec::new(),
        };
        let mut parser = SseParser::new();
        parser
            .push(stream, |frame| {
                let Some(data) = &frame.data else { return };
                told.names.push(frame.event.map(str::to_owned));
                told.data.push(match data.as_ref() {
                    "[DONE]" => json!("[DONE]"),
                    data => serde_json::from_str(data).unwrap(),
                });
            })
            .unwrap();
        assert_eq!(parser.held(), 0, "a frame is not whole");
        told
    }

    /// `type` of each payload.
    pub fn kinds(&self) -> Vec<&str> {
        self.data
            .iter()
            .filter_map(|data| data["type"].as_str())
            .collect()
    }

    /// Payloads of one `type`.
    pub fn of(&self, kind: &str) -> Vec<&Value> {
        self.data
            .iter()
            .filter(|data| data["type"] == kind)
            .collect()
    }

    /// The only payload of one `type`.
    #[track_caller]
    pub fn one(&self, kind: &str) -> &Value {
        match self.of(kind)[..] {
            [one] => one,
            ref other => panic!("{} of `{kind}` in {:#?}", other.len(), self.data),
        }
    }

    /// The values at `pointer`, where there is one.
    pub fn all(&self, pointer: &str) -> Vec<&Value> {
        self.data
            .iter()
            .filter_map(|data| data.pointer(pointer))
            .collect()
    }

    /// The last payload.
    #[track_caller]
    pub fn last(&self) -> &Value {
        self.data.last().expect("a frame")
    }
}

/// A chat body of these messages and further members.
pub fn chat(messages: Value, more: Value) -> Value {
    merged(json!({"model": "asked", "messages": messages}), more)
}

/// An Anthropic body.
pub fn messages(messages: Value, more: Value) -> Value {
    merged(
        json!({"model": "asked", "max_tokens": 4096, "messages": messages}),
        more,
    )
}

/// A Responses body.
pub fn input(items: Value, more: Value) -> Value {
    merged(json!({"model": "asked", "input": items}), more)
}

/// A Gemini body.
pub fn contents(contents: Value, more: Value) -> Value {
    merged(json!({"contents": contents}), more)
}

/// The shortest request of a client, with further members.
pub fn hello(client: Dialect, more: Value) -> Value {
    match client {
        C => chat(json!([{"role": "user", "content": "hi"}]), more),
        L => merged(json!({"model": "asked", "prompt": "hi"}), more),
        R => input(json!("hi"), more),
        A => messages(json!([{"role": "user", "content": "hi"}]), more),
        G => contents(json!([{"role": "user", "parts": [{"text": "hi"}]}]), more),
    }
}

/// `body` with the members of `more`.
pub fn merged(mut body: Value, more: Value) -> Value {
    let Value::Object(more) = more else {
        panic!("no object: {more}");
    };
    body.as_object_mut().expect("an object").extend(more);
    body
}
