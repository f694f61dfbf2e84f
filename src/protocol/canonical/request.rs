//! A request as the common model sees it (`matrix.md` §3, §4).

use crate::codec::Dialect;
use crate::raw::RawJson;
use bytes::Bytes;

/// One generation request, independent of the protocol it came in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    /// Model name as the client wrote it, thinking suffix included.
    pub model: String,
    /// True when the client asked for a stream.
    pub stream: bool,
    /// True when a chat client asked for the usage chunk; the other protocols always show usage.
    pub include_usage: bool,
    /// Leading system and developer texts, in order.
    pub system: Vec<SystemBlock>,
    /// The conversation, in order.
    pub turns: Vec<Turn>,
    /// Declared tools, in order.
    pub tools: Vec<Tool>,
    /// Which tool the model must, may or must not call.
    pub tool_choice: Option<Choice>,
    /// Whether the model may call several tools at once.
    pub parallel_calls: Option<bool>,
    /// Output limits.
    pub limits: Limits,
    /// Sampling parameters.
    pub sampling: Sampling,
    /// Shape of the output.
    pub output: Output,
    /// Thinking wishes.
    pub reasoning: Reasoning,
    /// Prompt-cache wishes.
    pub cache: Cache,
    /// Service tier by the client's word (`auto`, `default`, `priority`, `fast`, `flex`, …).
    pub tier: Option<String>,
    /// Anthropic `speed` (`fast`).
    pub speed: Option<String>,
    /// OpenAI `store`.
    pub store: Option<bool>,
    /// Free-form metadata map of the client (OpenAI `metadata`, Gemini `labels`).
    pub metadata: Option<RawJson>,
    /// End-user id the client sent; never invented.
    pub end_user: Option<String>,
    /// OpenAI `safety_identifier`.
    pub safety_identifier: Option<String>,
    /// References to state kept by an upstream.
    pub state: State,
    /// Gemini `safetySettings`, verbatim.
    pub safety_settings: Option<RawJson>,
    /// Anthropic `mcp_servers`, verbatim.
    pub mcp_servers: Option<RawJson>,
    /// The client's own body: source of echo fields and of same-vendor fields without a place here.
    pub native: Option<(Dialect, Bytes)>,
}

/// A leading instruction text.
#[derive(Debug, Clone, PartialEq)]
pub struct SystemBlock {
    /// The text.
    pub text: String,
    /// Whether it came as `system` or as `developer`.
    pub rank: SystemRank,
    /// Prompt-cache mark on this block.
    pub cache: Option<CacheMark>,
}

/// OpenAI's two ranks of instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SystemRank {
    /// `system`, and every other protocol's system text.
    #[default]
    System,
    /// `developer`.
    Developer,
}

/// Who speaks in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The person or program that asks.
    User,
    /// The model.
    Assistant,
    /// Results of tool calls only. Anthropic and Gemini results arrive here too.
    Tool,
    /// Instructions in the middle of the conversation.
    System,
    /// Developer instructions in the middle of the conversation.
    Developer,
}

/// One turn of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Speaker.
    pub role: Role,
    /// Content in order.
    pub items: Vec<Item>,
    /// OpenAI chat `name` of the participant.
    pub name: Option<String>,
    /// Item id of a Responses message (`msg_…`).
    pub id: Option<String>,
    /// Responses `phase` of an assistant message.
    pub phase: Option<String>,
}

impl Turn {
    /// A turn without name, id and phase.
    pub fn new(role: Role, items: Vec<Item>) -> Self {
        Self {
            role,
            items,
            name: None,
            id: None,
            phase: None,
        }
    }
}

/// One piece of content, in requests and in replies.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// Plain text.
    Text {
        /// The text.
        text: String,
        /// Citations attached to it.
        citations: Vec<Citation>,
        /// Gemini signature that closes this part.
        signature: Option<Signature>,
        /// Prompt-cache mark.
        cache: Option<CacheMark>,
        /// Token log probabilities in OpenAI's shape (replies only).
        logprobs: Option<RawJson>,
    },
    /// A picture.
    Image {
        /// Where the bytes are.
        source: MediaSource,
        /// OpenAI `detail` (`low`, `high`, `auto`, `original`).
        detail: Option<String>,
        /// Prompt-cache mark.
        cache: Option<CacheMark>,
    },
    /// Sound.
    Audio {
        /// Where the bytes are.
        source: MediaSource,
        /// Transcript, when the model made the sound.
        transcript: Option<String>,
        /// Id of audio the upstream keeps.
        id: Option<String>,
    },
    /// Moving pictures.
    Video {
        /// Where the bytes are.
        source: MediaSource,
    },
    /// A document.
    File {
        /// Where the bytes are.
        source: MediaSource,
        /// File name or Anthropic title.
        name: Option<String>,
        /// Anthropic `context`.
        context: Option<String>,
        /// Anthropic `citations.enabled`.
        citations_enabled: bool,
        /// Prompt-cache mark.
        cache: Option<CacheMark>,
    },
    /// Anthropic `search_result` block, verbatim.
    SearchResult(RawJson),
    /// The model declined.
    Refusal(String),
    /// Thinking.
    Reasoning {
        /// Full thinking text (empty when only a summary or only a signature is known).
        text: String,
        /// Summary parts (OpenAI Responses).
        summary: Vec<String>,
        /// Proof of origin; Anthropic `signature`, OpenAI `encrypted_content`, Gemini `thoughtSignature`.
        signature: Option<Signature>,
        /// True for Anthropic `redacted_thinking`: `signature` holds its `data`.
        redacted: bool,
        /// Responses item id (`rs_…`).
        id: Option<String>,
    },
    /// The model calls a tool the client runs.
    Call {
        /// Call id that the result refers to; empty when the protocol has none (old Gemini).
        id: String,
        /// Responses item id (`fc_…`).
        item_id: Option<String>,
        /// Tool name as the client declared it.
        name: String,
        /// Responses namespace of the tool.
        namespace: Option<String>,
        /// Function or custom (free text) call.
        kind: CallKind,
        /// Arguments as the model wrote them.
        arguments: Arguments,
        /// Gemini signature on the call.
        signature: Option<Signature>,
        /// Prompt-cache mark.
        cache: Option<CacheMark>,
        /// Anthropic or Responses `caller`, verbatim.
        caller: Option<RawJson>,
    },
    /// What the client's tool answered.
    Result {
        /// Id of the call; empty when the protocol has none.
        call_id: String,
        /// Tool name, when the protocol says it (Gemini) or it was bound.
        name: Option<String>,
        /// Answer content.
        content: Vec<Item>,
        /// The answer as the JSON object the client sent (Gemini `response`).
        object: Option<RawJson>,
        /// True when the tool failed.
        is_error: bool,
        /// Kind of call answered.
        kind: ResultKind,
        /// Prompt-cache mark.
        cache: Option<CacheMark>,
    },
    /// A tool the upstream runs itself: call, result, code, search, compaction. Kept verbatim for its
    /// own protocol, with the fields another protocol can show.
    Server(Box<ServerTool>),
    /// A block of `dialect` without meaning elsewhere, verbatim.
    Opaque {
        /// Protocol that understands it.
        dialect: Dialect,
        /// The block.
        raw: RawJson,
    },
}

impl Item {
    /// A bare text item.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text {
            text: text.into(),
            citations: Vec::new(),
            signature: None,
            cache: None,
            logprobs: None,
        }
    }
}

/// A tool step made by the upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerTool {
    /// Protocol of `raw`.
    pub dialect: Dialect,
    /// Block or item type in that protocol (`server_tool_use`, `web_search_tool_result`,
    /// `web_search_call`, `executableCode`, `compaction`, …).
    pub kind: String,
    /// Id that pairs call and result.
    pub id: Option<String>,
    /// Tool name (`web_search`).
    pub name: Option<String>,
    /// Search query, when it is a search.
    pub query: Option<String>,
    /// The whole block.
    pub raw: RawJson,
}

/// Where media bytes are.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaSource {
    /// Standard base64 with padding, no white space.
    Base64 {
        /// Media type, lower case, without parameters.
        mime: String,
        /// The data.
        data: String,
    },
    /// Plain text of a document.
    Text {
        /// Media type (`text/plain`).
        mime: String,
        /// The text.
        data: String,
    },
    /// A URL the upstream would fetch.
    Url {
        /// The URL.
        url: String,
        /// Media type if known.
        mime: Option<String>,
    },
    /// Id of a file kept by `dialect`'s vendor.
    FileId {
        /// Vendor protocol.
        dialect: Dialect,
        /// The id.
        id: String,
    },
    /// Content blocks of an Anthropic `document`, verbatim.
    Content(RawJson),
}

/// Arguments of a tool call, always the raw text; parsed only where an encoder needs an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// JSON text as the model wrote it; may be empty, cut or invalid.
    Json(String),
    /// Free text of a custom tool.
    Text(String),
}

impl Arguments {
    /// The text, whatever it is.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Json(text) | Self::Text(text) => text,
        }
    }
}

/// Kind of a client tool call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CallKind {
    /// JSON arguments.
    #[default]
    Function,
    /// Free text input.
    Custom,
}

/// Kind of a tool result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResultKind {
    /// Answer to a function call.
    #[default]
    Function,
    /// Answer to a custom call.
    Custom,
}

/// Who made a signature; it is good for nobody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SignatureIssuer {
    /// Anthropic thinking signatures and redacted data.
    Anthropic,
    /// OpenAI encrypted reasoning.
    OpenAi,
    /// Gemini thought signatures.
    Gemini,
    /// Kiro.
    Kiro,
    /// GitHub Copilot `reasoning_opaque`.
    Copilot,
    /// Not known; dropped on translation.
    #[default]
    Unknown,
}

/// Where a Gemini signature stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum SignaturePlace {
    /// On the item that carries it.
    #[default]
    Here,
    /// On the next text part.
    NextText,
    /// On the next call.
    NextCall,
    /// On an empty part of its own.
    Detached,
}

/// A proof of origin on thinking, a call or a text part.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    /// Maker.
    pub issuer: SignatureIssuer,
    /// Opaque value, without our tag.
    pub value: String,
    /// Position.
    pub place: SignaturePlace,
}

/// A citation or annotation, in the shape of its protocol with the common parts read.
#[derive(Debug, Clone, PartialEq)]
pub struct Citation {
    /// Protocol of `raw`.
    pub dialect: Dialect,
    /// Source URL.
    pub url: Option<String>,
    /// Source title.
    pub title: Option<String>,
    /// Cited passage.
    pub cited_text: Option<String>,
    /// Start and end in characters of the text it belongs to.
    pub span: Option<(usize, usize)>,
    /// Verbatim.
    pub raw: RawJson,
}

/// A prompt-cache mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheMark {
    /// `5m` or `1h` when the client said so.
    pub ttl: Option<String>,
}

/// A declared tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Name by the client.
    pub name: String,
    /// Responses namespace.
    pub namespace: Option<String>,
    /// Description; `Some("")` is an empty one.
    pub description: Option<String>,
    /// What it is.
    pub kind: ToolKind,
    /// Anthropic `defer_loading`.
    pub defer_loading: Option<bool>,
    /// Prompt-cache mark.
    pub cache: Option<CacheMark>,
}

/// Kinds of tools.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolKind {
    /// JSON-schema function the client runs.
    Function {
        /// Parameter schema as sent; `None` when absent.
        schema: Option<RawJson>,
        /// OpenAI `strict`.
        strict: Option<bool>,
        /// Gemini response schema.
        output_schema: Option<RawJson>,
    },
    /// OpenAI custom tool (free text).
    Custom {
        /// `format` (grammar), verbatim.
        format: Option<RawJson>,
    },
    /// A web search run by the upstream, in common terms.
    WebSearch {
        /// Protocol of `raw`.
        dialect: Dialect,
        /// `allowed_domains` / `filters.allowed_domains`.
        allowed_domains: Vec<String>,
        /// `blocked_domains`.
        blocked_domains: Vec<String>,
        /// `user_location`, verbatim.
        user_location: Option<RawJson>,
        /// Anthropic `max_uses`.
        max_uses: Option<u64>,
        /// `external_web_access: false`: cached results only.
        offline: bool,
        /// The declaration.
        raw: RawJson,
    },
    /// Any other tool run by an upstream, or with a type fixed by its vendor.
    Server {
        /// Protocol of `raw`.
        dialect: Dialect,
        /// `type` (`code_interpreter`, `bash_20250124`, `codeExecution`, …).
        kind: String,
        /// The declaration.
        raw: RawJson,
    },
}

/// Which tool the model must, may or must not call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The model decides.
    Auto,
    /// No call.
    None,
    /// At least one call.
    Required,
    /// This tool.
    Tool {
        /// Name by the client.
        name: String,
        /// Namespace.
        namespace: Option<String>,
    },
    /// One of these tools only.
    Allowed {
        /// Names by the client.
        names: Vec<String>,
        /// True: must call one of them.
        required: bool,
    },
    /// A tool of the upstream by its type (`web_search`).
    Server(String),
}

/// Output limits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Most tokens to generate.
    pub max_output: Option<u64>,
    /// Responses `max_tool_calls`.
    pub max_tool_calls: Option<u64>,
    /// Stop sequences.
    pub stop: Vec<String>,
}

/// Sampling parameters, in the client's numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sampling {
    /// Temperature.
    pub temperature: Option<f64>,
    /// Nucleus.
    pub top_p: Option<f64>,
    /// Top k.
    pub top_k: Option<u64>,
    /// Vendor `min_p`.
    pub min_p: Option<f64>,
    /// Presence penalty.
    pub presence_penalty: Option<f64>,
    /// Frequency penalty.
    pub frequency_penalty: Option<f64>,
    /// Seed.
    pub seed: Option<i64>,
    /// Number of candidates.
    pub n: Option<u32>,
    /// `logit_bias`, verbatim.
    pub logit_bias: Option<RawJson>,
    /// Log probabilities wanted, with this many alternatives.
    pub logprobs: Option<u32>,
}

/// Shape of the output.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// Modalities, lower case (`text`, `image`, `audio`); empty = default.
    pub modalities: Vec<String>,
    /// Structured output.
    pub format: OutputFormat,
    /// OpenAI verbosity.
    pub verbosity: Option<String>,
    /// OpenAI `audio`, verbatim.
    pub audio: Option<RawJson>,
    /// Gemini `imageConfig`, verbatim.
    pub image_config: Option<RawJson>,
    /// OpenAI `prediction`, verbatim.
    pub prediction: Option<RawJson>,
}

/// Structured output.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum OutputFormat {
    /// Free text.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON by schema.
    JsonSchema {
        /// Schema name.
        name: Option<String>,
        /// Description.
        description: Option<String>,
        /// The schema.
        schema: RawJson,
        /// OpenAI `strict`.
        strict: Option<bool>,
    },
}

/// Thinking wishes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasoning {
    /// How much to think.
    pub intent: ReasoningIntent,
    /// What of it to show.
    pub show: ReasoningShow,
    /// Responses `include: ["reasoning.encrypted_content"]`.
    pub carry_encrypted: bool,
}

/// How much to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReasoningIntent {
    /// Not said.
    #[default]
    Unset,
    /// No thinking.
    Off,
    /// The provider decides.
    Auto,
    /// By level.
    Level(Effort),
    /// By token budget (> 0).
    Budget(u32),
}

/// Named thinking levels, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// 512 tokens.
    Minimal,
    /// 1024 tokens.
    Low,
    /// 8192 tokens.
    Medium,
    /// 24576 tokens.
    High,
    /// 32768 tokens.
    XHigh,
    /// 128000 tokens.
    Max,
}

/// What of the thinking to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReasoningShow {
    /// Not said.
    #[default]
    Unset,
    /// Nothing.
    Hidden,
    /// A summary; the word as in Responses (`auto`, `concise`, `detailed`).
    SummaryAuto,
    /// A concise summary.
    SummaryConcise,
    /// A detailed summary.
    SummaryDetailed,
    /// The full text.
    Full,
}

/// Prompt-cache wishes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cache {
    /// OpenAI `prompt_cache_key`.
    pub key: Option<String>,
    /// OpenAI `prompt_cache_retention`.
    pub retention: Option<String>,
    /// Anthropic top-level `cache_control`.
    pub top_level: Option<CacheMark>,
}

/// References to state that an upstream keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Responses `previous_response_id`.
    pub previous_response_id: Option<String>,
    /// Responses `conversation`, verbatim.
    pub conversation: Option<RawJson>,
    /// Responses `prompt` (stored prompt), verbatim.
    pub prompt: Option<RawJson>,
    /// Responses `truncation`.
    pub truncation: Option<String>,
    /// Responses `background`.
    pub background: Option<bool>,
    /// Anthropic `container`, verbatim.
    pub container: Option<RawJson>,
    /// Anthropic `context_management`, verbatim.
    pub context_management: Option<RawJson>,
    /// Anthropic `thread`, verbatim (`clients.md` §2 row 15).
    pub thread: Option<RawJson>,
    /// Gemini `cachedContent`.
    pub cached_content: Option<String>,
}
