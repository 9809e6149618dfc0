//! The answers that this server waits for: from the message that a client posted to the handler that asked.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::protocol::jsonrpc::RequestId;

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
pub(crate) struct Answers {
    waiting: Mutex<HashMap<Asked, oneshot::Sender<Answered>>>,
}

impl Answers {
    /// Makes up the id of a request to the client of this conversation, and waits for its answer.
    pub(crate) fn expect(self: &Arc<Self>, conversation: u128) -> Expected {
        // Unique on every replica, and in a session that outlives this process.
        let id = Uuid::new_v4().simple().to_string().into_boxed_str();
        let (sender, answer) = oneshot::channel();
        let asked = Asked { conversation, id };
        self.lock().insert(asked.clone(), sender);
        Expected { answers: Arc::clone(self), asked, answer }
    }

    /// Hands an answer to who waits for it. One that nobody waits for (any more) is dropped: its request may have timed
    /// out while the client's user was thinking, which is no fault of the client's.
    pub(crate) fn deliver(&self, conversation: u128, id: &RequestId, answer: Answered) {
        let RequestId::Text(id) = id else { return };
        let waiting = self.lock().remove(&Asked { conversation, id: id.clone() });
        if let Some(waiting) = waiting {
            let _ = waiting.send(answer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Asked, oneshot::Sender<Answered>>> {
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("waiting", &self.lock().len()).finish()
    }
}

/// An answer that is waited for, until this is dropped.
#[derive(Debug)]
pub(crate) struct Expected {
    answers: Arc<Answers>,
    asked: Asked,
    answer: oneshot::Receiver<Answered>,
}

impl Expected {
    /// The id that the client answers to.
    pub(crate) fn id(&self) -> RequestId {
        RequestId::Text(self.asked.id.clone())
    }

    /// The answer. Never resolves once it has been delivered and taken.
    pub(crate) async fn answer(&mut self) -> Answered {
        match (&mut self.answer).await {
            Ok(answer) => answer,
            // The sender is dropped by `deliver` alone, after it has sent.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.answers.lock().remove(&self.asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_reaches_who_asked_in_its_own_conversation_only() {
        let answers = Arc::new(Answers::default());
        let (mut first, second) = (answers.expect(1), answers.expect(1));
        assert_ne!(first.id(), second.id());
        answers.deliver(2, &first.id(), Ok(Bytes::from_static(b"forged")));
        answers.deliver(1, &RequestId::Unsigned(1), Ok(Bytes::from_static(b"another")));
        answers.deliver(1, &first.id(), Ok(Bytes::from_static(b"{}")));
        answers.deliver(1, &first.id(), Ok(Bytes::from_static(b"again")));
        assert_eq!(first.answer().await, Ok(Bytes::from_static(b"{}")));
        drop((first, second));
        assert!(answers.lock().is_empty());
    }
}
