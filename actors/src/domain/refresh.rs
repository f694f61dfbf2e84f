//! When a token is refreshed, and what of a refresh goes into the file. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use std::time::Duration;

/// Time before the end of a token at which it is refreshed (user guide, "token expiry").
pub const LEAD: TimeDelta = TimeDelta::minutes(10);
/// Longest nap between two looks at the clock. Naps are short because the monotonic clock stands
/// still while a laptop sleeps.
pub const LONGEST_NAP: Duration = Duration::from_secs(60);
/// Least time between two attempts that requests ask for while the timer waits for its own.
pub const DEMAND_GAP: TimeDelta = TimeDelta::seconds(5);
const FIRST_RETRY: TimeDelta = TimeDelta::minutes(1);
const LAST_RETRY: TimeDelta = TimeDelta::minutes(30);

/// When a token that ends at `expires_at` is due for a refresh.
///
/// The lead is ten minutes, or what the service demands, but at most half of the token's life; life
/// counts from `made_at` when that is known. `seed` spreads accounts that were made together: the
/// refresh comes up to a tenth of the lead earlier.
pub fn due_at(
    expires_at: DateTime<Utc>,
    made_at: Option<DateTime<Utc>>,
    demanded_lead: Option<TimeDelta>,
    seed: u64,
) -> DateTime<Utc> {
    let lead = demanded_lead.unwrap_or(LEAD);
    let life = made_at
        .map(|made_at| expires_at - made_at)
        .filter(|life| *life > TimeDelta::zero());
    let lead = life.map_or(lead, |life| lead.min(life / 2));
    let jitter_ms = lead.num_milliseconds() / 10 * (seed % 1000) as i64 / 1000;
    expires_at - lead - TimeDelta::milliseconds(jitter_ms)
}

/// As [`due_at`], for an account whose owner wants a refresh every `interval`: at the latest that long
/// after `made_at` (at once when that is not known) and that long before the end.
pub fn due_within(
    due_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    made_at: Option<DateTime<Utc>>,
    interval: TimeDelta,
) -> DateTime<Utc> {
    let after = |at: DateTime<Utc>| at.checked_add_signed(interval);
    let by_age = made_at.map_or(Some(DateTime::UNIX_EPOCH), after);
    let by_end = expires_at.and_then(|at| at.checked_sub_signed(interval));
    [due_at, by_age, by_end]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// How long to nap when the next thing is due at `due_at`.
pub fn next_nap(due_at: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (due_at - now)
        .to_std()
        .unwrap_or(Duration::ZERO)
        .min(LONGEST_NAP)
}

/// Wait after the `failures`-th failure in a row: one minute, doubling up to half an hour.
pub fn retry_wait(failures: u32) -> TimeDelta {
    (FIRST_RETRY * (1 << failures.saturating_sub(1).min(5))).min(LAST_RETRY)
}

/// `current` with everything that differs between `old` and `new`: only what the refresh changed is
/// written, so that an edit made meanwhile survives (router-for-me/CLIProxyAPI#5528).
pub fn merge(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    current: &Map<String, Value>,
) -> Map<String, Value> {
    let mut merged = current.clone();
    for (key, value) in new {
        let before = old.get(key);
        if before == Some(value) {
            continue;
        }
        let value = match (before, value, current.get(key)) {
            (Some(Value::Object(old)), Value::Object(new), Some(Value::Object(current))) => {
                Value::Object(merge(old, new, current))
            }
            _ => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        merged.shift_remove(key);
    }
    merged
}

/// Whether somebody else changed in `current` what the refresh from `old` to `new` changes: another
/// process refreshed the same account.
pub fn rotated_elsewhere(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    current: &Map<String, Value>,
) -> bool {
    let changed = |key: &&String| old.get(*key) != new.get(*key);
    new.keys()
        .filter(changed)
        .any(|key| match (old.get(key), new.get(key), current.get(key)) {
            (Some(Value::Object(old)), Some(Value::Object(new)), Some(Value::Object(current))) => {
                rotated_elsewhere(old, new, current)
            }
            (before, _, now) => before != now,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
    }

    #[test]
    fn due_ten_minutes_before_the_end_at_most_half_of_life() {
        for (made_at, demanded, seed, want_seconds_before_end) in [
            (Some(0), None, 0, 600),
            (None, None, 0, 600),
            (Some(0), None, 999, 659),
            (Some(0), None, 1999, 659),
            (Some(50), None, 0, 300),
            (Some(58), None, 500, 63),
            (Some(0), Some(20), 0, 1200),
            (Some(0), Some(120), 0, 1800),
            (Some(0), Some(1), 0, 60),
            // Made after its end: the file is wrong, the rule stands.
            (Some(70), None, 0, 600),
        ] {
            let due = due_at(
                at(60),
                made_at.map(at),
                demanded.map(TimeDelta::minutes),
                seed,
            );
            let before = (at(60) - due).num_seconds();
            assert_eq!(
                before, want_seconds_before_end,
                "{made_at:?} {demanded:?} {seed}"
            );
        }
    }

    #[test]
    fn an_interval_of_the_owner_makes_it_earlier_only() {
        for (due, end, made, interval, want) in [
            (Some(50), Some(60), Some(0), 20, 20),
            (Some(50), Some(60), Some(0), 55, 5),
            (Some(50), Some(60), Some(58), 2, 50),
            (None, None, Some(0), 30, 30),
            (None, Some(600), Some(0), 30, 30),
        ] {
            let interval = TimeDelta::minutes(interval);
            let got = due_within(due.map(at), end.map(at), made.map(at), interval);
            assert_eq!(got, at(want), "{due:?} {end:?} {made:?}");
        }
        let never = due_within(Some(at(50)), Some(at(60)), None, TimeDelta::minutes(5));
        assert!(never < at(0), "never refreshed: at once");
    }

    #[test]
    fn naps_are_short() {
        for (due_in, want) in [(-5, 0), (0, 0), (1, 60), (600, 60)] {
            assert_eq!(
                next_nap(at(due_in), at(0)),
                Duration::from_secs(want),
                "{due_in}"
            );
        }
    }

    #[test]
    fn retries_double_up_to_half_an_hour() {
        for (failures, want) in [(0, 1), (1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (99, 30)] {
            assert_eq!(retry_wait(failures), TimeDelta::minutes(want), "{failures}");
        }
    }

    #[test]
    fn writes_only_what_the_refresh_changed() {
        let map = |value: Value| value.as_object().cloned().expect("an object");
        for (old, new, current, want, elsewhere) in [
            (
                json!({"type": "x", "access": 1, "gone": 1, "proxy_url": "a"}),
                json!({"type": "x", "access": 2, "proxy_url": "a", "made": 9}),
                json!({"type": "x", "access": 1, "gone": 1, "proxy_url": "b", "mine": true}),
                json!({"type": "x", "access": 2, "proxy_url": "b", "mine": true, "made": 9}),
                false,
            ),
            (
                json!({"token": {"access": 1, "scope": "s"}}),
                json!({"token": {"access": 2, "scope": "s"}}),
                json!({"token": {"access": 1, "scope": "t"}}),
                json!({"token": {"access": 2, "scope": "t"}}),
                false,
            ),
            (
                json!({"access": 1}),
                json!({"access": 2}),
                json!({"access": 3}),
                json!({"access": 2}),
                true,
            ),
        ] {
            let (old, new, current) = (map(old), map(new), map(current));
            assert_eq!(Value::Object(merge(&old, &new, &current)), want);
            assert_eq!(rotated_elsewhere(&old, &new, &current), elsewhere, "{want}");
        }
    }
}
