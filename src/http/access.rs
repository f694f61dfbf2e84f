//! Who may use the gateway: client keys in every documented place (`http-api.md` §1.1).

use super::Desk;
use actix_web::HttpRequest;
use actix_web::http::header;
use actors::config::is_sample_key;
use actors::domain::snapshot::Snapshot;
use parking_lot::RwLock;
use protocol::canonical::Failure;
use ring::digest::{SHA256, digest};
use std::sync::Arc;
use subtle::ConstantTimeEq;

type Digest = [u8; 32];

/// SHA-256 digests of the configured client keys. Keys are compared as digests and in constant time,
/// so that neither length nor content of a key shows in the time of an answer.
#[derive(Default)]
pub struct ClientKeys {
    known: RwLock<Known>,
}

#[derive(Default, Clone)]
struct Known {
    /// Snapshot the digests were made for.
    epoch: Option<u64>,
    keys: Arc<Vec<Key>>,
}

struct Key {
    digest: Digest,
    sample: bool,
}

impl ClientKeys {
    fn of(&self, snapshot: &Snapshot) -> Arc<Vec<Key>> {
        {
            let known = self.known.read();
            if known.epoch == Some(snapshot.epoch) {
                return Arc::clone(&known.keys);
            }
        }
        let keys = snapshot.config.client_keys.iter().map(|key| Key {
            digest: sha256(key.expose()),
            sample: is_sample_key(key.expose()),
        });
        let keys = Arc::new(keys.collect::<Vec<_>>());
        *self.known.write() = Known {
            epoch: Some(snapshot.epoch),
            keys: Arc::clone(&keys),
        };
        keys
    }
}

/// Lets a request in. Returns a short digest that tells clients apart, 0 for one without a key.
///
/// # Errors
///
/// 401 with the documented texts; 403 for the sample keys of the documentation from another machine.
pub fn admit(desk: &Desk, request: &HttpRequest) -> Result<u64, Box<Failure>> {
    let snapshot = desk.worker.snapshot();
    let keys = desk.keys.of(&snapshot);
    let local = request
        .peer_addr()
        .is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    if keys.is_empty() {
        if local || snapshot.config.allow_unauthenticated {
            return Ok(0);
        }
        return Err(Box::new(Failure::new(
            401,
            "Missing API key: no `api-keys` are configured, so only clients on this machine are \
             served; add a key to config.yaml or set `allow-unauthenticated: true`",
        )));
    }
    let mut presented = false;
    let mut admitted = None;
    for candidate in candidates(request) {
        presented = true;
        let digest = sha256(&candidate);
        for key in keys.iter() {
            if bool::from(key.digest.ct_eq(&digest)) {
                admitted = Some((digest, key.sample));
            }
        }
    }
    match admitted {
        Some((_, true)) if !local => Err(Box::new(
            Failure::new(
                403,
                "this key is a sample from the documentation; put a key of your own under \
                 `api-keys` in config.yaml",
            )
            .with_code("unsafe_example_api_key"),
        )),
        Some((digest, _)) => Ok(short(&digest)),
        None if presented => Err(Box::new(Failure::new(401, "Invalid API key"))),
        None => Err(Box::new(Failure::new(401, "Missing API key"))),
    }
}

fn sha256(text: &str) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    out
}

fn short(digest: &Digest) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_le_bytes(first)
}

/// What stands in the six places of a key, in their order. A wrong value in one does not hide a right
/// one in another.
fn candidates(request: &HttpRequest) -> impl Iterator<Item = String> {
    let header = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(|value| value.trim().to_owned())
    };
    let authorization = header(header::AUTHORIZATION.as_str()).map(|value| {
        let scheme = value.get(..7).unwrap_or_default();
        if scheme.eq_ignore_ascii_case("bearer ") {
            value[7..].trim().to_owned()
        } else {
            value
        }
    });
    let query = |name: &str| {
        let pairs =
            actix_web::web::Query::<Vec<(String, String)>>::from_query(request.query_string())
                .ok()?;
        let found = pairs.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.clone())
    };
    let (key, token) = if request.query_string().is_empty() {
        (None, None)
    } else {
        (query("key"), query("auth_token"))
    };
    [
        authorization,
        header("x-goog-api-key"),
        header("x-api-key"),
        key,
        token,
    ]
    .into_iter()
    .flatten()
    .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn keys_are_found_in_all_places() {
        for (name, value, want) in [
            ("authorization", "Bearer k", "k"),
            ("authorization", "bearer  k ", "k"),
            ("authorization", "k", "k"),
            ("x-goog-api-key", "k", "k"),
            ("x-api-key", "k", "k"),
        ] {
            let request = TestRequest::default()
                .insert_header((name, value))
                .to_http_request();
            assert_eq!(candidates(&request).collect::<Vec<_>>(), [want], "{value}");
        }
        for uri in ["/?key=k", "/?a=b&auth_token=k"] {
            let request = TestRequest::with_uri(uri).to_http_request();
            assert_eq!(candidates(&request).collect::<Vec<_>>(), ["k"], "{uri}");
        }
        let both = TestRequest::with_uri("/?key=right")
            .insert_header(("x-api-key", "wrong"))
            .to_http_request();
        assert_eq!(candidates(&both).collect::<Vec<_>>(), ["wrong", "right"]);
    }
}
