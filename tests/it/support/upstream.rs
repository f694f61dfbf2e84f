//! A scripted upstream: records every request, answers as told, byte by byte if need be.
//!
//! It lives on a thread and runtime of its own, so it works beside daemons in the same process
//! and beside tests that block.

mod connection;
mod reply;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use serde_json::Value;

pub use reply::{BodyFraming, Part, Reply};

use super::client::Client;
use super::deadline::wait_for;
use super::http::Headers;
use super::listener::Listener;

/// One request as it arrived.
pub struct Recorded {
    /// Order of arrival over all connections, from 0.
    pub index: usize,
    /// Which connection it came on, from 0.
    pub connection: usize,
    /// The method in capitals.
    pub method: String,
    /// Path and query as sent; a whole URL when the request came for a proxy.
    pub target: String,
    /// The header lines.
    pub headers: Headers,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// When the last byte of it had been read.
    pub at: Instant,
}

impl Recorded {
    /// The path without the query, and without the host of a request made for a proxy.
    pub fn path(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default();
        match path.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => path,
        }
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// The body as JSON; panics with the body when it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error} in body `{}`", String::from_utf8_lossy(&self.body)),
        }
    }
}

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowClosed {
    /// The peer closed it in order.
    ByPeer,
    /// The peer tore it down.
    ResetByPeer,
    /// The script ended it.
    ByScript,
}

/// The end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Closed {
    /// When this side noticed.
    pub at: Instant,
    /// Who did it.
    pub how: HowClosed,
}

type Handler = Arc<dyn Fn(&Recorded) -> Reply + Send + Sync>;

#[derive(Default)]
struct State {
    requests: Vec<Arc<Recorded>>,
    /// By connection.
    closed: Vec<Option<Closed>>,
    /// Prefix of the path and the answers queued for it.
    queues: Vec<(String, VecDeque<Reply>)>,
    handlers: Vec<(String, Handler)>,
    /// As `handlers`, before everything else.
    insisted: Vec<(String, Handler)>,
    n_unscripted: usize,
    /// What peers sent that is not HTTP/1.1.
    faults: Vec<String>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A server on a free port of the loopback interface; it ends when dropped.
pub struct Upstream {
    listener: Listener,
    shared: Arc<Shared>,
}

impl Upstream {
    /// Starts a server without any script: requests are answered with status 599.
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let listener = Listener::start({
            let shared = Arc::clone(&shared);
            move |socket| {
                let id = shared.connected();
                connection::serve(socket, id, Arc::clone(&shared))
            }
        });
        Self { listener, shared }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Queues an answer for the next request that no other queue takes.
    pub fn reply(&self, reply: Reply) {
        self.reply_to("", reply);
    }

    /// Queues an answer for requests whose path starts with `prefix`; the longest prefix with an
    /// answer left wins, queues win over handlers.
    pub fn reply_to(&self, prefix: &str, reply: Reply) {
        let queues = &mut self.shared.state.lock().queues;
        match queues.iter_mut().find(|(known, _)| known == prefix) {
            Some((_, queue)) => queue.push_back(reply),
            None => queues.push((prefix.to_owned(), VecDeque::from([reply]))),
        }
    }

    /// Answers every request below `prefix` that finds its queues empty.
    pub fn handle(
        &self,
        prefix: &str,
        handler: impl Fn(&Recorded) -> Reply + Send + Sync + 'static,
    ) {
        self.shared
            .state
            .lock()
            .handlers
            .push((prefix.to_owned(), Arc::new(handler)));
    }

    /// Answers every request below `prefix` so from now on, whatever else is scripted.
    pub fn insist(
        &self,
        prefix: &str,
        handler: impl Fn(&Recorded) -> Reply + Send + Sync + 'static,
    ) {
        let insisted = (prefix.to_owned(), Arc::new(handler) as Handler);
        self.shared.state.lock().insisted.push(insisted);
    }

    /// Goes back to the script.
    pub fn relent(&self) {
        self.shared.state.lock().insisted.clear();
    }

    /// Everything that arrived so far.
    pub fn requests(&self) -> Vec<Arc<Recorded>> {
        self.shared.state.lock().requests.clone()
    }

    /// How many requests arrived that nothing was scripted for.
    pub fn n_unscripted(&self) -> usize {
        self.shared.state.lock().n_unscripted
    }

    /// Waits until `n` requests have arrived and returns the last of those `n`.
    #[track_caller]
    pub fn await_request(&self, n: usize) -> Arc<Recorded> {
        wait_for(
            &self.shared.state,
            &self.shared.changed,
            |state| state.requests.get(n - 1).cloned(),
            |state| {
                let seen: Vec<_> = state
                    .requests
                    .iter()
                    .map(|request| &request.target)
                    .collect();
                format!("request {n}; there were {seen:?}")
            },
        )
    }

    /// Waits until the connection of a request is closed.
    #[track_caller]
    pub fn await_closed(&self, request: &Recorded) -> Closed {
        wait_for(
            &self.shared.state,
            &self.shared.changed,
            |state| state.closed[request.connection],
            |_| {
                format!(
                    "the end of the connection of {} {}",
                    request.method, request.target
                )
            },
        )
    }

    /// Waits until nobody is connected: whatever was sent before has been answered.
    #[track_caller]
    pub fn await_idle(&self) {
        // Connections are accepted in order, so this one stands behind all that were opened before.
        let path = "/the-last-in-the-line";
        self.reply_to(path, Reply::new(204));
        drop(Client::new(self.addr()).get(path));
        wait_for(
            &self.shared.state,
            &self.shared.changed,
            |state| state.closed.iter().all(Option::is_some).then_some(()),
            |_| "the end of all connections".to_owned(),
        );
    }

    /// The end of the connection of a request, if it came already.
    pub fn closed(&self, request: &Recorded) -> Option<Closed> {
        self.shared.state.lock().closed[request.connection]
    }

    /// How many connections were accepted so far.
    pub fn n_connections(&self) -> usize {
        self.shared.state.lock().closed.len()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.listener.stop();
        let faults = std::mem::take(&mut self.shared.state.lock().faults);
        if !std::thread::panicking() {
            assert!(
                faults.is_empty(),
                "the scripted upstream could not read: {faults:?}"
            );
        }
    }
}

impl Shared {
    fn connected(&self) -> usize {
        let mut state = self.state.lock();
        state.closed.push(None);
        state.closed.len() - 1
    }

    fn closed(&self, connection: usize, how: HowClosed) {
        self.state.lock().closed[connection] = Some(Closed {
            at: Instant::now(),
            how,
        });
        self.changed.notify_all();
    }

    fn fault(&self, what: String) {
        self.state.lock().faults.push(what);
    }

    /// Records a request and chooses its answer in one step, so that order of arrival and order
    /// of answers are the same.
    fn answer(&self, make: impl FnOnce(usize) -> Recorded) -> Reply {
        let (request, handler) = {
            let mut state = self.state.lock();
            let request = Arc::new(make(state.requests.len()));
            state.requests.push(Arc::clone(&request));
            self.changed.notify_all();
            let insisted = longest(&state.insisted, request.path());
            if insisted.is_none()
                && let Some(reply) = state.queued(request.path())
            {
                return reply;
            }
            let handler = insisted.or_else(|| longest(&state.handlers, request.path()));
            state.n_unscripted += usize::from(handler.is_none());
            (request, handler)
        };
        match handler {
            Some(handler) => handler(&request),
            None => Reply::text(599, format!("nothing is scripted for {}", request.target)),
        }
    }
}

impl State {
    fn queued(&mut self, path: &str) -> Option<Reply> {
        let fitting = self.queues.iter_mut();
        let fitting =
            fitting.filter(|(prefix, queue)| path.starts_with(prefix) && !queue.is_empty());
        fitting
            .max_by_key(|(prefix, _)| prefix.len())
            .and_then(|(_, queue)| queue.pop_front())
    }
}

/// The handler with the longest prefix; the later one of two.
fn longest(handlers: &[(String, Handler)], path: &str) -> Option<Handler> {
    let fitting = handlers
        .iter()
        .filter(|(prefix, _)| path.starts_with(prefix));
    fitting
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, handler)| Arc::clone(handler))
}
