//! What exists only from 2026-07-28 on: every request describes itself.

use super::error::RpcError;
use super::meta::{CLIENT_CAPABILITIES, Meta};
use super::notifications::LogLevel;
use super::session::check_implementation;

/// The metadata of a request, checked.
#[derive(Debug)]
pub(crate) struct RequestMeta<'a> {
    /// `clientInfo`, as JSON text.
    pub(crate) client_info: Option<&'a str>,
    pub(crate) log_level: Option<LogLevel>,
}

impl<'a> RequestMeta<'a> {
    /// Checks the metadata (2026-07-28, basic/index, «Per-request protocol fields»: capabilities are required, the
    /// client's name is not).
    pub(crate) fn read(meta: &Meta<'a>) -> Result<Self, RpcError> {
        if meta.client_capabilities.is_none() {
            let text = format!("params._meta[\"{CLIENT_CAPABILITIES}\"]: missing; expected an object");
            return Err(RpcError::invalid_params(text));
        }
        let client_info = meta.client_info.map(|info| info.0);
        if let Some(json) = client_info {
            check_implementation(json, "params._meta[\"io.modelcontextprotocol/clientInfo\"]")?;
        }
        let log_level = match &meta.log_level {
            None => None,
            Some(name) => Some(parse_log_level(name.as_str(), "params._meta[\"io.modelcontextprotocol/logLevel\"]")?),
        };
        Ok(Self { client_info, log_level })
    }
}

/// Reads a level, as either era asks for one.
pub(crate) fn parse_log_level(name: &str, place: &str) -> Result<LogLevel, RpcError> {
    LogLevel::parse(name).ok_or_else(|| {
        RpcError::invalid_params(format!(
            "{place}: expected one of debug, info, notice, warning, error, critical, alert, emergency"
        ))
    })
}
