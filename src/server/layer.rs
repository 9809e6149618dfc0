//! Layers around calls: tower middleware over `Call -> Reply`.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt as _};

use super::call::{Call, Reply};
use super::handler::HandlerFuture;
use super::target::Target;
use crate::error::Causes;
use crate::lifespan::spawner::panic_text;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What [`Mcp::layer`](crate::Mcp::layer) puts its layers around: the service that runs a call's handler.
#[derive(Clone, Debug)]
pub struct CallService(Inner);

#[derive(Clone)]
enum Inner {
    Handler,
    Layered(BoxCloneSyncService<Call, Reply, BoxError>),
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handler => "Handler",
            Self::Layered(_) => "Layered",
        })
    }
}

impl Service<Call> for CallService {
    type Response = Reply;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.0 {
            Inner::Handler => Poll::Ready(Ok(())),
            Inner::Layered(service) => service.poll_ready(cx),
        }
    }

    fn call(&mut self, call: Call) -> Self::Future {
        match &mut self.0 {
            Inner::Handler => Box::pin(run(call).map(|Ok::<_, Infallible>(reply)| Ok(reply))),
            Inner::Layered(service) => service.call(call),
        }
    }
}

/// Runs the handler; its panic is an answer too, which layers see.
async fn run(call: Call) -> Result<Reply, Infallible> {
    let target = Arc::clone(&call.target);
    let outcome = target.run(call).await;
    Ok(outcome.unwrap_or_else(|panic| target.masked(&panic_text(&*panic))))
}

/// The layers of a server, the last one outermost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers(Option<CallService>);

impl Layers {
    /// Puts a layer around those that are there.
    pub(crate) fn add<L>(&mut self, layer: &L)
    where
        L: Layer<CallService>,
        L::Service: Service<Call, Response = Reply> + Clone + Send + Sync + 'static,
        <L::Service as Service<Call>>::Error: Into<BoxError>,
        <L::Service as Service<Call>>::Future: Send + 'static,
    {
        let inner = self.0.take().unwrap_or(CallService(Inner::Handler));
        let service = layer.layer(inner).map_err(Into::into);
        self.0 = Some(CallService(Inner::Layered(BoxCloneSyncService::new(service))));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Starts a call within the layers. What a layer fails with is masked, as a handler's error is.
    #[inline]
    pub(crate) fn start(&self, call: Call, target: &Arc<Target>) -> HandlerFuture {
        let Some(service) = &self.0 else { return target.run(call) };
        let target = Arc::clone(target);
        let uri = call.uri().map(str::to_owned);
        let reply = service.clone().oneshot(call);
        let answer = async move {
            match reply.await {
                Ok(reply) => target.complete(reply, uri.as_deref()),
                Err(error) => target.masked(&Causes(&*error)),
            }
        };
        Box::pin(AssertUnwindSafe(answer).catch_unwind())
    }
}
