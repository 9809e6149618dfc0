use mcp_mount::{Call, FromCall, Refusal, tool, tools};

struct Tenant(String);

impl FromCall for Tenant {
    async fn from_call(_: &mut Call) -> Result<Self, Refusal> {
        Err(Refusal::new("no tenant"))
    }
}

/// Name the tenant.
#[tool]
async fn tenant(tenant: Tenant) -> String {
    tenant.0
}

/// Name the tenant.
#[tool]
async fn tenant_taken_apart(Tenant(name): Tenant) -> String {
    name
}

fn main() {
    tools![tenant, tenant_taken_apart];
}
