//! Resources and their templates: what is listed, and the handler behind it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::answer::Returns;
use super::call::OnDisconnect;
use super::completion::Completers;
use super::handler::{ErasedHandler, Handler};
use super::result::{Json, ToolError};
use super::settings::{icons, meta, runs, title};
use super::target::{Kind, Target};
use crate::protocol::caching::{CacheHints, CacheScope};
use crate::protocol::completion::Completion;
use crate::protocol::content::Annotations;
use crate::protocol::implementation::Icon;
use crate::protocol::meta::OwnMeta;
use crate::protocol::resources::{ReadResourceResult, ResourceContents, ResourceDefinition};
use crate::protocol::uri_template::{self, TemplateError, UriTemplate};

/// Something that clients can read: one thing with a URI, or all that fit a URI template. Made by [`resource_fn`], or by
/// `#[resource]`.
#[derive(Clone, Debug)]
pub struct Resource {
    pub(crate) definition: ResourceDefinition,
    pub(crate) target: Arc<Target>,
    pub(crate) completers: Completers,
    /// `None` for a single resource.
    pub(crate) template: Option<Result<UriTemplate, TemplateError>>,
    /// The fields that the handler reads the template's variables into.
    pub(crate) schema: Option<Value>,
}

/// A resource from a function or closure; its parameters are extractors, see [`Handler`].
///
/// A URI with `{..}` is a template (RFC 6570): it stands for all resources whose URI fits it, and its variables are the
/// fields of [`Args<T>`](crate::Args), percent-decoded. A single resource goes before a template, and an earlier template
/// before a later one.
///
/// A value that could leave a directory does not fit: one with a segment `..`, an absolute path where the template does
/// not leave the root open (`file:///{+path}`), or a NUL, also when it is encoded twice (2026-07-28, server/resources,
/// «Security Considerations»). Values of a query (`{?x}`) are only kept free of NUL. Symbolic links are up to the handler.
///
/// ```
/// use mcp_mount::{Args, Json, resource_fn};
///
/// let motto = resource_fn("about://motto", "motto", || async { "Keep it simple." }).mime_type("text/plain");
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Which { id: u32 }
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct User { id: u32, name: String }
///
/// // `None` means that there is no such resource.
/// let user = resource_fn("users://{id}", "user", |Args(which): Args<Which>| async move {
///     (which.id == 1).then(|| Json(User { id: 1, name: "Ada".to_owned() }))
/// })
/// .description("A user, by id");
/// # let _ = (motto, user);
/// ```
pub fn resource_fn<P, H>(uri: impl Into<String>, name: impl Into<String>, handler: H) -> Resource
where
    H: Handler<P, Option<ReadResourceResult>>,
{
    let (uri, name, mut needs) = (uri.into(), name.into(), H::needs());
    let schema = needs.input_schema.take();
    let template = uri_template::has_variables(&uri).then(|| UriTemplate::parse(&uri));
    let mut completers = Completers::default();
    completers.add_enumerations(&uri, schema.as_ref().unwrap_or(&Value::Null));
    let (uri, uri_template) = if template.is_some() { (None, Some(uri)) } else { (Some(uri), None) };
    let definition = ResourceDefinition {
        uri,
        uri_template,
        name: name.clone(),
        title: None,
        description: None,
        mime_type: None,
        size: None,
        annotations: None,
        icons: Vec::new(),
        meta: OwnMeta::default(),
    };
    let kind = Kind::Resource { hints: CacheHints::default(), mime_type: None };
    let target = Arc::new(Target::new(kind, name, needs, ErasedHandler::new(handler)));
    Resource { definition, target, completers, template, schema }
}

impl Resource {
    /// A resource whose text never changes.
    ///
    /// ```
    /// let motto = mcp_mount::Resource::text("about://motto", "motto", "Keep it simple.");
    /// # let _ = motto;
    /// ```
    pub fn text(uri: impl Into<String>, name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let size = text.len() as u64;
        resource_fn(uri, name, move || text.clone()).mime_type("text/plain").size(size)
    }

    /// A resource whose bytes never change, as `include_bytes!` has them.
    pub fn blob(uri: impl Into<String>, name: impl Into<String>, bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        let bytes = Bytes::from_owner(bytes);
        let size = bytes.len() as u64;
        resource_fn(uri, name, move || bytes.clone()).mime_type("application/octet-stream").size(size)
    }

    /// The URI, or the template.
    #[must_use]
    pub fn uri(&self) -> &str {
        let uri = self.definition.uri.as_ref().or(self.definition.uri_template.as_ref());
        uri.map_or("", String::as_str)
    }

    /// The resource's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// What it is, for people and models.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.definition.description = Some(description.into());
        self
    }

    /// The media type, as `text/markdown`. What the handler returns has it too, unless it says otherwise.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        let mime_type = mime_type.into();
        self.definition.mime_type = Some(mime_type.clone());
        self.with_kind(|_, known| *known = Some(mime_type))
    }

    /// How large it is, in bytes. A template has no size, and lists none.
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.definition.size = Some(bytes);
        self
    }

    /// Hints for what clients do with it.
    #[must_use]
    pub fn annotations(mut self, annotations: Annotations) -> Self {
        self.definition.annotations = Some(annotations);
        self
    }

    /// How long a 2026-07-28 client may keep what it has read (`ttlMs`). Default: not at all.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        self.with_kind(|hints, _| hints.ttl = ttl)
    }

    /// Who may keep what was read (`cacheScope`). Default: its caller alone.
    #[must_use]
    pub fn cache_scope(self, scope: CacheScope) -> Self {
        self.with_kind(|hints, _| hints.scope = scope)
    }

    /// Suggests values for a variable of the template: a [`Handler`] that may take a
    /// [`CompletionRequest`](crate::CompletionRequest). A variable whose type is an enum of strings needs none.
    /// [`timeout`](Self::timeout) and [`blocking`](Self::blocking) hold for this handler too.
    #[must_use]
    pub fn complete<P, H: Handler<P, Completion>>(mut self, variable: impl Into<String>, handler: H) -> Self {
        let owner = self.uri().to_owned();
        self.completers.add(&owner, variable.into(), handler);
        self
    }

    title!();
    icons!();
    meta!();
    runs!();

    fn with_kind(mut self, change: impl FnOnce(&mut CacheHints, &mut Option<String>)) -> Self {
        if let Kind::Resource { hints, mime_type } = &mut Arc::make_mut(&mut self.target).kind {
            change(hints, mime_type);
        }
        self
    }

    /// The template, if it is one that can be matched.
    pub(crate) fn template(&self) -> Option<&UriTemplate> {
        self.template.as_ref().and_then(|template| template.as_ref().ok())
    }
}

/// A type that a resource's handler may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something a resource's handler can return",
    label = "cannot become a resource's contents",
    note = "return text, bytes (`Vec<u8>`, `Bytes`), `Json<T>`, `ResourceContents`, `Vec<ResourceContents>`, a \
            `ReadResourceResult`, an `Option` of these (`None`: there is no such resource), or a `Result` of them"
)]
pub trait IntoResourceResult {
    /// Makes it what was read; `None` where there is nothing of that URI.
    ///
    /// # Errors
    ///
    /// When the handler failed.
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError>;
}

impl IntoResourceResult for ReadResourceResult {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        Ok(Some(self))
    }
}

impl IntoResourceResult for Vec<ResourceContents> {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        Ok(Some(ReadResourceResult::new(self)))
    }
}

impl<const N: usize> IntoResourceResult for [ResourceContents; N] {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        Ok(Some(ReadResourceResult::new(self)))
    }
}

impl IntoResourceResult for ResourceContents {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        Ok(Some(ReadResourceResult::new([self])))
    }
}

impl<T: Serialize + JsonSchema> IntoResourceResult for Json<T> {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        ResourceContents::json(serde_json::to_string(&self.0)?).into_resource_result()
    }
}

macro_rules! contents {
    ($part:ident: $($data:ty),*) => {$(
        impl IntoResourceResult for $data {
            fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
                ResourceContents::$part(self).into_resource_result()
            }
        }
    )*};
}

contents!(text: String, &'static str, std::borrow::Cow<'static, str>, Box<str>);
contents!(blob: Vec<u8>, &'static [u8], Bytes);

/// As `include_bytes!` has it.
impl<const N: usize> IntoResourceResult for &'static [u8; N] {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        ResourceContents::blob(self).into_resource_result()
    }
}

impl<T: IntoResourceResult> IntoResourceResult for Option<T> {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        self.map_or(Ok(None), T::into_resource_result)
    }
}

impl<T: IntoResourceResult, E: Into<ToolError>> IntoResourceResult for Result<T, E> {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        self.map_err(Into::into)?.into_resource_result()
    }
}

impl<T: IntoResourceResult> Returns<Option<ReadResourceResult>> for T {
    fn into_answer(self) -> Result<Option<ReadResourceResult>, ToolError> {
        self.into_resource_result()
    }
}
