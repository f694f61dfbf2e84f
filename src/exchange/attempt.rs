//! One attempt: body, call, judgement, first event.

use super::deliver::Success;
use super::prepare::{Prepared, Preparer};
use super::stand_in::with_member;
use super::worker::Worker;
use super::{CallKind, ClientCall, Reply, count, embeddings, extra, not_able, plan::Plan};
use crate::providers::control::proxy;
use crate::providers::verdict::{self, FailedReply, Judgement, Verdict};
use crate::providers::{self, Call, Extra, Provider, Spoken};
use crate::upstream::body::WHOLE_BODY_MAX;
use crate::upstream::client::UpstreamRequest;
use crate::upstream::{UpstreamError, UpstreamReply};
use actix_web::http::header::HeaderMap;
use actors::config::ErrorAction;
use actors::domain::outcome::{Outcome, Scope};
use actors::domain::record::{CredentialRecord, Kind};
use actors::domain::snapshot::Candidate;
use actors::lease::{Lease, Terms};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use protocol::Dialect;
use protocol::canonical::Failure;
use std::rc::Rc;
use std::sync::Arc;

/// Most faults of one body that are mended: services name one at a time.
const MENDS_MAX: usize = 3;

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
    /// What its leases are granted under.
    pub terms: Terms,
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
        let mut again = Again {
            renewable: lease.record.kind == Kind::Login,
            spoken: None,
        };
        let mut lease = lease;
        // Each of the two ways to go on is taken once.
        loop {
            let version = lease.version;
            match self.once(provider, lease, preparer, &again).await {
                Once::Ended(ended) => return ended,
                Once::SpokenElse(same, spoken) => {
                    lease = *same;
                    again.spoken = Some(spoken);
                }
                Once::TokenRefused(judgement, refused) => {
                    let newer = Terms {
                        newer_than: Some(version),
                        ..self.terms
                    };
                    match self.candidate.acquire_with(newer).await {
                        Ok(newer) => {
                            refused.finish(Outcome::ClientLeft);
                            lease = newer;
                            again.renewable = false;
                        }
                        Err(refusal) => {
                            tracing::warn!(
                                credential = %self.candidate.credential,
                                %refusal,
                                "token refused and no newer one"
                            );
                            self.tell(*refused, &judgement, Cool::ByVerdict);
                            return Ended::Failed(judgement);
                        }
                    }
                }
            }
        }
    }

    async fn once(
        &self,
        provider: &'static dyn Provider,
        lease: Lease,
        preparer: &mut Preparer<'_>,
        again: &Again,
    ) -> Once {
        let record = Arc::clone(&lease.record);
        let model = &self.candidate.upstream_model;
        let spoken = again.spoken.clone().unwrap_or_else(|| {
            provider.speaks_for(&record, model, &self.candidate.info, self.call.dialect)
        });
        if let Some(local) = provider.local() {
            return Once::Ended(self.locally(local, lease, preparer));
        }
        let counts = spoken.can_count() && provider.counts_tokens(&record);
        if self.call.kind == CallKind::CountTokens && !counts {
            lease.finish(Outcome::RequestFault);
            return Once::Ended(self.estimate(preparer).await);
        }
        let stream = match self.call.kind {
            CallKind::Generate => self.plan.stream || spoken.streams_only,
            CallKind::Extra(_) => self.plan.stream,
            _ => false,
        };
        let prepared = match self.prepare(&spoken, preparer, stream) {
            Ok(prepared) => prepared,
            Err(failure) => {
                lease.finish(Outcome::RequestFault);
                return Once::Ended(Ended::Failed(Judgement::of(Verdict::Stop, *failure)));
            }
        };
        let call = Call {
            record: &record,
            model: &self.candidate.upstream_model,
            action: self.call.kind.action(stream),
            body: &prepared.encoded.body,
            body_headers: &prepared.encoded.headers,
            client_body: self.call.body.raw(),
            client_headers: self.call.http.headers(),
            client: self.call.dialect,
            dialect: spoken.dialect,
            config: &self.plan.snapshot.config,
        };
        let shaped = match self.call.kind {
            CallKind::Extra(extra) => provider.extra(&call, extra),
            _ => provider.shape(&call),
        };
        let mut request = match shaped {
            Ok(request) => request,
            Err(error) => {
                lease.finish(Outcome::RequestFault);
                return Once::Ended(Ended::NotAble(not_able(&error)));
            }
        };
        if self.terms.paid
            && let Some(member) = provider.credits(&self.candidate.upstream_model)
        {
            request.body = with_member(&request.body, member);
        }
        let bases = provider.bases(&record);
        let mut n_mended = 0;
        let reply = loop {
            let reply = match self.send(&mut request, bases, &record).await {
                Ok(reply) => reply,
                Err(error) => return Once::Ended(self.unreachable(lease, &error)),
            };
            let now = self.worker.shared.clock.now();
            lease.observe(provider.quota(&reply.headers, now));
            if reply.status.is_success() {
                break reply;
            }
            let refusal = self.read_refusal(reply).await;
            let now = self.worker.shared.clock.now();
            let failed = refusal.failed(spoken.dialect, now);
            if n_mended < MENDS_MAX
                && let Some(body) = provider.mend(&failed, &request.body)
            {
                tracing::debug!(credential = %record.id, "refused body mended");
                n_mended += 1;
                request.body = body;
                continue;
            }
            if self.call.kind == CallKind::Generate
                && again.spoken.is_none()
                && let Some(other) = provider.speaks_else(&failed, &spoken)
            {
                tracing::debug!(credential = %record.id, %model, "asked in another protocol");
                return Once::SpokenElse(Box::new(lease), other);
            }
            return match self.refused(provider, lease, &failed, again.renewable) {
                // A count that the service cannot give is estimated (E-247).
                Once::Ended(Ended::Failed(judgement))
                    if self.call.kind == CallKind::CountTokens
                        && judgement.verdict != Verdict::Stop =>
                {
                    Once::Ended(self.estimate(preparer).await)
                }
                other => other,
            };
        };
        let now = self.worker.shared.clock.now();
        let success = Success {
            provider,
            spoken: &spoken,
            prepared: &prepared,
            context: preparer.reply_context(self.candidate, &spoken, &prepared, now),
        };
        Once::Ended(match self.deliver(reply, success, lease).await {
            Ok(reply) => Ended::Reply(reply),
            Err(judgement) => Ended::Failed(*judgement),
        })
    }

    /// Sends a call; to the next of `bases` where one is not there, or not able.
    async fn send(
        &self,
        request: &mut UpstreamRequest,
        bases: &[&str],
        record: &CredentialRecord,
    ) -> Result<UpstreamReply, UpstreamError> {
        let config = &self.plan.snapshot.config;
        let way_out = proxy(&record.settings.proxy, &config.proxy);
        let clients = &self.worker.clients;
        let rewrites = &config.upstream_rewrites;
        let mut sent = clients.send(request, way_out, rewrites).await;
        for pair in bases.windows(2) {
            let [base, next] = pair else { break };
            // A base URL of the account's own has no successor.
            let rest = request
                .url
                .strip_prefix(base)
                .filter(|_| is_elsewhere(&sent));
            let Some(rest) = rest else { break };
            tracing::debug!(credential = %record.id, base, next, "next base URL");
            request.url = format!("{next}{rest}");
            let again = clients.send(request, way_out, rewrites).await;
            // An answer says more than no answer.
            if again.is_ok() || sent.is_err() {
                sent = again;
            }
        }
        sent
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
            CallKind::Compact => {
                let body = count::compact_body(self.candidate, spoken, &self.call.body)?;
                Ok(Arc::new(Prepared::raw(body)))
            }
            CallKind::Embeddings => embeddings::body(self.candidate, spoken, self.call.body.raw())
                .map(|body| Arc::new(Prepared::raw(body))),
            CallKind::Extra(extra) => extra::body(self.candidate, self.call, extra)
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
        lease.finish_with(outcome, Some(error.to_string()));
        let failure = Failure::new(status, error.to_string()).with_code("upstream_unreachable");
        Ended::Failed(Judgement::of(Verdict::Next(outcome), failure))
    }

    /// Reads an answer that is no success.
    async fn read_refusal(&self, reply: UpstreamReply) -> Refusal {
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
        Refusal {
            // An interim head is taken for the final one by the client library: a fault.
            status: if status < 400 { 502 } else { status },
            headers,
            body,
        }
    }

    /// Judges an answer that is no success.
    fn refused(
        &self,
        provider: &'static dyn Provider,
        mut lease: Lease,
        failed: &FailedReply<'_>,
        renewable: bool,
    ) -> Once {
        let mut judgement = verdict::judge(failed);
        provider.refine(failed, &mut judgement);
        let cool = scoped_rule(&lease, failed, &mut judgement);
        if renewable && matches!(judgement.verdict, Verdict::FreshToken(_)) {
            // The outcome is known when a newer token has been asked for.
            lease.undecided();
            return Once::TokenRefused(judgement, Box::new(lease));
        }
        self.tell(lease, &judgement, cool);
        Once::Ended(Ended::Failed(judgement))
    }

    /// Tells the credential what a judgement means for it.
    pub fn tell(&self, lease: Lease, judgement: &Judgement, cool: Cool) {
        let outcome = match (judgement.verdict, cool) {
            (_, Cool::No) => Outcome::RequestFault,
            (Verdict::Stop, Cool::Yes) => Outcome::Transient,
            (Verdict::Next(outcome) | Verdict::FreshToken(outcome), _)
                if counts_against(self.call.kind, outcome) =>
            {
                outcome
            }
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

    /// Counts tokens without the upstream.
    async fn estimate(&self, preparer: &mut Preparer<'_>) -> Ended {
        match preparer.request() {
            Ok(request) => {
                let tokens = count::estimate(request).await;
                Ended::Reply(count::counted(tokens, self.call.dialect))
            }
            Err(error) => Ended::Failed(Judgement::of(Verdict::Stop, error.into_failure())),
        }
    }
}

/// Whether what a call of this kind met says anything about chatting: a failed count does not
/// (router-for-me/CLIProxyAPI#4410), and of the further calls only what concerns the account does.
fn counts_against(kind: CallKind, outcome: Outcome) -> bool {
    match kind {
        CallKind::Generate => true,
        CallKind::Extra(extra) => match outcome {
            Outcome::Unauthorized | Outcome::PaymentRequired { .. } => true,
            Outcome::RateLimited { scope, .. } => {
                scope == Scope::Credential || extra != Extra::AlphaSearch
            }
            _ => false,
        },
        CallKind::CountTokens | CallKind::Compact | CallKind::Embeddings => false,
    }
}

/// Whether another base URL of the same service may do better.
fn is_elsewhere(sent: &Result<UpstreamReply, UpstreamError>) -> bool {
    match sent {
        Ok(reply) => matches!(reply.status.as_u16(), 404 | 500..=599),
        Err(UpstreamError::Connect { .. } | UpstreamError::NoAnswer { .. }) => true,
        // Waited for long enough; the settings are wrong.
        Err(UpstreamError::HeadTimeout { .. } | UpstreamError::Misconfigured(_)) => false,
    }
}

/// What the passes of [`Attempt::make`] may still do.
struct Again {
    /// A refused token may be followed by a newer one.
    renewable: bool,
    /// What the service is asked in after it refused the first protocol.
    spoken: Option<Spoken>,
}

/// One pass of [`Attempt::make`].
enum Once {
    Ended(Ended),
    /// The service serves the model in another protocol; nothing is known about the credential.
    SpokenElse(Box<Lease>, Spoken),
    /// With the lease, which still waits for its verdict.
    TokenRefused(Judgement, Box<Lease>),
}

/// An answer that is no success, read to its end.
struct Refusal {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Refusal {
    fn failed(&self, dialect: Dialect, now: DateTime<Utc>) -> FailedReply<'_> {
        FailedReply {
            status: self.status,
            headers: &self.headers,
            body: &self.body,
            dialect,
            now,
        }
    }
}

/// What a `request-scoped-errors` rule says about resting.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cool {
    /// As the judgement says.
    ByVerdict,
    /// The credential rests.
    Yes,
    /// It does not.
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
