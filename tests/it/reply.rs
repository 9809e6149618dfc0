//! Replies as a client reads them: whole (`Reply`) or while they arrive (`Live`).

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use serde_json::{Value, json};
use tokio::time::Instant;

/// A reply read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        let body: String = body.chars().take(2_000).collect();
        write!(f, "{}\n{:#?}\n{body}", self.status, self.headers)
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a readable header value"))
    }

    pub fn is_sse(&self) -> bool {
        is_sse(&self.headers)
    }

    /// Every JSON-RPC message of the reply: those of the event stream, or the one JSON body.
    pub fn messages(&self) -> Vec<Value> {
        let parse =
            |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|e| panic!("{e} in {text:?}\n{self}"));
        let text = std::str::from_utf8(&self.body).unwrap_or_else(|e| panic!("{e}\n{self}"));
        if !self.is_sse() {
            return vec![parse(text)];
        }
        assert!(text.is_empty() || text.ends_with("\n\n"), "the last event is incomplete\n{self}");
        let events = text.split_terminator("\n\n").map(Event::parse);
        events.filter(|event| !event.data.is_empty()).map(|event| parse(&event.data)).collect()
    }

    /// The answer: the last message.
    pub fn json(&self) -> Value {
        self.messages().pop().unwrap_or_else(|| panic!("no message in the reply\n{self}"))
    }

    pub fn result(&self) -> Value {
        let answer = self.json();
        assert_eq!(self.status, StatusCode::OK, "a result comes with 200\n{self}");
        answer.get("result").cloned().unwrap_or_else(|| panic!("no result\n{self}"))
    }

    pub fn error(&self) -> Value {
        self.json().get("error").cloned().unwrap_or_else(|| panic!("no error\n{self}"))
    }

    pub fn code(&self) -> i64 {
        self.error()["code"].as_i64().unwrap_or_else(|| panic!("no error code\n{self}"))
    }

    /// The text of a successful tool call.
    pub fn text(&self) -> String {
        let result = self.result();
        assert_ne!(result["isError"], json!(true), "the tool failed\n{self}");
        first_text(&result, self)
    }

    /// The text of a tool call that ended with `isError`.
    pub fn tool_error(&self) -> String {
        let result = self.result();
        assert_eq!(result["isError"], json!(true), "the tool did not fail\n{self}");
        first_text(&result, self)
    }
}

fn first_text(result: &Value, reply: &Reply) -> String {
    let text = result["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("no text content\n{reply}")).to_owned()
}

fn is_sse(headers: &HeaderMap) -> bool {
    headers.get("content-type").is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// One block of an event stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    pub data: String,
    pub id: Option<String>,
    pub retry: Option<String>,
    pub comment: bool,
    /// Where messages are to be posted, in the transport of 2024-11-05.
    pub endpoint: bool,
}

impl Event {
    fn parse(block: &str) -> Self {
        let mut event = Self::default();
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" => event.comment = true,
                "data" if event.data.is_empty() => value.clone_into(&mut event.data),
                "data" => event.data = format!("{}\n{value}", event.data),
                "id" => event.id = Some(value.to_owned()),
                "retry" => event.retry = Some(value.to_owned()),
                "event" if value == "endpoint" => event.endpoint = true,
                "event" => assert_eq!(value, "message", "clients listen to `message` events"),
                other => panic!("unknown field {other:?} in {block:?}"),
            }
        }
        event
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|e| panic!("{e} in {self:?}"))
    }
}

/// A reply whose body is still open.
pub struct Live {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: UnsyncBoxBody<Bytes, String>,
    unread: String,
    /// The body is at its end (or was cut with an error).
    pub ended: bool,
}

impl Live {
    pub fn new<B>(response: Response<B>) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: fmt::Debug,
    {
        let (head, body) = response.into_parts();
        Self {
            status: head.status,
            headers: head.headers,
            body: body.map_err(|e| format!("{e:?}")).boxed_unsync(),
            unread: String::new(),
            ended: false,
        }
    }

    /// How long the body is, if that is known before it is read: a web server says it as `Content-Length` then.
    pub fn length(&self) -> Option<u64> {
        http_body::Body::size_hint(&self.body).exact()
    }

    pub fn is_sse(&self) -> bool {
        is_sse(&self.headers)
    }

    pub async fn collect(self) -> Reply {
        let body = self.body.collect().await.expect("the body can be read to its end");
        Reply { status: self.status, headers: self.headers, body: body.to_bytes() }
    }

    /// What the body breaks off with.
    pub async fn breaks(self) -> String {
        self.body.collect().await.expect_err("the body breaks off")
    }

    /// Reads one frame of the body; `false` at the end (or when it was cut).
    pub async fn frame(&mut self) -> bool {
        match self.body.frame().await {
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                self.unread.push_str(std::str::from_utf8(&data).expect("events are UTF-8"));
            }
            Some(Err(_)) | None => self.ended = true,
        }
        !self.ended
    }

    /// How many bytes were read from the body and not yet taken as events.
    pub fn unread(&self) -> usize {
        self.unread.len()
    }

    /// The next block, comments included; `None` at the end.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.unread.find("\n\n") {
                let rest = self.unread.split_off(end + 2);
                let block = std::mem::replace(&mut self.unread, rest);
                return Some(Event::parse(block.trim_end_matches('\n')));
            }
            if self.ended || !self.frame().await {
                return None;
            }
        }
    }

    /// The next JSON-RPC message; comments and empty events are skipped.
    pub async fn message(&mut self) -> Option<Value> {
        loop {
            let event = self.next().await?;
            if !event.data.is_empty() {
                return Some(event.json());
            }
        }
    }

    /// What arrives during this time, or until the end.
    pub async fn listen(&mut self, period: Duration) -> Vec<Event> {
        let deadline = Instant::now() + period;
        let mut heard = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout_at(deadline, self.next()).await {
            heard.push(event);
        }
        heard
    }

    /// Reads on, to see whether the stream ends within this time.
    pub async fn ends_within(&mut self, period: Duration) -> bool {
        self.listen(period).await;
        self.ended
    }
}
