use mcp_mount::{prompt, prompts, resources, tool, tools};

/// Search the shop.
#[tool]
async fn search(query: String) -> String {
    query
}

/// Review code.
#[prompt]
async fn review(code: String) -> String {
    code
}

fn main() {
    tools![search, review];
    resources![search];
    prompts![search, review];
}
