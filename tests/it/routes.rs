//! The application's own routes below the mount.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use mcp_mount::{BuildErrorKind, Json, Limits, Mcp, McpService};
use serde_json::json;
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::{
    home,
    layered::Log,
    rig::{Probe, owned, rig, rig_with, server_with, session},
    support::{Ask, bare, call, legacy, modern_call, secs, soon},
    target::{Target as _, send},
};

fn get(path: &str) -> Ask {
    bare(Method::GET, "").at(path)
}

fn with(configure: impl FnOnce(Mcp) -> Mcp) -> McpService {
    rig_with(configure).mcp
}

async fn echo(request: Request<Bytes>) -> String {
    let (head, body) = request.into_parts();
    let trace = head.headers.get("x-trace").map(|value| value.to_str().unwrap_or_default().to_owned());
    format!("{} {} {trace:?} {}", head.method, head.uri, String::from_utf8_lossy(&body))
}

#[tokio::test]
async fn a_route_gets_its_requests_whole() {
    let mcp = with(|mcp| {
        mcp.route(Method::GET, "/echo", echo).route(Method::POST, "/echo", echo).route(Method::PUT, "/a/b.c", echo)
    });
    for (ask, said) in [
        (get("/echo"), "GET /echo None "),
        (get("/echo?x=%20y").header("x-trace", "t"), r#"GET /echo?x=%20y Some("t") "#),
        (bare(Method::POST, "é\n").at("/echo"), "POST /echo None é\n"),
        (
            bare(Method::POST, "x").at("/echo").header("content-type", "image/png").header("accept", "image/png"),
            "POST /echo None x",
        ),
        (bare(Method::PUT, vec![b'x'; 100_000]).at("/a/b.c"), &format!("PUT /a/b.c None {}", "x".repeat(100_000))),
    ] {
        let reply = ask.to(&mcp).await;
        let said = said.replacen(" /", &format!(" {}/", home::DIFFERS.before_the_path), 1);
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, said.as_bytes()), "{reply}");
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"), "{reply}");
    }
    for path in ["/Echo", "/echo/", "/echo/x", "/ech", "/%65cho", "/a", "/a/b"] {
        assert_eq!(get(path).to(&mcp).await.status, 404, "{path}");
    }
    assert_eq!(get("//echo").to(&mcp).await.status == 200, home::DIFFERS.loses_a_slash);
    assert_eq!(
        legacy(call("echo", json!({"text": "x"}))).to(&mcp).await.text(),
        "x",
        "a tool of that name is another thing"
    );
}

#[tokio::test]
async fn what_routes_may_return() {
    let made = |_| async {
        let response = Response::builder().status(StatusCode::CREATED).header("location", "/x");
        response.body(vec![0_u8, 255]).expect("a response")
    };
    let mcp = with(|mcp| {
        mcp.route(Method::GET, "/str", |_| async { "text" })
            .route(Method::GET, "/json", |_| async { Json(json!({"a": 1})) })
            .route(Method::GET, "/status", |_| async { StatusCode::NO_CONTENT })
            .route(Method::GET, "/both", |_| async { (StatusCode::IM_A_TEAPOT, "short and stout") })
            .route(Method::GET, "/response", made)
            .route(Method::GET, "/ok", |_| async { Ok::<_, StatusCode>("fine") })
            .route(Method::GET, "/err", |_| async { Err::<&str, _>((StatusCode::BAD_GATEWAY, Json("no luck"))) })
    });
    for (path, code, content_type, body) in [
        ("/str", 200, Some("text/plain; charset=utf-8"), &b"text"[..]),
        ("/json", 200, Some("application/json"), br#"{"a":1}"#),
        ("/status", 204, None, b""),
        ("/both", 418, Some("text/plain; charset=utf-8"), b"short and stout"),
        ("/response", 201, None, &[0, 255]),
        ("/ok", 200, Some("text/plain; charset=utf-8"), b"fine"),
        ("/err", 502, Some("application/json"), br#""no luck""#),
    ] {
        let reply = get(path).to(&mcp).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("content-type"), &reply.body[..]),
            (code, content_type, body),
            "{path}"
        );
    }
}

#[tokio::test]
async fn methods_are_told_apart() {
    let ran = Log::default();
    let noting = |name: &'static str| {
        let ran = ran.clone();
        move |_: Request<Bytes>| {
            ran.note(name);
            async move { name }
        }
    };
    let mcp = with(|mcp| {
        mcp.route(Method::GET, "/both", noting("get"))
            .route(Method::POST, "/both", noting("post"))
            .route(Method::POST, "/post", noting("post"))
            .route(Method::GET, "/own-head", noting("get"))
            .route(Method::HEAD, "/own-head", noting("head"))
            .route(Method::OPTIONS, "/options", noting("options"))
    });
    for (method, path, name) in [
        (Method::GET, "/both", "get"),
        (Method::POST, "/both", "post"),
        (Method::HEAD, "/both", "get"),
        (Method::HEAD, "/own-head", "head"),
        (Method::GET, "/own-head", "get"),
        (Method::OPTIONS, "/options", "options"),
    ] {
        let reply = bare(method.clone(), "").at(path).to(&mcp).await;
        assert_eq!(reply.status, 200, "{method} {path}\n{reply}");
        assert_eq!(reply.body.is_empty(), method == Method::HEAD, "{method} {path}\n{reply}");
        assert_eq!(ran.take(), [name], "{method} {path}");
    }
    for (method, path, allowed) in [
        (Method::DELETE, "/both", &["GET", "HEAD", "POST"][..]),
        (Method::OPTIONS, "/both", &["GET", "HEAD", "POST"]),
        (Method::GET, "/post", &["POST"]),
        (Method::HEAD, "/post", &["POST"]),
        (Method::PATCH, "/own-head", &["GET", "HEAD"]),
    ] {
        let reply = bare(method.clone(), "").at(path).to(&mcp).await;
        let mut allow: Vec<_> = reply.header("allow").unwrap_or_default().split(", ").collect();
        allow.sort_unstable();
        assert_eq!((reply.status.as_u16(), &allow[..]), (405, allowed), "{method} {path}\n{reply}");
    }
    assert_eq!(ran.take(), [""; 0]);
}

#[tokio::test]
async fn routes_are_guarded_and_nobody_has_to_sign_in() {
    let ran = Log::default();
    let noting = {
        let ran = ran.clone();
        move |_: Request<Bytes>| {
            ran.note("ran");
            async { "open" }
        }
    };
    let mcp = with(|mcp| owned(mcp).route(Method::GET, "/open", noting));
    for ask in [
        get("/open").header("host", "evil.example"),
        get("/open").without("host"),
        get("/open").header("origin", "https://evil.example"),
        get("/open").header("origin", "null"),
        get("/open").method(Method::HEAD).header("host", "evil.example"),
        get("/open").method(Method::POST).header("host", "evil.example"),
    ] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.status, 403, "{reply}");
    }
    assert_eq!(ran.take(), [""; 0]);
    for ask in [get("/open"), get("/open").user("alice"), get("/open").header("origin", "http://localhost:3000")] {
        assert_eq!(&ask.to(&mcp).await.body[..], b"open");
    }
    assert_eq!(ran.take().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn bodies_have_their_limits() {
    let limits = Limits::new().body_bytes(1_000).body_deadline(secs(3));
    let mcp = with(|mcp| mcp.limits(limits).route(Method::POST, "/echo", echo));
    let whole = bare(Method::POST, vec![b'x'; 1_000]).at("/echo").to(&mcp).await;
    assert_eq!(whole.status, 200, "{whole}");
    let large = bare(Method::POST, vec![b'x'; 1_001]).at("/echo").to(&mcp).await;
    assert_eq!((large.status.as_u16(), large.header("connection")), (413, Some("close")), "{large}");
    let begun = Instant::now();
    let stalled = bare(Method::POST, "").at("/echo").request();
    let stalled = stalled.map(|_| StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, Infallible>>()));
    let response = soon("the deadline", send(&mcp, stalled)).await;
    assert_eq!((response.status.as_u16(), begun.elapsed()), (408, secs(3)));
}

#[tokio::test(start_paused = true)]
async fn a_route_that_fails_is_masked() {
    let stuck = Probe::new();
    let waits = stuck.clone();
    let limits = Limits::new().tool_timeout(secs(7));
    let mcp = with(|mcp| {
        mcp.limits(limits)
            .route(Method::GET, "/panics", |_| async { if secs(0).is_zero() { panic!("secret") } else { "never" } })
            .route(Method::GET, "/at-once", |_| -> std::future::Ready<&'static str> { panic!("secret") })
            .route(Method::GET, "/no-json", |_| async { Json(std::collections::HashMap::from([((1, 2), "secret")])) })
            .route(Method::GET, "/stuck", move |_| {
                let probe = waits.clone();
                async move { probe.stuck().await }
            })
    });
    for (path, seconds) in [("/panics", 0), ("/at-once", 0), ("/no-json", 0), ("/stuck", 7)] {
        let begun = Instant::now();
        let reply = soon(path, get(path).to(&mcp)).await;
        assert_eq!((reply.status.as_u16(), begun.elapsed()), (500, secs(seconds)), "{path}\n{reply}");
        assert!(!reply.to_string().contains("secret"), "{path}\n{reply}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{path}\n{reply}");
    }
    stuck.dropped().await;
    let left = tokio::spawn(get("/stuck").owned_to(&mcp));
    stuck.started().await;
    stuck.started().await;
    left.abort();
    stuck.dropped().await;
}

#[tokio::test]
async fn never_is_a_timeout_too() {
    let mcp = with(|mcp| mcp.limits(Limits::new().tool_timeout(Duration::MAX)).route(Method::GET, "/echo", echo));
    assert_eq!(get("/echo").to(&mcp).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn routes_and_probes_take_nothing_from_calls() {
    let probe = Probe::new();
    let limits = Limits::new().calls_in_flight(1).open_streams(1);
    let mcp = server_with([probe.silent_tool()], |mcp| mcp.limits(limits).health().route(Method::POST, "/echo", echo));
    let _stream = session(&mcp).await.get().open(&mcp).await;
    let running = tokio::spawn(modern_call("wait", json!({})).owned_to(&mcp));
    probe.started().await;
    for ask in [get("/health"), get("/ready"), bare(Method::POST, "x").at("/echo")] {
        assert_eq!(ask.to(&mcp).await.status, 200);
    }
    probe.release();
    assert_eq!(soon("the call", running).await.expect("no panic").text(), "done");
}

#[test]
fn paths_that_can_never_be_found_fail_the_build() {
    type Put = fn(Mcp, &str) -> Mcp;
    let put: [(&str, Put); 3] = [
        ("health_at", |mcp, path| mcp.health_at(path)),
        ("ready_at", |mcp, path| mcp.ready_at(path)),
        ("route", |mcp, path| mcp.route(Method::POST, path, echo)),
    ];
    let paths = [
        "",
        "/",
        "version",
        "/version/",
        "//",
        "/{id}",
        "/{*rest}",
        "/*",
        "/a*",
        "/x?y",
        "/x#y",
        "/a b",
        "/é",
        "/:id",
        "/a/:id",
        "/\n",
    ];
    for (setting, put) in put {
        for path in paths {
            let error = put(Mcp::new("s", "1"), path).build().expect_err(path);
            assert_eq!(error.kind(), BuildErrorKind::InvalidSetting, "{error}");
            let text = error.to_string();
            assert!(text.starts_with(&format!("{setting}: ")) && text.contains(&format!("{path:?}")), "{text}");
        }
        for path in ["/a", "/a/b/c", "/.well-known/x.json", "/a-b_c~d", "/a%20b", "/a:b", "/@a"] {
            let mcp = put(Mcp::new("s", "1"), path).build().expect(path);
            let _: axum::Router = mcp.at("/mcp").merge(mcp.at("/"));
        }
    }
}

#[test]
fn a_path_is_given_once() {
    let clashes = [
        Mcp::new("s", "1").health_at("/x").ready_at("/x"),
        Mcp::new("s", "1").health().route(Method::GET, "/health", echo),
        Mcp::new("s", "1").health().route(Method::POST, "/ready", echo),
        Mcp::new("s", "1").route(Method::GET, "/x", echo).health_at("/x"),
        Mcp::new("s", "1").route(Method::GET, "/x", echo).route(Method::GET, "/x", echo),
    ];
    for clash in clashes {
        let error = clash.build().expect_err("a clash");
        assert_eq!(error.kind(), BuildErrorKind::InvalidSetting, "{error}");
        assert!(error.to_string().contains("taken") && error.to_string().contains('/'), "{error}");
    }
    let fine = Mcp::new("s", "1").route(Method::GET, "/x", echo).route(Method::POST, "/x", echo).health_at("/x/y");
    fine.build().expect("other methods, other paths");
}

/// Neither on its way in nor out, whatever the home's own types are: the handler has the bytes that were sent, in the place
/// where they were, and so has the client.
#[tokio::test]
async fn a_body_in_one_piece_is_not_copied() {
    let place = |bytes: &Bytes| (bytes.as_ptr().addr(), bytes.len());
    let seen = Arc::new(Mutex::new(None));
    let seeing = Arc::clone(&seen);
    let back = move |request: Request<Bytes>| {
        *seeing.lock().unwrap() = Some(place(request.body()));
        async move { Response::new(request.into_body()) }
    };
    for layered in [false, true] {
        let mcp = Mcp::new("rig", "1.0.0").route(Method::POST, "/back", back.clone());
        let mcp = if layered { mcp.http_layer(tower::layer::util::Identity::new()) } else { mcp };
        let mcp = mcp.build().expect("it builds");
        let sent = Bytes::from(vec![b'x'; 100_000]);
        let ask = bare(Method::POST, sent.clone()).at("/back");
        let body = Full::new(sent.clone()).map_err(Into::into).boxed_unsync();
        let response = mcp.door().oneshot(ask.request().map(|_| body)).await.expect("infallible");
        assert_eq!(response.status(), 200);
        let frame = response.into_body().frame().await.expect("a body").expect("whole");
        let data = frame.into_data().expect("data");
        assert_eq!(seen.lock().unwrap().take(), Some(place(&sent)), "layered: {layered}");
        assert_eq!(place(&data), place(&sent), "layered: {layered}");
    }
}

#[tokio::test]
async fn what_is_not_there_says_what_is() {
    let rig = rig();
    let reply = get("/nowhere").to(&rig.mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (404, -32600), "{reply}");
    let headers: &HeaderMap = &reply.headers;
    assert!(!headers.contains_key("location"), "{reply}");
    rig.canary("a path that is not there").await;
}

#[tokio::test(start_paused = true)]
async fn a_route_waits_for_the_start_and_a_shutdown_for_it() {
    let started = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (seen, set) = (started.clone(), started.clone());
    let handler = move |_: Request<Bytes>| {
        let seen = seen.clone();
        async move {
            tokio::time::sleep(secs(2)).await;
            format!("{}", seen.load(std::sync::atomic::Ordering::SeqCst))
        }
    };
    let mcp = Mcp::new("rig", "1.0.0").route(Method::GET, "/state", handler).on_start("state", move || async move {
        set.store(true, std::sync::atomic::Ordering::SeqCst);
        Ok::<_, std::io::Error>(())
    });
    let mcp = mcp.build().expect("it builds");
    let running = tokio::spawn(bare(Method::GET, "").at("/state").owned_to(&mcp));
    tokio::time::sleep(secs(1)).await;
    let report = mcp.lifespan().shutdown().await;
    assert_eq!(report.finished, 1, "{report:?}");
    assert_eq!(running.await.expect("no panic").body, "true");
    assert_eq!(bare(Method::GET, "").at("/state").to(&mcp).await.status, 503, "after the shutdown");
}
