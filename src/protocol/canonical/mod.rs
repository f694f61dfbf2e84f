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
mod item;
mod normalize;
mod request;
mod response;
mod tool;
mod usage;

pub use event::{Channel, Delta, Event, ItemHead, Start};
pub use failure::{Failure, FailureKind};
pub use item::{
    Arguments, CacheMark, CallKind, Citation, Item, MediaSource, ResultKind, ServerTool, Signature,
    SignatureIssuer, SignaturePlace,
};
pub use normalize::{
    CONTINUE_PROMPT, KeepReasoning, MISSING_RESULT, MissingResults, NormalizeRules, normalize,
};
pub use request::{
    Cache, Effort, Limits, Output, OutputFormat, Reasoning, ReasoningIntent, ReasoningShow,
    Request, Role, Sampling, State, SystemBlock, SystemRank, Turn,
};
pub use response::{Reply, Response, fold, unfold};
pub use tool::{Choice, Tool, ToolKind};
pub use usage::{Stop, Usage};
