//! §4: limits, sampling, other scalars.

use crate::pair::*;
use serde_json::json;

#[test]
fn e77_priority_is_fast_where_the_model_is() {
    let fast = pair(R, A).model(|model| model.fast_mode = true);
    for tier in ["default", "flex", "auto"] {
        let body = fast.body(&hello(R, json!({"service_tier": tier})));
        assert_eq!(body.get("speed"), None, "{tier}");
        assert_eq!(body.get("service_tier"), None, "{tier}");
    }
    assert_eq!(fast.body(&hello(R, json!({}))).get("speed"), None);
    let asked = fast.ask(&hello(R, json!({"service_tier": "priority"})));
    assert_eq!(asked.body["speed"], "fast");
    assert_eq!(
        asked.headers,
        [("anthropic-beta", "fast-mode-2026-02-01".to_owned())]
    );
    let asked = pair(R, A).ask(&hello(R, json!({"service_tier": "priority"})));
    assert_eq!(asked.body.get("speed"), None);
    assert_eq!(asked.headers, []);
}
