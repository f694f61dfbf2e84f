//! §12: Gemini, decoding and encoding.

use crate::digest::{self, Class, Digest};
use crate::grammar::{self, End};
use crate::pair::*;
use crate::said::{self, candidate};
use protocol::Dialect;
use protocol::codec::Framing;
use serde_json::{Value, json};

const CLIENTS: [Dialect; 3] = [C, R, A];

/// What every client reads from this stream; all the same but for made ids.
#[track_caller]
fn read(payloads: &[Value]) -> Digest {
    let digests = CLIENTS.map(|client| {
        let told = pair(client, G).tell(payloads);
        assert_eq!(
            grammar::check(client, &told),
            Ok(End::Well),
            "{client:?}: {told:#?}"
        );
        let mut digest = digest::of(&digest::read(client, &sse(client, &told.data)).unwrap());
        for (id, ..) in &mut digest.calls {
            assert!(!id.is_empty());
            id.clear();
        }
        digest
    });
    assert_eq!(digests[0], digests[1], "{:?}", CLIENTS[1]);
    assert_eq!(digests[0], digests[2], "{:?}", CLIENTS[2]);
    digests[0].clone()
}

fn call(arguments: Value) -> (String, String, Value) {
    (String::new(), "f".to_owned(), arguments)
}

#[test]
fn e193_text_behind_a_finish() {
    let mut first = candidate(json!([{"text": "a"}]), json!("STOP"));
    first["usageMetadata"]["candidatesTokenCount"] = json!(1);
    let payloads = [first, candidate(json!([{"text": "b"}]), json!("STOP"))];
    assert_eq!(read(&payloads).text, "ab");
    for client in CLIENTS {
        let mut context = pair(client, G).context();
        context.include_usage = true;
        let told = pair(client, G).told(&context, &payloads);
        let reply = digest::read(client, &sse(client, &told.data)).unwrap();
        assert_eq!(reply.usage.output_total, Some(7), "{client:?}");
    }
}

#[test]
fn e194_the_finish_waits_for_the_end() {
    let made = |n: u32| {
        candidate(
            json!([{"functionCall": {"name": "f", "args": {"n": n}}}]),
            Value::Null,
        )
    };
    let told = pair(C, G).tell(&[
        made(1),
        made(2),
        candidate(json!([{"text": ""}]), json!("STOP")),
    ]);
    let words: Vec<&Value> = told.all("/choices/0/finish_reason");
    let (last, before) = words.split_last().unwrap();
    assert!(before.iter().all(|word| word.is_null()), "{words:?}");
    assert_eq!(**last, "tool_calls");
    let indexes: Vec<u64> = told
        .all("/choices/0/delta/tool_calls/0/index")
        .iter()
        .map(|index| index.as_u64().unwrap())
        .collect();
    assert_eq!((indexes.first(), indexes.last()), (Some(&0), Some(&1)));
}

#[test]
fn e195_calls_without_id_or_args() {
    for made in [
        json!({"name": "f"}),
        json!({"name": "f", "id": ""}),
        json!({"name": "f", "args": null}),
    ] {
        let digest = read(&[candidate(json!([{"functionCall": made}]), json!("STOP"))]);
        assert_eq!(digest.calls, [call(json!({}))], "{made}");
        assert_eq!(digest.stop, Class::Calls);
    }
}

#[test]
fn e196_arguments_in_pieces() {
    let piece = |args: Value, more: bool| {
        candidate(
            json!([{"functionCall": {"partialArgs": args, "willContinue": more}}]),
            Value::Null,
        )
    };
    let head = |id: &str| {
        candidate(
            json!([{"functionCall": {"id": id, "name": "f", "willContinue": true}}]),
            Value::Null,
        )
    };
    let digest = read(&[
        head("c1"),
        piece(
            json!([{"jsonPath": "$.city", "stringValue": "San ", "willContinue": true}]),
            true,
        ),
        piece(json!([{"jsonPath": "$.city", "stringValue": "José"}]), true),
        piece(json!([{"jsonPath": "$.days[0]", "numberValue": 3}]), true),
        candidate(json!([{"functionCall": {}}]), json!("STOP")),
    ]);
    assert_eq!(
        digest.calls,
        [call(json!({"city": "San José", "days": [3]}))]
    );
    // The last marker is missing: the end of the stream closes the call.
    let digest = read(&[
        head("c1"),
        piece(json!([{"jsonPath": "$.city", "stringValue": "Oslo"}]), true),
        candidate(json!([{"text": ""}]), json!("STOP")),
    ]);
    assert_eq!(digest.calls, [call(json!({"city": "Oslo"}))]);
}

#[test]
fn e197_blocked_and_filtered() {
    let blocked = json!({"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "up",
                         "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}});
    let empty = |word: &str| json!({"candidates": [{"index": 0, "finishReason": word}], "modelVersion": "up"});
    for payload in [blocked, empty("SAFETY"), empty("RECITATION")] {
        let digest = read(std::slice::from_ref(&payload));
        assert_eq!(
            (&*digest.text, digest.stop),
            ("", Class::Filter),
            "{payload}"
        );
        let told = pair(C, G).whole(&payload);
        assert_eq!(told["choices"][0]["finish_reason"], "content_filter");
        let told = pair(A, G).whole(&payload);
        assert_eq!(
            (&told["stop_reason"], &told["content"]),
            (&json!("refusal"), &json!([]))
        );
        let told = pair(R, G).whole(&payload);
        assert_eq!(told["status"], "incomplete");
        assert_eq!(told["incomplete_details"]["reason"], "content_filter");
    }
}

#[test]
fn e198_odd_ends() {
    let with = |content: Value, word: &str| json!({"candidates": [{"index": 0, "content": content, "finishReason": word}], "modelVersion": "up"});
    for client in CLIENTS {
        // An unusable call before anything was said is an error of the upstream.
        let told = pair(client, G).tell(&[with(json!({}), "MALFORMED_FUNCTION_CALL")]);
        match grammar::check(client, &told) {
            Ok(End::Failed) => {}
            other => {
                // Or, as the table of §9 has it once something was sent, a plain end.
                assert_eq!(other, Ok(End::Well), "{client:?}: {told:#?}");
                let last = told.data.iter().map(Value::to_string).collect::<String>();
                assert!(
                    !last.contains("tool_use") && !last.contains("tool_calls\""),
                    "{last}"
                );
            }
        }
        let text = json!({"role": "model", "parts": [{"text": "hi"}]});
        let told = pair(client, G).tell(&[with(text, "SOMETHING_NEW")]);
        assert_eq!(grammar::check(client, &told), Ok(End::Well), "{client:?}");
        assert_eq!(said::text_of(client, &told.data), "hi", "{client:?}");
        for content in [
            json!({"role": "model"}),
            json!({"role": "model", "parts": []}),
            Value::Null,
        ] {
            let told = pair(client, G).tell(&[with(content, "STOP")]);
            assert_eq!(grammar::check(client, &told), Ok(End::Well), "{client:?}");
        }
    }
}

#[test]
fn e199_an_empty_candidate_for_anthropic_clients() {
    let payload =
        json!({"candidates": [{"index": 0, "finishReason": "STOP"}], "modelVersion": "up"});
    let told = pair(A, G).tell(std::slice::from_ref(&payload));
    assert_eq!(
        told.kinds(),
        ["message_start", "message_delta", "message_stop"]
    );
    assert_eq!(pair(A, G).whole(&payload)["content"], json!([]));
}

#[test]
fn e200_thoughts_and_texts_in_turn() {
    let part = |text: &str, thought: bool| {
        let mut part = json!({"text": text});
        if thought {
            part["thought"] = json!(true);
        }
        candidate(json!([part]), Value::Null)
    };
    let payloads = [
        part("a", false),
        part("b", true),
        part("c", false),
        part("d", true),
        candidate(json!([{"text": ""}]), json!("STOP")),
    ];
    let told = pair(A, G).tell(&payloads);
    let kinds: Vec<&Value> = told.all("/content_block/type");
    assert_eq!(kinds, ["text", "thinking", "text", "thinking"]);
    assert_eq!(grammar::check(A, &told), Ok(End::Well));
    let told = pair(R, G).tell(&payloads);
    let kinds: Vec<&str> = told
        .of("response.output_item.added")
        .iter()
        .map(|data| data["item"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["message", "reasoning", "message", "reasoning"]);
    assert_eq!(grammar::check(R, &told), Ok(End::Well));
}

#[test]
fn e201_a_signature_behind_a_closed_item() {
    let told = pair(R, G).tell(&[
        candidate(json!([{"text": "hm", "thought": true}]), Value::Null),
        candidate(json!([{"text": "hi"}]), Value::Null),
        candidate(
            json!([{"text": "", "thoughtSignature": "c2ln"}]),
            json!("STOP"),
        ),
    ]);
    assert_eq!(grammar::check(R, &told), Ok(End::Well), "{told:#?}");
    let output = told.last()["response"]["output"].as_array().unwrap();
    assert_eq!(output[0]["summary"][0]["text"], "hm");
    assert!(!output[0].to_string().contains("c2ln"), "{}", output[0]);
    let carriers: Vec<&Value> = output[1..]
        .iter()
        .filter(|item| item.to_string().contains("c2ln"))
        .collect();
    assert_eq!(carriers.len(), 1);
    assert_eq!(carriers[0]["type"], "reasoning");
}

#[test]
fn e202_done_markers() {
    let plain = candidate(json!([{"text": "hi"}]), json!("STOP"));
    let told = pair(R, G).tell(&[plain, json!("[DONE]")]);
    assert_eq!(told.of("response.completed").len(), 1);
    let pair = pair(R, G);
    let stream = pair.stream_in(&pair.context(), b"data: [DONE]\n\n", usize::MAX);
    let told = Told::read(&stream);
    assert!(told.of("response.completed").is_empty(), "{told:#?}");
}

#[test]
fn e203_an_empty_text_is_an_answer() {
    let told = pair(C, G).whole(&candidate(
        json!([{"text": ""}, {"text": ""}]),
        json!("STOP"),
    ));
    assert_eq!(told["choices"][0]["message"]["content"], "");
}

#[test]
fn e204_an_array_piece_by_piece() {
    for upstream in [C, R, A, G] {
        let mut pair = pair(G, upstream);
        let payloads = said::text(upstream, "hello");
        let as_events = pair.tell(&payloads);
        pair.framing = Framing::JsonArray;
        let stream = pair.stream_in(&pair.context(), &sse(upstream, &payloads), usize::MAX);
        let array: Vec<Value> = serde_json::from_slice(&stream).unwrap();
        assert_eq!(array, as_events.data, "{upstream:?}");
        // What has come so far is a list that only lacks its end.
        let head = sse(upstream, &payloads[..payloads.len() - 1]);
        let part = pair.stream_in(&pair.context(), &head, usize::MAX);
        assert!(part.starts_with(b"["), "{upstream:?}");
    }
    let mut pair = pair(G, C);
    pair.framing = Framing::JsonArray;
    let stream = pair.stream_in(&pair.context(), &sse(C, &[said::error(C)]), usize::MAX);
    let array: Vec<Value> = serde_json::from_slice(&stream).unwrap();
    assert_eq!(array[0]["error"]["message"], "busy");
}

#[test]
fn e205_errors_in_the_middle() {
    let text = candidate(json!([{"text": "hi"}]), Value::Null);
    let error = said::error(G);
    for client in CLIENTS {
        let told = pair(client, G).tell(&[text.clone(), error.clone()]);
        assert_eq!(grammar::check(client, &told), Ok(End::Failed), "{client:?}");
        let pair = pair(client, G);
        let mut stream = sse(G, std::slice::from_ref(&text));
        stream.extend(format!("{error}\n\n").into_bytes());
        let bare = Told::read(&pair.stream_in(&pair.context(), &stream, usize::MAX));
        assert_eq!(bare.data, told.data, "{client:?}");
        let last = told.last();
        let kind = match client {
            C => &last["error"]["type"],
            A => &last["error"]["type"],
            _ => &last["code"],
        };
        assert!(
            ["server_error", "overloaded_error", "internal_server_error"]
                .contains(&kind.as_str().unwrap()),
            "{client:?}: {last}"
        );
    }
}

#[test]
fn e206_sources_of_an_anthropic_client() {
    let text = "Ö liegt: Köln. Und Bonn.";
    let (first, second) = text.split_at(text.find(" Und").unwrap());
    let mut last = candidate(json!([{"text": text}]), json!("STOP"));
    last["candidates"][0]["groundingMetadata"] = json!({
        "webSearchQueries": ["köln"],
        "groundingChunks": [
            {"web": {"uri": "https://a.com", "title": "A"}},
            {"web": {"uri": "https://a.com", "title": "A"}},
            {"web": {"uri": "", "title": "empty"}},
            {"web": {"uri": "https://b.com", "title": "B"}},
        ],
        "groundingSupports": [
            {"segment": {"startIndex": 0, "endIndex": first.len(), "text": first},
             "groundingChunkIndices": [0, 1]},
            {"segment": {"startIndex": first.len() + 1, "endIndex": text.len(), "text": second.trim_start()},
             "groundingChunkIndices": [3]},
        ],
    });
    let pair = pair(A, G);
    let declared = hello(
        A,
        json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
    );
    let context = pair.ask(&declared).context;
    let told = pair.whole_in(&context, &last);
    let blocks = told["content"].as_array().unwrap();
    let cited: Vec<(String, String)> = blocks
        .iter()
        .flat_map(|block| block["citations"].as_array().into_iter().flatten())
        .map(|cite| {
            let text = |key: &str| cite[key].as_str().unwrap_or_default().to_owned();
            (text("url"), text("cited_text"))
        })
        .collect();
    assert_eq!(
        cited,
        [
            ("https://a.com".to_owned(), first.to_owned()),
            ("https://b.com".to_owned(), second.trim_start().to_owned()),
        ]
    );
    let results = blocks
        .iter()
        .find(|block| block["type"] == "web_search_tool_result")
        .unwrap();
    let urls: Vec<&Value> = results["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["url"])
        .collect();
    assert_eq!(urls, ["https://a.com", "https://b.com"]);
    let said: String = blocks
        .iter()
        .filter_map(|block| block["text"].as_str())
        .collect();
    assert_eq!(said, text);
}

#[test]
fn e207_what_a_cache_excludes() {
    let own = json!({"cachedContent": "cachedContents/1",
        "systemInstruction": {"parts": [{"text": "rule"}]},
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}});
    let sent = pair(G, G).body(&own);
    for key in ["systemInstruction", "tools", "toolConfig"] {
        assert_eq!(sent.get(key), None, "{key}");
    }
    assert_eq!(sent["cachedContent"], "cachedContents/1");
    // Others have no such thing: the request keeps its instructions and tools.
    let sent = pair(G, A).body(&own);
    assert_eq!(sent["tools"][0]["name"], "f");
    assert!(sent["system"].to_string().contains("rule"));
}
