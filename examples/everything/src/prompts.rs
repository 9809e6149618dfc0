//! Prompts: without and with arguments, of text and of more than text.

use mcp_mount::{Args, CompletionRequest, Content, Prompt, PromptMessage, prompt, prompt_fn, prompts};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::content::PNG;

pub(crate) fn prompts() -> Vec<Prompt> {
    let mut all = prompts![test_simple_prompt, test_prompt_with_arguments, test_prompt_with_image];
    all.push(prompt_fn(
        "test_prompt_with_embedded_resource",
        "Ask about a resource that comes with the prompt",
        |Args(arguments): Args<Embedded>| async move { embedded(&arguments.resource_uri) },
    ));
    all
}

/// Ask for nothing in particular.
#[prompt]
fn test_simple_prompt() -> &'static str {
    "This is a simple prompt for testing."
}

/// Ask with two arguments.
#[prompt]
fn test_prompt_with_arguments(
    /// The first argument.
    #[complete(first)]
    arg1: String,
    /// The second argument.
    #[complete(second)]
    arg2: String,
) -> String {
    format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")
}

/// What `arg1` may be.
fn first(request: CompletionRequest) -> Vec<&'static str> {
    ["paris", "park", "party", "test"].into_iter().filter(|value| value.starts_with(request.value())).collect()
}

/// What `arg2` may be, which depends on `arg1`.
fn second(request: CompletionRequest) -> Option<[String; 1]> {
    request.context("arg1").map(|arg1| [format!("{arg1}-too")])
}

/// Ask about a picture.
#[prompt]
fn test_prompt_with_image() -> Vec<PromptMessage> {
    vec![PromptMessage::user(Content::image(PNG, "image/png")), PromptMessage::user("Please analyze the image above.")]
}

/// The suite spells the argument in camel case.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Embedded {
    /// The URI that the resource shall have.
    resource_uri: String,
}

fn embedded(uri: &str) -> Vec<PromptMessage> {
    let resource = Content::text_resource(uri, "text/plain", "Embedded resource content for testing.");
    vec![PromptMessage::user(resource), PromptMessage::user("Please process the embedded resource above.")]
}
