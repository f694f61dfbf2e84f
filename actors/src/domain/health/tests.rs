use super::*;
use crate::domain::outcome::Reach;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(seconds)
}

fn model() -> Arc<str> {
    "m".into()
}

fn limited(seconds: Option<f64>) -> Outcome {
    let retry_after = seconds.map(Duration::from_secs_f64);
    Outcome::RateLimited {
        retry_after,
        scope: Scope::Model,
    }
}

/// One attempt that was leased and reported at the same time.
fn after(health: &Health, outcome: Outcome, now: i64) -> Health {
    late(health, outcome, now, now)
}

fn late(health: &Health, outcome: Outcome, leased: i64, now: i64) -> Health {
    let model = model();
    let attempt = Attempt {
        model: &model,
        outcome,
        leased_at: at(leased),
        probe: false,
    };
    health.after(attempt, &CoolingRules::default(), at(now))
}

#[track_caller]
fn rests(health: &Health, until: Option<i64>) {
    let mark = health.marks().next().map(|(_, mark)| mark.until);
    assert_eq!(mark, until.map(at), "{health:?}");
}

#[test]
fn each_outcome_has_its_rest() {
    let hint = |seconds| Some(Duration::from_millis(seconds));
    for (outcome, want) in [
        (Outcome::Served, None),
        (Outcome::ClientLeft, None),
        (Outcome::RequestFault, None),
        (limited(None), Some(1)),
        (limited(Some(20.0)), Some(20)),
        (limited(Some(0.2)), Some(2)),
        (limited(Some(0.0)), Some(2)),
        (limited(Some(156.0 * 3600.0)), Some(1800)),
        (limited(Some(1e18)), Some(1800)),
        (Outcome::Unauthorized, Some(1800)),
        (Outcome::Forbidden { retry_after: None }, Some(1800)),
        (
            Outcome::Forbidden {
                retry_after: hint(10_000),
            },
            Some(10),
        ),
        (Outcome::PaymentRequired { retry_after: None }, Some(1800)),
        (Outcome::ModelMissing, Some(12 * 3600)),
        (Outcome::Transient, Some(60)),
    ] {
        rests(&after(&Health::default(), outcome, 0), want);
    }
}

#[test]
fn disable_cooling_covers_every_status() {
    let model = model();
    for outcome in [
        limited(Some(9.0)),
        Outcome::Unauthorized,
        Outcome::Forbidden { retry_after: None },
        Outcome::PaymentRequired { retry_after: None },
        Outcome::ModelMissing,
        Outcome::Transient,
    ] {
        let rules = CoolingRules {
            disabled: true,
            ..CoolingRules::default()
        };
        let attempt = Attempt {
            model: &model,
            outcome,
            leased_at: at(0),
            probe: false,
        };
        assert_eq!(
            Health::default().after(attempt, &rules, at(0)),
            Health::default()
        );
    }
}

#[test]
fn rest_after_passing_faults_is_configured() {
    let model = model();
    let attempt = Attempt {
        model: &model,
        outcome: Outcome::Transient,
        leased_at: at(0),
        probe: false,
    };
    for (transient, want) in [(Some(5), Some(5)), (None, None)] {
        let rules = CoolingRules {
            disabled: false,
            transient: transient.map(TimeDelta::seconds),
        };
        rests(&Health::default().after(attempt, &rules, at(0)), want);
    }
}

#[test]
fn rate_limits_double_then_cap() {
    let mut health = Health::default();
    let mut now = 0;
    for want in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800] {
        health = after(&health, limited(None), now);
        rests(&health, Some(now + want));
        now += want;
        assert_eq!(health.fitness("m", at(now)), Fitness::Fit);
    }
    health = after(&health, Outcome::Served, now);
    assert_eq!(health, Health::default(), "a success clears the level");
}

#[test]
fn strikes_are_forgotten_half_an_hour_after_the_rest() {
    let struck = after(
        &after(&Health::default(), limited(None), 0),
        limited(None),
        10,
    );
    rests(&struck, Some(12));
    rests(
        &after(&struck, limited(None), 12 + 1799),
        Some(12 + 1799 + 4),
    );
    let forgotten = after(&struck, Outcome::ClientLeft, 12 + 1800);
    assert_eq!(forgotten, Health::default());
}

#[test]
fn rate_limits_side_by_side_share_one_window() {
    let mut health = Health::default();
    for _ in 0..20 {
        health = late(&health, limited(None), 0, 1);
    }
    rests(&health, Some(2));
    // A slow one that was leased before the window and fails after it.
    health = late(&health, limited(None), 0, 9);
    rests(&health, Some(2));
    // The next window doubles once, not twenty times.
    rests(&after(&health, limited(None), 9), Some(11));
}

#[test]
fn the_longest_hint_of_a_window_counts() {
    let health = after(&Health::default(), limited(Some(10.0)), 0);
    let health = late(&health, limited(Some(30.0)), 0, 1);
    rests(&health, Some(31));
    rests(&late(&health, limited(Some(5.0)), 0, 2), Some(31));
    rests(&late(&health, Outcome::Transient, 0, 2), Some(62));
    let long = after(&Health::default(), Outcome::ModelMissing, 0);
    rests(&late(&long, Outcome::Transient, 0, 1), Some(12 * 3600));
}

#[test]
fn a_success_from_before_the_rest_proves_nothing() {
    let health = after(&Health::default(), limited(Some(60.0)), 10);
    rests(&late(&health, Outcome::Served, 5, 20), Some(70));
    assert_eq!(late(&health, Outcome::Served, 10, 20), Health::default());
}

#[test]
fn one_probe_after_a_capped_hint() {
    let model = model();
    let health = after(&Health::default(), limited(Some(1e6)), 0);
    let reason = Reason::Quota;
    let resting = |until| Fitness::Resting {
        until: at(until),
        reason,
    };
    assert_eq!(health.fitness("m", at(1799)), resting(1800));
    assert_eq!(health.fitness("m", at(1800)), Fitness::Probe);
    assert_eq!(
        health.fitness("m", at(99_999)),
        Fitness::Probe,
        "capped marks do not fade"
    );
    let probing = health.probing("m", at(1800));
    assert_eq!(probing.fitness("m", at(1800)), resting(1800 + 120));
    assert_eq!(
        probing.fitness("m", at(1920)),
        Fitness::Probe,
        "a lost probe ends by itself"
    );
    let end = |outcome| {
        let attempt = Attempt {
            model: &model,
            outcome,
            leased_at: at(1800),
            probe: true,
        };
        probing.after(attempt, &CoolingRules::default(), at(1805))
    };
    assert_eq!(end(Outcome::Served), Health::default());
    assert_eq!(
        end(Outcome::ClientLeft).fitness("m", at(1806)),
        Fitness::Probe
    );
    assert_eq!(
        end(limited(Some(1e6))).fitness("m", at(1806)),
        resting(1805 + 1800)
    );
    let transient = end(Outcome::Transient);
    let reason = Reason::Transient;
    let until = at(1865);
    assert_eq!(
        transient.fitness("m", at(1806)),
        Fitness::Resting { until, reason }
    );
    assert_eq!(
        transient.fitness("m", at(1865)),
        Fitness::Probe,
        "the quota is still unproved"
    );
    // A short hint at last: everybody may go on after it.
    assert_eq!(end(limited(Some(5.0))).fitness("m", at(1810)), Fitness::Fit);
}

#[test]
fn a_limit_of_the_account_covers_every_model() {
    let model = model();
    let outcome = Outcome::RateLimited {
        retry_after: Some(Duration::from_secs(9)),
        scope: Scope::Credential,
    };
    let attempt = Attempt {
        model: &model,
        outcome,
        leased_at: at(0),
        probe: false,
    };
    let health = Health::default().after(attempt, &CoolingRules::default(), at(0));
    let until = at(9);
    let resting = Fitness::Resting {
        until,
        reason: Reason::Quota,
    };
    assert_eq!(health.fitness("other", at(0)), resting);
    assert_eq!(health.fitness("m", at(9)), Fitness::Fit);
    assert!(!health.is_clear("other"));
    assert_eq!(after(&health, Outcome::Served, 10), Health::default());
    let model_only = after(&Health::default(), limited(Some(9.0)), 0);
    assert_eq!(model_only.fitness("other", at(0)), Fitness::Fit);
    assert!(model_only.is_clear("other") && !model_only.is_clear("m"));
}

#[test]
fn a_new_token_clears_what_the_old_one_was_refused_for() {
    for (outcome, stays) in [
        (Outcome::Unauthorized, false),
        (Outcome::Forbidden { retry_after: None }, false),
        (limited(Some(60.0)), true),
        (Outcome::PaymentRequired { retry_after: None }, true),
        (Outcome::ModelMissing, true),
    ] {
        let health = after(&Health::default(), outcome, 0).with_new_token();
        assert_eq!(health != Health::default(), stays, "{outcome:?}");
    }
}

#[test]
fn an_account_that_needs_its_owner_rests_as_a_whole_then_one_request_probes() {
    let needs = |rest| Outcome::NeedsAction {
        reason: Reason::Forbidden,
        reach: Reach::Account,
        rest,
    };
    let day = Some(Duration::from_secs(86_400));
    for (rest, seconds) in [(None, 1800), (day, 86_400)] {
        let health = after(&Health::default(), needs(rest), 0);
        let resting = Fitness::Resting {
            until: at(seconds),
            reason: Reason::Forbidden,
        };
        assert_eq!(health.fitness("m", at(0)), resting);
        assert_eq!(health.fitness("other", at(0)), resting, "every model");
        assert_eq!(health.fitness("other", at(seconds)), Fitness::Probe);
        // A token that is refreshed by itself changes nothing; a person who logs in may.
        assert_eq!(health.with_new_token(), health);
        assert_eq!(health.with_new_login(), Health::default());
        assert_eq!(after(&health, Outcome::Served, seconds), Health::default());
    }
    let quota = after(&Health::default(), limited(Some(60.0)), 0);
    assert_eq!(quota.with_new_login(), quota);
}

#[test]
fn quota_and_passing_faults_keep_a_model_listed() {
    for (reason, hides) in [
        (Reason::Quota, false),
        (Reason::Transient, false),
        (Reason::Unauthorized, true),
        (Reason::Forbidden, true),
        (Reason::PaymentRequired, true),
        (Reason::ModelMissing, true),
    ] {
        assert_eq!(reason.hides(), hides, "{reason:?}");
    }
}
