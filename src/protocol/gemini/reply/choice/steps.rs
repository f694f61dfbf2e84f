//! Parts of a candidate that are no words: media, steps of Google's own tools.

use super::super::decoder::Shared;
use super::super::wire;
use super::Choice;
use crate::canonical::{Delta, Event, ItemHead, ServerTool, Signature, SignatureIssuer};
use crate::codec::Dialect;
use crate::raw::RawJson;
use crate::splice::quote;
use serde_json::value::RawValue;

impl Choice {
    /// A picture, sound, or another file of the model.
    pub(super) fn blob(&mut self, blob: wire::Blob<'_>, shared: &mut Shared, out: &mut Vec<Event>) {
        let mime = blob.mime_type.map(|mime| mime.0).unwrap_or_default();
        let (head, delta) = if mime.starts_with("image/") {
            let delta = Delta::Image {
                mime: mime.into_owned(),
                data: blob.data,
            };
            (ItemHead::Image, delta)
        } else if mime.starts_with("audio/") {
            let delta = Delta::Audio {
                id: None,
                data: blob.data,
                transcript: String::new(),
                expires_at: None,
            };
            (ItemHead::Audio, delta)
        } else {
            let raw = format!(
                "{{\"inlineData\":{{\"mimeType\":{},\"data\":{}}}}}",
                quote(&mime),
                quote(&blob.data)
            );
            self.opaque(raw, shared, out);
            return;
        };
        let index = self.start(head, shared, out);
        out.push(Event::Delta { index, delta });
        out.push(Event::ItemStop { index, whole: None });
    }

    /// A part that only Gemini understands.
    pub(super) fn opaque(&mut self, raw: String, shared: &mut Shared, out: &mut Vec<Event>) {
        // Made of checked pieces: always JSON.
        if let Ok(raw) = RawJson::parse(raw) {
            let head = ItemHead::Opaque {
                dialect: Dialect::Gemini,
                raw,
            };
            let index = self.start(head, shared, out);
            out.push(Event::ItemStop { index, whole: None });
        }
    }

    /// A step of a tool that Google runs.
    pub(super) fn server_step(
        &mut self,
        key: &str,
        value: &RawValue,
        signature: Option<Signature>,
        shared: &mut Shared,
        out: &mut Vec<Event>,
    ) {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head {
            id: Option<String>,
            tool_type: Option<String>,
        }
        let head: Option<Head> = serde_json::from_str(value.get()).ok();
        let (id, name) = head.map_or((None, None), |head| (head.id, head.tool_type));
        let signature = signature
            .filter(|signature| signature.issuer == SignatureIssuer::Gemini)
            .map(|signature| format!(",\"thoughtSignature\":{}", quote(&signature.value)))
            .unwrap_or_default();
        let raw = format!("{{{}:{}{signature}}}", quote(key), value.get());
        let Ok(raw) = RawJson::parse(raw) else { return };
        let head = ItemHead::Server(Box::new(ServerTool {
            dialect: Dialect::Gemini,
            kind: key.to_owned(),
            id,
            name,
            query: None,
            raw,
        }));
        self.close_calls(out);
        let index = self.start(head, shared, out);
        out.push(Event::ItemStop { index, whole: None });
    }
}
