//! Reasoning that a client's protocol has no place for, kept for its next request (`matrix.md` §6).
//!
//! Chat clients send back tool calls but never the signed thinking in front of them; Anthropic and
//! Gemini refuse or degrade without it. So the reasoning items of an assistant turn are kept by call
//! id, per client key, for an hour, in bounded memory.

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use protocol::canonical::{Event, Item, Request, Response, Role, Signature, SignatureIssuer, fold};
use std::collections::HashMap;

/// How long a turn is kept.
const KEEP: TimeDelta = TimeDelta::hours(1);

/// Most turns kept, over all clients.
const TURNS_MAX: usize = 4096;

/// Most bytes of reasoning kept for one turn; a larger one is not kept.
const TURN_BYTES_MAX: usize = 256 * 1024;

/// The store of one daemon.
#[derive(Default)]
pub struct ReplayStore {
    turns: Mutex<HashMap<Key, Kept>>,
}

/// (digest of the client key, call id).
type Key = (u64, String);

struct Kept {
    until: DateTime<Utc>,
    /// Reasoning in front of the call.
    reasoning: Vec<Item>,
    /// Signature on the call itself (Gemini).
    on_call: Option<Signature>,
}

impl ReplayStore {
    /// Keeps what the reply `response` holds for the calls it makes.
    pub fn keep(&self, client: u64, response: &Response, now: DateTime<Utc>) {
        for reply in &response.choices {
            let mut reasoning: Vec<Item> = Vec::new();
            let mut bytes = 0;
            for item in &reply.items {
                match item {
                    Item::Reasoning {
                        signature: Some(signature),
                        text,
                        ..
                    } => {
                        bytes += signature.value.len() + text.len();
                        if bytes <= TURN_BYTES_MAX {
                            reasoning.push(item.clone());
                        }
                    }
                    Item::Call { id, signature, .. }
                        if !reasoning.is_empty() || signature.is_some() =>
                    {
                        let kept = Kept {
                            until: now + KEEP,
                            reasoning: std::mem::take(&mut reasoning),
                            on_call: signature.clone(),
                        };
                        self.insert((client, id.clone()), kept, now);
                    }
                    _ => {}
                }
            }
        }
    }

    fn insert(&self, key: Key, kept: Kept, now: DateTime<Utc>) {
        let mut turns = self.turns.lock();
        if turns.len() >= TURNS_MAX {
            turns.retain(|_, kept| kept.until > now);
        }
        if turns.len() >= TURNS_MAX {
            // Everything is young: the half that ends first goes.
            let mut ends: Vec<_> = turns.values().map(|kept| kept.until).collect();
            let middle = ends.len() / 2;
            let (_, median, _) = ends.select_nth_unstable(middle);
            let median = *median;
            turns.retain(|_, kept| kept.until > median);
        }
        turns.insert(key, kept);
    }

    /// Puts kept reasoning back in front of the calls of `request` that came without it, when the
    /// upstream's signatures are of `issuer`.
    pub fn restore(
        &self,
        client: u64,
        request: &mut Request,
        issuer: SignatureIssuer,
        now: DateTime<Utc>,
    ) {
        for turn in &mut request.turns {
            if turn.role != Role::Assistant {
                continue;
            }
            let signed = turn.items.iter().any(|item| {
                matches!(
                    item,
                    Item::Reasoning {
                        signature: Some(_),
                        ..
                    } | Item::Call {
                        signature: Some(_),
                        ..
                    }
                )
            });
            let calls = turn
                .items
                .iter()
                .any(|item| matches!(item, Item::Call { .. }));
            if signed || !calls {
                continue;
            }
            self.restore_turn(client, &mut turn.items, issuer, now);
        }
    }

    fn restore_turn(
        &self,
        client: u64,
        items: &mut Vec<Item>,
        issuer: SignatureIssuer,
        now: DateTime<Utc>,
    ) {
        let turns = self.turns.lock();
        if turns.is_empty() {
            return;
        }
        let mut restored = Vec::with_capacity(items.len() + 1);
        for mut item in items.drain(..) {
            if let Item::Call { id, signature, .. } = &mut item {
                let kept = turns
                    .get(&(client, id.clone()))
                    .filter(|kept| kept.until > now);
                if let Some(kept) = kept {
                    restored.extend(
                        kept.reasoning
                            .iter()
                            .filter(|item| is_issued_by(item, issuer))
                            .cloned(),
                    );
                    *signature = kept
                        .on_call
                        .clone()
                        .filter(|signature| signature.issuer == issuer);
                }
            }
            restored.push(item);
        }
        *items = restored;
    }
}

fn is_issued_by(item: &Item, wanted: SignatureIssuer) -> bool {
    matches!(item, Item::Reasoning { signature: Some(signature), .. } if signature.issuer == wanted)
}

/// Collects the events of one reply, as far as they matter to the store.
#[derive(Default)]
pub struct Recorder {
    events: Vec<Event>,
    signed: bool,
    bytes: usize,
}

impl Recorder {
    /// Takes note of one event. Text is not kept.
    pub fn see(&mut self, event: &Event) {
        use protocol::canonical::Delta;
        if self.bytes > TURN_BYTES_MAX {
            return;
        }
        match event {
            Event::Delta {
                delta: Delta::Signature(signature),
                ..
            } => {
                self.signed = true;
                self.bytes += signature.value.len();
            }
            Event::Delta {
                delta: Delta::Reasoning { text, .. },
                ..
            } => self.bytes += text.len(),
            Event::ItemStart { .. } | Event::ItemStop { .. } | Event::End => {}
            _ => return,
        }
        self.events.push(event.clone());
    }

    /// The recorded reply, when it ended well and holds something to keep.
    pub fn finish(self) -> Option<Response> {
        let kept = self.signed && self.bytes <= TURN_BYTES_MAX;
        kept.then(|| fold(self.events).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::canonical::{Arguments, CallKind, Reply, SignaturePlace, Turn};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn thought(issuer: SignatureIssuer) -> Item {
        Item::Reasoning {
            text: "hm".into(),
            summary: Vec::new(),
            signature: Some(Signature {
                issuer,
                value: "sig".into(),
                place: SignaturePlace::Here,
            }),
            redacted: false,
            id: None,
        }
    }

    fn call(id: &str) -> Item {
        Item::Call {
            id: id.into(),
            item_id: None,
            name: "f".into(),
            namespace: None,
            kind: CallKind::Function,
            arguments: Arguments::Json("{}".into()),
            signature: None,
            cache: None,
            caller: None,
        }
    }

    fn history() -> Request {
        Request {
            turns: vec![Turn::new(Role::Assistant, vec![call("c1"), call("c2")])],
            ..Request::default()
        }
    }

    fn reply(issuer: SignatureIssuer) -> Response {
        Response {
            choices: vec![Reply {
                items: vec![thought(issuer), call("c1"), call("c2")],
                ..Reply::default()
            }],
            ..Response::default()
        }
    }

    #[test]
    fn signed_thinking_returns_to_its_issuer_and_client_only() {
        let store = ReplayStore::default();
        let issuer = SignatureIssuer::Anthropic;
        store.keep(1, &reply(issuer), at(0));
        let restored = |client, issuer, now| {
            let mut request = history();
            store.restore(client, &mut request, issuer, now);
            request.turns[0].items.len()
        };
        assert_eq!(restored(1, issuer, at(10)), 3);
        assert_eq!(restored(2, issuer, at(10)), 2, "another client");
        assert_eq!(restored(1, SignatureIssuer::Gemini, at(10)), 2);
        assert_eq!(restored(1, issuer, at(3601)), 2, "too late");
    }

    #[test]
    fn the_store_is_bounded() {
        let store = ReplayStore::default();
        for n in 0..3 * TURNS_MAX as u64 {
            store.keep(n, &reply(SignatureIssuer::Anthropic), at(n as i64 / 100));
        }
        assert!(store.turns.lock().len() <= TURNS_MAX);
    }
}
