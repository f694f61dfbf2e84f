//! Worked vectors of `gemini.md` §8, quotas.

use super::super::google::tests::refused;
use super::*;
use crate::providers::verdict::Verdict;
use actix_web::http::header::HeaderMap;
use actors::domain::outcome::{Outcome, Scope};
use actors::domain::record::Kind;
use actors::domain::secret::Secret;
use bytes::Bytes;
use protocol::canonical::{Delta, Event, Request, fold};
use protocol::codec;
use protocol::codec::{ReplyContext, Target};
use serde_json::{Value, json};
use std::time::Duration;

const MODEL: &str = "gemini-2.5-flash";

fn record() -> CredentialRecord {
    let mut record = CredentialRecord::bare("gemini:x".into(), "gemini", Kind::Key);
    record.secret = Some(Secret::from("AIzaFAKE"));
    record
}

fn shaped(action: Action, body: &Bytes) -> UpstreamRequest {
    let call = Call {
        record: &record(),
        model: MODEL,
        action,
        body,
        body_headers: &[],
        client_headers: &HeaderMap::new(),
        client: Dialect::Anthropic,
        client_body: &Bytes::new(),
        config: &actors::config::Config::default(),
        dialect: Dialect::Gemini,
    };
    Gemini.shape(&call).unwrap()
}

fn read(dialect: Dialect, body: &Value) -> Request {
    codec(dialect)
        .decode_request(&body.to_string().into(), &Default::default())
        .unwrap()
}

fn translated(dialect: Dialect, body: &Value) -> Value {
    let spoken = Gemini.speaks(&record(), MODEL, Dialect::Anthropic);
    let models = Gemini.models(&record());
    let info = models.iter().find(|model| &*model.id == MODEL).unwrap();
    let target = Target {
        model: MODEL,
        stream: false,
        model_traits: &info.traits,
        endpoint: &spoken.endpoint,
    };
    let request = read(dialect, body);
    let encoded = codec(Dialect::Gemini)
        .encode_request(&request, &target)
        .unwrap();
    let request = shaped(Action::Generate { stream: false }, &encoded.body);
    let url =
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent";
    assert_eq!(request.url, url);
    let key = request.headers.iter().find(|(n, _)| n == "x-goog-api-key");
    assert_eq!(key.unwrap().1, "AIzaFAKE");
    serde_json::from_slice(&request.body).unwrap()
}

#[test]
fn vector_1_a_claude_request() {
    let body = json!({"model": MODEL, "max_tokens": 100, "stop_sequences": ["END"], "system": "S",
        "messages": [{"role": "user", "content": "weather?"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1",
                "name": "get_weather", "input": {"city": "Rome"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1",
                "content": "22C"}]}],
        "tools": [{"name": "get_weather", "input_schema": {"type": "object",
            "properties": {"city": {"type": "string"}}, "required": ["city"],
            "additionalProperties": false, "$schema": "x"}}]});
    let got = translated(Dialect::Anthropic, &body);
    assert_eq!(got["systemInstruction"]["parts"], json!([{"text": "S"}]));
    let contents = got["contents"].as_array().unwrap();
    assert_eq!(
        contents[0],
        json!({"role": "user", "parts": [{"text": "weather?"}]})
    );
    let call = &contents[1]["parts"][0];
    assert_eq!(call["functionCall"]["name"], "get_weather");
    assert_eq!(call["functionCall"]["args"], json!({"city": "Rome"}));
    let result = &contents[2]["parts"][0]["functionResponse"];
    assert_eq!(result["name"], "get_weather");
    assert_eq!(result["response"], json!({"output": "22C"}));
    let function = &got["tools"][0]["functionDeclarations"][0];
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}},
        "required": ["city"], "additionalProperties": false});
    assert_eq!(function["parametersJsonSchema"], schema);
    let config = json!({"maxOutputTokens": 100, "stopSequences": ["END"]});
    assert_eq!(got["generationConfig"], config);
    let safety = got["safetySettings"].as_array().unwrap();
    assert_eq!(safety.len(), 5);
    assert_eq!(
        safety[0],
        json!({"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"})
    );
}

/// A client of the protocol itself says what it wants.
#[test]
fn a_gemini_request_stays_as_it_is() {
    let raw = Bytes::from_static(br#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#);
    let spoken = Gemini.speaks(&record(), MODEL, Dialect::Anthropic);
    let target = Target {
        model: MODEL,
        stream: false,
        model_traits: &Default::default(),
        endpoint: &spoken.endpoint,
    };
    let patched = codec(Dialect::Gemini)
        .patch_request(&raw, &Default::default(), &target)
        .unwrap();
    let sent = shaped(Action::Generate { stream: true }, &patched.body);
    assert_eq!(sent.body, raw);
    assert!(sent.url.ends_with(":streamGenerateContent?alt=sse"));
}

#[test]
fn vector_2_a_stream_that_tells_usage_twice() {
    let lines = [
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"A"}]}}],"usageMetadata":{"promptTokenCount":7,"totalTokenCount":7}}"#,
        r#"{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"name":"f","args":{"x":1}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3,"thoughtsTokenCount":5,"cachedContentTokenCount":2,"totalTokenCount":15}}"#,
    ];
    let mut decoder = codec(Dialect::Gemini).event_decoder(&ReplyContext::default());
    let mut events = Vec::new();
    for line in lines {
        let frame = protocol::sse::Frame {
            raw: line.as_bytes(),
            event: None,
            data: Some(line.into()),
        };
        decoder.decode(&frame, &mut events);
    }
    decoder.finish(&mut events);
    let texts = events.iter().filter_map(|event| match event {
        Event::Delta {
            delta: Delta::Text { text, .. },
            ..
        } => Some(text.as_str()),
        _ => None,
    });
    assert_eq!(texts.collect::<String>(), "A");
    let response = fold(events).unwrap();
    let chat = codec(Dialect::OpenAiChat).encode_response(&response, &ReplyContext::default());
    let chat: Value = serde_json::from_slice(&chat).unwrap();
    let choice = &chat["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["tool_calls"].as_array().unwrap().len(), 1);
    let usage = &chat["usage"];
    assert_eq!(usage["prompt_tokens"], 7);
    assert_eq!(usage["completion_tokens"], 8);
    assert_eq!(usage["total_tokens"], 15);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 2);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 5);
}

#[test]
fn vector_3_a_quota_of_the_day_ends_at_midnight_in_california() {
    let violation = |id: &str, value: &str| {
        json!([{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
            {"quotaMetric": "m", "quotaId": id, "quotaValue": value}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}])
    };
    let limited = |seconds| {
        Verdict::Next(Outcome::RateLimited {
            retry_after: Some(Duration::from_secs(seconds)),
            scope: Scope::Model,
        })
    };
    let minute = json!([{"violations": [{"quotaId": "GenerateRequestsPerMinutePerProject"}]}]);
    // `refused` judges at 2026-02-25T06:13:20Z.
    for (details, want, exhausted) in [
        (
            violation("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "50"),
            limited(6400),
            true,
        ),
        (
            violation("GenerateRequestsPerMinutePerProject", "5"),
            limited(34),
            false,
        ),
        (minute, limited(60), false),
        (
            violation("GenerateRequestsPerDayPerProject", "0"),
            Verdict::Next(Outcome::ModelMissing),
            false,
        ),
    ] {
        let body = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED",
            "message": "You exceeded it", "details": details}});
        let judgement = refused(429, &body.to_string(), |reply, judgement| {
            Gemini.refine(reply, judgement);
        });
        assert_eq!(judgement.verdict, want, "{body}");
        assert_eq!(judgement.exhausted, exhausted, "{body}");
    }
}

#[test]
fn vector_4_a_count_asks_with_the_whole_request() {
    let body = json!({"model": MODEL, "system": "S",
        "messages": [{"role": "user", "content": "hi"}]});
    let spoken = Gemini.speaks(&record(), MODEL, Dialect::Anthropic);
    let target = Target {
        model: MODEL,
        stream: false,
        model_traits: &Default::default(),
        endpoint: &spoken.endpoint,
    };
    let request = read(Dialect::Anthropic, &body);
    let encoded = protocol::gemini::count_tokens_request(&request, &target).unwrap();
    let sent = shaped(Action::CountTokens, &encoded.body);
    assert!(sent.url.ends_with("/gemini-2.5-flash:countTokens"));
    let sent: Value = serde_json::from_slice(&sent.body).unwrap();
    let inner = &sent["generateContentRequest"];
    assert_eq!(inner["model"], "models/gemini-2.5-flash");
    assert_eq!(inner["systemInstruction"]["parts"][0]["text"], "S");
    let total = protocol::gemini::read_total_tokens(&Bytes::from_static(br#"{"totalTokens":11}"#));
    assert_eq!(total.unwrap(), 11);
}
