//! Ways out: HTTP proxies (absolute form and tunnel), SOCKS5, `direct`, `upstream-rewrites`.

use crate::support::answer::{Answer, Wire};
use crate::support::daemon::Setup;
use crate::support::upstream::Upstream;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

fn ask() -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
}

fn yaml(base: &str, proxy: &str) -> String {
    format!(
        "openai-compatibility:\n  - {{name: up, base-url: '{base}', api-key-entries: [{{api-key: k, \
         proxy-url: '{proxy}'}}], models: [{{name: m}}]}}\n"
    )
}

/// Copies both ways until both sides are done.
fn join(client: TcpStream, server: TcpStream) {
    let (mut from_client, mut to_server) =
        (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(std::net::Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    let _ = std::io::copy(&mut from_server, &mut to_client);
}

/// A server that treats every connection with `each`, on threads that end with their connections.
fn serve(each: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let each = Arc::new(each);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let each = Arc::clone(&each);
            std::thread::spawn(move || each(connection.unwrap()));
        }
    });
    address
}

fn head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if connection.read(&mut byte).unwrap() == 0 {
            break;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn a_plain_target_is_asked_through_an_http_proxy() {
    let proxy = Upstream::start();
    proxy.handle("http://", |_| {
        Answer::new("m").text("hello").reply(Wire::Chat, false)
    });
    let address = proxy.addr();
    let daemon = Setup::new(&yaml(
        "http://up.example:8080/v1",
        &format!("http://me:secret@{address}"),
    ))
    .start();
    daemon
        .client()
        .post("/v1/chat/completions", &ask())
        .expect_json(200);
    let request = proxy.await_request(1);
    assert_eq!(request.target, "http://up.example:8080/v1/chat/completions");
    assert_eq!(request.header("host"), Some("up.example:8080"));
    assert_eq!(
        request.header("proxy-authorization"),
        Some("Basic bWU6c2VjcmV0")
    );
}

/// The name is resolved at the proxy: `up.example` exists nowhere.
#[test]
fn socks5_resolves_names_at_the_proxy() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| {
        Answer::new("m").text("hello").reply(Wire::Chat, false)
    });
    let target = upstream.addr();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let proxy = serve(move |mut client| {
        let mut greeting = [0; 2];
        client.read_exact(&mut greeting).unwrap();
        let mut methods = vec![0; greeting[1].into()];
        client.read_exact(&mut methods).unwrap();
        client.write_all(&[5, 0]).unwrap();
        let mut request = [0; 5];
        client.read_exact(&mut request).unwrap();
        assert_eq!(request[3], 3, "a name, not an address");
        let mut name = vec![0; usize::from(request[4]) + 2];
        client.read_exact(&mut name).unwrap();
        seen.lock()
            .push(String::from_utf8(name[..name.len() - 2].to_vec()).unwrap());
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
        join(client, TcpStream::connect(target).unwrap());
    });
    let daemon = Setup::new(&yaml("http://up.example/v1", &format!("socks5://{proxy}"))).start();
    daemon
        .client()
        .post("/v1/chat/completions", &ask())
        .expect_json(200);
    assert_eq!(*asked.lock(), ["up.example"]);
}

/// An `https` target behind an HTTP proxy: a tunnel, TLS to the target inside it.
#[test]
fn a_secure_target_is_reached_through_a_tunnel() {
    let made = rcgen::generate_simple_self_signed(vec!["up.example".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let body = Answer::new("m").text("hello").json(Wire::Chat).to_string();
    let target = serve(move |tcp| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = rustls::StreamOwned::new(connection, tcp);
        let mut request = Vec::new();
        while !request.ends_with(b"\"m\"") && !request.ends_with(b"}]}") {
            let mut byte = [0];
            tls.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        write!(
            tls,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        tls.flush().unwrap();
    });
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    let proxy = serve(move |mut client| {
        seen.lock().push(head(&mut client));
        client
            .write_all(b"HTTP/1.0 200 Connection established\r\n\r\n")
            .unwrap();
        join(client, TcpStream::connect(target).unwrap());
    });
    let setup = Setup::new(&yaml("https://up.example/v1", &format!("http://{proxy}")));
    let roots = setup.dir().join("roots.pem");
    std::fs::write(&roots, made.cert.pem()).unwrap();
    let process = setup
        .env("SSL_CERT_FILE", &roots.display().to_string())
        .spawn();
    let body = json!({"messages": [{"role": "user", "content": "hi"}], "model": "m"});
    process
        .client()
        .post("/v1/chat/completions", &body)
        .expect_json(200);
    let heads = heads.lock();
    assert!(
        heads[0].starts_with("CONNECT up.example:443 HTTP/1.1\r\n"),
        "{heads:?}"
    );
}

#[test]
fn a_proxy_that_refuses_is_named() {
    let proxy = serve(|mut client| {
        head(&mut client);
        client
            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            .unwrap();
    });
    let more = format!(
        "request-retry: 0\n{}",
        yaml("https://up.example/v1", &format!("http://{proxy}"))
    );
    let daemon = Setup::new(&more).start();
    let answer = daemon.client().post("/v1/chat/completions", &ask());
    assert_eq!(answer.status, 502);
    let text = answer.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        text.contains(&format!("proxy {proxy} refused")) && text.contains("407"),
        "{text}"
    );
}

#[test]
fn direct_goes_around_the_global_proxy() {
    let upstream = Upstream::start();
    upstream.handle("/", |_| {
        Answer::new("m").text("hello").reply(Wire::Chat, false)
    });
    // Nothing listens behind the global proxy.
    let more = format!(
        "proxy-url: http://127.0.0.1:9\n{}",
        yaml(&upstream.url(), "direct")
    );
    let daemon = Setup::new(&more).start();
    daemon
        .client()
        .post("/v1/chat/completions", &ask())
        .expect_json(200);
}

#[test]
fn rewrites_lead_calls_elsewhere() {
    let upstream = Upstream::start();
    upstream.handle("/mirror/", |_| {
        Answer::new("m").text("hello").reply(Wire::Chat, false)
    });
    let more = format!(
        "{}upstream-rewrites:\n  https://up.example/v1: {}/mirror\n",
        yaml("https://up.example/v1", ""),
        upstream.url()
    );
    let daemon = Setup::new(&more).start();
    daemon
        .client()
        .post("/v1/chat/completions", &ask())
        .expect_json(200);
    assert_eq!(upstream.await_request(1).target, "/mirror/chat/completions");
}
