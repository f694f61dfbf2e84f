//! What a login says, hears and ends with.

use super::adopt::Adopted;
use super::redirect::Redirected;
use crate::config::Proxy;
use crate::domain::secret::Secret;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// What the person who starts a login may set (`cli.md` §1). Options a login has no use for are
/// ignored.
#[derive(Clone, Default, PartialEq)]
pub struct LoginOptions {
    /// `--oauth-callback-port`: where the local listener listens instead of the usual port.
    pub callback_port: Option<u16>,
    /// The login goes on by pasting when its port is busy, instead of ending with
    /// [`LoginError::PortBusy`]: `--no-browser`, and logins of the panel.
    pub paste_suffices: bool,
    /// `--project_id`: one id, a comma list, or a provider's own word such as `ALL`.
    pub project: Option<String>,
    /// `--vertex-import-prefix`: model prefix of the new account.
    pub prefix: Option<String>,
    /// Content of the file that is to be imported.
    pub file: Option<Bytes>,
    /// Way out for the calls of this login; the default is the global one.
    pub proxy: Proxy,
}

impl fmt::Debug for LoginOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A file that is imported holds keys and stays out.
        f.debug_struct("LoginOptions")
            .field("callback_port", &self.callback_port)
            .field("paste_suffices", &self.paste_suffices)
            .field("project", &self.project)
            .field("prefix", &self.prefix)
            .field("has_file", &self.file.is_some())
            .finish_non_exhaustive()
    }
}

/// What a flow starts from.
#[derive(Debug, Clone)]
pub struct LoginStart {
    /// The session's name: 16 random bytes in hex, and the `state` of an authorization request.
    pub state: String,
    /// What was set.
    pub options: LoginOptions,
}

/// What a login wants from its person now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginStep {
    /// Nothing: the program is busy with what the text says.
    Working(Arc<str>),
    /// Open an address in a browser. Ends by a redirect, or by pasting where it led to.
    OpenUrl(OpenUrl),
    /// Type a code on a page. Ends by itself.
    ShowCode(ShowCode),
    /// Answer a question.
    Ask(Question),
}

/// An address to open in a browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUrl {
    /// The address.
    pub url: String,
    /// Where the browser is sent at the end, as registered with the provider:
    /// `http://localhost:54545/callback`.
    pub redirect_uri: String,
    /// Where this program listens for it; `None` = it cannot, the address must be pasted.
    pub listening: Option<SocketAddr>,
}

/// A code to type on a page (RFC 8628).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowCode {
    /// The page.
    pub url: String,
    /// The page with the code filled in already, where the provider has that.
    pub url_complete: Option<String>,
    /// The code.
    pub user_code: String,
    /// End of the code.
    pub expires_at: DateTime<Utc>,
}

/// A question within a login.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// The question.
    pub text: String,
    /// Answers to choose from, by value or by number from 1; empty = only free text.
    pub choices: Vec<Choice>,
    /// The answer of an empty line.
    pub default: Option<String>,
    /// Other answers than the choices are accepted as well.
    pub free_text: bool,
    /// The answer must not be shown while it is typed, nor logged.
    pub secret: bool,
}

/// One answer to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What the flow gets.
    pub value: String,
    /// What people read.
    pub label: String,
}

/// What reaches a login from outside.
#[derive(Clone, PartialEq, Eq)]
pub enum LoginInput {
    /// A browser came back: the query of the redirect. Must carry the session's state.
    Redirected(Redirected),
    /// What a person pasted: the address the browser ended at (whole, `host:port/path?…`, or only
    /// its query), `code=…&state=…`, `code#state`, or the bare code.
    Pasted(String),
    /// The answer to a question.
    Answer(String),
}

impl fmt::Debug for LoginInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Codes are worth tokens, answers may be secrets.
        f.write_str(match self {
            Self::Redirected(_) => "Redirected",
            Self::Pasted(_) => "Pasted",
            Self::Answer(_) => "Answer",
        })
    }
}

/// The proof that the account's owner agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// To be exchanged for tokens.
    pub code: Secret,
    /// The state for the exchange: the session's, or what followed `#` in a `code#state`.
    pub state: String,
}

/// Why something delivered was not taken. The login itself goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliverError {
    /// No login has this state: never started, over, or expired.
    #[error("no login waits for this: it is over, expired, or was never started here")]
    Unknown,
    /// The state in what was pasted is not the one of this login.
    #[error("this belongs to another login (its `state` differs); use the newest link")]
    State,
    /// The login does not wait for this kind of input now.
    #[error("the login does not wait for this now")]
    NotWaiting,
    /// What came cannot be understood; the text says what is missing.
    #[error("{0}")]
    Unreadable(String),
}

/// Why a login failed. The texts are for people and hold no secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// This program has no such login.
    #[error("there is no login `{0}`")]
    NoSuchLogin(String),
    /// The account's owner, or the provider, said no.
    #[error("the login was refused: {message}")]
    Denied {
        /// What the provider said.
        message: String,
    },
    /// Nobody finished it in time.
    #[error("the login was not finished in time; start it again")]
    Expired,
    /// Somebody cancelled it, or started the same login anew.
    #[error("the login was cancelled")]
    Cancelled,
    /// The provider's answer is a refusal or cannot be read.
    #[error("the provider answered {status}: {message}")]
    Exchange {
        /// HTTP status.
        status: u16,
        /// What it said, shortened.
        message: String,
    },
    /// The provider did not answer.
    #[error("cannot reach the provider: {message}")]
    Unreachable {
        /// What went wrong.
        message: String,
    },
    /// The port the provider sends browsers to is in use by another program (exit code 13).
    #[error(
        "port {port} is in use by another program (another login, or the provider's own client?), \
         and the provider sends the browser there; stop it and try again, or use `--no-browser` \
         and paste the address"
    )]
    PortBusy {
        /// The port.
        port: u16,
    },
    /// The account, file or option cannot be used; the text says why and what to do.
    #[error("{message}")]
    Unusable {
        /// Why, and what to do.
        message: String,
    },
    /// The account could not be written down.
    #[error("cannot save the login: {message}")]
    Save {
        /// What the store said.
        message: String,
    },
    /// A fault of this program.
    #[error("the login failed by a fault of this program: {message}")]
    Internal {
        /// What happened.
        message: String,
    },
}

/// An account a login brought, before it has a file.
#[derive(Clone, PartialEq)]
pub struct NewLogin {
    /// File names, the best first; see [`file_name`](super::file_name). A name that belongs to
    /// another account is skipped; when all do, a number is added to the last one. A file of the
    /// same account is updated whatever its name.
    pub names: Vec<String>,
    /// Content of the file; must have `type`. What its owner set in an existing file stays, unless
    /// it is set here.
    pub document: Map<String, Value>,
    /// Fields of the document that tell accounts apart. Another file belongs to the same account
    /// when the first of them is equal and none of the others differs (missing ones do not, and a
    /// list `a,b` does not differ from another list: it is a choice of the account's owner).
    pub identity: &'static [&'static str],
    /// The account's plan or tier, for people.
    pub plan: Option<String>,
}

impl fmt::Debug for NewLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The document holds tokens and stays out.
        f.debug_struct("NewLogin")
            .field("names", &self.names)
            .field("identity", &self.identity)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

/// Where a login stands.
#[derive(Debug, Clone, PartialEq)]
pub struct LoginProgress {
    /// Which login it is: the id it was started with.
    pub login: Arc<str>,
    /// Its state.
    pub state: LoginState,
    /// What it had to say on its way, oldest first.
    pub notes: Vec<Arc<str>>,
}

/// State of a login.
#[derive(Debug, Clone, PartialEq)]
pub enum LoginState {
    /// Under way.
    Running(LoginStep),
    /// The accounts are on disk and, inside a daemon, in use.
    Done(Arc<[Adopted]>),
    /// It failed; nothing was written.
    Failed(LoginError),
}

impl LoginState {
    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Running(_))
    }
}
