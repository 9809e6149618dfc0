use mcp_mount::tools;

/// Search the shop.
async fn search(query: String) -> String {
    query
}

struct Buy;

fn main() {
    tools![search, Buy];
}
