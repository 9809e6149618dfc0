//! Resources and their templates as they are listed, and what reading one answers.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::caching::{CacheHints, CacheScope};
use super::content::{Annotations, base64};
use super::implementation::Icon;
use super::meta::{OwnMeta, result_meta};
use super::revision::Revision;

/// A resource or a template, as its list shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResourceDefinition {
    /// `None` for a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uri_template: Option<String>,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mime_type: Option<String>,
    /// Bytes. A template has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) annotations: Option<Annotations>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) icons: Vec<Icon>,
    #[serde(rename = "_meta", skip_serializing_if = "OwnMeta::is_empty")]
    pub(crate) meta: OwnMeta,
}

impl ResourceDefinition {
    /// What of it the given revision knows.
    pub(crate) fn for_revision(&self, revision: Revision) -> Self {
        let mut known = self.clone();
        if known.uri.is_none() {
            known.size = None;
        }
        if revision < Revision::V2025_06_18 {
            known.title = None;
            known.meta = OwnMeta::default();
            known.annotations = known.annotations.map(|annotations| annotations.for_revision(revision));
        }
        if revision < Revision::V2025_11_25 {
            known.icons.clear();
        }
        known
    }
}

/// A part of what a resource holds: text or bytes.
///
/// ```
/// use mcp_mount::ResourceContents;
///
/// let page = ResourceContents::text("# Title").mime_type("text/markdown");
/// let picture = ResourceContents::blob([0x89, b'P', b'N', b'G']).mime_type("image/png").uri("test://picture");
/// # let _ = (page, picture);
/// ```
///
/// Without a URI of its own it has the one that was asked for, and without a media type the resource's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceContents {
    pub(crate) uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mime_type: Option<String>,
    #[serde(flatten)]
    pub(crate) data: Data,
    #[serde(rename = "_meta", skip_serializing_if = "OwnMeta::is_empty")]
    meta: OwnMeta,
    /// The media type where neither this nor the resource has one.
    #[serde(skip)]
    usual: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Data {
    Text(String),
    /// In standard Base64.
    Blob(String),
}

impl ResourceContents {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            uri: None,
            mime_type: None,
            data: Data::Text(text.into()),
            meta: OwnMeta::default(),
            usual: "text/plain",
        }
    }

    /// Bytes.
    pub fn blob(bytes: impl AsRef<[u8]>) -> Self {
        let (data, usual) = (Data::Blob(base64(bytes)), "application/octet-stream");
        Self { uri: None, mime_type: None, data, meta: OwnMeta::default(), usual }
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            Data::Blob(_) => None,
        }
    }

    /// The bytes in standard Base64, if it is bytes.
    #[must_use]
    pub fn as_blob(&self) -> Option<&str> {
        match &self.data {
            Data::Blob(base64) => Some(base64),
            Data::Text(_) => None,
        }
    }

    /// JSON.
    pub(crate) fn json(text: String) -> Self {
        Self { usual: "application/json", ..Self::text(text) }
    }

    /// The URI, where it is another one than was asked for: a part of a folder, say.
    #[must_use]
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = Some(uri.into());
        self
    }

    /// The media type, as `text/markdown`.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Adds a member to its `_meta`, since 2025-06-18: for extensions such as MCP Apps.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }
}

/// What reading a resource answers.
///
/// Most handlers return something simpler: see [`IntoResourceResult`](crate::IntoResourceResult).
///
/// ```
/// use mcp_mount::{CacheScope, ReadResourceResult, ResourceContents};
/// use std::time::Duration;
///
/// let result = ReadResourceResult::new([ResourceContents::text("hello")])
///     .ttl(Duration::from_secs(60))
///     .cache_scope(CacheScope::Public);
/// # let _ = result;
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReadResourceResult {
    pub(crate) contents: Vec<ResourceContents>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) cache_scope: Option<CacheScope>,
    pub(crate) meta: OwnMeta,
}

impl ReadResourceResult {
    /// A result of these parts.
    pub fn new(contents: impl IntoIterator<Item = ResourceContents>) -> Self {
        Self { contents: contents.into_iter().collect(), ..Self::default() }
    }

    /// The parts.
    #[must_use]
    pub fn contents(&self) -> &[ResourceContents] {
        &self.contents
    }

    /// How long a 2026-07-28 client may keep it, in place of [`Resource::ttl`](crate::Resource::ttl).
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Who may keep it, in place of [`Resource::cache_scope`](crate::Resource::cache_scope).
    #[must_use]
    pub fn cache_scope(mut self, scope: CacheScope) -> Self {
        self.cache_scope = Some(scope);
        self
    }

    result_meta!();

    /// What of the parts the given revision knows.
    pub(crate) fn contents_for(&self, revision: Revision) -> Cow<'_, [ResourceContents]> {
        if revision >= Revision::V2025_06_18 || self.contents.iter().all(|part| part.meta.is_empty()) {
            return Cow::Borrowed(&self.contents);
        }
        let without = |part: &ResourceContents| ResourceContents { meta: OwnMeta::default(), ..part.clone() };
        self.contents.iter().map(without).collect()
    }

    /// Fills in what the parts leave open.
    pub(crate) fn complete(&mut self, uri: &str, mime_type: Option<&str>) {
        for part in &mut self.contents {
            part.uri.get_or_insert_with(|| uri.to_owned());
            part.mime_type.get_or_insert_with(|| mime_type.unwrap_or(part.usual).to_owned());
        }
    }

    pub(crate) fn hints(&self, otherwise: CacheHints) -> CacheHints {
        CacheHints { ttl: self.ttl.unwrap_or(otherwise.ttl), scope: self.cache_scope.unwrap_or(otherwise.scope) }
    }
}
