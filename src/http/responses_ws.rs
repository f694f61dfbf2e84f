//! OpenAI Responses over a WebSocket (`http-api.md` §7.1): the state of a conversation lives with its
//! connection, every turn is an exchange of its own.

use super::{Desk, access, error};
use crate::exchange::{self, CallKind, ClientCall, Reply, ReplyBody, Worker};
use actix_web::body::MessageBody;
use actix_web::http::header::{HeaderName, UPGRADE};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, Closed, Session};
use actors::domain::id::CredentialId;
use bytes::Bytes;
use futures_util::StreamExt;
use protocol::Dialect;
use protocol::canonical::Failure;
use protocol::codec::{Framing, ReplyContext};
use protocol::openai_responses::conversation::{Asked, Conversation, failure_message, messages};
use protocol::splice::JsonBody;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

/// Largest message of a client: as large as a request body of the same call.
const MESSAGE_MAX: usize = super::body::BODY_MAX;

/// Pings keep proxies with an idle limit from cutting a quiet socket.
const PING_EVERY: Duration = Duration::from_secs(30);

/// Messages taken in while a turn is running.
const WAITING_MAX: usize = 16;

/// Header that Codex wants back.
const TURN_STATE: HeaderName = HeaderName::from_static("x-codex-turn-state");

/// `GET /v1/responses`: opens the socket. A plain GET gets 426, which tells Codex to go on over HTTP.
pub async fn open(request: HttpRequest, payload: Payload) -> HttpResponse {
    let refuse = |failure: &Failure| error::respond(Dialect::OpenAiResponses, failure);
    let (desk, client) = match Desk::of(&request)
        .and_then(|desk| access::admit(&desk, &request).map(|client| (desk, client)))
    {
        Ok(admitted) => admitted,
        Err(failure) => return refuse(&failure),
    };
    if !request.headers().contains_key(UPGRADE) {
        let text = "GET /v1/responses opens a WebSocket; use POST for a single request";
        return refuse(&Failure::new(426, text));
    }
    let (mut response, session, stream) = match actix_ws::handle(&request, payload) {
        Ok(parts) => parts,
        Err(fault) => return refuse(&Failure::new(400, fault.to_string())),
    };
    if let Some(state) = request.headers().get(&TURN_STATE) {
        response.headers_mut().insert(TURN_STATE, state.clone());
    }
    let stream = stream
        .max_frame_size(MESSAGE_MAX)
        .aggregate_continuations()
        .max_continuation_size(MESSAGE_MAX);
    let socket = Socket {
        worker: desk.worker,
        request,
        client,
        session,
        stream,
        waiting: VecDeque::new(),
        conversation: Conversation::new(),
        pinned: None,
    };
    actix_rt::spawn(socket.serve());
    response
}

/// One open socket.
struct Socket {
    worker: Rc<Worker>,
    request: HttpRequest,
    client: u64,
    session: Session,
    stream: AggregatedMessageStream,
    /// Messages that came while a turn was running.
    waiting: VecDeque<Bytes>,
    conversation: Conversation,
    /// All turns stay on the first credential.
    pinned: Option<CredentialId>,
}

/// What came from the client.
enum Incoming {
    Message(Bytes),
    /// A ping or pong; nothing to do.
    Sign,
    Gone,
}

impl Socket {
    async fn serve(mut self) {
        loop {
            let message = match self.waiting.pop_front() {
                Some(message) => message,
                None => match self.next().await {
                    Incoming::Message(message) => message,
                    Incoming::Sign => continue,
                    Incoming::Gone => break,
                },
            };
            if self.turn(message).await.is_err() {
                break;
            }
        }
        // The peer may be gone already.
        let _closed = self.session.close(None).await.is_ok();
    }

    /// The next thing the client sends; pings it meanwhile.
    async fn next(&mut self) -> Incoming {
        loop {
            match tokio::time::timeout(PING_EVERY, self.stream.next()).await {
                Ok(message) => return self.read(message).await,
                Err(_) => {
                    if self.session.ping(b"").await.is_err() {
                        return Incoming::Gone;
                    }
                }
            }
        }
    }

    async fn read(
        &mut self,
        message: Option<Result<AggregatedMessage, actix_ws::ProtocolError>>,
    ) -> Incoming {
        match message {
            Some(Ok(AggregatedMessage::Text(text))) => Incoming::Message(text.into_bytes()),
            Some(Ok(AggregatedMessage::Binary(bytes))) => Incoming::Message(bytes),
            Some(Ok(AggregatedMessage::Ping(data))) => match self.session.pong(&data).await {
                Ok(()) => Incoming::Sign,
                Err(Closed) => Incoming::Gone,
            },
            Some(Ok(AggregatedMessage::Pong(_))) => Incoming::Sign,
            Some(Ok(AggregatedMessage::Close(_)) | Err(_)) | None => Incoming::Gone,
        }
    }

    /// Answers one message. `Err` when the client is gone.
    async fn turn(&mut self, message: Bytes) -> Result<(), Closed> {
        let context = ReplyContext {
            created: self.worker.shared.clock.now().timestamp(),
            id_seed: self.worker.random_hex(24),
            codex_client: true,
            ..ReplyContext::default()
        };
        let body = match self.conversation.receive(&message, &context) {
            Ok(Asked::Reply(body)) => body,
            Ok(Asked::Ready(messages)) => {
                for message in messages {
                    self.session.text(message).await?;
                }
                return Ok(());
            }
            Err(failure) => return self.session.text(failure_message(&failure)).await,
        };
        let call = ClientCall {
            dialect: Dialect::OpenAiResponses,
            kind: CallKind::Generate,
            body: JsonBody::new(body),
            path_model: None,
            path_stream: Some(true),
            framing: Framing::Sse,
            codex_client: true,
            http: self.request.clone(),
            client: self.client,
            pinned: self.pinned.clone(),
        };
        let worker = Rc::clone(&self.worker);
        let run = Box::pin(async move { exchange::run(&worker, &call).await });
        match self.meanwhile(run).await? {
            Ok(reply) => {
                self.pinned = self.pinned.take().or_else(|| reply.credential.clone());
                self.relay(reply).await
            }
            Err(failure) => self.session.text(failure_message(&failure)).await,
        }
    }

    /// Sends the events of a reply, one message each.
    async fn relay(&mut self, reply: Reply) -> Result<(), Closed> {
        let mut ended = false;
        match reply.body {
            ReplyBody::Whole(body) => self.events(&body, &mut ended).await?,
            ReplyBody::Stream(mut pump) => loop {
                let chunk = std::future::poll_fn(|cx| Pin::new(&mut *pump).poll_next(cx));
                match self.meanwhile(Box::pin(chunk)).await? {
                    Some(Ok(frames)) => self.events(&frames, &mut ended).await?,
                    Some(Err(never)) => match never {},
                    None => break,
                }
            },
        }
        if ended {
            return Ok(());
        }
        let failure = Failure::new(408, "stream closed before response.completed");
        self.session.text(failure_message(&failure)).await
    }

    async fn events(&mut self, frames: &[u8], ended: &mut bool) -> Result<(), Closed> {
        let mut texts = Vec::new();
        // Frames come from our own encoders and relays, which write text only.
        let is_text = messages(frames, |data| texts.push(data.to_owned())).is_ok();
        debug_assert!(is_text);
        for text in texts {
            *ended |= self.conversation.sent(&text);
            self.session.text(text).await?;
        }
        Ok(())
    }

    /// Waits for `work` while the client's messages are taken in; ends when the client leaves, which
    /// drops the upstream call.
    async fn meanwhile<T>(
        &mut self,
        mut work: Pin<Box<dyn Future<Output = T> + '_>>,
    ) -> Result<T, Closed> {
        loop {
            if self.waiting.len() >= WAITING_MAX {
                // The socket's own flow control holds the client back.
                return Ok(work.await);
            }
            let incoming = tokio::select! {
                done = &mut work => return Ok(done),
                incoming = self.next() => incoming,
            };
            match incoming {
                Incoming::Message(message) => self.waiting.push_back(message),
                Incoming::Sign => {}
                Incoming::Gone => return Err(Closed),
            }
        }
    }
}
