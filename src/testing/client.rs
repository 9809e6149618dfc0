//! The client and its settings.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body::Body as HttpBody;
use http_body_util::Full;
use serde_json::{Value, json};
use tower_service::Service;

use super::app::App;
use super::connect::Server;
use super::headers::Mirrored;
use crate::Revision;

/// An MCP client that calls a tower service, without a socket in between.
///
/// It speaks 2026-07-28 until [`revision`](Self::revision) says otherwise. Settings come first, then, for the revisions
/// that have sessions, [`connect`](Self::connect). All requests take `&self`, so that they can run side by side; a clone
/// is the same client, with the same session and the same count of ids, whose settings may differ from then on.
///
/// ```
/// use axum::Router;
/// use mcp_mount::testing::Client;
/// use mcp_mount::{Mcp, tool, tools};
/// use serde_json::json;
///
/// /// Add two numbers.
/// #[tool]
/// async fn add(a: f64, b: f64) -> f64 {
///     a + b
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mcp = Mcp::new("calculator", "1.0.0").tools(tools![add]).build()?;
/// let app: Router = Router::new().merge(mcp.at("/mcp"));
///
/// let client = Client::new(app).path("/mcp");
/// let sum = client.call_tool("add", json!({"a": 1, "b": 2})).await?;
/// assert_eq!(sum.text(), "3");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(super) app: App,
    pub(super) settings: Settings,
    pub(super) session: Option<HeaderValue>,
    pub(super) server: Option<Arc<Server>>,
    pub(super) ids: Arc<AtomicI64>,
    pub(super) learnt: Arc<Mutex<Learnt>>,
}

/// What a test decides.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) path: Uri,
    pub(super) revision: Revision,
    pub(super) headers: HeaderMap,
    pub(super) extensions: Extensions,
    pub(super) info: Value,
    pub(super) capabilities: Value,
    pub(super) answers: HashMap<String, Answerer>,
    pub(super) asks_for_progress: bool,
    pub(super) patience: Duration,
}

pub(super) type Answerer = Arc<dyn Fn(&Value) -> Value + Send + Sync>;

/// What requests have brought that later ones depend on.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    /// By the tool's name.
    pub(super) mirrored: HashMap<String, Vec<Mirrored>>,
    /// From 2026-07-28 on the client says it in every request.
    pub(super) log_level: Option<String>,
}

impl Client {
    /// A client of `app`: an axum `Router`, an [`McpService`](crate::McpService), or any other service for requests whose
    /// body is `http_body_util::Full<Bytes>`, as nearly every stack of tower layers is.
    pub fn new<S, B>(app: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        B: HttpBody + Send + 'static,
        B::Data: Buf + Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        Self::of(App::new(app))
    }

    /// A client of a service that takes another type of body, such as `axum::body::Body`.
    ///
    /// ```
    /// use axum::body::Body;
    /// use axum::extract::Request;
    /// use axum::response::Response;
    /// use mcp_mount::testing::Client;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let app = tower::service_fn(|_: Request| async { Ok::<_, std::convert::Infallible>(Response::new(Body::empty())) });
    /// let response = Client::with_body::<Body, _, _>(app).post_raw("hello").await?;
    /// assert_eq!(response.status(), 200);
    /// # Ok(()) }
    /// ```
    pub fn with_body<R, S, B>(app: S) -> Self
    where
        R: From<Bytes>,
        S: Service<Request<R>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        B: HttpBody + Send + 'static,
        B::Data: Buf + Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        Self::of(App::new::<S, R, B>(app))
    }

    fn of(app: App) -> Self {
        let settings = Settings {
            path: Uri::from_static("/"),
            revision: Revision::V2026_07_28,
            headers: HeaderMap::new(),
            extensions: Extensions::new(),
            info: json!({"name": "mcp_mount::testing", "version": env!("CARGO_PKG_VERSION")}),
            capabilities: json!({}),
            answers: HashMap::new(),
            asks_for_progress: true,
            patience: Duration::from_secs(15 * 60),
        };
        Self { app, settings, session: None, server: None, ids: Arc::new(AtomicI64::new(1)), learnt: Arc::default() }
    }

    /// Where the server is mounted, with a query if need be. The default is `/`, where the bare service answers.
    ///
    /// # Panics
    ///
    /// When it is no path that begins with a slash.
    #[must_use]
    #[track_caller]
    pub fn path(mut self, path: &str) -> Self {
        assert!(path.starts_with('/'), "Client::path({path:?}): the path must begin with a slash");
        match path.parse() {
            Ok(path) => self.settings.path = path,
            Err(error) => panic!("Client::path({path:?}): {error}"),
        }
        self
    }

    /// The revision to speak, 2026-07-28 by default. The earlier ones have sessions, which [`connect`](Self::connect)
    /// opens; without it the client speaks to the server as one that drops the session's id. All of them travel over
    /// Streamable HTTP, 2024-11-05 too.
    #[must_use]
    pub fn revision(mut self, revision: Revision) -> Self {
        self.settings.revision = revision;
        self
    }

    /// A header of every request, in place of the client's own of that name, if it has one.
    ///
    /// The client's own are `Host: localhost`, `Content-Type`, `Content-Length`, `Accept`, and what the revision
    /// demands: `MCP-Protocol-Version`, `Mcp-Session-Id`, `Mcp-Method`, `Mcp-Name`, `Mcp-Param-*`.
    ///
    /// # Panics
    ///
    /// When the name or the value is none that HTTP allows.
    #[must_use]
    #[track_caller]
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Debug>,
        V: TryInto<HeaderValue, Error: fmt::Debug>,
    {
        let name = name.try_into().expect("Client::header: the name of a header");
        let value = value.try_into().expect("Client::header: the value of a header");
        self.settings.headers.insert(name, value);
        self
    }

    /// A value that every request carries in its extensions, as if a middleware had put it there. The application's own
    /// middleware is tested with a [`header`](Self::header) instead.
    ///
    /// ```
    /// use mcp_mount::testing::Client;
    /// use mcp_mount::{Extension, Mcp, tool, tools};
    ///
    /// #[derive(Clone)]
    /// struct User(&'static str);
    ///
    /// /// Say who is asking.
    /// #[tool]
    /// async fn whoami(Extension(user): Extension<User>) -> String {
    ///     user.0.to_owned()
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mcp = Mcp::new("demo", "1.0.0").tools(tools![whoami]).build()?;
    /// let client = Client::new(mcp).extension(User("alice"));
    /// assert_eq!(client.call_tool("whoami", ()).await?.text(), "alice");
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.settings.extensions.insert(value);
        self
    }

    /// What the client calls itself.
    #[must_use]
    pub fn client_info(mut self, name: &str, version: &str) -> Self {
        self.settings.info = json!({"name": name, "version": version});
        self
    }

    /// What the client says it can do, `{}` by default: `json!({"elicitation": {}})`.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Value) -> Self {
        self.settings.capabilities = capabilities;
        self
    }

    /// How the client answers a question of the server's, in every revision alike: `answer` gets the `params` of
    /// `elicitation/create`, `sampling/createMessage` or `roots/list`, and returns the result.
    ///
    /// It serves the questions that come while [`call_tool`](Self::call_tool), [`request`](Self::request) or another
    /// method that waits for a result is waiting: up to 2025-11-25 they come as requests of the server's, from
    /// 2026-07-28 on as a result that is `input_required`, upon which the request is sent again with the answers. `ping`
    /// is answered by itself. What nothing answers is refused with -32601, or ends as
    /// [`ErrorKind::InputRequired`](super::ErrorKind::InputRequired). [`Stream::next`](super::Stream::next) only shows
    /// the questions.
    ///
    /// ```
    /// use mcp_mount::testing::Client;
    /// use serde_json::json;
    ///
    /// # fn client(app: mcp_mount::McpService) -> Client {
    /// Client::new(app)
    ///     .capabilities(json!({"elicitation": {}}))
    ///     .on_request("elicitation/create", |params| {
    ///         assert_eq!(params["message"], "Deploy to production?");
    ///         json!({"action": "accept", "content": {"sure": true}})
    ///     })
    /// # }
    /// ```
    #[must_use]
    pub fn on_request(mut self, method: &str, answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Self {
        self.settings.answers.insert(method.to_owned(), Arc::new(answer));
        self
    }

    /// Does not ask for progress.
    ///
    /// Otherwise `tools/call`, `prompts/get` and `resources/read` carry a `progressToken`, unless their `_meta` has one
    /// already, so that a handler that reports progress is answered by an event stream.
    #[must_use]
    pub fn without_progress(mut self) -> Self {
        self.settings.asks_for_progress = false;
        self
    }

    /// How long one wait may take, for the beginning of a reply, its whole body, or the next message of a stream: 15
    /// minutes of tokio's clock by default, which on a paused clock pass at once when there is nothing else to do. Then
    /// the request fails with [`ErrorKind::TimedOut`](super::ErrorKind::TimedOut) and says what it waited for, where
    /// the test would have hung. `Duration::MAX` waits forever.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// The revision that is spoken: once connected, what the server has agreed to.
    #[must_use]
    pub fn negotiated(&self) -> Revision {
        self.settings.revision
    }

    /// The id of the session, where there is one.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.session.as_ref().and_then(|id| id.to_str().ok())
    }

    /// What the server says of itself, once [connected](Self::connect).
    #[must_use]
    pub fn server(&self) -> Option<&Server> {
        self.server.as_deref()
    }

    /// Whether every request stands for itself, as in 2026-07-28.
    pub(super) fn is_stateless(&self) -> bool {
        self.settings.revision >= Revision::V2026_07_28
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("path", &self.settings.path)
            .field("revision", &self.settings.revision.as_str())
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
