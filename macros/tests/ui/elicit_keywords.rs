use mcp_mount::Elicit;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Account {
    #[schemars(regex(pattern = "^[a-z]+$"))]
    name: String,
    #[schemars(example = 7)]
    age: u8,
    #[schemars(extend("writeOnly" = true))]
    note: String,
    #[schemars(extend("format" = "date"))]
    born: String,
    #[schemars(with = "Vec<u8>")]
    picture: String,
    #[schemars(with = "String")]
    home: std::path::PathBuf,
}

fn main() {}
