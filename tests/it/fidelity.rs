//! The same protocol on both sides: what is not named in `matrix.md` §2 passes as it came.

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::{Daemon, KEY, Setup};
use crate::support::upstream::{Reply, Upstream};

fn daemon(upstream: &Upstream) -> Daemon {
    let url = upstream.url();
    Setup::new(&format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{url}/v1', models: [{{name: chat}}]}}\n\
         codex-api-key:\n  - {{api-key: k, base-url: '{url}/v1', models: [{{name: resp}}]}}\n\
         claude-api-key:\n  - {{api-key: k, base-url: '{url}', models: [{{name: claude}}]}}\n\
         gemini-api-key:\n  - {{api-key: k, base-url: '{url}', models: [{{name: gem}}]}}\n"
    ))
    .start()
}

/// Odd but legal: number texts, escapes, duplicate and unknown members, white space.
const REQUESTS: &[(Wire, &str, &str)] = &[
    (
        Wire::Chat,
        "/v1/chat/completions",
        "{ \"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9\\/\",\"x\":1.0}],\"seed\":12345678901234567890, \"n_e_w\":{\"a\":1e3,\"a\":2},\n\"model\":\"chat\",\"temperature\":1.0}",
    ),
    (
        Wire::Responses,
        "/v1/responses",
        "{\"model\":\"resp\" ,\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"h\\u00e9\"}]}],\"new_field\":[1.50,{}],\"store\":false}",
    ),
    (
        Wire::Anthropic,
        "/v1/messages",
        "{\"model\":\"claude\",\"max_tokens\":1e2,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\\u0068i\",\"new\":0.10}]}],  \"later\":null}",
    ),
    (
        Wire::Gemini,
        "/v1beta/models/gem:generateContent",
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"h\\u00e9\",\"fresh\":1.0}]}],\"brandNew\":{\"k\":1E5}}",
    ),
];

#[test]
fn requests_pass_byte_for_byte() {
    for (wire, path, body) in REQUESTS {
        let upstream = Upstream::start();
        let wire = *wire;
        upstream.handle("/", move |_| Answer::new("m").text("hi").reply(wire, false));
        let daemon = daemon(&upstream);
        let answer = daemon
            .client()
            .request("POST", path)
            .body(*body)
            .send()
            .read();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let sent = upstream.await_request(1);
        assert_eq!(String::from_utf8_lossy(&sent.body), *body, "{path}");
    }
}

#[test]
fn whole_replies_pass_byte_for_byte() {
    for (wire, path, body) in REQUESTS {
        let model = path
            .split(['/', ':'])
            .nth(3)
            .filter(|_| *wire == Wire::Gemini);
        let mut reply = Answer::new("m").text("hi").json(*wire);
        reply["model"] = match wire {
            Wire::Chat => "chat".into(),
            Wire::Responses => "resp".into(),
            Wire::Anthropic => "claude".into(),
            Wire::Gemini => model.into(),
        };
        let text = format!(
            " {}\n",
            reply.to_string().replacen('{', "{ \"odd\":1.00,", 1)
        );
        let upstream = Upstream::start();
        upstream.reply(Reply::bytes(200, "application/json", text.clone()));
        let daemon = daemon(&upstream);
        let answer = daemon
            .client()
            .request("POST", path)
            .body(*body)
            .send()
            .read();
        assert_eq!(answer.text(), text, "{path}");
    }
}

/// Comments, unknown events and odd line ends included, however the bytes are cut.
#[test]
fn streams_pass_byte_for_byte() {
    let chat = ": hello\n\ndata: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"chat\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\\u00e9\"},\"odd\":1.0}]}\r\n\r\nevent: news\ndata: {\"id\":\"x\",\"choices\":[],\"x\":1e3}\n\ndata: {\"id\":\"x\",\"model\":\"chat\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let anthropic: String = Answer::new("claude")
        .text("hello you")
        .frames(Wire::Anthropic)
        .concat();
    let anthropic = anthropic.replacen("event: content_block_start", ": note\n\nevent: brand_new\ndata: {\"type\":\"brand_new\",\"n\":1.0}\n\nevent: content_block_start", 1);
    let responses: String = Answer::new("resp")
        .text("hello you")
        .frames(Wire::Responses)
        .concat();
    for (path, body, stream) in [
        (
            "/v1/chat/completions",
            r#"{"model":"chat","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"x"}]}"#,
            chat,
        ),
        (
            "/v1/messages",
            r#"{"model":"claude","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#,
            &*anthropic,
        ),
        (
            "/v1/responses",
            r#"{"model":"resp","stream":true,"input":"x"}"#,
            &*responses,
        ),
    ] {
        for n in [1, 7, 4096] {
            let upstream = Upstream::start();
            upstream.reply(Reply::sse([stream.to_owned()]).split_every(n));
            let daemon = daemon(&upstream);
            let answer = daemon
                .client()
                .request("POST", path)
                .body(body)
                .send()
                .read();
            assert_eq!(answer.text(), stream, "{path} in pieces of {n}");
        }
    }
}

/// The client's key never travels on.
#[test]
fn the_clients_key_stays_here() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| {
        Answer::new("claude")
            .text("hi")
            .reply(Wire::Anthropic, false)
    });
    let daemon = daemon(&upstream);
    let (_, path, body) = REQUESTS[2];
    let request = daemon
        .client()
        .request("POST", &format!("{path}?key={KEY}"));
    let answer = request.header("x-api-key", KEY).body(body).send();
    assert_eq!(answer.status, 200);
    let sent = upstream.await_request(1);
    assert!(!sent.target.contains(KEY));
    for (name, value) in &sent.headers.0 {
        assert!(!value.contains(KEY), "{name}");
    }
}
