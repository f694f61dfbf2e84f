//! What workers read: an immutable picture of configuration, models and credentials.

use super::catalog::{ModelInfo, Naming, Offer, offers};
use super::id::{CredentialId, TokenVersion};
use super::near;
use super::outcome::Refusal;
use super::record::{CredentialRecord, Kind};
use super::select::{self, Contend, NoChoice, Standing, Wish};
use super::view::CredentialView;
use crate::config::{Config, ModelAlias};
use crate::credential::CredentialActor;
use crate::lease::{Acquire, Lease, Report, Reporter, Terms};
use crate::published::Published;
use actix::prelude::*;
use chrono::{DateTime, Utc};
use protocol::canonical::ReasoningIntent;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One state of the daemon. A request keeps the snapshot it started with.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Counts publications.
    pub epoch: u64,
    /// Configuration.
    pub config: Arc<Config>,
    /// Models and who serves them.
    pub catalog: Catalog,
    /// Every credential, also disabled and broken ones, by id.
    pub members: Vec<Arc<Member>>,
}

/// One credential with the way to its actor.
pub struct Member {
    /// Its name.
    pub id: CredentialId,
    /// The account it is a face of; without faces its own name. Changing or removing the document of
    /// that name concerns all faces.
    pub account: CredentialId,
    /// Takes part in routing; false for an account whose faces do.
    pub routed: bool,
    /// What its owner set when the snapshot was made; the current token is in the view.
    pub record: Arc<CredentialRecord>,
    /// What its actor shows.
    pub view: Arc<Published<CredentialView>>,
    /// Asks for a lease.
    pub acquire: Recipient<Acquire>,
    /// Tells how an attempt ended.
    pub report: Recipient<Report>,
    /// Its actor, for management: `ResetHealth`, `Amend`, `Discover`.
    pub address: Addr<CredentialActor>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}

/// All routes by visible name.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    routes: BTreeMap<String, Arc<Route>>,
}

/// Everybody who serves one visible name.
#[derive(Debug)]
pub struct Route {
    /// The visible name.
    pub model: String,
    /// What the model lists say about it: the entry of the first candidate.
    pub info: Arc<ModelInfo>,
    /// Sorted: highest priority first, then by credential id, then in the order of the configuration.
    pub candidates: Vec<Candidate>,
    /// Where round-robin stands; carried over from snapshot to snapshot.
    pub cursor: Arc<AtomicUsize>,
}

/// One credential's way to serve a route.
#[derive(Clone)]
pub struct Candidate {
    /// Whose.
    pub credential: CredentialId,
    /// Provider word.
    pub provider: Arc<str>,
    /// Model name the upstream knows, without suffix.
    pub upstream_model: Arc<str>,
    /// Thinking that the alias target fixes; it wins over the client's.
    pub suffix: Option<ReasoningIntent>,
    /// What the model can do with this provider.
    pub info: Arc<ModelInfo>,
    /// Answers name the alias whatever `passthrough-model` says.
    pub force_mapping: bool,
    /// The upstream is only compatible: thinking blocks without signature stay.
    pub is_compat: bool,
    /// Higher goes first.
    pub priority: i32,
    /// Share under weighted round-robin.
    pub weight: u32,
    /// What the credential's actor shows.
    pub view: Arc<Published<CredentialView>>,
    /// The way to its actor.
    pub member: Arc<Member>,
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate")
            .field("credential", &self.credential)
            .field("upstream_model", &self.upstream_model)
            .field("suffix", &self.suffix)
            .field("priority", &self.priority)
            .finish_non_exhaustive()
    }
}

impl Contend for Candidate {
    fn credential(&self) -> &CredentialId {
        &self.credential
    }

    fn priority(&self) -> i32 {
        self.priority
    }

    fn weight(&self) -> u32 {
        self.weight
    }
}

impl Candidate {
    /// Whether an attempt may be made now, as far as the published view knows.
    pub fn standing(&self, terms: Terms, now: DateTime<Utc>) -> Standing {
        self.view.get().standing(&self.upstream_model, terms, now)
    }

    /// A lease straight from the view, without a message, when the view is plainly ready.
    pub fn try_lease(&self, now: DateTime<Utc>) -> Option<Lease> {
        self.try_lease_with(Terms::default(), now)
    }

    /// As [`try_lease`](Self::try_lease), under terms.
    pub fn try_lease_with(&self, terms: Terms, now: DateTime<Utc>) -> Option<Lease> {
        let view = self.view.get();
        (view.standing(&self.upstream_model, terms, now) == Standing::Ready).then(|| {
            let to = Reporter::Member(Arc::clone(&self.member));
            Lease::new(&self.view, &view, &self.upstream_model, false, now, to).under(terms)
        })
    }

    /// Asks the credential's actor for a lease; waits for a refresh when one is needed. After a 401
    /// `newer_than` is the version that was refused.
    pub async fn acquire(&self, newer_than: Option<TokenVersion>) -> Result<Lease, Refusal> {
        self.acquire_with(Terms {
            newer_than,
            ..Terms::default()
        })
        .await
    }

    /// As [`acquire`](Self::acquire), under terms.
    pub async fn acquire_with(&self, terms: Terms) -> Result<Lease, Refusal> {
        let ask = Acquire {
            credential: self.credential.clone(),
            model: Arc::clone(&self.upstream_model),
            terms,
        };
        // A mailbox error means that the actor is dead; its successor comes with a new snapshot.
        self.member
            .acquire
            .send(ask)
            .await
            .unwrap_or(Err(Refusal::Gone))
            .map(|lease| lease.under(terms))
    }

    /// [`try_lease_with`](Self::try_lease_with), else [`acquire_with`](Self::acquire_with).
    pub async fn lease(&self, terms: Terms, now: DateTime<Utc>) -> Result<Lease, Refusal> {
        match self.try_lease_with(terms, now) {
            Some(lease) => Ok(lease),
            None => self.acquire_with(terms).await,
        }
    }
}

impl Route {
    /// Chooses the candidate for the next attempt and moves the cursor. Returns its index, which
    /// belongs into [`Wish::tried`] of the next call.
    pub fn choose(
        &self,
        wish: Wish<'_>,
        terms: Terms,
        now: DateTime<Utc>,
    ) -> Result<usize, NoChoice> {
        let cursor = self.cursor.load(Ordering::Relaxed);
        let standing = |index: usize| match self.candidates.get(index) {
            Some(candidate) => candidate.standing(terms, now),
            None => Standing::Disabled,
        };
        let choice = select::choose(&self.candidates, standing, wish, cursor)?;
        if let Some(next) = choice.next_cursor {
            self.cursor.store(next, Ordering::Relaxed);
        }
        Ok(choice.index)
    }

    /// Whether the model lists show the route.
    pub fn is_listed(&self, now: DateTime<Utc>) -> bool {
        self.candidates
            .iter()
            .any(|one| one.view.get().lists(&one.upstream_model, now))
    }
}

/// What a catalogue is built from, beside the members.
pub(crate) trait Models {
    /// The models a credential has: discovered, or the provider's static list.
    fn of(&self, record: &CredentialRecord) -> Vec<Arc<ModelInfo>>;
    /// Built-in aliases of a channel the configuration does not name.
    fn default_aliases(&self, channel: &str, models: &[Arc<ModelInfo>]) -> Vec<ModelAlias>;
}

impl Catalog {
    /// Builds all routes of `members`; cursors of routes that stay are taken from `before`.
    pub(crate) fn build(
        members: &[Arc<Member>],
        config: &Config,
        models: &dyn Models,
        before: &Catalog,
    ) -> Self {
        let mut routes: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
        for member in members
            .iter()
            .filter(|member| member.routed && !member.record.settings.disabled)
        {
            let record = &member.record;
            let list = models.of(record);
            let channel = &*record.provider;
            let injected;
            let (aliases, excluded): (&[ModelAlias], &[String]) = match record.kind {
                Kind::Key => (&[], &[]),
                Kind::Login => (
                    match config.oauth_model_alias.get(channel) {
                        Some(aliases) => aliases,
                        None => {
                            injected = models.default_aliases(channel, &list);
                            &injected
                        }
                    },
                    config
                        .oauth_excluded_models
                        .get(channel)
                        .map_or(&[], Vec::as_slice),
                ),
            };
            let force_prefix = config.routing.force_model_prefix;
            let naming = Naming {
                force_prefix,
                aliases,
                excluded,
            };
            for offer in offers(record, &list, naming) {
                let visible = offer.visible.clone();
                routes
                    .entry(visible)
                    .or_default()
                    .push(candidate(member, offer));
            }
        }
        let routes = routes.into_iter().filter_map(|(model, mut candidates)| {
            // Stable: the members come by id, a pool inside one credential in its own order.
            candidates.sort_by_key(|one| std::cmp::Reverse(one.priority));
            let info = Arc::clone(&candidates.first()?.info);
            let cursor = before
                .get(&model)
                .map(|old| Arc::clone(&old.cursor))
                .unwrap_or_default();
            Some((
                model.clone(),
                Arc::new(Route {
                    model,
                    info,
                    candidates,
                    cursor,
                }),
            ))
        });
        Self {
            routes: routes.collect(),
        }
    }

    /// The route of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<Route>> {
        self.routes.get(name)
    }

    /// The routes the model lists show, sorted by name: at least one credential must not be refused
    /// for a reason other than quota or a passing fault (`routing.md` §4).
    pub fn visible(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Arc<Route>> {
        self.routes
            .values()
            .filter(move |route| route.is_listed(now))
    }

    /// All routes, sorted by name.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.values()
    }

    /// The newest visible model: what `auto` stands for.
    pub fn newest(&self, now: DateTime<Utc>) -> Option<&Arc<Route>> {
        self.visible(now).max_by_key(|route| route.info.created)
    }

    /// Up to three names close to `name`, the closest first: for "did you mean".
    pub fn near(&self, name: &str) -> Vec<&str> {
        near::nearest(name, self.routes.keys().map(String::as_str), 3)
    }
}

fn candidate(member: &Arc<Member>, offer: Offer) -> Candidate {
    Candidate {
        credential: member.id.clone(),
        provider: Arc::clone(&member.record.provider),
        upstream_model: offer.upstream_model,
        suffix: offer.suffix,
        info: offer.info,
        force_mapping: offer.force_mapping,
        is_compat: offer.is_compat,
        priority: member.record.settings.priority,
        weight: member.record.settings.weight,
        view: Arc::clone(&member.view),
        member: Arc::clone(member),
    }
}
