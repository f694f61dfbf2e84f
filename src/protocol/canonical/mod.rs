//! The common model: what every protocol is decoded into and encoded from.
//!
//! In memory only. None of these types implements `Serialize`: they are no wire format.
//!
//! ```compile_fail
//! fn wire<T: serde::Serialize>() {}
//! wire::<protocol::canonical::Request>();
//! ```

mod event;
mod failure;
mod normalize;
mod request;
mod response;
mod usage;

pub use event::{Channel, Delta, Event, ItemHead, Start};
pub use failure::{Failure, FailureKind};
pub use normalize::{
    CONTINUE_PROMPT, KeepReasoning, MISSING_RESULT, MissingResults, NormalizeRules, normalize,
};
pub use request::{
    Arguments, Cache, CacheMark, CallKind, Choice, Citation, Effort, Item, Limits, MediaSource,
    Output, OutputFormat, Reasoning, ReasoningIntent, ReasoningShow, Request, ResultKind, Role,
    Sampling, ServerTool, Signature, SignatureIssuer, SignaturePlace, State, SystemBlock,
    SystemRank, Tool, ToolKind, Turn,
};
pub use response::{Reply, Response, fold, unfold};
pub use usage::{Stop, Usage};
