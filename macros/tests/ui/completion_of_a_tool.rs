use mcp_mount::tool;

/// Search the shop.
#[tool]
async fn search(#[complete(tags)] tag: String) -> String {
    tag
}

async fn tags() -> Vec<String> {
    Vec::new()
}

fn main() {}
