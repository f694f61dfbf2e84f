//! `--accounts`: what the store has, as a table, with what a daemon has written down about it.

mod table;

use super::login::say;
use crate::providers::{self, Table};
use actors::domain::quota::{QuotaStatus, QuotaWindow};
use actors::domain::record::CredentialRecord;
use actors::domain::refresh::due_at;
use actors::domain::status::{AccountStatus, DaemonStatus, Rest};
use actors::domain::view::CredentialState;
use actors::port::Providers;
use actors::registry::Known;
use actors::system::LoginHandles;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;
use table::{Row, from_now, laid_out};

/// Windows of a quota, or rests, that are shown of one account.
const SHOWN: usize = 6;
/// Age at which it is said how old a quota is.
const QUOTA_FRESH: TimeDelta = TimeDelta::hours(1);

/// Prints the accounts.
pub fn run(handles: &LoginHandles, table: &Table, now: DateTime<Utc>) {
    let config = &handles.snapshot.get().config;
    if handles.accounts.is_empty() && handles.unreadable.is_empty() {
        say(&format!(
            "There is no account in {} yet; see `--help` for the logins.",
            config.auth_dir.display()
        ));
        return;
    }
    let status = handles.daemon.status.as_ref();
    let rows: Vec<Row> = handles
        .accounts
        .iter()
        .flat_map(|record| {
            // An account with several projects is followed by each of them.
            let faces = table.faces(record).into_iter().map(Arc::new);
            std::iter::once(Arc::clone(record)).chain(faces)
        })
        .map(|record| {
            let known = status.and_then(|status| status.accounts.get(&record.id));
            // What was written about another account of the same name says nothing about this one.
            let known = known.filter(|known| known.label == record.label);
            row(&record, known, table, now)
        })
        .collect();
    for line in laid_out(&rows) {
        say(&line);
    }
    for (id, error) in &handles.unreadable {
        say(&format!("{id}: not readable: {error}"));
    }
    say("");
    for line in about_daemon(&handles.daemon, now) {
        say(&line);
    }
}

/// How far the table can be trusted.
fn about_daemon(known: &Known, now: DateTime<Utc>) -> Vec<String> {
    let mut lines: Vec<String> = known
        .error
        .iter()
        .map(|error| format!("warning: what the daemon has written down is ignored: {error}"))
        .collect();
    let wrote = |status: &DaemonStatus| from_now(status.written_at, now);
    lines.push(match (known.is_running, &known.status) {
        (Some(true), Some(status)) => format!(
            "The daemon runs (process {}, started {}); something changed last {}.",
            status.daemon.pid,
            from_now(status.daemon.started_at, now),
            wrote(status)
        ),
        (Some(true), None) => {
            "The daemon runs and has written nothing down yet; this is what the files say."
                .to_owned()
        }
        (Some(false), Some(status)) => format!(
            "No daemon runs; the last one wrote its part of this {}.",
            wrote(status)
        ),
        (None, Some(status)) => format!("A daemon wrote its part of this {}.", wrote(status)),
        (Some(false) | None, None) => {
            "No daemon has written anything down; this is what the files say.".to_owned()
        }
    });
    lines
}

fn row(
    record: &CredentialRecord,
    known: Option<&AccountStatus>,
    table: &Table,
    now: DateTime<Utc>,
) -> Row {
    let provider = providers::by_id(&record.provider);
    let plan = provider.and_then(|provider| provider.plan(record));
    let driver = table.driver(&record.provider);
    let refreshes = driver.is_some() && has_refresh_token(record);
    let lead = driver.and_then(|driver| driver.refresh_lead(record));
    // About the token in the file, or about one that was replaced since?
    let same_token = known.filter(|known| known.token_ends_at == record.expires_at);
    let next = match same_token {
        Some(known) => known.next_refresh_at,
        None => record
            .expires_at
            .filter(|_| refreshes)
            .map(|end| due_at(end, record.refreshed_at, lead, 0)),
    };
    let state = match provider {
        None => "no such provider",
        Some(_) => state(record, refreshes, known, same_token.is_some(), now),
    };
    let rests = known.map_or(&[][..], |known| &known.rests);
    let mut running: Vec<&Rest> = rests.iter().filter(|rest| rest.mark.until > now).collect();
    running.sort_by_key(|rest| std::cmp::Reverse(rest.mark.until));
    let time = |at: Option<DateTime<Utc>>| at.map_or("-".to_owned(), |at| from_now(at, now));
    let mut notes = Vec::new();
    if let Some(known) = known {
        let windows: Vec<_> = known.quota.windows(now).collect();
        notes.extend(quota(windows, now).map(|text| ("quota", text)));
        notes.extend(cooldown(&running, now).map(|text| ("cooldown", text)));
        let attention = known.attention.as_ref();
        notes.extend(attention.map(|text| ("action", text.to_string())));
        let refresh_error = known.refresh_error.as_ref();
        notes.extend(refresh_error.map(|text| ("refresh", text.to_string())));
        notes.extend(known.last_error.as_ref().map(|error| {
            let mut text = format!("{}, {}", from_now(error.at, now), error.model);
            // What there is to do says it already.
            if attention.is_none_or(|action| **action != error.message) {
                text += &format!(": {}", error.message);
            }
            ("last error", text)
        }));
    }
    Row {
        cells: [
            record.label.clone(),
            record.provider.to_string(),
            plan.unwrap_or_else(|| "-".to_owned()),
            state.to_owned(),
            time(record.expires_at),
            time(next),
            time(running.first().map(|rest| rest.mark.until)),
        ],
        file: record.id.to_string(),
        notes,
    }
}

/// One word about an account: what the daemon saw, as far as it saw the token that is there now.
fn state(
    record: &CredentialRecord,
    refreshes: bool,
    known: Option<&AccountStatus>,
    same_token: bool,
    now: DateTime<Utc>,
) -> &'static str {
    if record.settings.disabled {
        return "disabled";
    }
    match known {
        Some(known) if same_token && known.state == CredentialState::NeedsLogin => {
            return "log in again";
        }
        Some(known) if same_token && known.state == CredentialState::Broken => return "crashed",
        Some(known) if known.attention.is_some() => return "needs action",
        _ => {}
    }
    match record.expires_at {
        Some(end) if end <= now && !refreshes => "log in again",
        Some(end) if end <= now => "token ended",
        _ if record.secret.is_none() && !refreshes => "no token yet",
        _ => "ready",
    }
}

/// `5 h 37 %, 7 d 80 %`.
fn quota(mut windows: Vec<&QuotaWindow>, now: DateTime<Utc>) -> Option<String> {
    let oldest = windows.iter().map(|window| window.observed_at).min()?;
    let n_more = windows.len().saturating_sub(SHOWN);
    if n_more > 0 {
        // One per model: the fullest are of interest.
        windows.sort_by_key(|window| std::cmp::Reverse((window.status, window.used_percent)));
    }
    let shown = windows.iter().take(SHOWN).map(|window| usage(window, now));
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if n_more > 0 {
        text += &format!(", and {n_more} more");
    }
    if now - oldest > QUOTA_FRESH {
        text += &format!(" (as of {})", from_now(oldest, now));
    }
    Some(text)
}

/// One window; with the time of its reset where somebody may be waiting for it.
fn usage(window: &QuotaWindow, now: DateTime<Utc>) -> String {
    let text = window.to_string();
    let resets_at = window
        .resets_at
        .filter(|_| window.status != QuotaStatus::Allowed);
    let Some(resets_at) = resets_at else {
        return text;
    };
    let resets = format!("resets {}", from_now(resets_at, now));
    match text.strip_suffix(')') {
        Some(open) => format!("{open}, {resets})"),
        None => format!("{text} ({resets})"),
    }
}

/// What rests, and why.
fn cooldown(running: &[&Rest], now: DateTime<Utc>) -> Option<String> {
    let n_more = running.len().saturating_sub(SHOWN);
    let one = |rest: &&Rest| {
        let whom = rest.model.as_deref().unwrap_or("every model");
        let (why, end) = (rest.mark.reason.as_str(), from_now(rest.mark.until, now));
        format!("{whom} ({why}) ends {end}")
    };
    let shown: Vec<_> = running.iter().take(SHOWN).map(one).collect();
    let mut text = shown.join(", ");
    if n_more > 0 {
        text += &format!(", and {n_more} more");
    }
    (!text.is_empty()).then_some(text)
}

fn has_refresh_token(record: &CredentialRecord) -> bool {
    providers::oauth::refresh::refresh_token(record).is_some()
        // A service account makes its tokens out of its key.
        || record.document.contains_key("service_account")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
    }

    fn window(name: &str, used: u8, minutes_ago: i64) -> QuotaWindow {
        QuotaWindow {
            name: name.to_owned().into(),
            minutes: None,
            used_percent: Some(used),
            resets_at: None,
            status: QuotaStatus::of(Some(used)),
            observed_at: now() - TimeDelta::minutes(minutes_ago),
        }
    }

    #[test]
    fn quota_is_one_line() {
        let few = [window("5 h", 37, 0), window("7 d", 80, 5)];
        let old = [window("5 h", 37, 90)];
        let many: Vec<_> = (0..9)
            .map(|n| window(&format!("m{n}"), n * 10, 0))
            .collect();
        let resets = |used, status| QuotaWindow {
            status,
            resets_at: Some(now() + TimeDelta::hours(49)),
            ..window("7 d", used, 0)
        };
        let low = [
            resets(90, QuotaStatus::Allowed),
            resets(91, QuotaStatus::Warning),
            resets(100, QuotaStatus::Exhausted),
        ];
        for (windows, want) in [
            (&few[..], Some("5 h 37 %, 7 d 80 %")),
            (
                &low,
                Some(
                    "7 d 90 %, 7 d 91 % (warning, resets in 2 d 1 h), 7 d 100 % (resets in 2 d 1 h)",
                ),
            ),
            (&old, Some("5 h 37 % (as of 1 h 30 min ago)")),
            (
                &many,
                Some("m8 80 %, m7 70 %, m6 60 %, m5 50 %, m4 40 %, m3 30 %, and 3 more"),
            ),
            (&[], None),
        ] {
            let text = quota(windows.iter().collect(), now());
            assert_eq!(text.as_deref(), want);
        }
    }
}
