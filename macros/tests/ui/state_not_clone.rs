use mcp_mount::{State, tool, tools};

struct Shop;

/// Search the shop.
#[tool]
async fn search(State(_shop): State<Shop>, query: String) -> String {
    query
}

fn main() {
    tools![search];
}
