use super::*;
use chrono::TimeDelta;
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, prop_assume, proptest};

#[derive(Debug)]
struct One {
    credential: CredentialId,
    priority: i32,
    weight: u32,
}

impl Contend for One {
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

fn one(name: &str, priority: i32, weight: u32) -> One {
    One {
        credential: name.into(),
        priority,
        weight,
    }
}

fn equals(n: usize) -> Vec<One> {
    (0..n).map(|i| one(&format!("c{i}"), 0, 1)).collect()
}

fn until(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

fn cooling(seconds: i64) -> Standing {
    Standing::Cooling {
        until: until(seconds),
        reason: Reason::Quota,
    }
}

/// The candidates of `n` requests in a row, each with one attempt.
fn row(list: &[One], standing: &[Standing], strategy: Strategy, n: usize) -> Vec<usize> {
    let mut cursor = 0;
    let turns = (0..n).map(|_| {
        let wish = Wish {
            strategy,
            ..Wish::default()
        };
        let choice = choose(list, |i| standing[i], wish, cursor).expect("somebody is usable");
        cursor = choice.next_cursor.unwrap_or(cursor);
        choice.index
    });
    turns.collect()
}

const READY: Standing = Standing::Ready;

#[test]
fn round_robin_takes_turns() {
    let list = equals(3);
    assert_eq!(
        row(&list, &[READY; 3], Strategy::RoundRobin, 7),
        [0, 1, 2, 0, 1, 2, 0]
    );
    // The neighbour of a resting one does not get its share on top.
    let standing = [cooling(9), READY, READY];
    assert_eq!(
        row(&list, &standing, Strategy::RoundRobin, 6),
        [1, 2, 1, 2, 1, 2]
    );
    assert_eq!(
        row(
            &list,
            &[READY, Standing::Ask, READY],
            Strategy::RoundRobin,
            3
        ),
        [0, 1, 2]
    );
}

#[test]
fn fill_first_stays_with_the_first_usable() {
    let list = equals(3);
    assert_eq!(row(&list, &[READY; 3], Strategy::FillFirst, 3), [0, 0, 0]);
    assert_eq!(
        row(&list, &[cooling(9), READY, READY], Strategy::FillFirst, 3),
        [1, 1, 1]
    );
}

#[test]
fn the_highest_usable_priority_wins() {
    let list = [one("b", 9, 1), one("c", 9, 1), one("a", 0, 1)];
    for (standing, want) in [
        ([READY, READY, READY], [0, 1, 0]),
        ([cooling(9), READY, READY], [1, 1, 1]),
        ([cooling(9), Standing::Disabled, READY], [2, 2, 2]),
    ] {
        assert_eq!(
            row(&list, &standing, Strategy::RoundRobin, 3),
            want,
            "{standing:?}"
        );
    }
    let wish = Wish {
        tried: &[0, 1],
        ..Wish::default()
    };
    let choice = choose(&list, |_| READY, wish, 0);
    assert_eq!(
        choice.map(|choice| choice.index),
        Ok(2),
        "tried ones make room for lower ones"
    );
}

#[test]
fn weights_are_dealt_out_smoothly_and_exactly() {
    for (weights, want) in [
        (&[3, 1][..], &[0, 0, 1, 0, 0, 0, 1, 0][..]),
        (&[1, 1, 1], &[0, 1, 2, 0, 1, 2]),
        (&[5, 1, 1], &[0, 0, 0, 1, 2, 0, 0]),
        (&[0, 2], &[1, 1, 1]),
    ] {
        let list: Vec<_> = weights.iter().map(|&weight| one("x", 0, weight)).collect();
        let standing = vec![READY; list.len()];
        let dealt = row(&list, &standing, Strategy::WeightedRoundRobin, want.len());
        assert_eq!(dealt, want, "{weights:?}");
    }
    // Huge weights cost no memory.
    let list = [one("a", 0, 1_000_000), one("b", 0, 999_999)];
    assert_eq!(
        row(&list, &[READY; 2], Strategy::WeightedRoundRobin, 4),
        [0, 1, 0, 1]
    );
}

proptest! {
    #[test]
    fn every_period_gives_everybody_its_weight(weights in prop::collection::vec(0_u32..9, 1..9)) {
        let period: u32 = weights.iter().sum();
        prop_assume!(period > 0);
        let ready: Vec<_> = weights.iter().copied().enumerate().filter(|one| one.1 > 0).collect();
        let mut turns = vec![0; weights.len()];
        for cursor in 0..period as usize {
            turns[weighted(&ready, cursor).expect("somebody has weight")] += 1;
        }
        prop_assert_eq!(turns, weights);
    }

    #[test]
    fn the_same_cursor_chooses_the_same(n in 1_usize..9, cursor in any::<usize>(), dead in 0_usize..9) {
        let list = equals(n);
        let standing = |i| if i == dead { Standing::Disabled } else { READY };
        for strategy in [Strategy::RoundRobin, Strategy::WeightedRoundRobin, Strategy::FillFirst] {
            let wish = Wish { strategy, ..Wish::default() };
            let first = choose(&list, standing, wish, cursor);
            prop_assert_eq!(first, choose(&list, standing, wish, cursor));
            if let Ok(choice) = first {
                prop_assert!(choice.index < n && choice.index != dead);
            }
        }
    }
}

#[test]
fn a_session_keeps_its_credential_while_usable() {
    let list = [one("b", 9, 1), one("a", 0, 1)];
    let a = CredentialId::from("a");
    let wish = Wish {
        preferred: Some(&a),
        ..Wish::default()
    };
    let choice = choose(&list, |_| READY, wish, 0).expect("usable");
    assert_eq!(
        choice,
        Choice {
            index: 1,
            next_cursor: None
        },
        "outranks priority"
    );
    let resting = |i: usize| if i == 1 { cooling(9) } else { READY };
    assert_eq!(
        choose(&list, resting, wish, 0).map(|choice| choice.index),
        Ok(0)
    );
    let tried = Wish {
        tried: &[1],
        ..wish
    };
    assert_eq!(
        choose(&list, |_| READY, tried, 0).map(|choice| choice.index),
        Ok(0)
    );
}

#[test]
fn a_pin_excludes_everybody_else() {
    let list = [one("b", 9, 1), one("a", 0, 1)];
    let a = CredentialId::from("a");
    let wish = Wish {
        pinned: Some(&a),
        ..Wish::default()
    };
    assert_eq!(
        choose(&list, |_| READY, wish, 0).map(|choice| choice.index),
        Ok(1)
    );
    let tried = Wish {
        tried: &[1],
        ..wish
    };
    let none = choose(&list, |_| READY, tried, 0);
    assert_eq!(none, Err(NoChoice::Exhausted { needs_login: false }));
}

#[test]
fn says_why_nobody_is_left() {
    let list = equals(3);
    let why = |standing: [Standing; 3], tried: &[usize]| {
        let wish = Wish {
            tried,
            ..Wish::default()
        };
        choose(&list, |i| standing[i], wish, 0).expect_err("nobody is usable")
    };
    let soonest = NoChoice::AllCooling {
        until: until(5),
        reason: Reason::Quota,
    };
    assert_eq!(why([cooling(9), cooling(5), cooling(7)], &[]), soonest);
    assert_eq!(
        why([cooling(9), cooling(5), Standing::NeedsLogin], &[]),
        soonest
    );
    // Whoever was tried and rests now does not count: its own answer is better.
    let later = NoChoice::AllCooling {
        until: until(7),
        reason: Reason::Quota,
    };
    assert_eq!(why([cooling(9), cooling(5), cooling(7)], &[1]), later);
    let needs_login = NoChoice::Exhausted { needs_login: true };
    assert_eq!(
        why(
            [Standing::NeedsLogin, Standing::Disabled, Standing::Broken],
            &[]
        ),
        needs_login
    );
    let exhausted = NoChoice::Exhausted { needs_login: false };
    assert_eq!(why([READY; 3], &[0, 1, 2]), exhausted);
    let empty: [One; 0] = [];
    assert_eq!(
        choose(&empty, |_| READY, Wish::default(), 3),
        Err(exhausted)
    );
}
