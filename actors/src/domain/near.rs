//! Names somebody may have meant, for "unknown provider for model" (router-for-me/CLIProxyAPI#491).

use crate::config::near::distance;

/// Up to `n` of `known` that are close to `word`: a slip of the keyboard, or one name inside the
/// other; the closest first.
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>, n: usize) -> Vec<&'k str> {
    let word = word.to_ascii_lowercase();
    // A third of the letters may be wrong; short parts of a name would be in half of all names.
    let limit = (word.chars().count() / 3).max(1);
    let mut found: Vec<(usize, &str)> = known
        .filter_map(|name| {
            let other = name.to_ascii_lowercase();
            let within = word.len() >= 4 && other.contains(&word)
                || other.len() >= 4 && word.contains(&other);
            // The distance is at least the difference of the lengths.
            let may_be_near = word.len().abs_diff(other.len()) <= limit;
            (within || may_be_near)
                .then(|| distance(&word, &other))
                .filter(|&distance| within || distance <= limit)
                .map(|distance| (distance, name))
        })
        .collect();
    found.sort_unstable();
    found.truncate(n);
    found.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_parts() {
        let known = [
            "claude-opus-4-6",
            "claude-sonnet-4-5",
            "gpt-5",
            "gpt-5-codex",
            "kimi-k2",
        ];
        for (word, want) in [
            ("gpt5", &["gpt-5"][..]),
            ("gpt-5-codx", &["gpt-5-codex", "gpt-5"]),
            ("GPT-5.2-codex", &["gpt-5-codex", "gpt-5"]),
            ("claude-opus-4.6", &["claude-opus-4-6"]),
            ("kimi", &["kimi-k2"]),
            ("weather", &[]),
        ] {
            assert_eq!(nearest(word, known.iter().copied(), 2), want, "{word}");
        }
    }
}
