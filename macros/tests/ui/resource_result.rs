use mcp_mount::{resource, resources};

/// A number is no contents.
#[resource("app://answer")]
async fn answer() -> u32 {
    42
}

/// Nothing is not, either.
#[resource("app://nothing", size = 0)]
fn nothing() {}

fn main() {
    resources![answer, nothing];
}
