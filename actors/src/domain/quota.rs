//! How much of an account's allowance is used, as the upstream tells it: for people, and for better
//! ends of rests. Pure.
//!
//! Upstreams say it with every answer, so news are counted in what a person can see: whole percent,
//! minutes, a word. Everything else would be a message to the credential's actor per request.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// How far the end of a window may move without being news: upstreams that tell the time left
/// round it.
const RESET_TOLERANCE: TimeDelta = TimeDelta::minutes(1);
/// Age at which an observation is news although it says the same: people want to know how old it is.
const OBSERVATION_AGE: TimeDelta = TimeDelta::minutes(10);

/// How often a service is asked at most, where it has to be asked.
pub const ASKED_EVERY: TimeDelta = TimeDelta::minutes(10);

/// One span of time, or one group of models, whose use the upstream counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaWindow {
    /// What it is called for people: its length (`5 h`, `7 d`), or a model. No other window of the
    /// credential has the same name.
    pub name: Cow<'static, str>,
    /// Its length in minutes, where it is a span of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    /// Whole percent used, rounded down, at most 100; `None` = the upstream does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_percent: Option<u8>,
    /// When it begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<DateTime<Utc>>,
    /// What the upstream makes of it.
    pub status: QuotaStatus,
    /// When the upstream said so.
    pub observed_at: DateTime<Utc>,
}

/// What an upstream makes of the use of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaStatus {
    /// There is enough left.
    Allowed,
    /// There is little left (Claude's `allowed_warning`): worth showing, nothing to act on.
    Warning,
    /// There is nothing left.
    Exhausted,
}

impl QuotaStatus {
    /// The word in logs and the management API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Warning => "warning",
            Self::Exhausted => "exhausted",
        }
    }

    /// The state of a window of which so much is used, where the upstream has no word for it.
    pub fn of(used_percent: Option<u8>) -> Self {
        match used_percent {
            Some(100..) => Self::Exhausted,
            _ => Self::Allowed,
        }
    }
}

/// The name of a window of so many minutes: `30 min`, `5 h`, `7 d`.
pub fn name_of_minutes(minutes: u32) -> Cow<'static, str> {
    match minutes {
        300 => "5 h".into(),
        10_080 => "7 d".into(),
        days if days > 0 && days.is_multiple_of(1440) => format!("{} d", days / 1440).into(),
        hours if hours > 0 && hours.is_multiple_of(60) => format!("{} h", hours / 60).into(),
        minutes => format!("{minutes} min").into(),
    }
}

/// Whole percent of `used` percent: rounded down, so that 100 means that nothing is left. What is no
/// number is nothing said.
pub fn whole_percent(used: f64) -> Option<u8> {
    // In range after the clamp, and a fraction is cut off as it should be.
    used.is_finite().then(|| used.clamp(0.0, 100.0) as u8)
}

impl QuotaWindow {
    /// Whether the window has begun anew since this was said.
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.resets_at.is_some_and(|at| at <= now)
    }

    /// Whether a person sees no difference.
    fn looks_like(&self, other: &Self) -> bool {
        let same_end = match (self.resets_at, other.resets_at) {
            (Some(one), Some(two)) => (one - two).abs() <= RESET_TOLERANCE,
            (one, two) => one == two,
        };
        same_end
            && self.name == other.name
            && self.used_percent == other.used_percent
            && self.status == other.status
    }
}

impl fmt::Display for QuotaWindow {
    /// `5 h 37 %`; what the upstream makes of it stands in brackets unless it is plain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (self.used_percent, self.status) {
            (Some(used), QuotaStatus::Allowed) => write!(f, " {used} %"),
            (Some(100), QuotaStatus::Exhausted) => f.write_str(" 100 %"),
            (Some(used), status) => write!(f, " {used} % ({})", status.as_str()),
            (None, status) => write!(f, " {}", status.as_str()),
        }
    }
}

/// Everything known about the use of one account. Cloning shares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quota(Arc<[QuotaWindow]>);

impl Default for Quota {
    fn default() -> Self {
        Self(Arc::from([]))
    }
}

impl Quota {
    /// Every window ever told of and not over since, in the order of the upstream.
    pub fn windows(&self, now: DateTime<Utc>) -> impl Iterator<Item = &QuotaWindow> {
        self.0.iter().filter(move |window| !window.is_over(now))
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The window with this name.
    pub fn get(&self, name: &str) -> Option<&QuotaWindow> {
        self.0.iter().find(|window| window.name == name)
    }

    /// Whether `seen` tells a person anything new. Windows that are not in it stay as they are: not
    /// every answer names all of them. Of two with the same name the first counts, here and in
    /// [`Quota::with`].
    pub fn is_news(&self, seen: &[QuotaWindow]) -> bool {
        firsts(seen).any(|new| {
            self.get(&new.name).is_none_or(|old| {
                !old.looks_like(new) || new.observed_at - old.observed_at >= OBSERVATION_AGE
            })
        })
    }

    /// With what was `seen` in place of what was known; windows that are over are forgotten.
    #[must_use]
    pub fn with(&self, seen: Vec<QuotaWindow>, now: DateTime<Utc>) -> Self {
        let stays =
            |old: &&QuotaWindow| !old.is_over(now) && seen.iter().all(|new| new.name != old.name);
        let mut windows: Vec<_> = self.0.iter().filter(stays).cloned().collect();
        windows.extend(firsts(&seen).cloned());
        // Short windows first, as people read them; windows without a length keep their order.
        windows.sort_by_key(|window| window.minutes.unwrap_or(u32::MAX));
        Self(windows.into())
    }
}

/// The first window of each name.
fn firsts(seen: &[QuotaWindow]) -> impl Iterator<Item = &QuotaWindow> {
    let windows = seen.iter().enumerate();
    windows
        .filter(|(n, window)| {
            seen.iter()
                .take(*n)
                .all(|earlier| earlier.name != window.name)
        })
        .map(|(_, window)| window)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
    }

    fn window(minutes: u32, used: u8, resets: i64, observed: i64) -> QuotaWindow {
        QuotaWindow {
            name: name_of_minutes(minutes),
            minutes: Some(minutes),
            used_percent: Some(used),
            resets_at: Some(at(resets)),
            status: QuotaStatus::of(Some(used)),
            observed_at: at(observed),
        }
    }

    #[test]
    fn windows_are_called_by_their_length() {
        for (minutes, want) in [
            (300, "5 h"),
            (10_080, "7 d"),
            (60, "1 h"),
            (1440, "1 d"),
            (90, "90 min"),
            (0, "0 min"),
        ] {
            assert_eq!(name_of_minutes(minutes), want);
        }
    }

    #[test]
    fn of_two_windows_with_one_name_the_first_counts() {
        let seen = [window(300, 10, 60, 0), window(300, 90, 60, 0)];
        let known = Quota::default().with(seen.to_vec(), at(0));
        let shown: Vec<_> = known.windows(at(0)).map(ToString::to_string).collect();
        assert_eq!(shown, ["5 h 10 %"]);
        assert!(!known.is_news(&seen), "else every answer would be news");
    }

    #[test]
    fn percents_are_cut_not_rounded() {
        for (used, want) in [
            (0.0, Some(0)),
            (37.9, Some(37)),
            (99.99, Some(99)),
            (100.0, Some(100)),
            (140.0, Some(100)),
            (-3.0, Some(0)),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ] {
            assert_eq!(whole_percent(used), want, "{used}");
        }
    }

    #[test]
    fn news_is_what_a_person_sees() {
        let known = Quota::default().with(vec![window(300, 37, 100, 0)], at(0));
        for (seen, want) in [
            (window(300, 37, 100, 0), false),
            (window(300, 37, 101, 9), false),
            (window(300, 37, 102, 1), true),
            (window(300, 38, 100, 1), true),
            (window(300, 37, 100, 10), true),
            (window(10_080, 1, 100, 1), true),
        ] {
            assert_eq!(known.is_news(std::slice::from_ref(&seen)), want, "{seen:?}");
        }
        assert!(!known.is_news(&[]));
        let warned = QuotaWindow {
            status: QuotaStatus::Warning,
            ..window(300, 37, 100, 0)
        };
        assert!(known.is_news(&[warned]));
    }

    #[test]
    fn what_is_over_is_forgotten_and_the_rest_stays() {
        let known = Quota::default().with(
            vec![window(10_080, 80, 9000, 0), window(300, 37, 100, 0)],
            at(0),
        );
        let said = |quota: &Quota, now| -> Vec<String> {
            quota.windows(at(now)).map(QuotaWindow::to_string).collect()
        };
        assert_eq!(said(&known, 0), ["5 h 37 %", "7 d 80 %"]);
        assert_eq!(said(&known, 100), ["7 d 80 %"]);
        let later = known.with(vec![window(60, 5, 200, 150)], at(150));
        assert_eq!(said(&later, 150), ["1 h 5 %", "7 d 80 %"]);
        let later = later.with(vec![window(10_080, 81, 9000, 150)], at(150));
        assert_eq!(said(&later, 150), ["1 h 5 %", "7 d 81 %"]);
    }

    #[test]
    fn the_text_says_what_is_not_plain() {
        let of = |used_percent, status| QuotaWindow {
            used_percent,
            status,
            ..window(300, 0, 1, 0)
        };
        for (window, want) in [
            (of(Some(92), QuotaStatus::Warning), "5 h 92 % (warning)"),
            (of(Some(100), QuotaStatus::Exhausted), "5 h 100 %"),
            (of(Some(98), QuotaStatus::Exhausted), "5 h 98 % (exhausted)"),
            (of(None, QuotaStatus::Exhausted), "5 h exhausted"),
        ] {
            assert_eq!(window.to_string(), want);
        }
    }
}
