//! §2: tool calls and results in the history.

use crate::pair::*;
use protocol::Dialect;
use serde_json::{Value, json};

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

/// One step of a history, to be written in any client's protocol.
#[derive(Clone, Copy, Debug)]
enum Step {
    User(&'static str),
    Model(&'static str),
    /// Calls of one turn: id and argument.
    Calls(&'static [(&'static str, u32)]),
    Result(&'static str, &'static str),
}
use Step::{Calls, Model, Result, User};

/// The history as a client writes it. All calls are of the tool `f`.
fn history(client: Dialect, steps: &[Step]) -> Value {
    let args = |n: u32| json!({"n": n});
    let mut turns: Vec<Value> = Vec::new();
    for step in steps {
        match (client, *step) {
            (C | R | A, User(text)) => turns.push(user(text)),
            (C | R | A, Model(text)) => turns.push(json!({"role": "assistant", "content": text})),
            (G, User(text)) => turns.push(json!({"role": "user", "parts": [{"text": text}]})),
            (G, Model(text)) => turns.push(json!({"role": "model", "parts": [{"text": text}]})),
            (C, Calls(calls)) => {
                let calls: Vec<Value> = calls
                    .iter()
                    .map(|(id, n)| {
                        json!({"id": id, "type": "function",
                        "function": {"name": "f", "arguments": args(*n).to_string()}})
                    })
                    .collect();
                turns.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
            }
            (R, Calls(calls)) => turns.extend(calls.iter().map(|(id, n)| {
                json!({"type": "function_call", "call_id": id, "name": "f",
                       "arguments": args(*n).to_string()})
            })),
            (A, Calls(calls)) => {
                let calls: Vec<Value> = calls
                    .iter()
                    .map(|(id, n)| json!({"type": "tool_use", "id": id, "name": "f", "input": args(*n)}))
                    .collect();
                turns.push(json!({"role": "assistant", "content": calls}));
            }
            (_, Calls(calls)) => {
                let calls: Vec<Value> = calls
                    .iter()
                    .map(|(id, n)| json!({"functionCall": {"id": id, "name": "f", "args": args(*n)}}))
                    .collect();
                turns.push(json!({"role": "model", "parts": calls}));
            }
            (C, Result(id, text)) => {
                turns.push(json!({"role": "tool", "tool_call_id": id, "content": text}));
            }
            (R, Result(id, text)) => {
                turns.push(json!({"type": "function_call_output", "call_id": id, "output": text}))
            }
            (A, Result(id, text)) => turns.push(json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": id, "content": text}]})),
            (_, Result(id, text)) => turns.push(json!({"role": "user", "parts": [
                {"functionResponse": {"id": id, "name": "f", "response": {"output": text}}}]})),
            (L, _) => unreachable!("completions have no history"),
        }
    }
    match client {
        C | L => chat(json!(turns), json!({})),
        R => input(json!(turns), json!({})),
        A => messages(json!(turns), json!({})),
        G => contents(json!(turns), json!({})),
    }
}

/// What stands on the upstream's wire, one word per item: `U:text`, `M:text`, `C:argument`,
/// `R:argument of its call=text`, `R!` for an error; messages are parted by `|`.
#[track_caller]
fn wire(upstream: Dialect, body: &Value) -> String {
    let mut calls: Vec<(String, Value)> = Vec::new();
    let mut out: Vec<String> = Vec::new();
    let call = |id: &Value, n: &Value, calls: &mut Vec<(String, Value)>| {
        calls.push((id.to_string(), n.clone()));
        format!("C:{n}")
    };
    let result = |id: &Value, text: &str, failed: bool, calls: &mut Vec<(String, Value)>| {
        let id = id.to_string();
        let at = calls.iter().position(|(known, _)| *known == id);
        let at = at.unwrap_or_else(|| panic!("a result of {id} without its call: {body:#}"));
        let (_, n) = calls.remove(at);
        format!("R{}:{n}={text}", if failed { "!" } else { "" })
    };
    let turns = body["messages"].as_array().or(body["input"].as_array());
    for turn in turns.or(body["contents"].as_array()).unwrap() {
        let mut words = Vec::new();
        let who = if turn["role"] == "assistant" || turn["role"] == "model" {
            "M"
        } else {
            "U"
        };
        match upstream {
            C | L => {
                if turn["role"] == "tool" {
                    let text = turn["content"].as_str().unwrap();
                    words.push(result(&turn["tool_call_id"], text, false, &mut calls));
                } else if let Some(text) = turn["content"].as_str() {
                    words.push(format!("{who}:{text}"));
                }
                for made in turn["tool_calls"].as_array().into_iter().flatten() {
                    let text = made["function"]["arguments"].as_str().unwrap();
                    let args: Value = serde_json::from_str(text).unwrap();
                    words.push(call(&made["id"], &args["n"], &mut calls));
                }
            }
            R => match turn["type"].as_str() {
                Some("function_call") => {
                    let text = turn["arguments"].as_str().unwrap();
                    let args: Value = serde_json::from_str(text).unwrap();
                    words.push(call(&turn["call_id"], &args["n"], &mut calls));
                }
                Some("function_call_output") => {
                    let text = turn["output"].as_str().unwrap();
                    words.push(result(&turn["call_id"], text, false, &mut calls));
                }
                _ => {
                    let text = turn["content"]
                        .as_str()
                        .or(turn["content"][0]["text"].as_str());
                    words.push(format!("{who}:{}", text.unwrap()));
                }
            },
            A => {
                if let Some(text) = turn["content"].as_str() {
                    words.push(format!("{who}:{text}"));
                }
                for block in turn["content"].as_array().into_iter().flatten() {
                    words.push(match block["type"].as_str().unwrap() {
                        "tool_use" => call(&block["id"], &block["input"]["n"], &mut calls),
                        "tool_result" => {
                            let text = block["content"]
                                .as_str()
                                .or(block["content"][0]["text"].as_str())
                                .unwrap_or_default();
                            let failed = block["is_error"] == true;
                            result(&block["tool_use_id"], text, failed, &mut calls)
                        }
                        _ => format!("{who}:{}", block["text"].as_str().unwrap()),
                    });
                }
            }
            G => {
                for part in turn["parts"].as_array().unwrap() {
                    words.push(if let Some(made) = part.get("functionCall") {
                        call(&json!(null), &made["args"]["n"], &mut calls)
                    } else if let Some(answer) = part.get("functionResponse") {
                        let (text, failed) = match answer["response"].get("error") {
                            Some(text) => (text, true),
                            None => (&answer["response"]["output"], false),
                        };
                        result(&json!(null), text.as_str().unwrap(), failed, &mut calls)
                    } else {
                        format!("{who}:{}", part["text"].as_str().unwrap())
                    });
                }
            }
        }
        out.push(words.join(" "));
    }
    out.join(" | ")
}

/// Checks a history of every client for the upstreams given, with what stands on their wires.
#[track_caller]
fn check(clients: &[Dialect], steps: &[Step], want: &[(Dialect, &str)]) {
    for &client in clients {
        let body = history(client, steps);
        for &(upstream, want) in want {
            if client != upstream {
                let sent = pair(client, upstream).body(&body);
                assert_eq!(wire(upstream, &sent), want, "{client:?}→{upstream:?}");
            }
        }
    }
}

const ALL: [Dialect; 4] = [C, R, A, G];

#[test]
fn e22_a_turn_between_call_and_result_moves_behind() {
    let steps = [
        User("go"),
        Calls(&[("c1", 1), ("c2", 2)]),
        Result("c1", "one"),
        User("wait"),
        Result("c2", "two"),
        User("next"),
    ];
    check(
        &ALL,
        &steps,
        &[
            (C, "U:go | C:1 C:2 | R:1=one | R:2=two | U:wait | U:next"),
            (R, "U:go | C:1 | C:2 | R:1=one | R:2=two | U:wait | U:next"),
            (A, "U:go | C:1 C:2 | R:1=one R:2=two U:wait U:next"),
        ],
    );
    // Gemini results stand in a content of their own.
    check(
        &[C, R, A],
        &steps[..],
        &[(G, "U:go | C:1 C:2 | R:1=one R:2=two | U:wait U:next")],
    );
}

#[test]
fn e23_results_stand_in_front_of_texts() {
    let body = messages(
        json!([
            user("go"),
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"n": 1}}]},
            {"role": "user", "content": [
                {"type": "text", "text": "before"},
                {"type": "tool_result", "tool_use_id": "c1", "content": "ok"},
                {"type": "text", "text": "after"},
            ]},
        ]),
        json!({}),
    );
    let sent = pair(A, C).body(&body);
    assert_eq!(sent["messages"][2]["role"], "tool");
    assert_eq!(
        sent["messages"][3],
        json!({"role": "user", "content": [{"type": "text", "text": "before"},
                                           {"type": "text", "text": "after"}]})
    );
    assert_eq!(sent["messages"].as_array().unwrap().len(), 4);
}

#[test]
fn e24_e25_results_join_the_users_message() {
    check(
        &[C, R, G],
        &[
            User("go"),
            Calls(&[("c1", 1)]),
            Result("c1", "ok"),
            User("continue"),
        ],
        &[(A, "U:go | C:1 | R:1=ok U:continue")],
    );
    check(
        &[C, R, G],
        &[
            User("go"),
            Calls(&[("c1", 1), ("c2", 2)]),
            Result("c2", "two"),
            Result("c1", "one"),
            Model("Done."),
            User("thanks"),
        ],
        &[(A, "U:go | C:1 C:2 | R:1=one R:2=two | M:Done. | U:thanks")],
    );
    let marked = chat(
        json!([
            user("go"),
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "one",
             "cache_control": {"type": "ephemeral"}},
            {"role": "tool", "tool_call_id": "c2", "content": "two"},
        ]),
        json!({}),
    );
    let sent = pair(C, A).body(&marked);
    let results = &sent["messages"][2]["content"];
    assert!(
        results[0].to_string().contains("cache_control"),
        "{results:#}"
    );
    assert!(
        !results[1].to_string().contains("cache_control"),
        "{results:#}"
    );
}

#[test]
fn e26_the_last_answer_stands_at_the_first_place() {
    check(
        &ALL,
        &[
            User("go"),
            Calls(&[("dup", 1)]),
            Result("dup", "first"),
            Model("hm"),
            User("again"),
            Result("dup", "final"),
            User("next"),
        ],
        &[
            (A, "U:go | C:1 | R:1=final | M:hm | U:again U:next"),
            (C, "U:go | C:1 | R:1=final | M:hm | U:again | U:next"),
            (R, "U:go | C:1 | R:1=final | M:hm | U:again | U:next"),
            (G, "U:go | C:1 | R:1=final | M:hm | U:again U:next"),
        ],
    );
}

#[test]
fn e27_ids_come_again_in_later_rounds() {
    check(
        &ALL,
        &[
            User("go"),
            Calls(&[("again", 1)]),
            Result("again", "one"),
            Model("hm"),
            User("more"),
            Calls(&[("again", 2)]),
            Result("again", "two"),
            User("next"),
        ],
        &[
            (
                A,
                "U:go | C:1 | R:1=one | M:hm | U:more | C:2 | R:2=two U:next",
            ),
            (
                C,
                "U:go | C:1 | R:1=one | M:hm | U:more | C:2 | R:2=two | U:next",
            ),
            (
                R,
                "U:go | C:1 | R:1=one | M:hm | U:more | C:2 | R:2=two | U:next",
            ),
            (
                G,
                "U:go | C:1 | R:1=one | M:hm | U:more | C:2 | R:2=two | U:next",
            ),
        ],
    );
}

#[test]
fn e28_calls_that_share_an_id() {
    check(
        &ALL,
        &[
            User("go"),
            Calls(&[("same", 1), ("same", 2), ("own", 3)]),
            Result("same", "one"),
            Result("same", "two"),
            Result("own", "three"),
            User("next"),
        ],
        &[
            (A, "U:go | C:3 | R:3=three U:next"),
            (C, "U:go | C:3 | R:3=three | U:next"),
            (R, "U:go | C:3 | R:3=three | U:next"),
            (G, "U:go | C:3 | R:3=three | U:next"),
        ],
    );
}

#[test]
fn e29_results_of_calls_long_gone() {
    check(
        &ALL,
        &[
            Result("gone", "old"),
            User("go"),
            Model("yes"),
            Result("gone", "old"),
            User("next"),
        ],
        &[
            (A, "U:go | M:yes | U:next"),
            (C, "U:go | M:yes | U:next"),
            (R, "U:go | M:yes | U:next"),
            (G, "U:go | M:yes | U:next"),
        ],
    );
}

#[test]
fn e30_calls_nobody_answered() {
    check(
        &ALL,
        &[
            User("go"),
            Calls(&[("c1", 1), ("c2", 2)]),
            Result("c2", "two"),
            User("stop"),
        ],
        &[
            (
                A,
                "U:go | C:1 C:2 | R!:1=Tool result missing R:2=two U:stop",
            ),
            (
                C,
                "U:go | C:1 C:2 | R:1=Tool result missing | R:2=two | U:stop",
            ),
            (
                G,
                "U:go | C:1 C:2 | R:1=Tool result missing R:2=two | U:stop",
            ),
        ],
    );
    // The calls are the very last turn: only Gemini leaves them out.
    check(
        &ALL,
        &[User("go"), Calls(&[("c1", 1)])],
        &[
            (A, "U:go | C:1"),
            (C, "U:go | C:1"),
            (R, "U:go | C:1"),
            (G, "U:go"),
        ],
    );
}

#[test]
fn e31_results_without_id() {
    let body = |ids: [Value; 3]| {
        let tool = |id: &Value, text: &str| {
            let mut message = json!({"role": "tool", "content": text});
            if !id.is_null() {
                message["tool_call_id"] = id.clone();
            }
            message
        };
        let call = |id: &str, n: u32| {
            json!({"id": id, "type": "function",
                   "function": {"name": "f", "arguments": json!({"n": n}).to_string()}})
        };
        chat(
            json!([
                user("go"),
                {"role": "assistant", "content": null,
                 "tool_calls": [call("c1", 1), call("c2", 2)]},
                tool(&ids[0], "a"), tool(&ids[1], "b"), tool(&ids[2], "surplus"),
                user("next"),
            ]),
            json!({}),
        )
    };
    for ids in [
        [json!(null), json!(""), json!("")],
        [json!(""), json!(null), json!(null)],
    ] {
        let body = body(ids);
        for (upstream, want) in [
            (A, "U:go | C:1 C:2 | R:1=a R:2=b U:next"),
            (R, "U:go | C:1 | C:2 | R:1=a | R:2=b | U:next"),
            (G, "U:go | C:1 C:2 | R:1=a R:2=b | U:next"),
        ] {
            assert_eq!(
                wire(upstream, &pair(C, upstream).body(&body)),
                want,
                "{upstream:?}"
            );
        }
    }
}

#[test]
fn e32_results_without_content() {
    let anthropic = |content: Value| {
        let mut result = json!({"type": "tool_result", "tool_use_id": "c1"});
        if content != "absent" {
            result["content"] = content;
        }
        let call = json!({"type": "tool_use", "id": "c1", "name": "f", "input": {}});
        messages(
            json!([user("go"), {"role": "assistant", "content": [call]},
                   {"role": "user", "content": [result]}]),
            json!({}),
        )
    };
    let chat_body = |content: Value| {
        let mut message = json!({"role": "tool", "tool_call_id": "c1"});
        if content != "absent" {
            message["content"] = content;
        }
        chat(
            json!([user("go"), {"role": "assistant", "content": null, "tool_calls": [{"id": "c1",
                "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, message]),
            json!({}),
        )
    };
    for content in [json!([]), json!(""), json!(null), json!("absent")] {
        for (client, body) in [
            (A, anthropic(content.clone())),
            (C, chat_body(content.clone())),
        ] {
            let name = format!("{client:?} {content}");
            if client != C {
                let sent = pair(client, C).body(&body);
                assert_eq!(sent["messages"][2]["content"], "", "{name}");
            }
            if client != A {
                let sent = pair(client, A).body(&body);
                let result = &sent["messages"][2]["content"][0];
                assert_eq!(result["type"], "tool_result", "{name}");
                assert_eq!(result.get("content"), None, "{name}");
            }
            let sent = pair(client, G).body(&body);
            let response = &sent["contents"][2]["parts"][0]["functionResponse"];
            assert_eq!(response["response"], json!({"output": ""}), "{name}");
        }
    }
}

/// A Gemini conversation: calls of one turn, responses of the next, each with name and id (or none).
fn gemini(calls: &[(&str, &str)], responses: &[(&str, &str, &str)]) -> Value {
    let call = |at: usize, (name, id): &(&str, &str)| {
        let mut call = json!({"name": name, "args": {"n": at + 1}});
        if !id.is_empty() {
            call["id"] = json!(id);
        }
        json!({"functionCall": call})
    };
    let response = |(name, id, text): &(&str, &str, &str)| {
        let mut response = json!({"name": name, "response": {"output": text}});
        if !id.is_empty() {
            response["id"] = json!(id);
        }
        json!({"functionResponse": response})
    };
    let calls: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(at, c)| call(at, c))
        .collect();
    let responses: Vec<Value> = responses.iter().map(response).collect();
    contents(
        json!([
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": calls},
            {"role": "user", "parts": responses},
        ]),
        json!({}),
    )
}

#[test]
fn e33_responses_are_bound_by_name_first_in_first_out() {
    let body = gemini(
        &[("a", ""), ("b", ""), ("a", ""), ("b", "")],
        &[
            ("b", "", "b1"),
            ("a", "", "a1"),
            ("b", "", "b2"),
            ("a", "", "a2"),
        ],
    );
    for (upstream, want) in [
        (
            C,
            "U:go | C:1 C:2 C:3 C:4 | R:1=a1 | R:2=b1 | R:3=a2 | R:4=b2",
        ),
        (
            R,
            "U:go | C:1 | C:2 | C:3 | C:4 | R:1=a1 | R:2=b1 | R:3=a2 | R:4=b2",
        ),
        (A, "U:go | C:1 C:2 C:3 C:4 | R:1=a1 R:2=b1 R:3=a2 R:4=b2"),
    ] {
        assert_eq!(wire(upstream, &pair(G, upstream).body(&body)), want);
    }
}

#[test]
fn e34_explicit_ids_are_taken_out_first() {
    let mut body = gemini(
        &[("foo", "call_1"), ("foo", "call_2"), ("foo", "call_3")],
        &[
            ("foo", "call_2", "two"),
            ("foo", "", "one"),
            ("foo", "", "three"),
        ],
    );
    for key in ["id", "call_id", "callId"] {
        for turn in body["contents"].as_array_mut().unwrap() {
            for part in turn["parts"].as_array_mut().unwrap() {
                for holder in ["functionCall", "functionResponse"] {
                    if let Some(object) = part.get_mut(holder).and_then(Value::as_object_mut) {
                        let old = ["id", "call_id", "callId"]
                            .iter()
                            .find_map(|old| object.remove(*old));
                        object.extend(old.map(|id| (key.to_owned(), id)));
                    }
                }
            }
        }
        for (upstream, want) in [
            (C, "U:go | C:1 C:2 C:3 | R:1=one | R:2=two | R:3=three"),
            (A, "U:go | C:1 C:2 C:3 | R:1=one R:2=two R:3=three"),
            (R, "U:go | C:1 | C:2 | C:3 | R:1=one | R:2=two | R:3=three"),
        ] {
            let sent = pair(G, upstream).body(&body);
            assert_eq!(wire(upstream, &sent), want, "{key}");
            for id in ["call_1", "call_2", "call_3"] {
                assert_eq!(sent.to_string().matches(id).count(), 2, "{key} {id}");
            }
        }
    }
}

#[test]
fn e35_equal_calls_get_different_ids() {
    let body = gemini(&[("f", ""), ("f", "")], &[("f", "", "1"), ("f", "", "2")]);
    let sent = pair(G, C).body(&body);
    let calls = &sent["messages"][1]["tool_calls"];
    assert_ne!(calls[0]["id"], calls[1]["id"]);
}

#[test]
fn e36_empty_names_of_responses() {
    let body = gemini(
        &[("Read", ""), ("Grep", "")],
        &[("", "", "one"), ("", "", "two"), ("", "", "surplus")],
    );
    for (upstream, want) in [
        (C, "U:go | C:1 C:2 | R:1=one | R:2=two"),
        (A, "U:go | C:1 C:2 | R:1=one R:2=two"),
        (R, "U:go | C:1 | C:2 | R:1=one | R:2=two"),
    ] {
        assert_eq!(wire(upstream, &pair(G, upstream).body(&body)), want);
    }
    let own = pair(G, G).body(&body);
    let parts = own["contents"][2]["parts"].as_array().unwrap();
    let names: Vec<&Value> = parts
        .iter()
        .map(|part| &part["functionResponse"]["name"])
        .collect();
    assert_eq!(names, ["Read", "Grep"]);
}

#[test]
fn e37_e38_results_for_gemini_stand_in_call_order() {
    check(
        &[C, R, A],
        &[
            User("go"),
            Calls(&[("c1", 1), ("c2", 2), ("c3", 3)]),
            Result("c3", "three"),
            Result("c2", "two"),
            Result("c1", "one"),
            User("next"),
        ],
        &[(G, "U:go | C:1 C:2 C:3 | R:1=one R:2=two R:3=three | U:next")],
    );
    check(
        &[R],
        &[
            User("go"),
            Calls(&[("c1", 1), ("c2", 2)]),
            Result("c2", "two"),
            Model("hm"),
            Result("c1", "one"),
            User("next"),
        ],
        &[(G, "U:go | C:1 C:2 | R:1=one R:2=two | M:hm | U:next")],
    );
}

#[test]
fn e39_ids_towards_google() {
    let steps = [
        User("go"),
        Calls(&[("c1", 1)]),
        Result("c1", "ok"),
        User("next"),
    ];
    for client in [C, R, A] {
        let body = history(client, &steps);
        let vertex = pair(client, G)
            .endpoint(|endpoint| endpoint.vertex = true)
            .body(&body);
        assert!(
            !vertex.to_string().contains("\"id\""),
            "{client:?}: {vertex:#}"
        );
        let parts = |sent: &Value| {
            let part =
                |turn: usize, key: &str| sent["contents"][turn]["parts"][0][key]["id"].clone();
            (part(1, "functionCall"), part(2, "functionResponse"))
        };
        // The id may be Google's own: nobody can tell, and it takes any.
        let public = pair(client, G).body(&body);
        assert_eq!(
            parts(&public),
            (json!("c1"), json!("c1")),
            "{client:?}: {public:#}"
        );
    }
    let own = pair(G, G)
        .endpoint(|endpoint| endpoint.vertex = true)
        .body(&history(G, &steps));
    assert!(!own.to_string().contains("\"id\""), "{own:#}");
}

#[test]
fn e40_ids_anthropic_refuses() {
    for client in [C, R] {
        const ID: &str = "call.with space:1";
        let body = history(client, &[User("go"), Calls(&[(ID, 1)]), Result(ID, "ok")]);
        let sent = pair(client, A).body(&body);
        assert_eq!(sent["messages"][1]["content"][0]["id"], "call_with_space_1");
        assert_eq!(
            sent["messages"][2]["content"][0]["tool_use_id"],
            "call_with_space_1"
        );
    }
    let nameless = history(C, &[User("go"), Calls(&[("", 1)]), Result("", "ok")]);
    let sent = pair(C, A).body(&nameless);
    let id = sent["messages"][1]["content"][0]["id"].as_str().unwrap();
    assert!(id.starts_with("toolu_"), "{id}");
    assert_eq!(sent["messages"][2]["content"][0]["tool_use_id"], id);
}

#[test]
fn e41_long_ids() {
    const LONG: &str =
        "call_0123456789012345678901234567890123456789012345678901234567890123456789012345678901";
    assert_eq!(LONG.len(), 87);
    let mut seen = Vec::new();
    for client in [A, C] {
        let body = history(
            client,
            &[User("go"), Calls(&[(LONG, 1)]), Result(LONG, "ok")],
        );
        let sent = pair(client, R).body(&body);
        let id = sent["input"][1]["call_id"].as_str().unwrap().to_owned();
        assert!(id.len() <= 64, "{id}");
        assert_eq!(sent["input"][2]["call_id"], *id);
        seen.push(id);
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn e43_reasoning_without_what_it_led_to() {
    let reasoning = |n: u32| json!({"type": "thinking", "thinking": "t", "signature": format!("openai#gAAAA{n}")});
    let sent = pair(A, R).body(&messages(
        json!([
            user("go"),
            {"role": "assistant", "content": [reasoning(1), {"type": "text", "text": "a"}]},
            user("more"),
            {"role": "assistant", "content": [reasoning(2)]},
            user("next"),
        ]),
        json!({}),
    ));
    let text = sent.to_string();
    assert!(
        text.contains("gAAAA1") && !text.contains("gAAAA2"),
        "{sent:#}"
    );
    // A call whose thinking is another vendor's goes without item id.
    let sent = pair(A, R).body(&messages(
        json!([
            user("go"),
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "t", "signature": "EgQKAggF"},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "ok"}]},
        ]),
        json!({}),
    ));
    assert_eq!(sent["input"][1]["type"], "function_call");
    assert_eq!(sent["input"][1].get("id"), None);
    // A Responses client with its own items: the follower is missing.
    let own = pair(R, R).body(&input(
        json!([
            user("go"),
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA3"},
        ]),
        json!({}),
    ));
    assert!(!own.to_string().contains("gAAAA3"), "{own:#}");
}

#[test]
fn e45_arguments_that_are_no_object() {
    for (text, want) in [
        (
            r#"{"city":"SF",}"#,
            json!({"raw_arguments": r#"{"city":"SF",}"#}),
        ),
        (
            r#"{"a":1}{"b":2}"#,
            json!({"raw_arguments": r#"{"a":1}{"b":2}"#}),
        ),
        (r#"{"a":"x"#, json!({"a": "x"})),
        (r#""abc""#, json!({"input": "abc"})),
        ("[1]", json!({"input": [1]})),
        ("", json!({})),
    ] {
        let chat_body = chat(
            json!([user("go"), {"role": "assistant", "content": null, "tool_calls": [{"id": "c1",
                "type": "function", "function": {"name": "f", "arguments": text}}]},
                {"role": "tool", "tool_call_id": "c1", "content": "ok"}]),
            json!({}),
        );
        let items = input(
            json!([user("go"),
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": text},
                {"type": "function_call_output", "call_id": "c1", "output": "ok"}]),
            json!({}),
        );
        for (client, body) in [(C, chat_body), (R, items)] {
            let sent = pair(client, A).body(&body);
            assert_eq!(
                sent["messages"][1]["content"][0]["input"], want,
                "{client:?} {text}"
            );
            let sent = pair(client, G).body(&body);
            let call = &sent["contents"][1]["parts"][0]["functionCall"];
            assert_eq!(call["args"], want, "{client:?} {text}");
        }
    }
}
