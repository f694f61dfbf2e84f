//! Notices changes of the configuration file and of the credential folder.
//!
//! Events are only a hint to look and to read again; whoever reads compares contents. A slow poll looks
//! anyway, because some mounts bring no events, and some replacements escape every watch.

mod scan;

pub(crate) use scan::Targets;

use crate::registry::FileChanged;
use actix::prelude::*;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use scan::{Picture, named_by_events, watch_points};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// Silence after the last event before looking: editors write in several steps.
const DEBOUNCE: Duration = Duration::from_millis(150);
/// Longest wait for silence.
const DEBOUNCE_MAX: Duration = Duration::from_millis(450);
const POLL: Duration = Duration::from_secs(2);

/// The file system reports something about these paths.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Touched(Vec<PathBuf>);

/// Looks after files. Lives on the control thread; the looking is done on the blocking pool.
pub(crate) struct Watcher {
    targets: Targets,
    registry: Recipient<FileChanged>,
    notify: Option<RecommendedWatcher>,
    /// What is watched, with the inode it had then.
    watched: BTreeMap<PathBuf, u64>,
    /// The last look; `None` before the first.
    seen: Option<Picture>,
    touched: BTreeSet<PathBuf>,
    /// First event that was not looked into yet.
    restless_since: Option<Instant>,
    alarm: Option<SpawnHandle>,
    looking: bool,
    /// Look once more after the look under way.
    again: bool,
}

impl Watcher {
    pub(crate) fn new(targets: Targets, registry: Recipient<FileChanged>) -> Self {
        Self {
            targets,
            registry,
            notify: None,
            watched: BTreeMap::new(),
            seen: None,
            touched: BTreeSet::new(),
            restless_since: None,
            alarm: None,
            looking: false,
            again: false,
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.looking {
            self.again = true;
            return;
        }
        self.looking = true;
        self.restless_since = None;
        let targets = self.targets.clone();
        let touched = std::mem::take(&mut self.touched);
        let before = self.seen.clone().unwrap_or_default();
        let looked = tokio::task::spawn_blocking(move || {
            // The points first: what changes after they were taken is seen by the look or causes
            // another one.
            let points = watch_points(&targets);
            let named = named_by_events(&targets, &points, &touched);
            (Picture::take(&targets, &before), points, named)
        });
        ctx.spawn(looked.into_actor(self).map(|looked, watcher, ctx| {
            watcher.looking = false;
            match looked {
                Ok((picture, points, named)) => watcher.looked(picture, points, named),
                Err(error) => tracing::error!(%error, "look at watched files failed"),
            }
            if std::mem::take(&mut watcher.again) {
                watcher.look(ctx);
            }
        }));
    }

    fn looked(&mut self, picture: Picture, points: BTreeMap<PathBuf, u64>, named: FileChanged) {
        // The first look tells what changed since the start read the files: it cannot know, so
        // everything is news; reading what is known already changes nothing.
        let before = self.seen.replace(picture).unwrap_or_default();
        if let Some(seen) = &self.seen {
            let mut changed = seen.changed_since(&before);
            changed.config |= named.config;
            changed.credentials.extend(named.credentials);
            if changed != FileChanged::default() {
                self.registry.do_send(changed);
            }
        }
        if points != self.watched {
            self.watch(points);
            // What happened between the look and the new watch is seen by one more look.
            self.again = true;
        }
    }

    fn watch(&mut self, points: BTreeMap<PathBuf, u64>) {
        let Some(notify) = &mut self.notify else {
            self.watched = points;
            return;
        };
        for (path, inode) in &self.watched {
            if points.get(path) != Some(inode) {
                // Fails when the file is gone, and with it the watch.
                let _ = notify.unwatch(path);
            }
        }
        for (path, inode) in &points {
            if self.watched.get(path) != Some(inode)
                && let Err(error) = notify.watch(path, RecursiveMode::NonRecursive)
            {
                tracing::warn!(path = %path.display(), %error, "no change events; polling only");
            }
        }
        self.watched = points;
    }
}

/// Whether an event may mean another content. Reading causes events, too.
fn may_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
    }
}

impl Actor for Watcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let me = ctx.address();
        let watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
                Ok(event) if may_change(event.kind) => me.do_send(Touched(event.paths)),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "change events lost; polling goes on"),
            });
        match watcher {
            Ok(watcher) => self.notify = Some(watcher),
            Err(error) => tracing::warn!(%error, "no change events; polling only"),
        }
        self.look(ctx);
        ctx.run_interval(POLL, Self::look);
    }
}

impl Handler<Touched> for Watcher {
    type Result = ();

    fn handle(&mut self, Touched(paths): Touched, ctx: &mut Context<Self>) {
        self.touched.extend(paths);
        let now = Instant::now();
        let since = *self.restless_since.get_or_insert(now);
        if let Some(alarm) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        let wait = DEBOUNCE.min((since + DEBOUNCE_MAX).saturating_duration_since(now));
        self.alarm = Some(ctx.run_later(wait, |watcher, ctx| {
            watcher.alarm = None;
            watcher.look(ctx);
        }));
    }
}

#[cfg(test)]
mod tests;
