use mcp_mount::Elicit;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Deploy {
    #[serde(flatten)]
    target: Target,
}

#[derive(Deserialize, JsonSchema, Elicit)]
#[serde(transparent)]
struct Target {
    name: String,
}

#[derive(Deserialize, JsonSchema, Elicit)]
#[serde(untagged)]
enum Size {
    Small,
}

#[derive(Deserialize, JsonSchema, Elicit)]
enum Region {
    Oslo,
    #[serde(other)]
    Elsewhere,
}

fn main() {}
