//! `--accounts`: what the store has, as a table.

use super::login::say;
use crate::providers::{self, Table};
use actors::domain::health::Health;
use actors::domain::record::CredentialRecord;
use actors::domain::refresh::due_at;
use actors::port::Providers;
use actors::system::LoginHandles;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// Columns of the table.
const HEADS: [&str; 8] = [
    "ACCOUNT",
    "PROVIDER",
    "PLAN",
    "STATE",
    "TOKEN ENDS",
    "NEXT REFRESH",
    "COOLDOWN",
    "FILE",
];

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
    let rows: Vec<[String; 8]> = handles
        .accounts
        .iter()
        .flat_map(|record| {
            // An account with several projects is followed by each of them.
            let faces = table.faces(record).into_iter().map(Arc::new);
            std::iter::once(Arc::clone(record)).chain(faces)
        })
        .map(|record| row(&record, handles.rests.get(&record.id), table, now))
        .collect();
    for line in laid_out(&rows) {
        say(&line);
    }
    for (id, error) in &handles.unreadable {
        say(&format!("{id}: not readable: {error}"));
    }
    say("");
    if config.cooling.save {
        say("Cooldowns are those the daemon has written down. What failed last stands in its log.");
    } else {
        say(
            "Cooldowns are known to the running daemon only, unless `save-cooldown-status` is on. \
             What failed last stands in its log.",
        );
    }
}

fn row(
    record: &CredentialRecord,
    rests: Option<&Health>,
    table: &Table,
    now: DateTime<Utc>,
) -> [String; 8] {
    let provider = providers::by_id(&record.provider);
    let plan = provider.and_then(|provider| provider.plan(record));
    let driver = table.driver(&record.provider);
    let refreshes = driver.is_some() && has_refresh_token(record);
    let lead = driver.and_then(|driver| driver.refresh_lead(record));
    let next = record
        .expires_at
        .filter(|_| refreshes)
        .map(|end| due_at(end, record.refreshed_at, lead, 0));
    let state = if provider.is_none() {
        "no such provider"
    } else if record.settings.disabled {
        "disabled"
    } else {
        match record.expires_at {
            Some(end) if end <= now && !refreshes => "log in again",
            Some(end) if end <= now => "token ended",
            _ if record.secret.is_none() && !refreshes => "no token yet",
            _ => "ready",
        }
    };
    let cooldown = rests.and_then(|health| {
        let running = health.marks().filter(|(_, mark)| mark.until > now);
        let (model, mark) = running.max_by_key(|(_, mark)| mark.until)?;
        let whom = model.map(|model| format!(" {model}")).unwrap_or_default();
        Some(format!(
            "{}{whom} ({})",
            from_now(mark.until, now),
            mark.reason.as_str()
        ))
    });
    let time = |at: Option<DateTime<Utc>>| at.map_or("-".to_owned(), |at| from_now(at, now));
    [
        record.label.clone(),
        record.provider.to_string(),
        plan.unwrap_or_else(|| "-".to_owned()),
        state.to_owned(),
        time(record.expires_at),
        time(next),
        cooldown.unwrap_or_else(|| "-".to_owned()),
        record.id.to_string(),
    ]
}

fn has_refresh_token(record: &CredentialRecord) -> bool {
    providers::oauth::refresh::refresh_token(record).is_some()
        // A service account makes its tokens out of its key.
        || record.document.contains_key("service_account")
}

/// A point in time as people say it: `in 2 h 5 min`, `3 d ago`.
fn from_now(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let past = at <= now;
    let span = if past { now - at } else { at - now };
    let text = match span {
        span if span < TimeDelta::minutes(1) => "less than 1 min".to_owned(),
        span if span < TimeDelta::hours(1) => format!("{} min", span.num_minutes()),
        span if span < TimeDelta::days(1) => {
            format!("{} h {} min", span.num_hours(), span.num_minutes() % 60)
        }
        span => format!("{} d {} h", span.num_days(), span.num_hours() % 24),
    };
    if past {
        format!("{text} ago")
    } else {
        format!("in {text}")
    }
}

/// Rows below [`HEADS`], every column as wide as its widest cell. Pure.
fn laid_out(rows: &[[String; 8]]) -> Vec<String> {
    let heads = HEADS.map(str::to_owned);
    let all = || std::iter::once(&heads).chain(rows);
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|column| {
            let cells = all().filter_map(|row| row.get(column));
            cells
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    all()
        .map(|row| {
            let cells = row.iter().zip(&widths);
            let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_for_people() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        for (seconds, want) in [
            (30, "in less than 1 min"),
            (-59, "less than 1 min ago"),
            (125, "in 2 min"),
            (7500, "in 2 h 5 min"),
            (-90_000, "1 d 1 h ago"),
        ] {
            assert_eq!(from_now(now + TimeDelta::seconds(seconds), now), want);
        }
    }

    #[test]
    fn columns_are_aligned() {
        let row = ["a-long-account", "x", "-", "ready", "-", "-", "-", "f.json"];
        let lines = laid_out(&[row.map(str::to_owned)]);
        assert_eq!(lines[0].find("PROVIDER"), lines[1].find('x'));
        assert_eq!(lines[0].find("FILE"), lines[1].find("f.json"));
    }
}
