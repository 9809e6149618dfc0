//! A server of which everything can change, and what its streams tell of it.

use mcp_mount::{Args, Mcp, McpService, Resource, prompt_fn, resource_fn, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    rig::Session,
    support::{Ask, Live, MODERN, Reply, message, modern_meta, post, secs},
};

#[derive(Deserialize, JsonSchema)]
pub struct Which {
    pub id: String,
}

/// Has a tool, two resources, a template and a prompt.
pub fn changing(mcp: Mcp) -> Mcp {
    mcp.tool(tool_fn("one", "One", || "1"))
        .resource(Resource::text("test://a", "a", "A"))
        .resource(Resource::text("test://b", "b", "B"))
        .resource(resource_fn("item://{id}", "item", |Args(which): Args<Which>| which.id))
        .prompt(prompt_fn("greet", "Greet", || "Hello."))
}

pub fn server() -> McpService {
    server_with(|mcp| mcp)
}

pub fn server_with(configure: impl FnOnce(Mcp) -> Mcp) -> McpService {
    configure(changing(Mcp::new("changing", "1.2.3"))).build().expect("the server builds")
}

impl Session {
    pub fn subscribe(&self, uri: &str) -> Ask {
        self.post(message("subscribe", "resources/subscribe", json!({"uri": uri})))
    }

    pub fn unsubscribe(&self, uri: &str) -> Ask {
        self.post(message("unsubscribe", "resources/unsubscribe", json!({"uri": uri})))
    }

    /// Subscribes, and sees that it was confirmed.
    pub async fn subscribed(&self, uri: &str) {
        confirmed(&self.subscribe(uri).to(&self.mcp).await);
    }

    pub async fn unsubscribed(&self, uri: &str) {
        confirmed(&self.unsubscribe(uri).to(&self.mcp).await);
    }

    /// The session's stream.
    pub async fn stream(&self) -> Live {
        let stream = self.get().open(&self.mcp).await;
        assert!(stream.status == 200 && stream.is_sse(), "{} {:#?}", stream.status, stream.headers);
        stream
    }
}

fn confirmed(reply: &Reply) {
    assert_eq!(reply.result(), json!({}), "{reply}");
}

/// A `subscriptions/listen` with this id and filter.
pub fn listen(id: impl Into<Value>, filter: Value) -> Ask {
    let params = json!({"notifications": filter, "_meta": modern_meta()});
    post(message(id, "subscriptions/listen", params))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "subscriptions/listen")
}

/// Asks for every kind of change there is.
pub fn everything() -> Value {
    json!({
        "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
        "resourceSubscriptions": ["test://a", "test://b"],
    })
}

/// An acknowledged subscription.
pub async fn listening(mcp: &McpService, id: impl Into<Value>, filter: Value) -> Live {
    let mut stream = listen(id, filter).open(mcp).await;
    assert!(stream.status == 200 && stream.is_sse(), "{} {:#?}", stream.status, stream.headers);
    let first = stream.message().await.expect("an acknowledgment");
    assert_eq!(first["method"], json!("notifications/subscriptions/acknowledged"), "{first}");
    stream
}

/// Every message that comes within a second.
pub async fn messages(stream: &mut Live) -> Vec<Value> {
    let heard = stream.listen(secs(1)).await;
    heard.iter().filter(|event| !event.data.is_empty()).map(crate::reply::Event::json).collect()
}

/// The same, in short: `tools`, `resources`, `prompts` for the lists, or the URI of what was updated.
pub async fn told(stream: &mut Live) -> Vec<String> {
    let short = |message: &Value| {
        assert_eq!(message["jsonrpc"], json!("2.0"), "{message}");
        assert_eq!(message.get("id"), None, "a notification has no id: {message}");
        let method = message["method"].as_str().unwrap_or_default();
        match method.strip_prefix("notifications/") {
            Some("resources/updated") => message["params"]["uri"].as_str().expect("a URI").to_owned(),
            Some(list) if list.ends_with("/list_changed") => list.replace("/list_changed", ""),
            _ => panic!("not news: {message}"),
        }
    };
    messages(stream).await.iter().map(short).collect()
}
