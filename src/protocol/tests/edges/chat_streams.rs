//! §9: chat upstream, stream decoding.

use crate::pair::*;
use crate::said;

#[test]
fn e161_a_message_closes_from_the_inside_out() {
    let told = pair(R, C).tell(&said::text(C, "hello"));
    assert_eq!(
        told.kinds(),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    assert_eq!(told.one("response.output_text.done")["text"], "hello");
    let item = &told.one("response.output_item.done")["item"];
    assert_eq!(item["status"], "completed");
    assert_eq!(item["content"][0]["text"], "hello");
    assert_eq!(&told.last()["response"]["output"][0], item);
}
