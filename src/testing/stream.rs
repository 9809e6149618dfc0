//! A reply, message by message.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::app::ReplyBody;
use super::client::Client;
use super::error::{Asked, Error};
use super::message::{Incoming, Message};
use super::response::{Response, is_event_stream, is_json};
use super::sse::Parser;
use super::topic::Topic;
use crate::Revision;

/// What a server sends on one connection: [`next`](Self::next) hands out the messages as they come.
///
/// It comes from [`Client::start`] and [`Client::start_tool`], from [`Client::listen`], from [`Client::get_stream`] and
/// [`Client::resume`]. Dropping it is a client that goes away. The messages are checked on their way: that they are
/// JSON-RPC, that the answer is to the request, that progress increases and carries the request's token, that nothing
/// comes which the revision forbids.
///
/// ```
/// use mcp_mount::testing::{Client, Message};
/// use mcp_mount::{Context, Mcp, tool, tools};
///
/// /// Import everything.
/// #[tool]
/// async fn import(ctx: Context) -> &'static str {
///     ctx.progress(1.0).total(2.0).message("half").await;
///     ctx.progress(2.0).total(2.0).await;
///     "imported"
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mcp = Mcp::new("demo", "1.0.0").tools(tools![import]).build()?;
/// let mut stream = Client::new(mcp).start_tool("import", ()).await?;
/// let mut seen = Vec::new();
/// while let Some(message) = stream.next().await? {
///     match message {
///         Message::Progress(progress) => seen.push(progress.to_string()),
///         Message::Answer(result) => seen.push(result["content"][0]["text"].to_string()),
///         other => panic!("{other:?}"),
///     }
/// }
/// assert_eq!(seen, ["1 of 2: half", "2 of 2", "\"imported\""]);
/// # Ok(()) }
/// ```
pub struct Stream {
    pub(super) client: Client,
    pub(super) asked: Asked,
    pub(super) topic: Topic,
    status: StatusCode,
    headers: HeaderMap,
    body: Option<ReplyBody>,
    parser: Parser,
    /// Messages that have been read, and not been looked at.
    unread: VecDeque<Value>,
    last_event_id: Option<String>,
    retry: Option<Duration>,
    /// Whether the server ended the connection before the answer.
    closed: bool,
    /// What has been handed out, for the texts of errors.
    count: usize,
    latest: Option<String>,
}

/// What a request brought.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) result: Value,
    pub(super) seen: Vec<Message>,
}

impl Client {
    /// Sends a request, and takes its reply for a stream.
    pub(super) async fn stream(&self, request: Request<Bytes>, asked: Asked, topic: Topic) -> Result<Stream, Error> {
        let reply = self.exchange(request, &asked).await?;
        let (head, body) = reply.into_parts();
        let mut stream = Stream {
            client: self.clone(),
            asked,
            topic,
            status: head.status,
            headers: head.headers.clone(),
            body: None,
            parser: Parser::default(),
            unread: VecDeque::new(),
            last_event_id: None,
            retry: None,
            closed: false,
            count: 0,
            latest: None,
        };
        if head.status.is_success() && is_event_stream(&head.headers) {
            stream.body = Some(body);
            return Ok(stream);
        }
        let response = self.collect(http::Response::from_parts(head, body), &stream.asked).await?;
        match stream.whole(&response) {
            Ok(()) => Ok(stream),
            Err(error) => Err(error.with(response)),
        }
    }
}

impl Stream {
    /// Takes a reply that is no event stream.
    fn whole(&mut self, response: &Response) -> Result<(), Error> {
        if !response.status().is_success() {
            return Err(self.asked.refused(response.clone(), self.id()));
        }
        let wrong = |detail: String| Err(self.asked.malformed(detail));
        match self.topic {
            Topic::Request(_) if is_json(response.headers()) => {}
            Topic::Request(_) => return wrong("a request is answered by JSON or by an event stream".to_owned()),
            Topic::Session { .. } | Topic::Anything => return wrong("it is no event stream".to_owned()),
        }
        match serde_json::from_slice(response.bytes()) {
            Ok(message) => self.unread.push_back(message),
            Err(error) => return wrong(format!("no JSON: {error}")),
        }
        Ok(())
    }

    /// The next message; `None` at the end. Behind the answer it reads on, to see that the server ends the stream.
    ///
    /// It can be dropped and called again, as in `tokio::select!`, without losing a message.
    ///
    /// # Errors
    ///
    /// When the answer is an error, when a message is not what the protocol demands, when the connection ends before the
    /// answer, or when nothing comes for as long as the client has [patience](Client::patience). The stream is over
    /// then, but for [`reconnect`](Self::reconnect).
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        let patience = self.client.settings.patience;
        let outcome = match tokio::time::timeout(patience, self.read()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.asked.timed_out(&format!("the next message, after {},", self.so_far()), patience)),
        };
        if outcome.is_err() {
            self.disconnect();
        }
        outcome
    }

    async fn read(&mut self) -> Result<Option<Message>, Error> {
        loop {
            if let Some(value) = self.unread.pop_front() {
                return self.admit(value).map(Some);
            }
            if let Some(event) = self.parser.event() {
                self.last_event_id = event.id.or(self.last_event_id.take());
                if !event.data.is_empty() {
                    self.unpack(&event.data)?;
                }
                continue;
            }
            let Some(body) = &mut self.body else {
                return Ok(None);
            };
            match body.frame().await {
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    self.parser.feed(&data).map_err(|error| self.asked.malformed(format!("no text: {error}")))?;
                    self.retry = self.parser.retry().or(self.retry);
                }
                Some(Err(error)) => {
                    let detail = format!("the connection broke off after {}", self.so_far());
                    return Err(self.asked.ended(detail).caused_by(error));
                }
                None => {
                    self.disconnect();
                    if self.topic.is_open() {
                        self.closed = true;
                        let detail = format!("the connection ended before the answer, after {}", self.so_far());
                        return Err(self.asked.ended(detail));
                    }
                }
            }
        }
    }

    /// An event is a message, or up to 2025-03-26 an array of them.
    fn unpack(&mut self, data: &str) -> Result<(), Error> {
        match serde_json::from_str(data) {
            Ok(Value::Array(batch)) if self.client.settings.revision == Revision::V2025_03_26 => {
                self.unread.extend(batch);
            }
            Ok(value) => self.unread.push_back(value),
            Err(error) => return Err(self.asked.malformed_message(format!("no JSON: {error}"), data)),
        }
        Ok(())
    }

    fn admit(&mut self, value: Value) -> Result<Message, Error> {
        let text = value.to_string();
        let admitted = Incoming::read(value).and_then(|incoming| self.topic.admit(incoming));
        let message = admitted.map_err(|detail| self.asked.malformed_message(detail, &text))?;
        let message = message.map_err(|error| {
            let head = Response::new(self.status, self.headers.clone(), Bytes::from(text));
            self.asked.rpc(error).with(head)
        })?;
        self.count += 1;
        self.latest = Some(message.method().unwrap_or("the answer").to_owned());
        Ok(message)
    }

    fn so_far(&self) -> String {
        match (self.count, &self.latest) {
            (1, Some(latest)) => latest.clone(),
            (count, Some(latest)) => format!("{count} messages, the last one {latest}"),
            (_, None) => "no message".to_owned(),
        }
    }

    /// Reads on to the answer, and answers the server's questions on the way, as [`Client::on_request`] says. Other
    /// messages are skipped. Where the server has ended the connection before the answer and said when to come back for
    /// it, as [`Context::close_stream`](crate::Context::close_stream) does, it [reconnects](Self::reconnect).
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub async fn answer(mut self) -> Result<Value, Error> {
        Ok(self.finish().await?.result)
    }

    pub(super) async fn finish(&mut self) -> Result<Finished, Error> {
        let mut seen = Vec::new();
        let mut came_back_after = None;
        loop {
            let message = match self.next().await {
                Ok(Some(message)) => message,
                Ok(None) => break,
                // Once for each event, so that a server that says nothing more is found out.
                Err(_) if self.may_come_back() && self.last_event_id != came_back_after => {
                    came_back_after.clone_from(&self.last_event_id);
                    self.reconnect().await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match message {
                Message::Answer(result) => {
                    // Another message would be an error: the stream ends here.
                    self.next().await?;
                    return Ok(Finished { result, seen });
                }
                Message::Request { id, method, params } => {
                    self.client.answer(&id, &method, &params).await?;
                    seen.push(Message::Request { id, method, params });
                }
                other => seen.push(other),
            }
        }
        Err(self.asked.ended("the stream ended without an answer"))
    }

    fn may_come_back(&self) -> bool {
        self.closed && self.retry.is_some() && self.last_event_id.is_some() && !self.client.is_stateless()
    }

    /// Goes away: what has been sent and not been taken by [`next`](Self::next) is lost. The stream can still
    /// [`reconnect`](Self::reconnect).
    pub fn disconnect(&mut self) {
        self.body = None;
        self.parser = Parser::default();
        self.unread.clear();
    }

    /// Goes on where another connection's stream begins.
    pub(super) fn continue_with(&mut self, other: Self) {
        let Self { status, headers, body, .. } = other;
        (self.status, self.headers, self.body, self.closed) = (status, headers, body, false);
    }

    /// The HTTP status of the reply.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers of the reply.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Whether the reply is an event stream, and not one JSON answer.
    #[must_use]
    pub fn is_event_stream(&self) -> bool {
        is_event_stream(&self.headers)
    }

    /// The id of the request that the stream answers.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        match &self.topic {
            Topic::Request(pending) => Some(pending.id),
            Topic::Session { .. } | Topic::Anything => None,
        }
    }

    /// The id of the latest event that was taken, from which the stream can be resumed.
    #[must_use]
    pub fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    /// How long the server wants its clients to wait before they reconnect.
    #[must_use]
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("asked", &self.asked.0)
            .field("status", &self.status)
            .field("so_far", &self.so_far())
            .field("last_event_id", &self.last_event_id)
            .finish_non_exhaustive()
    }
}
