use mcp_mount::tool;

/// Search the shop.
#[tool]
fn search(query: String) -> impl Future<Output = String> {
    async { query }
}

fn main() {}
