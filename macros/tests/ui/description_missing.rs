use mcp_mount::tool;

#[tool]
async fn search(query: String) -> String {
    query
}

fn main() {}
