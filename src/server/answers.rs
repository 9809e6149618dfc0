//! The answers that this server waits for: from the message that a client posted to the handler that asked.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::letters::{Awaited, Inbox};
use crate::protocol::id::RequestId;

/// What a client answered: the `result` of its response, or its `error`, as JSON text.
pub(crate) type Answered = Result<Bytes, Bytes>;

/// Whose answer is waited for: requests of the server have ids of its own making, which a client of another session
/// must not be able to answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    conversation: u128,
    id: Box<str>,
}

/// All requests of this server that are not answered yet.
#[derive(Default)]
pub(crate) struct Answers(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: HashMap<Asked, oneshot::Sender<Answered>>,
    /// The conversations whose clients say nothing any more.
    mute: HashSet<u128>,
}

impl Answers {
    /// Makes up the id of a request to the client of this conversation, and waits for its answer, which may come to another
    /// replica if there is an `inbox`. `None` if there can be none.
    pub(crate) fn expect(self: &Arc<Self>, conversation: u128, inbox: Option<&Inbox>) -> Option<Expected> {
        // Unique on every replica, and in a session that outlives this process.
        let id = Uuid::new_v4().simple().to_string().into_boxed_str();
        let (sender, answer) = oneshot::channel();
        let asked = Asked { conversation, id };
        let mut state = self.lock();
        if state.mute.contains(&conversation) {
            return None;
        }
        state.waiting.insert(asked.clone(), sender);
        drop(state);
        let mut expected = Expected { answers: Arc::clone(self), asked, answer, letter: None };
        expected.letter = inbox.and_then(|inbox| inbox.expect_answer(&expected.id()));
        Some(expected)
    }

    /// The client of this conversation says nothing any more: who waits for its answers has waited for long enough, and
    /// until the guard is dropped nobody begins to.
    pub(crate) fn mute(self: &Arc<Self>, conversation: u128) -> Mute {
        let mut state = self.lock();
        state.mute.insert(conversation);
        let given_up: Vec<_> = state.waiting.extract_if(|asked, _| asked.conversation == conversation).collect();
        // Wakers are foreign code: called without the lock.
        drop(state);
        drop(given_up);
        Mute { answers: Arc::clone(self), conversation }
    }

    /// Hands an answer to who waits for it. `false` if nobody does here (any more): its request may have timed out while the
    /// client's user was thinking, which is no fault of the client's.
    pub(crate) fn deliver(&self, conversation: u128, id: &RequestId, answer: &Answered) -> bool {
        let RequestId::Text(id) = id else { return false };
        let waiting = self.lock().waiting.remove(&Asked { conversation, id: id.clone() });
        waiting.is_some_and(|waiting| waiting.send(answer.clone()).is_ok())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("waiting", &self.lock().waiting.len()).finish()
    }
}

/// An answer that is waited for, until this is dropped.
#[derive(Debug)]
pub(crate) struct Expected {
    answers: Arc<Answers>,
    asked: Asked,
    answer: oneshot::Receiver<Answered>,
    /// The answer, should it come to another replica.
    letter: Option<Awaited>,
}

impl Expected {
    /// The id that the client answers to.
    pub(crate) fn id(&self) -> RequestId {
        RequestId::Text(self.asked.id.clone())
    }

    /// The answer, or `None` once there can be none. To be asked for once.
    pub(crate) async fn answer(&mut self) -> Option<Answered> {
        let Some(letter) = &mut self.letter else { return (&mut self.answer).await.ok() };
        tokio::select! {
            biased;
            answer = &mut self.answer => answer.ok(),
            answer = letter.answer() => Some(answer),
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.answers.lock().waiting.remove(&self.asked);
    }
}

/// A conversation whose client says nothing any more, until this is dropped.
#[derive(Debug)]
pub(crate) struct Mute {
    answers: Arc<Answers>,
    conversation: u128,
}

impl Drop for Mute {
    fn drop(&mut self) {
        self.answers.lock().mute.remove(&self.conversation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_reaches_who_asked_in_its_own_conversation_only() {
        let answers = Arc::new(Answers::default());
        let [mut first, second] = [1, 1].map(|conversation| answers.expect(conversation, None).unwrap());
        assert_ne!(first.id(), second.id());
        assert!(!answers.deliver(2, &first.id(), &Ok(Bytes::from_static(b"forged"))));
        assert!(!answers.deliver(1, &RequestId::Unsigned(1), &Ok(Bytes::from_static(b"another"))));
        assert!(answers.deliver(1, &first.id(), &Ok(Bytes::from_static(b"{}"))));
        assert!(!answers.deliver(1, &first.id(), &Ok(Bytes::from_static(b"again"))));
        assert_eq!(first.answer().await, Some(Ok(Bytes::from_static(b"{}"))));
        drop((first, second));
        assert!(answers.lock().waiting.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_mute_client_nothing_is_expected() {
        let answers = Arc::new(Answers::default());
        let [mut waits, mut other] = [1, 2].map(|conversation| answers.expect(conversation, None).unwrap());
        let mute = answers.mute(1);
        assert_eq!(waits.answer().await, None);
        assert!(answers.expect(1, None).is_none());
        assert!(answers.deliver(2, &other.id(), &Ok(Bytes::new())));
        assert_eq!(other.answer().await, Some(Ok(Bytes::new())));
        drop((mute, waits, other));
        let state = answers.lock();
        assert!(state.waiting.is_empty() && state.mute.is_empty());
    }
}
