//! One piece of content, in requests and in replies (`matrix.md` §3, §4.3).

use crate::codec::Dialect;
use crate::raw::RawJson;
use crate::text::Text;

/// One piece of content, in requests and in replies.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// Plain text.
    Text {
        /// The text.
        text: Text,
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
    pub fn text(text: impl Into<Text>) -> Self {
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
