//! Asking the client: its user by a form or a URL, its model, its roots. Written once in the handler, whichever era the
//! client speaks.
//!
//! - In a session the question is a request on the call's own stream, and the handler waits for the message that answers
//!   it ([`session`]).
//! - In 2026-07-28 the answer is looked for among those that came with this very request ([`rounds`]). If it is not there,
//!   the question never resolves in this round: once the handler waits, it is dropped, and the call is answered with what
//!   is to be asked. The client sends the request again, with the answers; the handler starts anew and sails through what
//!   is answered.
//!
//! Nothing of this travels through the handler's own error type.

mod api;
pub(crate) mod error;
pub(crate) mod here;
pub(crate) mod rounds;
mod session;
pub(crate) mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use serde_json::value::RawValue;

use self::error::AskError;
use self::rounds::Rounds;
use super::answers::Answers;
use super::letters::Inbox;
use crate::protocol::input::InputRequest;

/// How many questions a call may have asked in one run: more is a loop.
const MOST_KEYS: usize = 256;

/// How the client of a call can be asked: what the era makes of it, as data.
#[derive(Debug)]
pub(crate) enum Asking {
    Session(Conversation),
    Rounds(Box<Rounds>),
    Never(Unaskable),
}

/// A session, from the view of those who ask.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) id: u128,
    pub(crate) answers: Arc<Answers>,
    /// Where answers are found that have come to another replica.
    pub(crate) inbox: Option<Inbox>,
    /// How long an answer may take.
    pub(crate) patience: Duration,
}

/// Why a client cannot be asked at all.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unaskable {
    /// Up to 2025-11-25, without a session: there is nobody to send an answer.
    NoSession,
    /// Only tools, resources and prompts may ask (2026-07-28, basic/patterns/mrtr, «Supported Requests»).
    Method,
}

impl Unaskable {
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::NoSession => "before 2026-07-28 that takes a session, and this request belongs to none",
            Self::Method => "only tools, resources and prompts may ask",
        }
    }
}

/// What one run of a handler has asked.
#[derive(Debug, Default)]
pub(crate) struct Asks(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The keys of this run, each of which may be used once.
    keys: Vec<Box<str>>,
    /// How many questions wait for a message of the client's: the call's own time stands still.
    waiting: usize,
    /// What is to be asked by the answer of this round.
    open: Vec<Open>,
    /// How many questions were ever opened, and how many of them were there when the handler was last seen waiting.
    opened: usize,
    seen: usize,
    /// Which of the given answers were used, by the digest of the question that they answer.
    used: Vec<(Box<str>, u128)>,
    /// What this run computed once for all rounds.
    kept: Vec<(Box<str>, Box<RawValue>)>,
    /// The ids of the URLs that the user was sent to, by key.
    urls: Vec<(Box<str>, String)>,
    /// How the first malformed answer is wrong.
    malformed: Option<String>,
}

/// A question that this round leaves open.
#[derive(Debug)]
struct Open {
    number: usize,
    key: Box<str>,
    digest: u128,
    request: InputRequest,
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyFault {
    Twice,
    TooMany,
}

/// Whether the handler can go on in this round.
pub(crate) enum Round {
    /// It waits for something else, or for nothing yet.
    Goes,
    /// It waits for answers that only the next round can bring.
    Ends,
}

impl Asks {
    /// Takes a key, which another question of this run must not have.
    fn take_key(&self, key: &str) -> Result<(), KeyFault> {
        let mut state = self.lock();
        if state.keys.iter().any(|used| **used == *key) {
            return Err(KeyFault::Twice);
        }
        if state.keys.len() >= MOST_KEYS {
            return Err(KeyFault::TooMany);
        }
        state.keys.push(key.into());
        Ok(())
    }

    /// Whether a message of the client's is waited for.
    pub(crate) fn is_waiting(&self) -> bool {
        self.lock().waiting > 0
    }

    /// Counts a question that waits, until the guard is dropped.
    fn wait(&self) -> Waiting<'_> {
        self.lock().waiting += 1;
        Waiting(self)
    }

    /// Leaves a question open, until the guard is dropped: a handler that no longer wants the answer withdraws it.
    fn open(&self, key: &str, digest: u128, request: InputRequest) -> Left<'_> {
        let mut state = self.lock();
        state.opened += 1;
        let number = state.opened;
        state.open.push(Open { number, key: key.into(), digest, request });
        Left { asks: self, number }
    }

    /// Looks at a handler that is pending. If it has opened questions since the last look, it is polled once more, so that
    /// those that are asked beside them are opened too.
    pub(crate) fn look(&self, cx: &TaskContext<'_>) -> Round {
        let mut state = self.lock();
        if state.open.is_empty() {
            return Round::Goes;
        }
        if state.seen == state.opened {
            return Round::Ends;
        }
        state.seen = state.opened;
        drop(state);
        cx.waker().wake_by_ref();
        Round::Goes
    }

    /// Remembers the first malformed answer.
    fn note_malformed(&self, error: &AskError) {
        self.lock().malformed.get_or_insert_with(|| error.to_string());
    }

    /// How the answer that the handler could not use was malformed, if one was.
    pub(crate) fn malformed(&self) -> Option<String> {
        self.lock().malformed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that waits for its answer.
#[derive(Debug)]
struct Waiting<'a>(&'a Asks);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// A question that was left open.
#[derive(Debug)]
struct Left<'a> {
    asks: &'a Asks,
    number: usize,
}

impl Left<'_> {
    /// Never resolves: the answer comes with another request, and to another run of the handler.
    async fn never(&self) -> std::convert::Infallible {
        std::future::poll_fn(|_| Poll::Pending).await
    }
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.asks.lock().open.retain(|open| open.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_round_ends_once_no_more_questions_come() {
        let (asks, cx) = (Asks::default(), TaskContext::from_waker(Waker::noop()));
        assert!(matches!(asks.look(&cx), Round::Goes));
        let first = asks.open("a", 1, InputRequest::Roots);
        assert!(matches!(asks.look(&cx), Round::Goes), "its siblings may still come");
        let second = asks.open("b", 2, InputRequest::Roots);
        assert!(matches!(asks.look(&cx), Round::Goes));
        assert!(matches!(asks.look(&cx), Round::Ends));
        drop((first, second));
        assert!(matches!(asks.look(&cx), Round::Goes), "what is dropped is withdrawn");
    }

    #[test]
    fn a_key_is_used_once() {
        let asks = Asks::default();
        assert_eq!(asks.take_key("a"), Ok(()));
        assert_eq!(asks.take_key("a"), Err(KeyFault::Twice));
        for number in 1..MOST_KEYS {
            assert_eq!(asks.take_key(&number.to_string()), Ok(()));
        }
        assert_eq!(asks.take_key("one more"), Err(KeyFault::TooMany));
    }
}
