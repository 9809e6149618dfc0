//! Sending: raw requests, requests for an answer, notifications, and answers to the server's questions.

use std::future::Future;

use bytes::{Bytes, BytesMut};
use http::Request;
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::app::ReplyBody;
use super::client::Client;
use super::error::{Asked, Error};
use super::response::Response;
use super::stream::Stream;
use super::topic::Topic;

impl Client {
    /// Sends this request and nothing else, wrong ones included: no header is added, not even `Host`. The reply is read
    /// to its end, whatever its status; for one that does not end there is [`open`](Self::open).
    ///
    /// ```
    /// use http::Request;
    /// use mcp_mount::testing::Client;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
    /// let request = Request::put("/").header("host", "evil.example").body("")?;
    /// let response = Client::new(mcp).raw(request).await?;
    /// assert_eq!(response.status(), 403, "{response}");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When there is no whole reply; its status and its body are no errors here.
    pub async fn raw<B: Into<Bytes>>(&self, request: Request<B>) -> Result<Response, Error> {
        let asked = Asked(format!("{} {}", request.method(), request.uri()));
        let response = self.exchange(request.map(Into::into), &asked).await?;
        self.collect(response, &asked).await
    }

    /// Sends these bytes as the body of a POST, with the client's headers: as far as the bytes can be read as a message,
    /// the ones that go with it.
    ///
    /// # Errors
    ///
    /// As [`raw`](Self::raw).
    pub async fn post_raw(&self, body: impl Into<Bytes>) -> Result<Response, Error> {
        let body = body.into();
        let message = serde_json::from_slice(&body).ok();
        self.raw(self.post(body, message.as_ref())).await
    }

    /// Sends this request and nothing else, and hands out the event stream that answers it, of whose messages nothing
    /// is demanded but that they are messages.
    ///
    /// # Errors
    ///
    /// When the reply is no event stream.
    pub async fn open<B: Into<Bytes>>(&self, request: Request<B>) -> Result<Stream, Error> {
        let asked = Asked(format!("{} {}", request.method(), request.uri()));
        self.stream(request.map(Into::into), asked, Topic::Anything).await
    }

    /// Sends a request and hands out what comes, while it comes: an event stream or one JSON answer, as the server
    /// likes. `params` is a JSON object, or `()` where there are none.
    ///
    /// Dropping the [`Stream`], or this future, is a client that goes away.
    ///
    /// ```
    /// use mcp_mount::testing::{Client, Message};
    /// use mcp_mount::{Context, Mcp, tool, tools};
    /// use serde_json::json;
    ///
    /// /// Count to three.
    /// #[tool]
    /// async fn count(ctx: Context) -> &'static str {
    ///     for number in 1..=3 {
    ///         ctx.progress(f64::from(number)).await;
    ///     }
    ///     "done"
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mcp = Mcp::new("demo", "1.0.0").tools(tools![count]).build()?;
    /// let mut stream = Client::new(mcp).start("tools/call", json!({"name": "count"})).await?;
    /// let Some(Message::Progress(first)) = stream.next().await? else { panic!("no progress") };
    /// assert_eq!(first.progress, 1.0);
    /// assert_eq!(stream.answer().await?["content"][0]["text"], "done");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the status is an error, or the reply is neither. A JSON-RPC error under a good status comes from
    /// [`Stream::next`].
    pub async fn start(&self, method: &str, params: impl Serialize) -> Result<Stream, Error> {
        let composed = self.compose(method, params)?;
        let asked = self.asked(method, composed.message.get("params"));
        let request = self.post(composed.message.to_string().into(), Some(&composed.message));
        self.stream(request, asked, Topic::request(composed)).await
    }

    /// Sends a request of any method, and waits for its result. `params` is a JSON object, or `()` where there are none.
    ///
    /// Where the server asks for input it gets the answers of [`on_request`](Self::on_request); for the question itself
    /// there is [`start`](Self::start).
    ///
    /// ```
    /// use mcp_mount::testing::Client;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mcp = mcp_mount::Mcp::new("demo", "1.0.0").tool(mcp_mount::tool_fn("work", "Work", || "done")).build()?;
    /// let page = Client::new(mcp).request("tools/list", ()).await?;
    /// assert_eq!(page["ttlMs"], 0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the server answers with an error, when its reply is not what the protocol demands, or when none comes.
    pub async fn request(&self, method: &str, params: impl Serialize) -> Result<Value, Error> {
        let params = self.object(method, "params", params)?;
        Ok(self.conclude(method, params).await?.result)
    }

    /// Sends a notification.
    ///
    /// # Errors
    ///
    /// When the server does anything but accept it, by 202 without a body.
    pub async fn notify(&self, method: &str, params: impl Serialize) -> Result<(), Error> {
        let mut message = json!({"jsonrpc": "2.0", "method": method});
        if let Some(params) = self.object(method, "params", params)? {
            message["params"] = params.into();
        }
        self.accepted(&message, &self.asked(method, None)).await
    }

    /// Answers a [`Message::Request`](super::Message::Request) of the server's.
    ///
    /// # Errors
    ///
    /// As [`notify`](Self::notify).
    pub async fn respond(&self, id: &Value, result: Value) -> Result<(), Error> {
        let message = json!({"jsonrpc": "2.0", "id": id, "result": result});
        self.accepted(&message, &self.asked("the answer to the server", None)).await
    }

    /// Answers a [`Message::Request`](super::Message::Request) of the server's with an error.
    ///
    /// # Errors
    ///
    /// As [`notify`](Self::notify).
    pub async fn respond_error(&self, id: &Value, code: i64, message: &str) -> Result<(), Error> {
        let message = json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}});
        self.accepted(&message, &self.asked("the answer to the server", None)).await
    }

    async fn accepted(&self, message: &Value, asked: &Asked) -> Result<(), Error> {
        let response = self.exchange(self.post(message.to_string().into(), Some(message)), asked).await?;
        let response = self.collect(response, asked).await?;
        if !response.status().is_success() {
            return Err(asked.refused(response, None));
        }
        if response.status() != http::StatusCode::ACCEPTED || !response.bytes().is_empty() {
            return Err(asked.malformed("it is accepted by 202 without a body").with(response));
        }
        Ok(())
    }

    /// Sends a request, and waits for the head of the reply.
    pub(super) async fn exchange(
        &self,
        request: Request<Bytes>,
        asked: &Asked,
    ) -> Result<http::Response<ReplyBody>, Error> {
        let reply = self.patiently("the reply", asked, self.app.send(request)).await?;
        reply.map_err(|error| asked.service(error))
    }

    /// Reads a reply to its end.
    pub(super) async fn collect(&self, reply: http::Response<ReplyBody>, asked: &Asked) -> Result<Response, Error> {
        let (head, mut body) = reply.into_parts();
        let mut read = BytesMut::new();
        let reading = async {
            while let Some(frame) = body.frame().await {
                read.extend_from_slice(&frame?.into_data().unwrap_or_default());
            }
            Ok(())
        };
        let outcome = self.patiently("the end of the reply", asked, reading).await;
        let response = Response::new(head.status, head.headers, read.freeze());
        match outcome {
            Ok(Ok(())) => Ok(response),
            Ok(Err(error)) => Err(asked.ended("the body broke off").caused_by(error).with(response)),
            Err(timed_out) => Err(timed_out.with(response)),
        }
    }

    /// Waits no longer than the client has patience.
    pub(super) async fn patiently<F: Future>(
        &self,
        waited_for: &str,
        asked: &Asked,
        future: F,
    ) -> Result<F::Output, Error> {
        let patience = self.settings.patience;
        tokio::time::timeout(patience, future).await.map_err(|_| asked.timed_out(waited_for, patience))
    }
}
