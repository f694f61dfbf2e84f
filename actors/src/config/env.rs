//! The environment variables the configuration depends on, as a value.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// A copy of environment variables, so that resolving stays a pure function.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// Copies the variables of this process; names and values that are not Unicode are left out.
    pub fn of_process() -> Self {
        let text = |text: std::ffi::OsString| text.into_string().ok();
        Self(
            std::env::vars_os()
                .filter_map(|(k, v)| Some((text(k)?, text(v)?)))
                .collect(),
        )
    }

    /// Builds an environment from pairs; for tests and embedding.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
        )
    }

    /// Adds the assignments of a `.env` text; variables that exist keep their value.
    ///
    /// Lines are `NAME=value` or `export NAME=value`; blank lines and `#` lines are skipped, quotes
    /// around the value are removed, an unquoted value ends before ` #`.
    #[must_use]
    pub fn with_dotenv(mut self, text: &str) -> Self {
        for (name, value) in text.lines().filter_map(assignment) {
            self.0.entry(name.to_owned()).or_insert(value);
        }
        self
    }

    /// The trimmed value of a variable, spelt as given or in lower case; `None` when blank.
    pub fn get(&self, name: &str) -> Option<&str> {
        [name, &name.to_ascii_lowercase()]
            .into_iter()
            .filter_map(|name| self.0.get(name))
            .map(|value| value.trim())
            .find(|value| !value.is_empty())
    }

    /// `CLI_PROXY_HOST`: where listeners bind that the configuration does not place, which are those
    /// of login callbacks and the API of a first configuration. Containers set it, because nobody
    /// outside reaches their loopback.
    pub fn host(&self) -> Option<&str> {
        self.get("CLI_PROXY_HOST")
    }

    /// The home folder: `HOME`, on Windows also `USERPROFILE`.
    pub fn home(&self) -> Option<PathBuf> {
        self.get("HOME")
            .or_else(|| self.get("USERPROFILE"))
            .map(PathBuf::from)
    }
}

fn assignment(line: &str) -> Option<(&str, String)> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let (name, value) = line
        .strip_prefix("export ")
        .unwrap_or(line)
        .split_once('=')?;
    let value = value.trim();
    let quoted = ['"', '\''].into_iter().find_map(|quote| {
        let inner = value.strip_prefix(quote)?;
        let end = inner.find(quote)?;
        inner.get(..end)
    });
    let plain = value.split(" #").next().unwrap_or_default().trim_end();
    Some((name.trim(), quoted.unwrap_or(plain).to_owned())).filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Env;

    #[test]
    fn dotenv_lines() {
        for (line, want) in [
            ("A=1", Some("1")),
            (" A = 1 ", Some("1")),
            ("export A=1", Some("1")),
            ("A=\"a # b\" # c", Some("a # b")),
            ("A='x'", Some("x")),
            ("A=x # comment", Some("x")),
            ("A=p#q", Some("p#q")),
            ("# A=1", None),
            ("A", None),
            ("A=", None),
        ] {
            assert_eq!(Env::default().with_dotenv(line).get("A"), want, "{line}");
        }
    }

    #[test]
    fn dotenv_never_overrides() {
        let env = Env::from_pairs([("A", "process")]).with_dotenv("A=file\nB=file");
        assert_eq!(
            (env.get("A"), env.get("B")),
            (Some("process"), Some("file"))
        );
    }

    #[test]
    fn names_may_be_in_lower_case() {
        let env = Env::from_pairs([("writable_path", " /data ")]);
        assert_eq!(env.get("WRITABLE_PATH"), Some("/data"));
    }
}
