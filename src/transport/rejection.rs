//! Every refusal: its status, its JSON-RPC code, and a text that says what to change. The only place that picks an
//! error status.
//!
//! All of it is marked cold, which keeps it out of the way of the requests that are served: a plain call runs through
//! more code than a processor's first cache holds.

mod letter;
mod line;
mod resume;
mod text;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use self::text::{
    CORS_WARNING, FORWARDED_WARNING, HOST_WARNING, ORIGIN_WARNING, quoted, shorten, warn_once, whole_seconds,
};
use super::body::Body;
use crate::error::Causes;
use crate::lifespan::StartError;
use crate::protocol::encode;
use crate::protocol::error::{ErrorCode, RpcError};
use crate::protocol::id::RequestId;
use crate::protocol::jsonrpc::Malformed;
use crate::protocol::revision::{Revision, Revisions};
use crate::store::StoreError;

/// How long a client is asked to wait when the server does not know better.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A request that is not served.
#[derive(Debug)]
pub(crate) struct Rejection {
    status: StatusCode,
    id: Option<RequestId>,
    error: RpcError,
    allow: Option<HeaderValue>,
    retry_after: Option<Duration>,
    close: bool,
}

impl Rejection {
    #[cold]
    fn new(status: StatusCode, code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Box<Self> {
        let error = RpcError::new(code, message);
        Box::new(Self { status, id: None, error, allow: None, retry_after: None, close: false })
    }

    fn unavailable(message: impl Into<Cow<'static, str>>, retry_after: Duration) -> Box<Self> {
        let mut rejection = Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Internal, message);
        rejection.retry_after = Some(retry_after);
        rejection
    }

    /// The same refusal, for the request with this id.
    pub(crate) fn of(mut self: Box<Self>, id: Option<&RequestId>) -> Box<Self> {
        self.id = id.cloned();
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = with_body(self.status, encode::error(self.id.as_ref(), &self.error));
        let headers = response.headers_mut();
        if let Some(methods) = self.allow {
            headers.insert(header::ALLOW, methods);
        }
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    // Routing and guard

    #[cold]
    pub(crate) fn no_such_path(path: &str) -> Box<Self> {
        let text = format!(
            "there is nothing at {}; the MCP endpoint is the path that it is mounted at, which a host without a router tells \
             the service by `on_path`",
            quoted(path.as_bytes())
        );
        Self::new(StatusCode::NOT_FOUND, ErrorCode::InvalidRequest, text)
    }

    #[cold]
    pub(crate) fn host_missing() -> Box<Self> {
        let text = "the request has no Host header; send the name or address of this server";
        Self::new(StatusCode::FORBIDDEN, ErrorCode::InvalidRequest, text)
    }

    #[cold]
    pub(crate) fn host_ambiguous() -> Box<Self> {
        let text = "the request names its host more than once; send one Host header";
        Self::new(StatusCode::FORBIDDEN, ErrorCode::InvalidRequest, text)
    }

    #[cold]
    pub(crate) fn host(value: &[u8]) -> Box<Self> {
        let text = format!(
            "the host {} is not allowed; the server allows it with `hosts([..])` or `base_url(..)`",
            quoted(value)
        );
        warn_once(&HOST_WARNING, StatusCode::FORBIDDEN, &text);
        Self::new(StatusCode::FORBIDDEN, ErrorCode::InvalidRequest, text)
    }

    #[cold]
    pub(crate) fn origin(value: &[u8]) -> Box<Self> {
        let text = format!(
            "the origin {} is not allowed; the server allows its pages to call with `origins([..])`, and to read the answers, \
             too, with `cors([..])`",
            quoted(value)
        );
        warn_once(&ORIGIN_WARNING, StatusCode::FORBIDDEN, &text);
        Self::new(StatusCode::FORBIDDEN, ErrorCode::InvalidRequest, text)
    }

    /// What a trusted proxy says cannot be, so it is the proxy's configuration that is at fault.
    #[cold]
    pub(crate) fn forwarded(header: &str, fault: &str) -> Box<Self> {
        let text = format!("{header} {fault}; the proxy must set this header, or remove it");
        warn_once(&FORWARDED_WARNING, StatusCode::BAD_REQUEST, &text);
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, text)
    }

    /// A preflight for a page that may call, but not read: one of a loopback origin, most often.
    #[cold]
    pub(crate) fn cors_origin(value: &[u8]) -> Box<Self> {
        let text = format!(
            "pages of the origin {} are not allowed to read the answers; the server allows it with `cors([..])`",
            quoted(value)
        );
        warn_once(&CORS_WARNING, StatusCode::FORBIDDEN, &text);
        Self::new(StatusCode::FORBIDDEN, ErrorCode::InvalidRequest, text)
    }

    /// `preflights`: whether OPTIONS can mean something here.
    #[cold]
    pub(crate) fn method_not_allowed(methods: &str, preflights: bool) -> Box<Self> {
        let text = format!("this method is not allowed here; use {methods}");
        let mut rejection = Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::InvalidRequest, text);
        let allow = if preflights { format!("{methods}, OPTIONS") } else { methods.to_owned() };
        rejection.allow = Some(HeaderValue::try_from(allow).expect("methods are tokens"));
        rejection
    }

    #[cold]
    pub(crate) fn route_failed(path: &str, cause: &str) -> Box<Self> {
        tracing::error!(path, cause, "the handler of a route failed");
        Self::internal()
    }

    #[cold]
    pub(crate) fn principal_failed(cause: &str) -> Box<Self> {
        tracing::error!(cause, "`principal_from_extension` failed");
        Self::internal()
    }

    #[cold]
    pub(crate) fn extraction_too_slow() -> Box<Self> {
        tracing::error!("an extractor of the host took longer than the call may, and the call was given up");
        Self::internal()
    }

    #[cold]
    pub(crate) fn layer_failed(cause: &(dyn std::error::Error + 'static)) -> Box<Self> {
        tracing::error!(error = %Causes(cause), "a layer around the service failed");
        Self::internal()
    }

    fn internal() -> Box<Self> {
        let text = "the server failed; its log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, text)
    }

    // Headers and body

    #[cold]
    pub(crate) fn content_type(value: Option<&[u8]>) -> Box<Self> {
        let text = match value {
            Some(value) => {
                format!("the Content-Type {} is not accepted; send application/json in UTF-8", quoted(value))
            }
            None => "the Content-Type is missing; send application/json".to_owned(),
        };
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::InvalidRequest, text)
    }

    #[cold]
    pub(crate) fn content_encoding() -> Box<Self> {
        let text = "a Content-Encoding is not accepted; send the body uncompressed";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::InvalidRequest, text)
    }

    #[cold]
    pub(crate) fn not_acceptable(stream: bool) -> Box<Self> {
        let text = if stream {
            "this opens a stream: send Accept: text/event-stream"
        } else {
            "send Accept: application/json, text/event-stream"
        };
        Self::new(StatusCode::NOT_ACCEPTABLE, ErrorCode::InvalidRequest, text)
    }

    #[cold]
    pub(crate) fn only_json() -> Box<Self> {
        let text = "this server answers with JSON only: send Accept: application/json";
        Self::new(StatusCode::NOT_ACCEPTABLE, ErrorCode::InvalidRequest, text)
    }

    #[cold]
    pub(crate) fn body_too_large(limit: usize) -> Box<Self> {
        let text = format!("the body is larger than {limit} bytes, which `Limits::body_bytes` allows");
        let mut rejection = Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::InvalidRequest, text);
        rejection.close = true;
        rejection
    }

    #[cold]
    pub(crate) fn body_too_slow(deadline: Duration) -> Box<Self> {
        let text = format!("the body was not complete within {} ms (`Limits::body_deadline`)", deadline.as_millis());
        let mut rejection = Self::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::InvalidRequest, text);
        rejection.close = true;
        rejection
    }

    #[cold]
    pub(crate) fn body_broken() -> Box<Self> {
        let text = "the body could not be read to its end";
        let mut rejection = Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, text);
        rejection.close = true;
        rejection
    }

    #[cold]
    pub(crate) fn body_budget() -> Box<Self> {
        let text = "the server holds as many request bodies as `Limits::body_budget` allows; try again later";
        let mut rejection = Self::unavailable(text, RETRY_AFTER);
        rejection.close = true;
        rejection
    }

    // Messages

    #[cold]
    pub(crate) fn not_utf8() -> Box<Self> {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::Parse, "the body is not valid UTF-8; send JSON in UTF-8")
    }

    #[cold]
    pub(crate) fn malformed(malformed: Malformed) -> Box<Self> {
        Self::bad_request(malformed.error).of(malformed.id.as_ref())
    }

    #[cold]
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Box<Self> {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, message)
    }

    /// 400 with an error that the protocol found.
    #[cold]
    pub(crate) fn bad_request(error: RpcError) -> Box<Self> {
        let mut rejection = Self::new(StatusCode::BAD_REQUEST, error.code, "");
        rejection.error = error;
        rejection
    }

    /// 2026-07-28, basic/transports/streamable-http, «Server Validation».
    #[cold]
    pub(crate) fn header_mismatch(message: impl Into<Cow<'static, str>>) -> Box<Self> {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::HeaderMismatch, message)
    }

    /// 2026-07-28, basic/versioning, «Protocol Version Negotiation».
    #[cold]
    pub(crate) fn unsupported_version(requested: &str, served: Revisions) -> Box<Self> {
        let supported: Vec<_> = served.newest_first().map(Revision::as_str).collect();
        let text = format!("the protocol version {} is not served; see data.supported", quoted(requested.as_bytes()));
        let mut rejection = Self::new(StatusCode::BAD_REQUEST, ErrorCode::UnsupportedProtocolVersion, text);
        let data = serde_json::json!({ "supported": supported, "requested": shorten(requested) });
        rejection.error.data = Some(data.to_string());
        rejection
    }

    /// 2026-07-28, basic/transports/streamable-http, «Protocol Version Header»: 404 with a body that tells it from the
    /// 404 of a server that has no such endpoint.
    #[cold]
    pub(crate) fn unknown_method(method: &str) -> Box<Self> {
        let text = unknown_method_text(method);
        Self::new(StatusCode::NOT_FOUND, ErrorCode::MethodNotFound, text)
    }

    // Sessions

    /// The same for an unknown, expired, malformed or foreign id: nobody learns which sessions there are.
    #[cold]
    pub(crate) fn no_such_session() -> Box<Self> {
        let text = "there is no such session (Mcp-Session-Id), or it has ended; open a new one with initialize";
        Self::new(StatusCode::NOT_FOUND, ErrorCode::InvalidRequest, text)
    }

    #[cold]
    pub(crate) fn session_required() -> Box<Self> {
        let text = "the Mcp-Session-Id header is missing; send the one that the answer to initialize carried";
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, text)
    }

    #[cold]
    pub(crate) fn too_many_sessions(retry_after: Duration, named: bool) -> Box<Self> {
        Self::unavailable(text::too_many_sessions(named), retry_after)
    }

    #[cold]
    pub(crate) fn session_contended() -> Box<Self> {
        Self::unavailable("the session is being changed by many requests; try again later", RETRY_AFTER)
    }

    #[cold]
    pub(crate) fn too_many_subscriptions() -> Box<Self> {
        Self::invalid("the session has as many resource subscriptions as it may have; unsubscribe from some first")
    }

    #[cold]
    pub(crate) fn too_many_streams() -> Box<Self> {
        let text = "the server has as many open streams as `Limits::open_streams` allows; try again later";
        Self::unavailable(text, RETRY_AFTER)
    }

    // The server's own condition

    #[cold]
    pub(crate) fn too_many_calls() -> Box<Self> {
        let text = "the server runs as many calls as `Limits::calls_in_flight` allows; try again later";
        Self::unavailable(text, RETRY_AFTER)
    }

    /// The text names the hook and no cause, which the log has.
    #[cold]
    pub(crate) fn not_started(error: &StartError) -> Box<Self> {
        Self::unavailable(error.to_string(), RETRY_AFTER)
    }

    #[cold]
    pub(crate) fn draining() -> Box<Self> {
        let mut rejection = Self::unavailable("the server is shutting down; try again later", RETRY_AFTER);
        rejection.close = true;
        rejection
    }

    #[cold]
    pub(crate) fn store(error: &StoreError) -> Box<Self> {
        tracing::error!(error = %Causes(error), "the store failed");
        Self::unavailable("the server's store of sessions is not available; try again later", RETRY_AFTER)
    }
}

/// 400 with a whole error response: -32021 (2026-07-28, basic/index, «Error Codes»).
///
/// The session era, which has no such code, tells it in band.
#[cold]
pub(crate) fn missing_capability(message: Bytes) -> Response<Body> {
    with_body(StatusCode::BAD_REQUEST, message)
}

/// For a client that has gone away: nobody reads it but the host's own log, so it has the number that nginx writes there.
#[cfg(feature = "actix-web")]
pub(crate) fn client_gone() -> Response<Body> {
    with_body(StatusCode::from_u16(499).expect("three digits"), Bytes::new())
}

/// 503 of the readiness probe, which is asked again by itself.
#[cold]
pub(crate) fn not_ready(status: &str) -> Response<Body> {
    with_body(StatusCode::SERVICE_UNAVAILABLE, format!(r#"{{"status":"{status}"}}"#).into())
}

#[cold]
fn with_body(status: StatusCode, message: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::full(message));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The text of -32601, in either era.
pub(crate) fn unknown_method_text(method: &str) -> String {
    format!("there is no method {} in this revision of MCP", quoted(method.as_bytes()))
}
