//! Reading what a browser was sent back with, in every form people paste it. Pure.

use super::step::{AuthorizationCode, DeliverError, LoginError};
use crate::domain::secret::Secret;
use std::fmt;

/// The query of a redirect.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Redirected {
    /// `code`
    pub code: Option<String>,
    /// `state`
    pub state: Option<String>,
    /// `error`
    pub error: Option<String>,
    /// `error_description`
    pub error_description: Option<String>,
}

impl fmt::Debug for Redirected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The code is worth a token.
        f.debug_struct("Redirected")
            .field("error", &self.error)
            .field("error_description", &self.error_description)
            .finish_non_exhaustive()
    }
}

impl Redirected {
    /// Reads a query without its `?`. Unknown parameters are ignored, empty ones count as absent.
    pub fn from_query(query: &str) -> Self {
        let mut read = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let field = match name {
                "code" => &mut read.code,
                "state" => &mut read.state,
                "error" => &mut read.error,
                "error_description" => &mut read.error_description,
                _ => continue,
            };
            let value = decoded(value, true);
            if !value.is_empty() {
                *field = Some(value);
            }
        }
        read
    }

    /// Reads what a person pasted.
    ///
    /// # Errors
    /// [`DeliverError::Unreadable`] with what is wrong about it.
    pub fn from_pasted(text: &str) -> Result<Self, DeliverError> {
        let unreadable = |what: &str| Err(DeliverError::Unreadable(what.to_owned()));
        let text = text.trim().trim_matches(['"', '\'', '<', '>']).trim();
        if text.is_empty() {
            return unreadable("nothing was pasted");
        }
        const NEITHER: &str = "this is neither an address with a `code` nor a code";
        if text.contains(char::is_whitespace) {
            return unreadable(NEITHER);
        }
        let query = match text.split_once('?') {
            Some((_, query)) => Some(query.split('#').next().unwrap_or_default()),
            None if is_pairs(text) => Some(text),
            None => text
                .split_once('#')
                .map(|(_, rest)| rest)
                .filter(|rest| is_pairs(rest)),
        };
        if let Some(query) = query {
            let read = Self::from_query(query);
            // The request of some services has a `code=true` of its own (`claude.md` §1).
            let is_request = query
                .split('&')
                .any(|pair| pair.starts_with("response_type="));
            if is_request || (read.code.is_none() && read.error.is_none()) {
                return unreadable(
                    "there is no `code` in it; paste the address the browser shows after you \
                     agreed, not the one of the login page",
                );
            }
            return Ok(read);
        }
        if text.contains("://") {
            return unreadable(NEITHER);
        }
        let (code, state) = match text.split_once('#') {
            Some((code, state)) => (code, Some(decoded(state, false))),
            None => (text, None),
        };
        Ok(Self {
            code: Some(decoded(code, false)),
            state: state.filter(|state| !state.is_empty()),
            ..Self::default()
        })
    }

    /// The state it names: the parameter, or what is behind `#` in a `code#state`.
    pub fn session_state(&self) -> Option<String> {
        let behind = || Some(self.code.as_deref()?.split_once('#')?.1.to_owned());
        self.state.clone().or_else(behind)
    }

    /// Checks the redirect against the session's state. `state_required` is false for what a person
    /// pasted into the session itself: a bare code has none.
    ///
    /// # Errors
    /// The outer error leaves the session waiting, the inner one ends it.
    pub(super) fn check(
        self,
        session: &str,
        state_required: bool,
    ) -> Result<Result<AuthorizationCode, LoginError>, DeliverError> {
        // Some services put the state behind the code (`claude.md` §1, "code").
        let (code, behind) = match self.code.as_deref().and_then(|code| code.split_once('#')) {
            Some((code, behind)) => (Some(code.to_owned()), Some(behind.to_owned())),
            None => (self.code, None),
        };
        match self.state.as_ref().or(behind.as_ref()) {
            Some(state) if state != session => return Err(DeliverError::State),
            None if state_required => return Err(DeliverError::State),
            _ => {}
        }
        if let Some(error) = self.error {
            let message = match self.error_description {
                Some(text) => format!("{text} ({error})"),
                None => error,
            };
            return Ok(Err(LoginError::Denied { message }));
        }
        match code {
            Some(code) if !code.is_empty() => Ok(Ok(AuthorizationCode {
                code: Secret::from(code),
                state: behind.unwrap_or_else(|| session.to_owned()),
            })),
            _ => Err(DeliverError::Unreadable(
                "there is no `code` in it".to_owned(),
            )),
        }
    }
}

/// Whether `text` is a query of a redirect.
fn is_pairs(text: &str) -> bool {
    text.split('&')
        .any(|pair| pair.starts_with("code=") || pair.starts_with("error="))
}

/// Percent-decodes; what is no escape stays as it is.
fn decoded(text: &str, plus_is_blank: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high * 16 + low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (b'+', _) if plus_is_blank => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pasted(text: &str) -> Result<(String, String), String> {
        let read = Redirected::from_pasted(text).map_err(|error| error.to_string())?;
        let checked = read.check("s1", false).map_err(|error| error.to_string())?;
        let code = checked.map_err(|error| error.to_string())?;
        Ok((code.code.expose().to_owned(), code.state))
    }

    #[test]
    fn every_documented_form_is_read() {
        for (text, code, state) in [
            (
                "http://localhost:54545/callback?code=abc&state=s1",
                "abc",
                "s1",
            ),
            (
                " \"http://localhost:54545/callback?state=s1&code=abc\"\n",
                "abc",
                "s1",
            ),
            (
                "localhost:8085/oauth2callback?code=4%2F0Ab&state=s1&scope=x",
                "4/0Ab",
                "s1",
            ),
            ("?code=abc&state=s1", "abc", "s1"),
            ("code=abc&state=s1", "abc", "s1"),
            ("state=s1&code=abc", "abc", "s1"),
            ("http://localhost/cb#code=abc&state=s1", "abc", "s1"),
            ("http://localhost/cb?code=abc&state=s1#_", "abc", "s1"),
            (
                "kiro://kiro.kiroAgent/authenticate-success?code=abc&state=s1",
                "abc",
                "s1",
            ),
            // The second part replaces the state in the exchange.
            (
                "http://localhost:54545/callback?code=abc%23other&state=s1",
                "abc",
                "other",
            ),
            ("abc#s1", "abc", "s1"),
            ("abc", "abc", "s1"),
            ("4%2F0Ab-c_d", "4/0Ab-c_d", "s1"),
            ("4/0Ab", "4/0Ab", "s1"),
        ] {
            let want = Ok((code.to_owned(), state.to_owned()));
            assert_eq!(pasted(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, want) in [
            ("", "nothing was pasted"),
            (
                "https://claude.ai/oauth/authorize?client_id=x",
                "not the one of the login page",
            ),
            (
                "https://claude.ai/oauth/authorize?response_type=code&state=s1&code=true",
                "not the one of the login page",
            ),
            ("I clicked yes", "neither an address"),
            ("what now?", "neither an address"),
            ("http://localhost:54545/callback", "neither an address"),
            ("?code=abc&state=s2", "another login"),
            ("abc#s2", "another login"),
            (
                "?error=access_denied&state=s1",
                "the login was refused: access_denied",
            ),
            (
                "?error=access_denied&error_description=not+for%20you&state=s1",
                "the login was refused: not for you (access_denied)",
            ),
        ] {
            let error = pasted(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn a_browser_must_bring_the_state() {
        let read = Redirected::from_query("code=abc");
        assert_eq!(read.check("s1", true), Err(DeliverError::State));
        let read = Redirected::from_query("error=access_denied");
        assert_eq!(read.check("s1", true), Err(DeliverError::State));
        let read = Redirected::from_query("code=abc&state=s1");
        assert!(read.check("s1", true).unwrap().is_ok());
    }
}
