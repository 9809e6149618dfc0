use mcp_mount::{tool, tools};

struct Tenant(String);

/// Name the tenant.
#[tool]
async fn tenant(#[extract] tenant: Tenant) -> String {
    tenant.0
}

fn main() {
    tools![tenant];
}
