//! Answers of models that run inside this process.

use super::attempt::{Attempt, Ended};
use super::deliver::encode_events;
use super::prepare::{Prepared, Preparer};
use super::{CallKind, Reply, count};
use crate::providers::verdict::{Judgement, Verdict};
use crate::providers::{LocalModel, Spoken};
use actors::domain::outcome::Outcome;
use actors::lease::Lease;
use bytes::Bytes;
use protocol::canonical::{Failure, fold};
use protocol::codec::Declared;
use protocol::{Dialect, codec};

impl Attempt<'_> {
    /// Answers with a model that runs inside this process.
    pub fn locally(
        &self,
        model: &dyn LocalModel,
        lease: Lease,
        preparer: &mut Preparer<'_>,
    ) -> Ended {
        lease.finish(Outcome::Served);
        let stop = |failure: Box<Failure>| Ended::Failed(Judgement::of(Verdict::Stop, *failure));
        if !matches!(self.call.kind, CallKind::Generate | CallKind::CountTokens) {
            return Ended::NotAble(Box::new(Failure::new(
                501,
                "the built-in demo model only answers chats; name a model of an account",
            )));
        }
        let request = match preparer.request() {
            Ok(request) => request.clone(),
            Err(error) => return stop(Box::new(error.into_failure())),
        };
        if self.call.kind == CallKind::CountTokens {
            let words = count::words(&request);
            return Ended::Reply(count::counted(words, self.call.dialect));
        }
        let events = match model.answer(&request) {
            Ok(events) => events,
            Err(failure) => return stop(failure),
        };
        let spoken = Spoken::plain(
            Dialect::OpenAiChat,
            protocol::codec::EndpointTraits::default(),
        );
        let prepared = Prepared {
            declared: Declared::of(&request),
            show: request.reasoning.show,
            ..Prepared::raw(Bytes::new())
        };
        let now = self.worker.shared.clock.now();
        let context = preparer.reply_context(self.candidate, &spoken, &prepared, now);
        let mut reply = if self.plan.stream {
            Reply {
                content_type: self.stream_type(),
                ..Reply::json(encode_events(events, self.call.dialect, &context))
            }
        } else {
            match fold(events) {
                Ok(response) => {
                    Reply::json(codec(self.call.dialect).encode_response(&response, &context))
                }
                Err(failure) => return stop(failure),
            }
        };
        reply.credential = Some(self.candidate.credential.clone());
        Ended::Reply(reply)
    }
}
