//! Any service with OpenAI's chat completions (`providers/openai-compatibility.md`).

use super::control::Control;
use super::headers::{Headers, PRODUCT};
use super::{Action, Call, Extra, Provider, ShapeError, Spoken};
use crate::upstream::client::UpstreamRequest;
use actix_web::http::Method;
use actors::domain::catalog::ModelInfo;
use actors::domain::record::CredentialRecord;
use actors::port::{AccountDriver, DiscoverError, RefreshError};
use futures_util::future::{LocalBoxFuture, ready};
use protocol::Dialect;
use protocol::codec::EndpointTraits;
use serde::Deserialize;
use std::sync::Arc;

/// OpenAI-compatible services.
pub struct OpenAiCompat;

/// Asks services without a configured model list for theirs: `GET {base}/models` (§2).
struct Discovery(Arc<Control>);

/// The part of a model list that is read.
#[derive(Deserialize)]
struct ModelList {
    data: Vec<ListedModel>,
}

#[derive(Deserialize)]
struct ListedModel {
    id: String,
    #[serde(default)]
    created: Option<f64>,
}

impl AccountDriver for Discovery {
    fn refresh(
        &self,
        _old: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<CredentialRecord, RefreshError>> {
        let message = "a plain key has nothing to refresh".to_owned();
        Box::pin(ready(Err(RefreshError::Misconfigured { message })))
    }

    fn discover(
        &self,
        with: Arc<CredentialRecord>,
    ) -> Option<LocalBoxFuture<'static, Result<Vec<ModelInfo>, DiscoverError>>> {
        if !with.settings.models.is_empty() {
            return None;
        }
        let base = with.base_url.clone()?;
        let control = Arc::clone(&self.0);
        Some(Box::pin(async move {
            let failed = |message: String| {
                tracing::warn!(
                    credential = %with.id,
                    label = with.label,
                    message,
                    "no model list; name the models under `models`"
                );
                DiscoverError { message }
            };
            let body = control
                .get(&with, format!("{base}/models"))
                .await
                .map_err(|error| failed(error.to_string()))?;
            let list: ModelList =
                serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))?;
            let models = list.data.into_iter().map(|model| ModelInfo {
                created: model.created.unwrap_or_default() as i64,
                ..ModelInfo::named(model.id, with.label.clone())
            });
            Ok(models.collect())
        }))
    }
}

/// Hosts of OpenAI itself, whose endpoint knows all of the protocol.
const FIRST_PARTY: &str = "https://api.openai.com/";

impl Provider for OpenAiCompat {
    fn id(&self) -> &'static str {
        "openai-compatibility"
    }

    fn speaks(&self, record: &CredentialRecord, model: &str, _client: Dialect) -> Spoken {
        let base = record.base_url.as_deref().unwrap_or_default();
        let name = model.to_ascii_lowercase();
        Spoken::plain(
            Dialect::OpenAiChat,
            EndpointTraits {
                compatible: !base.starts_with(FIRST_PARTY),
                // These families refuse tool loops without their own reasoning (matrix.md §4.3).
                wants_reasoning_content: name.contains("kimi") || name.contains("deepseek"),
                prompt_cache_key: record.settings.support_prompt_cache_key,
                ..EndpointTraits::default()
            },
        )
    }

    fn models(&self, _record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        Vec::new()
    }

    fn driver(&self, control: &Arc<Control>) -> Option<Arc<dyn AccountDriver>> {
        Some(Arc::new(Discovery(Arc::clone(control))))
    }

    fn shape(&self, call: &Call<'_>) -> Result<UpstreamRequest, ShapeError> {
        let (path, stream) = match call.action {
            Action::Generate { stream } => ("/chat/completions", stream),
            Action::Compact => ("/responses/compact", false),
            Action::Embeddings => ("/embeddings", false),
            Action::CountTokens => {
                return Err(ShapeError::NoSuchCall {
                    provider: self.id(),
                    what: "token count",
                });
            }
        };
        request(call, path, Headers::json(stream))
    }

    fn extra(&self, call: &Call<'_>, extra: Extra) -> Result<UpstreamRequest, ShapeError> {
        if !extra.makes_images() {
            return Err(ShapeError::NoSuchCall {
                provider: self.id(),
                what: extra.what(),
            });
        }
        let stream = call.action == Action::Generate { stream: true };
        let mut headers = Headers::json(stream);
        // The body goes as it came, a form with its boundary.
        headers.copy(call.client_headers, &["content-type"]);
        request(call, extra.path(), headers)
    }
}

fn request(
    call: &Call<'_>,
    path: &str,
    mut headers: Headers,
) -> Result<UpstreamRequest, ShapeError> {
    let base = call.record.base_url.as_deref().ok_or_else(|| {
        ShapeError::Misconfigured("the `openai-compatibility` entry has no `base-url`".into())
    })?;
    headers.fixed("user-agent", PRODUCT);
    if let Some(secret) = &call.record.secret {
        headers.set("authorization", &format!("Bearer {}", secret.expose()))?;
    }
    Ok(UpstreamRequest {
        method: Method::POST,
        url: format!("{base}{path}"),
        headers: headers.finish(call.record, call)?,
        body: call.body.clone(),
    })
}
