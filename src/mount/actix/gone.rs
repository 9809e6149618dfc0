//! Clients of HTTP/2 that go away. actix-http runs each request of such a connection in a task of its own, which learns of
//! a reset when it sends: for a call that is silent that is late. The request's payload knows, but tells only who asks.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::Version;
use bytes::Bytes;
use futures_util::Stream as _;
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep};

/// How often a payload is asked.
const BEAT: Duration = Duration::from_secs(1);

/// actix-web's payload as a body, frame by frame and uncopied.
pub(super) enum PayloadBody {
    Own(Payload),
    /// The service reads it first, and who watches for the client then.
    Watched(Rc<RefCell<Watched>>),
}

pub(super) struct Watched {
    payload: Payload,
    /// Whether the service has it read, or does not want it.
    done: bool,
}

/// Resolves some time after the client has gone away.
pub(super) struct Gone {
    watched: Rc<RefCell<Watched>>,
    beat: Option<Pin<Box<Sleep>>>,
}

/// The payload for the service, and for connections on which that is needed, what watches for the client.
pub(super) fn watch(payload: Payload, version: Version) -> (PayloadBody, Option<Gone>) {
    // One that a middleware has put in place of the connection's own knows nothing, and need not bear to be asked again.
    if version != Version::HTTP_2 || matches!(payload, Payload::Stream { .. }) {
        return (PayloadBody::Own(payload), None);
    }
    let watched = Rc::new(RefCell::new(Watched { payload, done: false }));
    (PayloadBody::Watched(Rc::clone(&watched)), Some(Gone { watched, beat: None }))
}

/// What `answering` comes to, or `None` if the client goes away before. Then it is dropped, as on the other connections.
pub(super) async fn or_gone<T>(mut answering: Pin<&mut impl Future<Output = T>>, gone: &mut Option<Gone>) -> Option<T> {
    poll_fn(|cx| match answering.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => match gone {
            Some(gone) => gone.poll(cx).map(|()| None),
            None => Poll::Pending,
        },
    })
    .await
}

impl Gone {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let beat = self.beat.get_or_insert_with(|| Box::pin(sleep(BEAT)));
        loop {
            ready!(beat.as_mut().poll(cx));
            beat.as_mut().reset(Instant::now() + BEAT);
            if self.watched.borrow_mut().is_gone(cx) {
                return Poll::Ready(());
            }
        }
    }
}

impl Watched {
    /// A payload that has ended says so again, until its stream is reset or its connection has failed.
    fn is_gone(&mut self, cx: &mut Context<'_>) -> bool {
        self.done && matches!(Pin::new(&mut self.payload).poll_next(cx), Poll::Ready(Some(Err(_))))
    }
}

impl http_body::Body for PayloadBody {
    type Data = Bytes;
    type Error = PayloadError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, PayloadError>>> {
        let polled = match &mut *self {
            Self::Own(payload) => ready!(Pin::new(payload).poll_next(cx)),
            Self::Watched(watched) => {
                let mut watched = watched.borrow_mut();
                let polled = ready!(Pin::new(&mut watched.payload).poll_next(cx));
                watched.done |= polled.is_none();
                polled
            }
        };
        Poll::Ready(polled.map(|piece| piece.map(Frame::data)))
    }
}

impl Drop for PayloadBody {
    fn drop(&mut self) {
        if let Self::Watched(watched) = self {
            watched.borrow_mut().done = true;
        }
    }
}
