//! The methods, and which era has which.

use super::revision::{Era, Revision};

/// A request that this server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Initialize,
    Ping,
    SetLevel,
    Discover,
    ToolsList,
    ToolsCall,
}

impl Method {
    /// The method of that name in that revision.
    pub(crate) fn parse(name: &str, revision: Revision) -> Option<Self> {
        match (name, revision.era()) {
            ("tools/call", _) => Some(Self::ToolsCall),
            ("tools/list", _) => Some(Self::ToolsList),
            ("initialize", Era::Session) => Some(Self::Initialize),
            ("ping", Era::Session) => Some(Self::Ping),
            ("logging/setLevel", Era::Session) => Some(Self::SetLevel),
            ("server/discover", Era::Stateless) => Some(Self::Discover),
            _ => None,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Ping => "ping",
            Self::SetLevel => "logging/setLevel",
            Self::Discover => "server/discover",
            Self::ToolsList => "tools/list",
            Self::ToolsCall => "tools/call",
        }
    }

    /// Whether `Mcp-Name` must mirror `params.name` (2026-07-28, basic/transports/streamable-http, «Standard Request
    /// Headers»).
    pub(crate) const fn has_name(self) -> bool {
        matches!(self, Self::ToolsCall)
    }
}

/// A notification that this server acts on; others are accepted and ignored, as JSON-RPC wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notification {
    Initialized,
    Cancelled,
    Other,
}

impl Notification {
    pub(crate) fn parse(name: &str) -> Self {
        match name {
            "notifications/initialized" => Self::Initialized,
            "notifications/cancelled" => Self::Cancelled,
            _ => Self::Other,
        }
    }
}
