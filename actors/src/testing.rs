//! What tests put in place of the daemon: a clock that follows virtual time, a scripted driver, a
//! table of one provider.

use crate::config::{Config, Env};
use crate::domain::catalog::ModelInfo;
use crate::domain::id::CredentialId;
use crate::domain::quota::QuotaWindow;
use crate::domain::record::CredentialRecord;
use crate::domain::secret::Secret;
use crate::domain::snapshot::Candidate;
use crate::port::{
    AccountDriver, Clock, DiscoverError, LoginDriver, Providers, QuotaError, RefreshError,
};
use crate::registry::FileChanged;
use crate::store::TokenStore;
use crate::store::memory::MemoryStore;
use crate::system::{Handles, Source, StartOptions, start};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::LocalBoxFuture;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The provider word of all tests.
pub(crate) const PROVIDER: &str = "fake";

/// Wall clock that moves with tokio's (paused) clock, and can jump as after a suspend.
#[derive(Clone)]
pub(crate) struct FakeClock(Arc<Mutex<(DateTime<Utc>, Instant)>>);

impl FakeClock {
    pub(crate) fn new() -> Self {
        let begin = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        Self(Arc::new(Mutex::new((begin, Instant::now()))))
    }

    /// The wall clock moves, timers do not: the machine was asleep.
    pub(crate) fn jump(&self, by: TimeDelta) {
        self.0.lock().0 += by;
    }

    pub(crate) fn minutes(&self, from_now: i64) -> DateTime<Utc> {
        self.now() + TimeDelta::minutes(from_now)
    }
}

impl Clock for FakeClock {
    fn now(&self) -> DateTime<Utc> {
        let (begin, since) = *self.0.lock();
        begin + TimeDelta::from_std(since.elapsed()).expect("a short test")
    }
}

/// What the driver does at one refresh.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// A token that lasts so many seconds.
    Seconds(i64),
    Fail(RefreshError),
    Panic,
}

/// A driver that plays a script; at its end every refresh gives a token for an hour.
#[derive(Default)]
pub(crate) struct FakeDriver {
    script: Mutex<VecDeque<Act>>,
    /// Refresh tokens it was called with.
    pub(crate) calls: Mutex<Vec<String>>,
    /// Time a refresh takes.
    pub(crate) takes: Mutex<Duration>,
    /// Models that discovery finds; `None` = the provider has no lists.
    pub(crate) models: Mutex<Option<Result<Vec<&'static str>, &'static str>>>,
    pub(crate) n_discoveries: Mutex<usize>,
    /// What the account used; `None` = the provider cannot be asked.
    pub(crate) quota: Mutex<Option<Vec<QuotaWindow>>>,
    pub(crate) n_quotas: Mutex<usize>,
}

impl FakeDriver {
    pub(crate) fn play(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.lock().extend(acts);
    }

    pub(crate) fn n_refreshes(&self) -> usize {
        self.calls.lock().len()
    }
}

/// The fake provider, and its driver in the hands of the test.
#[derive(Clone)]
pub(crate) struct FakeProviders {
    pub(crate) driver: Arc<FakeDriver>,
    pub(crate) clock: FakeClock,
}

struct Bound(FakeProviders);

impl AccountDriver for Bound {
    fn refresh(
        &self,
        old: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<CredentialRecord, RefreshError>> {
        let FakeProviders { driver, clock } = self.0.clone();
        Box::pin(async move {
            let used = old.document.get("refresh_token").and_then(Value::as_str);
            driver
                .calls
                .lock()
                .push(used.unwrap_or_default().to_owned());
            let n = driver.n_refreshes();
            let act = driver
                .script
                .lock()
                .pop_front()
                .unwrap_or(Act::Seconds(3600));
            let takes = *driver.takes.lock();
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            match act {
                Act::Panic => panic!("driver panics on demand"),
                Act::Fail(error) => Err(error),
                Act::Seconds(seconds) => {
                    let mut new = (*old).clone();
                    let now = clock.now();
                    new.secret = Some(Secret::from(format!("access-{n}")));
                    new.expires_at = Some(now + TimeDelta::seconds(seconds));
                    new.refreshed_at = Some(now);
                    for (name, value) in [
                        ("access_token", json!(format!("access-{n}"))),
                        ("refresh_token", json!(format!("refresh-{n}"))),
                        ("expired", json!(new.expires_at)),
                        ("last_refresh", json!(now)),
                    ] {
                        new.document.insert(name.to_owned(), value);
                    }
                    Ok(new)
                }
            }
        })
    }

    fn tells_quota(&self) -> bool {
        self.0.driver.quota.lock().is_some()
    }

    fn quota(
        &self,
        _: Arc<CredentialRecord>,
    ) -> LocalBoxFuture<'static, Result<Vec<QuotaWindow>, QuotaError>> {
        *self.0.driver.n_quotas.lock() += 1;
        let known = self.0.driver.quota.lock().clone();
        let message = "no".to_owned();
        Box::pin(async move { known.ok_or(QuotaError { message }) })
    }

    fn discover(
        &self,
        _: Arc<CredentialRecord>,
    ) -> Option<LocalBoxFuture<'static, Result<Vec<ModelInfo>, DiscoverError>>> {
        let driver = Arc::clone(&self.0.driver);
        let models = driver.models.lock().clone()?;
        Some(Box::pin(async move {
            *driver.n_discoveries.lock() += 1;
            let takes = *driver.takes.lock();
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            match models {
                Ok(names) => Ok(names
                    .into_iter()
                    .map(|name| ModelInfo::named(name, PROVIDER))
                    .collect()),
                Err(message) => Err(DiscoverError {
                    message: message.to_owned(),
                }),
            }
        }))
    }
}

impl Providers for FakeProviders {
    fn driver(&self, provider: &str) -> Option<Arc<dyn AccountDriver>> {
        (provider == PROVIDER).then(|| Arc::new(Bound(self.clone())) as _)
    }

    fn login(&self, name: &str) -> Option<Arc<dyn LoginDriver>> {
        crate::login::tests::flow(name)
    }

    /// `faces` of the document, separated by commas; each gets its word in `face`.
    fn faces(&self, record: &CredentialRecord) -> Vec<CredentialRecord> {
        let words = record.document.get("faces").and_then(Value::as_str);
        let words = words.into_iter().flat_map(|words| words.split(','));
        words
            .map(|word| {
                let mut face = record.clone();
                face.id = CredentialId::from(format!("{}::{word}", record.id));
                face.document.insert("face".to_owned(), json!(word));
                face
            })
            .collect()
    }

    fn static_models(&self, _: &str, _: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        vec![Arc::new(ModelInfo::named("m", PROVIDER))]
    }
}

/// A world of one memory store and one provider.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) clock: FakeClock,
    pub(crate) providers: FakeProviders,
    pub(crate) driver: Arc<FakeDriver>,
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = FakeClock::new();
        let store = MemoryStore::default();
        let driver = Arc::new(FakeDriver::default());
        let providers = FakeProviders {
            driver: Arc::clone(&driver),
            clock: clock.clone(),
        };
        Self {
            store,
            clock,
            providers,
            driver,
        }
    }

    /// The document of a login whose token was made now and ends in so many minutes.
    pub(crate) fn login(&self, minutes: i64) -> Map<String, Value> {
        let document = json!({
            "type": PROVIDER,
            "email": "me@example.com",
            "access_token": "access-0",
            "refresh_token": "refresh-0",
            "expired": self.clock.minutes(minutes),
            "last_refresh": self.clock.now(),
        });
        document.as_object().cloned().expect("an object")
    }
}

/// The id of the login most tests are about.
pub(crate) fn id() -> CredentialId {
    CredentialId::from("a.json")
}

impl World {
    /// Starts everything over this world with a configuration text.
    pub(crate) async fn start(&self, config: &str) -> Handles {
        let (config, _) = Config::parse(config, &Env::default()).expect("a configuration");
        start(StartOptions {
            source: Source::Fixed(Box::new(config)),
            env: Env::default(),
            providers: Arc::new(self.providers.clone()),
            clock: Arc::new(self.clock.clone()),
            store: Some(Arc::new(self.store.clone())),
        })
        .await
        .expect("actors that run")
    }

    /// Starts with one login, whose token ends in so many minutes.
    pub(crate) async fn start_with_login(&self, minutes: i64) -> Handles {
        self.store.put(&id(), self.login(minutes));
        self.start("").await
    }

    /// Replaces a document as another program would, and tells the registry as the watcher would.
    pub(crate) async fn write(&self, handles: &Handles, document: Map<String, Value>) {
        self.store.put(&id(), document);
        self.notice(handles).await;
    }

    /// Tells the registry to look at the login again.
    pub(crate) async fn notice(&self, handles: &Handles) {
        let credentials = [id()].into_iter().collect();
        handles.registry.do_send(FileChanged {
            config: false,
            credentials,
        });
        pass(0).await;
    }

    /// What the store has in a field of the login.
    pub(crate) async fn stored(&self, field: &str) -> Option<Value> {
        let stored = self.store.load(&id()).await.expect("a store");
        stored?.document.get(field).cloned()
    }
}

/// Lets time pass, at least long enough for everything under way without a timer.
pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds) + Duration::from_millis(1)).await;
}

/// The candidate for the fake model.
pub(crate) fn candidate(handles: &Handles) -> Candidate {
    let snapshot = handles.snapshot.get();
    let route = snapshot.catalog.get("m").expect("a route");
    route.candidates.first().expect("a candidate").clone()
}
