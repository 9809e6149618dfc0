use mcp_mount::tool;

/// Search the shop.
#[tool(readonly, timeout = "30", name = "search shop")]
async fn search(query: String) -> String {
    query
}

fn main() {}
