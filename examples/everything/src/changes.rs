//! Tools that make the server tell its clients of a change.

use mcp_mount::{Context, State, Tool, tool, tools};

use crate::resources::{WATCHED, Watched};

pub(crate) fn tools() -> Vec<Tool> {
    tools![test_trigger_tool_change, test_trigger_prompt_change, trigger_resource_change, touch]
}

/// Tell the clients that listen that the list of tools has changed.
#[tool]
fn test_trigger_tool_change(ctx: Context) -> &'static str {
    ctx.notify().tools_list_changed();
    "Mutation triggered"
}

/// Tell the clients that listen that the list of prompts has changed.
#[tool]
fn test_trigger_prompt_change(ctx: Context) -> &'static str {
    ctx.notify().prompts_list_changed();
    "Mutation triggered"
}

/// Tell the clients that listen that the list of resources has changed.
#[tool]
fn trigger_resource_change(ctx: Context) -> &'static str {
    ctx.notify().resources_list_changed();
    "Mutation triggered"
}

/// Change the resource `test://watched-resource`, and tell the clients that subscribed to it.
#[tool]
fn touch(
    /// Another resource: the clients that subscribed to it are told, and nothing changes.
    uri: Option<String>,
    State(watched): State<Watched>,
    ctx: Context,
) -> String {
    if let Some(uri) = uri {
        ctx.notify().resource_updated(&uri);
        return format!("told of {uri}");
    }
    let times = watched.touch();
    ctx.notify().resource_updated(WATCHED);
    format!("touched {times} times")
}
