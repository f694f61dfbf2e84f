//! Rests that survive a restart (`save-cooldown-status`, router-for-me/CLIProxyAPI#3368): one small
//! file beside the logins.

use crate::config::file::replace;
use crate::domain::health::{Health, Mark};
use crate::domain::id::CredentialId;
use crate::domain::snapshot::Member;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the file; hidden, so that it is no login.
const NAME: &str = ".cooldowns";

/// All rests worth keeping.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept(BTreeMap<CredentialId, Vec<Entry>>);

/// One rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Upstream model; absent = the whole credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(flatten)]
    mark: Mark,
}

/// Where rests are kept, and what was written last.
#[derive(Debug, Clone)]
pub(crate) struct CooldownFile {
    path: Arc<Path>,
    written: Kept,
}

impl Kept {
    /// What the credentials show now; what ends before `now` is left out.
    pub(super) fn of(members: &[Arc<Member>], now: DateTime<Utc>) -> Self {
        let kept = members.iter().filter_map(|member| {
            let view = member.view.get();
            let entries: Vec<_> = view
                .health
                .marks()
                .filter(|(_, mark)| worth_keeping(mark, now))
                .map(|(model, mark)| Entry {
                    model: model.map(str::to_owned),
                    // Whoever probes does not survive the restart.
                    mark: Mark {
                        probe_until: None,
                        ..*mark
                    },
                })
                .collect();
            (!entries.is_empty()).then(|| (member.id.clone(), entries))
        });
        Self(kept.collect())
    }

    /// The health each credential starts with.
    fn into_health(self, now: DateTime<Utc>) -> BTreeMap<CredentialId, Health> {
        let health = |entries: Vec<Entry>| {
            let mut health = Health::default();
            for entry in entries
                .iter()
                .filter(|entry| worth_keeping(&entry.mark, now))
            {
                health.restore(entry.model.as_deref(), entry.mark);
            }
            health
        };
        self.0
            .into_iter()
            .map(|(id, entries)| (id, health(entries)))
            .collect()
    }
}

fn worth_keeping(mark: &Mark, now: DateTime<Utc>) -> bool {
    mark.capped || mark.until > now
}

impl CooldownFile {
    /// Opens the file in the folder of the logins and reads what is still of interest. A file that
    /// cannot be read is as good as none: rests are learned again.
    pub(crate) fn open(
        folder: &Path,
        now: DateTime<Utc>,
    ) -> (Self, BTreeMap<CredentialId, Health>) {
        let path: PathBuf = folder.join(NAME);
        let read = std::fs::read_to_string(&path)
            .and_then(|text| serde_json::from_str::<Kept>(&text).map_err(io::Error::from));
        let written = read.unwrap_or_else(|error| {
            if error.kind() != ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "cooldowns not read");
            }
            Kept::default()
        });
        let health = written.clone().into_health(now);
        (
            Self {
                path: path.into(),
                written,
            },
            health,
        )
    }

    /// What has to be written so that the file says `kept`; `None` when it says so already. Counts
    /// as written from now on: the next change is written whatever becomes of this one.
    pub(super) fn write(&mut self, kept: Kept) -> Option<impl FnOnce() + Send + use<>> {
        if kept == self.written {
            return None;
        }
        self.written = kept.clone();
        let path = Arc::clone(&self.path);
        Some(move || {
            let written = serde_json::to_string(&kept)
                .map_err(io::Error::from)
                .and_then(|text| replace(&path, &text, None));
            if let Err(error) = written {
                tracing::warn!(path = %path.display(), %error, "cooldowns not saved");
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::health::Reason;
    use chrono::TimeDelta;

    #[test]
    fn only_rests_that_last_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let entry = |model: Option<&str>, minutes, capped| Entry {
            model: model.map(str::to_owned),
            mark: Mark {
                reason: Reason::Quota,
                since: now - TimeDelta::hours(1),
                until: now + TimeDelta::minutes(minutes),
                strikes: 3,
                capped,
                probe_until: None,
            },
        };
        let entries = vec![
            entry(None, -5, true),
            entry(Some("over"), -1, false),
            entry(Some("m"), 5, false),
        ];
        let kept = Kept([("a.json".into(), entries)].into());
        let (mut file, health) = CooldownFile::open(folder.path(), now);
        assert!(health.is_empty());
        file.write(kept.clone()).expect("news")();
        assert!(file.write(kept).is_none(), "no news");
        let (_, health) = CooldownFile::open(folder.path(), now);
        let health = health.get("a.json").expect("a credential");
        let models: Vec<_> = health.marks().map(|(model, _)| model).collect();
        assert_eq!(models, [None, Some("m")]);

        std::fs::write(folder.path().join(NAME), "{").expect("written");
        let (_, health) = CooldownFile::open(folder.path(), now);
        assert!(health.is_empty());
    }
}
