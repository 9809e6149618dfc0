use mcp_mount::{Json, prompt, prompts};

/// A prompt is text.
#[prompt]
async fn review(#[mcp_header("Code")] code: String) -> Json<String> {
    Json(code)
}

/// A prompt is text.
#[prompt]
async fn summarize(text: String) -> Option<String> {
    Some(text)
}

fn main() {
    prompts![review, summarize];
}
