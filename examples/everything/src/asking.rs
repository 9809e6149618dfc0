//! Tools and a prompt that ask the client: its user, its model, its roots. The same handlers serve clients with sessions,
//! which are asked while the call runs, and 2026-07-28, where each round of questions is a result of its own.

use mcp_mount::{
    AskError, Capability, Content, Context, CreateMessageRequest, Elicit, Elicited, Prompt, Role, SamplingContent,
    SamplingMessage, SamplingTool, Tool, prompt, prompts, tool, tools,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub(crate) fn tools() -> Vec<Tool> {
    tools![
        test_sampling,
        test_elicitation,
        test_elicitation_sep1034_defaults,
        test_elicitation_sep1330_enums,
        test_input_required_result_elicitation,
        test_input_required_result_sampling,
        test_input_required_result_list_roots,
        test_input_required_result_request_state,
        test_input_required_result_multiple_inputs,
        test_input_required_result_multi_round,
        test_input_required_result_tampered_state,
        test_input_required_result_capabilities,
        visit,
        survey,
        forecast,
    ]
}

pub(crate) fn prompts() -> Vec<Prompt> {
    prompts![test_input_required_result_prompt]
}

/// Ask the client's model.
#[tool(read_only)]
async fn test_sampling(
    /// What to ask it.
    prompt: String,
    ctx: Context,
) -> Result<String, AskError> {
    let answer = ctx.sample("prompt", CreateMessageRequest::new(100).user(prompt)).await?;
    Ok(format!("LLM response: {}", answer.text()))
}

#[derive(Deserialize, Serialize, JsonSchema, Elicit)]
struct Account {
    /// User's response
    username: String,
    /// User's email address
    email: String,
}

/// Ask the user for a name and an address.
#[tool(read_only)]
async fn test_elicitation(
    /// What to say to the user.
    message: String,
    ctx: Context,
) -> Result<String, AskError> {
    let answer = ctx.elicit::<Account>("account", message).await?;
    Ok(format!("User response: {}", told(&answer)))
}

#[derive(Deserialize, Serialize, JsonSchema, Elicit)]
#[serde(default)]
struct Profile {
    name: String,
    age: u32,
    score: f64,
    status: Status,
    verified: bool,
}

#[derive(Deserialize, Serialize, JsonSchema, Elicit)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Inactive,
    Pending,
}

impl Default for Profile {
    fn default() -> Self {
        Self { name: "John Doe".to_owned(), age: 30, score: 95.5, status: Status::Active, verified: true }
    }
}

/// Ask the user by a form with a value in each field.
#[tool(read_only)]
async fn test_elicitation_sep1034_defaults(ctx: Context) -> Result<String, AskError> {
    let answer = ctx.elicit::<Profile>("profile", "Please check your profile.").await?;
    Ok(format!("Elicitation completed: {}", told(&answer)))
}

/// Ask the user to choose, in each of the ways that a form has for it.
#[tool(read_only)]
async fn test_elicitation_sep1330_enums(ctx: Context) -> Result<String, AskError> {
    // Written by hand, for the sake of the way that came before titles: `enumNames`.
    let form = json!({
        "type": "object",
        "properties": {
            "untitledSingle": { "type": "string", "enum": ["option1", "option2", "option3"] },
            "titledSingle": { "type": "string", "oneOf": [
                { "const": "value1", "title": "First Option" },
                { "const": "value2", "title": "Second Option" },
                { "const": "value3", "title": "Third Option" },
            ] },
            "legacyEnum": {
                "type": "string",
                "enum": ["opt1", "opt2", "opt3"],
                "enumNames": ["Option One", "Option Two", "Option Three"],
            },
            "untitledMulti": {
                "type": "array",
                "items": { "type": "string", "enum": ["option1", "option2", "option3"] },
            },
            "titledMulti": { "type": "array", "items": { "anyOf": [
                { "const": "value1", "title": "First Choice" },
                { "const": "value2", "title": "Second Choice" },
                { "const": "value3", "title": "Third Choice" },
            ] } },
        },
    });
    let answer = ctx.elicit_form("choices", "Please choose.", form).await?;
    Ok(format!("Elicitation completed: {}", told(&answer)))
}

/// What the user did, as text.
fn told<T: Serialize>(answer: &Elicited<T>) -> String {
    match answer {
        Elicited::Accept(content) => format!("action=accept, content={}", json!(content)),
        Elicited::Decline => "action=decline, content={}".to_owned(),
        Elicited::Cancel => "action=cancel, content={}".to_owned(),
    }
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Agreement {
    ok: bool,
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Color {
    color: String,
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Value {
    value: String,
}

async fn name(ctx: &Context, key: &str, message: &str) -> Result<String, AskError> {
    let answer = ctx.elicit::<Name>(key, message).await?;
    Ok(answer.accepted().map_or_else(|| "stranger".to_owned(), |Name { name }| name))
}

/// Ask for the user's name, and greet.
#[tool(read_only)]
async fn test_input_required_result_elicitation(ctx: Context) -> Result<String, AskError> {
    Ok(format!("Hello, {}!", name(&ctx, "user_name", "What is your name?").await?))
}

/// Ask the client's model for the capital of France.
#[tool(read_only)]
async fn test_input_required_result_sampling(ctx: Context) -> Result<String, AskError> {
    let question = CreateMessageRequest::new(100).user("What is the capital of France?");
    Ok(ctx.sample("capital_question", question).await?.text())
}

/// Ask which folders the client works in.
#[tool(read_only)]
async fn test_input_required_result_list_roots(ctx: Context) -> Result<String, AskError> {
    let roots = ctx.roots("client_roots").await?;
    let uris: Vec<_> = roots.iter().map(|root| root.uri.as_str()).collect();
    Ok(format!("The client works in {}.", uris.join(", ")))
}

/// Ask for an agreement.
#[tool(read_only)]
async fn test_input_required_result_request_state(ctx: Context) -> Result<String, AskError> {
    let answer = ctx.elicit::<Agreement>("confirm", "Please confirm").await?;
    Ok(format!("state-ok, confirmed: {}", answer.accepted().is_some_and(|agreement| agreement.ok)))
}

/// Ask the user, the model and the client at once.
#[tool(read_only)]
async fn test_input_required_result_multiple_inputs(ctx: Context) -> Result<String, AskError> {
    let (name, greeting, roots) = tokio::join!(
        name(&ctx, "user_name", "What is your name?"),
        ctx.sample("greeting", CreateMessageRequest::new(50).user("Generate a greeting")),
        ctx.roots("client_roots"),
    );
    Ok(format!("{} {}! You have {} roots.", greeting?.text(), name?, roots?.len()))
}

/// Ask for a name, and then for a colour.
#[tool(read_only)]
async fn test_input_required_result_multi_round(ctx: Context) -> Result<String, AskError> {
    let name = name(&ctx, "step1", "Step 1: What is your name?").await?;
    let color = ctx.elicit::<Color>("step2", "Step 2: What is your favorite color?").await?;
    Ok(format!("{name} likes {}.", color.accepted().map_or_else(|| "no color".to_owned(), |answer| answer.color)))
}

/// Ask for an agreement, whose state a client must not change.
#[tool(read_only)]
async fn test_input_required_result_tampered_state(ctx: Context) -> Result<String, AskError> {
    let answer = ctx.elicit::<Agreement>("confirm", "Please confirm").await?;
    Ok(format!("confirmed: {}", answer.accepted().is_some_and(|agreement| agreement.ok)))
}

/// Ask for what the client can be asked for.
#[tool(read_only)]
async fn test_input_required_result_capabilities(ctx: Context) -> Result<String, AskError> {
    let elicit = async {
        if ctx.supports(Capability::Elicitation) {
            let answer = ctx.elicit::<Value>("elicit_input", "Please enter a value").await?;
            return Ok(answer.accepted().map(|answer| answer.value));
        }
        Ok(None)
    };
    let sample = async {
        if ctx.supports(Capability::Sampling) {
            let answer = ctx.sample("sample_input", CreateMessageRequest::new(50).user("Sample request")).await?;
            return Ok::<_, AskError>(Some(answer.text()));
        }
        Ok(None)
    };
    let (value, sampled) = tokio::join!(elicit, sample);
    Ok(format!("The user said {:?}, the model {:?}.", value?, sampled?))
}

/// Send the user to a page, and tell what they said to it.
#[tool(read_only)]
async fn visit(ctx: Context) -> Result<String, AskError> {
    let answer = ctx.elicit_url("page", "Please look at this page.", "https://example.com/welcome").await?;
    Ok(match answer {
        Elicited::Accept(()) => {
            ctx.elicitation_complete("page").await;
            "The user went there.".to_owned()
        }
        Elicited::Decline => "The user did not want to.".to_owned(),
        Elicited::Cancel => "The user did not say.".to_owned(),
    })
}

/// Ask the same thing as often as is wished, one after another.
#[tool(read_only)]
async fn survey(
    /// How many people to ask for, at most ten.
    people: u8,
    ctx: Context,
) -> Result<String, AskError> {
    let mut names = Vec::new();
    for person in 1..=people.min(10) {
        names.push(name(&ctx, &format!("person {person}"), &format!("Who is person {person}?")).await?);
    }
    Ok(names.join(", "))
}

/// Ask the client's model for a forecast, with a tool that tells it of the weather now.
#[tool(read_only)]
async fn forecast(
    /// Where.
    city: String,
    ctx: Context,
) -> Result<String, AskError> {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] });
    let weather = SamplingTool::new("weather", "The weather in a city now.", schema);
    let request = CreateMessageRequest::new(100).tools([weather]).user(format!("How will the weather be in {city}?"));
    let answer = ctx.sample("forecast", request.clone()).await?;
    let results: Vec<_> = answer.content.iter().filter_map(weather_now).collect();
    if results.is_empty() {
        return Ok(answer.text());
    }
    let request = request
        .message(SamplingMessage::new(answer.role, answer.content))
        .message(SamplingMessage::new(Role::User, results));
    Ok(ctx.sample("forecast with the weather", request).await?.text())
}

/// What comes of a block of the model's answer, if it asks for the tool.
fn weather_now(block: &SamplingContent) -> Option<SamplingContent> {
    let SamplingContent::ToolUse { id, input, .. } = block else { return None };
    Some(match input.get("city").and_then(|city| city.as_str()) {
        Some(city) => SamplingContent::tool_result(id, [Content::text(format!("It rains in {city}."))]),
        None => SamplingContent::tool_error(id, "`city` is missing"),
    })
}

#[derive(Deserialize, JsonSchema, Elicit)]
struct Background {
    context: String,
}

/// Ask with a context that the user is asked for first.
#[prompt]
async fn test_input_required_result_prompt(ctx: Context) -> Result<String, AskError> {
    let answer = ctx.elicit::<Background>("user_context", "What context should the prompt use?").await?;
    Ok(format!("Prompt with context: {}", answer.accepted().map_or_else(String::new, |answer| answer.context)))
}
