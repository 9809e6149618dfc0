//! What of a session runs in this process: its calls, so that they can be cancelled, and its one open stream.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use crate::protocol::id::RequestId;
use crate::server::changes::Watcher;
use crate::server::run::CancelHandle;
use crate::store::{RandomId, shrink};

/// A power of two, so that a shard is picked by the low bits of a session's id.
const SHARDS: usize = 64;

/// A list of so many calls is not worth shrinking.
const MANY_CALLS: usize = 16;

/// The sessions that have something running here. A session without is not kept.
#[derive(Debug)]
pub(crate) struct LiveSessions {
    shards: Box<[Mutex<Shard>; SHARDS]>,
}

#[derive(Debug, Default)]
struct Shard {
    /// A few at a time, so that looking through them beats hashing.
    calls: Vec<(CallKey, Listed)>,
    streams: HashMap<u128, LiveStream, BuildHasherDefault<RandomId>>,
}

/// The open stream of a session.
#[derive(Debug)]
struct LiveStream {
    taken: CancelHandle,
    /// Which of all streams that the session has had on all replicas it is.
    generation: u32,
    watcher: Arc<Watcher>,
}

impl Shard {
    fn position(&self, key: &CallKey) -> Option<usize> {
        self.calls.iter().position(|(running, _)| running == key)
    }
}

/// What a listed call is doing.
#[derive(Debug)]
enum Listed {
    /// Its first poll, which most calls end with: what wakes it is made when it is needed.
    Starting,
    /// Its first poll, and it has been cancelled meanwhile.
    Cancelled,
    /// Waiting, and to be told of its cancellation.
    Waiting(CancelHandle),
}

impl Listed {
    /// Answers who is to be told, without the lock.
    fn cancel(&mut self) -> Option<CancelHandle> {
        match self {
            Self::Waiting(cancel) => Some(cancel.clone()),
            Self::Starting | Self::Cancelled => {
                *self = Self::Cancelled;
                None
            }
        }
    }
}

/// A call of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallKey {
    pub(crate) session: u128,
    pub(crate) id: RequestId,
}

impl LiveSessions {
    pub(crate) fn new() -> Self {
        Self { shards: Box::new(std::array::from_fn(|_| Mutex::default())) }
    }

    /// Lists a call, until [`end_call`](Self::end_call). `false` if one with this id is running, which must neither be
    /// misrouted nor dropped (2025-11-25, basic/index, «Requests»: an id is used once in a session).
    pub(crate) fn begin_call(&self, key: CallKey) -> bool {
        let mut shard = self.shard(key.session);
        let free = shard.position(&key).is_none();
        if free {
            shard.calls.push((key, Listed::Starting));
        }
        free
    }

    /// Has a listed call told by `cancel` that it has been cancelled, from when it waits on.
    pub(crate) fn wait(&self, key: &CallKey, cancel: &CancelHandle) {
        let mut shard = self.shard(key.session);
        if let Some(index) = shard.position(key) {
            match &mut shard.calls[index].1 {
                Listed::Cancelled => cancel.cancel(),
                listed => *listed = Listed::Waiting(cancel.clone()),
            }
        }
    }

    pub(crate) fn end_call(&self, key: &CallKey) {
        let mut shard = self.shard(key.session);
        if let Some(index) = shard.position(key) {
            shard.calls.swap_remove(index);
            if shard.calls.capacity() > MANY_CALLS && shard.calls.len() < shard.calls.capacity() / 8 {
                // Many ran at a time, and do not any more.
                let calls = shard.calls.len() * 2;
                shard.calls.shrink_to(calls);
            }
        }
    }

    /// `false` if there is no such call here.
    pub(crate) fn cancel_call(&self, key: &CallKey) -> bool {
        let mut shard = self.shard(key.session);
        let Some(index) = shard.position(key) else { return false };
        let cancel = shard.calls[index].1.cancel();
        // Wakers are foreign code: called without the lock.
        drop(shard);
        if let Some(cancel) = cancel {
            cancel.cancel();
        }
        true
    }

    /// Takes the seat of the session's one stream; whoever sat there has to leave, and leaves what was not read to who
    /// `watches` now. Whoever finds one there of a later generation has to leave at once.
    pub(crate) fn take_seat(
        self: &Arc<Self>,
        session: u128,
        generation: u32,
        watches: impl FnOnce(Option<&Watcher>) -> Watcher,
    ) -> (StreamSeat, Arc<Watcher>) {
        let taken = CancelHandle::default();
        let mut shard = self.shard(session);
        if shard.streams.get(&session).is_some_and(|stream| stream.generation > generation) {
            drop(shard);
            taken.cancel();
            return (StreamSeat { live: Arc::clone(self), session, generation, taken }, Arc::new(watches(None)));
        }
        // Under the lock, so that a third one that comes at the same time takes over from whom has taken over.
        let before = shard.streams.remove(&session);
        let watcher = Arc::new(watches(before.as_ref().map(|before| &*before.watcher)));
        let stream = LiveStream { taken: taken.clone(), generation, watcher: Arc::clone(&watcher) };
        shard.streams.insert(session, stream);
        drop(shard);
        if let Some(before) = before {
            before.taken.cancel();
        }
        (StreamSeat { live: Arc::clone(self), session, generation, taken }, watcher)
    }

    /// Tells the session's stream of a subscription that has been written, before its next look at the record.
    pub(crate) fn subscribe(&self, session: u128, uri: &str, wanted: bool) {
        let watcher = self.shard(session).streams.get(&session).map(|stream| Arc::clone(&stream.watcher));
        if let Some(watcher) = watcher {
            watcher.subscribe(uri, wanted);
        }
    }

    /// Ends everything of a session that has been terminated.
    pub(crate) fn end(&self, session: u128) {
        let mut shard = self.shard(session);
        let Shard { calls, streams } = &mut *shard;
        let calls = calls.iter_mut().filter(|(key, _)| key.session == session);
        let ended: Vec<_> = calls
            .filter_map(|(_, listed)| listed.cancel())
            .chain(streams.get(&session).map(|stream| stream.taken.clone()))
            .collect();
        drop(shard);
        ended.iter().for_each(CancelHandle::cancel);
    }

    fn shard(&self, session: u128) -> MutexGuard<'_, Shard> {
        let index = session as usize % SHARDS;
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The seat of a session's one stream.
#[derive(Debug)]
pub(crate) struct StreamSeat {
    live: Arc<LiveSessions>,
    session: u128,
    generation: u32,
    taken: CancelHandle,
}

impl StreamSeat {
    /// Whether a session's record knows of a later stream, on another replica.
    pub(crate) fn is_older_than(&self, newest: u32) -> bool {
        self.generation < newest
    }

    /// Whether the stream has to end: another one took its place, or the session ended.
    pub(crate) fn poll_taken(&self, cx: &Context<'_>) -> bool {
        self.taken.poll(cx)
    }
}

impl Drop for StreamSeat {
    fn drop(&mut self) {
        let mut shard = self.live.shard(self.session);
        if shard.streams.get(&self.session).is_some_and(|stream| stream.taken.is(&self.taken)) {
            shard.streams.remove(&self.session);
            shrink(&mut shard.streams);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::params::Filter;
    use crate::server::changes::Changes;

    #[test]
    fn nothing_is_kept_of_a_session_where_nothing_runs() {
        let live = Arc::new(LiveSessions::new());
        let [call, other] = [1, 2].map(|session| CallKey { session, id: RequestId::Signed(1) });
        assert!(live.begin_call(call.clone()));
        assert!(!live.begin_call(call.clone()));
        assert!(live.begin_call(other.clone()));
        let changes = Arc::<Changes>::default();
        let watches = |before: Option<&Watcher>| changes.watch_since(Filter::default(), None, before);
        let (seat, _) = live.take_seat(1, 0, watches);
        let (later, _) = live.take_seat(1, 0, watches);
        live.end_call(&call);
        live.end_call(&other);
        drop(seat);
        assert!(live.shard(1).streams.contains_key(&1), "the later stream still sits");
        drop(later);
        let empty = |shard: &Shard| shard.calls.is_empty() && shard.streams.is_empty();
        assert!(live.shards.iter().all(|shard| empty(&shard.lock().unwrap())));
    }

    #[test]
    fn the_latest_generation_keeps_the_seat() {
        let live = Arc::new(LiveSessions::new());
        let changes = Arc::<Changes>::default();
        let watches = |before: Option<&Watcher>| changes.watch_since(Filter::default(), None, before);
        let [first, third, second, fourth] = [1, 3, 2, 4].map(|number| live.take_seat(1, number, watches).0);
        let left = [&first, &third, &second, &fourth].map(|seat| seat.taken.is_cancelled());
        assert_eq!(left, [true, true, true, false]);
        drop((first, third, second));
        assert!(live.shard(1).streams.contains_key(&1), "the fourth still sits");
        assert!(!fourth.is_older_than(4) && fourth.is_older_than(5));
    }

    #[test]
    fn a_call_is_told_of_its_cancellation_before_it_waits_and_after() {
        let live = LiveSessions::new();
        let [early, late] = [1, 2].map(|id| CallKey { session: 1, id: RequestId::Signed(id) });
        for key in [&early, &late] {
            assert!(live.begin_call(key.clone()));
        }
        assert!(live.cancel_call(&early));
        assert!(!live.cancel_call(&CallKey { session: 2, id: early.id.clone() }));
        let cancel = CancelHandle::default();
        live.wait(&early, &cancel);
        assert!(cancel.is_cancelled());
        let cancel = CancelHandle::default();
        live.wait(&late, &cancel);
        assert!(!cancel.is_cancelled());
        live.end(1);
        assert!(cancel.is_cancelled());
    }
}
