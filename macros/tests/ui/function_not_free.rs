use mcp_mount::tool;

struct Shop;

impl Shop {
    /// Search the shop.
    #[tool]
    async fn search(&self, query: String) -> String {
        query
    }
}

/// Print it.
#[tool]
async fn print<T: std::fmt::Display>(value: T) -> String {
    value.to_string()
}

fn main() {}
