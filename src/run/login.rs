//! A login in the terminal. Only asks and shows: the login itself is a session like any other.

use super::{RunError, browser};
use crate::cli::LoginArguments;
use crate::providers::login::LoginSpec;
use actors::login::{
    Adopted, CancelLogin, ListModels, LoginError, LoginInput, LoginOptions, LoginProgress,
    LoginState, LoginStep, LoginTicket, OpenUrl, Question, ShowCode, StartLogin,
};
use actors::system::LoginHandles;
use bytes::Bytes;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// Largest file that is imported.
const FILE_MAX: u64 = 1024 * 1024;

/// How long the end waits for the browser's page.
const PAGES_LIMIT: Duration = Duration::from_secs(5);

/// Models named at the end.
const N_MODELS_SHOWN: usize = 8;

/// Columns of running text.
const WIDTH: usize = 78;

/// Logs in and says how it went.
///
/// # Errors
///
/// [`RunError::Login`] when there is no new account, [`RunError::Io`] when the file to import cannot
/// be read.
pub async fn run(
    spec: &'static LoginSpec,
    arguments: &LoginArguments,
    file: Option<&Path>,
    handles: &LoginHandles,
) -> Result<(), RunError> {
    let terminal = Terminal {
        no_browser: arguments.no_browser,
        private: arguments
            .incognito
            .unwrap_or(handles.snapshot.get().config.incognito_browser),
    };
    say(&format!("{}\n", spec.service));
    say(&format!("{}\n", wrapped(spec.terms)));
    let options = LoginOptions {
        callback_port: arguments.callback_port,
        paste_suffices: arguments.no_browser,
        project: arguments.project.clone(),
        prefix: arguments.prefix.clone(),
        file: file.map(read).transpose()?,
        ..LoginOptions::default()
    };
    let failed = |error| RunError::Login {
        service: spec.service,
        error,
    };
    let login = spec.flag.to_owned();
    let started = handles.logins.send(StartLogin { login, options }).await;
    let ticket = started
        .unwrap_or(Err(LoginError::Cancelled))
        .map_err(failed)?;
    let ended = terminal.follow(&ticket, handles).await;
    // The page in the browser says how it ended; it must get out before the program is gone.
    let mut progress = ticket.progress;
    let closed = async { while progress.changed().await.is_ok() {} };
    let _in_time = tokio::time::timeout(PAGES_LIMIT, closed).await.is_ok();
    let adopted = ended.map_err(failed)?;
    for one in &adopted {
        report(one, handles).await;
    }
    say(&format!("{} authentication successful!", spec.service));
    say("A running daemon takes the account into use by itself.");
    Ok(())
}

fn read(path: &Path) -> Result<Bytes, RunError> {
    let unreadable = |cause| RunError::File {
        path: path.display().to_string(),
        cause,
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_MAX {
        return Err(unreadable(std::io::Error::other("it is larger than 1 MiB")));
    }
    std::fs::read(path).map(Bytes::from).map_err(unreadable)
}

async fn report(one: &Adopted, handles: &LoginHandles) {
    say(&format!("Authentication saved to {}", one.place));
    if one.renewed {
        say("The account was there already; its settings were kept.");
    }
    say(&format!("Authenticated as {}", one.label));
    if one.disabled {
        say("It is switched off: remove `disabled` from the file to use it.");
    }
    if let Some(plan) = &one.plan {
        say(&format!("Plan: {plan}"));
    }
    let listed = handles.logins.send(ListModels(one.id.clone())).await;
    let models = listed.unwrap_or_default();
    let shown = models.iter().take(N_MODELS_SHOWN).cloned();
    let shown = shown.collect::<Vec<_>>().join(", ");
    let more = if models.len() > N_MODELS_SHOWN {
        ", …"
    } else {
        ""
    };
    match models.len() {
        0 => say("Models: none found yet"),
        n => say(&format!("Models: {n} ({shown}{more})")),
    }
}

/// How the person wants it.
struct Terminal {
    no_browser: bool,
    private: bool,
}

impl Terminal {
    /// Shows every step, passes on what is typed, until the login is over.
    async fn follow(
        &self,
        ticket: &LoginTicket,
        handles: &LoginHandles,
    ) -> Result<Vec<Adopted>, LoginError> {
        let mut progress = ticket.progress.clone();
        let mut typed = Some(lines());
        let mut n_notes = 0;
        let mut shown: Option<LoginStep> = None;
        let mut signals = super::signals::Signals::listen();
        let interrupt = signals.next();
        let mut interrupt = std::pin::pin!(interrupt);
        loop {
            let now: LoginProgress = progress.borrow_and_update().clone();
            for note in now.notes.iter().skip(n_notes) {
                say(&format!("{}\n", wrapped(note)));
            }
            n_notes = now.notes.len();
            match now.state {
                LoginState::Done(adopted) => return Ok(adopted.to_vec()),
                LoginState::Failed(error) => return Err(error),
                LoginState::Running(step) if shown.as_ref() != Some(&step) => {
                    self.show(&step);
                    shown = Some(step);
                }
                LoginState::Running(_) => {}
            }
            let line = async {
                match &mut typed {
                    Some(lines) => lines.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = progress.changed() => {
                    if changed.is_err() && !progress.borrow().state.is_over() {
                        return Err(LoginError::Cancelled);
                    }
                }
                line = line => match line {
                    Some(line) => deliver(&line, shown.as_ref(), ticket, handles).await,
                    // The end of the input ends only the typing.
                    None => typed = None,
                },
                () = &mut interrupt => {
                    let state = ticket.state.to_string();
                    // The desk lives as long as this program.
                    let _ = handles.logins.send(CancelLogin { state }).await;
                    return Err(LoginError::Cancelled);
                }
            }
        }
    }

    fn show(&self, step: &LoginStep) {
        match step {
            LoginStep::Working(on) => say(&format!("… {on}")),
            LoginStep::OpenUrl(open) => self.show_url(open),
            LoginStep::ShowCode(code) => self.show_code(code),
            LoginStep::Ask(question) => ask(question),
        }
    }

    fn show_url(&self, open: &OpenUrl) {
        say(&format!(
            "Open this address in a browser and agree:\n\n  {}\n",
            open.url
        ));
        match open.listening {
            Some(address) => {
                let port = address.port();
                say(&wrapped(&format!(
                    "The browser then comes back to {}, where this program listens. Is the browser \
                     on another machine? Either forward the port there (ssh -L \
                     {port}:127.0.0.1:{port} user@this-machine), or paste the address it ends at, \
                     even if the page cannot be shown.",
                    open.redirect_uri
                )));
            }
            None => say(&wrapped(
                "The browser then ends at an address on your machine that cannot be shown, or at a \
                 page with a code. Paste that address or code.",
            )),
        }
        self.browse(&open.url);
        prompt("\nPaste the address or code here (or just finish in the browser): ");
    }

    fn show_code(&self, code: &ShowCode) {
        say(&format!(
            "Open  {}  and type the code\n\n  {}\n",
            code.url, code.user_code
        ));
        self.browse(code.url_complete.as_deref().unwrap_or(&code.url));
        say("Waiting for you to agree there …");
    }

    fn browse(&self, url: &str) {
        if self.no_browser {
            return;
        }
        match browser::open(url, self.private) {
            Ok(()) => say("(A browser should open by itself.)"),
            Err(error) => say(&format!("(No browser could be opened: {error}.)")),
        }
    }
}

fn ask(question: &Question) {
    say(&question.text);
    for (n, choice) in question.choices.iter().enumerate() {
        say(&format!("  {}. {}", n + 1, choice.label));
    }
    match &question.default {
        Some(default) => prompt(&format!("[{default}]: ")),
        None => prompt("> "),
    }
}

/// Passes a typed line on to whatever the login waits for.
async fn deliver(
    line: &str,
    step: Option<&LoginStep>,
    ticket: &LoginTicket,
    handles: &LoginHandles,
) {
    let input = match step {
        Some(LoginStep::Ask(_)) => LoginInput::Answer(line.to_owned()),
        // Pressing Enter only means that the person goes on in the browser.
        Some(LoginStep::OpenUrl(_)) if !line.trim().is_empty() => {
            LoginInput::Pasted(line.to_owned())
        }
        _ => return,
    };
    let deliver = actors::login::Deliver {
        state: ticket.state.to_string(),
        input,
    };
    if let Ok(Err(error)) = handles.logins.send(deliver).await {
        prompt(&format!("{error}\nTry again: "));
    }
}

/// The lines that are typed. Reading blocks, so it has a thread of its own, which ends with the
/// program.
fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(4);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Prints a line. Nobody reading it is no reason to stop.
pub(super) fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _written = writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .is_ok();
}

fn prompt(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _written = write!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .is_ok();
}

/// Running text in lines of [`WIDTH`] columns; what has no blank stays whole. Pure.
fn wrapped(text: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let fits = line.chars().count() + 1 + word.chars().count() <= WIDTH;
            if !line.is_empty() && !fits {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_and_links_stay_whole() {
        let link = format!("https://a/{}", "x".repeat(90));
        let text = format!("{} {link} end\n\nnext", "word ".repeat(20).trim());
        let lines: Vec<String> = wrapped(&text).lines().map(str::to_owned).collect();
        assert!(lines.contains(&link));
        assert!(lines[0].len() <= WIDTH);
        assert_eq!(lines.last().unwrap(), "next");
        assert!(lines.contains(&String::new()));
    }
}
