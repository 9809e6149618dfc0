//! What `#[tool]`, `#[resource]`, `#[prompt]` and `#[derive(Elicit)]` write refers to this; it is no part of the API.

use std::future::Future;
use std::marker::PhantomData;

pub use schemars;
use schemars::JsonSchema;
pub use serde;
use serde::de::DeserializeOwned;

pub use crate::protocol::input::form::{ElicitChoice, ElicitField, ElicitStruct};
use crate::{FromCall, IntoPromptResult, IntoResourceResult, IntoToolResult, Prompt, Resource, Tool};

/// A companion of a function: it knows the tool.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    label = "not marked with `#[tool]`",
    note = "`tools![..]` lists functions that are marked with `#[tool]`, by their paths"
)]
pub trait ToolSource {
    /// The tool.
    fn tool() -> Tool;
}

/// A companion of a function: it knows the resource.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource",
    label = "not marked with `#[resource(..)]`",
    note = "`resources![..]` lists functions that are marked with `#[resource(..)]`, by their paths"
)]
pub trait ResourceSource {
    /// The resource.
    fn resource() -> Resource;
}

/// A companion of a function: it knows the prompt.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a prompt",
    label = "not marked with `#[prompt]`",
    note = "`prompts![..]` lists functions that are marked with `#[prompt]`, by their paths"
)]
pub trait PromptSource {
    /// The prompt.
    fn prompt() -> Prompt;
}

/// What the client may send for one parameter. Implemented for all that can be decoded and described, but it is this
/// trait that an error should name, which says what else the parameter might be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an argument, which clients send, nor an extractor, which the server fills",
    label = "not `Deserialize` and `JsonSchema`, and not marked `#[extract]`",
    note = "for an argument, derive both `serde::Deserialize` and `schemars::JsonSchema`, for the types in it too",
    note = "for an extractor, implement `mcp_mount::FromCall` and mark the parameter `#[extract]`"
)]
pub trait Argument {
    /// Compiles if the type is an argument.
    fn check() {}
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> Argument for T {}

/// An assumption: that a type is [`Argument`].
pub trait Readable<'a>: DeserializeOwned + JsonSchema + Send + 'static {}

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Readable<'_> for T {}

/// An assumption: that a type is [`FromCall`].
pub trait Extractor<'a>: FromCall {}

impl<T: FromCall> Extractor<'_> for T {}

/// An assumption: that a type is [`IntoToolResult`].
pub trait ToolAnswer<'a>: IntoToolResult + 'static {}

impl<T: IntoToolResult + 'static> ToolAnswer<'_> for T {}

/// An assumption: that a type is [`IntoResourceResult`].
pub trait ResourceAnswer<'a>: IntoResourceResult + 'static {}

impl<T: IntoResourceResult + 'static> ResourceAnswer<'_> for T {}

/// An assumption: that a type is [`IntoPromptResult`].
pub trait PromptAnswer<'a>: IntoPromptResult + 'static {}

impl<T: IntoPromptResult + 'static> PromptAnswer<'_> for T {}

/// Wraps a function, on assumptions about the types in its signature.
pub trait Make<Made> {
    /// Wraps it.
    fn make() -> Made;
}

/// Calls [`Make::make`] if its assumptions hold, as it is found before the method of [`Unchecked`] then.
#[derive(Debug)]
pub struct Checked<Maker, Made>(PhantomData<(Maker, Made)>);

impl<Made, Maker: Make<Made>> Checked<Maker, Made> {
    /// Wraps the function.
    #[must_use]
    pub fn make() -> Made {
        Maker::make()
    }
}

/// Stands in where an assumption is wrong. Each is checked beside the call too, so that this is never more than what is
/// left of code that does not compile.
pub trait Unchecked<Made> {
    /// Cannot be compiled.
    #[must_use]
    fn make() -> Made {
        const { panic!("a type in the function's signature is not what it has to be") }
    }
}

impl<Made, Maker> Unchecked<Made> for Checked<Maker, Made> {}

/// The running function, about which only one error is to be had: that it is not `Send`.
pub fn running<F: Future + Send + 'static>(function: F) -> impl Future<Output = F::Output> + Send + 'static {
    function
}
