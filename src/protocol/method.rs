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
    ResourcesList,
    TemplatesList,
    ResourcesRead,
    Subscribe,
    Unsubscribe,
    PromptsList,
    PromptsGet,
    Complete,
    Listen,
}

/// The member of `params` that `Mcp-Name` mirrors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mirrored {
    Name,
    Uri,
}

impl Method {
    /// The method of that name in that revision.
    pub(crate) fn parse(name: &str, revision: Revision) -> Option<Self> {
        match (name, revision.era()) {
            ("tools/call", _) => Some(Self::ToolsCall),
            ("tools/list", _) => Some(Self::ToolsList),
            ("resources/read", _) => Some(Self::ResourcesRead),
            ("resources/list", _) => Some(Self::ResourcesList),
            ("resources/templates/list", _) => Some(Self::TemplatesList),
            ("prompts/get", _) => Some(Self::PromptsGet),
            ("prompts/list", _) => Some(Self::PromptsList),
            ("completion/complete", _) => Some(Self::Complete),
            ("resources/subscribe", Era::Session) => Some(Self::Subscribe),
            ("resources/unsubscribe", Era::Session) => Some(Self::Unsubscribe),
            ("initialize", Era::Session) => Some(Self::Initialize),
            ("ping", Era::Session) => Some(Self::Ping),
            ("logging/setLevel", Era::Session) => Some(Self::SetLevel),
            ("server/discover", Era::Stateless) => Some(Self::Discover),
            ("subscriptions/listen", Era::Stateless) => Some(Self::Listen),
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
            Self::ResourcesList => "resources/list",
            Self::TemplatesList => "resources/templates/list",
            Self::ResourcesRead => "resources/read",
            Self::Subscribe => "resources/subscribe",
            Self::Unsubscribe => "resources/unsubscribe",
            Self::PromptsList => "prompts/list",
            Self::PromptsGet => "prompts/get",
            Self::Complete => "completion/complete",
            Self::Listen => "subscriptions/listen",
        }
    }

    /// What `Mcp-Name` must mirror (2026-07-28, basic/transports/streamable-http, «Standard Request Headers»).
    pub(crate) const fn mirrored(self) -> Option<Mirrored> {
        match self {
            Self::ToolsCall | Self::PromptsGet => Some(Mirrored::Name),
            Self::ResourcesRead => Some(Mirrored::Uri),
            _ => None,
        }
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
