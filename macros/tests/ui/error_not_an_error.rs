use mcp_mount::{tool, tools};

struct SoldOut;

/// Buy.
#[tool]
async fn buy(item: String) -> Result<String, SoldOut> {
    Ok(item)
}

fn main() {
    tools![buy];
}
