use std::collections::BTreeMap;

use mcp_mount::Elicit;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Elicit)]
struct Deploy {
    target: Target,
    tags: Vec<String>,
    more: Option<Region>,
    labels: BTreeMap<String, String>,
    regions: Vec<Region>,
}

#[derive(Deserialize, JsonSchema)]
struct Target {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
enum Region {
    Oslo,
}

fn main() {}
