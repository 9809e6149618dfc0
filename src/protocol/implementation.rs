//! Who a client or a server says it is, and pictures to show for it.

use serde::{Deserialize, Serialize};

use super::revision::Revision;

/// A name and version, self-reported and never verified: for display and logs only (2026-07-28, basic/index).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Implementation {
    /// The program's identifier.
    pub name: String,
    /// The name to show, since 2025-06-18.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The version, in the program's own format.
    #[serde(default)]
    pub version: String,
    /// What the program is, since 2025-11-25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where to read about it, since 2025-11-25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website_url: Option<String>,
    /// Pictures, since 2025-11-25.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub icons: Vec<Icon>,
}

impl Implementation {
    /// What of it the given revision knows.
    pub(crate) fn for_revision(&self, revision: Revision) -> Self {
        let mut known = self.clone();
        if revision < Revision::V2025_06_18 {
            known.title = None;
        }
        if revision < Revision::V2025_11_25 {
            known.description = None;
            known.website_url = None;
            known.icons.clear();
        }
        known
    }
}

/// A picture for a server or a tool (2025-11-25, basic/index, «icons»).
///
/// ```
/// use mcp_mount::Icon;
///
/// let icon = Icon::new("https://example.com/icon.png").mime_type("image/png").sizes(["48x48"]);
/// assert_eq!(icon.src(), "https://example.com/icon.png");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Icon {
    src: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mime_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sizes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    theme: Option<String>,
}

impl Icon {
    /// A picture at an `https:` or `data:` URI. [`Mcp::build`](crate::Mcp::build) refuses other schemes, which clients
    /// must not load.
    pub fn new(src: impl Into<String>) -> Self {
        Self { src: src.into(), mime_type: None, sizes: Vec::new(), theme: None }
    }

    /// The media type, where the URI's own is missing or too general.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// The sizes in pixels, as `"48x48"`, or `"any"` for a scalable picture.
    #[must_use]
    pub fn sizes(mut self, sizes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.sizes = sizes.into_iter().map(Into::into).collect();
        self
    }

    /// Made for a light background.
    #[must_use]
    pub fn light(mut self) -> Self {
        self.theme = Some("light".into());
        self
    }

    /// Made for a dark background.
    #[must_use]
    pub fn dark(mut self) -> Self {
        self.theme = Some("dark".into());
        self
    }

    /// Where the picture is.
    #[must_use]
    pub fn src(&self) -> &str {
        &self.src
    }
}
