//! Opening a page in the person's browser. Failing is no error: the address is always printed.

use std::io;
use std::process::{Command, Stdio};

/// Opens `url`; with `private` in a private window, where a browser with such a thing is found.
///
/// # Errors
///
/// What kept every known way from working.
pub fn open(url: &str, private: bool) -> io::Result<()> {
    if !has_screen() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "there is no graphical session",
        ));
    }
    let private_ways = private_windows().iter().filter(|_| private);
    let ways = private_ways.chain(openers());
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for (program, arguments) in ways {
        let mut command = Command::new(program);
        command.args(*arguments).arg(url);
        // What browsers say is not for the person who logs in.
        command.stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(mut child) => {
                // Some openers stay as long as the browser; nobody waits for them.
                std::thread::spawn(move || child.wait());
                return Ok(());
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

#[cfg(target_os = "macos")]
fn has_screen() -> bool {
    std::env::var_os("SSH_CONNECTION").is_none()
}

#[cfg(windows)]
fn has_screen() -> bool {
    true
}

#[cfg(not(any(target_os = "macos", windows)))]
fn has_screen() -> bool {
    // The last one: Windows shows the page for a Linux inside of it.
    ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// A program and what stands before the address.
type Way = (&'static str, &'static [&'static str]);

#[cfg(target_os = "macos")]
fn openers() -> &'static [Way] {
    &[("open", &[])]
}

#[cfg(windows)]
fn openers() -> &'static [Way] {
    &[("rundll32", &["url.dll,FileProtocolHandler"])]
}

#[cfg(not(any(target_os = "macos", windows)))]
fn openers() -> &'static [Way] {
    &[("wslview", &[]), ("xdg-open", &[]), ("gio", &["open"])]
}

#[cfg(target_os = "macos")]
fn private_windows() -> &'static [Way] {
    &[
        (
            "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
            &["--incognito"],
        ),
        (
            "/Applications/Firefox.app/Contents/MacOS/firefox",
            &["--private-window"],
        ),
    ]
}

#[cfg(windows)]
fn private_windows() -> &'static [Way] {
    &[
        (
            r"C:\Program Files\Google\Chrome\Application\chrome.exe",
            &["--incognito"],
        ),
        (
            r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
            &["--inprivate"],
        ),
        (
            r"C:\Program Files\Mozilla Firefox\firefox.exe",
            &["--private-window"],
        ),
    ]
}

#[cfg(not(any(target_os = "macos", windows)))]
fn private_windows() -> &'static [Way] {
    &[
        ("google-chrome", &["--incognito"]),
        ("chromium", &["--incognito"]),
        ("chromium-browser", &["--incognito"]),
        ("brave-browser", &["--incognito"]),
        ("microsoft-edge", &["--inprivate"]),
        ("firefox", &["--private-window"]),
    ]
}
