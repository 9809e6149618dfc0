//! What a handler may return.

use std::error::Error as StdError;
use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::ask::error::AskError;
use super::context::MissingCapability;
use super::schema;
use crate::error::Causes;
use crate::protocol::content::Content;
use crate::protocol::tools::CallToolResult;

type BoxError = Box<dyn StdError + Send + Sync>;

/// A type that a tool's handler may return.
///
/// ```
/// use mcp_mount::{CallToolResult, Content, IntoToolResult, ToolError};
///
/// struct Report { text: String, chart: Vec<u8> }
///
/// impl IntoToolResult for Report {
///     fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
///         Ok(CallToolResult::new([Content::text(self.text), Content::image(self.chart, "image/png")]))
///     }
/// }
///
/// # fn main() {
/// let report = || Report { text: "all is well".to_owned(), chart: Vec::new() };
/// let tool = mcp_mount::tool_fn("report", "Report", move || async move { report() });
/// # let _ = tool; }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something a tool's handler can return",
    label = "cannot become a tool's result",
    note = "return text, a number, a bool, `()`, `Json<T>` for structured output, a JSON `Value`, `Content`, several texts or \
            `Content`s in a `Vec`, `CallToolResult`, or an `Option` or `Result` of these",
    note = "a type of your own becomes structured output as `Json<T>`: derive `serde::Serialize` and `schemars::JsonSchema` for it"
)]
pub trait IntoToolResult {
    /// Makes it the result of the call.
    ///
    /// # Errors
    ///
    /// When the tool failed.
    fn into_tool_result(self) -> Result<CallToolResult, ToolError>;

    /// The schema of `structuredContent`, where there is one.
    #[must_use]
    fn output_schema() -> Option<Value> {
        None
    }
}

/// JSON, wherever a handler has to do with it.
///
/// - A tool returns it: structured output, that is, `structuredContent`, its schema, and the same JSON as text for clients
///   before 2025-06-18. Before 2026-07-28 a value that is not an object is sent as `{"result": ..}`.
/// - A resource returns it: text of the media type `application/json`.
/// - A [route](crate::Mcp::route) returns it: the response's body.
/// - A handler takes it: all arguments, the same as [`Args`](crate::Args).
///
/// ```
/// use mcp_mount::{Json, tool_fn};
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct Sum { sum: i64 }
///
/// let tool = tool_fn("sum", "Sum up", || async { Json(Sum { sum: 3 }) });
/// # let _ = tool;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<T: Serialize + JsonSchema> IntoToolResult for Json<T> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        let result = CallToolResult::default().structured(&self.0)?;
        let text = result.structured.as_ref().map_or("", |structured| structured.get()).to_owned();
        Ok(CallToolResult { content: vec![Content::text(text)], ..result })
    }

    fn output_schema() -> Option<Value> {
        Some(schema::output::<T>())
    }
}

impl IntoToolResult for CallToolResult {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(self)
    }
}

impl IntoToolResult for Content {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::new([self]))
    }
}

/// Several blocks: of `Content`, or of text.
impl<T: Into<Content>> IntoToolResult for Vec<T> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::new(self.into_iter().map(Into::into)))
    }
}

/// Several blocks: of `Content`, or of text.
impl<T: Into<Content>, const N: usize> IntoToolResult for [T; N] {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::new(self.into_iter().map(Into::into)))
    }
}

/// Structured output without a schema, and the same JSON as text.
impl IntoToolResult for Value {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        let result = CallToolResult::text(self.to_string());
        Ok(result.structured(&self)?)
    }
}

impl IntoToolResult for () {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::default())
    }
}

impl<T: IntoToolResult> IntoToolResult for Option<T> {
    /// `None` is a result without content.
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        self.map_or_else(|| Ok(CallToolResult::default()), T::into_tool_result)
    }
}

impl<T: IntoToolResult, E: Into<ToolError>> IntoToolResult for Result<T, E> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        self.map_err(Into::into)?.into_tool_result()
    }

    fn output_schema() -> Option<Value> {
        T::output_schema()
    }
}

macro_rules! text_result {
    ($($text:ty),*) => {$(
        impl IntoToolResult for $text {
            fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
                Ok(CallToolResult::text(self))
            }
        }
    )*};
}

text_result!(String, &'static str, std::borrow::Cow<'static, str>, Box<str>);

impl IntoToolResult for std::sync::Arc<str> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Ok(CallToolResult::text(&*self))
    }
}

macro_rules! displayed_result {
    ($($displayed:ty),*) => {$(
        impl IntoToolResult for $displayed {
            fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
                Ok(CallToolResult::text(self.to_string()))
            }
        }
    )*};
}

displayed_result!(bool, char, f32, f64, i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);
displayed_result!(std::net::IpAddr, std::net::SocketAddr, uuid::Uuid);

/// Why a handler failed: of a tool, a resource, a prompt, a completion or a method of your own.
///
/// Any error becomes one by `?`. Its text stays in the server's log (level ERROR) and the client sees a reference to it,
/// unless it was made for the client's eyes by [`expose`](Self::expose). A failed tool is a result with `isError`; anything
/// else is answered with -32603.
///
/// ```
/// use mcp_mount::ToolError;
///
/// async fn read(path: String) -> Result<String, ToolError> {
///     if path.contains("..") {
///         return Err(ToolError::expose("the path must not leave the folder"));
///     }
///     Ok(std::fs::read_to_string(path)?) // masked: the error could name what is none of the client's business
/// }
/// ```
pub struct ToolError {
    exposed: bool,
    source: BoxError,
}

impl ToolError {
    /// A failure whose text the client, and the model behind it, may see and act on.
    pub fn expose(error: impl Into<BoxError>) -> Self {
        Self { exposed: true, source: error.into() }
    }

    /// Whether it is, or comes from, a failed [`Context::require`](crate::Context::require).
    pub(crate) fn is_missing_capability(&self) -> bool {
        self.find::<MissingCapability>().is_some()
    }

    /// The question without an answer that it comes from, if it does.
    pub(crate) fn ask(&self) -> Option<&AskError> {
        self.find()
    }

    /// The first error of this type among it and its causes.
    fn find<E: StdError + 'static>(&self) -> Option<&E> {
        let mut next: Option<&(dyn StdError + 'static)> = Some(&*self.source);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    pub(crate) fn causes(&self) -> Causes<'_> {
        Causes(&*self.source)
    }

    /// The text, if it was made for the client's eyes; else what to log.
    pub(crate) fn exposed(&self) -> Result<String, Causes<'_>> {
        if self.exposed { Ok(self.source.to_string()) } else { Err(Causes(&*self.source)) }
    }
}

/// Logs an error of the server's own making, and answers what the client sees of it: a reference.
pub(crate) fn mask(noun: &'static str, name: &str, cause: &dyn fmt::Display) -> String {
    let reference = uuid::Uuid::new_v4().simple().to_string();
    let reference = &reference[..12];
    tracing::error!(kind = noun, name, reference, cause = %cause, "the {noun} failed");
    format!("the {noun} failed with an internal error (reference {reference} in the server's log)")
}

impl<E: Into<BoxError>> From<E> for ToolError {
    fn from(error: E) -> Self {
        Self { exposed: false, source: error.into() }
    }
}

impl fmt::Debug for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolError").field("exposed", &self.exposed).field("source", &self.source).finish()
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}
