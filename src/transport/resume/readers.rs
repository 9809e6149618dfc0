//! Who reads which stream in this process: each is read in one place («Multiple Connections»), so that who comes back for a
//! stream takes it over.
//!
//! Of streams that are read in other processes the store has words told. A word only says that there is something to look
//! at: who reads a stream is known by the [claim](super::claim) on it.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use futures_util::task::AtomicWaker;

use crate::server::outbound::Outbound;
use crate::store::{LogKey, LogNews, RandomId, shrink};
use crate::transport::session::SessionRoom;

/// A power of two, so that a shard is picked by the low bits of a session's id.
const SHARDS: usize = 64;

/// Set in a [word](word_of), not in that of a process that [closes](closing) the connection of a later reader.
const READS: u64 = 1;

/// How many streams of a session may wait for what never comes. The oldest gives way.
const LOST_OF_A_SESSION: usize = 16;

/// The streams that are being read here.
#[derive(Debug)]
pub(crate) struct Readers {
    shards: Box<[Mutex<Shard>; SHARDS]>,
}

/// By the group of the logs, that is, by session.
type Shard = HashMap<u128, Vec<Listed>, BuildHasherDefault<RandomId>>;

#[derive(Clone, Debug)]
struct Listed {
    /// `None` for a stream that is not known.
    stream: Option<u128>,
    reader: Reader,
}

#[derive(Clone, Debug)]
enum Reader {
    /// The reply of the call, with what it is told where another process could read on.
    Call(Arc<Outbound>, Option<Arc<Signal>>),
    /// A later connection.
    Resumed(Arc<Signal>),
}

/// The word by which a process says that it reads a stream.
pub(super) fn word_of(replica: u128) -> u64 {
    replica as u64 | READS
}

/// The word by which the process with the other `word` ends the connection of a later reader, and not its stream. One that
/// comes so late that it ends the next connection costs that client another one, and nothing else.
fn closing(word: u64) -> u64 {
    (word & !READS).max(READS << 1)
}

/// What a connection is told.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    /// The word of this process. 0 if nobody is told.
    word: u64,
    ended: AtomicBool,
    closing: AtomicBool,
    touched: AtomicBool,
    /// Whether another process has said that it reads the stream.
    doubted: AtomicBool,
    /// Whether it may have done so.
    missed: AtomicBool,
    waker: AtomicWaker,
}

impl Signal {
    /// Has `cx` woken by what comes; to be called before anything else is looked at.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    /// Whether the connection has to end.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether the connection has to end when what is there has been read.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Whether the log was appended to since this was asked last.
    pub(crate) fn take_touched(&self) -> bool {
        self.touched.swap(false, Ordering::AcqRel)
    }

    /// Whether another process has said that it reads the stream, since this was asked last.
    pub(super) fn take_doubted(&self) -> bool {
        self.doubted.swap(false, Ordering::AcqRel)
    }

    /// Whether news may have been lost, since this was asked last.
    pub(super) fn take_missed(&self) -> bool {
        self.missed.swap(false, Ordering::AcqRel)
    }

    pub(super) fn doubt(&self) {
        self.raise(&self.doubted);
    }

    fn raise(&self, flag: &AtomicBool) {
        flag.store(true, Ordering::Release);
        self.waker.wake();
    }
}

impl Reader {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Call(one, _), Self::Call(other, _)) => Arc::ptr_eq(one, other),
            (Self::Resumed(one), Self::Resumed(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    fn end(&self) {
        match self {
            Self::Call(queue, _) => queue.hand_over(),
            Self::Resumed(signal) => signal.raise(&signal.ended),
        }
    }
}

impl Readers {
    pub(crate) fn new() -> Self {
        Self { shards: Box::new(std::array::from_fn(|_| Mutex::default())) }
    }

    /// Lists the reply of a call as the one that reads its stream.
    pub(super) fn list_call(
        self: &Arc<Self>,
        log: LogKey,
        queue: &Arc<Outbound>,
        signal: Option<Arc<Signal>>,
    ) -> Listing {
        self.list(log.group, Some(log.id), Reader::Call(Arc::clone(queue), signal))
    }

    /// Takes over a stream, in a process with this word: whoever read it here has to leave.
    pub(super) fn take_over(self: &Arc<Self>, log: LogKey, word: u64) -> (Listing, Arc<Signal>) {
        let signal = Arc::new(Signal { word, ..Signal::default() });
        (self.list(log.group, Some(log.id), Reader::Resumed(Arc::clone(&signal))), signal)
    }

    /// Lists who came back for a stream that is not known.
    pub(crate) fn list_lost(self: &Arc<Self>, group: u128) -> (Listing, Arc<Signal>) {
        let signal = Arc::<Signal>::default();
        (self.list(group, None, Reader::Resumed(Arc::clone(&signal))), signal)
    }

    fn list(self: &Arc<Self>, group: u128, stream: Option<u128>, reader: Reader) -> Listing {
        let mut shard = self.shard(group);
        let listed = shard.entry(group).or_default();
        let leaves = match stream {
            Some(_) => listed.iter().position(|one| one.stream == stream),
            None => {
                let mut lost = listed.iter().enumerate().filter(|(_, one)| one.stream.is_none()).map(|(at, _)| at);
                let first = lost.next();
                first.filter(|_| lost.count() + 1 >= LOST_OF_A_SESSION)
            }
        };
        let leaves = leaves.map(|at| listed.remove(at));
        listed.push(Listed { stream, reader: reader.clone() });
        drop(shard);
        if let Some(Listed { reader, .. }) = leaves {
            reader.end();
        }
        Listing { readers: Arc::clone(self), group, reader }
    }

    /// Tells who reads here.
    pub(crate) fn tell(&self, news: LogNews) {
        match news {
            LogNews::Touched(log) => self.touched(log),
            // What is told of a session, or of what is no stream, is for others.
            LogNews::Told(LogKey { id: 0, .. }, _) | LogNews::Told(_, 0) => {}
            LogNews::Told(log, word) => self.told(log, word),
            LogNews::Missed => self.missed(),
        }
    }

    fn told(&self, log: LogKey, word: u64) {
        match self.reader(log) {
            // It has taken over nothing: whoever has is later.
            Some(Reader::Call(queue, _)) if word & READS != 0 => queue.hand_over(),
            // Its own recorder closes a call's.
            Some(Reader::Call(..)) | None => {}
            // What this process has said itself may come when the next connection is there.
            Some(Reader::Resumed(signal)) if word == signal.word || word == closing(signal.word) => {}
            Some(Reader::Resumed(signal)) if word & READS == 0 => signal.raise(&signal.closing),
            Some(Reader::Resumed(signal)) => signal.doubt(),
        }
    }

    /// Has all look who read.
    fn missed(&self) {
        for shard in self.shards.iter() {
            let listed = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let readers: Vec<_> = listed.values().flatten().map(|one| one.reader.clone()).collect();
            drop(listed);
            for reader in readers {
                if let Reader::Resumed(signal) | Reader::Call(_, Some(signal)) = reader {
                    signal.touched.store(true, Ordering::Release);
                    signal.raise(&signal.missed);
                }
            }
        }
    }

    fn touched(&self, log: LogKey) {
        if let Some(signal) = self.resumed(log) {
            signal.raise(&signal.touched);
        }
    }

    /// Ends the connection that a stream is read by, if it is a later one, and not the stream.
    pub(crate) fn close(&self, log: LogKey) {
        if let Some(signal) = self.resumed(log) {
            signal.raise(&signal.closing);
        }
    }

    fn resumed(&self, log: LogKey) -> Option<Arc<Signal>> {
        match self.reader(log)? {
            Reader::Call(..) => None,
            Reader::Resumed(signal) => Some(signal),
        }
    }

    fn reader(&self, log: LogKey) -> Option<Reader> {
        let shard = self.shard(log.group);
        let listed = shard.get(&log.group)?.iter().find(|one| one.stream == Some(log.id))?;
        Some(listed.reader.clone())
    }

    /// Ends what reads the streams of a session that has ended, but for the replies of its calls, which have ends of their
    /// own.
    pub(crate) fn end(&self, group: u128) {
        let listed = self.shard(group).get(&group).cloned().unwrap_or_default();
        let resumed = listed.iter().filter(|one| matches!(one.reader, Reader::Resumed(_)));
        resumed.for_each(|one| one.reader.end());
    }

    fn shard(&self, group: u128) -> MutexGuard<'_, Shard> {
        let index = group as usize % SHARDS;
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionRoom {
    /// Ends the connection that a stream is read by in another process, and not the stream.
    pub(crate) async fn close_elsewhere(&self, log: LogKey) {
        if let Some(replicas) = &self.replicas
            && let Err(error) = self.store.tell(log, closing(word_of(replicas.id()))).await
        {
            tracing::debug!(%error, "other replicas could not be told to close a stream");
        }
    }
}

/// A place among the readers.
#[derive(Debug)]
pub(crate) struct Listing {
    readers: Arc<Readers>,
    group: u128,
    reader: Reader,
}

impl Drop for Listing {
    fn drop(&mut self) {
        let mut shard = self.readers.shard(self.group);
        if let Some(listed) = shard.get_mut(&self.group) {
            listed.retain(|one| !one.reader.is(&self.reader));
            if listed.is_empty() {
                shard.remove(&self.group);
                shrink(&mut shard);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reads_a_stream_and_nothing_is_kept_of_who_has_left() {
        let readers = Arc::new(Readers::new());
        let [log, other] = [1, 2].map(|id| LogKey::new(1, id));
        let (first, signal) = readers.take_over(log, 5);
        let (_neighbour, untouched) = readers.take_over(other, 5);
        readers.touched(log);
        assert!(signal.take_touched() && !signal.take_touched() && !untouched.take_touched());
        let (second, later) = readers.take_over(log, 5);
        assert!(signal.has_ended() && !later.has_ended() && !untouched.has_ended());
        drop(first);
        readers.touched(log);
        assert!(later.take_touched(), "who left before does not take the place along");
        drop((second, _neighbour));
        assert!(readers.shards.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }

    #[test]
    fn who_hears_of_another_process_looks() {
        let readers = Arc::new(Readers::new());
        let log = LogKey::new(1, 2);
        let (_listing, signal) = readers.take_over(log, 5);
        let others = [(LogKey::new(1, 0), 7), (LogKey::new(1, 3), 7), (LogKey::new(2, 2), 7)];
        for (log, word) in others.into_iter().chain([(log, 0), (log, 5), (log, closing(5))]) {
            readers.tell(LogNews::Told(log, word));
        }
        assert!(!signal.take_doubted() && !signal.is_closing() && !signal.take_touched(), "others' words, and its own");
        readers.tell(LogNews::Told(log, 7));
        assert!(signal.take_doubted() && !signal.has_ended(), "it is not ended by a word");
        readers.tell(LogNews::Told(log, closing(7)));
        assert!(signal.is_closing() && !signal.has_ended() && !signal.take_doubted());
        readers.tell(LogNews::Missed);
        assert!(signal.take_touched() && signal.take_missed() && !signal.take_missed());
    }

    #[test]
    fn a_word_says_who_and_what() {
        for replica in [0, 1, 2, 3, 1 << 64, u128::MAX] {
            let word = word_of(replica);
            assert!(word & READS != 0 && closing(word) & READS == 0 && closing(word) != 0, "{replica}");
        }
        assert_ne!(closing(word_of(4)), closing(word_of(6)));
    }

    #[test]
    fn of_those_who_wait_for_nothing_the_oldest_gives_way() {
        let readers = Arc::new(Readers::new());
        let (_other, others) = readers.list_lost(2);
        let (_listed, signals): (Vec<_>, Vec<_>) = (0..20).map(|_| readers.list_lost(1)).unzip();
        let ended: Vec<_> = signals.iter().map(|signal| signal.has_ended()).collect();
        assert_eq!(ended, [[true; 4].as_slice(), &[false; 16]].concat());
        assert!(!others.has_ended(), "another session's");
        readers.end(1);
        assert!(signals.iter().all(|signal| signal.has_ended()));
    }
}
