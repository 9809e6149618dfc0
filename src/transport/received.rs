//! What becomes of a POST, and of each message in it, on the way to its reply.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::Response;

use super::batch::Batch;
use super::body::Body;
use super::pending::PendingCall;
use super::rejection::Rejection;
use super::request::RequestHead;
use super::service::Shared;
use super::start::StartCall;

/// A request that passed every check. Small, since every step hands it on.
pub(crate) enum Accepted {
    Reply(Box<Response<Body>>),
    Call(Box<PendingCall>),
}

/// What a POST comes to.
pub(crate) enum Posted {
    Message(Received),
    Batch(Batch),
}

/// What a message comes to.
pub(crate) enum Received {
    Accepted(Accepted),
    /// Its handler looks at the head of the request, when nothing borrows of that any more; or there are others to be read.
    Waits(Box<StartCall>),
}

impl Received {
    /// Starts a call that waits for the head of its request.
    pub(crate) async fn accept<R: RequestHead>(
        self,
        shared: &Arc<Shared>,
        request: &mut R,
    ) -> Result<Accepted, Box<Rejection>> {
        match self {
            Self::Accepted(accepted) => Ok(accepted),
            Self::Waits(call) => call.start(shared, request).await.map(Accepted::Call),
        }
    }
}

impl From<Response<Body>> for Received {
    fn from(response: Response<Body>) -> Self {
        Self::Accepted(Accepted::Reply(Box::new(response)))
    }
}

/// What a POST comes to, now or when something has been waited for.
///
/// Most calls wait for nothing on their way to their handler. What they are read into is large, and stays on the stack.
pub(crate) enum Arrived<'a> {
    Now(Received),
    Later(Later<'a, Posted>),
}

/// Boxed, so that only what waits pays for it: what only the transport can do, and sessions in a store that is not at hand.
pub(crate) type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, Box<Rejection>>> + Send + 'a>>;

impl Arrived<'_> {
    /// Waits for what there is to wait for.
    pub(crate) async fn posted(self) -> Result<Posted, Box<Rejection>> {
        match self {
            Self::Now(received) => Ok(Posted::Message(received)),
            Self::Later(later) => later.await,
        }
    }
}
