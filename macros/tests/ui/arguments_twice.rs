use mcp_mount::{Args, tool};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Order {
    item: String,
}

/// Buy.
#[tool]
async fn buy(Args(order): Args<Order>, coupon: String) -> String {
    order.item + &coupon
}

fn main() {}
