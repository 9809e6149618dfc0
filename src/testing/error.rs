//! What can go wrong between a test and the service it asks.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::app::BoxError;
use super::message::{Incoming, RpcError};
use super::response::{Response, shorten};

/// Why a request of the test client failed.
///
/// `Display` and `Debug` say what was asked, in which revision, the status, and the beginning of the body, so that the
/// message of a failed `unwrap` is enough to go on. Match on [`kind`](Self::kind), [`status`](Self::status) and
/// [`code`](Self::code) rather than on the text.
///
/// ```
/// use mcp_mount::testing::{Client, ErrorKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
/// let error = Client::new(mcp).call_tool("missing", ()).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Rpc);
/// assert_eq!(error.code(), Some(-32602));
/// assert!(error.to_string().starts_with("tools/call \"missing\" (POST /, 2026-07-28): error -32602: "), "{error}");
/// # Ok(()) }
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    asked: String,
    detail: String,
    response: Option<Response>,
    rpc: Option<RpcError>,
    source: Option<BoxError>,
}

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request could not be made, such as arguments that are no JSON object.
    Request,
    /// The service itself returned an error: a middleware failed.
    Service,
    /// A status other than success, whose body is no JSON-RPC error: [`Error::status`], [`Error::response`].
    Status,
    /// A JSON-RPC error, whatever the status: [`Error::code`], [`Error::message`], [`Error::data`].
    Rpc,
    /// The reply is not what the protocol demands.
    Malformed,
    /// The connection ended before the answer.
    Ended,
    /// Nothing came for as long as [`Client::patience`](super::Client::patience) allows.
    TimedOut,
    /// The tool failed (`isError`), found by [`ToolOutcome::ok`](super::ToolOutcome::ok).
    Tool,
    /// The server asks for input, and no [`Client::on_request`](super::Client::on_request) answers.
    InputRequired,
    /// A handler is not the same in both eras: [`replays_equal`](super::replays_equal).
    Differs,
}

/// What was asked, for the texts of errors: `tools/call "add" (POST /mcp, 2026-07-28)`.
#[derive(Clone, Debug)]
pub(super) struct Asked(pub(super) String);

impl Asked {
    fn fails(&self, kind: ErrorKind, detail: impl Into<String>) -> Error {
        let (asked, detail) = (self.0.clone(), detail.into());
        Error(Box::new(Inner { kind, asked, detail, response: None, rpc: None, source: None }))
    }

    pub(super) fn impossible(&self, detail: impl Into<String>) -> Error {
        self.fails(ErrorKind::Request, detail)
    }

    pub(super) fn service(&self, source: BoxError) -> Error {
        self.fails(ErrorKind::Service, "the service returned an error").caused_by(source)
    }

    pub(super) fn malformed(&self, detail: impl fmt::Display) -> Error {
        self.fails(ErrorKind::Malformed, format!("the reply breaks the protocol: {detail}"))
    }

    /// `malformed`, with the message that is.
    pub(super) fn malformed_message(&self, detail: impl fmt::Display, message: &str) -> Error {
        self.malformed(format!("{detail}, in the message {}", shorten(message)))
    }

    pub(super) fn ended(&self, detail: impl Into<String>) -> Error {
        self.fails(ErrorKind::Ended, detail)
    }

    pub(super) fn timed_out(&self, waited_for: &str, patience: Duration) -> Error {
        self.fails(ErrorKind::TimedOut, format!("{waited_for} did not come within {patience:?} (`Client::patience`)"))
    }

    pub(super) fn rpc(&self, error: RpcError) -> Error {
        let mut failed = self.fails(ErrorKind::Rpc, error.to_string());
        failed.0.rpc = Some(error);
        failed
    }

    pub(super) fn tool(&self, text: &str) -> Error {
        self.fails(ErrorKind::Tool, format!("the tool failed: {}", shorten(text)))
    }

    pub(super) fn input_required(&self, method: &str) -> Error {
        let detail = format!("the server asks for `{method}`, and no `Client::on_request` answers that");
        self.fails(ErrorKind::InputRequired, detail)
    }

    pub(super) fn differs(&self, detail: String) -> Error {
        self.fails(ErrorKind::Differs, detail)
    }

    /// A reply that is not successful: with a JSON-RPC error in it, or without.
    pub(super) fn refused(&self, response: Response, asked: Option<i64>) -> Error {
        let error = match serde_json::from_slice::<Value>(response.bytes()).ok().map(Incoming::read) {
            Some(Ok(Incoming::Failure { id: Some(id), .. })) if asked.is_some_and(|asked| id != asked) => {
                self.malformed(format!("an answer to {id}"))
            }
            Some(Ok(Incoming::Failure { error, .. })) => self.rpc(error),
            _ => self.fails(ErrorKind::Status, "refused"),
        };
        error.with(response)
    }
}

impl Error {
    pub(super) fn with(mut self, response: Response) -> Self {
        self.0.response = Some(response);
        self
    }

    pub(super) fn caused_by(mut self, source: BoxError) -> Self {
        self.0.source = Some(source);
        self
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The reply, where one was read: its status, headers and body.
    #[must_use]
    pub fn response(&self) -> Option<&Response> {
        self.0.response.as_ref()
    }

    /// The HTTP status of the reply, where one was read.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.response().map(Response::status)
    }

    /// The code of the JSON-RPC error.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        self.0.rpc.as_ref().map(|error| error.code)
    }

    /// The message of the JSON-RPC error.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.0.rpc.as_ref().map(|error| error.message.as_str())
    }

    /// The data of the JSON-RPC error.
    #[must_use]
    pub fn data(&self) -> Option<&Value> {
        self.0.rpc.as_ref()?.data.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { asked, detail, response, rpc, source, .. } = &*self.0;
        write!(f, "{asked}: {detail}")?;
        let mut source = source.as_deref().map(|source| source as &(dyn StdError + 'static));
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        match response {
            // The body is the error that the text has already.
            Some(response) if rpc.is_some() => write!(f, " ({})", response.status()),
            Some(response) => write!(f, ": {}", response.summary()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?}: {self})", self.0.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
