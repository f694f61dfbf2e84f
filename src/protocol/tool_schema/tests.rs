use super::*;

mod gemini;
mod others;

fn raw(json: &str) -> RawJson {
    RawJson::parse(json).unwrap()
}

#[track_caller]
fn same(got: &RawJson, want: &str) {
    // As text: number texts and key order count.
    assert_eq!(got.as_str(), raw(want).as_str());
}
