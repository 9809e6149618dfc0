//! The reply of one call as a stream: it only reads the call's queue, which the adopted handler fills.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::event;
use super::keep_alive::KeepAlive;
use crate::server::outbound::{Outbound, Read};
use crate::transport::body::StreamCut;

/// A stream that ends with the answer.
#[derive(Debug)]
pub(crate) struct CallStream {
    queue: Arc<Outbound>,
    keep_alive: KeepAlive,
    done: bool,
}

impl CallStream {
    pub(crate) fn new(queue: Arc<Outbound>, keep_alive: KeepAlive) -> Self {
        Self { queue, keep_alive, done: false }
    }

    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        if self.done {
            return Poll::Ready(None);
        }
        match self.queue.poll_read(cx) {
            Poll::Ready(Read::Messages { messages, last }) => {
                self.done = last;
                self.keep_alive.reset();
                // All that waits leaves in one piece, so that the last event is not held back by a socket's delay.
                Poll::Ready(Some(Ok(event::join(messages))))
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

impl Drop for CallStream {
    fn drop(&mut self) {
        self.queue.close();
    }
}
