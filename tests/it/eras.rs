//! The same request in every revision: in a session where there are sessions, and with its metadata in 2026-07-28.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use mcp_mount::McpService;
use serde_json::{Value, json};

use crate::{
    rig::Session,
    support::{ALL_REVISIONS, Ask, LATEST_SESSION, MODERN, Reply, message, modern},
};

/// A client that speaks one revision.
pub struct Client {
    mcp: McpService,
    pub revision: &'static str,
    session: Option<Session>,
}

impl Client {
    pub async fn new(mcp: &McpService, revision: &'static str) -> Self {
        let session = match revision {
            MODERN => None,
            revision => Some(Session::open(mcp, revision, None).await),
        };
        Self { mcp: mcp.clone(), revision, session }
    }

    pub fn is_modern(&self) -> bool {
        self.session.is_none()
    }

    pub fn ask(&self, method: &str, params: Value) -> Ask {
        let Some(session) = &self.session else {
            let uri = params["uri"].as_str().map(mirrored);
            let ask = modern(method, params);
            return match uri {
                Some(uri) => ask.header("mcp-name", uri),
                None => ask,
            };
        };
        session.post(message(1, method, params))
    }

    pub async fn send(&self, method: &str, params: Value) -> Reply {
        self.ask(method, params).to(&self.mcp).await
    }

    pub async fn call(&self, tool: &str, arguments: Value) -> Reply {
        self.send("tools/call", json!({"name": tool, "arguments": arguments})).await
    }

    pub async fn read(&self, uri: &str) -> Reply {
        self.send("resources/read", json!({ "uri": uri })).await
    }

    pub async fn get_prompt(&self, prompt: &str, arguments: Value) -> Reply {
        self.send("prompts/get", json!({"name": prompt, "arguments": arguments})).await
    }

    /// The whole of a list that has one page.
    pub async fn list(&self, list: List) -> Vec<Value> {
        let result = self.send(list.method, json!({})).await.result();
        assert_eq!(result.get("nextCursor"), None, "{}: there is more", list.method);
        result[list.member].as_array().cloned().unwrap_or_else(|| panic!("no {}: {result}", list.member))
    }

    /// `capabilities`, as a client that comes now is told.
    pub async fn capabilities(&self) -> Value {
        let reply = match &self.session {
            Some(session) => crate::support::initialize(&session.revision).to(&self.mcp).await,
            None => self.send("server/discover", json!({})).await,
        };
        reply.result()["capabilities"].clone()
    }
}

/// A client of each era, the session first.
pub async fn both(mcp: &McpService) -> [Client; 2] {
    [Client::new(mcp, LATEST_SESSION).await, Client::new(mcp, MODERN).await]
}

/// A client of each revision.
pub async fn all(mcp: &McpService) -> Vec<Client> {
    let mut clients = Vec::new();
    for revision in ALL_REVISIONS {
        clients.push(Client::new(mcp, revision).await);
    }
    clients
}

/// One of the four lists.
#[derive(Clone, Copy, Debug)]
pub struct List {
    pub method: &'static str,
    pub member: &'static str,
    /// The member of an entry that it is found by.
    pub key: &'static str,
}

pub const TOOLS: List = List { method: "tools/list", member: "tools", key: "name" };
pub const RESOURCES: List = List { method: "resources/list", member: "resources", key: "uri" };
pub const TEMPLATES: List =
    List { method: "resources/templates/list", member: "resourceTemplates", key: "uriTemplate" };
pub const PROMPTS: List = List { method: "prompts/list", member: "prompts", key: "name" };
pub const LISTS: [List; 4] = [TOOLS, RESOURCES, TEMPLATES, PROMPTS];

impl List {
    /// What its entries are found by, in order.
    pub fn keys(self, entries: &[Value]) -> Vec<String> {
        let key = |entry: &Value| entry[self.key].as_str().map(str::to_owned);
        entries.iter().map(|entry| key(entry).unwrap_or_else(|| panic!("no {}: {entry}", self.key))).collect()
    }
}

/// A value as a client writes it into a header (2026-07-28, basic/transports/streamable-http, «Value Encoding»).
pub fn mirrored(value: &str) -> String {
    let plain = value.bytes().all(|byte| matches!(byte, 0x20..=0x7e | b'\t')) && value.trim() == value;
    if plain && !(value.starts_with("=?base64?") && value.ends_with("?=")) { value.to_owned() } else { sentinel(value) }
}

/// The same, encoded whether it has to be or not.
pub fn sentinel(value: &str) -> String {
    format!("=?base64?{}?=", STANDARD.encode(value))
}

/// An error that is answered in band: HTTP's 200, and no result beside it.
pub fn in_band(reply: &Reply) -> (i64, String) {
    assert_eq!(reply.status, StatusCode::OK, "in band\n{reply}");
    assert_eq!(reply.json().get("result"), None, "{reply}");
    let error = reply.error();
    let message = error["message"].as_str().unwrap_or_else(|| panic!("no message\n{reply}"));
    (reply.code(), message.to_owned())
}

/// The failure says that it is the server's, and nothing of what it was.
pub fn masked(reply: &Reply, secret: &str) {
    let (code, message) = in_band(reply);
    assert_eq!(code, -32603, "{reply}");
    assert!(message.to_lowercase().contains("internal error"), "{reply}");
    assert!(!reply.to_string().contains(secret), "tells {secret:?}\n{reply}");
}
