//! What of a session runs in this process: its calls, so that they can be cancelled, and its one open stream.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use crate::protocol::jsonrpc::RequestId;
use crate::server::run::CancelHandle;
use crate::store::RandomId;

/// A power of two, so that a shard is picked by the low bits of a session's id.
const SHARDS: usize = 64;

/// The sessions that have something running here. A session without is not kept.
#[derive(Debug)]
pub(crate) struct LiveSessions {
    shards: Box<[Mutex<Shard>; SHARDS]>,
}

type Shard = HashMap<u128, Live, BuildHasherDefault<RandomId>>;

#[derive(Debug, Default)]
struct Live {
    calls: Vec<(RequestId, CancelHandle)>,
    stream: Option<CancelHandle>,
}

impl Live {
    fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.stream.is_none()
    }
}

impl LiveSessions {
    pub(crate) fn new() -> Self {
        Self { shards: Box::new(std::array::from_fn(|_| Mutex::default())) }
    }

    /// Counts a call in. `None` if one with this id is running, which must neither be misrouted nor dropped (2025-11-25,
    /// basic/index, «Requests»: an id is used once in a session).
    pub(crate) fn begin_call(self: &Arc<Self>, session: u128, id: RequestId) -> Option<RunningCall> {
        let mut shard = self.shard(session);
        let live = shard.entry(session).or_default();
        if live.calls.iter().any(|(running, _)| *running == id) {
            return None;
        }
        let cancel = CancelHandle::default();
        live.calls.push((id, cancel.clone()));
        Some(RunningCall { live: Arc::clone(self), session, cancel })
    }

    /// Cancels a call, if it is running here.
    pub(crate) fn cancel_call(&self, session: u128, id: &RequestId) {
        let shard = self.shard(session);
        let calls = shard.get(&session).map_or(&[][..], |live| &live.calls);
        if let Some((_, cancel)) = calls.iter().find(|(running, _)| running == id) {
            cancel.cancel();
        }
    }

    /// Takes the seat of the session's one stream; whoever sat there has to leave.
    pub(crate) fn take_seat(self: &Arc<Self>, session: u128) -> StreamSeat {
        let taken = CancelHandle::default();
        let before = self.shard(session).entry(session).or_default().stream.replace(taken.clone());
        if let Some(before) = before {
            before.cancel();
        }
        StreamSeat { live: Arc::clone(self), session, taken }
    }

    /// Ends everything of a session that has been terminated.
    pub(crate) fn end(&self, session: u128) {
        let Some(live) = self.shard(session).remove(&session) else { return };
        for (_, cancel) in live.calls {
            cancel.cancel();
        }
        if let Some(stream) = live.stream {
            stream.cancel();
        }
    }

    fn update(&self, session: u128, change: impl FnOnce(&mut Live)) {
        let mut shard = self.shard(session);
        if let Some(live) = shard.get_mut(&session) {
            change(live);
            if live.is_empty() {
                shard.remove(&session);
            }
        }
    }

    fn shard(&self, session: u128) -> MutexGuard<'_, Shard> {
        let index = session as usize % SHARDS;
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call of a session while it runs.
#[derive(Debug)]
pub(crate) struct RunningCall {
    live: Arc<LiveSessions>,
    session: u128,
    pub(crate) cancel: CancelHandle,
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.live.update(self.session, |live| live.calls.retain(|(_, cancel)| !cancel.is(&self.cancel)));
    }
}

/// The seat of a session's one stream.
#[derive(Debug)]
pub(crate) struct StreamSeat {
    live: Arc<LiveSessions>,
    session: u128,
    taken: CancelHandle,
}

impl StreamSeat {
    /// Whether the stream has to end: another one took its place, or the session ended.
    pub(crate) fn poll_taken(&self, cx: &Context<'_>) -> bool {
        self.taken.poll(cx)
    }
}

impl Drop for StreamSeat {
    fn drop(&mut self) {
        self.live.update(self.session, |live| {
            if live.stream.as_ref().is_some_and(|stream| stream.is(&self.taken)) {
                live.stream = None;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_of_a_session_where_nothing_runs() {
        let live = Arc::new(LiveSessions::new());
        let call = live.begin_call(1, RequestId::Signed(1)).unwrap();
        assert!(live.begin_call(1, RequestId::Signed(1)).is_none());
        let other = live.begin_call(2, RequestId::Signed(1)).unwrap();
        let seat = live.take_seat(1);
        let later = live.take_seat(1);
        drop((call, other, seat));
        assert!(live.shard(1).contains_key(&1), "the later stream still sits");
        drop(later);
        assert!(live.shards.iter().all(|shard| shard.lock().unwrap().is_empty()));
    }
}
