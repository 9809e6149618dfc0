//! What exists only up to 2025-11-25: the handshake that opens a session.

use std::borrow::Cow;

use serde::Deserialize;

use super::capabilities::{ClientCapabilities, extensions_to_keep};
use super::error::RpcError;
use super::implementation::Implementation;
use super::params::Params;

/// `initialize`, checked.
#[derive(Debug)]
pub(crate) struct InitializeParams<'a> {
    pub(crate) protocol_version: &'a str,
    /// `clientInfo`, as JSON text.
    pub(crate) client_info: &'a str,
    pub(crate) capabilities: ClientCapabilities,
    /// The extensions among them, as JSON text, shortened to be kept.
    pub(crate) extensions: Cow<'a, str>,
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
        let Some(capabilities) = params.capabilities else {
            return Err(RpcError::invalid_params("params.capabilities: missing; expected an object"));
        };
        Ok(Self {
            protocol_version: version.as_str(),
            client_info: client_info.0,
            capabilities: ClientCapabilities::read(capabilities.0),
            extensions: extensions_to_keep(capabilities.0),
        })
    }
}

/// Whether a client's name for itself can be read.
pub(crate) fn check_implementation(json: &str, place: &str) -> Result<(), RpcError> {
    serde_json::from_str::<ClientName<'_>>(json).map(|_| ()).map_err(|_| implementation_fault(json, place))
}

/// Reads once more to find the path, which costs too much to keep while all goes well.
#[cold]
fn implementation_fault(json: &str, place: &str) -> RpcError {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    match serde_path_to_error::deserialize::<_, ClientName<'_>>(&mut deserializer) {
        Err(error) => RpcError::invalid_params(format!("{place}: {error}")),
        Ok(_) => RpcError::invalid_params(format!("{place}: not what names a client")),
    }
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

/// How much of what a client says of itself is kept as it is: bytes.
const KEPT_WHOLE: usize = 1024;

/// How much of each text is kept of a longer one: characters.
const KEPT_TEXT: usize = 200;

/// What a client says of itself, short enough to be kept with each of many sessions. Its pictures are the first to go.
pub(crate) fn to_keep(json: &str) -> Cow<'_, str> {
    if json.len() <= KEPT_WHOLE {
        return Cow::Borrowed(json);
    }
    let shorten = |text: String| text.chars().take(KEPT_TEXT).collect::<String>();
    let info = client_info(json).unwrap_or_default();
    let kept = Implementation {
        name: shorten(info.name),
        title: info.title.map(shorten),
        version: shorten(info.version),
        ..Implementation::default()
    };
    Cow::Owned(serde_json::to_string(&kept).expect("string keys, so it is JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_keeps_the_name() {
        let small = r#"{"name":"c","version":"1","icons":[{"src":"data:,x"}]}"#;
        assert_eq!(to_keep(small), small);
        let pictures = format!(r#"{{"name":"c","version":"1","icons":[{{"src":"data:,{}"}}]}}"#, "x".repeat(5000));
        assert_eq!(to_keep(&pictures), r#"{"name":"c","version":"1"}"#);
        let long = format!(r#"{{"name":"{}"}}"#, "n".repeat(5000));
        assert!(to_keep(&long).len() < 300);
    }
}
