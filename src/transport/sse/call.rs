//! The reply of one call as a stream: it only reads the call's queue, which the adopted handler fills.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::event;
use super::keep_alive::KeepAlive;
use crate::server::outbound::recorded::Item;
use crate::server::outbound::{Outbound, Read};
use crate::transport::body::StreamCut;
use crate::transport::resume::claim::Claim;
use crate::transport::resume::readers::Listing;
use crate::transport::resume::recorder::Naming;

/// A stream that ends with the answer, or before it, if it can be resumed.
#[derive(Debug)]
pub(crate) struct CallStream {
    queue: Arc<Outbound>,
    keep_alive: KeepAlive,
    recorded: Option<RecordedStream>,
    done: bool,
}

/// What the events of a stream that can be resumed are called.
#[derive(Debug)]
pub(crate) struct RecordedStream {
    pub(crate) name: Naming,
    pub(crate) retry: Duration,
    /// Ends this connection when the stream goes on in another.
    pub(crate) _listing: Listing,
    /// Where another process could read on.
    pub(crate) claim: Option<Box<Claim>>,
}

impl CallStream {
    pub(crate) fn new(queue: Arc<Outbound>, keep_alive: KeepAlive, recorded: Option<RecordedStream>) -> Self {
        Self { queue, keep_alive, recorded, done: false }
    }

    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        if self.done {
            return Poll::Ready(None);
        }
        if let Some(claim) = self.recorded.as_mut().and_then(|recorded| recorded.claim.as_mut())
            && claim.poll(cx).is_ready()
        {
            self.queue.hand_over();
        }
        // All that waits leaves in one piece, so that the last event is not held back by a socket's delay.
        let read = match &self.recorded {
            Some(recorded) => self.queue.poll_recorded(cx).map(|read| read.map(|items| recorded.write(items))),
            None => self.queue.poll_read(cx).map(|read| read.map(event::join)),
        };
        match read {
            Poll::Ready(Read::Messages { messages: events, last }) => {
                self.done = last;
                self.keep_alive.reset();
                Poll::Ready(Some(Ok(events)))
            }
            Poll::Ready(Read::End) => {
                self.done = true;
                Poll::Ready(None)
            }
            Poll::Ready(Read::Cut) => {
                self.done = true;
                Poll::Ready(Some(Err(StreamCut::new())))
            }
            Poll::Pending => self.keep_alive.poll(cx).map(|()| Some(Ok(event::KEEP_ALIVE))),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done
    }
}

impl RecordedStream {
    fn write(&self, items: impl IntoIterator<Item = Item>) -> Bytes {
        let mut out = BytesMut::new();
        for item in items {
            match item {
                Item::Primer { seq } => {
                    if let Some(id) = self.name.event(seq) {
                        event::write_primer(&mut out, id, self.retry);
                    }
                }
                Item::Message { seq, message } => {
                    event::write(&mut out, seq.and_then(|seq| self.name.event(seq)), &message);
                }
                Item::Retry => event::write_retry(&mut out, self.retry),
            }
        }
        out.freeze()
    }
}

impl Drop for CallStream {
    fn drop(&mut self) {
        self.queue.close();
    }
}
