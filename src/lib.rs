#![doc = include_str!("../docs/crate.md")]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// So that what the attributes write, which names the crate, works in the crate's own tests.
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
#[cfg(feature = "actix-web")]
pub use mount::actix::ActixScope;
#[cfg(feature = "axum")]
pub use mount::axum::extract::Extract;
pub use protocol::caching::CacheScope;
pub use protocol::capabilities::Capability;
pub use protocol::completion::Completion;
pub use protocol::content::{Annotations, Content};
pub use protocol::implementation::{Icon, Implementation};
pub use protocol::input::elicitation::Elicited;
pub use protocol::input::form::Elicit;
pub use protocol::input::roots::Root;
pub use protocol::input::sampling::{
    CreateMessageRequest, CreateMessageResult, IncludeContext, ModelPreferences, SamplingContent, SamplingMessage,
    SamplingTool, ToolChoice,
};
pub use protocol::notifications::LogLevel;
pub use protocol::prompts::{GetPromptResult, PromptMessage, Role};
pub use protocol::resources::{ReadResourceResult, ResourceContents};
pub use protocol::revision::Revision;
pub use protocol::tools::CallToolResult;
pub use server::arguments::Args;
pub use server::ask::error::AskError;
pub use server::call::{Call, CallError, OnDisconnect, Reply};
pub use server::changes::Notify;
pub use server::completion::{CompletionRequest, IntoCompletion};
pub use server::context::{Context, MissingCapability};
pub use server::extract::{EndpointUrl, Extension, FromCall, Headers, Needs, State};
pub use server::handler::Handler;
pub use server::handles::{Prompts, Resources, Tools};
pub use server::layer::CallService;
pub use server::method::MethodResult;
pub use server::principal_state::{PrincipalState, StateError};
pub use server::progress::Progress;
pub use server::prompt::{IntoPromptResult, Prompt, prompt_fn};
pub use server::refusal::Refusal;
pub use server::resource::{IntoResourceResult, Resource, resource_fn};
pub use server::result::{IntoToolResult, Json, ToolError};
pub use server::tool::{Tool, tool_fn};
#[cfg(feature = "redis")]
pub use store::Redis;
#[cfg(feature = "sqlite")]
pub use store::Sqlite;
pub use store::{Memory, Store, store_from_url};
pub use transport::body::{Body, StreamCut};
pub use transport::builder::Mcp;
pub use transport::config::Limits;
pub use transport::custom::IntoRouteResponse;
pub use transport::describe::Description;
pub use transport::http_layer::{HttpService, RequestBody};
pub use transport::service::McpService;
pub use transport::session::Sessions;

/// What a [`Store`] is asked for, and what it answers: for those who write one. And why [`store_from_url`] found none.
pub mod stores {
    pub use crate::store::{
        Appended, Cap, Expect, GroupCap, Key, Kind, LogEntry, LogKey, LogLimits, LogNews, LogPage, LogPlace,
        LogWatcher, Reserved, StoreError, StoreFuture, StoreUrlError, Stored,
    };
    #[cfg(feature = "redis")]
    pub use crate::store::{RedisBuilder, RedisError};
    #[cfg(feature = "sqlite")]
    pub use crate::store::{SqliteBuilder, SqliteError};
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

/// Makes a function a resource, or all the resources of a URI template.
///
/// ```
/// use mcp_mount::{Json, Mcp, resource, resources};
///
/// #[derive(serde::Serialize, schemars::JsonSchema)]
/// struct User { id: u32, name: String }
///
/// /// A user, by id.
/// #[resource("users://{id}", mime_type = "application/json")]
/// async fn user(id: u32) -> Option<Json<User>> {
///     (id == 1).then(|| Json(User { id, name: "Ada".to_owned() }))
/// }
///
/// /// What this server believes in.
/// #[resource("about://motto", ttl = "1h", cache_scope = "public")]
/// fn motto() -> &'static str {
///     "Keep it simple."
/// }
///
/// # fn main() -> Result<(), mcp_mount::BuildError> {
/// let mcp = Mcp::new("users", "1.0.0").resources(resources![user, motto]).build()?;
/// # let _ = mcp; Ok(()) }
/// ```
#[cfg(feature = "macros")]
pub use mcp_mount_macros::resource;

/// Makes a function a prompt.
///
/// ```
/// use mcp_mount::{CompletionRequest, Mcp, prompt, prompts};
///
/// /// Review some code.
/// #[prompt(title = "Code review")]
/// async fn review(
///     /// The code
///     code: String,
///     /// In which language to answer
///     #[complete(languages)]
///     language: Option<String>,
/// ) -> String {
///     format!("Review this code, in {}:\n{code}", language.as_deref().unwrap_or("English"))
/// }
///
/// fn languages(request: CompletionRequest) -> Vec<&'static str> {
///     ["English", "French"].into_iter().filter(|language| language.starts_with(request.value())).collect()
/// }
///
/// # fn main() -> Result<(), mcp_mount::BuildError> {
/// let mcp = Mcp::new("reviewer", "1.0.0").prompts(prompts![review]).build()?;
/// # let _ = mcp; Ok(()) }
/// ```
#[cfg(feature = "macros")]
pub use mcp_mount_macros::prompt;

/// Makes a struct what a form asks for, or an enum a choice in it: see the trait [`Elicit`].
///
/// ```
/// use mcp_mount::Elicit;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
/// struct Order {
///     /// How many
///     #[schemars(range(min = 1, max = 12))]
///     pieces: u8,
///     size: Size,
///     /// Anything else we should know
///     note: Option<String>,
/// }
///
/// #[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
/// #[serde(rename_all = "lowercase")]
/// enum Size { Small, Large }
/// ```
#[cfg(feature = "macros")]
pub use mcp_mount_macros::Elicit;

/// The tools of functions that are marked with `#[tool]`, for [`Mcp::tools`].
///
/// Each is named by its path: `tools![add, files::read]`.
#[macro_export]
macro_rules! tools {
    ($($tool:ty),* $(,)?) => {
        ::std::vec![$(<$tool as $crate::__private::ToolSource>::tool()),*]
    };
}

/// The resources of functions that are marked with `#[resource(..)]`, for [`Mcp::resources`].
///
/// Each is named by its path: `resources![motto, users::user]`.
#[macro_export]
macro_rules! resources {
    ($($resource:ty),* $(,)?) => {
        ::std::vec![$(<$resource as $crate::__private::ResourceSource>::resource()),*]
    };
}

/// The prompts of functions that are marked with `#[prompt]`, for [`Mcp::prompts`].
///
/// Each is named by its path: `prompts![review, texts::summarize]`.
#[macro_export]
macro_rules! prompts {
    ($($prompt:ty),* $(,)?) => {
        ::std::vec![$(<$prompt as $crate::__private::PromptSource>::prompt()),*]
    };
}

#[doc(hidden)]
pub mod __private;

/// The examples of the README and of the pages in `docs`, compiled. The published package has no such pages and needs
/// none.
#[cfg(all(doctest, feature = "actix-web", feature = "axum", feature = "macros", feature = "testing"))]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;

    #[doc = include_str!("../docs/handlers.md")]
    struct Handlers;

    #[doc = include_str!("../docs/mounting.md")]
    struct Mounting;

    #[doc = include_str!("../docs/lifespan.md")]
    struct StartAndEnd;

    #[doc = include_str!("../docs/scaling.md")]
    struct Scaling;

    #[doc = include_str!("../docs/limits.md")]
    struct LimitsAndCosts;
}
