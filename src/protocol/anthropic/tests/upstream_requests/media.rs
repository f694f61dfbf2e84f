//! Pictures and files.

use super::*;

const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

fn picture(mime: &str, data: &str) -> Item {
    Item::Image {
        source: MediaSource::Base64 {
            mime: mime.to_owned(),
            data: data.to_owned(),
        },
        detail: None,
        cache: None,
    }
}

fn first_block(item: Item) -> Value {
    encode(&request(vec![user(vec![item])]))["messages"][0]["content"][0].clone()
}

#[test]
fn e118_the_bytes_name_the_type() {
    let block = first_block(picture("image/jpeg", PNG));
    assert_eq!(
        block,
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}})
    );
}

#[test]
fn e119_pictures_the_api_refuses_are_named() {
    for mime in ["image/svg+xml", "image/bmp"] {
        let block = first_block(picture(mime, "PHN2Zz4="));
        assert_eq!(block["type"], "text");
        assert!(block["text"].as_str().unwrap().contains(mime));
    }
}

#[test]
fn e120_pictures_by_url_are_not_fetched() {
    let block = first_block(Item::Image {
        source: MediaSource::Url {
            url: "https://e.example/a.png".to_owned(),
            mime: None,
        },
        detail: Some("high".to_owned()),
        cache: Some(CacheMark {
            ttl: Some("1h".to_owned()),
        }),
    });
    assert_eq!(
        block,
        json!({"type": "image", "source": {"type": "url", "url": "https://e.example/a.png"},
               "cache_control": {"type": "ephemeral", "ttl": "1h"}})
    );
}

fn file(source: MediaSource) -> Item {
    Item::File {
        source,
        name: Some("a".to_owned()),
        context: None,
        citations_enabled: true,
        cache: None,
    }
}

fn base64(mime: &str, data: &str) -> MediaSource {
    MediaSource::Base64 {
        mime: mime.to_owned(),
        data: data.to_owned(),
    }
}

#[test]
fn files_become_documents() {
    for (source, want) in [
        (
            base64("application/pdf", "JVBERi0="),
            json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}),
        ),
        (
            base64("text/markdown", "aGk="),
            json!({"type": "text", "media_type": "text/plain", "data": "hi"}),
        ),
        (
            MediaSource::Url {
                url: "https://e.example/a.pdf".to_owned(),
                mime: None,
            },
            json!({"type": "url", "url": "https://e.example/a.pdf"}),
        ),
        (
            MediaSource::FileId {
                dialect: Dialect::Anthropic,
                id: "file_1".to_owned(),
            },
            json!({"type": "file", "file_id": "file_1"}),
        ),
    ] {
        assert_eq!(
            first_block(file(source)),
            json!({"type": "document", "source": want, "title": "a", "citations": {"enabled": true}})
        );
    }
}

#[test]
fn files_the_model_does_not_take_are_named() {
    for (source, part) in [
        (base64("application/zip", "UEsDBA=="), "application/zip"),
        (
            MediaSource::FileId {
                dialect: Dialect::OpenAiResponses,
                id: "file-9".to_owned(),
            },
            "file-9",
        ),
    ] {
        let block = first_block(file(source));
        assert_eq!(block["type"], "text");
        assert!(block["text"].as_str().unwrap().contains(part));
    }
    let sound = Item::Audio {
        source: base64("audio/wav", "AAAA"),
        transcript: None,
        id: None,
    };
    assert_eq!(first_block(sound)["type"], "text");
    let film = Item::Video {
        source: MediaSource::Url {
            url: "https://e.example/v.mp4".to_owned(),
            mime: None,
        },
    };
    assert!(
        first_block(film)["text"]
            .as_str()
            .unwrap()
            .contains("https://e.example/v.mp4")
    );
}
