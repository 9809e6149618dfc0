//! The requests of a line that have not been answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Line;
use crate::protocol::id::RequestId;
use crate::protocol::method::Method;
use crate::server::run::CancelHandle;
use crate::transport::batch;
use crate::transport::rejection::Rejection;

/// How many requests of one line may wait for their answers, those that listen not counted. Over HTTP each would have to
/// have a connection.
const MOST_RUNNING: usize = 256;

#[derive(Default)]
pub(super) struct Running {
    state: Mutex<State>,
    changed: Notify,
    over: CancellationToken,
}

#[derive(Default)]
struct State {
    requests: Vec<Entry>,
    begun: u64,
    closed: bool,
}

struct Entry {
    serial: u64,
    /// `None` for a batch.
    id: Option<RequestId>,
    cancel: CancellationToken,
    cancelled: bool,
    /// The calls that it is, one unless it is a batch.
    calls: Vec<(RequestId, CancelHandle)>,
    /// Which of a batch were cancelled before they began.
    early: Vec<RequestId>,
    /// Whether the server knows of it.
    arrived: bool,
    manner: Manner,
}

/// Those to be told that they are cancelled, without the lock: wakers are foreign code.
#[derive(Default)]
struct Told {
    requests: Vec<CancellationToken>,
    calls: Vec<CancelHandle>,
}

impl Told {
    fn add(&mut self, entry: &mut Entry) {
        entry.cancelled = true;
        self.requests.push(entry.cancel.clone());
        self.calls.extend(entry.calls.iter().map(|(_, call)| call.clone()));
    }

    fn tell(self) {
        self.requests.iter().for_each(CancellationToken::cancel);
        self.calls.iter().for_each(CancelHandle::cancel);
    }
}

/// How a request differs from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Plain,
    /// What comes after it waits for it, and there is one at a time.
    Initializes,
    /// It is open until somebody ends it: one of the open streams, which have a bound of their own.
    Listens,
}

impl Manner {
    pub(super) fn of(method: &str) -> Self {
        if method == Method::Initialize.as_str() {
            Self::Initializes
        } else if method == Method::Listen.as_str() {
            Self::Listens
        } else {
            Self::Plain
        }
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.requests.iter().filter(|entry| entry.manner != Manner::Listens).count() < MOST_RUNNING
    }

    fn is_initializing(&self) -> bool {
        self.requests.iter().any(|entry| entry.manner == Manner::Initializes)
    }
}

impl Running {
    /// Lists a request until its place is dropped. Not while one with this id is running: it could not be told which of them
    /// is answered or cancelled.
    pub(super) fn begin(line: &Arc<Line>, id: Option<RequestId>, manner: Manner) -> Result<Place, Box<Rejection>> {
        let mut state = line.running.lock();
        if state.closed {
            return Err(Rejection::line_ends());
        }
        if id.is_some() && state.requests.iter().any(|entry| entry.id == id) {
            return Err(Rejection::id_in_use());
        }
        if manner == Manner::Initializes && state.is_initializing() {
            return Err(Rejection::initializing());
        }
        if manner != Manner::Listens && !state.has_room() {
            return Err(Rejection::too_many_waiting());
        }
        let cancel = CancellationToken::new();
        state.begun += 1;
        let serial = state.begun;
        let (listed, token) = (id.clone(), cancel.clone());
        let entry = Entry {
            serial,
            id: listed,
            cancel: token,
            cancelled: false,
            calls: Vec::new(),
            early: Vec::new(),
            arrived: false,
            manner,
        };
        state.requests.push(entry);
        drop(state);
        Ok(Place { line: Arc::clone(line), serial, id, manner, cancel })
    }

    /// Cancels a request, or one of a batch, which is answered all the same: the array has an answer for each.
    ///
    /// «The `initialize` request MUST NOT be cancelled by clients» (2025-11-25, basic/utilities/cancellation).
    pub(super) fn cancel(&self, id: &RequestId) {
        let mut told = Told::default();
        let mut state = self.lock();
        for entry in &mut state.requests {
            match &entry.id {
                Some(own) if own == id && entry.manner != Manner::Initializes => told.add(entry),
                Some(_) => {}
                None => match entry.calls.iter().find(|(own, _)| own == id) {
                    Some((_, call)) => told.calls.push(call.clone()),
                    None if entry.early.len() < batch::MOST => entry.early.push(id.clone()),
                    None => {}
                },
            }
        }
        drop(state);
        told.tell();
    }

    pub(super) fn cancel_listening(&self) {
        self.cancel_where(|entry| entry.manner == Manner::Listens);
    }

    pub(super) fn cancel_all(&self) {
        self.cancel_where(|_| true);
    }

    fn cancel_where(&self, which: impl Fn(&Entry) -> bool) {
        let mut told = Told::default();
        let mut state = self.lock();
        state.requests.iter_mut().filter(|entry| which(entry)).for_each(|entry| told.add(entry));
        drop(state);
        told.tell();
    }

    /// Waits until another request may run beside the others.
    pub(super) async fn room(&self) {
        self.until(State::has_room).await;
    }

    /// Waits until `initialize` has come to something, if it has been sent.
    pub(super) async fn has_initialized(&self) {
        self.until(|state| !state.is_initializing()).await;
    }

    pub(super) async fn all_arrived(&self) {
        self.until(|state| state.requests.iter().all(|entry| entry.arrived)).await;
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if holds(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Nothing begins any more, and it is over when nothing runs.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let over = state.requests.is_empty();
        drop(state);
        if over {
            self.over.cancel();
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    pub(super) fn over(&self) -> WaitForCancellationFutureOwned {
        self.over.clone().cancelled_owned()
    }

    fn change(&self, serial: u64, change: impl FnOnce(&mut Vec<Entry>, usize)) {
        let mut state = self.lock();
        if let Some(index) = state.requests.iter().position(|entry| entry.serial == serial) {
            change(&mut state.requests, index);
        }
        let over = state.closed && state.requests.is_empty();
        drop(state);
        self.changed.notify_waiters();
        if over {
            self.over.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("requests", &self.lock().requests.len()).finish_non_exhaustive()
    }
}

/// The place of a request among those that run, given back when it is dropped.
pub(super) struct Place {
    line: Arc<Line>,
    serial: u64,
    id: Option<RequestId>,
    manner: Manner,
    cancel: CancellationToken,
}

impl Place {
    pub(super) fn id(&self) -> Option<&RequestId> {
        self.id.as_ref()
    }

    pub(super) fn manner(&self) -> Manner {
        self.manner
    }

    /// Resolves when the client wants no answer any more.
    pub(super) async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// What ends a call that it has begun.
    pub(super) fn begin_call(&self, id: &RequestId) -> CancelHandle {
        let handle = CancelHandle::default();
        self.line.running.change(self.serial, |requests, index| {
            let entry = &mut requests[index];
            // Nobody waits for it yet, who would be woken under the lock.
            if entry.cancelled || entry.early.contains(id) {
                handle.cancel();
            }
            entry.calls.push((id.clone(), handle.clone()));
        });
        handle
    }

    /// Whether a call has begun, which ends by itself when it is cancelled.
    pub(super) fn has_calls(&self) -> bool {
        let state = self.line.running.lock();
        state.requests.iter().any(|entry| entry.serial == self.serial && !entry.calls.is_empty())
    }

    /// The server knows of it, and would wait for it in a drain.
    pub(super) fn has_arrived(&self) {
        self.line.running.change(self.serial, |requests, index| requests[index].arrived = true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.line.running.change(self.serial, |requests, index| drop(requests.swap_remove(index)));
    }
}
