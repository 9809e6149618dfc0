//! JSON-RPC errors and their codes.

use std::borrow::Cow;

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
    /// The revision asked for is not served.
    UnsupportedProtocolVersion,
}

impl ErrorCode {
    pub(crate) const fn number(self) -> i32 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams => -32602,
            Self::Internal => -32603,
            Self::HeaderMismatch => -32020,
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
}
