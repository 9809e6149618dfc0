#![doc = include_str!("../docs/crate.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// So that what `#[tool]` writes, which names the crate, works in the crate's own tests.
extern crate self as mcp_mount;

mod auth;
mod error;
mod lifespan;
mod mount;
mod protocol;
mod server;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;

pub use auth::Principal;
pub use error::{BuildError, BuildErrorKind};
pub use lifespan::{DrainReport, Lifespan, StartError};
#[cfg(feature = "axum")]
pub use mount::axum::extract::Extract;
pub use protocol::caching::CacheScope;
pub use protocol::capabilities::Capability;
pub use protocol::completion::Completion;
pub use protocol::content::{Annotations, Content};
pub use protocol::implementation::{Icon, Implementation};
pub use protocol::notifications::LogLevel;
pub use protocol::prompts::{GetPromptResult, PromptMessage, Role};
pub use protocol::resources::{ReadResourceResult, ResourceContents};
pub use protocol::revision::Revision;
pub use protocol::tools::CallToolResult;
pub use server::arguments::Args;
pub use server::call::{Call, CallError, OnDisconnect, Reply};
pub use server::changes::Notify;
pub use server::completion::{CompletionRequest, IntoCompletion};
pub use server::context::{Context, MissingCapability, Progress};
pub use server::extract::{Extension, FromCall, Headers, Needs, Refusal, State};
pub use server::handler::Handler;
pub use server::handles::{Prompts, Resources, Tools};
pub use server::layer::CallService;
pub use server::prompt::{IntoPromptResult, Prompt, prompt_fn};
pub use server::resource::{IntoResourceResult, Resource, resource_fn};
pub use server::result::{IntoToolResult, Json, ToolError};
pub use server::tool::{Tool, tool_fn};
pub use store::{Memory, Store};
pub use transport::body::{Body, StreamCut};
pub use transport::builder::Mcp;
pub use transport::config::Limits;
pub use transport::custom::IntoRouteResponse;
pub use transport::describe::Description;
pub use transport::http_layer::{HttpService, RequestBody};
pub use transport::service::McpService;
pub use transport::session::Sessions;

/// What a [`Store`] is asked for, and what it answers: for those who write one.
pub mod stores {
    pub use crate::store::{Cap, Expect, Key, Kind, Reserved, StoreError, StoreFuture, Stored};
}

/// Makes a function a tool.
///
/// ```
/// use mcp_mount::{Mcp, tool, tools};
///
/// /// Add two numbers.
/// #[tool(read_only)]
/// async fn add(
///     /// The first number
///     a: f64,
///     b: f64,
/// ) -> f64 {
///     a + b
/// }
///
/// # fn main() -> Result<(), mcp_mount::BuildError> {
/// let mcp = Mcp::new("calculator", "1.0.0").tools(tools![add]).build()?;
/// # let _ = mcp; Ok(()) }
/// ```
#[cfg(feature = "macros")]
pub use mcp_mount_macros::tool;

/// The tools of functions that are marked with `#[tool]`, for [`Mcp::tools`].
///
/// Each is named by its path: `tools![add, files::read]`.
#[macro_export]
macro_rules! tools {
    ($($tool:path),* $(,)?) => {
        ::std::vec![$(<$tool as $crate::__private::ToolSource>::tool()),*]
    };
}

/// What `#[tool]` writes refers to this; it is no part of the API.
#[doc(hidden)]
pub mod __private {
    pub use schemars;
    pub use serde;

    /// A companion of a function: it knows the tool.
    pub trait ToolSource {
        /// The tool.
        fn tool() -> crate::Tool;
    }
}

/// The examples of the README, compiled.
#[cfg(all(doctest, feature = "axum", feature = "macros"))]
#[doc = include_str!("../README.md")]
struct Readme;
