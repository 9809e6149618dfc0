//! What a request is sent to: the service in the home that this binary is about, or an application that a test has made.

use std::{convert::Infallible, error::Error, future::Future, pin::Pin};

use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use mcp_mount::McpService;
use tower::{ServiceExt, util::BoxCloneSyncService};

use crate::{home, reply::Live};

/// The body of a request on its way to a home: whole, in parts, or never at its end.
pub type Sent = UnsyncBoxBody<Bytes, BoxError>;
/// The body of a reply, whatever type the home gives it.
pub type Received = UnsyncBoxBody<Bytes, String>;
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A home as the tests see it.
pub type Door = BoxCloneSyncService<Request<Sent>, Response<Received>, Infallible>;

type Answering = Pin<Box<dyn Future<Output = Result<Response<Received>, Infallible>> + Send>>;

/// Where a request can be sent.
pub trait Target {
    fn door(&self) -> Door;
}

/// In the home that this binary is about.
impl Target for McpService {
    fn door(&self) -> Door {
        home::mount(self)
    }
}

/// As the test has mounted it.
impl Target for Router {
    fn door(&self) -> Door {
        let app =
            ServiceExt::<Request<Sent>>::map_response(self.clone(), |response: Response<_>| response.map(received));
        BoxCloneSyncService::new(app)
    }
}

pub fn received<B>(body: B) -> Received
where
    B: Body<Data = Bytes, Error: std::fmt::Debug> + Send + 'static,
{
    body.map_err(|error| format!("{error:?}")).boxed_unsync()
}

/// Sends it and returns as soon as the headers are there.
pub async fn send<B>(target: &impl Target, request: Request<B>) -> Live
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    sent(target.door(), request).await
}

/// `send` for a task of its own.
pub fn sent<B>(door: Door, request: Request<B>) -> impl Future<Output = Live> + Send + use<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
    // Boxed here: inside the block rustc forgets that the body's `dyn` is `'static` (rust-lang/rust#110338).
    let answer: Answering = Box::pin(door.oneshot(request));
    async move {
        match answer.await {
            Ok(response) => Live::new(response),
            Err(never) => match never {},
        }
    }
}
