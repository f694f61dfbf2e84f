//! Faces: an account that takes part in routing several times, with one token (`gemini-cli.md` §2,
//! `ARCHITECTURE.md` §15). The actor stays the only owner of the token; a face has nothing of its own
//! but its rests and the place where it shows itself.

use super::condition::Condition;
use super::{CredentialActor, ready_until, state_of};
use crate::domain::health::Mark;
use crate::domain::id::CredentialId;
use crate::domain::outcome::{Outcome, Reach};
use crate::domain::record::CredentialRecord;
use crate::domain::view::CredentialView;
use crate::lease::Report;
use crate::published::Published;
use actix::prelude::*;
use std::sync::Arc;

/// Where a face is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    /// Its name.
    pub(crate) id: CredentialId,
    /// Where it shows itself. What stands there when its actor sees it first is where it goes on from.
    pub(crate) view: Arc<Published<CredentialView>>,
}

/// The account has these faces now, and no others.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Faces(pub(crate) Vec<Seat>);

/// One face.
pub(super) struct Face {
    /// The account's record as this face uses it.
    record: Arc<CredentialRecord>,
    condition: Condition,
    seat: Seat,
}

impl Face {
    pub(super) fn new(seat: Seat) -> Self {
        let shown = seat.view.get();
        Self {
            record: Arc::clone(&shown.record),
            condition: Condition::shown(&shown),
            seat,
        }
    }
}

impl CredentialActor {
    /// What was learned about `id`: the account, or one of its faces; `None` when it has no such face.
    pub(super) fn condition_mut(&mut self, id: &CredentialId) -> Option<&mut Condition> {
        if *id == self.record.id {
            return Some(&mut self.condition);
        }
        let face = self.faces.iter_mut().find(|face| face.seat.id == *id);
        face.map(|face| &mut face.condition)
    }

    /// What was learned about the account and all its faces.
    pub(super) fn conditions_mut(&mut self) -> impl Iterator<Item = &mut Condition> {
        let faces = self.faces.iter_mut().map(|face| &mut face.condition);
        std::iter::once(&mut self.condition).chain(faces)
    }

    /// Tells the others what the face of `report` learned about the account as a whole: that it is
    /// refused, or, after the rest of `before`, that it is served again.
    pub(super) fn tell_faces(&mut self, report: &Report, before: Option<Mark>) {
        if self.faces.is_empty() {
            return;
        }
        let Some(condition) = self.condition_mut(&report.credential) else {
            return;
        };
        let (now, action) = (condition.health.whole().copied(), condition.action.clone());
        match (report.outcome, before) {
            (
                Outcome::NeedsAction {
                    reach: Reach::Account,
                    ..
                },
                _,
            ) => self
                .conditions_mut()
                .for_each(|one| one.with_refused_account(now, action.as_ref())),
            (Outcome::Served, Some(before)) if now.is_none() => self
                .conditions_mut()
                .for_each(|one| one.with_served_account(before.since)),
            _ => {}
        }
    }

    /// The view of `id`, as it would be shown now, with the place where it is shown.
    pub(super) fn picture_of(
        &mut self,
        id: &CredentialId,
    ) -> Option<(CredentialView, Arc<Published<CredentialView>>)> {
        if *id == self.record.id {
            return Some((self.picture(), Arc::clone(&self.view)));
        }
        self.keep_up();
        let face = self.faces.iter().find(|face| face.seat.id == *id)?;
        Some((self.face(face), Arc::clone(&face.seat.view)))
    }

    /// Shows every face.
    pub(super) fn show_faces(&mut self) {
        self.keep_up();
        for face in &self.faces {
            face.seat.view.set(self.face(face));
        }
    }

    fn face(&self, face: &Face) -> CredentialView {
        CredentialView {
            record: Arc::clone(&face.record),
            ready_until: ready_until(&face.record),
            state: state_of(&face.record, &self.renewals),
            health: face.condition.health.clone(),
            quota: face.condition.quota.clone(),
            quota_due_at: self.quota_due_at(&face.condition),
            attention: face.condition.action.clone(),
            last_error: face.condition.last_error.clone(),
            ..self.picture()
        }
    }

    /// Gives every face the token and the settings of the record in use.
    fn keep_up(&mut self) {
        let made_of = self.faced.as_ref();
        if self.faces.is_empty() || made_of.is_some_and(|of| Arc::ptr_eq(of, &self.record)) {
            return;
        }
        self.faced = Some(Arc::clone(&self.record));
        let mut records = self.around.providers.faces(&self.record);
        for face in &mut self.faces {
            let found = records.iter().position(|one| one.id == face.seat.id);
            let record = match found {
                Some(index) => records.swap_remove(index),
                // No longer in the document: nobody uses it until it is gone from the snapshot, too.
                None => {
                    let mut gone = (*face.record).clone();
                    gone.settings.disabled = true;
                    gone
                }
            };
            if !record.same_account(&face.record) {
                face.condition = Condition::default();
            }
            face.record = Arc::new(record);
        }
    }
}

impl Handler<Faces> for CredentialActor {
    type Result = ();

    fn handle(&mut self, Faces(seats): Faces, ctx: &mut Context<Self>) {
        let mut before = std::mem::take(&mut self.faces);
        let faces = seats.into_iter().map(|seat| {
            let had = before.iter().position(|face| face.seat.id == seat.id);
            match had {
                Some(index) => before.swap_remove(index),
                None => Face::new(seat),
            }
        });
        self.faces = faces.collect();
        self.faced = None;
        self.settle(ctx);
    }
}

#[cfg(test)]
mod tests;
