//! Letters: from the replica that a client's message has come to, to the one where somebody waits for it.
//!
//! Without sticky sessions the answer to a question, or the cancellation of a call, may be posted to any replica. Where
//! nobody waits for it, it is left in the session's inbox: a group of logs in the store, one log for each letter, with one
//! entry. Who waits knows the letter's id and looks for it there, and nobody has to know who waits where.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::timeout;
use uuid::Uuid;

use super::answers::Answered;
use crate::protocol::id::RequestId;
use crate::store::digest::digest;
use crate::store::signals::{Listener, Signals};
use crate::store::{Appended, LogEntry, LogKey, LogLimits, LogPlace, Store, StoreError};

/// What tells a session's inbox from the logs of its streams.
const INBOX: u128 = 0x6c65_7474_6572_7320_6f66_2061_2073_6573;

/// How long a letter waits to be read. Who waits for it looks much more often.
const KEPT: Duration = Duration::from_secs(60);

/// How often who waits looks by itself, since news may be lost: for an answer, which is likely to come, and for a
/// cancellation, which is not.
const LOOK_FOR_ANSWER: Duration = Duration::from_secs(5);
const LOOK_FOR_CANCELLATION: Duration = Duration::from_secs(15);

/// When it looks first: a letter that overtook who waits for it has arrived by then.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// What begins an answer that is a result, and one that is an error.
const RESULT: u8 = 0;
const ERROR: u8 = 1;

/// Where the version of a UUID is.
const UUID_VERSION: u128 = 0xf << 76;

/// The inbox of a session, which all replicas share. Whoever does not know the session and its owner cannot name it.
#[derive(Clone)]
pub(crate) struct Inbox {
    store: Arc<dyn Store>,
    signals: Arc<Signals>,
    group: u128,
}

/// A message that nobody waits for here.
pub(crate) enum Letter {
    /// The answer to the question with this id.
    Answer(RequestId, Answered),
    /// The cancellation of the call with this id.
    Cancellation(RequestId),
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is there, or one like it is, or it is of no use to anybody.
    Left,
    /// The store has no room.
    NoRoom,
}

impl Letter {
    /// What it is kept as. `None` for an answer that no question of ours can have.
    fn kept(self) -> Option<(u128, Bytes)> {
        let (id, kind, json) = match self {
            Self::Answer(id, Ok(result)) => (question(&id)?, RESULT, result),
            Self::Answer(id, Err(error)) => (question(&id)?, ERROR, error),
            Self::Cancellation(id) => return Some((cancellation(&id), Bytes::new())),
        };
        let mut value = BytesMut::with_capacity(1 + json.len());
        value.put_u8(kind);
        value.put_slice(&json);
        Some((id, value.freeze()))
    }
}

impl Inbox {
    /// The inbox of the session whose record has this id in the store.
    pub(crate) fn new(store: &Arc<dyn Store>, signals: &Arc<Signals>, session: u128) -> Self {
        Self { store: Arc::clone(store), signals: Arc::clone(signals), group: Self::group(session) }
    }

    /// The group of its letters.
    pub(crate) fn group(session: u128) -> u128 {
        session ^ INBOX
    }

    /// Leaves a letter. One that nobody can ever look for is dropped.
    pub(crate) async fn leave(&self, letter: Letter) -> Result<Sent, StoreError> {
        let Some((id, value)) = letter.kept() else { return Ok(Sent::Left) };
        let limits = LogLimits::new(1, value.len().max(1), KEPT);
        let entry = LogEntry::new(value, LogPlace::Only);
        Ok(match self.store.append(LogKey::new(self.group, id), entry, limits).await? {
            Appended::Full => Sent::NoRoom,
            // Of two the first counts, as it does where both find who waits.
            Appended::Seq(_) | Appended::Closed | Appended::Misplaced(_) => Sent::Left,
        })
    }

    /// Waits for the answer to a question of ours.
    pub(crate) fn expect_answer(&self, id: &RequestId) -> Option<Awaited> {
        Some(self.expect(question(id)?, LOOK_FOR_ANSWER))
    }

    /// Waits for the cancellation of a call. In a session an id is used once (2025-11-25, basic/index, «Requests»), so that
    /// one that is there already, because it overtook the call, is this call's.
    pub(crate) fn expect_cancellation(&self, id: &RequestId) -> Awaited {
        self.expect(cancellation(id), LOOK_FOR_CANCELLATION)
    }

    /// From now on, so that nothing is missed that comes before the first look.
    fn expect(&self, id: u128, look: Duration) -> Awaited {
        let log = LogKey::new(self.group, id);
        Awaited { store: Arc::clone(&self.store), listener: self.signals.listen(log), log, look }
    }
}

impl fmt::Debug for Inbox {
    /// Without the group, which has the session's id in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inbox(..)")
    }
}

/// A letter that is waited for, until this is dropped. One that was read is of no more use, and expires.
pub(crate) struct Awaited {
    store: Arc<dyn Store>,
    listener: Listener,
    log: LogKey,
    /// How often it is looked for.
    look: Duration,
}

impl Awaited {
    /// Waits for a letter that `read` takes for one, and gives what it says. Never resolves if there is none. Dropping the
    /// future loses nothing.
    async fn letter<T>(&mut self, read: impl Fn(&Bytes) -> Option<T>) -> T {
        let mut patience = FIRST_LOOK;
        loop {
            let _ = timeout(patience, self.listener.news()).await;
            patience = self.look;
            match self.store.read(self.log, 0, 1).await {
                Ok(Some(page)) => {
                    if let Some(letter) = page.entries.first().and_then(|(_, value)| read(value)) {
                        return letter;
                    }
                }
                Ok(None) => {}
                // It is looked for again.
                Err(error) => tracing::debug!(%error, "a letter could not be looked for"),
            }
        }
    }

    /// The answer to a question.
    pub(crate) async fn answer(&mut self) -> Answered {
        self.letter(|letter| match *letter.first()? {
            RESULT => Some(Ok(letter.slice(1..))),
            ERROR => Some(Err(letter.slice(1..))),
            // Of another version, which may come after this one: it is not for this one to end the question.
            _ => None,
        })
        .await
    }

    /// The cancellation of a call.
    pub(crate) async fn cancellation(&mut self) {
        self.letter(|_| Some(())).await;
    }
}

impl fmt::Debug for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Awaited(..)")
    }
}

/// A question's id, as [`Answers`](super::answers::Answers) makes them up, and in no other form.
fn question(id: &RequestId) -> Option<u128> {
    let RequestId::Text(text) = id else { return None };
    let uuid = Uuid::try_parse(text).ok()?;
    let form = uuid.simple().to_string();
    (uuid.get_version_num() == 4 && form == **text).then_some(uuid.as_u128())
}

/// Never the id of a question, whose version says that it is random. A string and a number that look alike differ by their
/// quotes.
fn cancellation(id: &RequestId) -> u128 {
    let mut text = Vec::new();
    id.write(&mut text);
    digest("mcp-mount cancellation 1", &[&text]) & !UUID_VERSION
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;

    fn text(id: &str) -> RequestId {
        RequestId::Text(id.into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_letter_of_another_version_does_not_end_a_question() {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let inbox = Inbox::new(&store, &Arc::default(), 1);
        let id = Uuid::new_v4();
        let question = text(&id.simple().to_string());
        let mut awaited = inbox.expect_answer(&question).unwrap();
        let limits = LogLimits::new(1, 1_000, KEPT);
        for unknown in [&b"\x02{}"[..], b""] {
            let entry = LogEntry::new(Bytes::from_static(unknown), LogPlace::Only);
            let log = LogKey::new(Inbox::group(1), id.as_u128());
            assert_eq!(store.append(log, entry, limits).await.unwrap(), Appended::Seq(1));
            assert!(timeout(KEPT, awaited.answer()).await.is_err());
        }
        assert_eq!(inbox.leave(Letter::Answer(question, Ok("{}".into()))).await.unwrap(), Sent::Left);
        assert_eq!(timeout(LOOK_FOR_ANSWER, awaited.answer()).await, Ok(Ok("{}".into())));
    }

    #[test]
    fn only_a_question_has_the_id_of_a_question() {
        let uuid = Uuid::new_v4();
        assert_eq!(question(&text(&uuid.simple().to_string())), Some(uuid.as_u128()));
        let not_random = "0".repeat(32);
        for bad in [&*uuid.to_string(), &uuid.simple().to_string().to_uppercase(), "", "1", &not_random] {
            assert_eq!(question(&text(bad)), None, "{bad}");
        }
        assert_eq!(question(&RequestId::Unsigned(1)), None);
    }

    #[test]
    fn ids_that_look_alike_are_cancelled_each_by_itself() {
        let ids = [RequestId::Unsigned(1), text("1"), text("\"1\""), RequestId::Signed(-1), text("-1")];
        let mut digests: Vec<_> = ids.iter().map(cancellation).collect();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), ids.len());
        for digest in digests {
            assert_eq!(question(&text(&Uuid::from_u128(digest).simple().to_string())), None);
        }
    }
}
