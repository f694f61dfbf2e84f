//! From an upstream success to the client's reply.

use super::attempt::{Attempt, Cool};
use super::extra::FrameRelay;
use super::prepare::{Prepared, has_no_place_for_signatures};
use super::pump::{self, Limits, Path, Pump};
use super::replay::Recorder;
use super::{CallKind, Reply, ReplyBody, count, embeddings};
use crate::providers::verdict::{self, Judgement, Verdict};
use crate::providers::{Provider, Spoken};
use crate::upstream::UpstreamReply;
use crate::upstream::body::WHOLE_BODY_MAX;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actors::domain::outcome::Outcome;
use actors::lease::Lease;
use bytes::Bytes;
use protocol::canonical::{Event, Failure, Response, Stop, fold, unfold};
use protocol::codec::{Framing, ReplyContext};
use protocol::openai_responses::ResponseFold;
use protocol::splice::Doc;
use protocol::sse::{Frame, SseParser};
use protocol::{Dialect, codec};
use std::borrow::Cow;

/// What was asked, for reading the answer.
pub struct Success<'a> {
    /// Who was asked.
    pub provider: &'static dyn Provider,
    /// What it speaks.
    pub spoken: &'a Spoken,
    /// What it was sent.
    pub prepared: &'a Prepared,
    /// What the reply needs beside its bytes.
    pub context: ReplyContext,
}

/// A reply of the model, read whole.
enum Whole {
    /// In the client's own protocol.
    Native(Bytes),
    /// Through the common model.
    Decoded(Box<Response>),
}

impl Success<'_> {
    /// `body` without the service's envelope.
    fn opened(&self, body: Bytes) -> Bytes {
        if !self.spoken.enveloped {
            return body;
        }
        let Ok(text) = std::str::from_utf8(&body) else {
            return body;
        };
        match self.provider.open_envelope(text) {
            Cow::Borrowed(inner) => body.slice_ref(inner.as_bytes()),
            Cow::Owned(inner) => inner.into(),
        }
    }

    /// Reads a JSON body. `streamed`: the client waits for events, so it has to be decoded.
    fn decode_whole(&self, body: &Bytes, streamed: bool) -> Result<Whole, Box<Failure>> {
        let upstream = self.spoken.dialect;
        if let Some(failure) = hidden_failure(body, upstream) {
            return Err(Box::new(failure));
        }
        if self.prepared.same_dialect && !streamed {
            return Ok(Whole::Native(body.clone()));
        }
        let events = codec(upstream)
            .decode_response(body, &self.context)
            .map_err(|error| {
                let text = format!("the upstream sent an answer that cannot be read: {error}");
                Box::new(Failure::new(502, text).with_code("upstream_invalid_response"))
            })?;
        fold(events).map(|response| Whole::Decoded(Box::new(response)))
    }

    /// Reads a whole body of server-sent events, for a client that does not stream.
    fn fold_stream(&self, body: &Bytes) -> Result<Whole, Box<Failure>> {
        let upstream = self.spoken.dialect;
        let native = self.prepared.same_dialect && upstream == Dialect::OpenAiResponses;
        let mut response = ResponseFold::new();
        let mut ended = None;
        let mut decoder = codec(upstream).event_decoder(&self.context);
        let mut events = Vec::new();
        let mut each = |frame: &Frame<'_>| {
            let opened;
            let frame = match &frame.data {
                Some(data) if self.spoken.enveloped => {
                    opened = Frame {
                        data: Some(self.provider.open_envelope(data)),
                        ..*frame
                    };
                    &opened
                }
                _ => frame,
            };
            if native {
                ended = ended.take().or_else(|| response.frame(frame));
            } else {
                decoder.decode(frame, &mut events);
            }
        };
        let mut sse = SseParser::new();
        let text = sse
            .push(body, &mut each)
            .and_then(|()| sse.finish(&mut each));
        if text.is_err() {
            return Err(Box::new(pump::not_text()));
        }
        if native {
            return ended
                .unwrap_or_else(|| Err(response.finish()))
                .map(Whole::Native);
        }
        decoder.finish(&mut events);
        fold(events).map(|response| Whole::Decoded(Box::new(response)))
    }
}

impl Attempt<'_> {
    /// Turns an upstream success into the client's reply.
    pub async fn deliver(
        &self,
        reply: UpstreamReply,
        success: Success<'_>,
        lease: Lease,
    ) -> Result<Reply, Box<Judgement>> {
        let passed = self.passed_headers(&reply.headers, &success);
        let as_stream = is_event_stream(&reply.headers);
        let generates = self.call.kind == CallKind::Generate;
        let is_extra = matches!(self.call.kind, CallKind::Extra(_));
        let mut answer = if as_stream && (generates && self.plan.stream || is_extra) {
            self.deliver_stream(reply, &success, lease).await?
        } else {
            let (body, lease) = self.read_whole(reply, lease).await?;
            if generates {
                self.deliver_whole(&success.opened(body), as_stream, &success, lease)?
            } else {
                if is_extra && let Some(failure) = hidden_failure(&body, success.spoken.dialect) {
                    return Err(self.failed(failure, lease));
                }
                lease.finish(Outcome::Served);
                self.deliver_other(&success.opened(body), success.spoken)?
            }
        };
        answer.headers = passed;
        answer.credential = Some(self.candidate.credential.clone());
        Ok(answer)
    }

    async fn deliver_stream(
        &self,
        reply: UpstreamReply,
        success: &Success<'_>,
        lease: Lease,
    ) -> Result<Reply, Box<Judgement>> {
        let client = codec(self.call.dialect);
        let streaming = &self.plan.snapshot.config.streaming;
        let limits = Limits {
            idle: streaming.idle_timeout,
            keep_alive: streaming.keep_alive,
        };
        let Success {
            spoken,
            prepared,
            context,
            ..
        } = success;
        let path = if let CallKind::Extra(extra) = self.call.kind {
            Path::Relay(Box::new(FrameRelay::new(extra)))
        } else if prepared.same_dialect {
            Path::Relay(client.relay(context))
        } else {
            Path::Translate {
                decoder: codec(spoken.dialect).event_decoder(context),
                encoder: client.event_encoder(context),
                observer: self.recorder(),
            }
        };
        let envelope = spoken.enveloped.then_some(success.provider);
        let mut pump = Pump::new(reply.body, path, envelope, client, limits);
        if let Err(failure) = pump.prime().await {
            return Err(self.failed(*failure, lease));
        }
        if pump.is_empty_reply() {
            return Err(self.empty_reply(lease));
        }
        pump.commit(lease);
        Ok(Reply {
            status: 200,
            content_type: self.stream_type(),
            headers: Vec::new(),
            body: ReplyBody::Stream(Box::new(pump)),
            credential: None,
        })
    }

    /// Reads a whole body. The lease comes back, unless the body could not be read.
    async fn read_whole(
        &self,
        reply: UpstreamReply,
        lease: Lease,
    ) -> Result<(Bytes, Lease), Box<Judgement>> {
        let idle = self.plan.snapshot.config.streaming.idle_timeout;
        match reply.body.read_whole(WHOLE_BODY_MAX, idle).await {
            Ok(body) => Ok((body, lease)),
            Err(error) => Err(self.failed(pump::broken(&error), lease)),
        }
    }

    /// A reply of the model, read whole.
    fn deliver_whole(
        &self,
        body: &Bytes,
        as_stream: bool,
        success: &Success<'_>,
        lease: Lease,
    ) -> Result<Reply, Box<Judgement>> {
        let Success {
            spoken, context, ..
        } = success;
        let client = codec(self.call.dialect);
        let decoded = if as_stream {
            success.fold_stream(body)
        } else {
            success.decode_whole(body, self.plan.stream)
        };
        let response = match decoded {
            Ok(Whole::Native(body)) => {
                let (body, _usage) = client.relay_response(&body, context);
                lease.finish(Outcome::Served);
                return Ok(Reply::json(body));
            }
            Ok(Whole::Decoded(response)) => *response,
            Err(failure) => return Err(self.failed(*failure, lease)),
        };
        if let Some(failure) = malformed(&response) {
            return Err(self.failed(failure, lease));
        }
        if is_empty(&response) {
            return Err(self.empty_reply(lease));
        }
        if has_no_place_for_signatures(self.call.dialect) {
            let shared = &self.worker.shared;
            let now = shared.clock.now();
            shared.replay.keep(self.call.client, &response, now);
        }
        tracing::debug!(
            credential = %lease.credential,
            protocol = spoken.dialect.config_name(),
            input = response.usage.input_total,
            output = response.usage.output_total,
            "reply complete"
        );
        lease.finish(Outcome::Served);
        if self.plan.stream {
            // The upstream ignored the wish for a stream.
            let body = encode_events(unfold(response), self.call.dialect, context);
            return Ok(Reply {
                content_type: self.stream_type(),
                ..Reply::json(body)
            });
        }
        Ok(Reply::json(client.encode_response(&response, context)))
    }

    /// An answer that is no reply of a model.
    fn deliver_other(&self, body: &Bytes, spoken: &Spoken) -> Result<Reply, Box<Judgement>> {
        let reply = match self.call.kind {
            CallKind::CountTokens => count::reply(body, spoken.dialect, self.call.dialect),
            CallKind::Embeddings => {
                let model = &self.plan.requested;
                embeddings::reply(body, spoken, self.call.body.raw(), model).map(Reply::json)
            }
            CallKind::Compact | CallKind::Generate | CallKind::Extra(_) => {
                Ok(Reply::json(body.clone()))
            }
        };
        reply.map_err(|failure| Box::new(verdict::judge_event(*failure)))
    }

    /// The upstream failed inside a success.
    fn failed(&self, failure: Failure, lease: Lease) -> Box<Judgement> {
        let judgement = verdict::judge_event(failure);
        self.tell(lease, &judgement, Cool::ByVerdict);
        Box::new(judgement)
    }

    /// A success without any content is none (kaitranntt/CLIProxyAPIPlus#173).
    fn empty_reply(&self, lease: Lease) -> Box<Judgement> {
        let failure = Failure::new(502, "the upstream answered with an empty reply")
            .with_code("upstream_empty_reply");
        let judgement = Judgement::of(Verdict::Next(Outcome::Transient), failure);
        // Nothing is wrong with the account: it does not rest.
        self.tell(lease, &judgement, Cool::No);
        Box::new(judgement)
    }

    /// Keeps reasoning for clients that cannot send it back.
    fn recorder(&self) -> Option<pump::Observer> {
        if !has_no_place_for_signatures(self.call.dialect) {
            return None;
        }
        let shared = self.worker.shared.clone();
        let client = self.call.client;
        let mut recorder = Some(Recorder::default());
        Some(Box::new(move |event| {
            if let Some(recorder) = &mut recorder {
                recorder.see(event);
            }
            let ended = matches!(event, Event::End)
                .then(|| recorder.take())
                .flatten();
            if let Some(response) = ended.and_then(Recorder::finish) {
                shared.replay.keep(client, &response, shared.clock.now());
            }
        }))
    }

    pub fn stream_type(&self) -> &'static str {
        match self.call.framing {
            Framing::Sse => "text/event-stream",
            Framing::JsonArray => "application/json",
        }
    }

    /// Upstream headers for the client (`passthrough-headers`, `http-api.md` §3).
    fn passed_headers(
        &self,
        upstream: &HeaderMap,
        success: &Success<'_>,
    ) -> Vec<(HeaderName, HeaderValue)> {
        if !self.plan.snapshot.config.passthrough_headers {
            let own = success.provider.reply_headers().iter();
            return own
                .filter(|_| self.call.dialect == success.spoken.dialect)
                .filter_map(|name| {
                    let value = upstream.get(*name)?.clone();
                    Some((HeaderName::from_static(name), value))
                })
                .collect();
        }
        let listed: Vec<String> = upstream
            .get_all(header::CONNECTION)
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        upstream
            .iter()
            .filter(|(name, _)| {
                !HOP_BY_HOP.contains(&name.as_str()) && !listed.iter().any(|l| l == name.as_str())
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// Headers of one connection, and those that describe bytes this program changes.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "set-cookie",
    "content-length",
    "content-encoding",
    "content-type",
];

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().starts_with("text/event-stream"))
}

/// A reply without anything in it that ended as if all was said.
fn is_empty(response: &Response) -> bool {
    response.usage.output_total.unwrap_or_default() == 0
        && response
            .choices
            .iter()
            .all(|reply| reply.items.is_empty() && matches!(reply.stop, None | Some(Stop::EndTurn)))
}

/// A reply that is nothing but a call the model wrote wrongly (`matrix.md` §9).
fn malformed(response: &Response) -> Option<Failure> {
    let nothing = response.choices.iter().all(|reply| reply.items.is_empty());
    let word = response
        .choices
        .iter()
        .find_map(|reply| match &reply.stop {
            Some(Stop::Malformed(word)) => Some(word),
            _ => None,
        })?;
    nothing.then(|| pump::malformed_call(word))
}

/// A failure inside a 200: an empty body, an `error` object, an empty list of choices.
fn hidden_failure(body: &Bytes, upstream: Dialect) -> Option<Failure> {
    if body.trim_ascii().is_empty() {
        let text = "the upstream answered with an empty body";
        return Some(Failure::new(502, text).with_code("upstream_empty_reply"));
    }
    let root = Doc::trust(body)?.root();
    let [error, choices, usage, status, said] =
        root.pick(["error", "choices", "usage", "status", "msg"]);
    if error.is_some_and(|error| !error.is_null()) {
        let code = error
            .and_then(|error| error.get("code"))
            .and_then(|code| code.raw().parse().ok())
            .filter(|code| (400..600).contains(code));
        return Some(protocol::failure::decode(
            code.unwrap_or(502),
            body,
            upstream,
        ));
    }
    // Some services write their errors like this, without any status of HTTP (`iflow.md` §6).
    if let (None, Some(status), Some(_)) = (choices, status, said)
        && let Ok(code) = status.raw().trim_matches('"').parse()
        && (400..600).contains(&code)
    {
        return Some(protocol::failure::decode(code, body, upstream));
    }
    let no_choice = choices.is_some_and(|list| list.elements().next().is_none());
    (no_choice && usage.is_none_or(|usage| usage.is_null())).then(|| {
        Failure::new(502, "the upstream answered with an empty reply")
            .with_code("upstream_empty_reply")
    })
}

/// The frames of a whole reply.
pub fn encode_events(events: Vec<Event>, client: Dialect, context: &ReplyContext) -> Bytes {
    let mut encoder = codec(client).event_encoder(context);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    out.into()
}
