//! §7: images, files, audio.

use crate::pair::*;
use crate::said;
use protocol::Dialect;
use serde_json::{Value, json};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// The first bytes of a JPEG.
const JPEG: &str = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBD";

/// A user turn with one picture of this address.
fn picture(client: Dialect, url: &str) -> Value {
    match client {
        C => chat(
            json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]),
            json!({}),
        ),
        _ => input(
            json!([{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]),
            json!({}),
        ),
    }
}

#[test]
fn e117_data_urls_of_every_kind() {
    for client in [C, R] {
        let source = |url: &str| {
            let sent = pair(client, A).body(&picture(client, url));
            sent["messages"][0]["content"][0]["source"].clone()
        };
        let base64 =
            |mime: &str, data: &str| json!({"type": "base64", "media_type": mime, "data": data});
        assert_eq!(
            source(&format!("data:image/png;name=x;base64,{PNG}")),
            base64("image/png", PNG)
        );
        assert_eq!(
            source(&format!("data:image/jpg;base64,{JPEG}")),
            base64("image/jpeg", JPEG)
        );
        assert_eq!(
            source(&format!("data:;base64,{PNG}")),
            base64("image/png", PNG)
        );
        assert_eq!(
            source("data:image/png,%89PNG%0D%0A%1A%0A"),
            base64("image/png", "iVBORw0KGgo=")
        );
    }
}

#[test]
fn e118_the_bytes_name_the_type() {
    let url = format!("data:image/png;base64,{JPEG}");
    for client in [C, R] {
        let sent = pair(client, A).body(&picture(client, &url));
        let source = &sent["messages"][0]["content"][0]["source"];
        assert_eq!(source["media_type"], "image/jpeg", "{client:?}");
    }
    let gemini = contents(
        json!([{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": JPEG}}]}]),
        json!({}),
    );
    let sent = pair(G, A).body(&gemini);
    assert_eq!(
        sent["messages"][0]["content"][0]["source"]["media_type"],
        "image/jpeg"
    );
    // Passed through as it is.
    let block = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": JPEG}});
    let own = messages(json!([{"role": "user", "content": [block]}]), json!({}));
    assert_eq!(pair(A, A).body(&own)["messages"], own["messages"]);
}

#[test]
fn e119_pictures_anthropic_refuses() {
    for url in [
        "data:image/svg+xml;base64,PHN2Zy8+",
        "data:image/bmp;base64,Qk0AAA==",
    ] {
        let sent = pair(C, A).body(&picture(C, url));
        let block = &sent["messages"][0]["content"][0];
        assert_eq!(block["type"], "text", "{url}");
        let mime = &url[5..url.find(';').unwrap()];
        assert!(block["text"].as_str().unwrap().contains(mime), "{block}");
    }
}

#[test]
fn e120_e121_pictures_by_address() {
    let url = "https://example.com/a.png";
    let sent = pair(C, A).body(&picture(C, url));
    let source = &sent["messages"][0]["content"][0]["source"];
    assert_eq!(source, &json!({"type": "url", "url": url}));
    for client in [C, R] {
        let part = |url: &str| {
            pair(client, G).body(&picture(client, url))["contents"][0]["parts"][0].clone()
        };
        assert!(
            part(url)["text"].as_str().unwrap().contains(url),
            "{client:?}"
        );
        assert_eq!(
            part("gs://bucket/a.png")["fileData"],
            json!({"fileUri": "gs://bucket/a.png", "mimeType": "image/png"})
        );
        let unknown = part("gs://bucket/object");
        assert!(
            unknown["text"]
                .as_str()
                .unwrap()
                .contains("gs://bucket/object"),
            "{unknown}"
        );
    }
}

#[test]
fn e122_detail() {
    for (detail, want) in [
        (json!("high"), Some(json!("high"))),
        (json!("original"), Some(json!("high"))),
        (json!("medium"), None),
        (json!(123), None),
    ] {
        let sent = pair(R, C).body(&input(
            json!([{"role": "user", "content": [{"type": "input_image",
                "image_url": "https://e.com/a.png", "detail": detail}]}]),
            json!({}),
        ));
        let image = &sent["messages"][0]["content"][0]["image_url"];
        assert_eq!(image.get("detail"), want.as_ref(), "{detail}");
    }
}

/// An Anthropic request whose last turn is the result of a call.
fn result(content: Value) -> Value {
    messages(
        json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": content}]},
        ]),
        json!({}),
    )
}

#[test]
fn e123_pictures_in_results_for_chat() {
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}});
    let by_url = json!({"type": "image", "source": {"type": "url", "url": "https://e.com/a.png"}});
    let text = json!({"type": "text", "text": "see"});
    let url = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let data = url(&format!("data:image/png;base64,{PNG}"));
    let vision = pair(A, C).endpoint(|endpoint| endpoint.tool_images = true);
    for (content, want) in [
        (json!([text, image]), json!([text, data])),
        (image.clone(), json!([data])),
        (json!([by_url]), json!([url("https://e.com/a.png")])),
    ] {
        let sent = vision.body(&result(content.clone()));
        assert_eq!(sent["messages"][2]["role"], "tool");
        assert_eq!(sent["messages"][2]["content"], want, "{content}");
        // Others see the picture in a message of the user behind the result.
        let sent = pair(A, C).body(&result(content));
        let behind = &sent["messages"][3];
        assert_eq!(behind["role"], "user", "{sent:#}");
        let pictures = behind["content"].as_array().unwrap();
        assert!(
            pictures.contains(want.as_array().unwrap().last().unwrap()),
            "{sent:#}"
        );
    }
}

#[test]
fn e124_outputs_that_are_the_text_of_parts() {
    let parts = json!([{"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": format!("data:image/png;base64,{PNG}")}])
    .to_string();
    let responses = |output: &str| {
        input(
            json!([
                {"role": "user", "content": "go"},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": output},
            ]),
            json!({}),
        )
    };
    let chat_body = |output: &str| {
        chat(
            json!([
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
                    "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": output},
            ]),
            json!({}),
        )
    };
    let vision = |client| pair(client, C).endpoint(|endpoint| endpoint.tool_images = true);
    let third = |client| pair(client, G).model(|model| model.gemini3 = true);
    let sent = vision(R).body(&responses(&parts));
    let content = &sent["messages"][2]["content"];
    assert_eq!(content[0]["text"], "see");
    assert_eq!(content[1]["type"], "image_url");
    let sent = third(R).body(&responses(&parts));
    let response = &sent["contents"][2]["parts"][0]["functionResponse"];
    assert_eq!(response["response"], json!({"output": "see"}));
    assert_eq!(response["parts"][0]["inlineData"]["data"], PNG);
    let sent = pair(C, R).body(&chat_body(&parts));
    let output = &sent["input"][2]["output"];
    assert_eq!(output[0], json!({"type": "input_text", "text": "see"}));
    assert_eq!(output[1]["type"], "input_image");
    for text in [
        r#"{"ok":true,"image_url":"https://e.com/a.png"}"#,
        r#"[{"id":1}]"#,
    ] {
        assert_eq!(
            vision(R).body(&responses(text))["messages"][2]["content"],
            text
        );
        assert_eq!(
            pair(C, R).body(&chat_body(text))["input"][2]["output"],
            text
        );
        let sent = third(R).body(&responses(text));
        let response = &sent["contents"][2]["parts"][0]["functionResponse"];
        assert_eq!(response.get("parts"), None);
        assert!(
            response["response"]
                .to_string()
                .contains(if text.starts_with('{') {
                    "image_url"
                } else {
                    "id"
                })
        );
    }
}

#[test]
fn e125_pictures_stay_with_their_result() {
    let image = |data: &str| json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}});
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
    let answer = |id: &str, data: &str| json!({"type": "tool_result", "tool_use_id": id, "content": [image(data)]});
    let anthropic = messages(
        json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [call("c1"), call("c2")]},
            {"role": "user", "content": [answer("c1", "AAAA"), answer("c2", "BBBB")]},
        ]),
        json!({}),
    );
    let item =
        |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
    let output = |id: &str, data: &str| {
        json!({"type": "function_call_output", "call_id": id,
               "output": [{"type": "input_image", "image_url": format!("data:image/png;base64,{data}")}]})
    };
    let responses = input(
        json!([{"role": "user", "content": "go"}, item("c1"), item("c2"),
               output("c1", "AAAA"), output("c2", "BBBB")]),
        json!({}),
    );
    for (client, body) in [(A, anthropic), (R, responses)] {
        let sent = pair(client, G)
            .model(|model| model.gemini3 = true)
            .body(&body);
        let parts = sent["contents"][2]["parts"].as_array().unwrap();
        assert_eq!(parts.len(), 2, "{client:?}: {sent:#}");
        for (part, data) in parts.iter().zip(["AAAA", "BBBB"]) {
            let inner = &part["functionResponse"]["parts"];
            assert_eq!(inner[0]["inlineData"]["data"], data, "{client:?}");
            assert_eq!(inner.as_array().unwrap().len(), 1, "{client:?}");
        }
        let sent = pair(client, G).body(&body);
        let parts = sent["contents"][2]["parts"].as_array().unwrap();
        let kinds: Vec<String> = parts
            .iter()
            .map(|part| match part["inlineData"]["data"].as_str() {
                Some(data) => data.to_owned(),
                None => part["functionResponse"]["name"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            })
            .collect();
        assert_eq!(kinds, ["f", "AAAA", "f", "BBBB"], "{client:?}");
    }
}

#[test]
fn e126_documents_are_files() {
    let document = json!({"type": "document", "title": "plan",
        "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}});
    let sent = pair(A, R).body(&messages(
        json!([{"role": "user", "content": [document, {"type": "text", "text": "read"}]}]),
        json!({}),
    ));
    let file = &sent["input"][0]["content"][0];
    assert_eq!(file["type"], "input_file");
    assert_eq!(file["file_data"], "data:application/pdf;base64,JVBERi0=");
    assert!(
        file["filename"]
            .as_str()
            .is_some_and(|name| !name.is_empty()),
        "{file}"
    );
    let sent = pair(A, R).body(&result(json!([document])));
    let file = &sent["input"][2]["output"][0];
    assert_eq!(file["type"], "input_file", "{sent:#}");
    assert_eq!(file["file_data"], "data:application/pdf;base64,JVBERi0=");
    assert!(
        file["filename"]
            .as_str()
            .is_some_and(|name| !name.is_empty()),
        "{file}"
    );
}

#[test]
fn e127_e128_sound_films_and_files() {
    let body = chat(
        json!([{"role": "user", "content": [
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,BBBB"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,CCCC", "filename": "a.pdf"}},
        ]}]),
        json!({}),
    );
    let sent = pair(C, G).body(&body);
    let inline = |mime: &str, data: &str| json!({"inlineData": {"mimeType": mime, "data": data}});
    assert_eq!(
        sent["contents"][0]["parts"],
        json!([
            inline("audio/mpeg", "AAAA"),
            inline("video/mp4", "BBBB"),
            inline("application/pdf", "CCCC")
        ])
    );
    let sent = pair(G, C).body(&contents(
        json!([{"role": "user", "parts": [inline("audio/wav", "AAAA"), inline("video/mp4", "BBBB"),
                                          inline("application/pdf", "CCCC")]}]),
        json!({}),
    ));
    let parts = &sent["messages"][0]["content"];
    assert_eq!(
        parts[0],
        json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}})
    );
    assert_eq!(
        parts[1],
        json!({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,BBBB"}})
    );
    assert_eq!(parts[2]["type"], "file");
    assert_eq!(
        parts[2]["file"]["file_data"],
        "data:application/pdf;base64,CCCC"
    );
}

#[test]
fn e129_made_pictures() {
    let item = |status: &str| {
        let mut item = json!({"type": "image_generation_call", "id": "ig_1", "status": status});
        if status == "completed" {
            item["result"] = json!(PNG);
            item["output_format"] = json!("png");
        }
        item
    };
    let partial = |n: u32| {
        json!({"type": "response.image_generation_call.partial_image", "item_id": "ig_1",
               "output_index": 0, "partial_image_index": n, "partial_image_b64": JPEG,
               "output_format": "jpeg"})
    };
    let stream = said::response_stream(
        vec![
            json!({"type": "response.output_item.added", "output_index": 0, "item": item("in_progress")}),
            partial(0),
            partial(1),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item("completed")}),
        ],
        json!([item("completed")]),
    );
    let told = pair(C, R).tell(&stream);
    let shown = told.all("/choices/0/delta/images/0/image_url/url");
    let last = format!("data:image/png;base64,{PNG}");
    assert_eq!(
        shown.iter().filter(|url| ***url == json!(last)).count(),
        1,
        "{told:#?}"
    );
    assert_eq!(**shown.last().unwrap(), json!(last));
    let told = pair(G, R).tell(&stream);
    let shown = told.all("/candidates/0/content/parts/0/inlineData/data");
    assert_eq!(
        shown.iter().filter(|data| ***data == json!(PNG)).count(),
        1,
        "{told:#?}"
    );
}

#[test]
fn e130_replies_of_pictures_only() {
    let picture = json!({"inlineData": {"mimeType": "image/png", "data": PNG}});
    let told = pair(C, G).whole(&said::candidate(json!([picture]), json!("STOP")));
    let message = &told["choices"][0]["message"];
    assert_eq!(message["content"], Value::Null);
    assert_eq!(
        message["images"][0]["image_url"]["url"],
        format!("data:image/png;base64,{PNG}")
    );
    let mut thought = picture;
    thought["thought"] = json!(true);
    for client in [C, R, A] {
        let reply = said::candidate(json!([thought, {"text": "done"}]), json!("STOP"));
        let told = pair(client, G).whole(&reply).to_string();
        assert!(
            !told.contains(PNG) && !told.contains("image/png"),
            "{client:?}: {told}"
        );
        let told = pair(client, G).tell(&[reply]);
        assert_eq!(said::text_of(client, &told.data), "done", "{client:?}");
    }
}
