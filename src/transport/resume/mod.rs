//! Streams that a client can come back to (2025-11-25, basic/transports, «Resumability and Redelivery»).
//!
//! ```text
//! event_id     what an event is called: the store's epoch, the stream, the number
//! stream_ids   what streams are called
//! about        what is known of a stream: its writer and its request
//! recorder     keeps what a call says, on its way to the connection
//! persistence  asks a store again that fails, so that an entry is there once
//! readers      who reads what: one connection a stream
//! claim        the same among processes
//! open         a GET with Last-Event-ID
//! replay       the body that answers it
//! elsewhere    a stream whose call runs in another process
//! ```
//!
//! Only a session's streams are recorded, and of its calls only those that speak before they answer. What is kept belongs
//! to the session: its logs' group has the session's id and its owner in it.

mod about;
pub(crate) mod claim;
mod elsewhere;
pub(crate) mod event_id;
pub(crate) mod open;
mod persistence;
pub(crate) mod readers;
pub(crate) mod recorder;
pub(crate) mod replay;
pub(crate) mod stream_ids;

use std::time::Duration;

use super::service::Shared;
use crate::protocol::revision::Revision;
use crate::store::Key;

/// How the streams of a session are recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recording {
    /// The group of its logs.
    pub(crate) group: u128,
    /// When to come back, for a client that knows an event without data: one that every stream begins with («Sending
    /// Messages to the Server»), and by which a connection can be ended before anything has been said.
    pub(crate) primer: Option<Duration>,
}

impl Recording {
    /// `None` where nothing is recorded: before 2025-03-26 there are no events with ids, and without a session, nobody that
    /// they would belong to.
    pub(crate) fn of(shared: &Shared, session: Option<Key>, revision: Revision) -> Option<Self> {
        let (settings, session) = (&shared.sessions.settings, session?);
        let recorded = settings.event_log && (Revision::V2025_03_26..=Revision::V2025_11_25).contains(&revision);
        recorded.then(|| Self {
            group: session.id,
            primer: (revision >= Revision::V2025_11_25).then_some(settings.retry_interval),
        })
    }
}
