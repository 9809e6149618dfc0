//! A client of HTTP+SSE of 2024-11-05.

use http::Method;
use mcp_mount::{Mcp, McpService};
use serde_json::{Value, json};

use crate::{
    rig::rig_with,
    support::{Ask, LATEST_SESSION, Live, bare, call, message, notification, raw, secs, soon},
    target::Target,
};

pub fn get() -> Ask {
    bare(Method::GET, "").at("/sse").header("accept", "text/event-stream")
}

pub fn with(configure: impl FnOnce(Mcp) -> Mcp) -> McpService {
    rig_with(|mcp| configure(mcp.legacy_sse())).mcp
}

/// What the first event says.
pub async fn endpoint(live: &mut Live) -> String {
    assert_eq!((live.status.as_u16(), live.is_sse()), (200, true));
    let first = live.next().await.expect("an event");
    assert!(first.endpoint && first.id.is_none(), "{first:?}");
    first.data
}

/// A URL less the path that a home has the service at.
pub fn within_mount(url: &str) -> String {
    url.replacen("/mcp", "", 1)
}

/// A client of that time.
pub struct Client {
    mcp: McpService,
    pub live: Live,
    /// As the home is asked for it.
    pub messages: String,
    user: Option<&'static str>,
}

impl Client {
    pub async fn connect_as(mcp: &McpService, user: Option<&'static str>) -> Self {
        let ask = user.map_or_else(get, |user| get().user(user));
        let mut live = ask.open(mcp).await;
        let messages = endpoint(&mut live).await;
        let messages = within_mount(&messages);
        Self { mcp: mcp.clone(), live, messages, user }
    }

    pub async fn connect(mcp: &McpService) -> Self {
        Self::connect_as(mcp, None).await
    }

    pub async fn open(mcp: &McpService) -> Self {
        let mut client = Self::connect(mcp).await;
        client.initialize(LATEST_SESSION).await;
        client
    }

    /// `initialize` without the `notifications/initialized` that should follow.
    pub async fn begin(&mut self, revision: &str) -> Value {
        let info = json!({"name": "it", "version": "0.1"});
        let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": info});
        self.ask(message("init", "initialize", params)).await
    }

    pub async fn initialize(&mut self, revision: &str) -> Value {
        let answer = self.begin(revision).await;
        self.say(notification("notifications/initialized", json!({}))).await;
        answer
    }

    pub fn own(&self, ask: Ask) -> Ask {
        let ask = ask.at(&self.messages);
        self.user.map_or(ask.clone(), |user| ask.user(user))
    }

    /// As such clients do it: they take no stream in answer to a POST.
    pub fn post(&self, body: impl ToString) -> Ask {
        self.own(raw(body.to_string()).header("accept", "*/*"))
    }

    pub async fn say(&self, message: Value) {
        let reply = self.post(message).to(&self.mcp).await;
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (202, &b""[..]), "{reply}");
    }

    pub async fn hear(&mut self) -> Value {
        soon("a message comes", self.live.message()).await.unwrap_or_default()
    }

    pub async fn ask(&mut self, message: Value) -> Value {
        self.say(message).await;
        self.hear().await
    }

    pub async fn nothing_comes(&mut self) {
        let heard = self.live.listen(secs(5)).await;
        assert!(heard.iter().all(|event| event.comment), "{heard:?}");
        assert!(!self.live.ended);
    }
}

pub fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {answer}"))
}

pub fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error in {answer}"))
}

/// Its two routes are below this path of an application, and nowhere else.
pub async fn converses(app: &impl Target, base: &str) {
    let mut live = get().at(&format!("{base}/sse")).open(app).await;
    let messages = endpoint(&mut live).await;
    assert!(messages.starts_with(&format!("{base}/messages?sessionId=")), "{base}: {messages}");
    let reply = raw(call("echo", json!({"text": base})).to_string()).at(&messages).to(app).await;
    assert_eq!(reply.status, 202, "{base}\n{reply}");
    let answer = soon("the answer comes", live.message()).await.expect("an answer");
    assert_eq!(text(&answer), base);
    for path in ["/sse/", "/sse/x", "/messages/"] {
        assert_eq!(get().at(&format!("{base}{path}")).to(app).await.status, 404, "{base}{path}");
    }
    let reply = get().at(&format!("{base}/sse")).header("host", "evil.example").to(app).await;
    assert_eq!(reply.status, 403, "{base}\n{reply}");
}
