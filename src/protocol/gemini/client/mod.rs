//! Replies on their way to a Gemini client.

mod args;
mod frames;
mod grounding;
mod stream;
mod whole;

#[cfg(test)]
mod tests;

pub(super) use frames::Frames;
pub(super) use grounding::GROUNDING;
pub(super) use stream::Encoder;
pub(super) use whole::encode;

use crate::codec::ReplyContext;

/// The reply id shown: the upstream's when it has Google's form, else one made for this reply.
fn response_id(upstream: Option<&str>, context: &ReplyContext) -> String {
    let is_form = |id: &&str| {
        (20..=24).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    upstream
        .filter(is_form)
        .map_or_else(|| context.id("", 22, 0), str::to_owned)
}
