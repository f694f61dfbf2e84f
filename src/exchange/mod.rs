//! One request: plan, attempts over credentials, and the reply in the client's protocol.

mod attempt;
pub mod count;
mod deliver;
mod embeddings;
mod extra;
mod local;
pub mod payload_rules;
pub mod plan;
mod prepare;
pub mod pump;
pub mod replay;
mod stand_in;
mod worker;

use crate::providers::verdict::{Judgement, Verdict};
use crate::providers::{Action, Extra, ShapeError};
use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use actors::domain::id::CredentialId;
use actors::domain::outcome::{Outcome, Refusal};
use actors::domain::select::{NoChoice, Wish};
use actors::domain::snapshot::Candidate;
use actors::lease::Terms;
use attempt::{Attempt, Ended};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use plan::{Plan, Session};
use prepare::Preparer;
use protocol::Dialect;
use protocol::canonical::Failure;
use protocol::codec::Framing;
use protocol::splice::JsonBody;
use pump::Pump;
use std::rc::Rc;
use std::time::Duration;

pub use worker::{Shared, Worker};

/// Most attempts one request may cause, over all rounds (router-for-me/CLIProxyAPI#5265).
const ATTEMPTS_MAX: usize = 16;

/// After this time no further attempt begins.
const ATTEMPTS_LIMIT: Duration = Duration::from_secs(180);

/// How long a session without a configured time stays on its credential.
const DEFAULT_SESSION_TTL: Duration = Duration::from_secs(3600);

/// Pause before a further round when nothing has to cool: doubled with each round.
const ROUND_PAUSE: Duration = Duration::from_millis(250);

/// A request of a client, as the handlers hand it over.
#[derive(Clone)]
pub struct ClientCall {
    /// Protocol the client speaks.
    pub dialect: Dialect,
    /// What it asks for; `Generate` is refined by its body.
    pub kind: CallKind,
    /// Its body.
    pub body: JsonBody,
    /// Model name from the URL.
    pub path_model: Option<String>,
    /// Stream by method name.
    pub path_stream: Option<bool>,
    /// How a Gemini client wants its stream.
    pub framing: Framing,
    /// The HTTP request, for its headers.
    pub http: HttpRequest,
    /// The client is Codex, which has its own word for a failed stream.
    pub codex_client: bool,
    /// Short digest of the client key; 0 without one.
    pub client: u64,
    /// Only this credential will do (Responses over WebSocket).
    pub pinned: Option<CredentialId>,
}

/// Kinds of client calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// An answer of a model.
    Generate,
    /// A token count.
    CountTokens,
    /// A compacted conversation.
    Compact,
    /// Embeddings.
    Embeddings,
    /// A call that only some services have.
    Extra(Extra),
}

/// A reply on its way to the client.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Body.
    pub body: ReplyBody,
    /// Who served it.
    pub credential: Option<CredentialId>,
}

/// Body of a reply.
pub enum ReplyBody {
    /// Complete.
    Whole(Bytes),
    /// A stream in motion.
    Stream(Box<Pump>),
}

impl Reply {
    /// A complete JSON reply.
    pub fn json(body: Bytes) -> Self {
        Self {
            status: 200,
            content_type: "application/json",
            headers: Vec::new(),
            body: ReplyBody::Whole(body),
            credential: None,
        }
    }
}

/// Serves one request.
///
/// # Errors
///
/// The failure the client gets, before any byte of a reply.
pub async fn run(worker: &Rc<Worker>, call: &ClientCall) -> Result<Reply, Box<Failure>> {
    let now = worker.shared.clock.now();
    let plan = match plan::plan(call, worker.snapshot(), now) {
        // An account's own model list may be due.
        Err(failure) if failure.code.as_deref() == Some(plan::UNKNOWN_MODEL) => {
            worker.shared.handles.fresh_models().await;
            plan::plan(call, worker.snapshot(), now)?
        }
        other => other?,
    };
    if call.kind == CallKind::Compact && plan.stream {
        return Err(Box::new(
            Failure::new(400, "Streaming not supported for compact responses").with_param("stream"),
        ));
    }
    let left_out = left_out(&plan, call.kind);
    let mut run = Run {
        worker,
        call,
        preparer: Preparer::new(worker, call, &plan),
        plan: &plan,
        attempts: 0,
        round: 0,
        tried: left_out.clone(),
        left_out,
        used_up: Vec::new(),
        siblings: Vec::new(),
        resorted: false,
        last: None,
        may_pass: false,
        begun_at: tokio::time::Instant::now(),
    };
    run.go().await
}

/// The state of one request over its attempts.
struct Run<'a> {
    worker: &'a Rc<Worker>,
    call: &'a ClientCall,
    plan: &'a Plan,
    preparer: Preparer<'a>,
    attempts: usize,
    round: u32,
    tried: Vec<usize>,
    /// Candidates that are not asked, whatever the round: they are there for another kind of call, or
    /// their owner does not want it.
    left_out: Vec<usize>,
    /// Candidates whose quota was found used up; their views may not show it yet.
    used_up: Vec<usize>,
    /// Siblings of used-up models that were asked.
    siblings: Vec<&'a Candidate>,
    /// The last resort was tried.
    resorted: bool,
    last: Option<Box<Failure>>,
    /// A further round may help: somebody failed in passing, or everybody rests.
    may_pass: bool,
    begun_at: tokio::time::Instant,
}

/// What follows a failed attempt.
enum Next {
    Try,
    Stop(Box<Failure>),
}

impl Run<'_> {
    async fn go(&mut self) -> Result<Reply, Box<Failure>> {
        let config = &self.plan.snapshot.config;
        let bound = self.bound_credential();
        loop {
            let now = self.worker.shared.clock.now();
            let wish = Wish {
                strategy: config.routing.strategy,
                tried: &self.tried,
                preferred: bound.as_ref(),
                pinned: self.call.pinned.as_ref(),
            };
            let index = match self.plan.route.choose(wish, self.terms(), now) {
                Ok(index) => index,
                Err(none) => {
                    if let Some(reply) = self.last_resort(now).await {
                        return Ok(reply);
                    }
                    if self.is_spent() {
                        return Err(self.final_failure(Some(none), now));
                    }
                    self.next_round(none, now).await?;
                    continue;
                }
            };
            self.tried.push(index);
            match self.attempt(index, now).await {
                Ended::Reply(reply) => return Ok(reply),
                Ended::NotAble(failure) => self.last = self.last.take().or(Some(failure)),
                Ended::Failed(judgement) => {
                    if judgement.exhausted {
                        self.used_up.push(index);
                    }
                    self.bar_projects(index, &judgement);
                    if let Next::Stop(failure) = self.after(judgement) {
                        return Err(failure);
                    }
                }
            }
            if self.is_spent() {
                return Err(self.final_failure(None, now));
            }
        }
    }

    /// Whether no further attempt may begin.
    fn is_spent(&self) -> bool {
        self.attempts >= ATTEMPTS_MAX || self.begun_at.elapsed() > ATTEMPTS_LIMIT
    }

    fn terms(&self) -> Terms {
        Terms {
            forgive_transient: self.round > 0,
            ..Terms::default()
        }
    }

    async fn attempt(&mut self, index: usize, now: DateTime<Utc>) -> Ended {
        let route = &self.plan.route;
        let Some(candidate) = route.candidates.get(index) else {
            return Ended::NotAble(Box::new(Failure::new(500, "no such candidate")));
        };
        let ended = self.attempt_with(candidate, self.terms(), now).await;
        match &ended {
            Ended::Failed(judgement) if judgement.exhausted => {
                let served = self.sibling(candidate, now).await;
                served.map_or(ended, Ended::Reply)
            }
            _ => ended,
        }
    }

    async fn attempt_with(
        &mut self,
        candidate: &Candidate,
        terms: Terms,
        now: DateTime<Utc>,
    ) -> Ended {
        let lease = match candidate.lease(terms, now).await {
            Ok(lease) => lease,
            Err(refusal) => {
                tracing::debug!(credential = %candidate.credential, %refusal, "lease refused");
                return Ended::NotAble(Box::new(refused(&self.plan.requested, &refusal, now)));
            }
        };
        self.attempts += 1;
        tracing::debug!(
            credential = %candidate.credential,
            label = lease.record.label,
            model = self.plan.requested,
            upstream_model = &*candidate.upstream_model,
            attempt = self.attempts,
            "use credential"
        );
        let attempt = Attempt {
            worker: self.worker,
            call: self.call,
            plan: self.plan,
            candidate,
            terms,
        };
        let ended = attempt.make(lease, &mut self.preparer).await;
        self.bind_session(&candidate.credential, &ended, now);
        ended
    }

    /// Decides after a failed attempt whether anybody else may serve.
    fn after(&mut self, judgement: Judgement) -> Next {
        let failure = Box::new(judgement.failure);
        self.may_pass |= matches!(
            judgement.verdict,
            Verdict::Next(
                Outcome::Transient | Outcome::RateLimited { .. } | Outcome::Forbidden { .. }
            )
        );
        let next = match judgement.verdict {
            Verdict::Stop => Next::Stop(failure.clone()),
            // A validation fault dressed as 500 comes back the same from everybody
            // (router-for-me/CLIProxyAPI#6029).
            Verdict::Next(Outcome::Transient)
                if self
                    .last
                    .as_ref()
                    .is_some_and(|last| is_same_fault(last, &failure)) =>
            {
                Next::Stop(failure.clone())
            }
            Verdict::Next(_) | Verdict::FreshToken(_) => Next::Try,
        };
        self.last = Some(failure);
        next
    }

    /// Everybody was asked. Begins a further round, after a wait when one is due, or ends the run.
    async fn next_round(&mut self, none: NoChoice, now: DateTime<Utc>) -> Result<(), Box<Failure>> {
        let config = &self.plan.snapshot.config;
        // Everybody rests: a rest that ends soon may be waited for.
        let resting = self.attempts == 0 && matches!(none, NoChoice::AllCooling { .. });
        let rounds = if self.plan.stream {
            config.retry.rounds.max(config.streaming.bootstrap_retries)
        } else {
            config.retry.rounds
        };
        if !(self.may_pass || resting) || self.round >= rounds {
            return Err(self.final_failure(Some(none), now));
        }
        let spent = Terms {
            forgive_transient: true,
            ..Terms::default()
        };
        let round = self.round + 1;
        let lazy = self.lazy_candidates(round);
        let wish = Wish {
            strategy: config.routing.strategy,
            tried: &lazy,
            preferred: None,
            pinned: self.call.pinned.as_ref(),
        };
        let wait = match self.plan.route.choose(wish, spent, now) {
            Ok(_) if self.last.is_none() => Duration::ZERO,
            Ok(_) => ROUND_PAUSE * 2u32.saturating_pow(self.round.min(6)),
            Err(NoChoice::AllCooling { until, .. }) => {
                let wait = (until - now).to_std().unwrap_or_default();
                if wait > config.retry.max_interval {
                    return Err(self.final_failure(Some(none), now));
                }
                wait + ROUND_PAUSE
            }
            Err(NoChoice::Exhausted { .. }) => return Err(self.final_failure(Some(none), now)),
        };
        if self.begun_at.elapsed() + wait > ATTEMPTS_LIMIT {
            return Err(self.final_failure(Some(none), now));
        }
        tracing::debug!(round, wait_ms = wait.as_millis(), "further round");
        tokio::time::sleep(wait).await;
        self.round = round;
        self.tried = lazy;
        Ok(())
    }

    /// Candidates whose own `request-retry` forbids this round, and those that are left out anyway.
    fn lazy_candidates(&self, round: u32) -> Vec<usize> {
        let candidates = self.plan.route.candidates.iter().enumerate();
        candidates
            .filter(|(index, candidate)| {
                let own = candidate.view.get().record.settings.request_retry;
                self.left_out.contains(index) || own.is_some_and(|own| own < round)
            })
            .map(|(index, _)| index)
            .collect()
    }

    /// What the client gets when nobody serves.
    fn final_failure(&mut self, none: Option<NoChoice>, now: DateTime<Utc>) -> Box<Failure> {
        let model = &self.plan.requested;
        match (self.last.take(), none) {
            (Some(mut last), Some(NoChoice::AllCooling { until, .. })) if last.status == 429 => {
                if last.retry_after.is_none() {
                    last.retry_after = (until - now).to_std().ok();
                }
                last
            }
            (Some(last), _) => last,
            (None, Some(NoChoice::AllCooling { until, .. })) => {
                Box::new(cooling(model, until, now))
            }
            (None, _) => Box::new(
                Failure::new(
                    503,
                    format!("auth_unavailable: no auth available (model={model})"),
                )
                .with_code("auth_unavailable"),
            ),
        }
    }

    /// The session that keeps this request on a credential: every kind when the configuration says
    /// so, else only one that an agent named itself (prompt caches live per account,
    /// router-for-me/CLIProxyAPI#277).
    fn session(&self) -> Option<(&Session, Duration)> {
        let session = self.plan.session.as_ref()?;
        match &self.plan.snapshot.config.routing.affinity {
            Some(affinity) => Some((session, affinity.ttl)),
            None => session.explicit.then_some((session, DEFAULT_SESSION_TTL)),
        }
    }

    fn bound_credential(&self) -> Option<CredentialId> {
        if self.plan.route.candidates.len() < 2 {
            return None;
        }
        let (session, _) = self.session()?;
        let now = self.worker.shared.clock.now();
        let affinity = &self.worker.shared.handles.affinity;
        affinity.get(&self.plan.route.model, &session.id, now)
    }

    fn bind_session(&self, credential: &CredentialId, ended: &Ended, now: DateTime<Utc>) {
        if self.plan.route.candidates.len() < 2 {
            return;
        }
        let Some((session, ttl)) = self.session() else {
            return;
        };
        let affinity = &self.worker.shared.handles.affinity;
        let model = &self.plan.route.model;
        match ended {
            Ended::Reply(_) => affinity.bind(model, &session.id, credential, ttl, now),
            // A passing fault is served by a substitute, the binding stays.
            Ended::Failed(Judgement {
                verdict: Verdict::Next(Outcome::Transient) | Verdict::Stop,
                ..
            }) => {}
            Ended::Failed(_) | Ended::NotAble(_) => {
                affinity.release(model, &session.id, credential);
            }
        }
    }
}

/// Among models that share a name, those for pictures serve the image routes and the others the
/// rest; where there are no such two kinds, nobody is left out.
fn left_out(plan: &Plan, kind: CallKind) -> Vec<usize> {
    let pictures = matches!(kind, CallKind::Extra(extra) if extra.makes_images());
    let fits = |candidate: &Candidate| candidate.info.image == pictures;
    let candidates = &plan.route.candidates;
    if !candidates.iter().any(fits) {
        return Vec::new();
    }
    let others = candidates.iter().enumerate();
    others
        .filter(|(_, candidate)| !fits(candidate))
        .map(|(index, _)| index)
        .collect()
}

/// Two answers 500 that name the same particular fault. Words that any server says in passing are no
/// such fault.
fn is_same_fault(one: &Failure, other: &Failure) -> bool {
    const PASSING: &[&str] = &["internal", "overload", "again", "unavailable", "timeout"];
    let text = other.message.to_ascii_lowercase();
    one.status == 500
        && other.status == 500
        && one.message == other.message
        && !text.is_empty()
        && !PASSING.iter().any(|word| text.contains(word))
}

fn refused(model: &str, refusal: &Refusal, now: DateTime<Utc>) -> Failure {
    match refusal {
        Refusal::Cooling { until } => cooling(model, *until, now),
        other => Failure::new(
            503,
            format!("auth_unavailable: no auth available (model={model}): account {other}"),
        )
        .with_code("auth_unavailable"),
    }
}

/// The documented answer when every credential rests (`http-api.md` §5.2).
fn cooling(model: &str, until: DateTime<Utc>, now: DateTime<Utc>) -> Failure {
    let wait = (until - now).to_std().unwrap_or_default();
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let mut failure = Failure::new(
        429,
        format!("All credentials for model {model} are cooling down"),
    )
    .with_code("model_cooldown");
    failure.retry_after = Some(Duration::from_secs(seconds));
    failure.extra = vec![
        ("model", serde_json::Value::from(model).into()),
        (
            "reset_time",
            serde_json::Value::from(format!("{seconds}s")).into(),
        ),
        ("reset_seconds", serde_json::Value::from(seconds).into()),
    ];
    failure
}

/// A call that the candidate cannot make is no fault of anybody.
fn not_able(error: &ShapeError) -> Box<Failure> {
    let status = match error {
        ShapeError::NoSuchCall { .. } => 501,
        ShapeError::Misconfigured(_) => 500,
        ShapeError::BadRequest(_) => 400,
    };
    Box::new(Failure::new(status, error.to_string()))
}

impl CallKind {
    /// The provider's call for this kind.
    fn action(self, stream: bool) -> Action {
        match self {
            Self::Generate => Action::Generate { stream },
            Self::CountTokens => Action::CountTokens,
            Self::Compact => Action::Compact,
            Self::Embeddings => Action::Embeddings,
            Self::Extra(_) => Action::Generate { stream },
        }
    }
}
