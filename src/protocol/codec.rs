//! What a wire protocol must bring: [`Codec`], and the context that travels beside the model.

mod error;

pub use error::CodecError;
pub(crate) use error::{root_object, root_value};

use crate::canonical::{
    Effort, Event, Failure, ReasoningIntent, ReasoningShow, Request, Response, SignatureIssuer,
    ToolKind, Usage,
};
use crate::names::{NameMap, flatten};
use crate::splice::JsonBody;
use crate::sse::Frame;
use bytes::Bytes;

/// A wire protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// OpenAI chat completions.
    OpenAiChat,
    /// OpenAI legacy completions: a client-side shell over chat.
    OpenAiCompletions,
    /// OpenAI Responses.
    OpenAiResponses,
    /// Anthropic Messages.
    Anthropic,
    /// Gemini `generateContent`.
    Gemini,
}

impl Dialect {
    /// The protocol word of payload rules (`config.md` §4).
    pub fn config_name(self) -> &'static str {
        match self {
            Self::OpenAiChat | Self::OpenAiCompletions => "openai",
            Self::OpenAiResponses => "openai-response",
            Self::Anthropic => "claude",
            Self::Gemini => "gemini",
        }
    }

    /// Issuer whose signatures this protocol's first vendor understands.
    pub fn issuer(self) -> SignatureIssuer {
        match self {
            Self::OpenAiChat | Self::OpenAiCompletions => SignatureIssuer::Unknown,
            Self::OpenAiResponses => SignatureIssuer::OpenAi,
            Self::Anthropic => SignatureIssuer::Anthropic,
            Self::Gemini => SignatureIssuer::Gemini,
        }
    }
}

/// One wire protocol, both directions. Implementations are stateless; streams have their own state.
pub trait Codec: Sync {
    /// Which protocol.
    fn dialect(&self) -> Dialect;

    /// Decodes a client's body. `model` and `stream` are filled from `path` where the protocol keeps
    /// them in the URL. Unknown fields are dropped, wrong types are refused with their path.
    fn decode_body(&self, body: &JsonBody, path: &PathFacts<'_>) -> Result<Request, CodecError>;

    /// As [`Codec::decode_body`], for bytes that nobody looked through before.
    fn decode_request(&self, raw: &Bytes, path: &PathFacts<'_>) -> Result<Request, CodecError> {
        self.decode_body(&JsonBody::new(raw.clone()), path)
    }

    /// Encodes a request for an upstream. `request.reasoning.intent` is already resolved against the
    /// model (`crate::thinking`), and signatures of other issuers are dropped here.
    fn encode_request(&self, request: &Request, target: &Target<'_>)
    -> Result<Encoded, CodecError>;

    /// Edits a body of this protocol for an upstream of this protocol: span edits only; returns
    /// the bytes themselves (no copy) when nothing has to change.
    fn patch_body(
        &self,
        body: &JsonBody,
        patch: &Patch<'_>,
        target: &Target<'_>,
    ) -> Result<Encoded, CodecError>;

    /// As [`Codec::patch_body`], for bytes that nobody looked through before.
    fn patch_request(
        &self,
        raw: &Bytes,
        patch: &Patch<'_>,
        target: &Target<'_>,
    ) -> Result<Encoded, CodecError> {
        self.patch_body(&JsonBody::new(raw.clone()), patch, target)
    }

    /// Decodes a whole reply body (status 2xx) into events that end with `End` or `Error`.
    fn decode_response(
        &self,
        raw: &Bytes,
        context: &ReplyContext,
    ) -> Result<Vec<Event>, CodecError>;

    /// Encodes a whole reply for a client.
    fn encode_response(&self, response: &Response, context: &ReplyContext) -> Bytes;

    /// A decoder for one upstream stream.
    fn event_decoder(&self, context: &ReplyContext) -> Box<dyn EventDecoder>;

    /// An encoder for one client stream.
    fn event_encoder(&self, context: &ReplyContext) -> Box<dyn EventEncoder>;

    /// A relay for one stream with this protocol on both sides.
    fn relay(&self, context: &ReplyContext) -> Box<dyn Relay>;

    /// A whole reply with this protocol on both sides: the body towards the client (the same bytes
    /// unless `context.echo_model` or `context.names` demand an edit) and what it used.
    fn relay_response(&self, raw: &Bytes, context: &ReplyContext) -> (Bytes, Option<Usage>);

    /// The error body in this protocol's envelope (`matrix.md` §11). The native body of the same
    /// protocol goes out as it is.
    fn encode_failure(&self, failure: &Failure) -> Bytes;

    /// The HTTP status for `failure` towards a client of this protocol (529 only for Anthropic).
    fn failure_status(&self, failure: &Failure) -> u16 {
        if failure.status == 529 {
            503
        } else {
            failure.status
        }
    }

    /// Bytes that keep a quiet stream alive, empty where the clients cannot digest any
    /// (`clients.md` §2 row 7). `started` tells whether the encoder wrote anything yet.
    fn keep_alive(&self, started: bool) -> &'static [u8];
}

/// Facts of the request that stand outside the body.
#[derive(Debug, Clone, Copy, Default)]
pub struct PathFacts<'a> {
    /// Model name from the URL (Gemini).
    pub model: Option<&'a str>,
    /// Stream by method name (Gemini `streamGenerateContent`).
    pub stream: Option<bool>,
}

/// The upstream model and endpoint a request is encoded for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Model name the upstream knows, without suffix.
    pub model: &'a str,
    /// True when the upstream is asked for a stream.
    pub stream: bool,
    /// What the model can do.
    pub model_traits: &'a ModelTraits,
    /// What the endpoint accepts.
    pub endpoint: &'a EndpointTraits,
}

/// What a model can do, from the catalogue. `Default` = unknown model: nothing is checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelTraits {
    /// Largest output in tokens.
    pub max_output: Option<u64>,
    /// Context window in tokens.
    pub context_window: Option<u64>,
    /// Thinking support; `None` = unknown, parameters pass unchecked.
    pub thinking: Option<ThinkingSupport>,
    /// OpenAI reasoning model: `max_completion_tokens`, `developer`.
    pub openai_reasoning: bool,
    /// Anthropic: takes `system` messages inside `messages`.
    pub mid_system: bool,
    /// Anthropic: refuses an assistant prefill.
    pub no_prefill: bool,
    /// Anthropic: refuses sampling parameters.
    pub no_sampling: bool,
    /// Anthropic: has `output_config.format`.
    pub structured_output: bool,
    /// Anthropic: takes `speed: "fast"`.
    pub fast_mode: bool,
    /// Gemini 3 family: `thinkingLevel`, images inside `functionResponse.parts`, tool mixing.
    pub gemini3: bool,
    /// Output modalities beyond text (`image`, `audio`), lower case.
    pub output_modalities: Vec<String>,
    /// False: text only; pictures become text notes. `None` = unknown.
    pub vision: Option<bool>,
}

/// How a model thinks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ThinkingSupport {
    /// Smallest budget; 0 with `max_budget` 0 = no budgets, levels only.
    pub min_budget: u32,
    /// Largest budget; 0 = levels only.
    pub max_budget: u32,
    /// Thinking may be switched off.
    pub can_disable: bool,
    /// The provider may choose (`auto`, −1, adaptive).
    pub dynamic: bool,
    /// Levels offered, rising; empty = budgets only.
    pub levels: Vec<Effort>,
    /// True: the model does not think; parameters are stripped.
    pub none: bool,
    /// The model may be asked in another vendor's protocol, whose words for levels are not its own:
    /// clients of that protocol get the nearest level instead of a refusal.
    pub foreign: bool,
}

/// What an endpoint accepts beyond its protocol. `Default` = the first vendor's public API.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointTraits {
    /// Not the first vendor: vendor extensions are not known, be plain (chat `max_tokens`, custom
    /// tools as functions).
    pub compatible: bool,
    /// Chat upstream wants `reasoning_content` back on call messages.
    pub wants_reasoning_content: bool,
    /// Chat upstream writes `<think>` tags into content.
    pub think_tags: bool,
    /// Chat upstream takes pictures in tool messages.
    pub tool_images: bool,
    /// Chat upstream refuses `stream_options`.
    pub no_stream_options: bool,
    /// Responses upstream is Codex: its refused fields are removed (`matrix.md` §4.1).
    pub codex: bool,
    /// Gemini upstream is Vertex: no call ids, `labels` allowed.
    pub vertex: bool,
    /// Gemini upstream takes only `parameters` (strict schema form, `matrix.md` §8).
    pub strict_schema: bool,
    /// Whose signatures the model behind the endpoint makes and takes, where that is not the
    /// vendor of the protocol; `Unknown` = it is.
    pub issuer: SignatureIssuer,
    /// Gemini upstream wants the ids of calls and results, whoever made them.
    pub call_ids: bool,
    /// Gemini upstream gets open safety settings with a translated request that has none.
    pub open_safety: bool,
    /// Endpoint takes `prompt_cache_key`.
    pub prompt_cache_key: bool,
    /// Endpoint keeps its cache by the session's mark in `prompt_cache_key`.
    pub session_cache: bool,
    /// Chat upstream has tools of its own, whose names begin with `$`.
    pub builtin_tools: bool,
}

impl EndpointTraits {
    /// Whose signatures are good here, for an endpoint that speaks `dialect`.
    pub fn issuer(&self, dialect: Dialect) -> SignatureIssuer {
        match self.issuer {
            SignatureIssuer::Unknown => dialect.issuer(),
            own => own,
        }
    }
}

/// Edits of a pass-through request (`matrix.md` §2).
#[derive(Debug, Clone, Copy, Default)]
pub struct Patch<'a> {
    /// New model name, when it differs from the client's.
    pub model: Option<&'a str>,
    /// New `stream` value, when the upstream demands a mode.
    pub stream: Option<bool>,
    /// Thinking to write in place of the client's: from a suffix, or clamped to the model.
    /// `Some(Unset)` removes the fields.
    pub thinking: Option<ReasoningIntent>,
}

/// A request body ready for the upstream, and what the reply needs to be read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// The body.
    pub body: Bytes,
    /// Header values the body asks for (`anthropic-beta` from a `betas` key).
    pub headers: Vec<(&'static str, String)>,
    /// Facts for the reply.
    pub notes: ReplyNotes,
}

impl Encoded {
    /// A body without notes.
    pub fn plain(body: Bytes) -> Self {
        Self {
            body,
            headers: Vec::new(),
            notes: ReplyNotes::default(),
        }
    }
}

/// What an encoded request did to names and tools, so that the reply can undo it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplyNotes {
    /// Tool names that had to change.
    pub names: NameMap,
    /// Forced tool (by upstream name) whose input stands for the text (Anthropic structured output).
    pub structured_tool: Option<String>,
}

/// The context of one reply: everything a decoder, encoder or relay needs beside the bytes.
#[derive(Debug, Clone, Default)]
pub struct ReplyContext {
    /// Model name to show to the client.
    pub model: String,
    /// `Some` when a pass-through reply must show this model instead of the upstream's.
    pub echo_model: Option<String>,
    /// Unix seconds at the start of the request.
    pub created: i64,
    /// Seed of the ids made for this reply; a fresh random string of at least 48 lower-case hex
    /// characters per request, fixed in tests.
    pub id_seed: String,
    /// Issuer of signatures the upstream makes.
    pub issuer: SignatureIssuer,
    /// Chat: the client wants the usage chunk.
    pub include_usage: bool,
    /// What of the thinking the client wants to see.
    pub show: ReasoningShow,
    /// The client's body, for echo fields and for what it declared.
    pub client_body: Bytes,
    /// Tools the client declared as custom (free text), and namespaced names, by client name.
    pub declared: Declared,
    /// Facts from the encoded request.
    pub notes: ReplyNotes,
    /// What the endpoint writes (think tags).
    pub endpoint: EndpointTraits,
    /// The client is Codex: a failure in the stream is a `response.failed` (`matrix.md` §5.2).
    pub codex_client: bool,
    /// How a Gemini client wants its stream.
    pub framing: Framing,
}

/// Framing of a client stream. Only Gemini knows the array (`streamGenerateContent` without `alt`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// Server-sent events.
    #[default]
    Sse,
    /// One JSON array written element by element.
    JsonArray,
}

/// What the client declared, as far as a reply depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    /// Custom (free text) tools.
    pub custom: Vec<String>,
    /// `(flattened name, namespace, child name)` of namespaced tools.
    pub namespaced: Vec<(String, String, String)>,
    /// The client declared a web search.
    pub web_search: bool,
}

impl Declared {
    /// Reads the declarations of `request`.
    pub fn of(request: &Request) -> Self {
        let mut declared = Self::default();
        for tool in &request.tools {
            match &tool.kind {
                ToolKind::Custom { .. } => declared.custom.push(tool.name.clone()),
                ToolKind::WebSearch { .. } => declared.web_search = true,
                ToolKind::Function { .. } | ToolKind::Server { .. } => {}
            }
            if let Some(namespace) = &tool.namespace {
                declared.namespaced.push((
                    flatten(Some(namespace), &tool.name),
                    namespace.clone(),
                    tool.name.clone(),
                ));
            }
        }
        declared
    }
}

impl ReplyContext {
    /// `prefix` followed by `n` (at most 48) characters derived from the seed and `counter`: unique
    /// within a reply and across replies.
    pub fn id(&self, prefix: &str, n: usize, counter: usize) -> String {
        let seed = self.id_seed.as_bytes();
        let mut id = String::with_capacity(prefix.len() + n);
        id.push_str(prefix);
        if seed.is_empty() {
            id.extend(std::iter::repeat_n('0', n));
            return id;
        }
        // The counter shows in the last characters, the seed in the others.
        let tail = if counter == 0 {
            String::new()
        } else {
            format!("{counter:x}")
        };
        let body = n.saturating_sub(tail.len());
        id.extend((0..body).map(|i| char::from(seed[i % seed.len()])));
        id.push_str(&tail);
        id
    }
}

/// Decodes the frames of one upstream stream.
pub trait EventDecoder {
    /// Decodes one frame; events go to `out`. An undecodable frame is an `Event::Error` (502).
    fn decode(&mut self, frame: &Frame<'_>, out: &mut Vec<Event>);

    /// The upstream closed the connection cleanly: emits what is still open, then `End`, or `Error`
    /// when the reply was cut (`matrix.md` §5.4). Emits nothing after an earlier `End` or `Error`.
    fn finish(&mut self, out: &mut Vec<Event>);
}

/// Encodes the events of one client stream into complete frames.
pub trait EventEncoder {
    /// Appends the frames for `event` to `out`; writes whole frames only. `Event::Error` becomes the
    /// protocol's own error frame, `Event::End` its end marker.
    fn encode(&mut self, event: Event, out: &mut Vec<u8>);
}

/// Carries one stream whose protocol is the same on both sides.
pub trait Relay {
    /// Appends the frame for the client: `frame.raw` as it came, unless an edit is due.
    fn frame(&mut self, frame: &Frame<'_>, out: &mut Vec<u8>) -> Seen;

    /// The upstream closed the connection. Appends an error frame when the reply was cut; returns
    /// that failure.
    fn finish(&mut self, out: &mut Vec<u8>) -> Option<Box<Failure>>;

    /// Appends the protocol's own error frame: the upstream failed after the commit point.
    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>);

    /// Token counts seen so far.
    fn usage(&self) -> Option<&Usage>;
}

/// What a relay read in one frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// Nothing that commits: comments, pings, empty frames, `response.created`, a bare head.
    Preamble,
    /// Part of the reply.
    Content,
    /// The reply is complete.
    End,
    /// The upstream reports an error inside the stream. The frame was appended as it came.
    Failure(Box<Failure>),
}
