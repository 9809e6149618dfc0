//! The stream of a conversation: where to post, then every message.

use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::server::outbound::Read;
use crate::transport::body::StreamCut;
use crate::transport::line::Reader;
use crate::transport::sse::event;
use crate::transport::sse::keep_alive::KeepAlive;

/// The body of the response to GET.
pub(crate) struct LineStream {
    reader: Reader,
    first: Option<Bytes>,
    keep_alive: KeepAlive,
    done: bool,
}

impl LineStream {
    /// `first` is the event that it begins with.
    pub(super) fn new(reader: Reader, first: Bytes, keep_alive: KeepAlive) -> Self {
        Self { reader, first: Some(first), keep_alive, done: false }
    }

    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        if self.done {
            return Poll::Ready(None);
        }
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        match self.reader.poll_read(cx) {
            Poll::Ready(Read::Messages { messages, .. }) => {
                self.keep_alive.reset();
                Poll::Ready(Some(Ok(events(messages))))
            }
            Poll::Ready(Read::Cut) => {
                self.done = true;
                Poll::Ready(Some(Err(StreamCut::new())))
            }
            Poll::Ready(Read::End) => {
                self.done = true;
                Poll::Ready(None)
            }
            Poll::Pending => self.keep_alive.poll(cx).map(|()| Some(Ok(event::KEEP_ALIVE))),
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done
    }
}

/// Each message as one event: «as SSE `message` events» (2024-11-05, basic/transports, «HTTP with SSE»), which is said
/// although it is the default, since not every client of that time knew.
fn events(messages: impl IntoIterator<Item = Bytes>) -> Bytes {
    let mut out = BytesMut::new();
    for message in messages {
        out.put_slice(b"event: message\n");
        out.put_slice(&event::join([message]));
    }
    out.freeze()
}
