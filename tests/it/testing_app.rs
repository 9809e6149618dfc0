//! `testing::Client` against the crate's own service: bare, and in an application with a login.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use mcp_mount::{
    Context, Extension, McpService, Revision, Tool, testing::Client, testing::ErrorKind, testing::Progress, tool_fn,
};
use serde_json::{Value, json};
use tower::{Layer as _, Service};

use std::task::{Context as Poller, Poll};

use crate::{
    rig::{owned, rig, server, server_with},
    support::User,
};

fn whoami() -> Tool {
    tool_fn("whoami", "Say who asks", |Extension(user): Extension<User>| async move { user.0 })
}

fn chatty() -> Tool {
    tool_fn("chatty", "Say what happens", |ctx: Context| async move {
        ctx.info("begun").await;
        ctx.progress(1.0).total(2.0).message("half").await;
        ctx.progress(2.0).total(2.0).await;
        "done"
    })
}

async fn login(mut request: Request, next: Next) -> Result<Response, StatusCode> {
    let user = match request.headers().get(header::AUTHORIZATION).map(|token| token.to_str().unwrap()) {
        Some("Bearer secret1") => User("alice"),
        Some("Bearer secret2") => User("bob"),
        _ => return Err(StatusCode::UNAUTHORIZED),
    };
    request.extensions_mut().insert(user);
    Ok(next.run(request).await)
}

/// An application with a login, and the server in it.
fn app(mcp: &McpService) -> Router {
    Router::new()
        .route("/", get(|| async { "index" }))
        .nest("/api", Router::new().merge(mcp.at("/mcp")))
        .layer(middleware::from_fn(login))
}

#[tokio::test(start_paused = true)]
async fn every_revision_of_the_bare_service() {
    let mcp = server([whoami(), chatty()]);
    for revision in Revision::ALL {
        let client = Client::new(mcp.clone()).revision(revision).extension(User("alice")).connect().await.unwrap();
        assert_eq!(client.negotiated(), revision);
        assert_eq!(client.session_id().is_some(), revision < Revision::V2026_07_28, "{revision}");
        let about = client.server().expect("it is connected");
        assert_eq!((about.name(), about.version()), ("rig", "1.2.3"), "{revision}");
        assert!(about.capabilities()["tools"].is_object(), "{revision}");

        let names: Vec<_> = client.list_tools().await.unwrap().into_iter().map(|tool| tool["name"].clone()).collect();
        assert_eq!(names, ["whoami", "chatty"], "{revision}");
        assert_eq!(client.call_tool("whoami", ()).await.unwrap().text(), "alice", "{revision}");

        client.set_level("info").await.unwrap();
        let outcome = client.call_tool("chatty", json!({})).await.unwrap().ok().unwrap();
        assert_eq!(outcome.text(), "done", "{revision}");
        let wanted = [Progress::new(1.0).total(2.0).message("half"), Progress::new(2.0).total(2.0)];
        assert_eq!(outcome.progress(), wanted, "{revision}");
        let logs: Vec<_> = outcome.logs().iter().map(ToString::to_string).collect();
        assert_eq!(logs, ["info: begun"], "{revision}");
        client.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn every_revision_behind_the_applications_login() {
    let mcp = server_with([whoami(), chatty()], owned);
    let app = app(&mcp);
    for revision in Revision::ALL {
        let stranger = Client::new(app.clone()).path("/api/mcp").revision(revision);
        for error in [stranger.connect().await.unwrap_err(), stranger.list_tools().await.unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Status, "{error}");
            assert_eq!(error.status().unwrap(), 401, "{error}");
        }
        let alice = stranger.clone().header("authorization", "Bearer secret1").connect().await.unwrap();
        let bob = stranger.header("authorization", "Bearer secret2").connect().await.unwrap();
        assert_eq!(alice.call_tool("whoami", ()).await.unwrap().text(), "alice", "{revision}");
        assert_eq!(bob.call_tool("whoami", ()).await.unwrap().text(), "bob", "{revision}");

        let thief = alice.clone().header("authorization", "Bearer secret2").call_tool("whoami", ()).await;
        match revision {
            Revision::V2026_07_28 => assert_eq!(thief.unwrap().text(), "bob"),
            _ => assert_eq!(thief.unwrap_err().status().unwrap(), 404, "{revision}: the session is not bob's"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_connect_has_no_session() {
    let rig = rig();
    for revision in Revision::ALL {
        let client = Client::new(rig.mcp.clone()).revision(revision);
        assert_eq!(client.call_tool("echo", json!({"text": "x"})).await.unwrap().text(), "x", "{revision}");
        assert!(client.server().is_none() && client.session_id().is_none());
        client.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_may_agree_to_another_revision() {
    let mcp = server_with([whoami()], |mcp| mcp.revisions([Revision::V2025_06_18]));
    let client = Client::new(mcp).revision(Revision::V2025_11_25).connect().await.unwrap();
    assert_eq!(client.negotiated(), Revision::V2025_06_18);
    assert_eq!(client.list_tools().await.unwrap().len(), 1);
}

/// A service that must be ready before it is called, each clone for itself, as most are.
struct Touchy<S> {
    inner: S,
    ready: bool,
}

impl<S: Clone> Clone for Touchy<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), ready: false }
    }
}

impl<S: Service<R>, R> Service<R> for Touchy<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Poller<'_>) -> Poll<Result<(), S::Error>> {
        self.ready = true;
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        assert!(std::mem::take(&mut self.ready), "called before it was ready");
        self.inner.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn any_stack_of_tower_layers() {
    let rig = rig();
    let echo = json!({"text": "x"});
    let touchy = Touchy { inner: rig.mcp.clone(), ready: false };
    assert_eq!(Client::new(touchy).call_tool("echo", &echo).await.unwrap().text(), "x");

    // A service that is `Send` and not `Sync`, with boxed errors.
    let boxed = tower::util::BoxCloneService::new(rig.mcp.clone());
    assert_eq!(Client::new(boxed).call_tool("echo", &echo).await.unwrap().text(), "x");

    // A service that takes axum's own body only.
    let layered = middleware::from_fn(login).layer(rig.mcp.clone());
    let client = Client::with_body::<Body, _, _>(layered).header("authorization", "Bearer secret1");
    assert_eq!(client.call_tool("echo", &echo).await.unwrap().text(), "x");
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_client_run_side_by_side() {
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(3));
    let meet = tool_fn("meet", "Wait for the others", move || {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            "met"
        }
    });
    let client = Client::new(server([meet])).revision(Revision::V2025_11_25).connect().await.unwrap();
    let other = client.clone();
    let spawned = tokio::spawn(async move { other.call_tool("meet", ()).await.unwrap().text() });
    let (a, b) = tokio::join!(client.call_tool("meet", ()), client.call_tool("meet", ()));
    assert_eq!((a.unwrap().text().as_str(), b.unwrap().text().as_str()), ("met", "met"));
    assert_eq!(spawned.await.unwrap(), "met");
}

#[tokio::test(start_paused = true)]
async fn arguments_may_be_of_any_type_that_is_an_object() {
    #[derive(serde::Serialize)]
    struct Echo<'a> {
        text: &'a str,
    }
    let client = Client::new(rig().mcp);
    assert_eq!(client.call_tool("echo", Echo { text: "typed" }).await.unwrap().text(), "typed");
    let error = client.call_tool("echo", 3).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    assert!(error.to_string().ends_with("the arguments must be a JSON object, and is 3"), "{error}");
    let total = client.call_tool("order", json!({"items": [{"name": "tea", "price": 2.5}]})).await.unwrap();
    let total: Value = total.structured_as().unwrap();
    assert_eq!(total, json!({"total": 2.5, "first": "tea"}));
}
