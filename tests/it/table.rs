//! Cases in a table: a name, a request, and what must come of it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    rig::{Rig, rig_with},
    support::{Ask, Reply, initialize},
};

/// One row. `status >= 400` also means: a JSON-RPC error as `application/json`, no handler run, no session made.
pub struct Case {
    name: String,
    ask: Ask,
    status: u16,
    code: Option<i64>,
    #[expect(clippy::option_option, reason = "not looked at, must be absent, must be this")]
    id: Option<Option<Value>>,
    says: Vec<String>,
    headers: Vec<(&'static str, Option<&'static str>)>,
    runs: usize,
}

pub fn case(name: impl Into<String>, status: u16, ask: Ask) -> Case {
    Case { name: name.into(), ask, status, code: None, id: None, says: Vec::new(), headers: Vec::new(), runs: 0 }
}

impl Case {
    /// The JSON-RPC error code.
    pub fn code(mut self, code: i64) -> Self {
        self.code = Some(code);
        self
    }

    /// The error's message contains this.
    pub fn says(mut self, text: impl Into<String>) -> Self {
        self.says.push(text.into());
        self
    }

    /// The reply carries this id.
    pub fn echoes(mut self, id: impl Into<Value>) -> Self {
        self.id = Some(Some(id.into()));
        self
    }

    /// The reply has no `id` member.
    pub fn no_id(mut self) -> Self {
        self.id = Some(None);
        self
    }

    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, Some(value)));
        self
    }

    pub fn no_header(mut self, name: &'static str) -> Self {
        self.headers.push((name, None));
        self
    }

    /// How many handlers run (none, if this is not said).
    pub fn runs(mut self, runs: usize) -> Self {
        self.runs = runs;
        self
    }

    async fn complaints(self, rig: &Rig) -> Vec<String> {
        let head = self.ask.is_head();
        let reply = self.ask.clone().to(&rig.mcp).await;
        let mut wrong = Vec::new();
        if reply.status != self.status {
            wrong.push(format!("status is not {}", self.status));
        } else if self.status >= 400 && !head {
            self.check_error(&reply, &mut wrong);
        } else if self.status == 202 {
            check_empty(&reply, &mut wrong);
        }
        if self.status == 200
            && let Some(id) = &self.id
            && reply.json().get("id") != id.as_ref()
        {
            wrong.push(format!("id is not {id:?}"));
        }
        for (name, value) in &self.headers {
            if reply.header(name) != *value {
                wrong.push(format!("header {name} is not {value:?}"));
            }
        }
        let runs = rig.runs();
        if runs != self.runs {
            wrong.push(format!("{runs} handlers ran, not {}", self.runs));
        }
        wrong.into_iter().map(|what| format!("{}: {what}\n{reply}\n", self.name)).collect()
    }

    fn check_error(&self, reply: &Reply, wrong: &mut Vec<String>) {
        if !reply.header("content-type").is_some_and(|value| value.starts_with("application/json")) {
            wrong.push("a refusal is application/json".into());
            return;
        }
        let Ok(Value::Object(body)) = serde_json::from_slice(&reply.body) else {
            wrong.push("the body is not a JSON object".into());
            return;
        };
        let error = body.get("error").cloned().unwrap_or_default();
        let (code, message) = (error["code"].as_i64(), error["message"].as_str());
        if body.get("jsonrpc") != Some(&Value::from("2.0")) || code.is_none() || message.is_none_or(str::is_empty) {
            wrong.push("the body is not a JSON-RPC error".into());
        }
        if self.code.is_some() && code != self.code {
            wrong.push(format!("code is not {:?}", self.code));
        }
        if body.get("id") == Some(&Value::Null) {
            wrong.push("an id that cannot be read is left out, never null".into());
        }
        if let Some(id) = &self.id
            && body.get("id") != id.as_ref()
        {
            wrong.push(format!("id is not {id:?}"));
        }
        let message = message.unwrap_or_default().to_lowercase();
        for text in &self.says {
            if !message.contains(&text.to_lowercase()) {
                wrong.push(format!("the message does not say {text:?}"));
            }
        }
    }
}

fn check_empty(reply: &Reply, wrong: &mut Vec<String>) {
    if !reply.body.is_empty() || !matches!(reply.header("content-length"), None | Some("0")) {
        wrong.push("202 has no body".into());
    }
    if reply.header("content-type").is_some() {
        wrong.push("202 has no content-type".into());
    }
}

/// Runs each case against a server of its own with room for one session. A refused request must leave that room.
pub async fn check(cases: impl IntoIterator<Item = Case>) {
    check_with(|mcp| mcp, cases).await;
}

pub async fn check_with(configure: impl Fn(mcp_mount::Mcp) -> mcp_mount::Mcp, cases: impl IntoIterator<Item = Case>) {
    let mut failures = String::new();
    let mut count = 0;
    for case in cases {
        count += 1;
        let rig = rig_with(|mcp| configure(mcp.sessions(mcp_mount::Sessions::new().max(1))));
        let (name, refused) = (case.name.clone(), case.status >= 400);
        let complaints = case.complaints(&rig).await;
        for complaint in complaints {
            let _ = writeln!(failures, "{complaint}");
        }
        // A server that was told to serve no sessions or other hosts answers this with something else than 503.
        let room = initialize("2025-11-25").to(&rig.mcp).await;
        if refused && room.status == 503 {
            let _ = writeln!(failures, "{name}: the refused request holds a session\n{room}\n");
        }
    }
    assert!(count > 0, "an empty table shows nothing");
    assert!(failures.is_empty(), "\n{failures}");
}
