//! An authorization server for tests: authorize page, token endpoint with PKCE, single-use refresh
//! tokens with reuse detection, device endpoints, and faults on demand.
//!
//! It stands on a scripted [`Upstream`], so a provider's simulator adds its own paths with
//! `sim.server.handle(…)`, and leads the service's real hosts here with `upstream-rewrites`:
//! [`OAuthSim::rewrites`] writes that part of the configuration.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::deadline::{DEADLINE, eventually};
use super::upstream::{Part, Recorded, Reply, Upstream};

/// What the server's clients are registered with.
#[derive(Clone)]
pub struct Registration {
    /// Path of the authorize page.
    pub authorize: &'static str,
    /// Path of the token endpoint.
    pub token: &'static str,
    /// Path of the device authorization endpoint.
    pub device: &'static str,
    /// The only client id that is accepted.
    pub client_id: &'static str,
    /// The secret it must send, if it has one.
    pub client_secret: Option<&'static str>,
    /// Token requests must be JSON; otherwise they must be forms.
    pub json: bool,
    /// Life of access tokens, in seconds.
    pub life: i64,
    /// A refresh gives a new refresh token and spends the old one.
    pub rotates: bool,
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            authorize: "/authorize",
            token: "/token",
            device: "/device",
            client_id: "client",
            client_secret: None,
            json: false,
            life: 3600,
            rotates: true,
        }
    }
}

/// What happens to the next token request instead of the usual.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The connection breaks before anything was done.
    DropBefore,
    /// The refresh token is spent, the new one granted, and the answer never arrives.
    DropAfter,
    /// Another answer: status, content type, body. Nothing is done.
    Answer(u16, &'static str, String),
}

impl Fault {
    /// An OAuth error.
    pub fn error(status: u16, code: &str) -> Self {
        let body = json!({"error": code, "error_description": format!("simulated {code}")});
        Self::Answer(status, "application/json", body.to_string())
    }

    /// A web page where JSON belongs.
    pub fn page(status: u16) -> Self {
        let body = "<html><title>Just a moment</title></html>";
        Self::Answer(status, "text/html", body.to_owned())
    }
}

/// What a poll of the device flow hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poll {
    /// `authorization_pending`
    Pending,
    /// `slow_down`
    SlowDown,
    /// `access_denied`
    Denied,
    /// `expired_token`
    Expired,
}

/// Fields that a service adds to a token answer, given the grant type.
type Extra = Arc<dyn Fn(&str) -> Value + Send + Sync>;

#[derive(Default)]
struct State {
    /// By code: the challenge and the redirect URI it was asked with.
    codes: BTreeMap<String, (String, String)>,
    /// Live refresh tokens.
    live: Vec<String>,
    /// Refresh tokens that were used.
    spent: Vec<String>,
    /// Access tokens that calls may use.
    access: Vec<String>,
    n_granted: usize,
    n_refreshes: usize,
    n_reuses: usize,
    faults: VecDeque<Fault>,
    polls: VecDeque<Poll>,
    denies: Option<String>,
    extra: Option<Extra>,
    /// What was wrong about requests.
    complaints: Vec<String>,
}

/// A running authorization server.
pub struct OAuthSim {
    /// The server it stands on.
    pub server: Upstream,
    registration: Registration,
    state: Arc<Mutex<State>>,
}

impl OAuthSim {
    /// Starts a server with one client.
    pub fn start(registration: Registration) -> Self {
        let server = Upstream::start();
        let state = Arc::new(Mutex::new(State::default()));
        let on = |path: &str, answer: fn(&mut State, &Registration, &Recorded) -> Reply| {
            let (state, registration) = (Arc::clone(&state), registration.clone());
            server.handle(path, move |request| {
                answer(&mut state.lock(), &registration, request)
            });
        };
        on(registration.authorize, authorize);
        on(registration.token, token);
        on(registration.device, device);
        Self {
            server,
            registration,
            state,
        }
    }

    /// The part of a configuration that leads these prefixes here.
    pub fn rewrites(&self, prefixes: &[&str]) -> String {
        let url = self.server.url();
        let lines = prefixes
            .iter()
            .map(|prefix| format!("  \"{}\": \"{url}\"\n", prefix.trim_end_matches('/')));
        format!("upstream-rewrites:\n{}", lines.collect::<String>())
    }

    /// Adds fields to every token answer; the closure gets the grant type.
    pub fn extra(&self, extra: impl Fn(&str) -> Value + Send + Sync + 'static) {
        self.state.lock().extra = Some(Arc::new(extra));
    }

    /// Queues faults for the next token requests.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().faults.extend(faults);
    }

    /// What the next polls hear; after that the person has agreed.
    pub fn polls(&self, polls: impl IntoIterator<Item = Poll>) {
        self.state.lock().polls.extend(polls);
    }

    /// The person says no on the authorize page, with this error code.
    pub fn deny(&self, code: &str) {
        self.state.lock().denies = Some(code.to_owned());
    }

    /// Makes a login outside of the program under test: refresh token and access token.
    pub fn grant(&self) -> (String, String) {
        let answer = self.state.lock().grant(&self.registration, "test", true);
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        (text("refresh_token"), text("access_token"))
    }

    /// Spends a refresh token as another program would, and returns the new one.
    pub fn refresh_elsewhere(&self, token: &str) -> (String, String) {
        let mut state = self.state.lock();
        state.live.retain(|live| live != token);
        state.spent.push(token.to_owned());
        let answer = state.grant(&self.registration, "test", true);
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        (text("refresh_token"), text("access_token"))
    }

    /// Ends every login, as a changed password does.
    pub fn revoke_everything(&self) {
        let mut state = self.state.lock();
        state.live.clear();
        state.access.clear();
    }

    /// Whether calls may use an access token.
    pub fn accepts(&self, access_token: &str) -> bool {
        let state = self.state.lock();
        state.access.iter().any(|known| known == access_token)
    }

    /// The same for handlers of the server itself: whether a bearer token, if there is one, is known.
    pub fn admits(&self) -> impl Fn(&Recorded) -> bool + Send + Sync + 'static {
        let state = Arc::clone(&self.state);
        move |request| {
            let sent = request.header("authorization");
            let token = sent.and_then(|sent| sent.strip_prefix("Bearer "));
            token.is_none_or(|token| state.lock().access.iter().any(|known| known == token))
        }
    }

    /// Whether a refresh token can still be used.
    pub fn is_live(&self, refresh_token: &str) -> bool {
        let state = self.state.lock();
        state.live.iter().any(|known| known == refresh_token)
    }

    /// Makes all access tokens useless; refresh tokens stay.
    pub fn forget_access_tokens(&self) {
        self.state.lock().access.clear();
    }

    /// How many refreshes were granted.
    pub fn n_refreshes(&self) -> usize {
        self.state.lock().n_refreshes
    }

    /// How many times a spent refresh token came again.
    pub fn n_reuses(&self) -> usize {
        self.state.lock().n_reuses
    }

    /// The token requests so far: their parameters.
    pub fn token_requests(&self) -> Vec<BTreeMap<String, String>> {
        let requests = self.server.requests();
        let tokens = requests
            .iter()
            .filter(|request| request.path() == self.registration.token);
        tokens
            .map(|request| parameters(request).unwrap_or_default())
            .collect()
    }

    /// What clients did wrong; every test ends with a look at it.
    #[track_caller]
    pub fn assert_content(&self) {
        let state = self.state.lock();
        assert!(state.complaints.is_empty(), "{:?}", state.complaints);
    }

    /// Acts as the browser at an authorization request's address, whatever host it names: the person
    /// agrees. Returns where the browser is sent.
    #[track_caller]
    pub fn agree(&self, url: &str) -> String {
        let (_, query) = url.split_once('?').expect("a query");
        let target = format!("{}?{query}", self.registration.authorize);
        let answer = get(&self.server.url(), &target);
        assert_eq!(answer.status, 302, "{}", answer.body);
        answer.location.expect("a redirect")
    }
}

impl State {
    /// A new pair of tokens.
    fn grant(
        &mut self,
        registration: &Registration,
        grant_type: &str,
        with_refresh: bool,
    ) -> Value {
        self.n_granted += 1;
        let n = self.n_granted;
        let access = format!("access-{n}");
        self.access.push(access.clone());
        let mut answer = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": registration.life,
        });
        if with_refresh {
            let refresh = format!("refresh-{n}");
            self.live.push(refresh.clone());
            answer["refresh_token"] = refresh.into();
        }
        if let Some(Value::Object(extra)) = self.extra.as_ref().map(|extra| extra(grant_type)) {
            let answer = answer.as_object_mut().expect("an object");
            answer.extend(extra);
        }
        answer
    }

    fn refuse(&mut self, status: u16, code: &str, why: String) -> Reply {
        self.complaints.push(why.clone());
        error(status, code, &why)
    }
}

fn error(status: u16, code: &str, why: &str) -> Reply {
    Reply::json(status, &json!({"error": code, "error_description": why}))
}

fn authorize(state: &mut State, registration: &Registration, request: &Recorded) -> Reply {
    let query = request
        .target
        .split_once('?')
        .map_or("", |(_, query)| query);
    let query = pairs(query);
    let get = |name: &str| query.get(name).cloned().unwrap_or_default();
    let wrong = [
        (get("response_type") != "code", "response_type"),
        (get("client_id") != registration.client_id, "client_id"),
        (get("state").len() < 16, "state"),
        (
            get("code_challenge_method") != "S256",
            "code_challenge_method",
        ),
        (get("code_challenge").len() != 43, "code_challenge"),
        (!get("redirect_uri").starts_with("http"), "redirect_uri"),
    ];
    if let Some((_, what)) = wrong.iter().find(|(wrong, _)| *wrong) {
        return state.refuse(
            400,
            "invalid_request",
            format!("{what} in {}", request.target),
        );
    }
    let redirect = get("redirect_uri");
    let location = match state.denies.take() {
        Some(code) => format!(
            "{redirect}?error={code}&error_description=the+person+said+no&state={}",
            get("state")
        ),
        None => {
            let code = format!("code/{}", state.codes.len() + 1);
            let asked = (get("code_challenge"), redirect.clone());
            state.codes.insert(code.clone(), asked);
            let code = code.replace('/', "%2F");
            format!("{redirect}?code={code}&state={}", get("state"))
        }
    };
    Reply::new(302).header("location", &location)
}

fn token(state: &mut State, registration: &Registration, request: &Recorded) -> Reply {
    let fault = state.faults.pop_front();
    match &fault {
        Some(Fault::DropBefore) => return Reply::new(200).before_head(Part::CloseEarly),
        Some(Fault::Answer(status, content_type, body)) => {
            return Reply::bytes(*status, content_type, body.clone());
        }
        Some(Fault::DropAfter) | None => {}
    }
    let reply = grant(state, registration, request);
    match fault {
        Some(_) => Reply::new(200).before_head(Part::CloseEarly),
        None => reply,
    }
}

fn grant(state: &mut State, registration: &Registration, request: &Recorded) -> Reply {
    let is_json = request
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"));
    if is_json != registration.json {
        return state.refuse(415, "invalid_request", "form or JSON mixed up".to_owned());
    }
    let Some(body) = parameters(request) else {
        return state.refuse(400, "invalid_request", "an unreadable body".to_owned());
    };
    let get = |name: &str| body.get(name).cloned().unwrap_or_default();
    if get("client_id") != registration.client_id {
        return state.refuse(
            401,
            "invalid_client",
            format!("client `{}`", get("client_id")),
        );
    }
    if registration
        .client_secret
        .is_some_and(|secret| secret != get("client_secret"))
    {
        return state.refuse(401, "invalid_client", "a wrong client secret".to_owned());
    }
    match get("grant_type").as_str() {
        "authorization_code" => {
            let code = get("code");
            let Some((challenge, redirect)) = state.codes.remove(&code) else {
                return state.refuse(400, "invalid_grant", format!("unknown code `{code}`"));
            };
            if redirect != get("redirect_uri") {
                return state.refuse(400, "invalid_grant", "another redirect_uri".to_owned());
            }
            let digest =
                ring::digest::digest(&ring::digest::SHA256, get("code_verifier").as_bytes());
            if URL_SAFE_NO_PAD.encode(digest) != challenge {
                return state.refuse(400, "invalid_grant", "a wrong code_verifier".to_owned());
            }
            Reply::json(200, &state.grant(registration, "authorization_code", true))
        }
        "refresh_token" => {
            let token = get("refresh_token");
            if state.spent.contains(&token) {
                // Somebody has a copy: the whole login ends (RFC 9700 §4.14.2).
                state.n_reuses += 1;
                state.live.clear();
                return error(400, "invalid_grant", "the refresh token was used before");
            }
            if !state.live.contains(&token) {
                return error(400, "invalid_grant", "unknown refresh token");
            }
            state.n_refreshes += 1;
            if registration.rotates {
                state.live.retain(|live| *live != token);
                state.spent.push(token);
            }
            let rotates = registration.rotates;
            Reply::json(200, &state.grant(registration, "refresh_token", rotates))
        }
        "urn:ietf:params:oauth:grant-type:device_code" => match state.polls.pop_front() {
            Some(Poll::Pending) => error(400, "authorization_pending", "not yet"),
            Some(Poll::SlowDown) => error(400, "slow_down", "too fast"),
            Some(Poll::Denied) => error(400, "access_denied", "the person said no"),
            Some(Poll::Expired) => error(400, "expired_token", "too late"),
            None if get("device_code") != "device-code" => {
                state.refuse(400, "invalid_grant", "unknown device code".to_owned())
            }
            None => Reply::json(200, &state.grant(registration, "device_code", true)),
        },
        other => state.refuse(400, "unsupported_grant_type", format!("grant `{other}`")),
    }
}

fn device(state: &mut State, registration: &Registration, request: &Recorded) -> Reply {
    let body = parameters(request).unwrap_or_default();
    if body.get("client_id").map(String::as_str) != Some(registration.client_id) {
        return state.refuse(401, "invalid_client", "a wrong client".to_owned());
    }
    Reply::json(
        200,
        &json!({
            "device_code": "device-code",
            "user_code": "ABCD-1234",
            "verification_uri": "https://device.example/activate",
            "verification_uri_complete": "https://device.example/activate?code=ABCD-1234",
            "expires_in": 900,
            "interval": 0,
        }),
    )
}

/// The parameters of a request's body, form or JSON.
pub fn parameters(request: &Recorded) -> Option<BTreeMap<String, String>> {
    let text = std::str::from_utf8(&request.body).ok()?;
    if text.trim_start().starts_with('{') {
        let body: Map<String, Value> = serde_json::from_str(text).ok()?;
        let texts = body.into_iter().map(|(name, value)| match value {
            Value::String(text) => (name, text),
            other => (name, other.to_string()),
        });
        return Some(texts.collect());
    }
    Some(pairs(text))
}

/// The pairs of a query or form, decoded.
pub fn pairs(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = std::str::from_utf8(&tail[..2]).expect("two digits");
                bytes.push(u8::from_str_radix(digits, 16).expect("hex"));
                rest = &tail[2..];
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// The right to use a port that a provider fixed: tests of this and other processes take turns.
/// Given back when dropped.
pub struct OwnPort(#[expect(dead_code, reason = "holds the lock")] std::fs::File);

/// Waits for the right to use `port`.
#[track_caller]
pub fn own_port(port: u16) -> OwnPort {
    let path = std::env::temp_dir().join(format!("cli-proxy-api-plus-test-port-{port}"));
    let mut options = std::fs::OpenOptions::new();
    options.create(true).write(true).truncate(false);
    let file = options.open(path).expect("a lock file");
    file.lock().expect("a lock");
    // Some of these ports lie where the system takes ports for outgoing connections from.
    eventually("the port to be free", || {
        std::net::TcpListener::bind(("127.0.0.1", port)).ok()
    });
    OwnPort(file)
}

/// A page a browser got.
#[derive(Debug)]
pub struct Visited {
    /// The status.
    pub status: u16,
    /// Where it leads on.
    pub location: Option<String>,
    /// Head and page as they came.
    pub body: String,
}

/// Opens an address of this machine as a browser would; `None` = nobody listens there.
#[track_caller]
pub fn visit(url: &str) -> Option<Visited> {
    let rest = url.strip_prefix("http://").expect("an http address");
    let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
    let port = host
        .rsplit(':')
        .next()
        .and_then(|port| port.parse::<u16>().ok());
    TcpStream::connect(("127.0.0.1", port.expect("a port"))).ok()?;
    let at = url.len() - rest.len() + host.len();
    Some(get(&url[..at], &url[at..]))
}

#[track_caller]
fn get(base: &str, target: &str) -> Visited {
    let host = base.strip_prefix("http://").expect("an http address");
    let address = host.replace("localhost", "127.0.0.1");
    let mut socket = TcpStream::connect(&address).expect("somebody listens");
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("sent");
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    // The scripted server keeps connections open: the announced length is the end.
    let answer = loop {
        let n = socket.read(&mut piece).expect("an answer");
        text.extend_from_slice(&piece[..n]);
        let seen = String::from_utf8_lossy(&text).into_owned();
        let whole = seen.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = header(head, "content-length").and_then(|text| text.parse().ok());
            length.is_some_and(|length: usize| body.len() >= length)
        });
        if n == 0 || whole {
            break seen;
        }
    };
    let (head, _) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Visited {
        status: status.expect("a status"),
        location: header(head, "location"),
        body: answer,
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim().to_owned())
}
