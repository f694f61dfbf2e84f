//! The upstream services: one folder or file each, one line each in [`PROVIDERS`].
//!
//! A provider says which protocol its service speaks, how a call is addressed and signed, what its
//! errors mean beyond the general rules, and which models it has. It never talks to anybody.

mod antigravity;
mod catalog;
mod claude;
mod codex;
pub mod control;
mod demo;
mod gemini;
mod gemini_cli;
mod github_copilot;
mod google;
mod google_api;
mod headers;
mod iflow;
mod kimi;
pub mod login;
pub mod multipart;
pub mod oauth;
mod openai_compat;
mod qwen;
mod uuid;
pub mod verdict;
mod vertex;

pub use catalog::ModelSpec;

use crate::upstream::client::UpstreamRequest;
use actix_web::http::header::HeaderMap;
use actors::config::{Config, ModelAlias};
use actors::domain::catalog::ModelInfo;
use actors::domain::quota::QuotaWindow;
use actors::domain::record::CredentialRecord;
use actors::port::{AccountDriver, LoginDriver, Providers};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use control::Control;
use login::LoginSpec;
use protocol::Dialect;
use protocol::canonical::{Event, Failure, Request};
use protocol::codec::EndpointTraits;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;
use verdict::{FailedReply, Judgement};

/// One upstream service, everything the rest may know.
pub trait Provider: Sync {
    /// The word of credential files, credential ids and logs; fixed for ever.
    fn id(&self) -> &'static str;

    /// `type` words of credential files that belong to this provider beside its id.
    fn file_types(&self) -> &'static [&'static str] {
        &[]
    }

    /// What to do with a file without `type` that is the login of the provider's own program; `None`
    /// when it is none.
    fn foreign(&self, _document: &Map<String, Value>) -> Option<&'static str> {
        None
    }

    /// Completes a record read from a credential file with what only this provider knows how to
    /// read; fields of the document stay as they are.
    fn complete(&self, record: CredentialRecord) -> CredentialRecord {
        record
    }

    /// The faces of an account that takes part in routing several times with one token; see
    /// [`Providers::faces`].
    fn faces(&self, _record: &CredentialRecord) -> Vec<CredentialRecord> {
        Vec::new()
    }

    /// Aliases of the provider's logins where the configuration names none (`config.md` §3.5);
    /// `models` is what the account has.
    fn default_aliases(&self, _models: &[Arc<ModelInfo>]) -> Vec<ModelAlias> {
        Vec::new()
    }

    /// Base URLs that serve the same, in the order they are tried. [`shape`](Self::shape) uses the
    /// first; the others follow within the same attempt when one cannot be reached, does not know
    /// the call or fails (404, 5xx). Fewer than two = there is nothing to fall back to.
    fn bases(&self, _record: &CredentialRecord) -> &'static [&'static str] {
        &[]
    }

    /// What the service speaks for `model` when a client of protocol `client` asks: a service with
    /// several endpoints is asked in the client's own protocol, whose bytes then pass as they came.
    fn speaks(&self, record: &CredentialRecord, model: &str, client: Dialect) -> Spoken;

    /// As [`speaks`](Self::speaks), knowing what the list of models says about `model`: a service with
    /// several endpoints does not serve every model at each ([`ModelInfo::endpoints`]).
    fn speaks_for(
        &self,
        record: &CredentialRecord,
        model: &str,
        _info: &ModelInfo,
        client: Dialect,
    ) -> Spoken {
        self.speaks(record, model, client)
    }

    /// What else to ask the service in, once, after it said that it does not serve the model in what
    /// `spoken` says; `None` = nothing else.
    fn speaks_else(&self, _reply: &FailedReply<'_>, _spoken: &Spoken) -> Option<Spoken> {
        None
    }

    /// The static model list for `record`; empty when the models are configured or discovered.
    fn models(&self, record: &CredentialRecord) -> Vec<Arc<ModelInfo>>;

    /// Addresses and signs one call.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] when the service has no such call or the credential cannot make it.
    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError>;

    /// Addresses and signs a call that only some services have; `call.action` says whether a stream
    /// is wanted.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] as of [`shape`](Self::shape).
    fn extra(&self, _call: &Call<'_>, extra: Extra) -> Result<UpstreamRequest, ShapeError> {
        Err(ShapeError::NoSuchCall {
            provider: self.id(),
            what: extra.what(),
        })
    }

    /// True when the service counts tokens itself, where it speaks a protocol that has such a call.
    fn counts_tokens(&self, _record: &CredentialRecord) -> bool {
        false
    }

    /// Takes a reply out of the service's envelope: the JSON of one event, or of a whole body.
    /// Called only when [`Spoken::enveloped`]; a JSON without envelope (an error) comes back as it is.
    fn open_envelope<'a>(&self, json: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(json)
    }

    /// Corrects the general judgement where this service means something else.
    fn refine(&self, _reply: &FailedReply<'_>, _judgement: &mut Judgement) {}

    /// The member of a call's body, as JSON text, that lets the service take bought credits where the
    /// quota of `model` is used up; `None` = it takes none. Spends the owner's money: only sent when
    /// the configuration says so.
    fn credits(&self, _model: &str) -> Option<&'static str> {
        None
    }

    /// What the headers of an answer, a success or not, say about the use of the account. Read with
    /// every answer, so a service that says nothing costs nothing. Windows that show nothing new to a
    /// person go no further, see [`Quota::is_news`](actors::domain::quota::Quota::is_news).
    fn quota(&self, _headers: &HeaderMap, _now: DateTime<Utc>) -> Vec<QuotaWindow> {
        Vec::new()
    }

    /// A body that the service may take after it refused `body`: tried at once, with the same
    /// credential, before the refusal is judged; a few times, each time after the refusal of the last
    /// one. `None` = there is none.
    fn mend(&self, _reply: &FailedReply<'_>, _body: &Bytes) -> Option<Bytes> {
        None
    }

    /// Headers of replies without which clients of the service's own protocol do not work as they
    /// should: passed on whatever `passthrough-headers` says.
    fn reply_headers(&self) -> &'static [&'static str] {
        &[]
    }

    /// What can be done with an account beside calls; `None` for plain keys.
    fn driver(&self, _control: &Arc<Control>) -> Option<Arc<dyn AccountDriver>> {
        None
    }

    /// The ways to log in; empty for services that only take keys.
    fn logins(&self) -> &'static [LoginSpec] {
        &[]
    }

    /// The plan or tier of an account, as far as its file tells.
    fn plan(&self, _record: &CredentialRecord) -> Option<String> {
        None
    }

    /// A model that answers inside this process instead of over the network.
    fn local(&self) -> Option<&dyn LocalModel> {
        None
    }
}

/// A service that is built in.
pub trait LocalModel: Sync {
    /// Answers `request`: events that end with `End` or `Error`.
    ///
    /// # Errors
    ///
    /// The failure to answer before any event.
    fn answer(&self, request: &Request) -> Result<Vec<Event>, Box<Failure>>;
}

/// Protocol of a service for one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The protocol.
    pub dialect: Dialect,
    /// What the endpoint takes beyond it, or does not take.
    pub endpoint: EndpointTraits,
    /// The service answers with streams only.
    pub streams_only: bool,
    /// Replies come in an envelope, see [`Provider::open_envelope`].
    pub enveloped: bool,
}

impl Spoken {
    /// A service that speaks `dialect` plainly.
    pub fn plain(dialect: Dialect, endpoint: EndpointTraits) -> Self {
        Self {
            dialect,
            endpoint,
            streams_only: false,
            enveloped: false,
        }
    }

    /// Whether the protocol has a call that counts tokens.
    pub fn can_count(&self) -> bool {
        matches!(self.dialect, Dialect::Anthropic | Dialect::Gemini)
    }
}

/// One call to a service.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The credential, with its current token.
    pub record: &'a CredentialRecord,
    /// Model name the service knows.
    pub model: &'a str,
    /// What is asked.
    pub action: Action,
    /// The body, in the protocol of [`Provider::speaks`].
    pub body: &'a Bytes,
    /// Headers the body asks for.
    pub body_headers: &'a [(&'static str, String)],
    /// The client's body as it came, in the protocol of `client`: some options stand in no protocol
    /// and get lost on the way between two (`vertex.md` §4, Imagen).
    pub client_body: &'a Bytes,
    /// The client's headers.
    pub client_headers: &'a HeaderMap,
    /// The client's protocol.
    pub client: Dialect,
    /// The protocol of `body`, as [`Provider::speaks`] said.
    pub dialect: Dialect,
    /// The configuration, for settings of one service.
    pub config: &'a Config,
}

/// What is asked of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// An answer, as a stream or whole.
    Generate {
        /// As a stream.
        stream: bool,
    },
    /// A token count.
    CountTokens,
    /// A compacted conversation (OpenAI Responses).
    Compact,
    /// Embeddings.
    Embeddings,
}

/// Calls that only some services have. Their bodies go on as they came, JSON or multipart, apart
/// from the name of the model (`http-api.md` §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// `POST …/images/generations`
    ImageGeneration,
    /// `POST …/images/edits`
    ImageEdit,
    /// `POST …/alpha/search`: the search of the Codex client.
    AlphaSearch,
}

impl Extra {
    /// Its path behind a base URL.
    pub fn path(self) -> &'static str {
        match self {
            Self::ImageGeneration => "/images/generations",
            Self::ImageEdit => "/images/edits",
            Self::AlphaSearch => "/alpha/search",
        }
    }

    /// Whether pictures are made.
    pub fn makes_images(self) -> bool {
        self != Self::AlphaSearch
    }

    /// What it is called in messages.
    pub fn what(self) -> &'static str {
        match self {
            Self::ImageGeneration | Self::ImageEdit => "images API",
            Self::AlphaSearch => "alpha search",
        }
    }
}

/// A call that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The service has no such call.
    #[error("{provider} has no {what}")]
    NoSuchCall {
        /// The service.
        provider: &'static str,
        /// The call.
        what: &'static str,
    },
    /// The credential lacks what the call needs.
    #[error("{0}")]
    Misconfigured(String),
    /// The request lacks what the call needs.
    #[error("{0}")]
    BadRequest(String),
}

/// Every service, one line each.
pub static PROVIDERS: &[&dyn Provider] = &[
    &claude::Claude,
    &codex::Codex,
    &gemini::Gemini,
    &gemini_cli::GeminiCli,
    &antigravity::Antigravity,
    &vertex::Vertex,
    &kimi::Kimi,
    &qwen::Qwen,
    &iflow::IFlow,
    &github_copilot::GithubCopilot,
    &openai_compat::OpenAiCompat,
    &demo::Demo,
];

/// The service called `id`.
pub fn by_id(id: &str) -> Option<&'static dyn Provider> {
    PROVIDERS
        .iter()
        .copied()
        .find(|provider| provider.id() == id)
}

/// [`PROVIDERS`] as the actor crate sees them.
pub struct Table(pub Arc<Control>);

impl Providers for Table {
    fn driver(&self, provider: &str) -> Option<Arc<dyn AccountDriver>> {
        by_id(provider)?.driver(&self.0)
    }

    fn login(&self, name: &str) -> Option<Arc<dyn LoginDriver>> {
        Some(login::by_flag(name)?.ready(Arc::clone(&self.0)))
    }

    fn provider_of(&self, type_word: &str) -> Option<Arc<str>> {
        let provider = PROVIDERS
            .iter()
            .find(|provider| provider.file_types().contains(&type_word))?;
        Some(provider.id().into())
    }

    fn foreign(&self, document: &Map<String, Value>) -> Option<&'static str> {
        PROVIDERS
            .iter()
            .find_map(|provider| provider.foreign(document))
    }

    fn complete(&self, record: CredentialRecord) -> CredentialRecord {
        match by_id(&record.provider) {
            Some(provider) => provider.complete(record),
            None => record,
        }
    }

    fn faces(&self, record: &CredentialRecord) -> Vec<CredentialRecord> {
        by_id(&record.provider)
            .map(|provider| provider.faces(record))
            .unwrap_or_default()
    }

    fn default_aliases(&self, channel: &str, models: &[Arc<ModelInfo>]) -> Vec<ModelAlias> {
        by_id(channel)
            .map(|provider| provider.default_aliases(models))
            .unwrap_or_default()
    }

    fn static_models(&self, provider: &str, record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        by_id(provider)
            .map(|provider| provider.models(record))
            .unwrap_or_default()
    }

    fn builtin(&self, config: &Config) -> Vec<CredentialRecord> {
        if config.demo {
            vec![demo::record()]
        } else {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn provider_ids_are_unique() {
        let ids: BTreeSet<_> = PROVIDERS.iter().map(|provider| provider.id()).collect();
        assert_eq!(ids.len(), PROVIDERS.len());
    }
}
