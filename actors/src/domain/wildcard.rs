//! `*` patterns over model names.

/// Whether `name` matches `pattern`: `*` stands for any text, also none and also slashes; everything
/// else is compared without case.
pub fn matches(pattern: &str, name: &str) -> bool {
    glob(pattern, name, |want, is| want.eq_ignore_ascii_case(is))
}

/// The same with case: `GPT-5` is not `gpt-5`.
pub fn matches_case(pattern: &str, name: &str) -> bool {
    glob(pattern, name, |want, is| want == is)
}

fn glob(pattern: &str, name: &str, same: impl Fn(&u8, &u8) -> bool) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to resume when the text after the last `*` does not fit: one character further.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = name.get(n) {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(want) if same(want, &byte) => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    retry = Some((after_star, from + 1));
                    (p, n) = (after_star, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|&byte| byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::{matches, matches_case};

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, name, want) in [
            ("gpt-5", "gpt-5", true),
            ("gpt-5", "GPT-5", true),
            ("gpt-5", "gpt-5-mini", false),
            ("gpt-5-*", "gpt-5-mini", true),
            ("gpt-5-*", "gpt-5", false),
            ("*-preview", "gemini-3-preview", true),
            ("*-preview", "gemini-3-preview-2", false),
            ("*codex*", "gpt-5-codex", true),
            ("*codex*", "codex", true),
            ("a*b*c", "a/x/b/y/c", true),
            ("a*b*c", "acb", false),
            ("*a*ab", "aaab", true),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("moonshotai/*", "moonshotai/kimi-k2:free", true),
        ] {
            assert_eq!(matches(pattern, name), want, "{pattern} ~ {name}");
        }
    }
    #[test]
    fn case_may_count() {
        for (pattern, name, want) in [
            ("gpt-5", "gpt-5", true),
            ("gpt-5", "GPT-5", false),
            ("GPT-*", "GPT-5", true),
            ("*-Preview", "gemini-3-preview", false),
        ] {
            assert_eq!(matches_case(pattern, name), want, "{pattern} ~ {name}");
        }
    }
}
