//! What takes hours: the end of tokens and of rests, with a clock that is moved. Clients come in
//! crowds.

use std::collections::BTreeSet;
use std::sync::Arc;

use actors::port::Clock as _;

use super::{Service, Story};
use crate::support::answer::Wire;
use crate::support::asker::{Heard, heard, question};
use crate::support::clock::MovedClock;
use crate::support::daemon::Daemon;
use crate::support::deadline::eventually;

/// Seconds after which a used-up account may come back; short enough for the rest not to be capped.
const REST: i64 = 1500;

/// Two accounts over the lives of two tokens each, and a rest.
pub fn pass<S: Service>(service: &S) {
    let clock = Arc::new(MovedClock::default());
    service.keep_time(Arc::clone(&clock));
    let setup = service.setup();
    service.log_in(&setup, &Story::begin(S::NAME));
    let hours = Hours {
        service,
        daemon: setup.start_at(Arc::clone(&clock) as _),
        clock,
    };
    hours.everybody_is_served();
    let used = hours.tokens_since(0);
    // Nothing is renewed before it has to be.
    hours.clock.pass(S::LIFE / 3);
    hours.everybody_is_served();
    assert_eq!(hours.tokens_since(0), used);
    hours.outlive_tokens();
    hours.outlive_refusals();
    hours.rest_and_recover();
    hours.outlive_tokens();
    service.check();
}

struct Hours<'a, S> {
    service: &'a S,
    clock: Arc<MovedClock>,
    daemon: Daemon,
}

impl<S: Service> Hours<'_, S> {
    #[track_caller]
    fn ask(&self, wire: Wire, stream: bool) -> Heard {
        let (target, body) = question(wire, S::MODEL, stream);
        heard(wire, stream, &self.daemon.client().post(&target, &body))
    }

    /// Clients of every protocol ask at the same time, for whole answers and streams.
    #[track_caller]
    fn everybody_is_served(&self) {
        let ways = Wire::ALL.map(|wire| [(wire, true), (wire, false)]);
        let crowd = ways.as_flattened().iter().map(|&(wire, stream)| {
            let (target, body) = question(wire, S::MODEL, stream);
            let client = self.daemon.client();
            let asks = move || heard(wire, stream, &client.post(&target, &body));
            (wire, std::thread::spawn(asks))
        });
        for (wire, asks) in crowd.collect::<Vec<_>>() {
            let heard = asks.join().expect("an answer");
            let text = (heard.status, &*heard.text);
            assert_eq!(text, (200, S::SAYS), "{wire:?}: {heard:?}");
        }
    }

    fn n_calls(&self) -> usize {
        self.service.calls().len()
    }

    /// The tokens that calls were made with, without the first `n` calls.
    fn tokens_since(&self, n: usize) -> BTreeSet<String> {
        let calls = self.service.calls().into_iter().skip(n);
        let tokens = calls.map(|call| call.header("authorization").unwrap_or_default().to_owned());
        tokens.collect()
    }

    /// Whoever asks after the end of the tokens in use waits for new ones, one per account.
    #[track_caller]
    fn outlive_tokens(&self) {
        let used = self.tokens_since(0);
        let (n, n_calls) = (self.service.n_renewals(), self.n_calls());
        self.clock.pass(S::LIFE);
        self.everybody_is_served();
        assert_eq!(self.service.n_renewals(), n + 2, "one renewal per account");
        assert_eq!(self.n_calls(), n_calls + 8, "no call was refused");
        let new = self.tokens_since(n_calls);
        assert!(new.len() == 2 && new.is_disjoint(&used), "{new:?} {used:?}");
    }

    /// Tokens are refused before their end: one renewal per account, and every refused call once more.
    #[track_caller]
    fn outlive_refusals(&self) {
        let (n, n_calls) = (self.service.n_renewals(), self.n_calls());
        self.service.refuse_tokens();
        self.everybody_is_served();
        assert_eq!(self.service.n_renewals(), n + 2, "one renewal per account");
        assert!((10..=16).contains(&(self.n_calls() - n_calls)));
    }

    /// Both accounts are used up: clients hear when to come back, and nobody is asked until then.
    #[track_caller]
    fn rest_and_recover(&self) {
        for _ in 0..2 {
            let limit = S::limit(self.clock.now(), REST);
            self.service.host().reply_to(S::CALLS[0], limit);
        }
        let refused = |wire, stream, passed: i64| {
            let heard = self.ask(wire, stream);
            assert_eq!(heard.status, 429, "{wire:?}: {heard:?}");
            let wait = heard
                .retry_after
                .as_deref()
                .and_then(|wait| wait.parse().ok());
            // The clock runs on while the test does.
            let fits = |wait: i64| (REST - passed - 60..=REST - passed).contains(&wait);
            assert!(wait.is_some_and(fits), "{wire:?}: {heard:?}");
        };
        refused(Wire::Chat, false, 0);
        eventually("both accounts at rest", || {
            let snapshot = self.daemon.handles().snapshot.get();
            let members = snapshot.members.iter();
            let resting = members.filter(|member| !member.view.get().is_untroubled(S::MODEL));
            (resting.count() >= 2).then_some(())
        });
        let n_calls = self.n_calls();
        for passed in [0, REST / 2, REST - 60] {
            for wire in Wire::ALL {
                refused(wire, true, passed);
                refused(wire, false, passed);
            }
            self.clock
                .pass(if passed == 0 { REST / 2 } else { REST / 2 - 60 });
        }
        assert_eq!(self.n_calls(), n_calls, "resting accounts are left alone");
        self.everybody_is_served();
    }
}
