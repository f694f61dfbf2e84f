//! The way to upstreams: proxies of the account, of the configuration, of the environment.

use serde_json::json;

use crate::support::answer::{Answer, Wire};
use crate::support::client::{Client, Response};
use crate::support::daemon::Setup;
use crate::support::proxy::{Asked, Kind, Proxy};
use crate::support::tls::TlsFront;
use crate::support::upstream::Upstream;

/// An upstream that says `hi`.
fn upstream() -> Upstream {
    let upstream = Upstream::start();
    upstream.handle("/v1/chat/completions", |_| {
        Answer::new("m").text("hi").reply(Wire::Chat, false)
    });
    upstream
}

/// One account at `base`; `rest` adds to it.
fn account(base: &str, rest: &str) -> String {
    format!(
        "request-retry: 0
openai-compatibility:
  - name: far
    base-url: {base}/v1
    api-key-entries: [{{api-key: far-key{rest}}}]
    models: [{{name: m}}]
"
    )
}

fn ask(client: &Client) -> Response {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
    client.post("/v1/chat/completions", &body)
}

#[track_caller]
fn served(answer: &Response) {
    let answer = answer.expect_json(200);
    assert_eq!(answer["choices"][0]["message"]["content"], "hi");
}

fn asked(what: &str, login: Option<&str>) -> Vec<Asked> {
    vec![Asked {
        what: what.to_owned(),
        login: login.map(str::to_owned),
    }]
}

#[test]
fn plain_targets_go_to_an_http_proxy_in_absolute_form() {
    let upstream = upstream();
    let proxy = Proxy::start(Kind::Http, upstream.addr());
    let proxy_url = format!("http://user:p%40ss@{}", proxy.addr());
    let yaml = format!(
        "proxy-url: {proxy_url}\n{}",
        account("http://api.example.test", "")
    );
    let daemon = Setup::new(&yaml).start();
    served(&ask(&daemon.client()));
    let what = "POST http://api.example.test/v1/chat/completions";
    assert_eq!(proxy.asked(), asked(what, Some("user:p@ss")));
    let request = upstream.await_request(1);
    assert_eq!(request.header("host"), Some("api.example.test"));
    assert_eq!(request.header("authorization"), Some("Bearer far-key"));
}

#[test]
fn a_socks_proxy_resolves_the_name() {
    let upstream = upstream();
    let proxy = Proxy::start(Kind::Socks5, upstream.addr());
    for (login, noted) in [("", None), ("user:secret@", Some("user:secret"))] {
        let proxy_url = format!("socks5://{login}{}", proxy.addr());
        let yaml = format!(
            "proxy-url: {proxy_url}\n{}",
            account("http://api.example.test:81", "")
        );
        let daemon = Setup::new(&yaml).start();
        served(&ask(&daemon.client()));
        assert_eq!(
            proxy.asked().last(),
            asked("SOCKS5 api.example.test:81", noted).last()
        );
        assert_eq!(
            upstream.requests().last().unwrap().target,
            "/v1/chat/completions"
        );
    }
}

#[test]
fn secure_targets_go_through_a_tunnel() {
    let upstream = upstream();
    let front = TlsFront::start("api.example.test", upstream.addr());
    for kind in [Kind::Http, Kind::Socks5] {
        let proxy = Proxy::start(kind, front.addr());
        let (scheme, verb) = match kind {
            Kind::Socks5 => ("socks5", "SOCKS5"),
            _ => ("http", "CONNECT"),
        };
        let yaml = format!(
            "proxy-url: {scheme}://{}\n{}",
            proxy.addr(),
            account("https://api.example.test", "")
        );
        let setup = Setup::new(&yaml);
        let authority = setup.dir().join("authority.pem");
        std::fs::write(&authority, front.authority()).unwrap();
        // System certificates are the process's: only a program of its own can be given others.
        let daemon = setup
            .env("SSL_CERT_FILE", &authority.display().to_string())
            .spawn();
        served(&ask(&daemon.client()));
        assert_eq!(
            proxy.asked(),
            asked(&format!("{verb} api.example.test:443"), None)
        );
    }
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn a_certificate_that_nobody_trusts_is_refused() {
    let upstream = upstream();
    let front = TlsFront::start("127.0.0.1", upstream.addr());
    let daemon = Setup::new(&account(&format!("https://{}", front.addr()), "")).start();
    let answer = ask(&daemon.client());
    assert_eq!(answer.status, 502, "{}", answer.text());
    assert!(
        answer.text().to_lowercase().contains("certificate"),
        "{}",
        answer.text()
    );
    assert!(upstream.requests().is_empty());
}

#[test]
fn the_accounts_proxy_wins_over_the_global_one() {
    let upstream = upstream();
    let global = Proxy::start(Kind::RefusingHttp, upstream.addr());
    let own = Proxy::start(Kind::Http, upstream.addr());
    let rest = format!(", proxy-url: 'http://{}'", own.addr());
    let yaml = format!(
        "proxy-url: http://{}\n{}",
        global.addr(),
        account("http://api.test", &rest)
    );
    let daemon = Setup::new(&yaml).start();
    served(&ask(&daemon.client()));
    assert_eq!((own.asked().len(), global.asked().len()), (1, 0));
}

#[test]
fn direct_goes_around_the_global_proxy() {
    let upstream = upstream();
    let global = Proxy::start(Kind::RefusingHttp, upstream.addr());
    for word in ["direct", "none"] {
        let account = account(&upstream.url(), &format!(", proxy-url: {word}"));
        let yaml = format!("proxy-url: http://{}\n{account}", global.addr());
        served(&ask(&Setup::new(&yaml).start().client()));
    }
    assert!(global.asked().is_empty());
}

#[test]
fn the_environment_names_a_proxy_when_nothing_else_does() {
    let upstream = upstream();
    let proxy = Proxy::start(Kind::Http, upstream.addr());
    let url = format!("http://{}", proxy.addr());
    let start = |base: &str, names: &[(&str, &str)]| {
        let setup = Setup::new(&account(base, ""));
        names
            .iter()
            .fold(setup, |setup, (name, value)| setup.env(name, value))
            .start()
    };
    served(&ask(
        &start("http://api.test", &[("HTTP_PROXY", &url)]).client()
    ));
    assert_eq!(proxy.asked().len(), 1);
    // Loopback never goes through it.
    served(&ask(
        &start(&upstream.url(), &[("all_proxy", &url)]).client()
    ));
    assert_eq!(proxy.asked().len(), 1);
    // An exempt name is looked up here, where it does not exist.
    let exempt = [
        ("HTTP_PROXY", url.as_str()),
        ("NO_PROXY", ".example.invalid"),
    ];
    let answer = ask(&start("http://api.example.invalid", &exempt).client());
    assert_eq!(
        (answer.status, proxy.asked().len()),
        (502, 1),
        "{}",
        answer.text()
    );
}

#[test]
fn a_refusing_proxy_is_named_without_its_password() {
    let upstream = upstream();
    for (kind, scheme, base) in [
        (Kind::RefusingSocks5, "socks5", "http://api.test"),
        (Kind::RefusingHttp, "http", "https://api.test"),
    ] {
        let proxy = Proxy::start(kind, upstream.addr());
        let yaml = format!(
            "proxy-url: {scheme}://user:hidden@{}\n{}",
            proxy.addr(),
            account(base, "")
        );
        let daemon = Setup::new(&yaml).spawn();
        let answer = ask(&daemon.client());
        assert_eq!(answer.status, 502, "{}", answer.text());
        let said = answer.text() + &daemon.stderr().text();
        assert!(
            said.contains(&format!("proxy {} refused", proxy.addr())),
            "{said}"
        );
        assert!(!said.contains("hidden"), "{said}");
    }
    assert!(upstream.requests().is_empty());
}

#[test]
fn rewrites_lead_calls_elsewhere() {
    let upstream = Upstream::start();
    upstream.handle("/mirror/", |_| {
        Answer::new("m").text("hi").reply(Wire::Chat, false)
    });
    let yaml = format!(
        "{}upstream-rewrites:\n  https://api.test/v1: {}/mirror\n",
        account("https://api.test", ""),
        upstream.url()
    );
    let daemon = Setup::new(&yaml).start();
    served(&ask(&daemon.client()));
    assert_eq!(upstream.await_request(1).target, "/mirror/chat/completions");
}
