//! Lists, whole: page after page.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::client::Client;
use super::error::{Asked, Error};
use super::headers::Mirrored;

impl Client {
    /// `tools/list`, all pages.
    ///
    /// In 2026-07-28 the client takes note of `x-mcp-header` in the input schemas, and sends `Mcp-Param-*` from then on.
    /// An annotation that a client must reject is an error here, so that a test sees it.
    ///
    /// ```
    /// use mcp_mount::testing::Client;
    /// use mcp_mount::{Mcp, tool, tools};
    ///
    /// /// Add two numbers.
    /// #[tool]
    /// async fn add(a: f64, b: f64) -> f64 {
    ///     a + b
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mcp = Mcp::new("demo", "1.0.0").tools(tools![add]).build()?;
    /// let tools = Client::new(mcp).list_tools().await?;
    /// assert_eq!(tools[0]["name"], "add");
    /// assert_eq!(tools[0]["inputSchema"]["properties"]["a"]["type"], "number");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn list_tools(&self) -> Result<Vec<Value>, Error> {
        let tools = self.list("tools/list", "tools").await?;
        if self.is_stateless() {
            for tool in &tools {
                let name = tool["name"].as_str().unwrap_or_default();
                let mirrored = Mirrored::of(&tool["inputSchema"]).map_err(|detail| {
                    let asked = self.asked("tools/list", None);
                    asked.malformed(format!("x-mcp-header in the input schema of the tool `{name}`: {detail}"))
                })?;
                self.learnt(|learnt| learnt.mirrored.insert(name.to_owned(), mirrored));
            }
        }
        Ok(tools)
    }

    /// `resources/list`, all pages.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn list_resources(&self) -> Result<Vec<Value>, Error> {
        self.list("resources/list", "resources").await
    }

    /// `resources/templates/list`, all pages.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn list_resource_templates(&self) -> Result<Vec<Value>, Error> {
        self.list("resources/templates/list", "resourceTemplates").await
    }

    /// `prompts/list`, all pages.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn list_prompts(&self) -> Result<Vec<Value>, Error> {
        self.list("prompts/list", "prompts").await
    }

    async fn list(&self, method: &str, member: &str) -> Result<Vec<Value>, Error> {
        let wrong = |detail: String| self.asked(method, None).malformed(detail);
        let mut items = Vec::new();
        let mut cursors = BTreeSet::new();
        let mut params = Map::new();
        loop {
            let mut page = self.request(method, &params).await?;
            self.has_cache_hints(&page, &self.asked(method, None))?;
            let Value::Array(more) = page[member].take() else {
                return Err(wrong(format!("`{member}` is not an array")));
            };
            items.extend(more);
            match page["nextCursor"].take() {
                Value::Null => return Ok(items),
                Value::String(cursor) if cursors.insert(cursor.clone()) => {
                    params.insert("cursor".to_owned(), cursor.into());
                }
                Value::String(cursor) => return Err(wrong(format!("the cursor {cursor:?} comes twice"))),
                _ => return Err(wrong("`nextCursor` is not a string".to_owned())),
            }
        }
    }

    /// From 2026-07-28 on what may be cached says for how long and for whom (server/utilities/caching).
    pub(super) fn has_cache_hints(&self, result: &Value, asked: &Asked) -> Result<(), Error> {
        let has_both = result["ttlMs"].is_u64() && matches!(result["cacheScope"].as_str(), Some("public" | "private"));
        if has_both || !self.is_stateless() {
            return Ok(());
        }
        Err(asked.malformed_message("`ttlMs` and `cacheScope` are missing or wrong", &result.to_string()))
    }
}
