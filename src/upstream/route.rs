//! How an upstream host is reached: directly, or through which proxy.

use std::fmt;

/// A way to an upstream host. Two equal routes share one connection pool.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Route {
    /// Straight to the host.
    Direct,
    /// Through an HTTP proxy: `CONNECT` for `https` targets, absolute form for `http` targets.
    Http {
        /// Where the proxy listens.
        proxy: Endpoint,
        /// True when the proxy itself speaks TLS (`https://` proxy URL).
        tls: bool,
        /// Value of `Proxy-Authorization`, when the URL carries a user.
        authorization: Option<String>,
    },
    /// Through a SOCKS5 proxy that resolves the host name.
    Socks5 {
        /// Where the proxy listens.
        proxy: Endpoint,
        /// User and password.
        login: Option<(String, String)>,
    },
}

/// Host and port of a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

// The password of a proxy is a secret: only the address is shown.
impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Http { proxy, tls, .. } => {
                let scheme = if *tls { "https" } else { "http" };
                write!(f, "{scheme}://{}:{}", proxy.host, proxy.port)
            }
            Self::Socks5 { proxy, .. } => write!(f, "socks5://{}:{}", proxy.host, proxy.port),
        }
    }
}

/// A `proxy-url` that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Not a URL with a host.
    #[error("`proxy-url` is not a URL; write `scheme://[user:password@]host:port`")]
    NotAUrl,
    /// A scheme no proxy speaks.
    #[error("`proxy-url` has scheme `{0}`; use `http`, `https`, `socks5` or `direct`")]
    Scheme(String),
}

impl Route {
    /// The word for no proxy at all.
    pub const DIRECT: &str = "direct";

    /// Reads a `proxy-url` (`config.md` §3.1): `http`, `https`, `socks5`, `socks5h`, or the words
    /// `direct` and `none`.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        let text = text.trim();
        if text.is_empty()
            || text.eq_ignore_ascii_case(Self::DIRECT)
            || text.eq_ignore_ascii_case("none")
        {
            return Ok(Self::Direct);
        }
        let (scheme, rest) = text.split_once("://").ok_or(RouteError::NotAUrl)?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            "socks5" | "socks5h" => 1080,
            _ => return Err(RouteError::Scheme(scheme)),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let proxy = endpoint(address, default_port).ok_or(RouteError::NotAUrl)?;
        let login = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (percent_decode(name), percent_decode(password))
        });
        Ok(if scheme.starts_with("socks5") {
            Self::Socks5 { proxy, login }
        } else {
            use base64::Engine;
            let authorization = login.map(|(name, password)| {
                let pair = format!("{name}:{password}");
                let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
                format!("Basic {encoded}")
            });
            Self::Http {
                proxy,
                tls: scheme == "https",
                authorization,
            }
        })
    }
}

fn endpoint(address: &str, default_port: u16) -> Option<Endpoint> {
    let (host, port) = if let Some(rest) = address.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        (host, after.strip_prefix(':'))
    } else {
        match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        }
    };
    if host.is_empty() {
        return None;
    }
    let port = match port {
        Some(port) => port.parse().ok()?,
        None => default_port,
    };
    Some(Endpoint {
        host: host.to_owned(),
        port,
    })
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (byte, hex) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Proxies named by the process environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`,
/// either case): used when no `proxy-url` is configured.
#[derive(Debug, Clone, Default)]
pub struct EnvironmentProxies {
    https: Option<Route>,
    http: Option<Route>,
    exempt: Vec<String>,
}

impl EnvironmentProxies {
    /// Reads the variables through `get`. A value that is no proxy URL is left out and returned as a
    /// message for the log.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> (Self, Vec<String>) {
        let mut faults = Vec::new();
        let mut route = |names: [&str; 4]| {
            let (name, value) = names
                .iter()
                .find_map(|name| get(name).filter(|v| !v.is_empty()).map(|v| (*name, v)))?;
            match Route::parse(&value) {
                Ok(route) => Some(route),
                Err(error) => {
                    faults.push(format!("environment variable `{name}`: {error}"));
                    None
                }
            }
        };
        let https = route(["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
        let http = route(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]);
        let exempt = get("NO_PROXY")
            .or_else(|| get("no_proxy"))
            .unwrap_or_default()
            .split(',')
            .map(|name| name.trim().trim_start_matches('.').to_ascii_lowercase())
            .filter(|name| !name.is_empty())
            .collect();
        (
            Self {
                https,
                http,
                exempt,
            },
            faults,
        )
    }

    /// The route for one target. Loopback is always direct, as in Go's default transport.
    pub fn route(&self, secure: bool, host: &str) -> Route {
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let loopback = host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        let exempt = self
            .exempt
            .iter()
            .any(|name| name == "*" || host == *name || host.ends_with(&format!(".{name}")));
        if loopback || exempt {
            return Route::Direct;
        }
        let found = if secure { &self.https } else { &self.http };
        found.clone().unwrap_or(Route::Direct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling_of_a_proxy() {
        for (text, want) in [
            ("direct", "direct"),
            (" none ", "direct"),
            ("", "direct"),
            ("http://proxy", "http://proxy:80"),
            ("https://u:p@proxy:8443/", "https://proxy:8443"),
            ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080"),
            ("socks5h://[::1]", "socks5://::1:1080"),
        ] {
            assert_eq!(format!("{:?}", Route::parse(text).unwrap()), want, "{text}");
        }
        assert_eq!(Route::parse("proxy:80"), Err(RouteError::NotAUrl));
        assert_eq!(Route::parse("http://:80"), Err(RouteError::NotAUrl));
        assert_eq!(Route::parse("http://a:b"), Err(RouteError::NotAUrl));
        assert_eq!(
            Route::parse("ftp://proxy"),
            Err(RouteError::Scheme("ftp".into()))
        );
    }

    #[test]
    fn passwords_are_decoded_and_never_shown() {
        let route = Route::parse("socks5://me:s%40cret@h:1").unwrap();
        let Route::Socks5 { login, .. } = &route else {
            panic!("not socks")
        };
        assert_eq!(login, &Some(("me".to_owned(), "s@cret".to_owned())));
        assert!(!format!("{route:?}").contains("cret"));
        let Route::Http { authorization, .. } = Route::parse("http://a:b@h:1").unwrap() else {
            panic!("not http")
        };
        assert_eq!(authorization.as_deref(), Some("Basic YTpi"));
    }

    #[test]
    fn the_environment_is_used_where_it_applies() {
        let (proxies, faults) = EnvironmentProxies::read(|name| match name {
            "https_proxy" => Some("http://p:1".into()),
            "HTTP_PROXY" => Some("gopher://x".into()),
            "NO_PROXY" => Some("corp.example, .internal".into()),
            _ => None,
        });
        assert_eq!(faults.len(), 1);
        for (secure, host, want) in [
            (true, "api.example", "http://p:1"),
            (false, "api.example", "direct"),
            (true, "a.corp.example", "direct"),
            (true, "x.internal", "direct"),
            (true, "localhost", "direct"),
            (true, "[::1]", "direct"),
        ] {
            assert_eq!(format!("{:?}", proxies.route(secure, host)), want, "{host}");
        }
    }
}
