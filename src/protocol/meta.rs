//! A request's `_meta` (2026-07-28, basic/index, «_meta»).

use super::fill::fill;
use super::jsonrpc::Token;
use super::text::{ObjectText, Text};

pub(crate) const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
pub(crate) const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// The reserved keys that this server acts on; others are the application's.
#[derive(Debug, Default)]
pub(crate) struct Meta<'a> {
    pub(crate) progress_token: Token<'a>,
    pub(crate) protocol_version: Option<Text<'a>>,
    pub(crate) client_info: Option<ObjectText<'a>>,
    pub(crate) client_capabilities: Option<ObjectText<'a>>,
    pub(crate) log_level: Option<Text<'a>>,
}

fill!(Meta {
    0 "progressToken" => progress_token,
    1 "io.modelcontextprotocol/protocolVersion" => protocol_version,
    2 "io.modelcontextprotocol/clientInfo" => client_info,
    3 "io.modelcontextprotocol/clientCapabilities" => client_capabilities,
    4 "io.modelcontextprotocol/logLevel" => log_level,
});
