//! A small bookmarks service on axum, into which an MCP server is mounted.
//!
//! `app`, `login`, `bookmarks` and `netscape` are an application that could exist without MCP; `tools` and `resources`
//! are what it offers to MCP clients, and one `merge` below puts both on the same port, behind the same login, on the
//! same state.

mod app;
mod bookmarks;
mod login;
mod netscape;
mod resources;
mod tools;
mod welcome;

use std::env::{self, VarError};
use std::error::Error;
use std::io::{self, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::{Router, middleware};
use mcp_mount::{BuildError, Mcp, McpService, Principal, prompts, resources, tools};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::bookmarks::Bookmarks;
use crate::login::{Logins, User};

/// What a client's model is told about the server as a whole.
const INSTRUCTIONS: &str = "Bookmarks of the signed-in user, or of `guest`. \
    Search before adding: a URL is kept once. Tags are lower case.";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Logs go to stderr: stdout carries the URL and the commands to try, for people and for scripts.
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();

    let addr = variable("ADDR", "127.0.0.1:8000")?;
    let database = variable("DATABASE", ":memory:")?;
    let logins = Logins::parse(&variable("BOOKMARKS_TOKENS", "")?).map_err(|e| format!("BOOKMARKS_TOKENS: {e}"))?;

    let bookmarks = Bookmarks::open(&database).map_err(|e| format!("DATABASE={database}: {e}"))?;
    let mcp = mcp(bookmarks.clone())?;
    let app = application(bookmarks, &mcp, logins);

    let listener = TcpListener::bind(&addr).await.map_err(|e| format!("ADDR={addr}: {e}"))?;
    let base = format!("http://{}", reachable(listener.local_addr()?));
    welcome::print(&mut io::stdout().lock(), &format!("{base}/mcp"), &mcp.describe())?;

    let report = mcp.lifespan().serve(listener, app).await?;
    tracing::info!(?report, "stopped");
    Ok(())
}

/// The MCP server: the tools, the state they share with the REST routes, and who is asking.
fn mcp(bookmarks: Bookmarks) -> Result<McpService, BuildError> {
    Mcp::new("bookmarks", env!("CARGO_PKG_VERSION"))
        .title("Bookmarks")
        .instructions(INSTRUCTIONS)
        .tools(tools![tools::search_bookmarks, tools::add_bookmark, tools::delete_bookmark, tools::import_bookmarks])
        .resources(resources![resources::bookmark])
        .prompts(prompts![resources::sum_up_tag])
        .state(bookmarks)
        .principal_from_extension::<User>(|user| Principal::new(&user.name))
        .health()
        .build()
}

/// The REST routes and the MCP server beside each other, with the login around both.
fn application(bookmarks: Bookmarks, mcp: &McpService, logins: Logins) -> Router {
    app::routes(bookmarks, mcp.notify())
        .merge(mcp.at("/mcp"))
        .layer(middleware::from_fn_with_state(Arc::new(logins), login::login))
}

/// An environment variable, or its default when it is not set.
fn variable(name: &str, default: &str) -> Result<String, String> {
    match env::var(name) {
        Ok(value) => Ok(value),
        Err(VarError::NotPresent) => Ok(default.to_owned()),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not valid UTF-8")),
    }
}

/// The address to print: "every interface" is not one a client can name, and the MCP server answers to loopback
/// names until it is told others.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode, header};
    use mcp_mount::testing::{Client, Message};
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    /// What a 2026-07-28 client sends to call a tool of the mounted server.
    async fn call(app: &Router, token: Option<&str>, tool: &str, arguments: Value) -> (StatusCode, Value) {
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": tool, "arguments": arguments, "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            }},
        });
        let mut request = Request::post("/mcp")
            .header(header::HOST, "127.0.0.1:8000")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Body::from(body.to_string())).expect("a valid request");
        let response = app.clone().oneshot(request).await.expect("a router is infallible");
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a readable body");
        (status, serde_json::from_slice(&bytes).expect("a JSON body"))
    }

    fn app() -> Router {
        let bookmarks = Bookmarks::in_memory().expect("an empty database");
        let mcp = mcp(bookmarks.clone()).expect("a valid configuration");
        application(bookmarks, &mcp, Logins::parse("alice=secret1").expect("valid logins"))
    }

    #[tokio::test]
    async fn what_a_tool_adds_the_rest_route_of_the_same_user_serves() {
        let app = app();
        let page = json!({ "url": "https://example.com/", "title": "Example" });
        let (status, reply) = call(&app, Some("secret1"), "add_bookmark", page).await;
        assert_eq!(status, StatusCode::OK);
        let id = &reply["result"]["structuredContent"]["id"];

        let path = format!("/api/bookmarks/{id}");
        let as_alice = Request::get(&path).header(header::AUTHORIZATION, "Bearer secret1").body(Body::empty());
        let as_guest = Request::get(&path).body(Body::empty());
        for (request, expected) in [(as_alice, StatusCode::OK), (as_guest, StatusCode::NOT_FOUND)] {
            let response = app.clone().oneshot(request.expect("a valid request")).await.expect("infallible");
            assert_eq!(response.status(), expected);
        }
    }

    #[tokio::test]
    async fn a_bookmark_can_be_read_and_its_end_is_told() {
        let app = app();
        let client = Client::with_body::<Body, _, _>(app.clone()).path("/mcp");
        let page = json!({ "url": "https://example.com/", "title": "Example", "tags": ["demo"] });
        let added = client.call_tool("add_bookmark", &page).await.expect("added");
        let uri = format!("bookmark://{}", added.structured().expect("structured")["id"]);
        let read = client.read_resource(&uri).await.expect("the bookmark");
        assert!(read.text().contains("https://example.com/"), "{read:?}");

        let mut changes = client.listen(json!({ "resourceSubscriptions": [uri] })).await.expect("a subscription");
        let path = uri.replace("bookmark://", "/api/bookmarks/");
        let delete = Request::delete(path).body(Body::empty()).expect("a valid request");
        assert_eq!(app.oneshot(delete).await.expect("infallible").status(), StatusCode::NO_CONTENT);
        let told = changes.next().await.expect("a message");
        let Some(Message::Notification { method, params, .. }) = told else { panic!("{told:?}") };
        assert_eq!((method.as_str(), &params["uri"]), ("notifications/resources/updated", &json!(uri)));
        let gone = client.read_resource(&uri).await.expect_err("it is gone");
        assert_eq!(gone.code(), Some(-32602));
    }

    #[tokio::test]
    async fn a_tag_is_completed_and_summed_up() {
        let client = Client::with_body::<Body, _, _>(app()).path("/mcp");
        client.call_tool("import_bookmarks", ()).await.expect("imported");
        let tags = client.complete_prompt("sum_up_tag", "tag", "r").await.expect("suggestions");
        let tag = tags.values.first().expect("a tag that begins with r").clone();
        assert!(tag.starts_with('r'), "{tag}");
        let prompt = client.get_prompt("sum_up_tag", json!({ "tag": tag })).await.expect("a prompt");
        assert!(prompt.messages().len() > 1, "{prompt:?}");
        let none = client.get_prompt("sum_up_tag", json!({ "tag": "no such tag" })).await.expect_err("nothing there");
        assert!(none.to_string().contains("no such tag"), "{none}");
    }

    #[tokio::test]
    async fn a_bad_url_is_a_tool_error_that_says_what_is_wrong() {
        let page = json!({ "url": "example.com", "title": "Example" });
        let (status, reply) = call(&app(), None, "add_bookmark", page).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(reply["result"]["isError"], true);
        let text = reply["result"]["content"][0]["text"].as_str().expect("a text block");
        assert!(text.contains("`example.com` cannot be bookmarked"), "{text}");
    }

    #[tokio::test]
    async fn a_second_import_of_the_same_file_adds_nothing() {
        let app = app();
        for (imported, skipped) in [(500, 0), (0, 500)] {
            let (status, reply) = call(&app, None, "import_bookmarks", json!({})).await;
            assert_eq!(status, StatusCode::OK);
            let report = &reply["result"]["structuredContent"];
            assert_eq!(report["imported"], imported, "{reply}");
            assert_eq!(report["skipped"], skipped, "{reply}");
        }
    }

    #[tokio::test]
    async fn the_login_guards_the_mount_too() {
        let (status, _) = call(&app(), Some("guessed"), "search_bookmarks", json!({ "query": "" })).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn the_printed_address_can_be_called() {
        let printed = |addr: &str| reachable(addr.parse().expect("an address")).to_string();
        assert_eq!(printed("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(printed("[::]:80"), "[::1]:80");
        assert_eq!(printed("192.0.2.7:80"), "192.0.2.7:80");
    }
}
