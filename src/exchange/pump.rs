//! One stream on its way: upstream bytes → frames → events → client bytes.
//!
//! A pump is filled until the first event that commits ([`Pump::prime`]); until then the caller may
//! drop it and try another credential. From then on it is the body of the client's answer: an
//! upstream fault becomes the protocol's own error event, and dropping it closes the upstream.

use crate::providers::Provider;
use crate::providers::verdict::{self, Verdict};
use crate::upstream::{BodyError, UpstreamBody};
use actix_web::body::{BodySize, MessageBody};
use actors::domain::outcome::Outcome;
use actors::lease::Lease;
use bytes::Bytes;
use protocol::canonical::{Event, Failure, Stop, Usage};
use protocol::codec::{Codec, EventDecoder, EventEncoder, Relay, Seen};
use protocol::sse::{Frame, SseParser};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// After the upstream began to answer, the client gets its head at the latest after this wait, also
/// when nothing that commits has come yet (a model that thinks silently).
const COMMIT_AFTER: Duration = Duration::from_secs(20);

/// Client bytes written at once at the most, so that one fast stream cannot starve its thread.
const WRITE_MAX: usize = 64 * 1024;

/// How long the rest of a finished upstream body is waited for, to keep its connection.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// Timing of a stream (`config.md` §3.1 `streaming`).
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest silence of the upstream; `None` = unlimited.
    pub idle: Option<Duration>,
    /// Silence towards the client after which a keep-alive is written; `None` = never.
    pub keep_alive: Option<Duration>,
}

/// Sees events on their way.
pub type Observer = Box<dyn FnMut(&Event)>;

/// How the bytes of the two sides relate.
pub enum Path {
    /// The same protocol on both sides.
    Relay(Box<dyn Relay>),
    /// Two protocols with the common model between them.
    Translate {
        /// Upstream side.
        decoder: Box<dyn EventDecoder>,
        /// Client side.
        encoder: Box<dyn EventEncoder>,
        /// Sees every event before it is encoded.
        observer: Option<Observer>,
    },
}

/// One stream in motion.
pub struct Pump {
    upstream: Option<UpstreamBody>,
    sse: SseParser,
    /// Opens the service's envelope around every event.
    envelope: Option<&'static dyn Provider>,
    line: Line,
    codec: &'static dyn Codec,
    limits: Limits,
    last_byte_at: Instant,
    last_write_at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    lease: Option<Lease>,
}

/// The part that turns frames into client bytes.
struct Line {
    path: Path,
    out: Vec<u8>,
    events: Vec<Event>,
    usage: Usage,
    /// Something that commits has come.
    content: bool,
    /// Nothing follows: the reply is complete or has failed.
    ended: bool,
    failure: Option<Box<Failure>>,
}

impl Line {
    /// Takes a frame as it came, out of its envelope where there is one.
    fn take(&mut self, frame: &Frame<'_>, envelope: Option<&'static dyn Provider>) {
        let (Some(provider), Some(data)) = (envelope, &frame.data) else {
            return self.frame(frame);
        };
        let inner = provider.open_envelope(data);
        let raw = format!("data: {inner}\n\n");
        self.frame(&Frame {
            raw: raw.as_bytes(),
            event: frame.event,
            data: Some(inner),
        });
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        if self.ended {
            return; // Nothing counts after the end marker.
        }
        match &mut self.path {
            Path::Relay(relay) => match relay.frame(frame, &mut self.out) {
                Seen::Preamble => {}
                Seen::Content => self.content = true,
                Seen::End => self.ended = true,
                Seen::Failure(failure) => {
                    self.ended = true;
                    self.failure = Some(failure);
                }
            },
            Path::Translate { decoder, .. } => {
                decoder.decode(frame, &mut self.events);
                self.encode_events();
            }
        }
    }

    fn encode_events(&mut self) {
        let Path::Translate {
            encoder, observer, ..
        } = &mut self.path
        else {
            return;
        };
        for event in self.events.drain(..) {
            match &event {
                Event::Start(_) | Event::KeepAlive | Event::Native { .. } => {}
                Event::Usage(usage) => self.usage.merge(usage.as_ref().clone()),
                Event::Finish {
                    stop: Stop::Malformed(word),
                    ..
                } if !self.content => {
                    let failure = Box::new(malformed_call(word));
                    self.ended = true;
                    self.failure = Some(failure.clone());
                    encoder.encode(Event::Error(failure), &mut self.out);
                    break;
                }
                Event::ItemStart { .. }
                | Event::Delta { .. }
                | Event::ItemStop { .. }
                | Event::Finish { .. } => self.content = true,
                Event::End => self.ended = true,
                Event::Error(failure) => {
                    self.ended = true;
                    self.failure = Some(failure.clone());
                }
            }
            if let Some(observe) = observer {
                observe(&event);
            }
            encoder.encode(event, &mut self.out);
        }
    }

    /// The upstream closed the connection in good order.
    fn close(&mut self) {
        if self.ended {
            return;
        }
        match &mut self.path {
            Path::Relay(relay) => self.failure = relay.finish(&mut self.out),
            Path::Translate { decoder, .. } => {
                decoder.finish(&mut self.events);
                self.encode_events();
            }
        }
        self.ended = true;
    }

    /// The upstream, or the way to it, failed.
    fn fail(&mut self, failure: Failure) {
        if self.ended {
            return;
        }
        self.ended = true;
        match &mut self.path {
            Path::Relay(relay) => relay.fail(&failure, &mut self.out),
            Path::Translate { encoder, .. } => {
                encoder.encode(Event::Error(Box::new(failure.clone())), &mut self.out);
            }
        }
        self.failure = Some(Box::new(failure));
    }
}

impl Pump {
    /// A pump over an answer whose head said success.
    pub fn new(
        upstream: UpstreamBody,
        path: Path,
        envelope: Option<&'static dyn Provider>,
        codec: &'static dyn Codec,
        limits: Limits,
    ) -> Self {
        let now = Instant::now();
        Self {
            upstream: Some(upstream),
            sse: SseParser::new(),
            envelope,
            line: Line {
                path,
                out: Vec::new(),
                events: Vec::new(),
                usage: Usage::default(),
                content: false,
                ended: false,
                failure: None,
            },
            codec,
            limits,
            last_byte_at: now,
            last_write_at: now,
            timer: None,
            lease: None,
        }
    }

    /// Reads until something that commits has come, or the reply has ended, or the upstream has been
    /// thinking for a while. `Err` is a failure before the commit: the pump is useless then.
    pub async fn prime(&mut self) -> Result<(), Box<Failure>> {
        let commit_at = tokio::time::sleep(COMMIT_AFTER);
        let mut commit_at = std::pin::pin!(commit_at);
        std::future::poll_fn(|cx| {
            loop {
                if self.line.content || self.line.ended {
                    return Poll::Ready(());
                }
                if self.poll_upstream(cx).is_pending() {
                    let begun = !self.line.out.is_empty();
                    return match commit_at.as_mut().poll(cx) {
                        Poll::Ready(()) if begun => Poll::Ready(()),
                        // Not begun: the idle limit bounds the wait.
                        _ => self.poll_timer(cx, false),
                    };
                }
            }
        })
        .await;
        match (self.line.content, self.line.failure.take()) {
            (false, Some(failure)) => Err(failure),
            (_, failure) => {
                self.line.failure = failure;
                Ok(())
            }
        }
    }

    /// True when the primed reply is already complete and holds nothing at all.
    pub fn is_empty_reply(&self) -> bool {
        let produced = match &self.line.path {
            Path::Relay(relay) => relay.usage().and_then(|usage| usage.output_total),
            Path::Translate { .. } => self.line.usage.output_total,
        };
        self.line.ended
            && !self.line.content
            && self.line.failure.is_none()
            && produced.unwrap_or_default() == 0
    }

    /// Hands over the lease: from here on the outcome is reported by the pump.
    pub fn commit(&mut self, lease: Lease) {
        self.lease = Some(lease);
    }

    /// Takes in what the upstream has ready. `Pending` when there is nothing now.
    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(upstream) = &mut self.upstream else {
            self.line.close();
            return Poll::Ready(());
        };
        match upstream.poll_chunk(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(chunk))) => {
                self.last_byte_at = Instant::now();
                let (line, envelope) = (&mut self.line, self.envelope);
                if self
                    .sse
                    .push(&chunk, |frame| line.take(frame, envelope))
                    .is_err()
                {
                    line.fail(not_text());
                }
                Poll::Ready(())
            }
            Poll::Ready(Some(Err(error))) => {
                self.upstream = None;
                self.line.fail(broken(&error));
                Poll::Ready(())
            }
            Poll::Ready(None) => {
                self.upstream = None;
                let (line, envelope) = (&mut self.line, self.envelope);
                if self.sse.finish(|frame| line.take(frame, envelope)).is_err() {
                    line.fail(not_text());
                }
                line.close();
                Poll::Ready(())
            }
        }
    }

    /// Waits for the idle limit or the next keep-alive, whichever is due first. `Ready` when one of
    /// them was due and something was written. The timer is set anew only when it fires: chunks cost
    /// no timer work.
    fn poll_timer(&mut self, cx: &mut Context<'_>, committed: bool) -> Poll<()> {
        loop {
            let idle_at = self.limits.idle.map(|limit| self.last_byte_at + limit);
            let ping_at = self
                .limits
                .keep_alive
                .filter(|_| committed)
                .map(|every| self.last_write_at.max(self.last_byte_at) + every);
            let Some(due_at) = [idle_at, ping_at].into_iter().flatten().min() else {
                return Poll::Pending;
            };
            let now = Instant::now();
            if idle_at.is_some_and(|at| at <= now) {
                self.upstream = None;
                let limit = self.limits.idle.unwrap_or_default();
                self.line.fail(
                    Failure::new(504, BodyError::Idle(limit).to_string())
                        .with_code("upstream_idle_timeout"),
                );
                return Poll::Ready(());
            }
            if ping_at.is_some_and(|at| at <= now) {
                self.last_write_at = now;
                let ping = self.codec.keep_alive(self.line.content);
                if ping.is_empty() {
                    continue;
                }
                self.line.out.extend_from_slice(ping);
                return Poll::Ready(());
            }
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due_at)));
            if timer.deadline() > due_at || timer.is_elapsed() {
                timer.as_mut().reset(due_at);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Tells the credential how it went, and keeps the upstream connection where that is possible.
    fn settle(&mut self) {
        if let Some(lease) = self.lease.take() {
            let (outcome, said) = match self.line.failure.take() {
                None => (Outcome::Served, None),
                Some(failure) => {
                    let judgement = verdict::judge_event(*failure);
                    let outcome = match judgement.verdict {
                        Verdict::Next(outcome) | Verdict::FreshToken(outcome) => outcome,
                        Verdict::Stop => Outcome::RequestFault,
                    };
                    (outcome, Some(judgement.failure.message))
                }
            };
            tracing::debug!(
                credential = %lease.credential,
                ?outcome,
                input = self.usage().and_then(|u| u.input_total),
                output = self.usage().and_then(|u| u.output_total),
                "stream ended"
            );
            lease.finish_with(outcome, said);
        }
        if let Some(upstream) = self.upstream.take() {
            drain(upstream);
        }
    }

    fn usage(&self) -> Option<&Usage> {
        match &self.line.path {
            Path::Relay(relay) => relay.usage(),
            Path::Translate { .. } => Some(&self.line.usage),
        }
    }
}

impl MessageBody for Pump {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let this = &mut *self;
        loop {
            // What is ready together is written together.
            while !this.line.ended && this.line.out.len() < WRITE_MAX {
                if this.poll_upstream(cx).is_pending() {
                    break;
                }
            }
            if !this.line.out.is_empty() {
                this.last_write_at = Instant::now();
                let size = this.line.out.len();
                let out = std::mem::replace(&mut this.line.out, Vec::with_capacity(size.min(4096)));
                return Poll::Ready(Some(Ok(Bytes::from(out))));
            }
            if this.line.ended {
                this.settle();
                return Poll::Ready(None);
            }
            if this.poll_timer(cx, true).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// Reads the short rest behind an end marker, so that the connection can serve again.
fn drain(mut upstream: UpstreamBody) {
    actix_rt::spawn(async move {
        let rest = std::future::poll_fn(|cx| {
            loop {
                match upstream.poll_chunk(cx) {
                    Poll::Ready(Some(Ok(_))) => {}
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        // Running out of time only costs the connection.
        let _closed_in_time = tokio::time::timeout(DRAIN_LIMIT, rest).await.is_ok();
    });
}

/// The failure of a reply that is nothing but an unusable call; `word` is the upstream's.
pub fn malformed_call(word: &str) -> Failure {
    Failure::new(
        502,
        format!("the model wrote a tool call that cannot be used ({word})"),
    )
    .with_code("upstream_malformed_tool_call")
}

/// The failure a body that is no text becomes.
pub fn not_text() -> Failure {
    Failure::new(502, "the upstream sent a stream that is not UTF-8 text")
        .with_code("upstream_invalid_stream")
}

/// The failure a broken body becomes.
pub fn broken(error: &BodyError) -> Failure {
    let status = match error {
        BodyError::Idle(_) => 504,
        BodyError::Broken(_) | BodyError::Short { .. } | BodyError::TooLarge => 502,
    };
    Failure::new(status, error.to_string()).with_code("upstream_connection_broken")
}
