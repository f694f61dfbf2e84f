//! Items of built-in tools towards a client: pictures, web searches, native items.

use super::frames::Frames;
use super::json::Object;
use super::place::Place;

/// Writes a picture the upstream made; returns the item. `mime` is a media type, `data` base64.
pub(crate) fn image(
    place: &Place,
    mime: &str,
    data: &str,
    frames: &mut Frames,
    out: &mut Vec<u8>,
) -> String {
    let format = mime.strip_prefix("image/").unwrap_or("png");
    let json = |status: &str, result: Option<&str>| {
        Object::of(|o| {
            o.text("id", &place.id)
                .text("type", "image_generation_call")
                .text("status", status);
            match result {
                Some(data) => o.text("output_format", format).text("result", data),
                None => o.raw("result", "null"),
            };
        })
    };
    place.added(&json("in_progress", None), frames, out);
    place.progress("response.image_generation_call.in_progress", frames, out);
    place.progress("response.image_generation_call.generating", frames, out);
    place.progress("response.image_generation_call.completed", frames, out);
    let item = json("completed", Some(data));
    place.done(&item, frames, out);
    item
}

/// Writes a finished web search; returns the item.
pub(crate) fn web_search(
    place: &Place,
    query: Option<&str>,
    frames: &mut Frames,
    out: &mut Vec<u8>,
) -> String {
    let json = |status: &str, action: Option<&str>| {
        Object::of(|o| {
            o.text("id", &place.id)
                .text("type", "web_search_call")
                .text("status", status);
            if let Some(action) = action {
                o.raw("action", action);
            }
        })
    };
    place.added(&json("in_progress", None), frames, out);
    place.progress("response.web_search_call.in_progress", frames, out);
    place.progress("response.web_search_call.searching", frames, out);
    place.progress("response.web_search_call.completed", frames, out);
    let action = Object::of(|o| {
        o.text("type", "search")
            .text("query", query.unwrap_or_default());
    });
    let item = json("completed", Some(&action));
    place.done(&item, frames, out);
    item
}

/// Writes an item of this protocol as the upstream made it; returns it.
pub(crate) fn native(place: &Place, item: &str, frames: &mut Frames, out: &mut Vec<u8>) -> String {
    place.added(item, frames, out);
    place.done(item, frames, out);
    item.to_owned()
}
