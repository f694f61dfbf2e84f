use super::*;
use crate::raw::RawJson;
use std::path::PathBuf;
use std::time::Duration;

fn decoded(status: u16, body: &str, dialect: Dialect) -> Failure {
    decode(status, &Bytes::copy_from_slice(body.as_bytes()), dialect)
}

/// A recorded body; `None` where the recordings are not there (never in CI).
fn fixture(name: &str) -> Option<Bytes> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/fixtures")
        .join(name);
    match std::fs::read(&path) {
        Ok(body) => Some(Bytes::from(body)),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{path:?}: {error}");
            None
        }
    }
}

fn json(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[test]
fn e239_every_shape_gives_its_message() {
    for (body, message, error_type, code) in [
        (
            r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#,
            "m",
            Some("t"),
            Some("c"),
        ),
        (r#"{"error":"m"}"#, "m", None, None),
        (
            r#"{"error":"invalid_grant","error_description":"m"}"#,
            "m",
            None,
            Some("invalid_grant"),
        ),
        (
            r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}]"#,
            "m",
            Some("INVALID_ARGUMENT"),
            Some("API_KEY_INVALID"),
        ),
        (
            r#"{"type":"error","error":{"type":"t","message":"m"}}"#,
            "m",
            Some("t"),
            None,
        ),
        (r#"{"detail":"x"}"#, "x", None, None),
        (
            r#"{"detail":{"code":"deactivated_workspace"}}"#,
            "deactivated_workspace",
            None,
            Some("deactivated_workspace"),
        ),
        (
            r#"{"detail":[{"loc":["body","messages",0],"msg":"field required","type":"missing"},{"msg":"m"}]}"#,
            "body.messages.0: field required; m",
            None,
            None,
        ),
        (r#"{"message":"x","reason":null}"#, "x", None, None),
        (
            r#"{"__type":"com.amazon.coral#ValidationException","message":"m","reason":"INVALID_MODEL_ID"}"#,
            "m",
            Some("ValidationException"),
            Some("INVALID_MODEL_ID"),
        ),
        (r#"{"_type":"t","message":"m"}"#, "m", Some("t"), None),
        (r#"{"code":1113,"msg":"m"}"#, "m", None, Some("1113")),
        (r#"{"errorMessage":"m"}"#, "m", None, None),
        (
            r#"{"success":false,"errors":[{"code":7003,"message":"m"}]}"#,
            "m",
            None,
            None,
        ),
        ("data: {\"error\":{\"message\":\"m\"}}\n\n", "m", None, None),
        (" plain text \n", "plain text", None, None),
        (
            "<!DOCTYPE html><html><TITLE lang=en>\n Just a moment&hellip; &amp;\n more </TITLE></html>",
            "Just a moment&hellip; & more",
            None,
            None,
        ),
        (
            "<html><body>no title</body></html>",
            "Bad Request",
            None,
            None,
        ),
        ("", "Bad Request", None, None),
        ("null", "null", None, None),
        (r#"{"a":1}"#, r#"{"a":1}"#, None, None),
        (r#"{"error":{}}"#, r#"{"error":{}}"#, None, None),
    ] {
        let failure = decoded(400, body, Dialect::OpenAiChat);
        assert_eq!(failure.message, message, "{body}");
        assert_eq!(failure.error_type.as_deref(), error_type, "{body}");
        assert_eq!(failure.code.as_deref(), code, "{body}");
    }
    let long = format!("<title>{}</title>", "é".repeat(500));
    let failure = decoded(502, &long, Dialect::OpenAiChat);
    assert_eq!(failure.message, "é".repeat(200));
    let no_text = decode(529, &Bytes::from_static(b"\xff\xfe"), Dialect::OpenAiChat);
    assert_eq!(no_text.message, "Overloaded");
}

#[test]
fn e239_recorded_bodies() {
    for (name, status, dialect, start) in [
        (
            "openai-responses/codex-error-auth.response.json",
            401,
            Dialect::OpenAiResponses,
            "Could not parse your authentication token",
        ),
        (
            "aws-eventstream/stream-http-error.response.json",
            400,
            Dialect::OpenAiChat,
            "The provided model identifier is invalid.",
        ),
        (
            "gemini/error-auth.response.json",
            400,
            Dialect::Gemini,
            "API key not valid.",
        ),
    ] {
        let Some(body) = fixture(name) else { continue };
        let failure = decode(status, &body, dialect);
        assert!(failure.message.starts_with(start), "{}", failure.message);
    }
}

#[test]
fn e239_an_envelope_of_the_client_goes_out_unchanged() {
    let openai = r#"{ "error":{"message":"m","type":"x","n":1.0} }"#;
    let anthropic =
        r#"{"error":{"message":"m","type":"not_found_error"},"type":"error","request_id":"r"}"#;
    let gemini = r#"{"error":{"code":404,"message":"m","status":"NOT_FOUND","details":[]}}"#;
    for dialect in [
        Dialect::OpenAiChat,
        Dialect::OpenAiCompletions,
        Dialect::OpenAiResponses,
    ] {
        assert_eq!(openai_body(&decoded(404, openai, dialect)), openai.trim());
    }
    let failure = decoded(404, anthropic, Dialect::Anthropic);
    assert_eq!(anthropic_body(&failure), anthropic);
    assert_eq!(failure.request_id.as_deref(), Some("r"));
    let failure = decoded(404, gemini, Dialect::Gemini);
    assert_eq!(gemini_body(&failure), gemini);
    let in_array = decoded(404, &format!("[{gemini}\n]"), Dialect::Gemini);
    assert_eq!(gemini_body(&in_array), gemini);
    // Other clients get their own envelope.
    assert_eq!(
        openai_body(&failure),
        r#"{"error":{"message":"m","type":"invalid_request_error","code":"model_not_found"}}"#
    );
    for (body, dialect) in [
        (r#"{"detail":"m"}"#, Dialect::OpenAiResponses),
        (r#"{"error":"m"}"#, Dialect::OpenAiChat),
        (r#"{"error":{"type":"x"}}"#, Dialect::OpenAiChat),
        (openai, Dialect::Anthropic),
        (openai, Dialect::Gemini),
        ("oops", Dialect::Gemini),
    ] {
        assert_eq!(decoded(400, body, dialect).native, None, "{body}");
    }
}

#[test]
fn e240_retry_hints_are_whole_seconds() {
    let google = |delay: &str| {
        format!(
            r#"{{"error":{{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"{delay}"}}]}}}}"#
        )
    };
    let of_text = |text: &str| format!(r#"{{"error":{{"message":"{text}"}}}}"#);
    for (body, want) in [
        (google("34.07s"), Some(35)),
        (google("34s"), Some(34)),
        (google("0.847s"), Some(1)),
        (google("1h2m3.5s"), Some(3724)),
        (google("soon"), None),
        (
            r#"{"error":{"details":[{"metadata":{"quotaResetDelay":"373.8ms"}}]}}"#.to_owned(),
            Some(1),
        ),
        (
            r#"{"error":{"type":"usage_limit_reached","message":"m","resets_at":1771610400,"resets_in_seconds":13872}}"#
                .to_owned(),
            Some(13872),
        ),
        (of_text("Your quota will reset after 3s."), Some(3)),
        (of_text("reset after 1h2m3s"), Some(3723)),
        (of_text("Please retry in 48.939935699s."), Some(49)),
        (of_text("Please try again in 28ms. Visit"), Some(1)),
        (of_text("try again in 5 seconds"), Some(5)),
        (of_text("failed after 3 attempts"), None),
        (of_text("come back after lunch"), None),
        ("try again in 6m0s".to_owned(), Some(360)),
        (of_text("retry in 1e9 s"), None),
        (of_text("retry in 99999999999999s"), None),
    ] {
        let failure = decoded(429, &body, Dialect::Gemini);
        assert_eq!(failure.retry_after, want.map(Duration::from_secs), "{body}");
    }
    let timeout = decoded(504, &of_text("timed out after 600s"), Dialect::OpenAiChat);
    assert_eq!(timeout.retry_after, None);

    let Some(body) = fixture("gemini/error-429.response.json") else {
        return;
    };
    let failure = decode(429, &body, Dialect::Gemini);
    assert_eq!(failure.retry_after, Some(Duration::from_secs(35)));
    for body in [anthropic_body(&failure), openai_body(&failure)] {
        assert_eq!(json(&body)["error"]["type"], "rate_limit_error");
    }
}

#[test]
fn codex_says_when_the_limit_ends() {
    let body = br#"{"error":{"type":"usage_limit_reached","resets_at":1771610400}}"#;
    assert_eq!(resets_at(body), Some(1_771_610_400));
    assert_eq!(resets_at(b"{}"), None);
}

#[test]
fn e245_context_length_is_recognised() {
    for (status, body) in [
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 3333404 tokens > 200000 maximum"}}"#,
        ),
        (
            400,
            r#"{"error":{"message":"The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."}}"#,
        ),
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens."}}"#,
        ),
        (
            413,
            r#"{"error":{"message":"m","code":"context_too_large"}}"#,
        ),
        (400, r#"{"message":"Input is too long.","reason":null}"#),
        (
            400,
            r#"{"message":"m","reason":"CONTENT_LENGTH_EXCEEDS_THRESHOLD"}"#,
        ),
        (
            500,
            r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#,
        ),
    ] {
        let failure = decoded(status, body, Dialect::Anthropic);
        assert_eq!(
            (failure.status, failure.kind),
            (400, FailureKind::InvalidRequest),
            "{body}"
        );
        let body = json(&openai_body(&failure));
        assert_eq!(body["error"]["code"], "context_length_exceeded");
        assert_eq!(body["error"]["message"], failure.message.as_str());
    }
    let Some(body) = fixture("anthropic-messages/error-context-length.response.json") else {
        return;
    };
    let failure = decode(400, &body, Dialect::Anthropic);
    assert_eq!(
        json(&openai_body(&failure))["error"]["code"],
        "context_length_exceeded"
    );
    assert_eq!(anthropic_body(&failure), body);
    // A limit of tokens per minute is a limit, not the context.
    if let Some(body) = fixture("gemini/error-context-length.response.json") {
        assert_eq!(decode(429, &body, Dialect::Gemini).status, 429);
    }
}

#[test]
fn e238_errors_inside_a_responses_stream() {
    let body = |data| {
        let failure = decode_event(data, Dialect::OpenAiResponses);
        json(&anthropic_body(&failure))["error"].clone()
    };
    let error = body(
        r#"{"type":"error","code":"cyber_policy","message":"m","param":null,"sequence_number":3}"#,
    );
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(error["message"], "m");
    let error = body(r#"{"type":"error","error":{},"error_type":"overloaded_error"}"#);
    assert_eq!(error["type"], "overloaded_error");
    assert_eq!(error["message"], "overloaded_error");
}

#[test]
fn e241_status_of_errors_inside_a_stream() {
    use Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
    for (data, dialect, status, message) in [
        (
            r#"{"error":{"message":"m","code":429}}"#,
            OpenAiChat,
            429,
            "m",
        ),
        (
            r#"{"error":{"message":"m","code":"503"}}"#,
            OpenAiChat,
            503,
            "m",
        ),
        (
            r#"{"error":{"message":"m","code":42}}"#,
            OpenAiChat,
            502,
            "m",
        ),
        (r#"{"error":{"message":"m"}}"#, OpenAiChat, 502, "m"),
        (
            r#"{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}"#,
            OpenAiChat,
            429,
            "m",
        ),
        (
            r#"{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}"#,
            OpenAiChat,
            401,
            "m",
        ),
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
            Anthropic,
            529,
            "m",
        ),
        (
            r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
            Anthropic,
            500,
            "m",
        ),
        (
            r#"{"error":{"code":499,"message":"m","status":"CANCELLED"}}"#,
            Gemini,
            499,
            "m",
        ),
        (
            r#"{"error":{"message":"m","status":"UNAVAILABLE"}}"#,
            Gemini,
            503,
            "m",
        ),
        (
            r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"m"}}}"#,
            OpenAiResponses,
            500,
            "m",
        ),
        (
            r#"{"type":"error","status_code":429,"error":{"type":"usage_limit_reached","message":"m","resets_in_seconds":9}}"#,
            OpenAiResponses,
            429,
            "m",
        ),
        ("overloaded", OpenAiChat, 502, "overloaded"),
    ] {
        let failure = decode_event(data, dialect);
        assert_eq!(
            (failure.status, failure.message.as_str()),
            (status, message),
            "{data}"
        );
        assert_eq!(failure.kind, FailureKind::of_status(status));
        assert_eq!(
            failure.retry_after.is_some(),
            data.contains("resets_in_seconds")
        );
    }
    let data = r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#;
    assert_eq!(decode_event(data, OpenAiChat).status, 400);
    let data = r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#;
    assert_eq!(anthropic_body(&decode_event(data, Anthropic)), data);
    let data = r#"{"type":"error","error":{"message":"m"}}"#;
    assert_eq!(decode_event(data, OpenAiResponses).native, None);
}

#[test]
fn e242_overload_is_529_for_anthropic_clients_only() {
    let failure = decoded(
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        Dialect::Anthropic,
    );
    assert_eq!(anthropic_status(&failure), 529);
    assert_eq!(
        openai_body(&failure),
        r#"{"error":{"message":"Overloaded","type":"server_error"}}"#
    );
    assert_eq!(
        gemini_body(&failure),
        r#"{"error":{"code":503,"message":"Overloaded","status":"UNAVAILABLE"}}"#
    );
    let gemini =
        r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
    let failure = decoded(503, gemini, Dialect::Gemini);
    assert_eq!(anthropic_status(&failure), 529);
    assert_eq!(
        json(&anthropic_body(&failure))["error"]["type"],
        "overloaded_error"
    );
    // Nothing to do with load: this daemon has no account left.
    let failure = Failure::new(503, "auth_unavailable: no auth available");
    assert_eq!(anthropic_status(&failure), 503);
    assert_eq!(
        json(&anthropic_body(&failure))["error"]["type"],
        "api_error"
    );
}

#[test]
fn bodies_follow_the_table() {
    for (status, openai, anthropic, gemini) in [
        (
            400,
            r#""invalid_request_error""#,
            "invalid_request_error",
            "INVALID_ARGUMENT",
        ),
        (
            401,
            r#""authentication_error","code":"invalid_api_key""#,
            "authentication_error",
            "UNAUTHENTICATED",
        ),
        (
            402,
            r#""insufficient_quota""#,
            "billing_error",
            "FAILED_PRECONDITION",
        ),
        (
            403,
            r#""permission_error","code":"insufficient_quota""#,
            "permission_error",
            "PERMISSION_DENIED",
        ),
        (
            404,
            r#""invalid_request_error","code":"model_not_found""#,
            "not_found_error",
            "NOT_FOUND",
        ),
        (
            408,
            r#""server_error","code":"request_timeout""#,
            "timeout_error",
            "DEADLINE_EXCEEDED",
        ),
        (
            413,
            r#""invalid_request_error""#,
            "request_too_large",
            "INVALID_ARGUMENT",
        ),
        (
            422,
            r#""invalid_request_error""#,
            "invalid_request_error",
            "INVALID_ARGUMENT",
        ),
        (
            429,
            r#""rate_limit_error","code":"rate_limit_exceeded""#,
            "rate_limit_error",
            "RESOURCE_EXHAUSTED",
        ),
        (
            499,
            r#""invalid_request_error""#,
            "invalid_request_error",
            "CANCELLED",
        ),
        (
            500,
            r#""server_error","code":"internal_server_error""#,
            "api_error",
            "INTERNAL",
        ),
        (502, r#""server_error""#, "api_error", "INTERNAL"),
        (503, r#""server_error""#, "api_error", "UNAVAILABLE"),
        (
            504,
            r#""server_error","code":"request_timeout""#,
            "timeout_error",
            "DEADLINE_EXCEEDED",
        ),
        (529, r#""server_error""#, "overloaded_error", "UNAVAILABLE"),
    ] {
        let failure = Failure::new(status, "a \"b\"");
        assert_eq!(
            openai_body(&failure),
            format!(r#"{{"error":{{"message":"a \"b\"","type":{openai}}}}}"#)
        );
        assert_eq!(
            anthropic_body(&failure),
            format!(r#"{{"type":"error","error":{{"type":"{anthropic}","message":"a \"b\""}}}}"#)
        );
        let code = if status == 529 { 503 } else { status };
        assert_eq!(
            gemini_body(&failure),
            format!(r#"{{"error":{{"code":{code},"message":"a \"b\"","status":"{gemini}"}}}}"#)
        );
    }
}

#[test]
fn words_are_kept_where_the_client_knows_them() {
    let failure = Failure {
        error_type: Some("insufficient_quota".to_owned()),
        ..Failure::new(429, "m")
    };
    assert_eq!(
        openai_body(&failure),
        r#"{"error":{"message":"m","type":"insufficient_quota"}}"#
    );
    assert_eq!(
        json(&anthropic_body(&failure))["error"]["type"],
        "rate_limit_error"
    );

    let failure = Failure {
        error_type: Some("billing_error".to_owned()),
        code: Some("API_KEY_INVALID".to_owned()),
        request_id: Some("req_1".to_owned()),
        ..Failure::new(400, "m")
    };
    assert_eq!(
        anthropic_body(&failure),
        r#"{"type":"error","error":{"type":"billing_error","message":"m"},"request_id":"req_1"}"#
    );
    assert_eq!(
        openai_body(&failure),
        r#"{"error":{"message":"m","type":"invalid_request_error"}}"#
    );

    let failure = Failure {
        error_type: Some("FAILED_PRECONDITION".to_owned()),
        ..Failure::new(400, "m")
            .with_code("unsupported_value")
            .with_param("n")
    };
    assert_eq!(
        json(&gemini_body(&failure))["error"]["status"],
        "FAILED_PRECONDITION"
    );
    assert_eq!(
        openai_body(&failure),
        r#"{"error":{"message":"m","type":"invalid_request_error","param":"n","code":"unsupported_value"}}"#
    );
}

#[test]
fn extra_members_stand_in_the_error_object() {
    let mut failure = Failure::new(429, "m").with_code("model_cooldown");
    failure.extra = vec![
        ("model", RawJson::parse("\"gpt-5\"").unwrap()),
        ("reset_seconds", RawJson::parse("12").unwrap()),
    ];
    assert_eq!(
        openai_body(&failure),
        r#"{"error":{"message":"m","type":"rate_limit_error","code":"model_cooldown","model":"gpt-5","reset_seconds":12}}"#
    );
    for body in [anthropic_body(&failure), gemini_body(&failure)] {
        assert_eq!(json(&body)["error"]["reset_seconds"], 12);
    }
}
