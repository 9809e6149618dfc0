//! What a function becomes.

use std::fmt;

use proc_macro2::Ident;
use quote::format_ident;

/// What a function becomes. The names of all that belongs to a kind follow from its noun.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Tool,
    Resource,
    Prompt,
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Resource => "resource",
            Self::Prompt => "prompt",
        }
    }

    fn capitalised(self) -> &'static str {
        match self {
            Self::Tool => "Tool",
            Self::Resource => "Resource",
            Self::Prompt => "Prompt",
        }
    }

    /// What the attribute takes by name, besides the URI of a resource.
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Tool => &[
                "name",
                "title",
                "description",
                "icon",
                "read_only",
                "destructive",
                "idempotent",
                "open_world",
                "timeout",
                "on_disconnect",
                "blocking",
                "companion",
            ],
            Self::Resource => &[
                "name",
                "title",
                "description",
                "icon",
                "mime_type",
                "size",
                "ttl",
                "cache_scope",
                "timeout",
                "on_disconnect",
                "blocking",
                "companion",
            ],
            Self::Prompt => {
                &["name", "title", "description", "icon", "timeout", "on_disconnect", "blocking", "companion"]
            }
        }
    }

    /// Who reads the description, as an argument for writing one.
    pub(crate) fn purpose_of_description(self) -> &'static str {
        match self {
            Self::Tool => "which is all a model knows of it",
            Self::Resource => "by which models and people choose it",
            Self::Prompt => "by which people choose it",
        }
    }

    /// `Tool`
    pub(crate) fn made(self) -> Ident {
        format_ident!("{}", self.capitalised())
    }

    /// `tool_fn`
    pub(crate) fn maker(self) -> Ident {
        format_ident!("{}_fn", self.noun())
    }

    /// `ToolSource`
    pub(crate) fn source(self) -> Ident {
        format_ident!("{}Source", self.capitalised())
    }

    /// `tool`, the one method of `ToolSource`.
    pub(crate) fn source_method(self) -> Ident {
        format_ident!("{}", self.noun())
    }

    /// `IntoToolResult`
    pub(crate) fn result(self) -> Ident {
        format_ident!("Into{}Result", self.capitalised())
    }

    /// `into_tool_result`, a method of `IntoToolResult`.
    pub(crate) fn result_method(self) -> Ident {
        format_ident!("into_{}_result", self.noun())
    }

    /// `ToolAnswer`, the assumption that a type is `IntoToolResult`.
    pub(crate) fn answer(self) -> Ident {
        format_ident!("{}Answer", self.capitalised())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun())
    }
}
