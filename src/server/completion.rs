//! Completion: handlers that suggest values for an argument.

use std::sync::Arc;

use serde_json::Value;

use super::answer::Returns;
use super::call::Call;
use super::extract::{FromCall, Needs};
use super::handler::{ErasedHandler, Handler};
use super::refusal::Refusal;
use super::result::ToolError;
use super::target::{Kind, Target};
use crate::protocol::completion::Completion;

/// What is to be completed: ask for it as a parameter of a completion handler.
///
/// ```
/// use mcp_mount::{Args, CompletionRequest, prompt_fn};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Greeting { language: String, name: String }
///
/// async fn names(request: CompletionRequest) -> Vec<String> {
///     let names: &[&str] = if request.context("language") == Some("fr") { &["Amélie", "Zoé"] } else { &["Amy", "Zoe"] };
///     names.iter().filter(|name| name.starts_with(request.value())).map(ToString::to_string).collect()
/// }
///
/// let greet = prompt_fn("greet", "Greet somebody", |Args(to): Args<Greeting>| async move {
///     format!("Greet {} in {}", to.name, to.language)
/// })
/// .complete("name", names);
/// # let _ = greet;
/// ```
#[derive(Clone, Debug)]
pub struct CompletionRequest {
    pub(crate) argument: String,
    pub(crate) value: String,
    pub(crate) context: Vec<(String, String)>,
}

impl CompletionRequest {
    /// The name of the argument or variable.
    #[must_use]
    pub fn argument(&self) -> &str {
        &self.argument
    }

    /// What has been typed so far.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The value of another argument, if it has been filled in already. Clients tell it since 2025-06-18.
    #[must_use]
    pub fn context(&self, argument: &str) -> Option<&str> {
        self.context.iter().find(|(name, _)| name == argument).map(|(_, value)| value.as_str())
    }
}

impl FromCall for CompletionRequest {
    fn needs(needs: &mut Needs) {
        needs.completion = true;
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        call.completion().cloned().ok_or_else(|| {
            Refusal::new(format!(
                "`{}` takes a `CompletionRequest`, which only completion handlers are given",
                call.name()
            ))
        })
    }
}

/// A type that a completion handler may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something a completion handler can return",
    label = "cannot become suggestions",
    note = "return a `Vec<String>`, a `Vec<&'static str>`, an array of these, a `Completion`, or an `Option` or `Result` of them"
)]
pub trait IntoCompletion {
    /// Makes it suggestions.
    ///
    /// # Errors
    ///
    /// When the handler failed.
    fn into_completion(self) -> Result<Completion, ToolError>;
}

impl IntoCompletion for Completion {
    fn into_completion(self) -> Result<Completion, ToolError> {
        Ok(self)
    }
}

impl<T: Into<String>> IntoCompletion for Vec<T> {
    fn into_completion(self) -> Result<Completion, ToolError> {
        Ok(Completion::new(self))
    }
}

impl<T: Into<String>, const N: usize> IntoCompletion for [T; N] {
    fn into_completion(self) -> Result<Completion, ToolError> {
        Ok(Completion::new(self))
    }
}

impl<T: IntoCompletion> IntoCompletion for Option<T> {
    /// `None` is no suggestions.
    fn into_completion(self) -> Result<Completion, ToolError> {
        self.map_or_else(|| Ok(Completion::default()), T::into_completion)
    }
}

impl<T: IntoCompletion, E: Into<ToolError>> IntoCompletion for Result<T, E> {
    fn into_completion(self) -> Result<Completion, ToolError> {
        self.map_err(Into::into)?.into_completion()
    }
}

impl<T: IntoCompletion> Returns<Completion> for T {
    fn into_answer(self) -> Result<Completion, ToolError> {
        self.into_completion()
    }
}

/// The completion handlers of one prompt or template, by argument.
#[derive(Clone, Debug, Default)]
pub(crate) struct Completers(Vec<(String, Arc<Target>)>);

impl Completers {
    /// Adds a handler for an argument of `owner`, a prompt's name or a template.
    pub(crate) fn add<P, H: Handler<P, Completion>>(&mut self, owner: &str, argument: String, handler: H) {
        let target = Target::new(Kind::Completion, owner.to_owned(), H::needs(), ErasedHandler::new(handler));
        self.0.retain(|(name, _)| *name != argument);
        self.0.push((argument, Arc::new(target)));
    }

    /// Suggests the values that an argument's schema lists, where nothing else was given.
    pub(crate) fn add_enumerations(&mut self, owner: &str, schema: &Value) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        for (name, property) in properties {
            let values = enumeration(property);
            if !values.is_empty() && self.get(name).is_none() {
                self.add(owner, name.clone(), move |request: CompletionRequest| -> Vec<String> {
                    let typed = request.value.to_lowercase();
                    values.iter().filter(|value| value.to_lowercase().starts_with(&typed)).cloned().collect()
                });
            }
        }
    }

    /// Has the handlers run as the one that they complete for does.
    pub(crate) fn run_as(&mut self, target: &Target) {
        for (_, completer) in &mut self.0 {
            let completer = Arc::make_mut(completer);
            (completer.timeout, completer.blocking) = (target.timeout, target.blocking);
        }
    }

    pub(crate) fn get(&self, argument: &str) -> Option<&Arc<Target>> {
        self.0.iter().find(|(name, _)| name == argument).map(|(_, target)| target)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Target)> {
        self.0.iter().map(|(name, target)| (name.as_str(), &**target))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The strings that a schema allows, as schemars writes enums with and without documentation.
fn enumeration(schema: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values.iter().filter_map(text).collect();
    }
    let variants = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
    let variants = variants.into_iter().flatten();
    variants
        .flat_map(|variant| match variant.get("const") {
            Some(value) => text(value).into_iter().collect(),
            None => enumeration(variant),
        })
        .collect()
}
