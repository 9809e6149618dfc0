//! Sessions: what exists only up to 2025-11-25.
//!
//! A session is a small record in the [store](crate::Store), owned by a principal. What cannot be stored, because it runs
//! in this process, is in [`live`]: the calls of a session that run here, and its open stream.

pub(crate) mod end;
pub(crate) mod id;
pub(crate) mod live;
pub(crate) mod open;
pub(crate) mod pulse;
pub(crate) mod record;
pub(crate) mod stream;

use std::sync::{Arc, Once};
use std::time::Duration;

use futures_util::future::join3;

use self::id::parse_id;
use self::live::LiveSessions;
use self::record::{Record, TooManySubscriptions};
use super::headers::Field;
use super::rejection::Rejection;
use super::replicas::Replicas;
use super::resume::readers::Readers;
use super::resume::stream_ids::StreamIds;
use crate::auth::Principal;
use crate::protocol::notifications::LogLevel;
use crate::server::letters::Inbox;
use crate::store::signals::Signals;
use crate::store::{Expect, Key, LogKey, LogWatcher, Store, StoreError, StoreFuture, Stored};

/// How often a record that another request has just changed is written again. Each time one of them gets through, so this
/// is how many may meet: a client subscribes to all it wants at once.
const WRITE_ATTEMPTS: usize = 64;

/// The word that a session's record is another one. Calls do not look at it again for that.
const CHANGED: u64 = 0;

/// The word that it is gone.
const ENDED: u64 = 1;

/// How many sessions there may be, and how long they live.
///
/// ```
/// use mcp_mount::Sessions;
/// use std::time::Duration;
///
/// let sessions = Sessions::new().max(1_000).idle(Duration::from_secs(600));
/// # let _ = sessions;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sessions {
    pub(crate) enabled: bool,
    pub(crate) max: usize,
    pub(crate) max_per_principal: usize,
    pub(crate) idle: Duration,
    pub(crate) initialize_within: Duration,
    pub(crate) event_log: bool,
    pub(crate) retry_interval: Duration,
}

impl Sessions {
    /// The defaults: 10,000 sessions, of which 1,000 of one principal, 30 minutes idle, 60 s to come back after `initialize`, streams that can be resumed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            enabled: true,
            max: 10_000,
            max_per_principal: 1_000,
            idle: Duration::from_secs(30 * 60),
            initialize_within: Duration::from_secs(60),
            event_log: true,
            retry_interval: Duration::from_secs(1),
        }
    }

    /// No sessions: `initialize` is answered without an id, every request stands alone, GET and DELETE are answered with
    /// 405.
    #[must_use]
    pub fn disabled() -> Self {
        Self { enabled: false, ..Self::new() }
    }

    /// The most sessions at a time. Default: 10,000. At the cap one that has been idle for 30 s gives way; while none is,
    /// `initialize` is answered with 503.
    #[must_use]
    pub fn max(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    /// The most sessions that one principal may have at a time. Default: 1,000. At the cap the principal's own session that
    /// has been idle for the longest gives way, if for 30 s; while none is, its `initialize` is answered with 503. Callers
    /// without a [principal](crate::Mcp::principal_from_extension) share [`max`](Self::max) only.
    ///
    /// ```
    /// use mcp_mount::Sessions;
    ///
    /// let sessions = Sessions::new().max_per_principal(20);
    /// # let _ = sessions;
    /// ```
    #[must_use]
    pub fn max_per_principal(mut self, max: usize) -> Self {
        self.max_per_principal = max;
        self
    }

    /// How long a session lives without a request, an open stream or a running call, at least 1 s. Default: 30 min. Then
    /// it is unknown: 404.
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How long a client may take to come back after `initialize`. Default: 60 s. Then its session is unknown: 404.
    #[must_use]
    pub fn initialize_within(mut self, within: Duration) -> Self {
        self.initialize_within = within;
        self
    }

    /// Whether streams can be resumed: what a call says before it answers gets event ids and is kept, within
    /// [`Limits::log_events`](crate::Limits::log_events) and its neighbours, so that a client whose connection was lost
    /// comes back with `Last-Event-ID` and misses nothing, the answer included. A call that only answers costs nothing.
    /// Default: `true`, for clients from 2025-03-26 to 2025-11-25.
    ///
    /// ```
    /// use mcp_mount::Sessions;
    ///
    /// let sessions = Sessions::new().event_log(false);
    /// # let _ = sessions;
    /// ```
    #[must_use]
    pub fn event_log(mut self, event_log: bool) -> Self {
        self.event_log = event_log;
        self
    }

    /// How long a client is asked to wait before it comes back for a stream whose connection ended (`retry`). Default:
    /// 1 s.
    ///
    /// ```
    /// use mcp_mount::Sessions;
    /// use std::time::Duration;
    ///
    /// let sessions = Sessions::new().retry_interval(Duration::from_secs(5));
    /// # let _ = sessions;
    /// ```
    #[must_use]
    pub fn retry_interval(mut self, interval: Duration) -> Self {
        self.retry_interval = interval;
        self
    }

    pub(crate) fn is_unusable(&self) -> bool {
        self.max == 0
            || self.max_per_principal == 0
            || self.initialize_within.is_zero()
            || self.idle < Duration::from_secs(1)
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self::new()
    }
}

/// The sessions of one service.
pub(crate) struct SessionRoom {
    pub(crate) settings: Sessions,
    /// Of the server's name: servers that share a store do not serve each other's sessions.
    pub(crate) realm: u128,
    pub(crate) store: Arc<dyn Store>,
    /// Who waits here for news of the store, but for those who read streams.
    pub(crate) signals: Arc<Signals>,
    pub(crate) live: Arc<LiveSessions>,
    pub(crate) readers: Arc<Readers>,
    pub(crate) stream_ids: StreamIds,
    /// The other processes. `None` if there are none: the store is not shared.
    pub(crate) replicas: Option<Arc<Replicas>>,
    pub(crate) watching: Once,
    /// How often open streams and running calls touch their session.
    pub(crate) beat: Duration,
}

/// A session that a request belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: u128,
    /// Where its record is in the store.
    pub(crate) key: Key,
    pub(crate) record: Record,
    version: u64,
}

/// A session that the store has been asked for.
pub(crate) struct AskedSession<'s> {
    id: u128,
    key: Key,
    stored: StoreFuture<'s, Option<Stored>>,
}

impl SessionRoom {
    /// Has the store tell of its news, from the first call on. A store that is shared does so from the beginning.
    pub(crate) fn watch(&self) {
        self.watching.call_once(|| {
            let (readers, signals) = (Arc::downgrade(&self.readers), Arc::downgrade(&self.signals));
            self.store.watch(LogWatcher::new(move |news| {
                let (Some(readers), Some(signals)) = (readers.upgrade(), signals.upgrade()) else { return false };
                readers.tell(news);
                signals.tell(news);
                true
            }));
        });
    }

    /// Where the record of a session is.
    pub(crate) fn key(&self, id: u128, principal: Option<&Principal>) -> Key {
        Key::session(id ^ self.realm, principal.map(Principal::id))
    }

    /// The session with the id in `header`, if it is one of this principal. Using a session keeps it alive.
    pub(crate) async fn find(
        &self,
        header: &Field<'_>,
        principal: Option<&Principal>,
    ) -> Result<Session, Box<Rejection>> {
        self.ask(header, principal)?.answer(principal).await
    }

    /// Asks the store for it.
    pub(crate) fn ask(
        &self,
        header: &Field<'_>,
        principal: Option<&Principal>,
    ) -> Result<AskedSession<'_>, Box<Rejection>> {
        // What cannot be an id of ours is not looked up.
        let id =
            (!header.duplicate).then(|| parse_id(header.value?)).flatten().ok_or_else(Rejection::no_such_session)?;
        let key = self.key(id, principal);
        Ok(AskedSession { id, key, stored: self.store.get(key, Some(self.settings.idle)) })
    }

    /// Keeps the least grave log message that the client wants.
    pub(crate) async fn set_level(&self, session: &Session, level: LogLevel) -> Result<(), Box<Rejection>> {
        self.update(session, |record| Ok(record.with_level(level))).await.map(drop)
    }

    /// Keeps whether the client wants to know of changes of a resource, and tells its open stream.
    pub(crate) async fn subscribe(&self, session: &Session, uri: &str, wanted: bool) -> Result<(), Box<Rejection>> {
        self.update(session, |record| {
            record.with_subscription(uri, wanted).map_err(|TooManySubscriptions| Rejection::too_many_subscriptions())
        })
        .await?;
        self.live.subscribe(session.id, uri, wanted);
        self.tell_replicas(session.key, CHANGED).await;
        Ok(())
    }

    /// Numbers a new stream of the session, so that of those that are opened on several replicas the newest is known. Of
    /// those that only this process can open, its own list knows.
    pub(crate) async fn next_generation(&self, session: &Session) -> Result<u32, Box<Rejection>> {
        if !self.store.is_shared() {
            return Ok(session.record.generation());
        }
        let record = self.update(session, |record| Ok(record.with_next_generation())).await?;
        Ok(record.generation())
    }

    /// Has other replicas look at a session's record at once, where there are any. Without it they do at their next beat.
    pub(crate) async fn tell_replicas(&self, session: Key, word: u64) {
        if self.store.is_shared()
            && let Err(error) = self.store.tell(record_word(session), word).await
        {
            tracing::debug!(%error, "other replicas are not told of a session's change");
        }
    }

    /// What is kept of a session that has ended goes, and what runs of it on other replicas ends.
    pub(crate) async fn clear(&self, session: Key) {
        let streams = self.store.forget(session.id);
        if !self.store.is_shared() {
            return left_to_expire(streams.await);
        }
        let letters = self.store.forget(Inbox::group(session.id));
        let (_, streams, letters) = join3(self.tell_replicas(session, ENDED), streams, letters).await;
        left_to_expire(streams.and(letters));
    }

    /// Where a session's messages are left for another replica. `None` where there can be none: a conversation on a line
    /// has one process at its other end.
    pub(crate) fn inbox(&self, session: Key, on_line: bool) -> Option<Inbox> {
        (self.store.is_shared() && !on_line).then(|| Inbox::new(&self.store, &self.signals, session.id))
    }

    /// Writes a session's record anew. What another request has changed meanwhile is not overwritten.
    async fn update(
        &self,
        session: &Session,
        change: impl Fn(&Record) -> Result<Record, Box<Rejection>>,
    ) -> Result<Record, Box<Rejection>> {
        let key = session.key;
        let (mut record, mut version) = (session.record.clone(), session.version);
        for _ in 0..WRITE_ATTEMPTS {
            let changed = change(&record)?;
            let written = self.store.put(key, changed.encode(), self.settings.idle, Expect::Version(version)).await;
            if written.map_err(|error| Rejection::store(&error))? {
                return Ok(changed);
            }
            let stored = self.store.get(key, None).await.map_err(|error| Rejection::store(&error))?;
            let stored = stored.ok_or_else(Rejection::no_such_session)?;
            record = Record::decode(stored.value).ok_or_else(Rejection::no_such_session)?;
            version = stored.version;
        }
        Err(Rejection::session_contended())
    }
}

impl AskedSession<'_> {
    /// What there is, if it need not be waited for.
    pub(crate) fn at_hand(&mut self, principal: Option<&Principal>) -> Option<Result<Session, Box<Rejection>>> {
        match &mut self.stored {
            StoreFuture::Ready(stored) => stored.take().map(|stored| read(self.id, self.key, stored, principal)),
            StoreFuture::Boxed(_) => None,
        }
    }

    /// What there is.
    pub(crate) async fn answer(self, principal: Option<&Principal>) -> Result<Session, Box<Rejection>> {
        read(self.id, self.key, self.stored.await, principal)
    }
}

/// The session, if what is kept is one of this principal.
fn read(
    id: u128,
    key: Key,
    stored: Result<Option<Stored>, StoreError>,
    principal: Option<&Principal>,
) -> Result<Session, Box<Rejection>> {
    let stored = stored.map_err(|error| Rejection::store(&error))?.ok_or_else(Rejection::no_such_session)?;
    match Record::decode(stored.value) {
        Some(record) if record.is_owned_by(principal) => Ok(Session { id, key, record, version: stored.version }),
        _ => Err(Rejection::no_such_session()),
    }
}

impl std::fmt::Debug for SessionRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionRoom").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// About which replicas tell each other the words of a session. The session's streams have other ids.
fn record_word(session: Key) -> LogKey {
    LogKey::new(session.id, 0)
}

fn left_to_expire(forgotten: Result<(), StoreError>) {
    if let Err(error) = forgotten {
        // The session is gone, so that nobody can ask for them.
        tracing::debug!(%error, "the logs of a session are left to expire");
    }
}
