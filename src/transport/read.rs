//! The body of a request, read under three bounds: its size, its deadline, and a budget for all bodies together.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut as _, Bytes, BytesMut};
use http_body::Body;
use tokio::time::{Instant, sleep_until};

use super::headers::Field;
use super::rejection::Rejection;

/// How large a body may be, how long it may take, and how much all of them may hold.
#[derive(Debug)]
pub(crate) struct ReadLimits {
    pub(crate) bytes: usize,
    pub(crate) deadline: Duration,
    pub(crate) budget: Budget,
}

/// How large a body may be that does not count: bytes.
const UNCOUNTED: usize = 4096;

/// Bytes that all bodies may hold together.
#[derive(Debug)]
pub(crate) struct Budget(AtomicUsize);

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::AcqRel);
    }
}

/// What one body holds of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Share<'_> {
    /// Holds `total` bytes from now on.
    fn grow_to(&mut self, total: usize) -> Result<(), Box<Rejection>> {
        // Small ones are bounded by the connections, which hold as much in their own buffers.
        if total <= UNCOUNTED.max(self.bytes) {
            return Ok(());
        }
        let more = total - self.bytes;
        let take = |left: usize| left.checked_sub(more);
        match self.budget.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, take) {
            Ok(_) => {
                self.bytes = total;
                Ok(())
            }
            Err(_) => Err(Rejection::body_budget()),
        }
    }

    /// For how many bytes room is made when `total` have come: for all that were announced, so that most bodies are copied
    /// once. What was announced is not trusted with more than a few times what is there, nor with more than the budget has.
    fn room(&mut self, total: usize, announced: Option<u64>) -> usize {
        let wanted = match announced.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)) {
            Some(announced) => announced.clamp(total, total.saturating_mul(8)),
            None => total * 2,
        };
        if self.grow_to(wanted).is_ok() { wanted } else { total }
    }

    /// A part of it, for one of several messages.
    pub(crate) fn split_off(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self { budget: self.budget, bytes }
    }

    /// How many bytes it holds, for the caller to give back.
    pub(crate) fn into_bytes(mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.give_back(self.bytes);
        }
    }
}

/// Reads a body to its end. A body of one frame is not copied.
///
/// # Errors
///
/// When its `Content-Length` says that it is larger than it may be, or is none.
pub(crate) fn body<'a, 'b, B: Body>(
    body: Pin<&'b mut B>,
    content_length: Field<'_>,
    limits: &'a ReadLimits,
) -> Result<Reading<'a, 'b, B>, Box<Rejection>> {
    let announced = announced(content_length)?.or_else(|| body.size_hint().exact());
    if announced.is_some_and(|bytes| bytes > limits.bytes as u64) {
        return Err(Rejection::body_too_large(limits.bytes));
    }
    let share = Share { budget: &limits.budget, bytes: 0 };
    Ok(Reading { body, limits, announced, read: Read::Nothing, total: 0, share, deadline: Deadline::New })
}

/// A body that is being read. Written by hand, since the future of every request has room for it.
pub(crate) struct Reading<'a, 'b, B> {
    body: Pin<&'b mut B>,
    limits: &'a ReadLimits,
    announced: Option<u64>,
    read: Read,
    /// How much has come: bytes.
    total: usize,
    share: Share<'a>,
    deadline: Deadline,
}

enum Read {
    Nothing,
    One(Bytes),
    Joined(BytesMut),
}

impl<'a, B: Body> Future for Reading<'a, '_, B> {
    /// The body, and what it holds of the budget.
    type Output = Result<(Bytes, Share<'a>), Box<Rejection>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let Poll::Ready(frame) = self.body.as_mut().poll_frame(cx) else {
                let after = self.limits.deadline;
                return self.deadline.poll(after, cx).map(|()| Err(Rejection::body_too_slow(after)));
            };
            let Some(frame) = frame else { break };
            // Or trailers.
            if let Ok(data) = frame.map_err(|_| Rejection::body_broken())?.into_data() {
                self.take(data)?;
            }
            // The last frame of most bodies is their only one, and says so.
            if self.body.is_end_stream() {
                break;
            }
        }
        let this = &mut *self;
        let body = match std::mem::replace(&mut this.read, Read::Nothing) {
            Read::Nothing => Bytes::new(),
            Read::One(body) => body,
            Read::Joined(body) => body.freeze(),
        };
        Poll::Ready(Ok((body, this.share.split_off(usize::MAX))))
    }
}

impl<B> Reading<'_, '_, B> {
    fn take(&mut self, mut data: impl Buf) -> Result<(), Box<Rejection>> {
        let bytes = data.remaining();
        self.total += bytes;
        if self.total > self.limits.bytes {
            return Err(Rejection::body_too_large(self.limits.bytes));
        }
        self.share.grow_to(self.total)?;
        match &mut self.read {
            Read::Nothing => self.read = Read::One(data.copy_to_bytes(bytes)),
            Read::One(first) => {
                let mut joined = BytesMut::with_capacity(self.share.room(self.total, self.announced));
                joined.put_slice(first);
                joined.put(data);
                self.read = Read::Joined(joined);
            }
            Read::Joined(joined) => {
                if joined.capacity() < self.total {
                    joined.reserve(self.share.room(self.total, self.announced) - joined.len());
                }
                joined.put(data);
            }
        }
        Ok(())
    }
}

/// How long a body that nobody wants is read.
const LINGER: Duration = Duration::from_secs(1);

/// Reads a body that nobody wants, and keeps nothing of it: hyper closes a connection of which the request has not been
/// read, and a client that still writes then, or a proxy before it, gets no answer but a reset. One that is larger than it
/// may be, or not there after a second, is left.
pub(crate) async fn discard<B: Body>(mut body: Pin<&mut B>, limits: &ReadLimits) {
    let mut left = limits.bytes;
    let (mut deadline, after) = (Deadline::New, LINGER.min(limits.deadline));
    while body.size_hint().lower() <= left as u64 {
        let frame = poll_fn(|cx| match body.as_mut().poll_frame(cx) {
            Poll::Pending => deadline.poll(after, cx).map(|()| None),
            ready @ Poll::Ready(_) => ready,
        });
        let Some(Ok(frame)) = frame.await else { return };
        let bytes = frame.data_ref().map_or(0, Buf::remaining);
        let Some(rest) = left.checked_sub(bytes) else { return };
        left = rest;
    }
}

/// What `Content-Length` says.
fn announced(content_length: Field<'_>) -> Result<Option<u64>, Box<Rejection>> {
    match (content_length.value, content_length.duplicate) {
        (None, _) => Ok(None),
        (Some(value), false) => match std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(Rejection::body_broken()),
        },
        (Some(_), true) => Err(Rejection::body_broken()),
    }
}

/// A clock that is started when the body makes us wait.
enum Deadline {
    New,
    Once,
    Until(Pin<Box<tokio::time::Sleep>>),
}

impl Deadline {
    /// Resolves so long after the second time that it is asked.
    fn poll(&mut self, after: Duration, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            // actix-web asks for the answer before it has looked at the body, which is there when it asks the second time. A
            // timer would cost such a request more than that.
            Self::New => {
                *self = Self::Once;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Once => {
                let mut sleep = Box::pin(sleep_until(Instant::now() + after));
                let polled = sleep.as_mut().poll(cx);
                *self = Self::Until(sleep);
                polled
            }
            Self::Until(sleep) => sleep.as_mut().poll(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_for_what_was_announced_as_far_as_the_budget_goes() {
        let budget = Budget::new(100_000);
        let share = || Share { budget: &budget, bytes: 0 };
        let left = || budget.0.load(Ordering::Relaxed);
        let mut first = share();
        assert_eq!(first.room(10_000, Some(1 << 20)), 80_000, "a few times what is there");
        assert_eq!((first.bytes, left()), (80_000, 20_000), "and all of it counts");
        let mut second = share();
        second.grow_to(10_000).unwrap();
        assert_eq!(second.room(10_000, Some(1 << 20)), 10_000, "what the budget does not have is not made");
        assert_eq!(left(), 10_000);
        assert_eq!(share().room(10_000, Some(12_000)), 10_000);
        drop((first, second));
        assert_eq!(left(), 100_000);
        assert_eq!(share().room(10_000, Some(12_000)), 12_000, "no more than was announced");
        assert_eq!(share().room(10_000, None), 20_000);
    }
}
