use mcp_mount::{Args, State, resource};

/// One thing.
#[resource("app://config")]
async fn fixed(id: u64) -> String {
    id.to_string()
}

/// Many things.
#[resource("bookmark://{id}{?page}")]
async fn bookmark(id: u64, tenant: String, State(shelf): State<String>) -> String {
    format!("{id} {tenant} {shelf}")
}

/// Not closed.
#[resource("file:///{+path")]
async fn file(path: String) -> String {
    path
}

/// As a router would have it.
#[resource("file:///{*path}")]
async fn router(path: String) -> String {
    path
}

/// No URI.
#[resource(name = "nothing")]
async fn nothing() -> &'static str {
    "nothing"
}

/// No scheme, and not a tool.
#[resource("config", read_only)]
async fn relative(Args(all): Args<String>) -> String {
    all
}

fn main() {}
