//! The session of a line, if one is opened on it.

use std::sync::{Arc, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Response};
use http_body_util::BodyExt as _;
use serde::Deserialize;

use super::running::Place;
use super::{Line, LineHead};
use crate::auth::Principal;
use crate::server::answers::Mute;
use crate::transport::body::Body;
use crate::transport::headers::Head;
use crate::transport::rejection::Rejection;
use crate::transport::session::id::parse_id;
use crate::transport::session::{end, stream};
use crate::transport::sse::listen::{self, Entered};

/// What `initialize` has come to.
pub(super) struct Opened {
    tie: Tie,
    /// The place among the open streams that the session's own is going to have.
    entered: Option<Entered>,
    /// Once the client says nothing any more.
    mute: Option<Mute>,
}

impl Opened {
    pub(super) fn new(entered: Option<Entered>) -> Self {
        Self { tie: Tie::default(), entered, mute: None }
    }
}

/// What ties a message to those before it, as its headers would over HTTP.
#[derive(Clone, Default)]
pub(super) struct Tie {
    session: Option<HeaderValue>,
    /// What was agreed upon, where there is no session that would know.
    revision: Option<String>,
}

impl Tie {
    pub(super) fn head(&self) -> Head<'_> {
        Head::on_line(self.session.as_ref().map(HeaderValue::as_bytes), self.revision.as_ref().map(String::as_bytes))
    }

    fn id(&self) -> Option<u128> {
        parse_id(self.session.as_ref()?.as_bytes())
    }
}

/// The part of the answer to `initialize` that its line has to know.
#[derive(Deserialize)]
struct Initialized {
    result: Option<Agreement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Agreement {
    protocol_version: String,
}

impl Line {
    pub(super) fn tie(&self) -> Tie {
        self.opened().tie.clone()
    }

    /// Whether `initialize` has come to something.
    pub(crate) fn is_open(&self) -> bool {
        let tie = &self.opened().tie;
        tie.session.is_some() || tie.revision.is_some()
    }

    /// Answers `initialize`, which nobody cancels but with the whole line.
    pub(super) async fn initialize(
        self: &Arc<Self>,
        text: Bytes,
        principal: Option<Principal>,
        mut request: LineHead,
        place: &Place,
    ) {
        // Before there is a session: it could not be listened to.
        let entered = match self.enter() {
            Ok(entered) => entered,
            Err(rejection) => return self.refuse(rejection.of(place.id())).await,
        };
        match self.answer(text, principal, &mut request, Some(place)).await {
            Ok(response) => self.open(response).await,
            Err(rejection) => self.refuse(rejection.of(place.id())).await,
        }
        if entered {
            // No session has come of it, else its stream has the place.
            self.give_place_back();
        }
        if place.is_cancelled() {
            // The line has ended before its session was there.
            self.end_session().await;
        }
    }

    /// Takes a place among the open streams, where one is going to be needed and there is none.
    fn enter(&self) -> Result<bool, Box<Rejection>> {
        if !self.shared.serves_sessions() || self.is_open() || self.opened().entered.is_some() {
            return Ok(false);
        }
        let entered = listen::enter(&self.shared)?;
        self.opened().entered = Some(entered);
        Ok(true)
    }

    /// Hands on what `initialize` was answered with, and ties the line to the session that it has opened.
    async fn open(self: &Arc<Self>, response: Response<Body>) {
        let session = response.headers().get("mcp-session-id").cloned();
        let Ok(answer) = response.into_body().collect().await else { return };
        let answer = answer.to_bytes();
        let has_session = session.is_some();
        if has_session {
            self.opened().tie.session = session;
        } else if let Some(revision) = agreed_revision(&answer) {
            self.opened().tie.revision = Some(revision);
        }
        self.say(answer).await;
        if has_session {
            self.listen().await;
        }
    }

    /// Has the line told what its session is told unasked. That also keeps the session alive for as long as the line.
    async fn listen(self: &Arc<Self>) {
        let tie = self.tie();
        let entered = self.opened().entered.take();
        match stream::open(&self.shared, self.principal.as_ref(), &tie.head(), entered).await {
            Ok(response) => {
                let line = Arc::clone(self);
                self.shared.lifespan.adopt(async move {
                    tokio::select! {
                        () = line.deaf.cancelled() => {}
                        () = line.forward(response) => {}
                    }
                    // The session has ended, or the server drains.
                    line.close();
                });
            }
            Err(rejection) => {
                tracing::debug!(?rejection, "a conversation ends, since its session cannot be listened to");
                self.close();
            }
        }
    }

    /// Gives its place among the open streams back, if it has one itself.
    pub(super) fn give_place_back(&self) {
        let entered = self.opened().entered.take();
        drop(entered);
    }

    /// The client says nothing any more: what it has been asked is given up.
    pub(crate) fn expect_nothing(&self) {
        if let Some(session) = self.tie().id() {
            let mute = self.shared.server.answers.mute(session);
            self.opened().mute = Some(mute);
        }
    }

    /// The session is unknown from now on, and its calls are cancelled.
    pub(super) async fn end_session(&self) {
        let tie = self.tie();
        if tie.session.is_some()
            && let Err(rejection) = end::delete(&self.shared, self.principal.as_ref(), &tie.head()).await
        {
            tracing::debug!(?rejection, "the session of a conversation that has ended could not be ended");
        }
    }

    fn opened(&self) -> MutexGuard<'_, Opened> {
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn agreed_revision(answer: &Bytes) -> Option<String> {
    let answer: Initialized = serde_json::from_slice(answer).ok()?;
    Some(answer.result?.protocol_version)
}
