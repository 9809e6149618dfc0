//! Layers made of a function, and a server that has one of everything to call.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context as TaskContext, Poll},
};

use mcp_mount::{Args, Call, CallService, CompletionRequest, Mcp, McpService, Reply, prompt_fn, resource_fn, tool_fn};
use serde_json::{Value, json};
use tower::{Layer, Service};

use crate::{
    rig::Echo,
    support::{self, Ask, legacy, message, modern},
    told::Which,
};

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answering = Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>;

/// A layer that is a function of the call and of what it is put around.
pub fn around<F, Fut>(f: F) -> Around
where
    F: Fn(Call, CallService) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, BoxError>> + Send + 'static,
{
    Around(Arc::new(move |call, inner| Box::pin(f(call, inner))))
}

#[derive(Clone)]
pub struct Around(Arc<dyn Fn(Call, CallService) -> Answering + Send + Sync>);

impl Layer<CallService> for Around {
    type Service = Wrapped;

    fn layer(&self, inner: CallService) -> Wrapped {
        Wrapped { around: self.clone(), inner }
    }
}

#[derive(Clone)]
pub struct Wrapped {
    around: Around,
    inner: CallService,
}

impl Service<Call> for Wrapped {
    type Response = Reply;
    type Error = BoxError;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Answering {
        (self.around.0)(call, self.inner.clone())
    }
}

/// One of each kind of thing that is called, and a list that notes which handlers ran.
pub fn callable(layer: impl FnOnce(Mcp) -> Mcp) -> (McpService, Log) {
    let log = Log::default();
    let [tool, resource, template, prompt, completion] = std::array::from_fn(|_| log.clone());
    let mcp = Mcp::new("layered", "1.2.3")
        .tool(tool_fn("echo", "Say it again", move |Args(a): Args<Echo>| {
            tool.note("tool");
            a.text
        }))
        .resource(resource_fn("test://a", "a", move || {
            resource.note("resource");
            "A"
        }))
        .resource(resource_fn("item://{id}", "item", move |Args(which): Args<Which>| {
            template.note("template");
            which.id
        }))
        .prompt(
            prompt_fn("greet", "Greet", move |Args(which): Args<Which>| {
                prompt.note("prompt");
                format!("Hello, {}.", which.id)
            })
            .complete("id", move |request: CompletionRequest| {
                completion.note("completion");
                [format!("{}!", request.value())]
            }),
        );
    (layer(mcp).build().expect("builds"), log)
}

#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// A call of each kind, in either era, with what it comes to where nobody interferes.
pub fn calls() -> Vec<(&'static str, Ask, Ask, Value)> {
    let ask = |method: &'static str, params: Value| {
        let ask = modern(method, params.clone());
        let name = params["uri"].as_str().or(params["name"].as_str());
        let ask = name.map_or(ask.clone(), |name| ask.header("mcp-name", name));
        (legacy(message(1, method, params)), ask)
    };
    let completion = json!({"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "id", "value": "x"}});
    [
        ("tool", ask("tools/call", json!({"name": "echo", "arguments": {"text": "x"}})), json!("x")),
        ("resource", ask("resources/read", json!({"uri": "test://a"})), json!("A")),
        ("template", ask("resources/read", json!({"uri": "item://7"})), json!("7")),
        ("prompt", ask("prompts/get", json!({"name": "greet", "arguments": {"id": "Ada"}})), json!("Hello, Ada.")),
        ("completion", ask("completion/complete", completion), json!("x!")),
    ]
    .map(|(kind, (old, new), said)| (kind, old, new, said))
    .into()
}

/// The one thing that the answer to a call says.
pub fn said(reply: &support::Reply) -> Value {
    let result = reply.result();
    assert_ne!(result["isError"], json!(true), "{reply}");
    [&result["content"][0], &result["contents"][0], &result["messages"][0]["content"]]
        .iter()
        .find_map(|content| content.get("text").cloned())
        .unwrap_or_else(|| result["completion"]["values"][0].clone())
}

/// The text of a call that failed, told as its kind of call tells it.
pub fn failure(kind: &str, reply: &support::Reply) -> String {
    if kind == "tool" {
        return reply.tool_error();
    }
    assert_eq!((reply.status.as_u16(), reply.code()), (200, -32603), "{kind}\n{reply}");
    reply.error()["message"].as_str().expect("a text").to_owned()
}
