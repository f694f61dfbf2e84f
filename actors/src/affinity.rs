//! Which credential a session used last (`routing.md` §10).
//!
//! The one piece of state with more than one writer: workers bind and read sessions on every
//! request, so an actor in between would cost a message per request. Losing a binding costs a
//! prompt cache, nothing else.

use crate::domain::id::CredentialId;
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

const N_SHARDS: usize = 16;
const SHARD_CAPACITY: usize = 4096;

/// A bounded table session → credential; entries end a while after their last use.
pub struct Affinity {
    hasher: RandomState,
    shards: [Mutex<HashMap<u64, Binding>>; N_SHARDS],
}

#[derive(Debug, Clone)]
struct Binding {
    credential: CredentialId,
    ends_at: DateTime<Utc>,
}

impl Default for Affinity {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: Default::default(),
        }
    }
}

impl Affinity {
    /// The credential that `session` is bound to for the visible name `model`.
    pub fn get(&self, model: &str, session: &str, now: DateTime<Utc>) -> Option<CredentialId> {
        let key = self.key(model, session);
        let shard = self.shard(key).lock();
        shard
            .get(&key)
            .filter(|one| one.ends_at > now)
            .map(|one| one.credential.clone())
    }

    /// Binds a session, or extends its binding, for `ttl` from now.
    pub fn bind(
        &self,
        model: &str,
        session: &str,
        credential: &CredentialId,
        ttl: std::time::Duration,
        now: DateTime<Utc>,
    ) {
        let key = self.key(model, session);
        let ttl = TimeDelta::from_std(ttl).unwrap_or(TimeDelta::days(365));
        let binding = Binding {
            credential: credential.clone(),
            ends_at: now + ttl,
        };
        let mut shard = self.shard(key).lock();
        if shard.len() >= SHARD_CAPACITY && !shard.contains_key(&key) {
            make_room(&mut shard, now);
        }
        shard.insert(key, binding);
    }

    /// Releases a session, if it is still bound to `credential`.
    pub fn release(&self, model: &str, session: &str, credential: &CredentialId) {
        let key = self.key(model, session);
        let mut shard = self.shard(key).lock();
        if shard
            .get(&key)
            .is_some_and(|one| one.credential == *credential)
        {
            shard.remove(&key);
        }
    }

    /// A hash stands for the session: a collision only means a shared preference.
    fn key(&self, model: &str, session: &str) -> u64 {
        self.hasher.hash_one((model, session))
    }

    fn shard(&self, key: u64) -> &Mutex<HashMap<u64, Binding>> {
        &self.shards[key as usize % N_SHARDS]
    }
}

/// Drops what has ended, and if that is little the half that ends first, so that the work is spread
/// over many insertions.
fn make_room(shard: &mut HashMap<u64, Binding>, now: DateTime<Utc>) {
    shard.retain(|_, one| one.ends_at > now);
    if shard.len() > SHARD_CAPACITY / 2 {
        let mut ends: Vec<_> = shard.values().map(|one| one.ends_at).collect();
        let middle = ends.len() / 2;
        let (_, median, _) = ends.select_nth_unstable(middle);
        let median = *median;
        shard.retain(|_, one| one.ends_at > median);
    }
}

impl fmt::Debug for Affinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n: usize = self.shards.iter().map(|shard| shard.lock().len()).sum();
        f.debug_struct("Affinity").field("n_sessions", &n).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time")
    }

    #[test]
    fn a_binding_ends_after_its_last_use() {
        let table = Affinity::default();
        let (a, b) = (CredentialId::from("a"), CredentialId::from("b"));
        assert_eq!(table.get("m", "s", at(0)), None);
        table.bind("m", "s", &a, HOUR, at(0));
        assert_eq!(table.get("m", "s", at(3599)), Some(a.clone()));
        assert_eq!(table.get("other", "s", at(0)), None, "per model");
        table.bind("m", "s", &a, HOUR, at(3000));
        assert_eq!(table.get("m", "s", at(6599)), Some(a.clone()));
        assert_eq!(table.get("m", "s", at(6600)), None);
        table.bind("m", "s", &b, HOUR, at(6600));
        table.release("m", "s", &a);
        assert_eq!(
            table.get("m", "s", at(6601)),
            Some(b.clone()),
            "bound to another by now"
        );
        table.release("m", "s", &b);
        assert_eq!(table.get("m", "s", at(6601)), None);
    }

    #[test]
    fn the_table_is_bounded_and_keeps_the_newest() {
        let table = Affinity::default();
        let a = CredentialId::from("a");
        let n = (N_SHARDS * SHARD_CAPACITY * 2) as i64;
        for i in 0..n {
            table.bind("m", &i.to_string(), &a, HOUR, at(i / 1000));
        }
        let held: usize = table.shards.iter().map(|shard| shard.lock().len()).sum();
        assert!(held <= N_SHARDS * SHARD_CAPACITY, "{held}");
        assert_eq!(table.get("m", &(n - 1).to_string(), at(n / 1000)), Some(a));
        assert_eq!(table.get("m", "0", at(0)), None);
    }
}
