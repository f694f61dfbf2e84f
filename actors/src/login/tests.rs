use super::{
    AuthorizationCode, CancelLogin, Conversation, Deliver, DeliverError, LoginError, LoginInput,
    LoginOptions, LoginProgress, LoginStart, LoginState, LoginStep, LoginTicket, NewLogin, OpenUrl,
    PollLogin, Question, ShowCode, StartLogin,
};
use crate::port::{Clock, LoginDriver};
use crate::system::Handles;
use crate::testing::{PROVIDER, World, pass};
use chrono::{DateTime, TimeDelta};
use futures_util::future::LocalBoxFuture;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

struct Fake(String);

/// The flows of these tests, by name.
pub(crate) fn flow(name: &str) -> Option<Arc<dyn LoginDriver>> {
    (!name.starts_with("no-")).then(|| Arc::new(Fake(name.to_owned())) as _)
}

fn account() -> NewLogin {
    let document = json!({"type": PROVIDER, "email": "new@b.c", "access_token": "t"});
    NewLogin {
        names: vec!["new.json".to_owned()],
        document: document.as_object().cloned().expect("an object"),
        identity: &["email"],
        plan: None,
    }
}

impl LoginDriver for Fake {
    fn run(
        &self,
        start: LoginStart,
        talk: Conversation,
    ) -> LocalBoxFuture<'static, Result<Vec<NewLogin>, LoginError>> {
        let name = self.0.clone();
        Box::pin(async move {
            assert_eq!(start.state, talk.state());
            match name.as_str() {
                "panic" => panic!("a flow that panics"),
                "device" => {
                    talk.show_code(ShowCode {
                        url: "https://x/".to_owned(),
                        url_complete: None,
                        user_code: "A".to_owned(),
                        expires_at: DateTime::UNIX_EPOCH
                            + TimeDelta::days(20_000)
                            + TimeDelta::minutes(20),
                    });
                    std::future::pending().await
                }
                "ask" => {
                    let question = Question {
                        text: "?".to_owned(),
                        free_text: true,
                        ..Question::default()
                    };
                    talk.note(talk.ask(question).await?);
                }
                _ => {
                    let AuthorizationCode { code, state } = talk
                        .open_url(OpenUrl {
                            url: "https://x/".to_owned(),
                            redirect_uri: "http://localhost/".to_owned(),
                            listening: None,
                        })
                        .await?;
                    talk.note(format!("{} {}", code.expose(), state == start.state));
                }
            }
            if name == "stuck" {
                return std::future::pending().await;
            }
            Ok(vec![account()])
        })
    }
}

async fn begin(handles: &Handles, login: &str) -> Result<LoginTicket, LoginError> {
    let start = StartLogin {
        login: login.to_owned(),
        options: LoginOptions::default(),
    };
    let ticket = handles.logins.send(start).await.expect("a desk");
    pass(0).await;
    ticket
}

async fn paste(handles: &Handles, ticket: &LoginTicket, text: &str) -> Result<(), DeliverError> {
    let deliver = Deliver {
        state: ticket.state.to_string(),
        input: LoginInput::Pasted(text.to_owned()),
    };
    let taken = handles.logins.send(deliver).await.expect("a desk");
    pass(0).await;
    taken
}

fn now(ticket: &LoginTicket) -> LoginProgress {
    ticket.progress.borrow().clone()
}

#[actix_rt::test]
async fn a_login_ends_with_an_account_in_use() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start("").await;
    let ticket = begin(&handles, "url").await.unwrap();
    assert!(matches!(
        now(&ticket).state,
        LoginState::Running(LoginStep::OpenUrl(_))
    ));
    assert_eq!(paste(&handles, &ticket, "code=c").await, Ok(()));
    let LoginState::Done(adopted) = now(&ticket).state else {
        panic!("not logged in");
    };
    assert_eq!(adopted[0].id.as_str(), "new.json");
    assert_eq!(now(&ticket).notes, ["c true".into()]);
    let members = &handles.snapshot.get().members;
    assert!(
        members
            .iter()
            .any(|member| member.id.as_str() == "new.json")
    );
    // The end can be asked for later; what comes now is for nobody.
    let poll = PollLogin {
        state: ticket.state.to_string(),
    };
    let polled = handles.logins.send(poll).await.unwrap().unwrap();
    assert!(now(&polled).state.is_over());
    assert_eq!(
        paste(&handles, &ticket, "code=c").await,
        Err(DeliverError::Unknown)
    );
}

#[actix_rt::test]
async fn nobody_is_waited_for_longer_than_five_minutes_at_each_step() {
    tokio::time::pause();
    let handles = World::new().start("").await;
    for login in ["url", "ask", "stuck"] {
        let ticket = begin(&handles, login).await.unwrap();
        pass(4 * 60).await;
        assert!(!now(&ticket).state.is_over(), "{login}");
        if login == "stuck" {
            // The code gives the flow five minutes of its own.
            paste(&handles, &ticket, "c").await.unwrap();
            pass(4 * 60).await;
            assert!(!now(&ticket).state.is_over(), "{login}");
        }
        pass(61).await;
        assert_eq!(
            now(&ticket).state,
            LoginState::Failed(LoginError::Expired),
            "{login}"
        );
    }
}

#[actix_rt::test]
async fn a_device_login_lives_as_long_as_its_code() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start("").await;
    let ticket = begin(&handles, "device").await.unwrap();
    let begun = world.clock.now();
    pass(19 * 60).await;
    assert!(!now(&ticket).state.is_over());
    pass(61).await;
    assert_eq!(now(&ticket).state, LoginState::Failed(LoginError::Expired));
    assert!(world.clock.now() - begun < TimeDelta::minutes(21));
}

#[actix_rt::test]
async fn a_panicking_flow_ends_its_login_only() {
    tokio::time::pause();
    let handles = World::new().start("").await;
    let ticket = begin(&handles, "panic").await.unwrap();
    assert!(matches!(
        now(&ticket).state,
        LoginState::Failed(LoginError::Internal { .. })
    ));
    assert!(begin(&handles, "url").await.is_ok());
}

#[actix_rt::test]
async fn sessions_do_not_mix_and_ends_are_forgotten() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start("").await;
    let first = begin(&handles, "url").await.unwrap();
    let second = begin(&handles, "stuck").await.unwrap();
    assert_ne!(first.state, second.state);
    assert_eq!(first.state.len(), 32);
    let cross = format!("code=c&state={}", second.state);
    assert_eq!(
        paste(&handles, &first, &cross).await,
        Err(DeliverError::State)
    );
    let state = first.state.to_string();
    handles.logins.send(CancelLogin { state }).await.unwrap();
    pass(0).await;
    assert_eq!(now(&first).state, LoginState::Failed(LoginError::Cancelled));
    assert!(!now(&second).state.is_over());
    // Anew: the earlier one of its kind ends.
    let third = begin(&handles, "stuck").await.unwrap();
    assert_eq!(
        now(&second).state,
        LoginState::Failed(LoginError::Cancelled)
    );
    pass(31 * 60).await;
    begin(&handles, "url").await.unwrap();
    for ticket in [first, second, third] {
        let poll = PollLogin {
            state: ticket.state.to_string(),
        };
        assert!(handles.logins.send(poll).await.unwrap().is_none());
    }
    assert!(matches!(
        begin(&handles, "no-such").await,
        Err(LoginError::NoSuchLogin(_))
    ));
}

#[actix_rt::test]
async fn an_account_that_cannot_be_written_is_a_failure_that_says_so() {
    tokio::time::pause();
    let world = World::new();
    let handles = world.start("").await;
    world.store.fail_saves(true);
    let ticket = begin(&handles, "url").await.unwrap();
    paste(&handles, &ticket, "c").await.unwrap();
    let LoginState::Failed(LoginError::Save { message }) = now(&ticket).state else {
        panic!("a failed save");
    };
    assert!(message.contains("read only"), "{message}");
    assert!(handles.snapshot.get().members.is_empty());
}

#[actix_rt::test]
async fn whoever_waits_for_the_outcome_hears_it_in_time() {
    tokio::time::pause();
    let handles = World::new().start("").await;
    let ticket = begin(&handles, "stuck").await.unwrap();
    paste(&handles, &ticket, "c").await.unwrap();
    let state = ticket.outcome(Duration::from_secs(30)).await;
    assert!(matches!(state, LoginState::Running(LoginStep::Working(_))));
    let ticket = begin(&handles, "ask").await.unwrap();
    let state = ticket.outcome(Duration::from_secs(30)).await;
    assert!(matches!(state, LoginState::Running(LoginStep::Ask(_))));
}
