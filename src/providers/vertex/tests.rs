use super::account::ServiceAccount;
use super::key::{KeyFault, PrivateKey};
use super::*;
use crate::providers::verdict::{self, Verdict};
use actix_web::http::header::HeaderMap;
use actors::config::Config;
use actors::domain::id::CredentialId;
use actors::domain::outcome::Outcome;
use actors::domain::secret::Secret;
use actors::login::LoginError;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use std::time::Duration;

/// A key made for these tests: PKCS#8 as base64 in lines.
const KEY: &str = include_str!("test_key.b64");

/// An elliptic-curve key made for these tests.
const EC_KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgglU7Xfu5EHgWj/6yy3pb/bioyW68\
                      +O4jQdpCnRxTqMahRANCAAR8VIcKBmq4N7LgODj+28BvtEm7tIHvS+QiYKEd43GXQjU7apqk0sDe\
                      HGr8qjoTvaMKF/SA7YnY7x0Fq1zW4KDy";

const EMAIL: &str = "svc@fake-project-123.iam.gserviceaccount.com";

fn pem(label: &str, body: &str, line_end: &str) -> String {
    format!(
        "-----BEGIN {label}-----{line_end}{}{line_end}-----END {label}-----{line_end}",
        body.trim().replace('\n', line_end)
    )
}

fn pkcs8() -> String {
    pem("PRIVATE KEY", KEY, "\n")
}

fn key_file() -> Value {
    json!({
        "type": "service_account", "project_id": "fake-project-123", "private_key_id": "0000",
        "private_key": pkcs8(), "client_email": EMAIL, "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    })
}

fn record(document: Value) -> CredentialRecord {
    let document = document.as_object().cloned().unwrap();
    let id = CredentialId::from("vertex-fake-project-123.json");
    Vertex.complete(CredentialRecord::from_document(id, document).unwrap())
}

fn imported() -> Value {
    let login = import::account(key_file().to_string().as_bytes(), None).unwrap();
    Value::Object(login.document)
}

fn shaped(record: &CredentialRecord, model: &str, action: Action, body: &Value) -> UpstreamRequest {
    try_shape(record, model, action, body, body).unwrap()
}

fn try_shape(
    record: &CredentialRecord,
    model: &str,
    action: Action,
    body: &Value,
    client_body: &Value,
) -> Result<UpstreamRequest, ShapeError> {
    Vertex.shape(&Call {
        record,
        model,
        action,
        body: &body.to_string().into(),
        body_headers: &[],
        client_body: &client_body.to_string().into(),
        client_headers: &HeaderMap::new(),
        client: Dialect::OpenAiChat,
        config: &Config::default(),
        dialect: Dialect::Gemini,
    })
}

fn header<'a>(request: &'a UpstreamRequest, name: &str) -> Option<&'a str> {
    let found = request.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.to_str().unwrap())
}

const STREAM: Action = Action::Generate { stream: true };
const WHOLE: Action = Action::Generate { stream: false };

#[test]
fn vector_1_service_accounts_are_called_in_their_location() {
    let url = "publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
    for (location, base_url, want) in [
        (
            None,
            None,
            "https://us-central1-aiplatform.googleapis.com/v1/projects/fake-project-123/locations/us-central1",
        ),
        (
            Some("europe-west4"),
            None,
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/fake-project-123/locations/europe-west4",
        ),
        (
            Some("global"),
            None,
            "https://aiplatform.googleapis.com/v1/projects/fake-project-123/locations/global",
        ),
        (
            Some("eu"),
            None,
            "https://aiplatform.eu.rep.googleapis.com/v1/projects/fake-project-123/locations/eu",
        ),
        (
            Some("us"),
            Some("https://proxy.example/"),
            "https://proxy.example/v1/projects/fake-project-123/locations/us",
        ),
    ] {
        let mut document = imported();
        document["location"] = location.map_or(Value::Null, Value::from);
        document["headers"] = json!({"x-team": "blue"});
        if let Some(base_url) = base_url {
            document["base_url"] = base_url.into();
        }
        let mut record = record(document);
        record.secret = Some(Secret::from("ya29.fake"));
        let request = shaped(&record, "gemini-2.5-flash", STREAM, &json!({}));
        assert_eq!(request.url, format!("{want}/{url}"));
        assert_eq!(header(&request, "authorization"), Some("Bearer ya29.fake"));
        assert_eq!(header(&request, "x-goog-api-key"), None);
        assert_eq!(
            header(&request, "x-team"),
            Some("blue"),
            "headers of the file"
        );
    }
}

#[test]
fn a_location_or_project_cannot_lead_the_token_elsewhere() {
    for (key, value) in [
        ("location", "evil.example/x"),
        ("location", "EU WEST"),
        ("project_id", "a/../../b"),
    ] {
        let mut document = imported();
        document[key] = value.into();
        let mut record = record(document);
        record.secret = Some(Secret::from("ya29.fake"));
        let shaped = try_shape(&record, "gemini-2.5-pro", WHOLE, &json!({}), &json!({}));
        assert!(matches!(shaped, Err(ShapeError::Misconfigured(_))), "{key}");
    }
}

#[test]
fn vector_2_keys_are_called_at_their_base() {
    let mut key = CredentialRecord::bare(CredentialId::from("k"), "vertex", Kind::Key);
    key.secret = Some(Secret::from("fake-key"));
    for (base, want) in [
        (
            Some("https://gateway.example/api"),
            "https://gateway.example/api",
        ),
        // The old program sent these to another service (424711b71).
        (None, "https://aiplatform.googleapis.com"),
    ] {
        key.base_url = base.map(str::to_owned);
        let request = shaped(&key, "gemini-2.5-pro", WHOLE, &json!({}));
        let path = "v1/publishers/google/models/gemini-2.5-pro:generateContent";
        assert_eq!(request.url, format!("{want}/{path}"));
        assert_eq!(header(&request, "x-goog-api-key"), Some("fake-key"));
        assert_eq!(header(&request, "authorization"), None);
    }
}

#[test]
fn vector_3_pictures_are_predicted() {
    let (model, prompt) = ("imagen-4.0-generate-001", "a red cube");
    let gemini = json!({"contents": [{"role": "user", "parts": [{"text": prompt}]}]});
    let client = json!({"model": model, "messages": [{"role": "user", "content": prompt}],
        "aspectRatio": "16:9"});
    let want = json!({"instances": [{"prompt": prompt}],
        "parameters": {"sampleCount": 1, "aspectRatio": "16:9"}});
    let mut login = record(imported());
    login.secret = Some(Secret::from("ya29.fake"));
    let mut key = CredentialRecord::bare(CredentialId::from("k"), "vertex", Kind::Key);
    key.secret = Some(Secret::from("fake-key"));
    // Also with keys and for streams, which the old program got wrong.
    for record in [&login, &key] {
        for action in [STREAM, WHOLE] {
            let request = try_shape(record, model, action, &gemini, &client).unwrap();
            assert!(request.url.ends_with("/imagen-4.0-generate-001:predict"));
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            assert_eq!(body, want);
            assert_eq!(header(&request, "accept"), Some("application/json"));
        }
    }
    assert!(Vertex.speaks(&key, model, Dialect::OpenAiChat).enveloped);
    assert!(
        !Vertex
            .speaks(&key, "gemini-2.5-pro", Dialect::OpenAiChat)
            .enveloped
    );
    let answer = r#"{"predictions":[{"bytesBase64Encoded":"iVBORw0=","mimeType":"image/png"}]}"#;
    let reply: Value = serde_json::from_str(&Vertex.open_envelope(answer)).unwrap();
    let candidate = &reply["candidates"][0];
    assert_eq!(candidate["finishReason"], "STOP");
    let parts = json!([{"inlineData": {"mimeType": "image/png", "data": "iVBORw0="}}]);
    assert_eq!(candidate["content"]["parts"], parts);
}

#[test]
fn prompts_and_options_of_pictures() {
    let gemini = |text: &str| json!({"contents": [{"parts": [{"text": text}]}]});
    let one = json!({"sampleCount": 1});
    for (body, client, prompt, parameters) in [
        (gemini("x"), json!({}), Some("x"), one.clone()),
        (
            gemini("x"),
            json!({"sampleCount": 3}),
            Some("x"),
            json!({"sampleCount": 3}),
        ),
        (
            json!({"contents": [{"parts": [{"text": " "}, {"text": "y"}]}],
                "generationConfig": {"candidateCount": 2, "imageConfig": {"aspectRatio": "4:3"}}}),
            json!({}),
            Some("y"),
            json!({"sampleCount": 2, "aspectRatio": "4:3"}),
        ),
        (
            json!({}),
            json!({"messages": [{"content": ""}, {"content": "m"}], "prompt": "p"}),
            Some("m"),
            one.clone(),
        ),
        (json!({}), json!({"prompt": "p"}), Some("p"), one),
        (json!({"contents": []}), json!({}), None, Value::Null),
    ] {
        let made = imagen::request(&body.to_string().into(), &client.to_string().into());
        match prompt {
            Some(prompt) => {
                let made: Value = serde_json::from_slice(&made.unwrap()).unwrap();
                assert_eq!(made["instances"][0]["prompt"], prompt);
                assert_eq!(made["parameters"], parameters, "{body} {client}");
            }
            None => assert_eq!(
                made.unwrap_err(),
                ShapeError::BadRequest("imagen: no prompt found in request".to_owned())
            ),
        }
    }
    let negative = imagen::request(
        &gemini("x").to_string().into(),
        &json!({"negativePrompt": "blue"}).to_string().into(),
    );
    let negative: Value = serde_json::from_slice(&negative.unwrap()).unwrap();
    assert_eq!(negative["instances"][0]["negativePrompt"], "blue");
}

#[test]
fn filtered_pictures_are_a_content_stop_and_errors_stay() {
    for answer in [
        r#"{"predictions":[],"raiFilteredReason":"violence"}"#,
        r#"{"predictions":[{"raiFilteredReason":"violence"}]}"#,
        "{}",
    ] {
        let reply: Value = serde_json::from_str(&imagen::reply(answer)).unwrap();
        let candidate = &reply["candidates"][0];
        assert_eq!(candidate["finishReason"], "IMAGE_SAFETY", "{answer}");
        assert_eq!(candidate["content"]["parts"], json!([]));
        let told = candidate["finishMessage"].as_str();
        assert_eq!(told, answer.contains("violence").then_some("violence"));
    }
    for answer in [
        r#"{"error":{"code":400}}"#,
        r#"[{"error":{}}]"#,
        "<html>",
        r#"{"predictions":[1]}"#,
    ] {
        assert_eq!(imagen::reply(answer), answer);
    }
}

#[test]
fn vector_4_keys_are_cleaned() {
    let clean = PrivateKey::read(&pkcs8()).unwrap().pem();
    assert!(clean.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
    assert!(clean.ends_with("\n-----END RSA PRIVATE KEY-----\n"));
    assert!(!clean.contains('\r'));
    let body: Vec<&str> = clean
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let (last, full) = body.split_last().unwrap();
    assert!(full.iter().all(|line| line.len() == 64) && last.len() <= 64);
    // It is the key that the PKCS#8 form holds.
    let inside = STANDARD.decode(body.concat()).unwrap();
    let whole = STANDARD.decode(KEY.replace('\n', "")).unwrap();
    assert!(whole.ends_with(&inside) && inside.len() < whole.len());
    for (form, text) in [
        ("PKCS#1", clean.clone()),
        ("CR LF", pem("PRIVATE KEY", KEY, "\r\n")),
        ("escaped line ends", pem("PRIVATE KEY", KEY, "\\n")),
        ("no borders", KEY.to_owned()),
        ("one line", KEY.replace('\n', "")),
        ("no padding", KEY.trim().trim_end_matches('=').to_owned()),
        ("blanks", format!("  {}\u{fffd}\n ", pkcs8())),
        ("colours", pkcs8().replace('\n', "\u{1b}[0m\n\u{1b}[1;32m")),
        ("wrong label", pem("RSA PRIVATE KEY", KEY, "\n")),
    ] {
        let read = PrivateKey::read(&text).map(|key| key.pem());
        assert_eq!(read.as_ref(), Ok(&clean), "{form}");
    }
}

#[test]
fn vector_4_other_keys_are_refused() {
    let cut = KEY.get(..400).unwrap();
    for (text, want) in [
        (pem("PRIVATE KEY", EC_KEY, "\n"), "not an RSA key"),
        (pem("EC PRIVATE KEY", EC_KEY, "\n"), "not an RSA key"),
        (EC_KEY.to_owned(), "not an RSA key"),
        (pem("CERTIFICATE", KEY, "\n"), "not an RSA key"),
        (
            pem("ENCRYPTED PRIVATE KEY", KEY, "\n"),
            "it is encrypted; use the file as Google gave it",
        ),
        (pem("PRIVATE KEY", "", "\n"), "it holds no key"),
        (
            pem("PRIVATE KEY", cut, "\n"),
            "it cannot be read: it is cut off or mangled",
        ),
    ] {
        let fault = PrivateKey::read(&text).map(|_| ()).unwrap_err();
        assert_eq!(fault.to_string(), want);
    }
    let nonsense = PrivateKey::read("-----BEGIN PRIVATE KEY----- FAKE -----END PRIVATE KEY-----");
    assert!(matches!(nonsense.map(|_| ()), Err(KeyFault::Unreadable(_))));
}

#[test]
fn a_claim_is_signed_as_google_checks_it() {
    let record = record(imported());
    let account = ServiceAccount::of(&record).unwrap();
    let now: DateTime<Utc> = "2026-03-01T10:00:00Z".parse().unwrap();
    let assertion = token::assertion(&account, now).unwrap();
    let parts: Vec<&str> = assertion.split('.').collect();
    let decoded = |at: usize| URL_SAFE_NO_PAD.decode(parts[at]).unwrap();
    let json = |at: usize| serde_json::from_slice::<Value>(&decoded(at)).unwrap();
    assert_eq!(
        json(0),
        json!({"alg": "RS256", "typ": "JWT", "kid": "0000"})
    );
    let made_at = now.timestamp() - 10;
    let claims = json!({
        "iss": EMAIL, "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token", "iat": made_at, "exp": made_at + 3600,
    });
    assert_eq!(json(1), claims);
    let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(KEY.replace('\n', "")).unwrap()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    let signed = format!("{}.{}", parts[0], parts[1]);
    public.verify(signed.as_bytes(), &decoded(2)).unwrap();
}

#[test]
fn an_import_makes_the_file_of_the_old_program() {
    let login = import::account(key_file().to_string().as_bytes(), None).unwrap();
    assert_eq!(login.names[0], "vertex-fake-project-123.json");
    // A second service account of the project: eight hex digits of SHA-256 of its address.
    let hash = ring::digest::digest(&ring::digest::SHA256, EMAIL.as_bytes());
    let hash: String = hash.as_ref()[..4]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(
        login.names[1],
        format!("vertex-fake-project-123-{hash}.json")
    );
    let document = Value::Object(login.document.clone());
    assert_eq!(document["type"], "vertex");
    assert_eq!(document["project_id"], "fake-project-123");
    assert_eq!(document["email"], EMAIL);
    assert_eq!(document["location"], "us-central1");
    let account = &document["service_account"];
    let mut want = key_file();
    want["private_key"] = PrivateKey::read(&pkcs8()).unwrap().pem().into();
    assert_eq!(*account, want, "everything else stays");
    let record = record(document);
    assert_eq!(record.label, format!("fake-project-123 ({EMAIL})"));
    assert_eq!(record.secret, None);
}

#[test]
fn an_import_takes_a_prefix() {
    let file = key_file().to_string();
    let login = import::account(file.as_bytes(), Some(" team/ ")).unwrap();
    assert_eq!(login.names[0], "vertex-team-fake-project-123.json");
    assert_eq!(login.document["prefix"], "team");
    for none in [None, Some(""), Some("/")] {
        let login = import::account(file.as_bytes(), none).unwrap();
        assert_eq!(login.document.get("prefix"), None);
    }
    assert!(import::account(file.as_bytes(), Some("a/b")).is_err());
}

#[test]
fn an_import_says_what_is_wrong() {
    let without = |name: &str| {
        let mut file = key_file();
        file.as_object_mut().unwrap().remove(name);
        file.to_string()
    };
    let with = |name: &str, value: String| {
        let mut file = key_file();
        file[name] = value.into();
        file.to_string()
    };
    for (file, want) in [
        ("no".to_owned(), "invalid json: "),
        ("[]".to_owned(), "invalid json: "),
        (
            without("private_key"),
            "invalid service account: no `private_key`",
        ),
        (
            without("client_email"),
            "invalid service account: no `client_email`",
        ),
        (without("project_id"), "project_id missing"),
        (with("project_id", " ".to_owned()), "project_id missing"),
        (
            with("private_key", pem("PRIVATE KEY", EC_KEY, "\n")),
            "invalid service account: `private_key`: not an RSA key",
        ),
        (
            with("type", "authorized_user".to_owned()),
            "invalid service account: its `type` is `authorized_user`",
        ),
    ] {
        match import::account(file.as_bytes(), None) {
            Err(LoginError::Unusable { message }) => {
                assert!(message.starts_with(want), "{message}");
            }
            other => panic!("{want}: {other:?}"),
        }
    }
    // A byte-order mark is no fault.
    let marked = format!("\u{feff}{}", key_file());
    assert!(import::account(marked.as_bytes(), None).is_ok());
}

/// Files of the old program, as they are and as they were, and broken ones.
#[test]
fn old_files_load() {
    let account = key_file();
    for (document, project, label) in [
        (
            json!({"type": "vertex", "service_account": account, "project_id": "p", "email": "e",
                "location": "us-central1", "label": "p (e)", "unknown": [1]}),
            Some("p"),
            "p (e)",
        ),
        // The old name of the field; no address but the key's.
        (
            json!({"type": "vertex", "service_account": account, "project": "p"}),
            Some("p"),
            "p (svc@fake-project-123.iam.gserviceaccount.com)",
        ),
        (
            json!({"type": "vertex", "service_account": account}),
            Some("fake-project-123"),
            "fake-project-123 (svc@fake-project-123.iam.gserviceaccount.com)",
        ),
        // No key: nothing to fetch a token with, and its token is no API key.
        (
            json!({"type": "vertex", "access_token": "old", "email": "e",
                "expired": "2030-01-01T00:00:00Z"}),
            None,
            "e",
        ),
        (
            json!({"type": "vertex", "service_account": "text"}),
            None,
            "vertex-fake-project-123.json",
        ),
    ] {
        let record = record(document.clone());
        assert_eq!(account::project(&record), project);
        assert_eq!(record.label, label);
        assert_eq!((record.secret, record.expires_at), (None, None));
        assert_eq!(Value::Object(record.document), document, "untouched");
    }
}

#[test]
fn counts_go_without_the_envelope_of_the_public_api() {
    let mut key = CredentialRecord::bare(CredentialId::from("k"), "vertex", Kind::Key);
    key.secret = Some(Secret::from("fake-key"));
    let inner = json!({"contents": [], "systemInstruction": {}, "tools": []});
    let mut named = inner.clone();
    named["model"] = "models/gemini-2.5-pro".into();
    // Fields that the count does not know are refused there.
    named["safetySettings"] = json!([]);
    named["toolConfig"] = json!({});
    for body in [
        inner.clone(),
        json!({"generateContentRequest": inner}),
        json!({"generateContentRequest": named}),
    ] {
        let request = shaped(&key, "gemini-2.5-pro", Action::CountTokens, &body);
        assert!(request.url.ends_with("/gemini-2.5-pro:countTokens"));
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(sent, inner, "system text and tools are counted too");
    }
}

#[track_caller]
fn judged(status: u16, error: Value) -> Judgement {
    let reply = FailedReply {
        status,
        headers: &HeaderMap::new(),
        body: &json!({"error": error}).to_string().into(),
        dialect: Dialect::Gemini,
        now: DateTime::UNIX_EPOCH,
    };
    let mut judgement = verdict::judge(&reply);
    Vertex.refine(&reply, &mut judgement);
    judgement
}

#[test]
fn errors_mean_what_vertex_means() {
    let limited = |seconds: Option<u64>| {
        Verdict::Next(Outcome::RateLimited {
            retry_after: seconds.map(Duration::from_secs),
            scope: actors::domain::outcome::Scope::Model,
        })
    };
    let forbidden = Verdict::Next(Outcome::Forbidden { retry_after: None });
    for (status, error, want) in [
        (
            400,
            json!({"status": "INVALID_ARGUMENT", "message": "x"}),
            Verdict::Stop,
        ),
        (
            400,
            json!({"status": "FAILED_PRECONDITION", "message": "not in this region"}),
            Verdict::Next(Outcome::ModelMissing),
        ),
        (
            401,
            json!({"status": "UNAUTHENTICATED", "message": "x",
                "details": [{"reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED"}]}),
            Verdict::FreshToken(Outcome::Unauthorized),
        ),
        (
            403,
            json!({"status": "PERMISSION_DENIED", "message": "x"}),
            forbidden,
        ),
        (
            404,
            json!({"status": "NOT_FOUND", "message": "x"}),
            Verdict::Next(Outcome::ModelMissing),
        ),
        (
            429,
            json!({"status": "RESOURCE_EXHAUSTED", "message": "x"}),
            limited(None),
        ),
        (
            429,
            json!({"status": "RESOURCE_EXHAUSTED", "message": "x", "details": [{
                "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}]}),
            limited(Some(17)),
        ),
        (
            499,
            json!({"message": "x"}),
            Verdict::Next(Outcome::Transient),
        ),
        (
            503,
            json!({"message": "x"}),
            Verdict::Next(Outcome::Transient),
        ),
        (
            504,
            json!({"message": "x"}),
            Verdict::Next(Outcome::Transient),
        ),
    ] {
        assert_eq!(
            judged(status, error.clone()).verdict,
            want,
            "{status} {error}"
        );
    }
}

/// What concerns the project concerns every model of it.
#[test]
fn a_project_that_is_refused_needs_its_owner() {
    use actors::domain::health::Reason;
    use actors::domain::outcome::Reach;
    let (reason, reach) = (Reason::Forbidden, Reach::Account);
    let rest = None;
    let needs = Verdict::Next(Outcome::NeedsAction {
        reason,
        reach,
        rest,
    });
    for word in ["SERVICE_DISABLED", "BILLING_DISABLED", "CONSUMER_INVALID"] {
        let error = json!({"status": "PERMISSION_DENIED", "message": "no", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": word}]});
        let judgement = judged(403, error);
        assert_eq!(judgement.verdict, needs, "{word}");
        assert_eq!(judgement.failure.message, format!("no [{word}]"));
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    let url = "https://console.developers.google.com/apis/api/aiplatform.googleapis.com/overview";
    let judgement = judged(
        403,
        json!({"status": "PERMISSION_DENIED", "message": "Vertex AI API is off.", "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED",
            "metadata": {"activationUrl": url}}]}),
    );
    let want = format!("Vertex AI API is off. [SERVICE_DISABLED] [{url}]");
    assert_eq!(judgement.failure.message, want);
    let message = "Publisher Model `projects/p/locations/us-central1/publishers/google/models/m` \
                   was not found or your project does not have access to it.";
    let missing = judged(404, json!({"status": "NOT_FOUND", "message": message}));
    assert!(missing.failure.message.contains("locations/us-central1"));
}

#[test]
fn models_of_both_kinds_are_listed() {
    let models = models::all();
    let imagen: Vec<_> = models.iter().filter(|m| imagen::is_imagen(&m.id)).collect();
    assert_eq!(imagen.len(), 5);
    assert_eq!(imagen[0].created, 1_750_000_000);
    assert!(models.iter().any(|model| &*model.id == "gemini-2.5-pro"));
}
