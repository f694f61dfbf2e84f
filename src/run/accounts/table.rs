//! The layout of the table. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// Columns of a terminal that everything fits into, as long as names are not too long for it.
const WIDTH: usize = 120;
/// Longest name of an account that is not cut.
const NAME_MAX: usize = 36;
/// Columns before the text of a note.
const INDENT: usize = 14;

/// Heads of the columns; the file follows them where there is room.
pub(super) const HEADS: [&str; 7] = [
    "ACCOUNT",
    "PROVIDER",
    "PLAN",
    "STATE",
    "TOKEN ENDS",
    "NEXT REFRESH",
    "COOLDOWN",
];

/// One account.
pub(super) struct Row {
    /// One cell per head.
    pub(super) cells: [String; 7],
    /// Where it lives.
    pub(super) file: String,
    /// What does not fit into a cell: a word, and a text of any length.
    pub(super) notes: Vec<(&'static str, String)>,
}

/// The lines of the table: one per account, its notes below.
pub(super) fn laid_out(rows: &[Row]) -> Vec<String> {
    let heads = HEADS.map(str::to_owned);
    let cells = |row: &Row| {
        let mut cells = row.cells.clone();
        if let Some(name) = cells.first_mut() {
            *name = cut(name);
        }
        cells
    };
    let all: Vec<[String; 7]> = std::iter::once(heads)
        .chain(rows.iter().map(cells))
        .collect();
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|column| {
            let cells = all.iter().filter_map(|row| row.get(column));
            cells.map(|cell| width(cell)).max().unwrap_or_default()
        })
        .collect();
    let line = |cells: &[String; 7], file: Option<&str>| {
        let cells = cells.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
        let cells: Vec<_> = cells.chain(file.map(str::to_owned)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let before_file = widths.iter().map(|width| width + 2).sum::<usize>();
    let longest = rows.iter().map(|row| width(&row.file)).max();
    let beside = longest.is_none_or(|file| before_file + file <= WIDTH);
    let mut lines = Vec::new();
    let mut all = all.iter();
    lines.extend(
        all.next()
            .map(|heads| line(heads, beside.then_some("FILE"))),
    );
    for (cells, row) in all.zip(rows) {
        lines.push(line(cells, beside.then_some(&row.file)));
        if !beside {
            lines.extend(note("file", &row.file));
        }
        for (word, text) in &row.notes {
            lines.extend(note(word, text));
        }
    }
    lines
}

/// A text below a row, broken where the terminal ends.
fn note(word: &str, text: &str) -> Vec<String> {
    let mut lines = vec![format!("{:<INDENT$}", format!("  {word}:"))];
    let mut used = INDENT;
    // Texts of upstreams must not steer the terminal.
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    for part in text.split_whitespace() {
        let fits = used == INDENT || used + 1 + width(part) <= WIDTH;
        if !fits {
            lines.push(" ".repeat(INDENT));
            used = INDENT;
        }
        let Some(line) = lines.last_mut() else { break };
        if used > INDENT {
            line.push(' ');
            used += 1;
        }
        line.push_str(part);
        used += width(part);
    }
    lines
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(NAME_MAX - 1) {
        Some((end, _)) if width(name) > NAME_MAX => {
            format!("{}…", name.get(..end).unwrap_or_default())
        }
        _ => name.to_owned(),
    }
}

/// A point in time as people say it: `in 2 h 5 min`, `3 d ago`.
pub(super) fn from_now(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, file: &str) -> Row {
        Row {
            cells: [name, "x", "-", "ready", "-", "-", "-"].map(str::to_owned),
            file: file.to_owned(),
            notes: Vec::new(),
        }
    }

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
        let lines = laid_out(&[row("a-long-account", "f.json")]);
        assert_eq!(lines[0].find("PROVIDER"), lines[1].find('x'));
        assert_eq!(lines[0].find("FILE"), lines[1].find("f.json"));
    }

    #[test]
    fn long_texts_stand_below_and_nothing_is_wider_than_a_terminal() {
        let name = "somebody.with.a.very.long.name@department.of.a.company.example";
        let mut one = row(name, &format!("codex-ba36a4ed-{name}-enterprise.json"));
        one.notes = vec![
            ("action", "word ".repeat(60)),
            ("last error", "a\u{1b}[31m red one".to_owned()),
        ];
        let lines = laid_out(&[one, row("b", "b.json")]);
        assert!(lines.iter().all(|line| width(line) <= WIDTH), "{lines:#?}");
        let line = |part: &str| lines.iter().find(|line| line.contains(part)).unwrap();
        assert!(lines[1].starts_with("somebody.with.a.very.long.name@depa…  "));
        assert!(line("-enterprise.json").starts_with("  file:       codex-"));
        assert!(line("b.json").starts_with("  file:       b.json"));
        let words: usize = lines.iter().map(|line| line.matches("word").count()).sum();
        assert_eq!(words, 60);
        assert!(line("last error").ends_with("a[31m red one"));
    }
}
