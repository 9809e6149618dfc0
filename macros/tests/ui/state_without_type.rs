use mcp_mount::{State, tool, tools};

/// Search the shop.
#[tool]
async fn search(shop: State, query: String) -> String {
    query
}

/// Search the shop.
#[tool]
async fn search_again(State(shop): State, query: String) -> String {
    query
}

fn main() {
    tools![search, search_again];
}
