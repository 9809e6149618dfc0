//! A resource that is not there: the error has the code of the client's revision, and names the URI.

use mcp_mount::{Mcp, McpService, resource_fn};
use serde_json::json;

use crate::rig::owned;
use crate::support::{legacy, message, modern};

/// Nothing is at any id.
fn mcp() -> McpService {
    let none = resource_fn("none://{id}", "none", || None::<String>);
    owned(Mcp::new("empty", "1.0.0").resource(none)).build().expect("it builds")
}

#[tokio::test]
async fn the_code_is_that_of_the_revision() {
    // No resource and no template has the first; the handler has nothing for the second.
    for uri in ["elsewhere://1", "none://1"] {
        let params = json!({ "uri": uri });
        let session = legacy(message(1, "resources/read", params.clone())).to(&mcp()).await;
        let stateless = modern("resources/read", params).header("mcp-name", uri).to(&mcp()).await;
        // 2025-11-25, server/resources, «Error Handling»; 2026-07-28, server/resources, «Error Handling».
        for (reply, code) in [(session, -32002), (stateless, -32602)] {
            assert_eq!(reply.status, 200, "{reply}");
            assert_eq!(reply.code(), code, "{reply}");
            assert_eq!(reply.error()["data"]["uri"], json!(uri), "{reply}");
        }
    }
}
