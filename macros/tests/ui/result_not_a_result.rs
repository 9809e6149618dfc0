use mcp_mount::{tool, tools};

struct Receipt {
    item: String,
}

/// Buy.
#[tool]
async fn buy(item: String) -> Receipt {
    Receipt { item }
}

fn main() {
    assert_eq!(tools![buy].len(), 1);
    let _ = |receipt: Receipt| receipt.item;
}
