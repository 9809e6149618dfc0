use mcp_mount::Elicit;

#[derive(Elicit)]
struct Deploy {
    target: String,
}

fn main() {}
