//! One attempt: body, call, judgement, first event.

use super::prepare::{Prepared, Preparer, has_no_place_for_signatures};
use super::pump::{self, Limits, Path, Pump};
use super::replay::Recorder;
use super::worker::Worker;
use super::{CallKind, ClientCall, Reply, ReplyBody, count, embeddings, not_able, plan::Plan};
use crate::providers::control::proxy;
use crate::providers::verdict::{self, FailedReply, Judgement, Verdict};
use crate::providers::{self, Call, Provider, Spoken};
use crate::upstream::body::WHOLE_BODY_MAX;
use crate::upstream::{UpstreamError, UpstreamReply};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actors::config::ErrorAction;
use actors::domain::outcome::Outcome;
use actors::domain::record::Kind;
use actors::domain::snapshot::Candidate;
use actors::lease::Lease;
use bytes::Bytes;
use protocol::canonical::{Event, Failure, fold, unfold};
use protocol::codec::{Framing, ReplyContext};
use protocol::splice::Doc;
use protocol::sse::{Frame, SseParser};
use protocol::{Dialect, codec};
use std::rc::Rc;
use std::sync::Arc;

/// How an attempt ended.
pub enum Ended {
    /// With a reply.
    Reply(Reply),
    /// With a failure of the upstream; the credential has been told.
    Failed(Judgement),
    /// Without an attempt: this credential cannot make the call, or gave no lease.
    NotAble(Box<Failure>),
}

/// What one attempt works with.
pub struct Attempt<'a> {
    /// This thread's worker.
    pub worker: &'a Rc<Worker>,
    /// The client's call.
    pub call: &'a ClientCall,
    /// Decisions that hold for all attempts.
    pub plan: &'a Plan,
    /// Who is asked.
    pub candidate: &'a Candidate,
}

/// An upstream success, ready to be turned into a reply.
struct Success<'a> {
    reply: UpstreamReply,
    spoken: &'a Spoken,
    prepared: &'a Prepared,
    context: ReplyContext,
    stream: bool,
}

impl Attempt<'_> {
    /// Makes the attempt under `lease`, and once more when a newer token helps.
    pub async fn make(&self, lease: Lease, preparer: &mut Preparer<'_>) -> Ended {
        let Some(provider) = providers::by_id(&self.candidate.provider) else {
            lease.finish(Outcome::RequestFault);
            let text = format!(
                "executor_not_found: no provider `{}`",
                self.candidate.provider
            );
            return Ended::NotAble(Box::new(Failure::new(500, text)));
        };
        let refused_version = lease.version;
        let renewable = lease.record.kind == Kind::Login;
        match self.once(provider, lease, preparer, renewable).await {
            Once::Ended(ended) => ended,
            Once::TokenRefused(judgement) => {
                match self.candidate.acquire(Some(refused_version)).await {
                    Ok(lease) => match self.once(provider, lease, preparer, false).await {
                        Once::Ended(ended) => ended,
                        Once::TokenRefused(judgement) => Ended::Failed(judgement),
                    },
                    Err(refusal) => {
                        tracing::warn!(
                            credential = %self.candidate.credential,
                            %refusal,
                            "token refused and no newer one"
                        );
                        Ended::Failed(judgement)
                    }
                }
            }
        }
    }

    async fn once(
        &self,
        provider: &dyn Provider,
        lease: Lease,
        preparer: &mut Preparer<'_>,
        renewable: bool,
    ) -> Once {
        let record = Arc::clone(&lease.record);
        let spoken = provider.speaks(&record, &self.candidate.upstream_model);
        if let Some(local) = provider.local() {
            return Once::Ended(self.locally(local, lease, preparer));
        }
        if self.call.kind == CallKind::CountTokens && !provider.counts_tokens(&record) {
            lease.finish(Outcome::RequestFault);
            return Once::Ended(self.estimate(preparer).await);
        }
        let stream = self.plan.stream && self.call.kind == CallKind::Generate;
        let prepared = match self.prepare(&spoken, preparer, stream) {
            Ok(prepared) => prepared,
            Err(failure) => {
                lease.finish(Outcome::RequestFault);
                return Once::Ended(Ended::Failed(Judgement {
                    verdict: Verdict::Stop,
                    failure: *failure,
                }));
            }
        };
        let shaped = provider.shape(&Call {
            record: &record,
            model: &self.candidate.upstream_model,
            action: self.call.kind.action(stream),
            body: &prepared.encoded.body,
            body_headers: &prepared.encoded.headers,
            client_headers: self.call.http.headers(),
            client: self.call.dialect,
        });
        let request = match shaped {
            Ok(request) => request,
            Err(error) => {
                lease.finish(Outcome::RequestFault);
                return Once::Ended(Ended::NotAble(not_able(&error)));
            }
        };
        let config = &self.plan.snapshot.config;
        let sent = self
            .worker
            .clients
            .send(
                &request,
                proxy(&record.settings.proxy, &config.proxy),
                &config.upstream_rewrites,
            )
            .await;
        let reply = match sent {
            Ok(reply) => reply,
            Err(error) => return Once::Ended(self.unreachable(lease, &error)),
        };
        if !reply.status.is_success() {
            return self
                .refused(provider, lease, reply, spoken.dialect, renewable)
                .await;
        }
        let now = self.worker.shared.clock.now();
        let success = Success {
            reply,
            spoken: &spoken,
            context: preparer.reply_context(self.candidate, &spoken, &prepared, now),
            prepared: &prepared,
            stream,
        };
        Once::Ended(match self.deliver(success, lease).await {
            Ok(reply) => Ended::Reply(reply),
            Err(judgement) => Ended::Failed(*judgement),
        })
    }

    fn prepare(
        &self,
        spoken: &Spoken,
        preparer: &mut Preparer<'_>,
        stream: bool,
    ) -> Result<Arc<Prepared>, Box<Failure>> {
        match self.call.kind {
            CallKind::Generate => preparer.body(self.candidate, spoken, stream),
            CallKind::CountTokens => count::body(self.candidate, spoken, preparer, self.call),
            CallKind::Compact => Ok(Arc::new(Prepared::raw(count::compact_body(
                &self.call.body,
                &self.candidate.upstream_model,
            )))),
            CallKind::Embeddings => embeddings::body(self.candidate, spoken, &self.call.body)
                .map(|body| Arc::new(Prepared::raw(body))),
        }
    }

    /// No answer head came.
    fn unreachable(&self, lease: Lease, error: &UpstreamError) -> Ended {
        let (status, outcome) = match error {
            UpstreamError::Misconfigured(_) => (500, Outcome::RequestFault),
            UpstreamError::HeadTimeout { .. } => (504, Outcome::Transient),
            UpstreamError::Connect { .. } | UpstreamError::NoAnswer { .. } => {
                (502, Outcome::Transient)
            }
        };
        tracing::warn!(credential = %lease.credential, %error, "upstream not reached");
        lease.finish(outcome);
        Ended::Failed(Judgement {
            verdict: Verdict::Next(outcome),
            failure: Failure::new(status, error.to_string()).with_code("upstream_unreachable"),
        })
    }

    /// An answer that is no success.
    async fn refused(
        &self,
        provider: &dyn Provider,
        lease: Lease,
        reply: UpstreamReply,
        dialect: Dialect,
        renewable: bool,
    ) -> Once {
        let idle = self.plan.snapshot.config.streaming.idle_timeout;
        let status = reply.status.as_u16();
        let headers = reply.headers;
        let body = match reply.body.read_whole(WHOLE_BODY_MAX, idle).await {
            Ok(body) => body,
            Err(error) => {
                tracing::debug!(status, %error, "error body cut");
                Bytes::new()
            }
        };
        let failed = FailedReply {
            // An interim head is taken for the final one by the client library: a fault.
            status: if status < 400 { 502 } else { status },
            headers: &headers,
            body: &body,
            dialect,
            now: self.worker.shared.clock.now(),
        };
        let mut judgement = verdict::judge(&failed);
        provider.refine(&failed, &mut judgement);
        let cool = scoped_rule(&lease, &failed, &mut judgement);
        if renewable && matches!(judgement.verdict, Verdict::FreshToken(_)) {
            // The outcome is known when the newer token has been tried.
            lease.finish(Outcome::ClientLeft);
            return Once::TokenRefused(judgement);
        }
        self.tell(lease, &judgement, cool);
        Once::Ended(Ended::Failed(judgement))
    }

    /// Tells the credential what a judgement means for it.
    fn tell(&self, lease: Lease, judgement: &Judgement, cool: Cool) {
        let counts_against = self.call.kind == CallKind::Generate;
        let outcome = match (judgement.verdict, cool) {
            (_, Cool::No) => Outcome::RequestFault,
            (Verdict::Stop, Cool::Yes) => Outcome::Transient,
            (Verdict::Next(outcome) | Verdict::FreshToken(outcome), _) if counts_against => outcome,
            // A failed count says nothing about chatting (router-for-me/CLIProxyAPI#4410).
            _ => Outcome::RequestFault,
        };
        tracing::info!(
            credential = %lease.credential,
            label = lease.record.label,
            model = self.plan.requested,
            status = judgement.failure.status,
            ?outcome,
            message = judgement.failure.message,
            "upstream refused"
        );
        lease.finish_with(outcome, Some(judgement.failure.message.clone()));
    }

    /// Turns an upstream success into the client's reply.
    async fn deliver(&self, success: Success<'_>, lease: Lease) -> Result<Reply, Box<Judgement>> {
        let passed = self.passed_headers(&success.reply.headers);
        let mut reply = match self.call.kind {
            CallKind::Generate if success.stream && is_event_stream(&success.reply.headers) => {
                self.deliver_stream(success, lease).await
            }
            _ => self.deliver_whole(success, lease).await,
        }?;
        reply.headers = passed;
        reply.credential = Some(self.candidate.credential.clone());
        Ok(reply)
    }

    async fn deliver_stream(
        &self,
        success: Success<'_>,
        lease: Lease,
    ) -> Result<Reply, Box<Judgement>> {
        let client = codec(self.call.dialect);
        let streaming = &self.plan.snapshot.config.streaming;
        let limits = Limits {
            idle: streaming.idle_timeout,
            keep_alive: streaming.keep_alive,
        };
        let path = if success.prepared.same_dialect {
            Path::Relay(client.relay(&success.context))
        } else {
            Path::Translate {
                decoder: codec(success.spoken.dialect).event_decoder(&success.context),
                encoder: client.event_encoder(&success.context),
                observer: self.recorder(),
            }
        };
        let mut pump = Pump::new(success.reply.body, path, client, limits);
        if let Err(failure) = pump.prime().await {
            let judgement = verdict::judge_event(*failure);
            self.tell(lease, &judgement, Cool::ByVerdict);
            return Err(Box::new(judgement));
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

    async fn deliver_whole(
        &self,
        success: Success<'_>,
        lease: Lease,
    ) -> Result<Reply, Box<Judgement>> {
        let idle = self.plan.snapshot.config.streaming.idle_timeout;
        let as_stream = is_event_stream(&success.reply.headers);
        let body = match success.reply.body.read_whole(WHOLE_BODY_MAX, idle).await {
            Ok(body) => body,
            Err(error) => {
                let judgement = verdict::judge_event(pump::broken(&error));
                self.tell(lease, &judgement, Cool::ByVerdict);
                return Err(Box::new(judgement));
            }
        };
        match self.call.kind {
            CallKind::CountTokens => {
                lease.finish(Outcome::Served);
                return count::reply(&body, success.spoken.dialect, self.call.dialect)
                    .map_err(|failure| Box::new(verdict::judge_event(*failure)));
            }
            CallKind::Compact => {
                lease.finish(Outcome::Served);
                return Ok(Reply::json(body));
            }
            CallKind::Embeddings => {
                lease.finish(Outcome::Served);
                return embeddings::reply(
                    &body,
                    success.spoken,
                    &self.call.body,
                    &self.plan.requested,
                )
                .map(Reply::json)
                .map_err(|failure| Box::new(verdict::judge_event(*failure)));
            }
            CallKind::Generate => {}
        }
        let upstream = success.spoken.dialect;
        if let Some(failure) = hidden_failure(&body, upstream) {
            let judgement = verdict::judge_event(failure);
            self.tell(lease, &judgement, Cool::ByVerdict);
            return Err(Box::new(judgement));
        }
        let client = codec(self.call.dialect);
        if success.prepared.same_dialect && !success.stream && !as_stream {
            let (body, _usage) = client.relay_response(&body, &success.context);
            lease.finish(Outcome::Served);
            return Ok(Reply::json(body));
        }
        let events = if as_stream {
            Ok(decode_events(&body, upstream, &success.context))
        } else {
            codec(upstream)
                .decode_response(&body, &success.context)
                .map_err(|error| {
                    let text = format!("the upstream sent an answer that cannot be read: {error}");
                    Box::new(Failure::new(502, text).with_code("upstream_invalid_response"))
                })
        };
        let response = events.and_then(fold);
        let response = match response {
            Ok(response) => response,
            Err(failure) => {
                let judgement = verdict::judge_event(*failure);
                self.tell(lease, &judgement, Cool::ByVerdict);
                return Err(Box::new(judgement));
            }
        };
        let empty = response.choices.iter().all(|reply| reply.items.is_empty())
            && response.usage.output_total.unwrap_or_default() == 0
            && response
                .choices
                .iter()
                .all(|reply| matches!(reply.stop, None | Some(protocol::canonical::Stop::EndTurn)));
        if empty {
            return Err(self.empty_reply(lease));
        }
        if has_no_place_for_signatures(self.call.dialect) {
            let now = self.worker.shared.clock.now();
            self.worker
                .shared
                .replay
                .keep(self.call.client, &response, now);
        }
        lease.finish(Outcome::Served);
        if success.stream {
            let body = encode_events(unfold(response), self.call.dialect, &success.context);
            return Ok(Reply {
                content_type: self.stream_type(),
                ..Reply::json(body)
            });
        }
        Ok(Reply::json(
            client.encode_response(&response, &success.context),
        ))
    }

    /// A success without any content is none (kaitranntt/CLIProxyAPIPlus#173).
    fn empty_reply(&self, lease: Lease) -> Box<Judgement> {
        let failure = Failure::new(502, "the upstream answered with an empty reply")
            .with_code("upstream_empty_reply");
        let judgement = Judgement {
            verdict: Verdict::Next(Outcome::Transient),
            failure,
        };
        // Nothing is wrong with the account: it does not rest.
        self.tell(lease, &judgement, Cool::No);
        Box::new(judgement)
    }

    /// Answers with a model that runs inside this process.
    fn locally(
        &self,
        model: &dyn providers::LocalModel,
        lease: Lease,
        preparer: &mut Preparer<'_>,
    ) -> Ended {
        lease.finish(Outcome::Served);
        let stop = |failure: Box<Failure>| {
            Ended::Failed(Judgement {
                verdict: Verdict::Stop,
                failure: *failure,
            })
        };
        let request = match preparer.request() {
            Ok(request) => request.clone(),
            Err(error) => return stop(Box::new(error.into_failure())),
        };
        match self.call.kind {
            CallKind::Generate => {}
            CallKind::CountTokens => {
                let words = count::words(&request);
                return Ended::Reply(count::counted(words, self.call.dialect));
            }
            CallKind::Compact | CallKind::Embeddings => {
                return Ended::NotAble(Box::new(Failure::new(
                    501,
                    "the demo model answers chats only",
                )));
            }
        }
        let events = match model.answer(&request) {
            Ok(events) => events,
            Err(failure) => return stop(failure),
        };
        let spoken = Spoken {
            dialect: Dialect::OpenAiChat,
            endpoint: protocol::codec::EndpointTraits::default(),
        };
        let prepared = Prepared {
            declared: super::declared::declared(&request),
            show: request.reasoning.show,
            ..Prepared::raw(Bytes::new())
        };
        let now = self.worker.shared.clock.now();
        let context = preparer.reply_context(self.candidate, &spoken, &prepared, now);
        let mut reply = if self.plan.stream {
            Reply {
                content_type: self.stream_type(),
                ..Reply::json(encode_events(events, self.call.dialect, &context))
            }
        } else {
            match fold(events) {
                Ok(response) => {
                    Reply::json(codec(self.call.dialect).encode_response(&response, &context))
                }
                Err(failure) => return stop(failure),
            }
        };
        reply.credential = Some(self.candidate.credential.clone());
        Ended::Reply(reply)
    }

    /// Counts tokens without the upstream.
    async fn estimate(&self, preparer: &mut Preparer<'_>) -> Ended {
        match preparer.request() {
            Ok(request) => {
                let tokens = count::estimate(request).await;
                Ended::Reply(count::counted(tokens, self.call.dialect))
            }
            Err(error) => Ended::Failed(Judgement {
                verdict: Verdict::Stop,
                failure: error.into_failure(),
            }),
        }
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

    fn stream_type(&self) -> &'static str {
        match self.call.framing {
            Framing::Sse => "text/event-stream",
            Framing::JsonArray => "application/json",
        }
    }

    /// Upstream headers for the client (`passthrough-headers`, `http-api.md` §3).
    fn passed_headers(&self, upstream: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
        if !self.plan.snapshot.config.passthrough_headers {
            return Vec::new();
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

/// One pass of [`Attempt::make`].
enum Once {
    Ended(Ended),
    TokenRefused(Judgement),
}

/// What a `request-scoped-errors` rule says about resting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cool {
    ByVerdict,
    Yes,
    No,
}

/// Applies the first rule of the credential that fits the answer (`openai-compatibility.md` §6).
fn scoped_rule(lease: &Lease, failed: &FailedReply<'_>, judgement: &mut Judgement) -> Cool {
    let text = String::from_utf8_lossy(failed.body);
    let fits = |rule: &&actors::config::ErrorRule| {
        let free = rule.contains.is_empty() && rule.regexes.is_empty();
        rule.status == failed.status
            && (free
                || rule
                    .contains
                    .iter()
                    .any(|part| text.contains(part.as_str()))
                || rule
                    .regexes
                    .iter()
                    .any(|pattern| regex::Regex::new(pattern).is_ok_and(|re| re.is_match(&text))))
    };
    let rules = &lease.record.settings.request_scoped_errors;
    let Some(rule) = rules.iter().find(fits) else {
        return Cool::ByVerdict;
    };
    let go_on = match judgement.verdict {
        Verdict::Stop => Verdict::Next(Outcome::Transient),
        other => other,
    };
    match rule.action {
        ErrorAction::Stop => {
            judgement.verdict = Verdict::Stop;
            Cool::No
        }
        ErrorAction::StopAndCooldown => {
            judgement.verdict = Verdict::Stop;
            Cool::Yes
        }
        ErrorAction::Continue => {
            judgement.verdict = go_on;
            Cool::No
        }
        ErrorAction::ContinueAndCooldown => {
            judgement.verdict = go_on;
            Cool::Yes
        }
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().starts_with("text/event-stream"))
}

/// A failure inside a 200: an empty body, an `error` object, an empty list of choices.
fn hidden_failure(body: &Bytes, upstream: Dialect) -> Option<Failure> {
    if body.trim_ascii().is_empty() {
        let text = "the upstream answered with an empty body";
        return Some(Failure::new(502, text).with_code("upstream_empty_reply"));
    }
    let root = Doc::trust(body)?.root();
    let [error, choices, usage] = root.pick(["error", "choices", "usage"]);
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
    let no_choice = choices.is_some_and(|list| list.elements().next().is_none());
    (no_choice && usage.is_none_or(|usage| usage.is_null())).then(|| {
        Failure::new(502, "the upstream answered with an empty reply")
            .with_code("upstream_empty_reply")
    })
}

/// Decodes a whole body of server-sent events.
fn decode_events(body: &Bytes, upstream: Dialect, context: &ReplyContext) -> Vec<Event> {
    let mut decoder = codec(upstream).event_decoder(context);
    let mut events = Vec::new();
    let mut sse = SseParser::new();
    let mut each = |frame: &Frame<'_>| decoder.decode(frame, &mut events);
    let text = sse
        .push(body, &mut each)
        .and_then(|()| sse.finish(&mut each));
    if text.is_ok() {
        decoder.finish(&mut events);
    }
    events
}

fn encode_events(events: Vec<Event>, client: Dialect, context: &ReplyContext) -> Bytes {
    let mut encoder = codec(client).event_encoder(context);
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    out.into()
}

impl Prepared {
    /// A body that is not made by a codec.
    pub fn raw(body: Bytes) -> Self {
        Self {
            encoded: protocol::codec::Encoded::plain(body),
            same_dialect: false,
            declared: protocol::codec::Declared::default(),
            show: protocol::canonical::ReasoningShow::Unset,
        }
    }
}
