//! The beginning and the end of a session.

use std::sync::Arc;

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::client::Client;
use super::compose::SESSION;
use super::error::{Asked, Error};
use crate::Revision;

/// What a server says of itself, in answer to `initialize` or to `server/discover`.
///
/// ```
/// use mcp_mount::testing::Client;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").instructions("Ask politely.").build()?;
/// let client = Client::new(mcp).connect().await?;
/// let server = client.server().expect("connected");
/// assert_eq!((server.name(), server.version()), ("demo", "1.0.0"));
/// assert_eq!(server.instructions(), Some("Ask politely."));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    result: Value,
    info: Value,
}

impl Server {
    /// Reads the answer to `initialize`, and the revision that it agrees to.
    fn initialized(result: Value) -> Result<(Self, Revision), String> {
        let version = result["protocolVersion"].as_str().ok_or("`protocolVersion` is not a string")?;
        let known = Revision::ALL.into_iter().find(|revision| revision.as_str() == version);
        let revision = known.filter(|revision| *revision < Revision::V2026_07_28);
        let revision = revision.ok_or_else(|| format!("`{version}` is no revision that `initialize` can agree to"))?;
        let info = result["serverInfo"].clone();
        Ok((Self::new(result, info)?, revision))
    }

    /// Reads the answer to `server/discover`.
    fn discovered(result: Value, asked_in: Revision) -> Result<Self, String> {
        let versions = result["supportedVersions"].as_array().ok_or("`supportedVersions` is not an array")?;
        if !versions.iter().any(|version| version == asked_in.as_str()) {
            return Err(format!("`supportedVersions` is without {asked_in}, in which it was asked for"));
        }
        let info = result["_meta"]["io.modelcontextprotocol/serverInfo"].clone();
        Self::new(result, info)
    }

    fn new(result: Value, info: Value) -> Result<Self, String> {
        if !result["capabilities"].is_object() {
            return Err("`capabilities` is not an object".to_owned());
        }
        // From 2026-07-28 on a server need not name itself.
        let names_itself = info["name"].is_string() && info["version"].is_string();
        if !info.is_null() && !names_itself {
            return Err("`serverInfo` has no `name` and `version`".to_owned());
        }
        Ok(Self { result, info })
    }

    /// Its name, or nothing where it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.info["name"].as_str().unwrap_or_default()
    }

    /// Its version, or nothing where it has none.
    #[must_use]
    pub fn version(&self) -> &str {
        self.info["version"].as_str().unwrap_or_default()
    }

    /// What it tells a model about itself.
    #[must_use]
    pub fn instructions(&self) -> Option<&str> {
        self.result["instructions"].as_str()
    }

    /// What it can do: `server.capabilities()["tools"]`.
    #[must_use]
    pub fn capabilities(&self) -> &Value {
        &self.result["capabilities"]
    }

    /// The whole result.
    #[must_use]
    pub fn raw(&self) -> &Value {
        &self.result
    }
}

impl Client {
    /// A client that has greeted the server. For the revisions with sessions that is `initialize` and
    /// `notifications/initialized`; it keeps the session's id and the revision that the server agreed to, which may be
    /// another than the one asked for. In 2026-07-28, where nothing needs to be opened, it is `server/discover`.
    ///
    /// Connecting once more makes another session of the same application.
    ///
    /// ```
    /// use mcp_mount::Revision;
    /// use mcp_mount::testing::Client;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mcp = mcp_mount::Mcp::new("demo", "1.0.0").build()?;
    /// let client = Client::new(mcp).revision(Revision::V2025_11_25).connect().await?;
    /// assert!(client.session_id().is_some());
    ///
    /// client.close().await?;
    /// let error = client.list_tools().await.unwrap_err();
    /// assert_eq!(error.status().unwrap(), 404);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the server refuses, or its answer is not what the revision demands.
    pub async fn connect(&self) -> Result<Self, Error> {
        let mut client = Self { session: None, server: None, ..self.clone() };
        if self.is_stateless() {
            let server = client.discover().await?;
            client.server = Some(Arc::new(server));
            return Ok(client);
        }
        client.learnt = Arc::default();
        let params = json!({
            "protocolVersion": self.settings.revision.as_str(),
            "capabilities": self.settings.capabilities,
            "clientInfo": self.settings.info,
        });
        let mut stream = client.start("initialize", params).await?;
        let finished = stream.finish().await?;
        let asked = self.asked("initialize", None);
        let (server, revision) = Server::initialized(finished.result).map_err(|detail| asked.malformed(detail))?;
        client.session = stream.headers().get(SESSION).cloned();
        if client.session.as_ref().is_some_and(|id| !id.as_bytes().iter().all(u8::is_ascii_graphic)) {
            return Err(asked.malformed("Mcp-Session-Id must be visible ASCII characters"));
        }
        client.settings.revision = revision;
        client.server = Some(Arc::new(server));
        client.notify("notifications/initialized", ()).await?;
        Ok(client)
    }

    /// `server/discover`, which 2026-07-28 has.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn discover(&self) -> Result<Server, Error> {
        let result = self.request("server/discover", ()).await?;
        let asked = self.asked("server/discover", None);
        self.has_cache_hints(&result, &asked)?;
        Server::discovered(result, self.settings.revision).map_err(|detail| asked.malformed(detail))
    }

    /// Ends the session by a DELETE; without one, as always in 2026-07-28, there is nothing to end. What the client
    /// sends afterwards still names the session, and is refused.
    ///
    /// # Errors
    ///
    /// When the server refuses, such as with 405 where clients may not end sessions.
    pub async fn close(&self) -> Result<(), Error> {
        if self.session.is_none() {
            return Ok(());
        }
        let asked = Asked(format!("DELETE {} ({})", self.settings.path, self.settings.revision));
        let response = self.exchange(self.bodiless(Method::DELETE, HeaderMap::new()), &asked).await?;
        let response = self.collect(response, &asked).await?;
        if response.status().is_success() { Ok(()) } else { Err(asked.refused(response, None)) }
    }
}
