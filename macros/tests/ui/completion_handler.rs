use mcp_mount::{CompletionRequest, prompt, prompts};

/// Completed by what completes nothing.
#[prompt]
async fn review(#[complete(number)] code: String, #[complete("tags")] tag: String) -> String {
    code + &tag
}

/// Completed by what completes nothing.
#[prompt]
async fn summarize(#[complete(number)] code: String) -> String {
    code
}

fn number(_: CompletionRequest) -> u8 {
    3
}

/// Never asked to complete.
#[prompt]
async fn greet(request: CompletionRequest) -> String {
    request.value().to_owned()
}

fn main() {
    prompts![review, summarize, greet];
}
