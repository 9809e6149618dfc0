use mcp_mount::{tool, tools};

#[derive(serde::Deserialize)]
struct Order {
    item: String,
}

/// Buy.
#[tool]
async fn buy(order: Order, more: Vec<Order>, coupon: Option<String>) -> String {
    format!("{} {} {coupon:?}", order.item, more.len())
}

fn main() {
    tools![buy];
}
