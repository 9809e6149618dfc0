use mcp_mount::{State, tool};

/// Search the shop.
#[tool]
async fn search(query: &str, tags: Vec<&str>, shop: &State<String>) -> String {
    format!("{query} {tags:?} {}", shop.0)
}

fn main() {}
