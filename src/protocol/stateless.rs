//! What exists only from 2026-07-28 on: every request describes itself.

use super::error::RpcError;
use super::meta::{CLIENT_CAPABILITIES, Meta};
use super::notifications::LogLevel;
use super::session::check_implementation;

/// Checks a request's metadata (2026-07-28, basic/index, «Per-request protocol fields»: capabilities are required, the
/// client's name is not), and answers the log level that it asks for.
pub(crate) fn check_request_meta(meta: &Meta<'_>) -> Result<Option<LogLevel>, RpcError> {
    if meta.client_capabilities.is_none() {
        let text = format!("params._meta[\"{CLIENT_CAPABILITIES}\"]: missing; expected an object");
        return Err(RpcError::invalid_params(text));
    }
    if let Some(info) = meta.client_info {
        check_implementation(info.0, "params._meta[\"io.modelcontextprotocol/clientInfo\"]")?;
    }
    let level = meta.log_level.as_ref();
    level.map(|name| parse_log_level(name.as_str(), "params._meta[\"io.modelcontextprotocol/logLevel\"]")).transpose()
}

/// Reads a level, as either era asks for one.
pub(crate) fn parse_log_level(name: &str, place: &str) -> Result<LogLevel, RpcError> {
    LogLevel::parse(name).ok_or_else(|| {
        RpcError::invalid_params(format!(
            "{place}: expected one of debug, info, notice, warning, error, critical, alert, emergency"
        ))
    })
}
