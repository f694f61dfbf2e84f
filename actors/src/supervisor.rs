//! Keeps one actor per wanted credential alive (`ARCHITECTURE.md` §6.6).

use crate::credential::{
    ChildDown, CredentialActor, Faces, Flush, Kept, Reload, Replace, Retire, Seat, Seed,
};
use crate::domain::health::CoolingRules;
use crate::domain::id::CredentialId;
use crate::domain::record::{CredentialRecord, Kind};
use crate::domain::snapshot::Member;
use crate::domain::view::{CredentialState, CredentialView};
use crate::published::Published;
use crate::renewal::{Opened, Surroundings};
use crate::store::Version;
use actix::prelude::*;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const FIRST_RESTART: Duration = Duration::from_millis(100);
const LAST_RESTART: Duration = Duration::from_secs(60);
/// So many crashes within [`CRASH_WINDOW`] break a credential.
const CRASH_LIMIT: usize = 5;
const CRASH_WINDOW: TimeDelta = TimeDelta::minutes(1);
/// Crashes are forgotten after this long without another one.
const CRASH_MEMORY: TimeDelta = TimeDelta::minutes(10);

/// A credential that shall have an actor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) record: Arc<CredentialRecord>,
    /// State of its document in the store; `None` for configured keys.
    pub(crate) stored: Option<Version>,
    pub(crate) rules: CoolingRules,
}

/// Makes the actors what the configuration and the store say. Sorted by id, no id twice.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Reconcile(pub(crate) Vec<Wanted>);

/// Everybody who is there, by id.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Roster(pub(crate) Vec<Arc<Member>>);

/// Owner of the credentials' actors. Lives on the control thread.
pub struct Supervisor {
    children: BTreeMap<CredentialId, Child>,
    generations: u64,
    around: Surroundings,
    registry: Recipient<Roster>,
    /// What was kept over a restart of the process, until its credential comes up.
    kept: BTreeMap<CredentialId, Kept>,
}

struct Child {
    wanted: Wanted,
    member: Arc<Member>,
    /// The member's faces, by id; see [`Providers::faces`](crate::port::Providers::faces).
    faces: Vec<Arc<Member>>,
    generation: u64,
    crashes: Vec<DateTime<Utc>>,
}

/// What is to be done about one credential.
#[derive(Debug, PartialEq)]
enum Step {
    Spawn(Wanted),
    Change(Wanted),
    Retire(CredentialId),
}

/// What makes `have` into `want`. Pure.
fn steps<'a>(
    have: impl Iterator<Item = (&'a CredentialId, &'a Wanted)>,
    want: Vec<Wanted>,
) -> Vec<Step> {
    let have: BTreeMap<_, _> = have.collect();
    let mut steps = Vec::new();
    let wanted: std::collections::BTreeSet<_> =
        want.iter().map(|wanted| wanted.record.id.clone()).collect();
    let gone = have.keys().filter(|id| !wanted.contains(**id));
    steps.extend(gone.map(|id| Step::Retire((*id).clone())));
    for wanted in want {
        match have.get(&wanted.record.id) {
            None => steps.push(Step::Spawn(wanted)),
            Some(had) if **had != wanted => steps.push(Step::Change(wanted)),
            Some(_) => {}
        }
    }
    steps
}

/// What follows a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    RestartIn(Duration),
    Broken,
}

/// Decides about a credential whose actor crashed at these times, the last one just now. Pure.
fn after_crashes(crashes: &[DateTime<Utc>]) -> Verdict {
    let Some(&now) = crashes.last() else {
        return Verdict::RestartIn(FIRST_RESTART);
    };
    let recent = crashes
        .iter()
        .filter(|&&at| now - at < CRASH_WINDOW)
        .count();
    if recent >= CRASH_LIMIT {
        return Verdict::Broken;
    }
    let doublings = u32::try_from(crashes.len() - 1).unwrap_or(u32::MAX).min(16);
    Verdict::RestartIn((FIRST_RESTART * 2_u32.pow(doublings)).min(LAST_RESTART))
}

impl Supervisor {
    pub(crate) fn new(
        around: Surroundings,
        registry: Recipient<Roster>,
        kept: BTreeMap<CredentialId, Kept>,
    ) -> Self {
        Self {
            children: BTreeMap::new(),
            generations: 0,
            around,
            registry,
            kept,
        }
    }

    fn spawn(&mut self, wanted: Wanted, ctx: &mut Context<Self>) {
        let id = wanted.record.id.clone();
        let view = self.first_view(&wanted.record);
        let (member, faces, generation) = self.start(&wanted, view, &[], ctx);
        let crashes = Vec::new();
        self.children.insert(
            id,
            Child {
                wanted,
                member,
                faces,
                generation,
                crashes,
            },
        );
    }

    fn first_view(&mut self, record: &Arc<CredentialRecord>) -> Arc<Published<CredentialView>> {
        let kept = self.kept.remove(&record.id).unwrap_or_default();
        let first = CredentialActor::first_view(Arc::clone(record), kept);
        Arc::new(Published::new(first))
    }

    /// The faces of an account with the places where they show themselves: those of `before` stay.
    fn seats(
        &mut self,
        record: &CredentialRecord,
        before: &[Arc<Member>],
    ) -> Vec<(Arc<CredentialRecord>, Seat)> {
        let mut faces = self.around.providers.faces(record);
        faces.sort_by(|a, b| a.id.cmp(&b.id));
        let seated = faces.into_iter().map(|face| {
            let face = Arc::new(face);
            let had = before.iter().find(|member| member.id == face.id);
            let view = match had {
                Some(member) => Arc::clone(&member.view),
                None => self.first_view(&face),
            };
            let id = face.id.clone();
            (face, Seat { id, view })
        });
        seated.collect()
    }

    fn start(
        &mut self,
        wanted: &Wanted,
        view: Arc<Published<CredentialView>>,
        faces: &[Arc<Member>],
        ctx: &mut Context<Self>,
    ) -> (Arc<Member>, Vec<Arc<Member>>, u64) {
        self.generations += 1;
        let seated = self.seats(&wanted.record, faces);
        let actor = CredentialActor::new(Seed {
            record: Arc::clone(&wanted.record),
            stored: wanted.stored.clone(),
            rules: wanted.rules,
            view: Arc::clone(&view),
            faces: seated.iter().map(|(_, seat)| seat.clone()).collect(),
            generation: self.generations,
            around: self.around.clone(),
            supervisor: ctx.address().recipient(),
        });
        let (member, faces) = members(&wanted.record, view, seated, &actor.start());
        (member, faces, self.generations)
    }

    fn change(&mut self, wanted: Wanted, ctx: &mut Context<Self>) {
        let Some(had) = self.children.get(&wanted.record.id) else {
            return;
        };
        let seated = self.seats(&wanted.record, &had.faces.clone());
        let Some(child) = self.children.get_mut(&wanted.record.id) else {
            return;
        };
        let before = std::mem::replace(&mut child.wanted, wanted);
        let wanted = child.wanted.clone();
        let (view, address) = (Arc::clone(&child.member.view), child.member.address.clone());
        let seats: Vec<Seat> = seated.iter().map(|(_, seat)| seat.clone()).collect();
        let (member, faces) = members(&wanted.record, view, seated, &address);
        child.member = member;
        let faces_before = std::mem::replace(&mut child.faces, faces);
        if before.record.kind != wanted.record.kind {
            // Another owner of the name: nothing carries over.
            child.member.address.do_send(Retire);
            self.children.remove(&wanted.record.id);
            return self.spawn(wanted, ctx);
        }
        if !child.member.address.connected() {
            // A changed record is a new chance, also for a broken one.
            child.crashes.clear();
            return self.restart(&wanted.record.id.clone(), ctx);
        }
        let record = (wanted.record.kind == Kind::Key && before.record != wanted.record)
            .then(|| Arc::clone(&wanted.record));
        if record.is_some() || before.rules != wanted.rules {
            child.member.address.do_send(Replace {
                record,
                rules: wanted.rules,
            });
        }
        let ids = |faces: &[Arc<Member>]| -> Vec<CredentialId> {
            faces.iter().map(|face| face.id.clone()).collect()
        };
        if ids(&faces_before) != ids(&child.faces) {
            child.member.address.do_send(Faces(seats));
        }
        if before.stored != wanted.stored {
            child.member.address.do_send(Reload);
        }
    }

    /// Starts the next actor of a credential. A login's record comes from the store, because the
    /// refresh token in memory may be used up.
    fn restart(&mut self, id: &CredentialId, ctx: &mut Context<Self>) {
        let Some(child) = self.children.get(id) else {
            return;
        };
        if child.wanted.record.kind == Kind::Key {
            return self.restarted(id, None, ctx);
        }
        let generation = child.generation;
        let around = self.around.clone();
        let id = id.clone();
        let loaded = around.store.load(&id).into_actor(self);
        ctx.spawn(loaded.map(move |loaded, supervisor, ctx| {
            let same = move |child: &Child| child.generation == generation;
            if !supervisor.children.get(&id).is_some_and(same) {
                return;
            }
            let opened = match loaded {
                Ok(Some(stored)) => around.open(stored).map_err(|error| error.to_string()),
                Ok(None) => return, // the registry hears of it, too, and no longer wants it
                Err(error) => Err(error.to_string()),
            };
            match opened {
                Ok(opened) => supervisor.restarted(&id, Some(opened), ctx),
                Err(error) => {
                    tracing::error!(credential = %id, error, "no record to restart with");
                    ctx.run_later(LAST_RESTART, move |supervisor, ctx| {
                        if supervisor.children.get(&id).is_some_and(same) {
                            supervisor.restart(&id, ctx);
                        }
                    });
                }
            }
        }));
    }

    fn restarted(&mut self, id: &CredentialId, from: Option<Opened>, ctx: &mut Context<Self>) {
        let Some(mut child) = self.children.remove(id) else {
            return;
        };
        if let Some(opened) = from {
            child.wanted.record = opened.record;
            child.wanted.stored = Some(opened.version);
        }
        let view = Arc::clone(&child.member.view);
        let faces = std::mem::take(&mut child.faces);
        (child.member, child.faces, child.generation) =
            self.start(&child.wanted, view, &faces, ctx);
        self.children.insert(id.clone(), child);
        self.tell();
    }

    fn tell(&self) {
        let members = self
            .children
            .values()
            .flat_map(|child| std::iter::once(&child.member).chain(&child.faces))
            .map(Arc::clone);
        self.registry.do_send(Roster(members.collect()));
    }
}

/// The member of an account, and those of its faces.
fn members(
    record: &Arc<CredentialRecord>,
    view: Arc<Published<CredentialView>>,
    seated: Vec<(Arc<CredentialRecord>, Seat)>,
    address: &Addr<CredentialActor>,
) -> (Arc<Member>, Vec<Arc<Member>>) {
    let member = |of: &Arc<CredentialRecord>, view, routed| {
        Arc::new(Member {
            id: of.id.clone(),
            account: record.id.clone(),
            routed,
            record: Arc::clone(of),
            view,
            acquire: address.clone().recipient(),
            report: address.clone().recipient(),
            address: address.clone(),
        })
    };
    let own = member(record, view, seated.is_empty());
    let faces = seated
        .into_iter()
        .map(|(face, seat)| member(&face, seat.view, true));
    (own, faces.collect())
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Self::Context) {
        // Its children go on; crashed ones do not come back any more.
        tracing::error!(panicked = std::thread::panicking(), "supervisor stopped");
    }
}

impl Handler<Reconcile> for Supervisor {
    type Result = ();

    fn handle(&mut self, Reconcile(want): Reconcile, ctx: &mut Context<Self>) {
        let have = self.children.iter().map(|(id, child)| (id, &child.wanted));
        for step in steps(have, want) {
            match step {
                Step::Spawn(wanted) => self.spawn(wanted, ctx),
                Step::Change(wanted) => self.change(wanted, ctx),
                Step::Retire(id) => {
                    if let Some(child) = self.children.remove(&id) {
                        child.member.address.do_send(Retire);
                    }
                }
            }
        }
        // Also without a step: the registry waits for the answer to publish the rest.
        self.tell();
    }
}

impl Handler<ChildDown> for Supervisor {
    type Result = ();

    fn handle(&mut self, down: ChildDown, ctx: &mut Context<Self>) {
        let now = self.around.clock.now();
        let child = self.children.get_mut(&down.id);
        let Some(child) = child.filter(|child| child.generation == down.generation) else {
            return; // retired, or replaced already
        };
        child.crashes.retain(|&at| now - at < CRASH_MEMORY);
        child.crashes.push(now);
        match after_crashes(&child.crashes) {
            Verdict::RestartIn(wait) => {
                tracing::error!(
                    credential = %down.id, panicked = down.panicked, restart_in = ?wait,
                    "credential's actor stopped"
                );
                let (id, generation) = (down.id, down.generation);
                ctx.run_later(wait, move |supervisor, ctx| {
                    let child = supervisor.children.get(&id);
                    if child.is_some_and(|child| child.generation == generation) {
                        supervisor.restart(&id, ctx);
                    }
                });
            }
            Verdict::Broken => {
                tracing::error!(credential = %down.id, "credential's actor stopped too often");
                for member in std::iter::once(&child.member).chain(&child.faces) {
                    let mut view = (*member.view.get()).clone();
                    view.state = CredentialState::Broken;
                    view.attention = Some("crashed too often; change its file to try again".into());
                    member.view.set(view);
                }
                self.tell();
            }
        }
    }
}

impl Handler<Flush> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Flush, _: &mut Context<Self>) -> Self::Result {
        // A dead actor has nothing to write: its answer is as good as any.
        let flushed = self
            .children
            .values()
            .map(|child| child.member.address.send(Flush));
        Box::pin(join_all(flushed.collect::<Vec<_>>()).map(|_| ()))
    }
}

#[cfg(test)]
mod tests;
