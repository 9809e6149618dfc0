use std::rc::Rc;

use mcp_mount::{tool, tools};

/// Search the shop.
#[tool]
async fn search(query: String) -> String {
    let query = Rc::new(query);
    tokio::task::yield_now().await;
    query.to_string()
}

fn main() {
    tools![search];
}
