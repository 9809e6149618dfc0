//! In which process a stream is read, of those that share its store («Multiple Connections»).
//!
//! The words of a store come to each process in an order of its own, and may be lost. So whoever takes a stream over writes
//! down that it does before the others are told; and whoever is told, or may have missed it, reads who it is.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::readers::{Listing, Signal, word_of};
use crate::server::outbound::Outbound;
use crate::store::{Expect, Key, Kind, LogKey, Store};
use crate::transport::session::SessionRoom;

/// How soon is looked again at who reads a stream, if that could not be seen.
const AGAIN: Duration = Duration::from_secs(1);

/// Over how long the looks of all are spread that may have missed something at the same time.
const SPREAD_MS: u64 = 1_000;

/// A connection's place among those that could read its stream.
pub(crate) struct Place {
    pub(crate) listing: Listing,
    pub(crate) signal: Arc<Signal>,
    /// `None` where no other process could read it.
    pub(crate) claim: Option<Box<Claim>>,
}

/// A connection's right to read a stream, until somebody takes it over in another process.
pub(crate) struct Claim {
    store: Arc<dyn Store>,
    log: LogKey,
    ttl: Duration,
    /// `None` for the first connection, which writes nothing down: whoever is there is another.
    reader: Option<u128>,
    /// Whether the others have been told.
    told: bool,
    signal: Arc<Signal>,
    looking: Option<Looking>,
}

type Looking = Pin<Box<dyn Future<Output = Look> + Send>>;

/// Who reads the stream.
enum Look {
    Another,
    /// Nobody else, and whether the others have been told of it.
    Here {
        told: bool,
    },
}

impl SessionRoom {
    /// Takes over a stream, wherever it has been read so far.
    pub(crate) async fn take_over(&self, log: LogKey, ttl: Duration) -> Place {
        let Some(replicas) = &self.replicas else {
            let (listing, signal) = self.readers.take_over(log, 0);
            return Place { listing, signal, claim: None };
        };
        let reader = replicas.id();
        let (listing, signal) = self.readers.take_over(log, word_of(reader));
        let told = make(&*self.store, log, ttl, reader).await;
        let claim = Box::new(Claim { told, ..self.claim(log, ttl, Some(reader), &signal) });
        Place { listing, signal, claim: Some(claim) }
    }

    /// Lists the reply of a call as the connection that reads its stream. In memory it claims nothing.
    pub(crate) fn first_reader(
        &self,
        log: LogKey,
        ttl: Duration,
        queue: &Arc<Outbound>,
    ) -> (Listing, Option<Box<Claim>>) {
        let signal = self.replicas.is_some().then(Arc::<Signal>::default);
        let listing = self.readers.list_call(log, queue, signal.clone());
        (listing, signal.map(|signal| Box::new(self.claim(log, ttl, None, &signal))))
    }

    fn claim(&self, log: LogKey, ttl: Duration, reader: Option<u128>, signal: &Arc<Signal>) -> Claim {
        let (store, signal) = (Arc::clone(&self.store), Arc::clone(signal));
        Claim { store, log, ttl, reader, told: true, signal, looking: None }
    }
}

impl Claim {
    /// Resolves when the stream is read in another process.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.signal.register(cx);
        if self.signal.take_missed() {
            // By the stream's id, which is random.
            self.looking = Some(self.look(Duration::from_millis(self.log.id as u64 % SPREAD_MS)));
        }
        if self.signal.take_doubted() {
            self.looking = Some(self.look(Duration::ZERO));
        }
        let Some(looking) = &mut self.looking else { return Poll::Pending };
        let look = std::task::ready!(looking.as_mut().poll(cx));
        self.looking = None;
        match look {
            Look::Another => Poll::Ready(()),
            Look::Here { told } => {
                self.told = told;
                Poll::Pending
            }
        }
    }

    /// Looks at the next poll: what others say may have been missed.
    pub(crate) fn doubt(&self) {
        self.signal.doubt();
    }

    fn look(&self, after: Duration) -> Looking {
        let (store, log, ttl, reader, mut told) = (Arc::clone(&self.store), self.log, self.ttl, self.reader, self.told);
        Box::pin(async move {
            if !after.is_zero() {
                sleep(after).await;
            }
            // Who has written it down keeps it there.
            let touch = reader.map(|_| ttl);
            let found = loop {
                match store.get(reader_of(log), touch).await {
                    Ok(found) => break found,
                    Err(error) => tracing::debug!(%error, "where a stream is read could not be seen"),
                }
                sleep(AGAIN).await;
            };
            match (found, reader) {
                (Some(found), Some(reader)) if found.value == reader.to_be_bytes().as_slice() => {
                    told = told || tell(&*store, log, reader).await;
                    Look::Here { told }
                }
                (Some(_), _) => Look::Another,
                // It could not be written down before.
                (None, Some(reader)) => Look::Here { told: make(&*store, log, ttl, reader).await },
                (None, None) => Look::Here { told },
            }
        })
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(..)")
    }
}

/// Where it is written down who reads a stream. Both ids are random.
fn reader_of(log: LogKey) -> Key {
    Key::new(Kind::Reader, log.group ^ log.id.rotate_left(64))
}

/// Writes down that a stream is read here, then tells the others. Answers `false` if those have to be told still.
async fn make(store: &dyn Store, log: LogKey, ttl: Duration, reader: u128) -> bool {
    let value = Bytes::copy_from_slice(&reader.to_be_bytes());
    if let Err(error) = store.put(reader_of(log), value, ttl, Expect::Any).await {
        // It is read here all the same, until another who has been written down is seen.
        tracing::debug!(%error, "it could not be written down that a stream is read here");
        return true;
    }
    tell(store, log, reader).await
}

async fn tell(store: &dyn Store, log: LogKey, reader: u128) -> bool {
    let told = store.tell(log, word_of(reader)).await;
    if let Err(error) = &told {
        tracing::debug!(%error, "other replicas could not be told that a stream is read here");
    }
    told.is_ok()
}
