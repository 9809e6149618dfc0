//! Servers made of one function, for what the crate's own server does not do: other features, and mistakes.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::{StreamExt as _, future::BoxFuture, stream};
use http::{HeaderMap, Method, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use mcp_mount::testing::Client;
use serde_json::{Value, json};

pub type Body = UnsyncBoxBody<Bytes, String>;

/// A request, as the server got it.
#[derive(Clone, Debug)]
pub struct Got {
    pub method: Method,
    pub headers: HeaderMap,
    /// `Value::Null` without a body.
    pub message: Value,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The method of the message, or of the HTTP request where there is none.
    pub fn about(&self) -> &str {
        self.message["method"].as_str().unwrap_or(self.method.as_str())
    }

    /// An answer with this result.
    pub fn result(&self, result: Value) -> Value {
        json!({"jsonrpc": "2.0", "id": self.message["id"], "result": result})
    }

    /// An answer with this result, as 2026-07-28 has them, of those that may be cached.
    pub fn complete(&self, mut result: Value) -> Value {
        result["resultType"] = json!("complete");
        result["ttlMs"] = json!(0);
        result["cacheScope"] = json!("private");
        self.result(result)
    }
}

/// A client of the function, and what the function was asked.
pub struct Script {
    pub client: Client,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Script {
    /// Answers each request with what the function returns.
    pub fn new(answer: impl Fn(&Got) -> Response<Body> + Send + Sync + 'static) -> Self {
        let got = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (got.clone(), Arc::new(answer));
        let service = tower::service_fn(move |request: Request<Full<Bytes>>| -> BoxFuture<'static, _> {
            let (log, answer) = (log.clone(), answer.clone());
            Box::pin(async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let message = serde_json::from_slice(&body).unwrap_or_default();
                let got = Got { method: head.method, headers: head.headers, message };
                log.lock().unwrap().push(got.clone());
                Ok::<_, Infallible>(answer(&got))
            })
        });
        Self { client: Client::new(service), got }
    }

    /// Answers one request after the other.
    pub fn replies(replies: impl IntoIterator<Item = Response<Body>>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
        Self::new(move |got| {
            let reply = replies.lock().unwrap().pop_front();
            reply.unwrap_or_else(|| panic!("nothing left to answer {got:?}"))
        })
    }

    /// What came since the last time this was asked.
    pub fn got(&self) -> Vec<Got> {
        std::mem::take(&mut self.got.lock().unwrap())
    }

    /// The one request that came since the last time this was asked.
    pub fn only(&self) -> Got {
        let mut got = self.got();
        assert_eq!(got.len(), 1, "{got:?}");
        got.remove(0)
    }
}

pub fn reply(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(status).header("content-type", content_type).body(body).unwrap()
}

pub fn json_reply(message: &Value) -> Response<Body> {
    reply(200, "application/json", message.to_string())
}

pub fn accepted() -> Response<Body> {
    Response::builder().status(202).body(Full::default().map_err(|never| match never {}).boxed_unsync()).unwrap()
}

/// How an event stream goes on behind its events.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    Ends,
    BreaksOff,
    StaysOpen,
}

/// An event stream of these pieces.
pub fn pieces(pieces: impl IntoIterator<Item = String>, then: Then) -> Response<Body> {
    let pieces: Vec<Result<Frame<Bytes>, String>> =
        pieces.into_iter().map(|piece| Ok(Frame::data(Bytes::from(piece)))).collect();
    let pieces = stream::iter(pieces);
    let rest = match then {
        Then::Ends => stream::empty().boxed(),
        Then::BreaksOff => stream::iter([Err("reset by peer".to_owned())]).boxed(),
        Then::StaysOpen => stream::pending().boxed(),
    };
    let body = StreamBody::new(pieces.chain(rest)).boxed_unsync();
    Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
}

/// An event stream of these messages.
pub fn events<'a>(messages: impl IntoIterator<Item = &'a Value>, then: Then) -> Response<Body> {
    pieces(messages.into_iter().map(|message| format!("data: {message}\n\n")), then)
}
