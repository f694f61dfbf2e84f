//! Tool names and call ids an upstream refuses, mapped and mapped back (`matrix.md` §4.4).

use std::collections::HashSet;

/// Client names ↔ upstream names, only where they differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NameMap {
    pairs: Vec<(String, String)>,
}

/// What an upstream accepts as a tool name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRule {
    /// Longest name in characters.
    pub max: usize,
    /// Further characters beside `[A-Za-z0-9_-]` (`.:` for Gemini).
    pub also: &'static str,
    /// The first character must be a letter or `_`.
    pub letter_first: bool,
}

impl NameRule {
    /// Chat, Responses, Kiro.
    pub const OPENAI: Self = Self {
        max: 64,
        also: "",
        letter_first: false,
    };
    /// Anthropic.
    pub const ANTHROPIC: Self = Self {
        max: 128,
        also: "",
        letter_first: false,
    };
    /// Gemini.
    pub const GEMINI: Self = Self {
        max: 64,
        also: ".:",
        letter_first: true,
    };

    /// True when the upstream takes `name` as it is.
    pub fn accepts(&self, name: &str) -> bool {
        !name.is_empty()
            && name.len() <= self.max
            && name.chars().all(|c| self.allows(c))
            && self.first_is_fine(name)
    }

    /// A legal name made from `name`; several names may get the same one.
    fn fit(&self, name: &str) -> String {
        let mut made = String::with_capacity(name.len() + 1);
        if !self.first_is_fine(name) {
            made.push('_');
        }
        made.extend(name.chars().map(|c| if self.allows(c) { c } else { '_' }));
        if made.len() <= self.max {
            return made;
        }
        // The last part tells more than the server's name.
        if let Some(rest) = made.strip_prefix("mcp__")
            && let Some((_, tool)) = rest.rsplit_once("__")
        {
            made = format!("mcp__{tool}");
        }
        made.truncate(self.max);
        made
    }

    fn allows(&self, c: char) -> bool {
        c.is_ascii_alphanumeric() || c == '_' || c == '-' || self.also.contains(c)
    }

    fn first_is_fine(&self, name: &str) -> bool {
        match name.chars().next() {
            None => false,
            // What is replaced becomes `_`.
            Some(c) if !self.allows(c) => true,
            Some(c) => !self.letter_first || c.is_ascii_alphabetic() || c == '_',
        }
    }
}

impl NameMap {
    /// Maps every name of `names` that breaks `rule`; the same names give the same map on every turn.
    ///
    /// Legal names are never touched, so no made name may equal one of them.
    pub fn build<'a>(names: impl IntoIterator<Item = &'a str>, rule: NameRule) -> Self {
        let mut seen = HashSet::new();
        let (legal, illegal): (Vec<&str>, Vec<&str>) = names
            .into_iter()
            .filter(|name| seen.insert(*name))
            .partition(|name| rule.accepts(name));
        let mut map = Self::default();
        if illegal.is_empty() {
            return map;
        }
        let mut taken: HashSet<String> = legal.into_iter().map(str::to_owned).collect();
        for name in illegal {
            let base = rule.fit(name);
            let mut made = base.clone();
            let mut n = 0usize;
            while !taken.insert(made.clone()) {
                n += 1;
                let suffix = format!("_{n}");
                made = cut(&base, rule.max.saturating_sub(suffix.len())).to_owned() + &suffix;
            }
            map.insert(name, made);
        }
        map
    }

    /// Records that `client` is called `upstream`.
    pub fn insert(&mut self, client: impl Into<String>, upstream: impl Into<String>) {
        self.pairs.push((client.into(), upstream.into()));
    }

    /// The upstream's name for a client's tool.
    pub fn to_upstream<'a>(&'a self, client: &'a str) -> &'a str {
        self.pairs
            .iter()
            .find(|(c, _)| c == client)
            .map_or(client, |(_, u)| u)
    }

    /// The client's name for an upstream's tool.
    pub fn to_client<'a>(&'a self, upstream: &'a str) -> &'a str {
        self.pairs
            .iter()
            .find(|(_, u)| u == upstream)
            .map_or(upstream, |(c, _)| c)
    }

    /// True when every name is the same on both sides.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// The name of a namespaced tool where namespaces do not exist: `ns__child`.
pub fn flatten(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{namespace}__{name}"),
        None => name.to_owned(),
    }
}

/// A call id made of `[A-Za-z0-9_-]` for Anthropic; empty → `toolu_` and a stable hash of `salt`.
pub fn anthropic_call_id(id: &str, salt: &str) -> String {
    if id.is_empty() {
        let hex = stable_hex(salt) + &stable_hex(&format!("{salt}#"));
        return format!("toolu_{}", cut(&hex, 24));
    }
    id.chars()
        .map(|c| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-' => c,
            _ => '_',
        })
        .collect()
}

/// A call id of at most 64 characters for Responses: longer → first part, `_`, 16 hex of a stable hash.
pub fn short_call_id(id: &str) -> String {
    const MAX: usize = 64;
    if id.chars().count() <= MAX {
        return id.to_owned();
    }
    let hash = stable_hex(id);
    let keep = MAX - 1 - hash.len();
    let first: String = id.chars().take(keep).collect();
    format!("{first}_{hash}")
}

/// 64-bit stable hash of a text in hex (16 digits), for made ids: the same on every machine and in
/// every version, since ids come back in later turns. Not for secrets.
pub fn stable_hex(text: &str) -> String {
    // FNV-1a, then the finaliser of MurmurHash3, so that texts with one end differ everywhere.
    let mut hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    format!("{hash:016x}")
}

/// The first `max` bytes of an ASCII text.
fn cut(text: &str, max: usize) -> &str {
    text.get(..max).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: NameRule, names: &[&str], want: &[&str]) {
        let map = NameMap::build(names.iter().copied(), rule);
        let got: Vec<_> = names.iter().map(|name| map.to_upstream(name)).collect();
        assert_eq!(got, want);
        for (name, upstream) in names.iter().zip(&got) {
            assert!(rule.accepts(upstream), "{upstream}");
            assert_eq!(map.to_client(upstream), *name);
        }
        assert_eq!(map, NameMap::build(names.iter().copied(), rule));
    }

    #[test]
    fn legal_names_stay() {
        check(NameRule::OPENAI, &["a-b_C9", "9"], &["a-b_C9", "9"]);
        assert!(NameMap::build(["a", "a"], NameRule::OPENAI).is_empty());
    }

    #[test]
    fn a_legal_name_is_never_given_away() {
        check(
            NameRule::OPENAI,
            &["a.b", "a/b", "a_b", "a_b_1", ""],
            &["a_b_2", "a_b_3", "a_b", "a_b_1", "_"],
        );
    }

    #[test]
    fn e82_long_names_stay_apart() {
        let server = "mcp__cloudflare_developer_platform_bindings_and_observability_server";
        let (get, logs) = (
            format!("{server}__workers_builds_get_build"),
            format!("{server}__workers_builds_get_build_logs"),
        );
        check(
            NameRule::OPENAI,
            &[&get, &logs],
            &[
                "mcp__workers_builds_get_build",
                "mcp__workers_builds_get_build_logs",
            ],
        );
        let (a, b) = ("x".repeat(64) + "_a", "x".repeat(64) + "_b");
        let (want_a, want_b) = ("x".repeat(64), "x".repeat(62) + "_1");
        check(NameRule::OPENAI, &[&a, &b], &[&want_a, &want_b]);
    }

    #[test]
    fn e83_gemini_names() {
        for (name, want) in [
            ("name!with@x", "name_with_x"),
            ("123name", "_123name"),
            (".name", "_.name"),
            ("name with 你好", "name_with___"),
            ("a.b:c-d", "a.b:c-d"),
        ] {
            check(NameRule::GEMINI, &[name], &[want]);
        }
        let digits = "1".repeat(64);
        check(
            NameRule::GEMINI,
            &[&digits],
            &[&format!("_{}", "1".repeat(63))],
        );
    }

    #[test]
    fn e84_one_character_apart() {
        check(
            NameRule::GEMINI,
            &["read/file", "read_file"],
            &["read_file_1", "read_file"],
        );
    }

    #[test]
    fn e94_namespace_flattened() {
        assert_eq!(flatten(Some("fs"), "read"), "fs__read");
        assert_eq!(flatten(None, "read"), "read");
    }

    #[test]
    fn e40_anthropic_call_ids() {
        assert_eq!(
            anthropic_call_id("call.with space:1", ""),
            "call_with_space_1"
        );
        let made = anthropic_call_id("", "turn 3, call 0");
        assert_eq!(made.len(), "toolu_".len() + 24);
        assert!(made.starts_with("toolu_"));
        assert_eq!(made, anthropic_call_id("", "turn 3, call 0"));
        assert_ne!(made, anthropic_call_id("", "turn 3, call 1"));
    }

    #[test]
    fn e41_long_call_ids_are_shortened() {
        let (a, b) = ("x".repeat(85) + "a", "x".repeat(85) + "b");
        assert_eq!(short_call_id(&a).len(), 64);
        assert_eq!(short_call_id(&a), short_call_id(&a));
        assert_ne!(short_call_id(&a), short_call_id(&b));
        let short = "x".repeat(64);
        assert_eq!(short_call_id(&short), short);
    }

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(stable_hex("").len(), 16);
        assert_eq!(stable_hex("call_1"), "3819df38846a8fff");
    }
}
