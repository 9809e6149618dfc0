//! The methods of the protocol that are about one thing.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::compose::TOOLS_CALL;
use super::error::{Asked, Error};
use super::outcome::{Completions, PromptOutcome, ReadOutcome, ToolOutcome};
use super::stream::{Finished, Stream};

/// How often a server may ask for input before it has to answer.
const ROUNDS: usize = 16;

impl Client {
    /// `tools/call`: calls a tool, and waits for its result. `arguments` is a JSON object, or `()` where there are none.
    ///
    /// A tool that failed (`isError`) is a result like any other: [`ToolOutcome::is_error`], or [`ToolOutcome::ok`].
    ///
    /// Where the tool's input schema has `x-mcp-header`, the client sends `Mcp-Param-*` in 2026-07-28, once
    /// [`list_tools`](Self::list_tools) has shown it the schema.
    ///
    /// ```
    /// use mcp_mount::testing::Client;
    /// use mcp_mount::{Context, Json, Mcp, tool, tools};
    /// use serde_json::json;
    ///
    /// /// Divide two numbers.
    /// #[tool]
    /// async fn divide(a: f64, b: f64, ctx: Context) -> Json<f64> {
    ///     ctx.progress(1.0).total(1.0).await;
    ///     Json(a / b)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mcp = Mcp::new("demo", "1.0.0").tools(tools![divide]).build()?;
    /// let client = Client::new(mcp);
    /// let quotient = client.call_tool("divide", json!({"a": 1, "b": 2})).await?;
    /// assert_eq!(quotient.structured(), Some(&json!(0.5)));
    /// assert_eq!(quotient.progress().len(), 1);
    ///
    /// let failed = client.call_tool("divide", json!({"a": "one", "b": 2})).await?;
    /// assert!(failed.is_error());
    /// assert!(failed.text().starts_with("arguments.a: "), "{failed:?}");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request): an unknown tool is an error of the protocol.
    pub async fn call_tool(&self, name: &str, arguments: impl Serialize) -> Result<ToolOutcome, Error> {
        let params = self.call_params(name, arguments)?;
        let asked = self.asked(TOOLS_CALL, Some(&json!({"name": name})));
        ToolOutcome::new(self.conclude(TOOLS_CALL, Some(params)).await?, asked)
    }

    /// `tools/call`, whose messages are handed out while the call runs: [`start`](Self::start) for a tool.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_tool(&self, name: &str, arguments: impl Serialize) -> Result<Stream, Error> {
        self.start(TOOLS_CALL, self.call_params(name, arguments)?).await
    }

    fn call_params(&self, name: &str, arguments: impl Serialize) -> Result<Map<String, Value>, Error> {
        let mut params = Map::from_iter([("name".to_owned(), name.into())]);
        if let Some(arguments) = self.object(TOOLS_CALL, "the arguments", arguments)? {
            params.insert("arguments".to_owned(), arguments.into());
        }
        Ok(params)
    }

    /// `resources/read`.
    ///
    /// ```
    /// use mcp_mount::testing::Client;
    ///
    /// # async fn example(client: Client) -> Result<(), mcp_mount::testing::Error> {
    /// let note = client.read_resource("note://shopping").await?;
    /// assert_eq!(note.text(), "Milk, bread");
    /// assert_eq!(note.mime_type(), Some("text/plain"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request): an unknown resource is an error.
    pub async fn read_resource(&self, uri: &str) -> Result<ReadOutcome, Error> {
        let params = Map::from_iter([("uri".to_owned(), uri.into())]);
        let asked = self.asked("resources/read", Some(&json!({"uri": uri})));
        let finished = self.conclude("resources/read", Some(params)).await?;
        self.has_cache_hints(&finished.result, &asked)?;
        ReadOutcome::new(finished, &asked)
    }

    /// `prompts/get`. `arguments` is a JSON object of strings, or `()` where there are none.
    ///
    /// ```
    /// use mcp_mount::testing::Client;
    /// use serde_json::json;
    ///
    /// # async fn example(client: Client) -> Result<(), mcp_mount::testing::Error> {
    /// let prompt = client.get_prompt("summarize", json!({"tag": "rust"})).await?;
    /// assert_eq!(prompt.messages().len(), 1);
    /// assert!(prompt.text().contains("rust"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request): an unknown prompt is an error.
    pub async fn get_prompt(&self, name: &str, arguments: impl Serialize) -> Result<PromptOutcome, Error> {
        let mut params = Map::from_iter([("name".to_owned(), name.into())]);
        if let Some(arguments) = self.object("prompts/get", "the arguments", arguments)? {
            params.insert("arguments".to_owned(), arguments.into());
        }
        let asked = self.asked("prompts/get", Some(&json!({"name": name})));
        PromptOutcome::new(self.conclude("prompts/get", Some(params)).await?, &asked)
    }

    /// `completion/complete` for an argument of a prompt, as typed so far.
    ///
    /// ```
    /// use mcp_mount::testing::Client;
    ///
    /// # async fn example(client: Client) -> Result<(), mcp_mount::testing::Error> {
    /// let tags = client.complete_prompt("summarize", "tag", "ru").await?;
    /// assert_eq!(tags.values, ["ruby", "rust"]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn complete_prompt(&self, prompt: &str, argument: &str, value: &str) -> Result<Completions, Error> {
        self.complete(json!({
            "ref": {"type": "ref/prompt", "name": prompt},
            "argument": {"name": argument, "value": value},
        }))
        .await
    }

    /// `completion/complete` for a variable of a resource template, as typed so far.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn complete_resource(&self, template: &str, variable: &str, value: &str) -> Result<Completions, Error> {
        self.complete(json!({
            "ref": {"type": "ref/resource", "uri": template},
            "argument": {"name": variable, "value": value},
        }))
        .await
    }

    /// `completion/complete` with all its params: the ones with a `context`, too.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn complete(&self, params: impl Serialize) -> Result<Completions, Error> {
        let method = "completion/complete";
        let result = self.request(method, params).await?;
        Completions::new(&result).map_err(|detail| self.asked(method, None).malformed(detail))
    }

    /// `ping`, which 2026-07-28 does not have.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn ping(&self) -> Result<(), Error> {
        self.request("ping", ()).await.map(drop)
    }

    /// From which level on the server may send log messages, such as `"info"`. In a session that is `logging/setLevel`;
    /// in 2026-07-28 nothing is sent, but every later request of this client and its clones asks for the level.
    ///
    /// ```
    /// use mcp_mount::testing::Client;
    /// use mcp_mount::{Context, Mcp, Revision, tool, tools};
    ///
    /// /// Say what happens.
    /// #[tool]
    /// async fn chat(ctx: Context) {
    ///     ctx.debug("details").await;
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mcp = Mcp::new("demo", "1.0.0").tools(tools![chat]).build()?;
    /// for revision in Revision::ALL {
    ///     let client = Client::new(mcp.clone()).revision(revision).connect().await?;
    ///     client.set_level("debug").await?;
    ///     let logs = client.call_tool("chat", ()).await?.logs();
    ///     assert_eq!(logs[0].to_string(), "debug: details");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub async fn set_level(&self, level: &str) -> Result<(), Error> {
        if self.is_stateless() {
            self.learnt(|learnt| learnt.log_level = Some(level.to_owned()));
            return Ok(());
        }
        self.request("logging/setLevel", json!({"level": level})).await.map(drop)
    }

    /// Sends a request until its result is complete: whenever the server asks for input, once more with the answers
    /// (2026-07-28, basic/patterns/mrtr).
    pub(super) async fn conclude(&self, method: &str, params: Option<Map<String, Value>>) -> Result<Finished, Error> {
        let mut seen = Vec::new();
        let mut round = params.clone();
        for _ in 0..ROUNDS {
            let mut stream = self.start(method, round).await?;
            let mut finished = stream.finish().await?;
            seen.append(&mut finished.seen);
            if !self.is_stateless() || finished.result["resultType"] != "input_required" {
                return Ok(Finished { seen, ..finished });
            }
            let input = self.input(&finished.result, &stream.asked)?;
            round =
                Some(params.iter().flatten().map(|(key, value)| (key.clone(), value.clone())).chain(input).collect());
        }
        let asked = self.asked(method, None);
        Err(asked.malformed(format!("still `input_required` after {ROUNDS} rounds")))
    }

    /// What another round has beside the params of the first.
    fn input(&self, result: &Value, asked: &Asked) -> Result<Map<String, Value>, Error> {
        let mut input = Map::new();
        if let Some(state) = result.get("requestState") {
            input.insert("requestState".to_owned(), state.clone());
        }
        if let Some(requests) = result["inputRequests"].as_object() {
            let answers = requests.iter().map(|(key, request)| {
                let method = request["method"].as_str().unwrap_or_default();
                let answer = self.settings.answers.get(method).ok_or_else(|| asked.input_required(method))?;
                Ok((key.clone(), answer(&request["params"])))
            });
            let answers = answers.collect::<Result<Map<_, _>, Error>>()?;
            input.insert("inputResponses".to_owned(), answers.into());
        }
        if input.is_empty() {
            return Err(asked.malformed("`input_required` without `inputRequests` and `requestState`"));
        }
        Ok(input)
    }

    /// Answers a request of the server's.
    pub(super) async fn answer(&self, id: &Value, method: &str, params: &Value) -> Result<(), Error> {
        match (self.settings.answers.get(method), method) {
            (Some(answer), _) => self.respond(id, answer(params)).await,
            (None, "ping") => self.respond(id, json!({})).await,
            (None, _) => {
                let text = format!("no `Client::on_request` of the test answers `{method}`");
                self.respond_error(id, -32601, &text).await
            }
        }
    }
}
