//! What is tried when a quota is used up (`quota-exceeded`; `gemini-cli.md` §6, `antigravity.md` §6).

use super::attempt::Ended;
use super::{CallKind, Reply, Run};
use crate::providers;
use crate::providers::verdict::{Judgement, Verdict};
use actors::domain::health::Reason;
use actors::domain::outcome::{Outcome, Reach};
use actors::domain::select::Standing;
use actors::domain::snapshot::{Candidate, Catalog};
use actors::lease::Terms;
use bytes::{BufMut, Bytes, BytesMut};
use chrono::{DateTime, TimeDelta, Utc};

impl Run<'_> {
    /// The same account with the preview of the model, or with the model that is no preview, after
    /// its quota for the model was found used up.
    pub(super) async fn sibling(
        &mut self,
        candidate: &Candidate,
        now: DateTime<Utc>,
    ) -> Option<Reply> {
        let plan = self.plan;
        if !plan.snapshot.config.quota_exceeded.switch_preview_model {
            return None;
        }
        let sibling = sibling(&plan.snapshot.catalog, candidate)?;
        // Once per request: what it taught then may not have reached its view yet.
        if self
            .siblings
            .iter()
            .any(|asked| std::ptr::eq(*asked, sibling))
        {
            return None;
        }
        self.siblings.push(sibling);
        self.stand_in(sibling, self.terms(), now).await
    }

    /// What is left when everybody rests for longer than a request waits, somebody for a quota: a
    /// sibling of the model, then bought credits.
    pub(super) async fn last_resort(&mut self, now: DateTime<Utc>) -> Option<Reply> {
        let plan = self.plan;
        let on_quota = plan.snapshot.config.quota_exceeded;
        let any = on_quota.switch_preview_model || on_quota.antigravity_credits;
        if !any || self.resorted || self.call.kind != CallKind::Generate {
            return None;
        }
        let wait = plan.snapshot.config.retry.max_interval;
        let patience = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
        let pinned = self.call.pinned.as_ref();
        let candidates = plan.route.candidates.iter().enumerate();
        let candidates = candidates.filter(|(index, one)| {
            !self.left_out.contains(index) && pinned.is_none_or(|pinned| *pinned == one.credential)
        });
        let resting = used_up(candidates, &self.used_up, self.terms(), patience, now)?;
        self.resorted = true;
        if on_quota.switch_preview_model {
            for &candidate in &resting {
                if let Some(reply) = self.sibling(candidate, now).await {
                    return Some(reply);
                }
            }
        }
        if !on_quota.antigravity_credits {
            return None;
        }
        for candidate in resting {
            let paying = Terms {
                paid: true,
                ..self.terms()
            };
            let provider = providers::by_id(&candidate.provider);
            let takes = |model| provider.is_some_and(|one| one.credits(model).is_some());
            if takes(&candidate.upstream_model)
                && let Some(reply) = self.stand_in(candidate, paying, now).await
            {
                return Some(reply);
            }
        }
        None
    }

    async fn stand_in(
        &mut self,
        candidate: &Candidate,
        terms: Terms,
        now: DateTime<Utc>,
    ) -> Option<Reply> {
        if self.is_spent() || !candidate.standing(terms, now).usable() {
            return None;
        }
        tracing::info!(
            credential = %candidate.credential,
            model = self.plan.requested,
            upstream_model = &*candidate.upstream_model,
            paid = terms.paid,
            "quota used up, something else serves"
        );
        match self.attempt_with(candidate, terms, now).await {
            Ended::Reply(reply) => Some(reply),
            // What the client gets is the answer to what it asked for.
            Ended::Failed(_) | Ended::NotAble(_) => None,
        }
    }

    /// Takes the other projects of an account out of this request: when the account as a whole is
    /// refused, and when they are not to be asked after one of them had no quota left.
    pub(super) fn bar_projects(&mut self, index: usize, judgement: &Judgement) {
        let is_over = match judgement.verdict {
            Verdict::Next(Outcome::NeedsAction { reach, .. }) => reach == Reach::Account,
            Verdict::Next(Outcome::RateLimited { .. } | Outcome::PaymentRequired { .. }) => {
                !self.plan.snapshot.config.quota_exceeded.switch_project
            }
            _ => false,
        };
        if !is_over {
            return;
        }
        let candidates = &self.plan.route.candidates;
        let Some(asked) = candidates.get(index).map(|one| &one.member) else {
            return;
        };
        let others = candidates.iter().enumerate().filter(|(other, one)| {
            *other != index && one.member.account == asked.account && one.member.id != asked.id
        });
        let others: Vec<usize> = others.map(|(other, _)| other).collect();
        self.tried.extend(&others);
        self.left_out.extend(others);
    }
}

/// Those of `candidates` whose quota is used up; `None` when somebody else of them may serve, or will
/// before `patience` is over. `known` were found used up just now.
fn used_up<'a>(
    candidates: impl Iterator<Item = (usize, &'a Candidate)>,
    known: &[usize],
    terms: Terms,
    patience: TimeDelta,
    now: DateTime<Utc>,
) -> Option<Vec<&'a Candidate>> {
    let mut resting = Vec::new();
    for (index, candidate) in candidates {
        if known.contains(&index) {
            resting.push(candidate);
            continue;
        }
        match candidate.standing(terms, now) {
            Standing::Ready | Standing::Ask => return None,
            Standing::Cooling { until, .. } if until - now <= patience => return None,
            Standing::Cooling {
                reason: Reason::Quota,
                ..
            } => resting.push(candidate),
            Standing::Cooling { .. }
            | Standing::NeedsLogin
            | Standing::Disabled
            | Standing::Broken => {}
        }
    }
    Some(resting)
}

/// The same credential's way to the sibling of its model.
fn sibling<'a>(catalog: &'a Catalog, candidate: &Candidate) -> Option<&'a Candidate> {
    let name = sibling_name(&candidate.upstream_model);
    let mut all = catalog.routes().flat_map(|route| &route.candidates);
    all.find(|one| one.credential == candidate.credential && *one.upstream_model == *name)
}

/// `X-preview` for `X`, and the other way round.
fn sibling_name(model: &str) -> String {
    match model.strip_suffix("-preview") {
        Some(plain) => plain.to_owned(),
        None => format!("{model}-preview"),
    }
}

/// `body`, a JSON object, with a further member in front.
pub(super) fn with_member(body: &Bytes, member: &str) -> Bytes {
    let Some(rest) = body.strip_prefix(b"{") else {
        return body.clone();
    };
    let mut paid = BytesMut::with_capacity(body.len() + member.len() + 2);
    paid.put_u8(b'{');
    paid.put_slice(member.as_bytes());
    if rest.trim_ascii_start().first() != Some(&b'}') {
        paid.put_u8(b',');
    }
    paid.put_slice(rest);
    paid.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_differ_in_the_preview() {
        assert_eq!(sibling_name("gemini-3-pro"), "gemini-3-pro-preview");
        assert_eq!(sibling_name("gemini-3-pro-preview"), "gemini-3-pro");
    }

    #[test]
    fn a_member_goes_in_front() {
        for (body, want) in [
            (r#"{"a":1}"#, r#"{"b":[2],"a":1}"#),
            ("{}", r#"{"b":[2]}"#),
            ("{ }", r#"{"b":[2] }"#),
        ] {
            let paid = with_member(&Bytes::from_static(body.as_bytes()), r#""b":[2]"#);
            assert_eq!(paid, want.as_bytes());
        }
    }
}
