//! A request as the common model sees it (`matrix.md` §3, §4).

use super::{CacheMark, Choice, Item, Tool};
use crate::codec::Dialect;
use crate::raw::RawJson;
use crate::text::Text;
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
    pub text: Text,
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
