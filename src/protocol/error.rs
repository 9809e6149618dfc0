//! JSON-RPC errors and their codes.

use std::borrow::Cow;

use super::capabilities::Capability;

/// The codes of JSON-RPC 2.0 and of MCP (2026-07-28, basic/index, «Error Codes»).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    /// The body is not JSON.
    Parse,
    /// The JSON is not a JSON-RPC request.
    InvalidRequest,
    /// No such method in this revision.
    MethodNotFound,
    /// The method's parameters are not what it takes.
    InvalidParams,
    /// The server's own fault.
    Internal,
    /// 2026-07-28: a header is missing or contradicts the body.
    HeaderMismatch,
    /// 2026-07-28: the request needs something that its client does not offer.
    MissingCapability,
    /// The revision asked for is not served.
    UnsupportedProtocolVersion,
    /// There is no such resource: a code of its own up to 2025-11-25.
    ResourceNotFound,
}

impl ErrorCode {
    pub(crate) const fn number(self) -> i32 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            // -32002 belongs to the revisions that defined it: `encode::error` writes it for them.
            Self::InvalidParams | Self::ResourceNotFound => -32602,
            Self::Internal => -32603,
            Self::HeaderMismatch => -32020,
            Self::MissingCapability => -32021,
            Self::UnsupportedProtocolVersion => -32022,
        }
    }
}

/// A JSON-RPC error object.
#[derive(Clone, Debug)]
pub(crate) struct RpcError {
    pub(crate) code: ErrorCode,
    pub(crate) message: Cow<'static, str>,
    /// `data`, as JSON text.
    pub(crate) data: Option<String>,
}

impl RpcError {
    #[cold]
    pub(crate) fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    #[cold]
    pub(crate) fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidParams, message)
    }

    /// 2026-07-28, server/resources, «Error Handling».
    #[cold]
    pub(crate) fn resource_not_found(uri: &str) -> Self {
        // Some clients show the text alone, and some know this error by its data being the URI and nothing else.
        let data = serde_json::json!({ "uri": uri }).to_string();
        let shown: String = uri.chars().take(200).collect();
        Self { data: Some(data), ..Self::new(ErrorCode::ResourceNotFound, format!("there is no resource {shown:?}")) }
    }

    /// 2026-07-28, basic/index, «Error Codes».
    #[cold]
    pub(crate) fn missing_capability(capability: Capability) -> Self {
        let text =
            format!("this needs the client capability `{}`, which the client does not offer", capability.as_str());
        let data = serde_json::json!({ "requiredCapabilities": capability.required() }).to_string();
        Self { data: Some(data), ..Self::new(ErrorCode::MissingCapability, text) }
    }
}
