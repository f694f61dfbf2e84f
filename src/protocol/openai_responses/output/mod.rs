//! Output items towards a client: each kind knows its JSON and the events that build it.

pub(super) mod builtin;
mod call;
mod frames;
pub(super) mod json;
mod message;
mod place;
mod restore;
mod thinking;

pub(super) use call::Call;
pub(super) use frames::Frames;
pub(super) use message::Message;
pub(super) use place::{Place, Status};
pub(super) use restore::restore;
pub(super) use thinking::Thinking;
