//! Finds the word somebody probably meant.

/// Returns the known word nearest to `word`, when it is near enough to be a slip of the keyboard.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = normal(word);
    let limit = (word.chars().count() / 3).clamp(1, 3);
    let (distance, best) = known
        .iter()
        .map(|known| (distance(&word, &normal(known)), *known))
        .min()?;
    (distance <= limit).then_some(best)
}

/// Case, underscores and camel case are no real difference.
fn normal(word: &str) -> String {
    let mut out = String::new();
    for c in word.chars() {
        match c {
            '_' | ' ' => out.push('-'),
            c if c.is_ascii_uppercase() => {
                if !out.is_empty() && !out.ends_with('-') {
                    out.push('-');
                }
                out.push(c.to_ascii_lowercase());
            }
            c => out.push(c),
        }
    }
    out
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replace = last[j] + usize::from(x != y);
            let mut best = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_spellings() {
        let known = [
            "api-keys",
            "auth-dir",
            "port",
            "proxy-url",
            "request-retry",
            "tls",
        ];
        for (word, want) in [
            ("api-key", Some("api-keys")),
            ("api_keys", Some("api-keys")),
            ("apiKeys", Some("api-keys")),
            ("auhtdir", Some("auth-dir")),
            ("prot", Some("port")),
            ("proxy", None),
            ("request-retries", Some("request-retry")),
            ("tsl", Some("tls")),
            ("weather", None),
        ] {
            assert_eq!(nearest(word, &known), want, "{word}");
        }
    }
}
