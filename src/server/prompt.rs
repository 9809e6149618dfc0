//! Prompts: what is listed, and the handler behind it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::answer::Returns;
use super::call::OnDisconnect;
use super::completion::Completers;
use super::handler::{ErasedHandler, Handler};
use super::registry::structured;
use super::result::ToolError;
use super::settings::{icons, meta, runs, title};
use super::target::{Kind, Target};
use crate::protocol::completion::Completion;
use crate::protocol::content::Content;
use crate::protocol::implementation::Icon;
use crate::protocol::meta::OwnMeta;
use crate::protocol::prompts::{GetPromptResult, PromptArgument, PromptDefinition, PromptMessage};

/// A text, or several messages, that a user can ask for by name. Made by [`prompt_fn`], or by `#[prompt]`.
#[derive(Clone, Debug)]
pub struct Prompt {
    pub(crate) definition: PromptDefinition,
    pub(crate) target: Arc<Target>,
    pub(crate) completers: Completers,
    /// An argument that is more than a text can say.
    pub(crate) structured: Option<String>,
}

/// A prompt from a function or closure; its parameters are extractors, see [`Handler`].
///
/// The arguments are the fields of `Args<T>`, in their order. Clients send them as strings; they are read into the types of
/// the fields, be it a number or an enum.
///
/// ```
/// use mcp_mount::{Args, prompt_fn};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Review {
///     /// The code
///     code: String,
///     /// How many remarks at most
///     limit: Option<u32>,
/// }
///
/// let review = prompt_fn("review", "Review code", |Args(review): Args<Review>| async move {
///     format!("Make at most {} remarks on this code:\n{}", review.limit.unwrap_or(10), review.code)
/// })
/// .title("Code review")
/// .complete("limit", || ["5", "10"]);
/// # let _ = review;
/// ```
pub fn prompt_fn<P, H>(name: impl Into<String>, description: impl Into<String>, handler: H) -> Prompt
where
    H: Handler<P, GetPromptResult>,
{
    let (name, mut needs) = (name.into(), H::needs());
    let schema = needs.input_schema.take().unwrap_or_default();
    let mut completers = Completers::default();
    completers.add_enumerations(&name, &schema);
    let definition = PromptDefinition {
        name: name.clone(),
        title: None,
        description: description.into(),
        arguments: arguments(&schema, needs.argument_names),
        icons: Vec::new(),
        meta: OwnMeta::default(),
    };
    let target = Arc::new(Target::new(Kind::Prompt, name, needs, ErasedHandler::new(handler)));
    Prompt { definition, target, completers, structured: structured(&schema).map(str::to_owned) }
}

/// The properties of a schema as the arguments of a prompt, in this order: there are clients whose users give them one
/// after the other.
fn arguments(schema: &Value, order: &[&str]) -> Vec<PromptArgument> {
    let required = schema.get("required").and_then(Value::as_array);
    let text = |property: &Value, member| property.get(member).and_then(Value::as_str).map(str::to_owned);
    let properties = schema.get("properties").and_then(Value::as_object);
    let arguments = properties.into_iter().flatten().map(|(name, property)| PromptArgument {
        name: name.clone(),
        title: text(property, "title"),
        description: text(property, "description"),
        required: required.is_some_and(|required| required.iter().any(|one| one == name)),
    });
    let mut arguments: Vec<_> = arguments.collect();
    arguments.sort_by_key(|argument| order.iter().position(|name| *name == argument.name).unwrap_or(order.len()));
    arguments
}

impl Prompt {
    /// The prompt's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Suggests values for an argument: a [`Handler`] that may take a [`CompletionRequest`](crate::CompletionRequest). An
    /// argument whose type is an enum of strings needs none.
    /// [`timeout`](Self::timeout) and [`blocking`](Self::blocking) hold for this handler too.
    #[must_use]
    pub fn complete<P, H: Handler<P, Completion>>(mut self, argument: impl Into<String>, handler: H) -> Self {
        self.completers.add(&self.definition.name, argument.into(), handler);
        self
    }

    title!();
    icons!();
    meta!();
    runs!();
}

/// A type that a prompt's handler may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something a prompt's handler can return",
    label = "cannot become a prompt's messages",
    note = "return text, a `PromptMessage`, a `Vec<PromptMessage>`, a `GetPromptResult`, or a `Result` of these"
)]
pub trait IntoPromptResult {
    /// Makes it the messages of the prompt.
    ///
    /// # Errors
    ///
    /// When the handler failed.
    fn into_prompt_result(self) -> Result<GetPromptResult, ToolError>;
}

impl IntoPromptResult for GetPromptResult {
    fn into_prompt_result(self) -> Result<GetPromptResult, ToolError> {
        Ok(self)
    }
}

impl IntoPromptResult for PromptMessage {
    fn into_prompt_result(self) -> Result<GetPromptResult, ToolError> {
        Ok(GetPromptResult::new([self]))
    }
}

impl IntoPromptResult for Vec<PromptMessage> {
    fn into_prompt_result(self) -> Result<GetPromptResult, ToolError> {
        Ok(GetPromptResult::new(self))
    }
}

impl<const N: usize> IntoPromptResult for [PromptMessage; N] {
    fn into_prompt_result(self) -> Result<GetPromptResult, ToolError> {
        Ok(GetPromptResult::new(self))
    }
}

/// One message of the user.
macro_rules! user_message {
    ($($content:ty),*) => {$(
        impl IntoPromptResult for $content {
            fn into_prompt_result(self) -> Result<GetPromptResult, ToolError> {
                Ok(GetPromptResult::new([PromptMessage::user(self)]))
            }
        }
    )*};
}

user_message!(String, &'static str, Content);

impl IntoPromptResult for std::borrow::Cow<'static, str> {
    fn into_prompt_result(self) -> Result<GetPromptResult, ToolError> {
        self.into_owned().into_prompt_result()
    }
}

impl<T: IntoPromptResult, E: Into<ToolError>> IntoPromptResult for Result<T, E> {
    fn into_prompt_result(self) -> Result<GetPromptResult, ToolError> {
        self.map_err(Into::into)?.into_prompt_result()
    }
}

impl<T: IntoPromptResult> Returns<GetPromptResult> for T {
    fn into_answer(self) -> Result<GetPromptResult, ToolError> {
        self.into_prompt_result()
    }
}
