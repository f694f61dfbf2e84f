//! Owner of the configuration and of the snapshot everybody reads.
//!
//! Changes of files come from the watcher, are read on the blocking pool and become a list of
//! wanted credentials for the supervisor; its answer, the roster, becomes the next snapshot.

mod discovery;
mod files;
mod source;
mod status;
mod wanted;

pub(crate) use files::log_notices;
pub(crate) use source::ConfigFile;
pub use source::{ConfigStatus, Rewrite};
pub use status::Known;
pub(crate) use status::StatusKeeper;

use crate::config::file::SaveError;
use crate::config::{Config, ConfigError, ModelAlias};
use crate::credential::{Discover, Flush};
use crate::domain::catalog::ModelInfo;
use crate::domain::id::CredentialId;
use crate::domain::record::{CredentialRecord, RecordError};
use crate::domain::snapshot::{Catalog, Member, Models, Snapshot};
use crate::port::Providers;
use crate::published::Published;
use crate::renewal::{Opened, Surroundings};
use crate::store::Stored;
use crate::supervisor::{Reconcile, Roster, Supervisor};
use actix::prelude::*;
use discovery::Discovery;
use files::Edited;
use futures_util::FutureExt;
use futures_util::future::ready;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use wanted::wanted;

/// How long the first use of a model list waits for the accounts' own lists.
const FIRST_LIST_WAIT: Duration = Duration::from_secs(5);
/// How often to look whether there is anything new to write down about accounts.
const STATUS_LOOK: Duration = Duration::from_secs(2);

/// Files changed on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub(crate) struct FileChanged {
    /// The configuration.
    pub(crate) config: bool,
    /// Documents of logins: written, new, or gone.
    pub(crate) credentials: BTreeSet<CredentialId>,
}

/// Changes the configuration file: the only way to write it. The answer comes when the result is in
/// use.
#[derive(Message)]
#[rtype(result = "Result<(), SaveError>")]
pub struct EditConfig(pub Rewrite);

/// Sees to it that accounts' own model lists are at most ten minutes old. The first use waits, at
/// most five seconds; later uses go on with the old lists meanwhile.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct FreshModels;

/// Documents of a login that has just written them. The answer comes when they are in use.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Adoption(pub(crate) Vec<CredentialId>);

/// Asks to hear when a snapshot with all credentials is out.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct FirstSnapshot;

/// Owner of configuration and snapshot. Lives on the control thread.
pub struct Registry {
    config: Arc<Config>,
    file: Option<ConfigFile>,
    /// `None` = the logins are in no folder.
    account_status: Option<StatusKeeper>,
    status: Arc<Published<ConfigStatus>>,
    around: Surroundings,
    stored: BTreeMap<CredentialId, Opened>,
    roster: Vec<Arc<Member>>,
    discovery: Discovery,
    snapshot: Arc<Published<Snapshot>>,
    supervisor: Addr<Supervisor>,
    /// What changed and was not read yet. One reading or writing at a time, so that results come in
    /// order.
    pending: FileChanged,
    busy: bool,
    edits: VecDeque<(Rewrite, oneshot::Sender<Edited>)>,
    cursors_begin_anew: bool,
    /// Who waits for what is in `pending`.
    adoptions: Vec<oneshot::Sender<()>>,
    list_waiters: Vec<oneshot::Sender<()>>,
    snapshot_waiters: Vec<oneshot::Sender<()>>,
}

/// What a registry starts from.
pub(crate) struct Start {
    pub(crate) config: Arc<Config>,
    pub(crate) file: Option<ConfigFile>,
    pub(crate) account_status: Option<StatusKeeper>,
    pub(crate) status: Arc<Published<ConfigStatus>>,
    pub(crate) around: Surroundings,
    pub(crate) stored: Vec<Stored>,
    pub(crate) snapshot: Arc<Published<Snapshot>>,
    pub(crate) supervisor: Addr<Supervisor>,
}

impl Registry {
    pub(crate) fn new(start: Start) -> Self {
        let mut registry = Self {
            config: start.config,
            file: start.file,
            account_status: start.account_status,
            status: start.status,
            around: start.around,
            stored: BTreeMap::new(),
            roster: Vec::new(),
            discovery: Discovery::default(),
            snapshot: start.snapshot,
            supervisor: start.supervisor,
            pending: FileChanged::default(),
            busy: false,
            edits: VecDeque::new(),
            cursors_begin_anew: false,
            adoptions: Vec::new(),
            list_waiters: Vec::new(),
            snapshot_waiters: Vec::new(),
        };
        for stored in start.stored {
            registry.take_stored(stored);
        }
        registry
    }

    /// Takes in a document; true when it is another one than before.
    fn take_stored(&mut self, stored: Stored) -> bool {
        let id = stored.id.clone();
        if self
            .stored
            .get(&id)
            .is_some_and(|known| known.version == stored.version)
        {
            return false;
        }
        match self.around.open(stored) {
            Ok(opened) => {
                self.stored.insert(id, opened);
                true
            }
            Err(error) => {
                match error {
                    RecordError::Foreign(help) => {
                        tracing::warn!(credential = %id, help, "login of another program");
                    }
                    // Other programs may keep their JSON there, too.
                    RecordError::NoType => {
                        tracing::debug!(credential = %id, %error, "not a credential");
                    }
                }
                self.stored.remove(&id).is_some()
            }
        }
    }

    /// Hears when the next snapshot is out.
    fn next_snapshot(&mut self) -> oneshot::Receiver<()> {
        let (waiter, published) = oneshot::channel();
        self.snapshot_waiters.push(waiter);
        published
    }

    /// Tells the supervisor who is wanted; its answer leads to the next snapshot.
    fn reconcile(&mut self) {
        let wanted = wanted(&self.config, self.around.providers.as_ref(), &self.stored);
        let accounts = self
            .roster
            .iter()
            .filter(|member| member.id == member.account);
        let replaced: BTreeSet<_> = accounts
            .filter(|member| {
                let now = wanted.get(&member.id);
                now.is_none_or(|now| !now.record.same_account(&member.record))
            })
            .map(|member| &member.id)
            .collect();
        // Faces have no document of their own: they go with their account.
        let gone = self
            .roster
            .iter()
            .filter(|member| replaced.contains(&member.account));
        gone.for_each(|member| self.discovery.forget(&member.id));
        self.supervisor
            .do_send(Reconcile(wanted.into_values().collect()));
    }

    /// The work of writing down what changed about accounts.
    fn status_to_write(&mut self, at_once: bool) -> Option<impl FnOnce() + Send + use<>> {
        let now = self.around.clock.now();
        self.account_status
            .as_mut()?
            .write(&self.roster, now, at_once)
    }

    fn publish(&mut self) {
        let before = self.snapshot.get();
        let models = KnownModels {
            discovery: &self.discovery,
            providers: self.around.providers.as_ref(),
        };
        let cursors = match std::mem::take(&mut self.cursors_begin_anew) {
            true => &Catalog::default(),
            false => &before.catalog,
        };
        let catalog = Catalog::build(&self.roster, &self.config, &models, cursors);
        self.snapshot.set(Snapshot {
            epoch: before.epoch + 1,
            config: Arc::clone(&self.config),
            catalog,
            members: self.roster.clone(),
        });
        wake(&mut self.snapshot_waiters);
    }
}

/// There is no file, or no more program, to write the configuration.
fn unwritten(kind: io::ErrorKind) -> SaveError {
    let (path, cause) = (PathBuf::new(), io::Error::from(kind));
    SaveError::Config(ConfigError::Io {
        action: "write",
        path,
        cause,
    })
}

fn wake(waiters: &mut Vec<oneshot::Sender<()>>) {
    for waiter in waiters.drain(..) {
        // Whoever stopped waiting does not mind.
        let _ = waiter.send(());
    }
}

struct KnownModels<'a> {
    discovery: &'a Discovery,
    providers: &'a dyn Providers,
}

impl Models for KnownModels<'_> {
    fn of(&self, record: &CredentialRecord) -> Vec<Arc<ModelInfo>> {
        match self.discovery.models(&record.id) {
            Some(models) => models.clone(),
            None => self.providers.static_models(&record.provider, record),
        }
    }

    fn default_aliases(&self, channel: &str, models: &[Arc<ModelInfo>]) -> Vec<ModelAlias> {
        self.providers.default_aliases(channel, models)
    }
}

impl Actor for Registry {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Self::Context) {
        // Nobody restarts it: requests go on with the last snapshot, changes need a restart.
        tracing::error!(panicked = std::thread::panicking(), "registry stopped");
    }

    fn started(&mut self, ctx: &mut Self::Context) {
        self.reconcile();
        if self.account_status.is_some() {
            ctx.run_interval(STATUS_LOOK, |registry, _| {
                if let Some(write) = registry.status_to_write(false) {
                    drop(tokio::task::spawn_blocking(write));
                }
            });
        }
    }
}

impl Handler<FileChanged> for Registry {
    type Result = ();

    fn handle(&mut self, changed: FileChanged, ctx: &mut Context<Self>) {
        self.pending.config |= changed.config;
        self.pending.credentials.extend(changed.credentials);
        self.proceed(ctx);
    }
}

impl Handler<Adoption> for Registry {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Adoption(ids): Adoption, ctx: &mut Context<Self>) -> Self::Result {
        let (waiter, used) = oneshot::channel();
        self.pending.credentials.extend(ids);
        self.adoptions.push(waiter);
        self.proceed(ctx);
        // An end without a snapshot is the end of the program; the files are written.
        Box::pin(used.map(|_| ()))
    }
}

impl Handler<EditConfig> for Registry {
    type Result = ResponseFuture<Result<(), SaveError>>;

    fn handle(&mut self, EditConfig(change): EditConfig, ctx: &mut Context<Self>) -> Self::Result {
        let (reply, edited) = oneshot::channel();
        self.edits.push_back((change, reply));
        self.proceed(ctx);
        Box::pin(async move {
            let published = edited
                .await
                .map_err(|_| unwritten(io::ErrorKind::Interrupted))??;
            // An end without a snapshot is the end of the program; the file is written.
            let _ = published.await;
            Ok(())
        })
    }
}

impl Handler<Roster> for Registry {
    type Result = ();

    fn handle(&mut self, Roster(members): Roster, _: &mut Context<Self>) {
        self.roster = members;
        let there: BTreeSet<_> = self.roster.iter().map(|member| &member.id).collect();
        self.discovery.retain(|id| there.contains(id));
        self.publish();
    }
}

impl Handler<FreshModels> for Registry {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: FreshModels, ctx: &mut Context<Self>) -> Self::Result {
        let now = self.around.clock.now();
        for member in self
            .roster
            .iter()
            .filter(|member| member.routed && !member.record.settings.disabled)
        {
            if !self.discovery.begin(&member.id, now) {
                continue;
            }
            let id = member.id.clone();
            let asked = member.address.send(Discover).into_actor(self);
            ctx.spawn(asked.map(move |asked, registry, _| {
                let found = match asked {
                    Ok(found) => found.map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                if let Err(error) = &found {
                    tracing::warn!(credential = %id, error, "no model list");
                }
                if registry
                    .discovery
                    .end(&id, found, registry.around.clock.now())
                {
                    registry.publish();
                }
                if !registry.discovery.is_first_running() {
                    wake(&mut registry.list_waiters);
                }
            }));
        }
        if !self.discovery.is_first_running() {
            return Box::pin(ready(()));
        }
        let (waiter, listed) = oneshot::channel();
        self.list_waiters.push(waiter);
        Box::pin(tokio::time::timeout(FIRST_LIST_WAIT, listed).map(|_| ()))
    }
}

impl Handler<FirstSnapshot> for Registry {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: FirstSnapshot, _: &mut Context<Self>) -> Self::Result {
        if self.snapshot.get().epoch > 0 {
            return Box::pin(ready(()));
        }
        Box::pin(self.next_snapshot().map(|_| ()))
    }
}

impl Handler<Flush> for Registry {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Flush, _: &mut Context<Self>) -> Self::Result {
        let flushed = self.supervisor.send(Flush).into_actor(self);
        Box::pin(
            flushed
                // A supervisor that is gone has nothing left to write.
                .map(|_, registry, _| registry.status_to_write(true))
                .then(|write, registry, _| {
                    let written = async move {
                        if let Some(write) = write
                            && let Err(error) = tokio::task::spawn_blocking(write).await
                        {
                            tracing::warn!(%error, "account status not saved");
                        }
                    };
                    written.into_actor(registry)
                }),
        )
    }
}

#[cfg(test)]
mod tests;
