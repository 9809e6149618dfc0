//! What the bookmarks service does in every host: the same tests, over sockets, compiled once per host.
//!
//! The file that includes this one has a function `start`, which starts its host and returns the address.

mod mcp;
mod rest;

use bookmarks::{Bookmarks, Logins};
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use mcp_mount::testing::Client;
use serde_json::Value;
use tower::ServiceExt;

/// The application with an empty store, where alice can log in.
struct App(Client);

impl App {
    fn start() -> Self {
        let bookmarks = Bookmarks::in_memory().expect("an empty database");
        let logins = Logins::parse("alice=secret1").expect("valid logins");
        let address = super::start(bookmarks, logins);
        // A connection for each request, so that in a host with several workers the next one is another worker's.
        let http = HttpClient::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        let over_tcp = http.map_request(move |mut request: Request<Full<Bytes>>| {
            let uri = format!("http://{address}{}", request.uri());
            *request.uri_mut() = uri.parse::<Uri>().expect("a URL");
            request
        });
        Self(Client::new(over_tcp))
    }

    /// An MCP client that is not logged in.
    fn mcp(&self) -> Client {
        self.0.clone().path("/mcp")
    }

    /// An MCP client with a token.
    fn mcp_as(&self, token: &str) -> Client {
        self.mcp().header("authorization", format!("Bearer {token}"))
    }

    /// Sends a request to the REST routes, without a token or a body where these are empty, and returns the status and
    /// the JSON that came back.
    async fn rest(&self, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(body.to_owned()).expect("a valid request");
        let response = self.0.raw(request).await.expect("a reply");
        (response.status().as_u16(), serde_json::from_slice(response.bytes()).unwrap_or_default())
    }
}
