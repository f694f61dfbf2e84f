//! §4: limits, sampling, other scalars.

use crate::pair::*;
use crate::said;
use protocol::canonical::Effort;
use protocol::codec::ThinkingSupport;
use protocol::{Dialect, codec};
use serde_json::{Value, json};

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

fn effort(level: &str, more: Value) -> Value {
    let mut body = hello(C, more);
    body["reasoning_effort"] = json!(level);
    body
}

/// A Claude model that thinks by budget.
fn budgets(client: Dialect) -> Pair {
    pair(client, A).model(|model| {
        model.thinking = Some(ThinkingSupport {
            min_budget: 1024,
            max_budget: 128_000,
            can_disable: true,
            ..ThinkingSupport::default()
        });
    })
}

#[test]
fn e62_the_older_limit_wins() {
    for (more, want) in [
        (
            json!({"max_tokens": 4096, "max_completion_tokens": 128_000}),
            4096,
        ),
        (json!({"max_completion_tokens": 128_000}), 128_000),
        (json!({"max_tokens": 7}), 7),
        (json!({}), 32_000),
    ] {
        assert_eq!(pair(C, A).body(&hello(C, more))["max_tokens"], want);
    }
    let known = pair(C, A).model(|model| model.max_output = Some(64_000));
    assert_eq!(known.body(&hello(C, json!({})))["max_tokens"], 64_000);
}

#[test]
fn e63_budgets_stay_below_the_clients_limit() {
    let sent = budgets(C).body(&effort("xhigh", json!({"max_tokens": 4096})));
    assert_eq!(
        sent["thinking"],
        json!({"type": "enabled", "budget_tokens": 4095})
    );
    assert_eq!(sent["max_tokens"], 4096);
    let sent = budgets(C).body(&effort("xhigh", json!({"max_tokens": 1000})));
    assert_eq!(sent["max_tokens"], 1000);
    assert_ne!(sent["thinking"]["type"], "enabled");
    let sent = budgets(C).body(&effort("xhigh", json!({})));
    assert_eq!(sent["thinking"]["type"], "enabled");
    let budget = sent["thinking"]["budget_tokens"].as_u64().unwrap();
    assert!(budget < sent["max_tokens"].as_u64().unwrap(), "{sent:#}");
}

#[test]
fn e64_e65_temperature_and_top_p() {
    for client in [C, R, G] {
        let body = |temperature: Option<f64>, top_p: Option<f64>| {
            let mut more = json!({});
            if client == G {
                more["generationConfig"] = json!({});
            }
            let place = match client {
                G => &mut more["generationConfig"],
                _ => &mut more,
            };
            if let Some(value) = temperature {
                place["temperature"] = json!(value);
            }
            if let Some(value) = top_p {
                place[if client == G { "topP" } else { "top_p" }] = json!(value);
            }
            pair(client, A).body(&hello(client, more))
        };
        let both = |sent: &Value| (sent["temperature"].as_f64(), sent["top_p"].as_f64());
        assert_eq!(
            both(&body(Some(1.7), None)),
            (Some(1.0), None),
            "{client:?}"
        );
        assert_eq!(
            both(&body(Some(-0.1), None)),
            (Some(0.0), None),
            "{client:?}"
        );
        assert_eq!(
            both(&body(Some(0.2), Some(0.9))),
            (Some(0.2), None),
            "{client:?}"
        );
        assert_eq!(
            both(&body(None, Some(0.9))),
            (None, Some(0.9)),
            "{client:?}"
        );
        assert_eq!(
            both(&body(Some(0.2), None)),
            (Some(0.2), None),
            "{client:?}"
        );
    }
}

#[test]
fn e66_sampling_beside_thinking() {
    let sampling = |sent: &Value| {
        ["temperature", "top_p", "top_k"].map(|key| sent.get(key).and_then(Value::as_f64))
    };
    for (values, want) in [
        ((0.2, 0.5, Some(10)), [None, None, None]),
        ((1.0, 0.97, None), [Some(1.0), Some(0.97), None]),
    ] {
        let (temperature, top_p, top_k) = values;
        let mut more = json!({"temperature": temperature, "top_p": top_p, "max_tokens": 9000});
        if let Some(top_k) = top_k {
            more["top_k"] = json!(top_k);
        }
        let sent = budgets(C).body(&effort("medium", more));
        assert_eq!(sent["thinking"]["type"], "enabled");
        assert_eq!(sampling(&sent), want, "{sent:#}");
        let mut config = json!({"temperature": temperature, "topP": top_p, "maxOutputTokens": 9000,
                                "thinkingConfig": {"thinkingBudget": 2000}});
        if let Some(top_k) = top_k {
            config["topK"] = json!(top_k);
        }
        let sent = budgets(G).body(&hello(G, json!({"generationConfig": config})));
        assert_eq!(sent["thinking"]["type"], "enabled");
        assert_eq!(sampling(&sent), want, "{sent:#}");
    }
}

#[test]
fn e67_models_with_fixed_sampling() {
    let more = json!({"temperature": 0.3, "top_p": 0.5, "top_k": 5});
    let sent = pair(C, A)
        .model(|model| model.no_sampling = true)
        .body(&hello(C, more.clone()));
    for key in ["temperature", "top_p", "top_k"] {
        assert_eq!(sent.get(key), None, "{key}");
    }
    let sent = pair(C, G)
        .model(|model| model.no_sampling = true)
        .body(&hello(C, more));
    for key in ["temperature", "topP", "topK"] {
        assert_eq!(sent["generationConfig"].get(key), None, "{key}");
    }
}

#[test]
fn e68_a_forced_call_does_not_think() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let one = json!({"type": "function", "function": {"name": "f"}});
    for (choice, want) in [
        (json!("required"), json!({"type": "any"})),
        (one, json!({"type": "tool", "name": "f"})),
    ] {
        let more = json!({"tools": tools, "tool_choice": choice, "max_tokens": 9000});
        let sent = budgets(C).body(&effort("high", more));
        assert_eq!(sent["tool_choice"], want);
        assert_eq!(sent.get("thinking"), None);
        assert_eq!(sent.get("output_config"), None);
    }
}

#[test]
fn e69_e70_stop_sequences() {
    let body = messages(
        json!([{"role": "user", "content": "hi"}]),
        json!({"stop_sequences": ["</block>"]}),
    );
    assert_eq!(pair(A, C).body(&body)["stop"], json!(["</block>"]));
    let sent = |upstream, stop: Value| pair(C, upstream).body(&hello(C, json!({"stop": stop})));
    for (stop, want) in [
        (json!("END"), json!(["END"])),
        (json!(["", "  ", "END"]), json!(["END"])),
    ] {
        assert_eq!(sent(A, stop.clone())["stop_sequences"], want);
        assert_eq!(sent(G, stop)["generationConfig"]["stopSequences"], want);
    }
    let seven = json!(["1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(
        sent(G, seven)["generationConfig"]["stopSequences"],
        json!(["1", "2", "3", "4", "5"])
    );
}

#[test]
fn e71_what_codex_does_not_know() {
    let more = json!({"stop": ["x"], "seed": 1, "logit_bias": {"1": 2}, "presence_penalty": 1,
                      "frequency_penalty": 1, "temperature": 0.2, "top_p": 0.5, "max_tokens": 5,
                      "user": "u"});
    let sent = pair(C, R)
        .endpoint(|endpoint| endpoint.codex = true)
        .body(&hello(C, more));
    for key in [
        "stop",
        "seed",
        "logit_bias",
        "presence_penalty",
        "frequency_penalty",
        "temperature",
        "top_p",
        "max_output_tokens",
        "user",
    ] {
        assert_eq!(sent.get(key), None, "{key}");
    }
    assert_eq!(sent["store"], false);
    assert_eq!(sent["instructions"], "");
}

#[test]
fn e72_usage_is_asked_for_and_kept_here() {
    for client in [C, R, A, G] {
        let mut pair = pair(client, C);
        pair.by_path = true;
        let mut body = hello(client, json!({}));
        if client != G {
            body["stream"] = json!(true);
        }
        let asked = pair.ask(&body);
        assert_eq!(
            asked.body["stream_options"],
            json!({"include_usage": true}),
            "{client:?}"
        );
        let told = pair.told(&asked.context, &said::text(C, "hi"));
        if client == C {
            assert!(told.all("/usage/total_tokens").is_empty(), "{told:#?}");
        }
        let plain = pair
            .clone()
            .endpoint(|endpoint| endpoint.no_stream_options = true);
        assert_eq!(plain.body(&body).get("stream_options"), None, "{client:?}");
    }
}

#[test]
fn e73_several_answers() {
    for upstream in [A, R] {
        let failure = pair(C, upstream)
            .try_ask(&hello(C, json!({"n": 2})).to_string())
            .err()
            .unwrap();
        assert_eq!(failure.status, 400, "{upstream:?}");
        let body: Value = serde_json::from_slice(&codec(C).encode_failure(&failure)).unwrap();
        let error = &body["error"];
        assert_eq!(error["type"], "invalid_request_error", "{upstream:?}");
        assert_eq!(error["code"], "unsupported_parameter", "{upstream:?}");
        assert_eq!(error["param"], "n", "{upstream:?}");
        let one = pair(C, upstream).body(&hello(C, json!({"n": 1})));
        assert_eq!(one.get("n"), None, "{upstream:?}");
    }
    let two = hello(C, json!({"n": 2}));
    assert_eq!(
        pair(C, G).body(&two)["generationConfig"]["candidateCount"],
        2
    );
    assert_eq!(pair(C, C).body(&two)["n"], 2);
    let gemini = hello(G, json!({"generationConfig": {"candidateCount": 2}}));
    assert_eq!(pair(G, C).body(&gemini)["n"], 2);
    assert!(pair(G, A).try_ask(&gemini.to_string()).is_err());
}

#[test]
fn e74_stream_options_need_a_stream() {
    let more = json!({"stream": false, "stream_options": {"include_usage": true}});
    let sent = pair(C, C).body(&hello(C, more));
    assert_eq!(sent.get("stream_options"), None);
}

#[test]
fn e75_log_probabilities() {
    let body = hello(C, json!({"logprobs": true, "top_logprobs": 3}));
    let asked = pair(C, A).ask(&body);
    assert!(!asked.body.to_string().contains("logprobs"));
    let told = pair(C, A).whole_in(&asked.context, &said::whole(A, "hi"));
    assert_eq!(told["choices"][0]["logprobs"], Value::Null, "{told:#}");
    let sent = pair(L, C).body(&hello(L, json!({"logprobs": 3})));
    assert_eq!(
        (&sent["logprobs"], &sent["top_logprobs"]),
        (&json!(true), &json!(3))
    );
    let google = pair(C, G).body(&body);
    assert_eq!(google["generationConfig"]["responseLogprobs"], true);
    assert_eq!(google["generationConfig"]["logprobs"], 3);
}

#[test]
fn e76_one_call_at_a_time() {
    let chat_tool = json!([{"type": "function", "function": {"name": "f"}}]);
    let flat_tool = json!([{"type": "function", "name": "f"}]);
    let once = |kind: &str| json!({"type": kind, "disable_parallel_tool_use": true});
    let mut named = once("tool");
    named["name"] = json!("f");
    for (choice, want) in [
        (Value::Null, once("auto")),
        (json!("required"), once("any")),
        (json!("one"), named),
        (json!("none"), json!({"type": "none"})),
    ] {
        for client in [C, R] {
            let (tools, one) = match client {
                C => (
                    &chat_tool,
                    json!({"type": "function", "function": {"name": "f"}}),
                ),
                _ => (&flat_tool, json!({"type": "function", "name": "f"})),
            };
            let mut more = json!({"tools": tools, "parallel_tool_calls": false});
            if !choice.is_null() {
                more["tool_choice"] = if choice == "one" { one } else { choice.clone() };
            }
            let sent = pair(client, A).body(&hello(client, more));
            assert_eq!(sent["tool_choice"], want, "{client:?} {choice}");
        }
    }
}

#[test]
fn e78_long_user_ids() {
    let long = json!({"device_id": "d".repeat(64), "account_uuid": "a".repeat(36),
                      "session_id": "s".repeat(36)})
    .to_string();
    let body = |id: &str| hello(A, json!({"metadata": {"user_id": id}}));
    for upstream in [C, R] {
        let sent = pair(A, upstream).body(&body(&long));
        let user = sent.get("user").or(sent.get("safety_identifier"));
        if let Some(user) = user {
            assert!(user.as_str().unwrap().len() <= 64, "{user}");
        }
        assert_eq!(pair(A, upstream).body(&body(&long)), sent);
        let short = pair(A, upstream).body(&body("me"));
        let user = short.get("user").or(short.get("safety_identifier"));
        assert_eq!(user, Some(&json!("me")), "{upstream:?}");
    }
}

#[test]
fn e79_unknown_fields() {
    for client in [C, R, A, G] {
        for upstream in [C, R, A, G] {
            let sent = pair(client, upstream).body(&hello(client, json!({"foo": {"bar": 1}})));
            let want = (client == upstream).then(|| json!({"bar": 1}));
            assert_eq!(sent.get("foo"), want.as_ref(), "{client:?}→{upstream:?}");
        }
    }
}

#[test]
fn e81_effort_towards_gemini() {
    let flash25 = |model: &mut protocol::codec::ModelTraits| {
        model.thinking = Some(ThinkingSupport {
            min_budget: 0,
            max_budget: 24_576,
            can_disable: true,
            dynamic: true,
            ..ThinkingSupport::default()
        });
    };
    let pro25 = |model: &mut protocol::codec::ModelTraits| {
        model.thinking = Some(ThinkingSupport {
            min_budget: 128,
            max_budget: 32_768,
            dynamic: true,
            ..ThinkingSupport::default()
        });
    };
    let levels = |levels: &'static [Effort]| {
        move |model: &mut protocol::codec::ModelTraits| {
            model.gemini3 = true;
            model.thinking = Some(ThinkingSupport {
                levels: levels.to_vec(),
                dynamic: true,
                ..ThinkingSupport::default()
            });
        }
    };
    let sent = |pair: Pair, level: &str| {
        pair.body(&effort(level, json!({})))["generationConfig"]["thinkingConfig"].clone()
    };
    let flash = || pair(C, G).model(flash25);
    let pro = || pair(C, G).model(pro25);
    assert_eq!(sent(flash(), "none")["thinkingBudget"], 0);
    assert_eq!(sent(pro(), "none")["thinkingBudget"], 128);
    assert_eq!(sent(flash(), "minimal")["thinkingBudget"], 512);
    assert_eq!(sent(flash(), "xhigh")["thinkingBudget"], 24_576);
    let low_high = || pair(C, G).model(levels(&[Effort::Low, Effort::High]));
    let all = || {
        pair(C, G).model(levels(&[
            Effort::Minimal,
            Effort::Low,
            Effort::Medium,
            Effort::High,
        ]))
    };
    let word = |config: &Value| config["thinkingLevel"].as_str().unwrap().to_uppercase();
    assert_eq!(word(&sent(low_high(), "none")), "LOW");
    assert_eq!(word(&sent(all(), "none")), "MINIMAL");
    assert_eq!(word(&sent(low_high(), "minimal")), "LOW");
    assert_eq!(word(&sent(all(), "minimal")), "MINIMAL");
    assert_eq!(word(&sent(all(), "xhigh")), "HIGH");
    for pair in [flash(), pro(), low_high(), all()] {
        for level in ["none", "minimal", "low", "medium", "high", "xhigh"] {
            let config = sent(pair.clone(), level);
            let both =
                config.get("thinkingBudget").is_some() && config.get("thinkingLevel").is_some();
            assert!(!both, "{config}");
        }
    }
    // A client that set both: the level counts.
    let both = json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 9, "thinkingLevel": "low"}}});
    let sent = pair(G, C).body(&hello(G, both));
    assert_eq!(sent["reasoning_effort"], "low");
}
