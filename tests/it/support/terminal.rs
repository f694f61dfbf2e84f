//! The built program in a terminal: what is typed, what it prints, how it ends.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;

use super::daemon::{Lines, Setup};
use super::deadline::eventually;

/// A running program with somebody at the keyboard; it is killed when dropped.
pub struct Terminal {
    child: Mutex<Child>,
    keyboard: Option<ChildStdin>,
    /// What it prints.
    pub stdout: Arc<Lines>,
    /// What it complains.
    pub stderr: Arc<Lines>,
}

impl Terminal {
    /// Runs the program on a setup's folder and configuration. There is no graphical session, so no
    /// browser opens.
    #[track_caller]
    pub fn run(setup: &Setup, args: &[&str]) -> Self {
        let mut command = setup.command();
        command.arg("--config").arg(setup.config_path()).args(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = Lines::follow(child.stdout.take().unwrap());
        let stderr = Lines::follow(child.stderr.take().unwrap());
        Self {
            keyboard: child.stdin.take(),
            child: Mutex::new(child),
            stdout,
            stderr,
        }
    }

    /// Types a line.
    #[track_caller]
    pub fn type_line(&mut self, line: &str) {
        let keyboard = self.keyboard.as_mut().unwrap();
        writeln!(keyboard, "{line}").unwrap();
        keyboard.flush().unwrap();
    }

    /// Waits for the address it prints to be opened in a browser.
    #[track_caller]
    pub fn await_url(&self) -> String {
        self.stdout.await_line("  https://").trim().to_owned()
    }

    /// Sends it a signal (`TERM`, `INT`, …).
    pub fn signal(&self, name: &str) {
        let pid = self.child.lock().id().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success(), "cannot send {name} to {pid}");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn await_exit(&self) -> ExitStatus {
        let status = eventually("the end of the program", || {
            self.child.lock().try_wait().unwrap()
        });
        self.stdout.await_end();
        self.stderr.await_end();
        status
    }

    /// Waits for its end; everything it printed stands in the message when the code is another.
    #[track_caller]
    pub fn expect_exit(&self, code: i32) {
        let status = self.await_exit();
        assert_eq!(
            status.code(),
            Some(code),
            "{}\n{}",
            self.stdout.text(),
            self.stderr.text()
        );
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut child = self.child.lock();
        let _ = child.kill();
        let _ = child.wait();
    }
}
