//! Which accounts' model lists are known, and when to look again (`ARCHITECTURE.md` §6.5). Pure.

use crate::domain::catalog::ModelInfo;
use crate::domain::id::CredentialId;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::Arc;

const LIFE: TimeDelta = TimeDelta::minutes(10);
const RETRY: TimeDelta = TimeDelta::minutes(1);

/// What discovery knows, by credential.
#[derive(Debug, Default)]
pub(super) struct Discovery(BTreeMap<CredentialId, Entry>);

#[derive(Debug, Default)]
struct Entry {
    models: Option<Vec<Arc<ModelInfo>>>,
    running: bool,
    /// Not before this; `None` = at once.
    next_at: Option<DateTime<Utc>>,
    /// The provider has no list.
    never: bool,
    /// At least one look has ended.
    looked: bool,
}

impl Discovery {
    /// Whether to look now; then it counts as running.
    pub(super) fn begin(&mut self, id: &CredentialId, now: DateTime<Utc>) -> bool {
        let entry = self.0.entry(id.clone()).or_default();
        let due = !entry.never && !entry.running && entry.next_at.is_none_or(|next| next <= now);
        entry.running |= due;
        due
    }

    /// Takes in how a look ended; true when the list is another one than before. After a failure the
    /// old list stays.
    pub(super) fn end<E>(
        &mut self,
        id: &CredentialId,
        found: Result<Option<Vec<ModelInfo>>, E>,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(entry) = self.0.get_mut(id) else {
            return false;
        };
        (entry.running, entry.looked) = (false, true);
        match found {
            Ok(Some(models)) => {
                entry.next_at = Some(now + LIFE);
                let models: Vec<_> = models.into_iter().map(Arc::new).collect();
                let differs = entry.models.as_ref() != Some(&models);
                entry.models = Some(models);
                differs
            }
            Ok(None) => {
                entry.never = true;
                false
            }
            Err(_) => {
                entry.next_at = Some(now + RETRY);
                false
            }
        }
    }

    /// Whether somebody's first look is under way: worth waiting for.
    pub(super) fn is_first_running(&self) -> bool {
        self.0.values().any(|entry| entry.running && !entry.looked)
    }

    /// The list of a credential, when one was found.
    pub(super) fn models(&self, id: &CredentialId) -> Option<&Vec<Arc<ModelInfo>>> {
        self.0.get(id)?.models.as_ref()
    }

    /// Forgets what was learned about a credential: another account stands behind the name now.
    pub(super) fn forget(&mut self, id: &CredentialId) {
        self.0.remove(id);
    }

    /// Forgets whoever is no longer there.
    pub(super) fn retain(&mut self, there: impl Fn(&CredentialId) -> bool) {
        self.0.retain(|id, _| there(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn list(names: &[&str]) -> Result<Option<Vec<ModelInfo>>, ()> {
        Ok(Some(
            names
                .iter()
                .map(|name| ModelInfo::named(*name, "x"))
                .collect(),
        ))
    }

    #[test]
    fn looks_every_ten_minutes_and_a_minute_after_a_failure() {
        let (mut discovery, id) = (Discovery::default(), CredentialId::from("a"));
        assert!(discovery.begin(&id, at(0)));
        assert!(discovery.is_first_running());
        assert!(!discovery.begin(&id, at(0)), "one look at a time");
        assert!(!discovery.end(&id, Err(()), at(0)));
        assert_eq!(discovery.models(&id), None, "the static list serves");
        assert!(!discovery.begin(&id, at(0)));
        assert!(discovery.begin(&id, at(1)));
        assert!(
            !discovery.is_first_running(),
            "later looks are not waited for"
        );
        assert!(discovery.end(&id, list(&["m"]), at(1)));
        assert!(!discovery.begin(&id, at(10)));
        assert!(discovery.begin(&id, at(11)));
        assert!(
            !discovery.end(&id, list(&["m"]), at(11)),
            "the same list is no news"
        );
        assert!(discovery.begin(&id, at(21)));
        assert!(!discovery.end(&id, Err(()), at(21)));
        assert_eq!(
            discovery.models(&id).map(Vec::len),
            Some(1),
            "the old list stays"
        );
        discovery.forget(&id);
        assert!(discovery.begin(&id, at(21)));
        assert!(!discovery.end(&id, Ok::<_, ()>(None), at(21)));
        assert!(
            !discovery.begin(&id, at(999)),
            "a provider without lists is not asked again"
        );
    }
}
