//! A reply in motion: what every upstream stream is decoded into (`matrix.md` §3, §5).

use super::{Citation, Failure, Item, ServerTool, Signature, Stop, Usage};
use crate::codec::Dialect;
use crate::raw::RawJson;

/// One step of a reply.
///
/// Order: `Start`, then for each item `ItemStart`, `Delta`*, `ItemStop`; `Usage` anywhere (later ones
/// win per field); one `Finish` per choice; `End` last. `Error` ends the reply in place of `End`.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The reply begins.
    Start(Box<Start>),
    /// An item opens. `index` counts all items of the reply from 0, over all choices.
    ItemStart {
        /// Position in the reply.
        index: usize,
        /// Candidate number, 0 unless the client asked for several.
        choice: u32,
        /// What opens.
        head: ItemHead,
    },
    /// An open item grows.
    Delta {
        /// Position of the item.
        index: usize,
        /// What is added.
        delta: Delta,
    },
    /// An item closes.
    ItemStop {
        /// Position of the item.
        index: usize,
        /// The whole item, when the upstream repeated it (Responses `output_item.done`).
        whole: Option<Box<Item>>,
    },
    /// Token counts known so far.
    Usage(Box<Usage>),
    /// A choice is complete.
    Finish {
        /// Candidate number.
        choice: u32,
        /// Why.
        stop: Stop,
        /// The upstream's own word, lower case (`native_finish_reason`).
        native: Option<String>,
    },
    /// The upstream failed; nothing follows.
    Error(Box<Failure>),
    /// An event without meaning for other protocols.
    Native {
        /// Protocol that understands it.
        dialect: Dialect,
        /// The event.
        raw: RawJson,
    },
    /// The upstream is alive.
    KeepAlive,
    /// The reply is complete.
    End,
}

/// Head of a reply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Start {
    /// Reply id of the upstream.
    pub id: Option<String>,
    /// Model name of the upstream.
    pub model: Option<String>,
    /// Unix seconds.
    pub created: Option<i64>,
    /// Tier that served.
    pub service_tier: Option<String>,
    /// OpenAI `system_fingerprint`.
    pub fingerprint: Option<String>,
}

/// What opens with an `ItemStart`. Text that is known at once still comes as a delta.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemHead {
    /// Answer text.
    Text,
    /// Refusal text.
    Refusal,
    /// Thinking.
    Reasoning {
        /// Responses item id.
        id: Option<String>,
        /// Anthropic `redacted_thinking`; its data follows as a signature delta.
        redacted: bool,
    },
    /// A call of a client tool, with the name the client declared.
    Call {
        /// Call id, never empty.
        id: String,
        /// Responses item id.
        item_id: Option<String>,
        /// Tool name.
        name: String,
        /// Responses namespace.
        namespace: Option<String>,
        /// Function or custom.
        kind: super::CallKind,
        /// `caller`, verbatim.
        caller: Option<RawJson>,
    },
    /// A picture; one `Delta::Image` follows.
    Image,
    /// Sound.
    Audio,
    /// A tool step of the upstream.
    Server(Box<ServerTool>),
    /// A block of one protocol, verbatim.
    Opaque {
        /// Protocol that understands it.
        dialect: Dialect,
        /// The block.
        raw: RawJson,
    },
}

/// What is added to an open item.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// Answer text.
    Text {
        /// The piece.
        text: String,
        /// Log probabilities of its tokens, OpenAI shape.
        logprobs: Option<RawJson>,
    },
    /// Refusal text.
    Refusal(String),
    /// Thinking text.
    Reasoning {
        /// Summary part or raw thinking.
        channel: Channel,
        /// The piece.
        text: String,
    },
    /// Signature of the item. Replaces an earlier one.
    Signature(Signature),
    /// Piece of the arguments text (JSON of a function, free text of a custom call).
    Arguments(String),
    /// A citation on the text.
    Citation(Box<Citation>),
    /// Picture data, complete.
    Image {
        /// Media type.
        mime: String,
        /// Base64.
        data: String,
    },
    /// Sound data.
    Audio {
        /// Id of the audio.
        id: Option<String>,
        /// Base64 piece.
        data: String,
        /// Transcript piece.
        transcript: String,
        /// Unix seconds until which the upstream keeps it.
        expires_at: Option<i64>,
    },
    /// Progress of a server tool, verbatim.
    Server(RawJson),
}

/// Which text of the thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Raw thinking, or the only text there is.
    Raw,
    /// Summary part of this number.
    Summary(usize),
}
