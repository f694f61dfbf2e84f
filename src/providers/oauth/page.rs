//! The page a browser ends at: says truthfully what happened.

use actors::login::{DeliverError, LoginState, LoginStep};

/// Headers of every page: nothing foreign is loaded, nothing of the address leaks.
pub const HEADERS: &[(&str, &str)] = &[
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'",
    ),
    ("x-content-type-options", "nosniff"),
];

/// A page and its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// The page.
    pub html: String,
}

impl Page {
    /// Reason phrase of the status.
    pub fn reason(&self) -> &'static str {
        match self.status {
            200 => "OK",
            202 => "Accepted",
            404 => "Not Found",
            _ => "Bad Request",
        }
    }
}

/// What became of a redirect. `service` is the service's name for people.
pub fn outcome(service: &str, outcome: Result<LoginState, DeliverError>) -> Page {
    match outcome {
        Ok(LoginState::Done(accounts)) => {
            let names: Vec<&str> = accounts.iter().map(|one| one.label.as_str()).collect();
            let text = format!("Saved: {}. You can close this window.", names.join(", "));
            page(200, &format!("Logged in to {service}"), &text)
        }
        Ok(LoginState::Running(LoginStep::Ask(_))) => page(
            202,
            "One question is left",
            "Answer it where you started the login. You can close this window.",
        ),
        Ok(LoginState::Running(_)) => page(
            202,
            "The login goes on",
            "It takes a little longer; see how it ends where you started it. You can close this \
             window.",
        ),
        Ok(LoginState::Failed(error)) => page(
            400,
            &format!("Not logged in to {service}"),
            &format!("{error}."),
        ),
        Err(error) => {
            let status = if error == DeliverError::Unknown {
                404
            } else {
                400
            };
            let text = format!("{error}. Nothing was changed.");
            page(status, "This did not work", &text)
        }
    }
}

/// Somebody asked the listener to end the login.
pub fn cancelled() -> Page {
    page(200, "Login cancelled", "Nothing was saved.")
}

/// A path that is no callback.
pub fn not_found() -> Page {
    page(
        404,
        "Nothing here",
        "This address only waits for the end of a login.",
    )
}

fn page(status: u16, title: &str, text: &str) -> Page {
    let (title, text) = (escaped(title), escaped(&capitalized(text)));
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;\
         padding:0 1rem;color-scheme:light dark}}</style></head>\
         <body><h1>{title}</h1><p>{text}</p></body></html>\n"
    );
    Page { status, html }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use actors::login::LoginError;

    #[test]
    fn pages_tell_the_truth_and_quote_nothing_raw() {
        let denied = LoginError::Denied {
            message: "<script>alert(1)</script>".into(),
        };
        let page = outcome("Acme", Ok(LoginState::Failed(denied)));
        assert_eq!(page.status, 400);
        assert!(page.html.contains("Not logged in to Acme"));
        assert!(page.html.contains("&lt;script&gt;"));
        assert!(!page.html.contains("<script>"));
        let page = outcome("Acme", Err(DeliverError::Unknown));
        assert_eq!(page.status, 404);
        assert!(!page.html.contains("Logged in"));
    }
}
