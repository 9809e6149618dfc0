//! `Mcp::http_layer`: layers around every HTTP request.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use mcp_mount::{Body, HttpService, Mcp, McpService, RequestBody, tool_fn};
use serde_json::json;
use tower::{Layer, Service, ServiceExt as _, timeout::TimeoutLayer};

use crate::{
    connection::{Client, promptly},
    home,
    layered::{BoxError, Log},
    rig::{Probe, owned, rig_with, server_with, session},
    support::{User, bare, call, initialize, legacy, modern, modern_call, raw, secs, soon},
    target::send,
    told::{everything, listening, told},
};

pub type Answering<B> = Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;
pub type Function<B> = dyn Fn(Request<RequestBody>, HttpService) -> Answering<B> + Send + Sync;

/// A layer that is a function of the request and of what it is put around.
pub struct Around<B>(Arc<Function<B>>);

fn around<B, F, Fut>(f: F) -> Around<B>
where
    F: Fn(Request<RequestBody>, HttpService) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response<B>, BoxError>> + Send + 'static,
{
    Around(Arc::new(move |request, inner| Box::pin(f(request, inner))))
}

impl<B> Layer<HttpService> for Around<B> {
    type Service = Wrapped<B>;

    fn layer(&self, inner: HttpService) -> Wrapped<B> {
        Wrapped { function: self.0.clone(), inner }
    }
}

pub struct Wrapped<B> {
    function: Arc<Function<B>>,
    inner: HttpService,
}

impl<B> Clone for Wrapped<B> {
    fn clone(&self) -> Self {
        Self { function: self.function.clone(), inner: self.inner.clone() }
    }
}

impl<B> Service<Request<RequestBody>> for Wrapped<B> {
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Answering<B>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Answering<B> {
        (self.function)(request, self.inner.clone())
    }
}

/// Marks each reply.
pub fn marking(name: &'static str) -> Around<Body> {
    around(move |request, inner: HttpService| async move {
        let mut response = inner.oneshot(request).await?;
        response.headers_mut().append("x-mark", HeaderValue::from_static(name));
        Ok(response)
    })
}

pub fn marks(headers: &http::HeaderMap) -> Vec<&str> {
    headers.get_all("x-mark").iter().map(|value| value.to_str().expect("text")).collect()
}

#[tokio::test]
async fn every_request_goes_through() {
    let seen = Log::default();
    let noting = around({
        let seen = seen.clone();
        move |request: Request<RequestBody>, inner: HttpService| {
            seen.note(format!("{} {}", request.method(), request.uri().path()));
            inner.oneshot(request)
        }
    });
    let version = |_: Request<Bytes>| async { "1.2.3" };
    let rig = rig_with(|mcp| mcp.health().route(Method::GET, "/version", version).http_layer(noting));
    for (ask, status, noted) in [
        (bare(Method::GET, "").at("/health"), 200, "GET /health"),
        (bare(Method::GET, "").at("/ready").header("host", "10.0.0.1"), 200, "GET /ready"),
        (bare(Method::GET, "").at("/version"), 200, "GET /version"),
        (bare(Method::GET, "").at("/nowhere"), 404, "GET /nowhere"),
        (bare(Method::PUT, ""), 405, "PUT /"),
        (legacy(call("echo", json!({"text": "x"}))).header("host", "evil.example"), 403, "POST /"),
        (raw("{"), 400, "POST /"),
        (initialize("2025-11-25"), 200, "POST /"),
        (modern_call("echo", json!({"text": "x"})), 200, "POST /"),
    ] {
        let reply = ask.to(&rig.mcp).await;
        assert_eq!(reply.status, status, "{noted}\n{reply}");
        assert_eq!(seen.take(), [path_in_view(noted)]);
    }
    let stream = session(&rig.mcp).await.get().open(&rig.mcp).await;
    assert!(stream.is_sse());
    assert_eq!(seen.take(), ["POST /", "POST /", "GET /"].map(path_in_view));
}

/// As the layer sees it in this home. The endpoint is sent to without the slash, where it has a path of its own.
fn path_in_view(noted: &str) -> String {
    let before = home::DIFFERS.before_the_path;
    let (method, path) = noted.split_once(' ').expect("a method and a path");
    format!("{method} {before}{}", if before.is_empty() || path != "/" { path } else { "" })
}

#[tokio::test]
async fn the_last_layer_is_the_outermost() {
    let rig = rig_with(|mcp| mcp.http_layer(marking("first")).http_layer(marking("second")).health());
    for ask in [
        modern_call("echo", json!({"text": "x"})),
        bare(Method::GET, "").at("/health"),
        bare(Method::GET, "").at("/nowhere"),
        bare(Method::HEAD, ""),
    ] {
        assert_eq!(marks(&ask.to(&rig.mcp).await.headers), ["first", "second"]);
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_and_streams_work_within() {
    let mcp = crate::told::server_with(|mcp| mcp.http_layer(marking("here")).http_layer(TimeoutLayer::new(secs(60))));
    let session = session(&mcp).await;
    session.subscribed("test://a").await;
    let (mut get, mut listen) = (session.stream().await, listening(&mcp, "l", everything()).await);
    for stream in [&mut get, &mut listen] {
        assert_eq!(marks(&stream.headers), ["here"]);
        stream.listen(secs(600)).await;
        assert!(!stream.ended, "a timeout of answers is none of streams");
        mcp.notify().resource_updated("test://a");
        assert_eq!(told(stream).await, ["test://a"]);
    }
    drop(listen);
    assert_eq!(session.delete().to(&mcp).await.status, 204);
    assert!(get.ends_within(secs(1)).await);
    let report = soon("the drain", mcp.lifespan().shutdown()).await;
    assert_eq!(report.streams, 0, "streams that were dropped within a layer are gone");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_cancels_through_the_layer() {
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool(), probe.speaking_tool()], |mcp| mcp.http_layer(marking("here")));
    let running = tokio::spawn(modern_call("wait", json!({})).owned_to(&mcp));
    probe.started().await;
    running.abort();
    probe.dropped().await;
    let params = json!({"name": "speak", "arguments": {}, "_meta": {"progressToken": 1}});
    let mut live = modern("tools/call", params).open(&mcp).await;
    soon("progress", live.message()).await.expect("open");
    drop(live);
    probe.dropped().await;
    assert_eq!(probe.finished(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_body_may_become_another_type() {
    // As tower-http's compression, limits and traces do.
    let shouting = around(|request, inner: HttpService| async move {
        let response = inner.oneshot(request).await?;
        Ok(response.map(|body| {
            body.map_frame(|frame| frame.map_data(|data| Bytes::from(data.to_ascii_uppercase())))
                .map_err(BoxError::from)
        }))
    });
    let collected = around(|request, inner: HttpService| async move {
        let (head, body) = inner.oneshot(request).await?.into_parts();
        Ok(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())))
    });
    let rig = rig_with(|mcp| mcp.http_layer(shouting));
    let reply = modern_call("echo", json!({"text": "quietly"})).to(&rig.mcp).await;
    assert!(reply.body.windows(7).any(|window| window == b"QUIETLY"), "{reply}");
    let rig = rig_with(|mcp| mcp.http_layer(collected).http_layer(marking("outside")));
    let reply = modern_call("echo", json!({"text": "x"})).to(&rig.mcp).await;
    assert_eq!((reply.text().as_str(), marks(&reply.headers)), ("x", vec!["outside"]));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_is_a_reply_that_was_cut() {
    let breaking = around(|_, _| async {
        let frames = [Ok(Frame::data(Bytes::from_static(b"data: {}\n\n"))), Err(BoxError::from("secret"))];
        let mut response = Response::new(StreamBody::new(futures::stream::iter(frames)));
        response.headers_mut().insert("content-type", HeaderValue::from_static("text/event-stream"));
        Ok(response)
    });
    let rig = rig_with(|mcp| mcp.http_layer(breaking));
    let error = bare(Method::GET, "").open(&rig.mcp).await.breaks().await;
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn an_error_is_masked() {
    let failing = || around(|_, _| async { Err::<Response<Body>, BoxError>("the password is secret".into()) });
    let rig = rig_with(|mcp| mcp.health().http_layer(failing()).http_layer(marking("outside")));
    for ask in [
        modern_call("echo", json!({"text": "x"})),
        bare(Method::GET, "").at("/health"),
        bare(Method::HEAD, "").at("/health"),
    ] {
        let head = ask.is_head();
        let reply = ask.to(&rig.mcp).await;
        assert_eq!(reply.status, 500, "{reply}");
        assert!(!reply.to_string().contains("secret"), "{reply}");
        if head {
            assert!(reply.body.is_empty(), "HEAD has no content\n{reply}");
        } else {
            assert_eq!((reply.header("content-type"), reply.code()), (Some("application/json"), -32603), "{reply}");
        }
    }
    assert_eq!(rig.runs(), 0);
}

/// «Every reply to such a page carries its origin» (`Mcp::cors`), so that a page can tell a failure from no network.
#[tokio::test(start_paused = true)]
async fn a_page_can_read_that_a_layer_failed() {
    let page = "https://app.example.com";
    let probe = Probe::new();
    let mcp = server_with([probe.stuck_tool()], |mcp| mcp.cors([page]).http_layer(TimeoutLayer::new(secs(5))));
    for (origin, allowed) in [(Some(page), Some(page)), (Some("http://localhost"), None), (None, None)] {
        let ask = modern_call("stuck", json!({}));
        let ask = origin.map_or(ask.clone(), |origin| ask.header("origin", origin));
        let reply = soon("the timeout", ask.to(&mcp)).await;
        assert_eq!(reply.status, 500, "{reply}");
        assert_eq!(reply.header("access-control-allow-origin"), allowed, "{reply}");
        assert_eq!(reply.header("vary"), Some("Origin"), "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn towers_timeout_is_a_500_and_ends_the_call() {
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool()], |mcp| mcp.http_layer(TimeoutLayer::new(secs(5))));
    let reply = soon("the timeout", modern_call("wait", json!({})).to(&mcp)).await;
    assert_eq!(reply.status, 500, "{reply}");
    probe.dropped().await;
}

#[tokio::test]
async fn a_layer_can_answer_itself_and_change_the_request() {
    let gate = around(|mut request: Request<RequestBody>, inner: HttpService| async move {
        if request.headers().get("authorization").is_none_or(|value| value != "Bearer alice") {
            let mut response = Response::new(Body::default());
            *response.status_mut() = http::StatusCode::UNAUTHORIZED;
            return Ok(response);
        }
        request.extensions_mut().insert(User("alice"));
        request.headers_mut().insert("host", HeaderValue::from_static("localhost"));
        let replaced = request.map(|body| body.map_frame(|frame| frame));
        inner.oneshot(replaced).await
    });
    let who = tool_fn("who", "Say who asks", |principal: mcp_mount::Principal| principal.id().to_owned());
    let mcp = server_with([who], |mcp| owned(mcp).http_layer(gate));
    let refused = modern_call("who", json!({})).to(&mcp).await;
    assert_eq!((refused.status.as_u16(), refused.body.len()), (401, 0), "{refused}");
    let ask = modern_call("who", json!({})).header("authorization", "Bearer alice").header("host", "proxied.example");
    assert_eq!(ask.to(&mcp).await.text(), "alice");
}

#[tokio::test]
async fn a_request_made_anew_is_a_named_mistake() {
    let forgetful = around(|request: Request<RequestBody>, inner: HttpService| async move {
        let (head, body) = request.into_parts();
        let mut anew = Request::new(body);
        *anew.method_mut() = head.method;
        *anew.headers_mut() = head.headers;
        inner.oneshot(anew).await
    });
    let rig = rig_with(|mcp| mcp.http_layer(forgetful));
    let reply = modern_call("echo", json!({"text": "x"})).to(&rig.mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (500, -32603), "{reply}");
}

#[tokio::test]
async fn over_real_sockets() {
    let mcp: McpService = crate::told::server_with(|mcp| mcp.http_layer(marking("here")).health());
    let notify = mcp.notify();
    let address = home::serve(mcp).await;
    for mut client in Client::both(address).await {
        let reply = client.send(modern_call("one", json!({}))).await;
        assert_eq!((reply.text().as_str(), marks(&reply.headers)), ("1", vec!["here"]));
        let mut stream = client.open(crate::told::listen(1, everything())).await;
        let first = promptly("the acknowledgment", stream.message()).await.expect("open");
        assert_eq!(first["method"], json!("notifications/subscriptions/acknowledged"), "it leaves at once");
        notify.tools_list_changed();
        let news = promptly("news", stream.message()).await.expect("open");
        assert_eq!(news["method"], json!("notifications/tools/list_changed"));
    }
}

#[test]
fn it_is_built_outside_a_runtime() {
    let mcp = Mcp::new("outside", "1.0.0").http_layer(marking("a")).http_layer(TimeoutLayer::new(secs(1)));
    mcp.build().expect("builds");
}

/// A body that nobody reads is not read because there is a layer. Of a client that waits to be asked for it nobody does.
#[tokio::test(start_paused = true)]
async fn what_is_refused_is_not_read() {
    let polls = Arc::new(AtomicUsize::new(0));
    let rig = rig_with(|mcp| mcp.http_layer(marking("here")));
    let body = StreamBody::new(futures::stream::poll_fn({
        let polls = polls.clone();
        move |_| {
            polls.fetch_add(1, SeqCst);
            Poll::Ready(None::<Result<Frame<Bytes>, std::io::Error>>)
        }
    }));
    let ask = legacy(call("echo", json!({"text": "x"}))).header("host", "evil.example");
    let request = ask.header("expect", "100-continue").request().map(|_| body);
    let response = send(&rig.mcp, request).await;
    let asked = usize::from(home::DIFFERS.asks_for_bodies);
    assert_eq!((response.status.as_u16(), polls.load(SeqCst)), (403, asked));
}

#[tokio::test]
async fn a_login_among_the_layers_does_not_stop_a_page() {
    let page = "https://app.example.com";
    let mcp = Mcp::new("rig", "1.0.0").tools([]).cors([page]);
    let mcp = mcp.http_layer(tower::util::MapResponseLayer::new(|mut response: http::Response<mcp_mount::Body>| {
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        response.headers_mut().remove("access-control-allow-origin");
        response
    }));
    let mcp = mcp.build().expect("it builds");
    let preflight = bare(Method::OPTIONS, "")
        .header("origin", page)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization");
    let reply = preflight.to(&mcp).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (204, Some(page)), "{reply}");
    let reply = crate::support::modern("tools/list", json!({})).header("origin", page).to(&mcp).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (401, Some(page)), "{reply}");
}
