//! Data URLs, base64 and media types (`matrix.md` §4.3, last paragraph).

use crate::canonical::MediaSource;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// Type of bytes nobody knows anything about.
const UNKNOWN: &str = "application/octet-stream";

/// Reads a `data:` URL into base64 or text; any other URL becomes [`MediaSource::Url`].
///
/// Parameters of the media type are dropped, a missing type is sniffed, percent forms are decoded.
/// `text/*` without `;base64` becomes [`MediaSource::Text`]. A `data:` URL that cannot be read stays
/// a URL: the upstream has the last word.
pub fn from_url(url: &str) -> MediaSource {
    read_data_url(url).unwrap_or_else(|| MediaSource::Url {
        url: url.to_owned(),
        mime: None,
    })
}

fn read_data_url(url: &str) -> Option<MediaSource> {
    let (scheme, rest) = url.split_at_checked("data:".len())?;
    if !scheme.eq_ignore_ascii_case("data:") {
        return None;
    }
    let (head, data) = rest.split_once(',')?;
    let (mime, parameters) = head.split_once(';').unwrap_or((head, ""));
    let in_base64 = parameters
        .split(';')
        .any(|p| p.trim().eq_ignore_ascii_case("base64"));
    if in_base64 {
        return if data.contains('%') {
            let data = String::from_utf8(percent_decoded(data)).ok()?;
            base64(mime, &data)
        } else {
            base64(mime, data)
        };
    }
    let bytes = percent_decoded(data);
    let mime = normal_mime(mime);
    if mime.starts_with("text/") {
        return match String::from_utf8(bytes) {
            Ok(data) => Some(MediaSource::Text { mime, data }),
            Err(no_text) => Some(of_bytes(mime, no_text.as_bytes())),
        };
    }
    Some(of_bytes(mime, &bytes))
}

fn of_bytes(mime: String, bytes: &[u8]) -> MediaSource {
    let mime = if mime.is_empty() {
        magic(bytes).unwrap_or(UNKNOWN).to_owned()
    } else {
        mime
    };
    MediaSource::Base64 {
        mime,
        data: STANDARD.encode(bytes),
    }
}

/// Standard base64 with padding and without white space, from standard or URL-safe text; `None`
/// when it is neither. `mime` is normalised (`image/jpg` → `image/jpeg`), sniffed when empty.
pub fn base64(mime: &str, data: &str) -> Option<MediaSource> {
    let data = normal_base64(data)?;
    let mut mime = normal_mime(mime);
    if mime.is_empty() {
        mime.push_str(sniff(&data).unwrap_or(UNKNOWN));
    }
    Some(MediaSource::Base64 { mime, data })
}

fn normal_base64(data: &str) -> Option<String> {
    let body = data.trim_end_matches('=');
    if data.len().is_multiple_of(4) && data.len() - body.len() <= 2 && is_standard(body) {
        return Some(data.to_owned());
    }
    let mut clean = String::with_capacity(data.len() + 2);
    clean.extend(data.chars().filter_map(|c| match c {
        c if c.is_ascii_whitespace() => None,
        '-' => Some('+'),
        '_' => Some('/'),
        c => Some(c),
    }));
    clean.truncate(clean.trim_end_matches('=').len());
    if !is_standard(&clean) {
        return None;
    }
    match clean.len() % 4 {
        0 => {}
        2 => clean.push_str("=="),
        3 => clean.push('='),
        _ => return None,
    }
    Some(clean)
}

/// True when every byte is of the standard alphabet. Looks at all bytes without a branch: pictures
/// are megabytes, and in this form the compiler uses vector instructions.
fn is_standard(body: &str) -> bool {
    !body.bytes().fold(false, |bad, b| {
        let letter = (b | 0x20).wrapping_sub(b'a') < 26;
        let digit = b.wrapping_sub(b'0') < 10;
        bad | !(letter | digit | (b == b'+') | (b == b'/'))
    })
}

/// The `data:` URL of base64 data.
pub fn data_url(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
}

/// The text in standard base64 with padding; `None` when it is no base64 or no UTF-8.
pub fn text(data: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(data).ok()?).ok()
}

/// Media type by the magic bytes of base64 data (PNG, JPEG, GIF, WebP, PDF).
pub fn sniff(data: &str) -> Option<&'static str> {
    // Sixteen characters are the twelve bytes that WebP needs.
    let n = data.len().min(16);
    let head = data.get(..n - n % 4)?.trim_end_matches('=');
    magic(&STANDARD_NO_PAD.decode(head).ok()?)
}

fn magic(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
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
        ] => Some("image/webp"),
        [b'%', b'P', b'D', b'F', b'-', ..] => Some("application/pdf"),
        _ => None,
    }
}

/// A media type in lower case, without parameters, by its registered name.
pub fn normal_mime(mime: &str) -> String {
    let bare = mime.split(';').next().unwrap_or_default().trim();
    let bare = bare.to_ascii_lowercase();
    match bare.as_str() {
        "image/jpg" => "image/jpeg".to_owned(),
        "audio/mp3" => "audio/mpeg".to_owned(),
        "audio/x-wav" | "audio/wave" => "audio/wav".to_owned(),
        _ => bare,
    }
}

/// The media type of an OpenAI `input_audio.format` (`mp3`, `wav`, …).
pub fn audio_mime(format: &str) -> String {
    normal_mime(&format!("audio/{format}"))
}

/// The OpenAI `input_audio.format` of an audio media type; `None` for other types.
pub fn audio_format(mime: &str) -> Option<String> {
    let mime = normal_mime(mime);
    match mime.strip_prefix("audio/")? {
        "mpeg" => Some("mp3".to_owned()),
        other => Some(other.to_owned()),
    }
}

/// Media type by the ending of a file name or URL; query and fragment do not count.
pub fn mime_of_name(name: &str) -> Option<&'static str> {
    let path = name.split(['?', '#']).next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    let (_, ending) = file.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "bmp" => "image/bmp",
        "svg" => "image/svg+xml",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "pdf" => "application/pdf",
        "json" => "application/json",
        "txt" => "text/plain",
        "md" => "text/markdown",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "csv" => "text/csv",
        "xml" => "text/xml",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "m4a" => "audio/mp4",
        "aac" => "audio/aac",
        "flac" => "audio/flac",
        "ogg" => "audio/ogg",
        "opus" => "audio/opus",
        "mp4" => "video/mp4",
        "mov" => "video/quicktime",
        "mpeg" | "mpg" => "video/mpeg",
        "webm" => "video/webm",
        "avi" => "video/x-msvideo",
        "wmv" => "video/x-ms-wmv",
        "flv" => "video/x-flv",
        "3gp" => "video/3gpp",
        _ => return None,
    })
}

/// Percent forms decoded; a `%` without two digits stays.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>();
        if first == b'%'
            && let Some([high, low]) = digits
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            bytes.push(high << 4 | low);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|n| u8::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &str = "iVBORw0KGgoAAAAN";

    fn base(mime: &str, data: &str) -> MediaSource {
        MediaSource::Base64 {
            mime: mime.to_owned(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn e117_data_urls() {
        for (url, want) in [
            (
                "data:image/png;name=x;base64,AAA=",
                base("image/png", "AAA="),
            ),
            ("data:image/jpg;base64,AAAA", base("image/jpeg", "AAAA")),
            (&format!("data:;base64,{PNG}"), base("image/png", PNG)),
            ("data:;base64,AAAA", base(UNKNOWN, "AAAA")),
            ("data:image/png,%89PNG%0D%0A", base("image/png", "iVBORw0K")),
            (
                "data:,%89PNG%0D%0A%1a%0a",
                base("image/png", "iVBORw0KGgo="),
            ),
            ("DATA:Image/PNG;Base64,AAAA", base("image/png", "AAAA")),
            ("data:image/png;base64,AA%2BA", base("image/png", "AA+A")),
            (
                "data:image/png;charset=utf-8;base64,A A\nAA",
                base("image/png", "AAAA"),
            ),
            (
                "data:text/plain;charset=utf-8,50%25%20caf%C3%A9%",
                MediaSource::Text {
                    mime: "text/plain".to_owned(),
                    data: "50% café%".to_owned(),
                },
            ),
            ("data:text/plain,%ff", base("text/plain", "/w==")),
        ] {
            assert_eq!(from_url(url), want, "{url}");
        }
    }

    #[test]
    fn other_urls_stay_urls() {
        for url in [
            "https://example.com/a.png",
            "gs://b/o",
            "data:image/png;base64,*",
            "data:image/png",
            "é",
            "",
        ] {
            let want = MediaSource::Url {
                url: url.to_owned(),
                mime: None,
            };
            assert_eq!(from_url(url), want);
        }
    }

    #[test]
    fn base64_is_made_standard() {
        for (data, want) in [
            ("-_-_", Some("+/+/")),
            ("AA", Some("AA==")),
            ("AAA", Some("AAA=")),
            ("AAA=\r\n", Some("AAA=")),
            ("A", None),
            ("AA=A", None),
            ("AAA===", Some("AAA=")),
            ("é", None),
            ("", Some("")),
        ] {
            let got = base64("image/png", data);
            assert_eq!(got, want.map(|data| base("image/png", data)), "{data:?}");
        }
    }

    #[test]
    fn e118_bytes_say_what_they_are() {
        for (bytes, want) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0", Some("image/jpeg")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x01\x02\x03\x04WAVEfmt ", None),
            (b"%PDF-1.7", Some("application/pdf")),
            (b"BM", None),
            (b"", None),
        ] {
            assert_eq!(sniff(&STANDARD.encode(bytes)), want);
        }
    }

    #[test]
    fn e127_audio_formats() {
        assert_eq!(audio_mime("mp3"), "audio/mpeg");
        assert_eq!(audio_mime("wav"), "audio/wav");
        assert_eq!(audio_format("audio/mpeg").as_deref(), Some("mp3"));
        assert_eq!(audio_format("audio/x-wav").as_deref(), Some("wav"));
        assert_eq!(audio_format("video/mp4"), None);
    }

    #[test]
    fn e121_type_from_the_name() {
        for (name, want) in [
            ("gs://b/o.PNG", Some("image/png")),
            (
                "https://h.example/a.b/doc.pdf?v=1.png",
                Some("application/pdf"),
            ),
            ("gs://b.png/o", None),
            ("clip.mp4#t=1", Some("video/mp4")),
            ("", None),
        ] {
            assert_eq!(mime_of_name(name), want, "{name}");
        }
    }

    #[test]
    fn decodes_text() {
        assert_eq!(text("aGk=").as_deref(), Some("hi"));
        assert_eq!(text("/w=="), None);
        assert_eq!(data_url("image/png", "AAAA"), "data:image/png;base64,AAAA");
    }
}
