//! What exists only up to 2025-11-25: the handshake that opens a session.

use serde::Deserialize;

use super::error::RpcError;
use super::implementation::Implementation;
use super::jsonrpc::Params;

/// `initialize`, checked.
#[derive(Debug)]
pub(crate) struct InitializeParams<'a> {
    pub(crate) protocol_version: &'a str,
    /// `clientInfo`, as JSON text.
    pub(crate) client_info: &'a str,
}

impl<'a> InitializeParams<'a> {
    pub(crate) fn read(params: &'a Params<'_>) -> Result<Self, RpcError> {
        let Some(version) = &params.protocol_version else {
            return Err(RpcError::invalid_params(
                "params.protocolVersion: missing; expected a date such as 2025-11-25",
            ));
        };
        let Some(client_info) = params.client_info else {
            return Err(RpcError::invalid_params("params.clientInfo: missing; expected an object"));
        };
        check_implementation(client_info.0, "params.clientInfo")?;
        if params.capabilities.is_none() {
            return Err(RpcError::invalid_params("params.capabilities: missing; expected an object"));
        }
        Ok(Self { protocol_version: version.as_str(), client_info: client_info.0 })
    }
}

/// Whether a client's name for itself can be read.
pub(crate) fn check_implementation(json: &str, place: &str) -> Result<(), RpcError> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize::<_, ClientName<'_>>(&mut deserializer)
        .map(|_| ())
        .map_err(|error| RpcError::invalid_params(format!("{place}: {error}")))
}

/// What must be there; the rest is read leniently, by [`client_info`].
#[derive(Deserialize)]
struct ClientName<'a> {
    #[serde(borrow, rename = "name")]
    _name: super::text::Text<'a>,
}

/// Reads what [`check_implementation`] let pass. A member of a wrong type loses the rest, not the name.
pub(crate) fn client_info(json: &str) -> Option<Implementation> {
    serde_json::from_str(json).ok().or_else(|| {
        let name: ClientName<'_> = serde_json::from_str(json).ok()?;
        Some(Implementation { name: name._name.as_str().to_owned(), ..Implementation::default() })
    })
}
