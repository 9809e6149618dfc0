//! Streams that are no call's: subscriptions, a session's own stream, and those that are resumed.

use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use serde_json::{Value, json};

use super::client::Client;
use super::error::{Asked, Error};
use super::stream::Stream;
use super::topic::Topic;

impl Client {
    /// `subscriptions/listen`, in 2026-07-28: asks for the changes that the filter names, and waits until the server has
    /// acknowledged it. The [`Stream`] then brings the notifications, and the answer when the server ends the
    /// subscription in order.
    ///
    /// ```
    /// use mcp_mount::testing::{Client, Message};
    /// use serde_json::json;
    ///
    /// # async fn example(app: mcp_mount::McpService) -> Result<(), mcp_mount::testing::Error> {
    /// let client = Client::new(app);
    /// let mut changes = client.listen(json!({"toolsListChanged": true})).await?;
    /// assert_eq!(changes.acknowledged().unwrap()["toolsListChanged"], true);
    /// // The application adds a tool here.
    /// let change = changes.next().await?.expect("still open");
    /// assert_eq!(change.method(), Some("notifications/tools/list_changed"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the server refuses, or does not acknowledge first.
    pub async fn listen(&self, filter: impl Serialize) -> Result<Stream, Error> {
        let method = "subscriptions/listen";
        let filter = self.object(method, "the filter", filter)?.unwrap_or_default();
        let composed = self.compose(method, json!({"notifications": filter}))?;
        let request = self.post(composed.message.to_string().into(), Some(&composed.message));
        let mut stream = self.stream(request, self.asked(method, None), Topic::listening(composed, filter)).await?;
        stream.next().await?;
        Ok(stream)
    }

    /// The stream on which a session's server speaks of itself: a GET, in the revisions that have sessions.
    ///
    /// ```
    /// use mcp_mount::Revision;
    /// use mcp_mount::testing::Client;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
    /// let client = Client::new(mcp.clone()).revision(Revision::V2025_11_25).connect().await?;
    /// let mut events = client.get_stream().await?;
    /// mcp.lifespan().shutdown().await;
    /// assert_eq!(events.next().await?, None, "a shutdown ends it");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the server refuses, as all do in 2026-07-28.
    pub async fn get_stream(&self) -> Result<Stream, Error> {
        self.get(None, Topic::Session { resumed: false }).await
    }

    /// A GET that resumes the stream in which this event came last, whichever that was: what the server sent since, and
    /// what is still to come. [`Stream::reconnect`] does so for a stream at hand.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub async fn resume(&self, last_event_id: &str) -> Result<Stream, Error> {
        self.get(Some(last_event_id), Topic::Session { resumed: true }).await
    }

    async fn get(&self, last_event_id: Option<&str>, topic: Topic) -> Result<Stream, Error> {
        let asked = Asked(format!("GET {} ({})", self.settings.path, self.settings.revision));
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(id) = last_event_id {
            let id = HeaderValue::from_str(id);
            let id = id.map_err(|error| asked.impossible("Last-Event-ID is no header").caused_by(error.into()))?;
            headers.insert(HeaderName::from_static("last-event-id"), id);
        }
        self.stream(self.bodiless(Method::GET, headers), asked, topic).await
    }

    /// `resources/subscribe`, in the revisions that have sessions: what changes is told on [`get_stream`](Self::get_stream).
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn subscribe(&self, uri: &str) -> Result<(), Error> {
        self.request("resources/subscribe", json!({"uri": uri})).await.map(drop)
    }

    /// `resources/unsubscribe`, in the revisions that have sessions.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn unsubscribe(&self, uri: &str) -> Result<(), Error> {
        self.request("resources/unsubscribe", json!({"uri": uri})).await.map(drop)
    }
}

impl Stream {
    /// What the server has agreed to send, on the stream of [`Client::listen`].
    #[must_use]
    pub fn acknowledged(&self) -> Option<&Value> {
        match &self.topic {
            Topic::Request(pending) => pending.listening.as_ref()?.acknowledged.as_ref(),
            Topic::Session { .. } | Topic::Anything => None,
        }
    }

    /// Connects again as a client does whose connection was lost, in the revisions that have sessions: waits for as long
    /// as the server's `retry` says, then sends a GET with the `Last-Event-ID` of the latest event that was taken. The
    /// stream of a session whose events have no ids begins anew.
    ///
    /// ```
    /// use mcp_mount::testing::Client;
    ///
    /// # async fn example(client: Client) -> Result<(), mcp_mount::testing::Error> {
    /// let mut stream = client.start_tool("import", ()).await?;
    /// let first = stream.next().await?;
    /// stream.disconnect();
    /// stream.reconnect().await?;
    /// let result = stream.answer().await?;
    /// # let _ = (first, result); Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When there is nothing to resume from, or when the server refuses.
    pub async fn reconnect(&mut self) -> Result<(), Error> {
        self.disconnect();
        if self.client.is_stateless() {
            return Err(self.asked.impossible("2026-07-28 resumes no stream: send the request again"));
        }
        if self.last_event_id().is_none() && !matches!(self.topic, Topic::Session { .. }) {
            return Err(self.asked.impossible("no event had an id, so there is nothing to resume from"));
        }
        if let Some(retry) = self.retry() {
            tokio::time::sleep(retry).await;
        }
        let stream = self.client.get(self.last_event_id(), Topic::Session { resumed: true }).await?;
        self.continue_with(stream);
        Ok(())
    }

    /// Cancels the request: by `notifications/cancelled` in the revisions that have sessions, by going away in 2026-07-28,
    /// where that is how it is done.
    ///
    /// # Errors
    ///
    /// As [`Client::notify`].
    pub async fn cancel(self) -> Result<(), Error> {
        match self.id().filter(|_| !self.client.is_stateless()) {
            Some(id) => self.client.notify("notifications/cancelled", json!({"requestId": id})).await,
            None => Ok(()),
        }
    }
}
