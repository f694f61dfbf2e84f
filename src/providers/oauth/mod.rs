//! Blocks for logins and refreshes, over the `oauth2` crate and our own transport.
//!
//! # How a provider logs in
//!
//! 1. A [`Service`] constant: client id, endpoints, scopes.
//! 2. A [`LoginSpec`](super::login::LoginSpec) row in `Provider::logins`: flag, kind (callback ports
//!    and path), terms, and `run: |call| Box::pin(login(call))`.
//! 3. The flow, plain asynchronous code over [`LoginCall`](super::login::LoginCall):
//!
//! ```ignore
//! async fn login(call: LoginCall) -> Result<Vec<NewLogin>, LoginError> {
//!     // Opens the browser, listens, takes pasted addresses, compares the state, exchanges the code.
//!     let tokens = code::login(&call, &SERVICE, &[("prompt", "consent")]).await?;
//!     // Further calls: `call.get_json(url, &tokens.access_token)`, `call.send_for_json(…)`.
//!     // Further questions: `call.talk.ask(…)`; news: `call.talk.note(…)`, `call.talk.working(…)`.
//!     let mut document = Map::new();
//!     document.insert("type".into(), "x".into());
//!     tokens.write(&mut document);               // access_token, refresh_token, expired, last_refresh
//!     Ok(vec![NewLogin {
//!         names: vec![file_name(&["x", email])], // the next one when that is another account's
//!         document,
//!         identity: &["email"],
//!         plan: None,
//!     }])
//! }
//! ```
//!
//! * Device flow (RFC 8628, also with PKCE): [`device::login`]; bounds of pause and life, further
//!   parameters and headers are [`device::DeviceOptions`]. Flows that only look like it: call
//!   `call.talk.show_code(…)` yourself, then poll with `call.send`.
//! * A JSON token body: `Service { json: true, .. }`. A verifier from elsewhere: [`code::exchange`].
//! * Claims of an `id_token`: [`claims()`].
//! * Files are written by the session (0600, names, merging, conflicts): a flow only returns
//!   documents. A flow may be dropped at every `.await`; everything it opens must close on `Drop`.
//!
//! # How a provider refreshes
//!
//! `AccountDriver::refresh` is mostly
//!
//! ```ignore
//! let tokens = refresh::refresh(&control, &SERVICE, &old, &[("scope", "…")]).await?;
//! Ok(tokens.renew(&old))   // head and document; nested or renamed fields by hand
//! ```
//!
//! It makes one attempt. Claiming, retrying on a fresh connection, re-reading the file before giving
//! up, saving before use and logging are the credential's actor's work. [`envelope`] reads refusals:
//! `Transient` (try later), `Revoked` (log in again), `Misconfigured`.
//!
//! # Testing
//!
//! Every call follows `upstream-rewrites`: point the service's prefix at a simulator
//! (`tests/it/support/oauth_sim.rs`).

pub mod claims;
pub mod code;
pub mod constants;
pub mod device;
pub mod envelope;
mod http;
pub mod loopback;
pub mod page;
pub mod refresh;
mod tokens;

pub use claims::claims;
pub use tokens::Tokens;

/// The OAuth side of a service: constants of its client registration.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Client id.
    pub client_id: &'static str,
    /// Client secret, where the registration has one. Not confidential in installed programs
    /// (RFC 8252 §8.5).
    pub client_secret: Option<&'static str>,
    /// Authorization endpoint; empty for services without a browser flow.
    pub authorize_url: &'static str,
    /// Token endpoint.
    pub token_url: &'static str,
    /// Device authorization endpoint; empty for services without a device flow.
    pub device_url: &'static str,
    /// Scopes to ask for.
    pub scopes: &'static [&'static str],
    /// The token endpoint takes JSON, with `state` in the exchange, instead of a form.
    pub json: bool,
    /// The client authenticates with `Authorization: Basic` as well.
    pub basic: bool,
    /// Error codes of the token endpoint that mean "log in again", beyond the usual ones.
    pub revoked: &'static [&'static str],
    /// Statuses of the token endpoint that mean "log in again" beside 401, when it answers itself.
    pub dead_statuses: &'static [u16],
}

impl Service {
    /// A public client of a service that keeps to the standard; fill in with `..Service::PUBLIC`.
    pub const PUBLIC: Self = Self {
        client_id: "",
        client_secret: None,
        authorize_url: "",
        token_url: "",
        device_url: "",
        scopes: &[],
        json: false,
        basic: false,
        revoked: &[],
        dead_statuses: &[],
    };
}
