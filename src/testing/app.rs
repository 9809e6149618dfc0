//! The service under test, without its types.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tower_service::Service;

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;
pub(super) type ReplyBody = UnsyncBoxBody<Bytes, BoxError>;
type Reply = Pin<Box<dyn Future<Output = Result<Response<ReplyBody>, BoxError>> + Send>>;

/// Any service for HTTP requests. Dropping the future, or the body of the reply, is a client that goes away.
#[derive(Clone)]
pub(super) struct App(Arc<dyn Fn(Request<Bytes>) -> Reply + Send + Sync>);

impl App {
    pub(super) fn new<S, R, B>(service: S) -> Self
    where
        S: Service<Request<R>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        R: From<Bytes>,
        B: HttpBody + Send + 'static,
        B::Data: Buf + Send,
        B::Error: Into<BoxError>,
    {
        // So that services need not be `Sync`; only the cloning is done under the lock.
        let service = Mutex::new(service);
        Self(Arc::new(move |request| {
            let mut service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Box::pin(async move {
                // A clone is not ready because the original is.
                poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
                let response = service.call(request.map(R::from)).await.map_err(Into::into)?;
                Ok(response.map(|body| body.map_frame(to_bytes).map_err(Into::into).boxed_unsync()))
            })
        }))
    }

    pub(super) fn send(&self, request: Request<Bytes>) -> Reply {
        (self.0)(request)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App")
    }
}

fn to_bytes<D: Buf>(frame: Frame<D>) -> Frame<Bytes> {
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}
