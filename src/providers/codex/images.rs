//! Forms for pictures as the JSON that the backend takes (router-for-me/CLIProxyAPI
//! `codexRewriteOpenAIImageEditMultipartToJSON`).

use super::super::ShapeError;
use super::super::multipart::{Form, Part};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use protocol::splice::quote;
use std::fmt::Write;

/// Fields that are numbers in JSON.
const NUMBERS: [&str; 3] = ["n", "output_compression", "partial_images"];

/// Fields that are truth values in JSON.
const FLAGS: [&str; 1] = ["stream"];

/// The form `body` as JSON: `images:[{image_url}]`, `mask:{image_url}`, and the texts under their
/// names.
///
/// # Errors
///
/// [`ShapeError::BadRequest`] for a form that cannot be read.
pub(super) fn json(body: &Bytes, content_type: &str) -> Result<Bytes, ShapeError> {
    let form = Form::read(body, content_type)
        .map_err(|error| ShapeError::BadRequest(format!("Invalid request: {error}")))?;
    // Base64 is a third longer.
    let mut out = String::with_capacity(body.len() / 3 * 4 + 1024);
    out.push('{');
    let mut images = String::new();
    for part in form.parts() {
        let name = &*part.name;
        if part.is_file && matches!(name, "image" | "image[]") {
            let comma = if images.is_empty() { "" } else { "," };
            write_image(&mut images, comma, part);
        } else if part.is_file && name == "mask" {
            comma(&mut out);
            write_image(&mut out, "\"mask\":", part);
        } else if part.is_file {
            return Err(ShapeError::BadRequest(format!(
                "Invalid request: there is no file `{name}` in this call"
            )));
        } else {
            write_field(&mut out, name, part)?;
        }
    }
    if !images.is_empty() {
        comma(&mut out);
        out.push_str("\"images\":[");
        out.push_str(&images);
        out.push(']');
    }
    out.push('}');
    Ok(out.into())
}

fn comma(out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
}

fn write_field(out: &mut String, name: &str, part: &Part<'_>) -> Result<(), ShapeError> {
    let unreadable = || ShapeError::BadRequest(format!("Invalid request: `{name}` is not text"));
    let text = std::str::from_utf8(part.value).map_err(|_| unreadable())?;
    let word = text.trim();
    let plain = NUMBERS.contains(&name) && word.parse::<i64>().is_ok()
        || FLAGS.contains(&name) && matches!(word, "true" | "false");
    comma(out);
    let value = if plain { word.to_owned() } else { quote(text) };
    // Writing into a text cannot fail.
    let _written = write!(out, "{}:{value}", quote(name)).is_ok();
    Ok(())
}

fn write_image(out: &mut String, before: &str, part: &Part<'_>) {
    let kind = part
        .content_type
        .and_then(media_type)
        .unwrap_or_else(|| sniffed(part.value));
    // Writing into a text cannot fail.
    let _written = write!(out, "{before}{{\"image_url\":\"data:{kind};base64,").is_ok();
    STANDARD.encode_string(part.value, out);
    out.push_str("\"}");
}

/// The media type of a picture as its client says it, without parameters; it goes into a text as it is.
fn media_type(said: &str) -> Option<&str> {
    let kind = said.split(';').next()?.trim_end();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-".contains(&byte);
    let of_picture = kind.strip_prefix("image/")?;
    (!of_picture.is_empty() && of_picture.bytes().all(plain)).then_some(kind)
}

/// The media type of a picture by its first bytes; PNG where they tell nothing.
fn sniffed(value: &[u8]) -> &'static str {
    match value {
        [0xff, 0xd8, ..] => "image/jpeg",
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => "image/webp",
        [b'G', b'I', b'F', ..] => "image/gif",
        _ => "image/png",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_form_becomes_the_backends_json() {
        let body = Bytes::from_static(
            b"--X\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-image-2\r\n\
            --X\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n2\r\n\
            --X\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\ntrue\r\n\
            --X\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n1024x1024\r\n\
            --X\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"a\"\r\n\
            Content-Type: image/webp\r\n\r\nab\r\n\
            --X\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"b\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n\xff\xd8c\r\n\
            --X\r\nContent-Disposition: form-data; name=\"mask\"; filename=\"m\"\r\n\r\nm\r\n\
            --X\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nsay \"hi\"\r\n--X--",
        );
        let made = json(&body, "multipart/form-data; boundary=X").unwrap();
        let made: Value = serde_json::from_slice(&made).unwrap();
        assert_eq!(
            made,
            json!({"model": "gpt-image-2", "n": 2, "stream": true, "size": "1024x1024",
                "mask": {"image_url": "data:image/png;base64,bQ=="}, "prompt": "say \"hi\"",
                "images": [{"image_url": "data:image/webp;base64,YWI="},
                    {"image_url": "data:image/jpeg;base64,/9hj"}]})
        );
    }

    /// Some clients write the name of the file behind the media type.
    #[test]
    fn media_types_stand_alone() {
        for (said, want) in [
            ("image/webp; name=\"a.webp\"", "image/webp"),
            ("image/jpeg;charset=binary", "image/jpeg"),
            ("image/\"x", "image/png"),
            ("IMAGE/PNG", "image/png"),
        ] {
            let body = format!(
                "--X\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\
                Content-Type: {said}\r\n\r\nab\r\n--X--"
            );
            let made = json(&body.into(), "multipart/form-data; boundary=X").unwrap();
            let made: Value = serde_json::from_slice(&made).unwrap();
            let url = made["images"][0]["image_url"].as_str().unwrap();
            assert_eq!(url, format!("data:{want};base64,YWI="), "{said}");
        }
    }

    #[test]
    fn a_form_with_other_files_is_refused() {
        let body = Bytes::from_static(
            b"--X\r\nContent-Disposition: form-data; name=\"key\"; filename=\"a\"\r\n\r\nx\r\n--X--",
        );
        let refused = json(&body, "multipart/form-data; boundary=X");
        assert!(matches!(refused, Err(ShapeError::BadRequest(_))));
        assert!(json(&body, "multipart/form-data; boundary=Y").is_err());
    }
}
