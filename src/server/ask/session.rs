//! Questions in a session: a request on the call's own stream, and the message that answers it (up to 2025-11-25).

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::timeout;

use super::error::AskError;
use super::{Asks, Conversation};
use crate::protocol::requests;
use crate::server::answers::{Answered, Expected};
use crate::server::outbound::Outbound;

/// How much of a client's own words about its refusal is kept: characters.
const KEPT_TEXT: usize = 200;

/// Asks, and waits for the answer.
pub(super) async fn ask(
    conversation: &Conversation,
    asks: &Asks,
    outbound: &Outbound,
    key: &str,
    method: &str,
    params: &Value,
) -> Result<Box<RawValue>, AskError> {
    let unreachable = || AskError::Unreachable { key: key.into(), reason: "it has gone away" };
    let expected = conversation.answers.expect(conversation.id, conversation.inbox.as_ref()).ok_or_else(unreachable)?;
    let mut asked = Asked { expected, outbound, open: false };
    let _waiting = asks.wait();
    let patience = conversation.patience;
    let answered = timeout(patience, async {
        outbound.send(requests::request(&asked.expected.id(), method, params)).await;
        asked.open = true;
        tokio::select! {
            // An answer that is there counts, though its client left right after it.
            biased;
            answer = asked.expected.answer() => answer.ok_or(()),
            // Nobody will read the question, and nobody can be told the answer.
            () = outbound.left() => Err(()),
        }
    });
    match answered.await {
        Ok(Ok(answer)) => {
            asked.open = false;
            read(key, answer)
        }
        Ok(Err(())) => {
            asked.open = false;
            Err(unreachable())
        }
        // The client is told by the drop.
        Err(_) => Err(AskError::TimedOut { key: key.into(), after: patience }),
    }
}

fn read(key: &str, answer: Answered) -> Result<Box<RawValue>, AskError> {
    #[derive(Deserialize)]
    struct Error {
        code: i64,
        #[serde(default)]
        message: String,
    }
    let malformed = |fault: String| AskError::Malformed { key: key.into(), fault };
    match answer {
        Ok(result) => {
            serde_json::from_slice(&result).map_err(|error| malformed(format!("its result is no JSON: {error}")))
        }
        Err(error) => match serde_json::from_slice(&error) {
            Ok(Error { code, message }) => {
                let message = message.chars().take(KEPT_TEXT).collect();
                Err(AskError::Refused { key: key.into(), code, message })
            }
            Err(error) => Err(malformed(format!("its error is no JSON-RPC error: {error}"))),
        },
    }
}

/// A question on its way. Whoever stops waiting for the answer tells the client, so that it need not bother its user
/// (2025-11-25, basic/utilities/cancellation).
struct Asked<'a> {
    expected: Expected,
    outbound: &'a Outbound,
    /// Whether it has been sent and not been answered.
    open: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if self.open {
            self.outbound.send_now(requests::cancelled(&self.expected.id(), "the answer is no longer waited for"));
        }
    }
}
