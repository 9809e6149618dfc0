use mcp_mount::{Context, tool};

/// Where to.
#[tool]
async fn deploy(
    #[mcp_header("My Region")] region: String,
    #[mcp_header("Tier")] tier: String,
    #[mcp_header("TIER")] other: String,
    #[mcp_header("Context")] ctx: Context,
) -> String {
    drop(ctx);
    region + &tier + &other
}

fn main() {}
