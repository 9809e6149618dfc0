//! Results, with what was said on the way to them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Asked, Error};
use super::message::{Log, Message, Progress};
use super::stream::Finished;

/// The result of a tool.
///
/// ```
/// use mcp_mount::testing::Client;
/// use mcp_mount::{Json, Mcp, ToolError, tool, tools};
///
/// #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, Debug, PartialEq)]
/// struct Sum { sum: i64 }
///
/// /// Add up what there is.
/// #[tool]
/// async fn sum() -> Json<Sum> {
///     Json(Sum { sum: 3 })
/// }
///
/// /// Fail.
/// #[tool]
/// async fn fail() -> Result<String, ToolError> {
///     Err(ToolError::expose("the disk is full"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mcp = Mcp::new("demo", "1.0.0").tools(tools![sum, fail]).build()?;
/// let client = Client::new(mcp);
/// let outcome = client.call_tool("sum", ()).await?.ok()?;
/// assert_eq!(outcome.structured_as::<Sum>()?, Sum { sum: 3 });
///
/// let error = client.call_tool("fail", ()).await?.ok().unwrap_err();
/// assert!(error.to_string().ends_with("the tool failed: the disk is full"), "{error}");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ToolOutcome {
    asked: Asked,
    result: Value,
    seen: Vec<Message>,
}

/// The contents of a resource.
#[derive(Clone, Debug)]
pub struct ReadOutcome {
    result: Value,
    seen: Vec<Message>,
}

/// The messages of a prompt.
#[derive(Clone, Debug)]
pub struct PromptOutcome {
    result: Value,
    seen: Vec<Message>,
}

/// The values that complete what has been typed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Completions {
    /// At most 100 of them.
    pub values: Vec<String>,
    /// How many there are, if the server knows.
    #[serde(default)]
    pub total: Option<u64>,
    /// Whether there are more, if the server says so.
    #[serde(default, rename = "hasMore")]
    pub has_more: Option<bool>,
}

impl ToolOutcome {
    pub(super) fn new(finished: Finished, asked: Asked) -> Result<Self, Error> {
        let Finished { result, seen } = finished;
        if !result["content"].is_array() {
            return Err(asked.malformed_message("`content` is not an array", &result.to_string()));
        }
        Ok(Self { asked, result, seen })
    }

    /// Itself, or the failure of the tool as an error.
    ///
    /// # Errors
    ///
    /// When the tool failed.
    pub fn ok(self) -> Result<Self, Error> {
        if self.is_error() { Err(self.asked.tool(&self.text())) } else { Ok(self) }
    }

    /// Whether the tool failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.result["isError"] == true
    }

    /// The text of all blocks of text, with line breaks between them.
    #[must_use]
    pub fn text(&self) -> String {
        texts(self.content())
    }

    /// The blocks of content.
    #[must_use]
    pub fn content(&self) -> &[Value] {
        items(&self.result["content"])
    }

    /// The structured output, in the revisions from 2025-06-18 on. Before 2026-07-28 it is always an object: a server
    /// that has another value wraps it.
    #[must_use]
    pub fn structured(&self) -> Option<&Value> {
        self.result.get("structuredContent")
    }

    /// The structured output, read into a type.
    ///
    /// # Errors
    ///
    /// When there is none, or when it does not fit.
    pub fn structured_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let structured = self.structured().cloned().unwrap_or_default();
        serde_json::from_value(structured).map_err(|error| {
            self.asked.malformed_message(format!("`structuredContent` does not fit: {error}"), &self.result.to_string())
        })
    }
}

impl ReadOutcome {
    pub(super) fn new(finished: Finished, asked: &Asked) -> Result<Self, Error> {
        let Finished { result, seen } = finished;
        let wrong = |detail: &str| Err(asked.malformed_message(detail, &result.to_string()));
        let Some(contents) = result["contents"].as_array() else {
            return wrong("`contents` is not an array");
        };
        for content in contents {
            let blob = content["blob"].as_str();
            if !content["uri"].is_string() {
                return wrong("contents without a `uri`");
            }
            if content["text"].is_string() == blob.is_some() {
                return wrong("contents have either `text` or `blob`");
            }
            if blob.is_some_and(|blob| STANDARD.decode(blob).is_err()) {
                return wrong("`blob` is not Base64");
            }
        }
        Ok(Self { result, seen })
    }

    /// The texts among the contents, with line breaks between them.
    #[must_use]
    pub fn text(&self) -> String {
        texts(self.contents())
    }

    /// The bytes of the first contents that are not text.
    #[must_use]
    pub fn blob(&self) -> Option<Vec<u8>> {
        let blob = self.contents().iter().find_map(|content| content["blob"].as_str())?;
        STANDARD.decode(blob).ok()
    }

    /// The MIME type of the first contents.
    #[must_use]
    pub fn mime_type(&self) -> Option<&str> {
        self.contents().first()?["mimeType"].as_str()
    }

    /// The contents.
    #[must_use]
    pub fn contents(&self) -> &[Value] {
        items(&self.result["contents"])
    }
}

impl PromptOutcome {
    pub(super) fn new(finished: Finished, asked: &Asked) -> Result<Self, Error> {
        let Finished { result, seen } = finished;
        let messages = result["messages"].as_array();
        let is_message = |message: &Value| {
            let role = message["role"].as_str();
            matches!(role, Some("user" | "assistant")) && message["content"].is_object()
        };
        if !messages.is_some_and(|messages| messages.iter().all(is_message)) {
            let detail = "`messages` is not an array of messages";
            return Err(asked.malformed_message(detail, &result.to_string()));
        }
        Ok(Self { result, seen })
    }

    /// The texts of all messages, with line breaks between them.
    #[must_use]
    pub fn text(&self) -> String {
        texts(self.messages().iter().map(|message| &message["content"]))
    }

    /// The messages, each with its `role` and its `content`.
    #[must_use]
    pub fn messages(&self) -> &[Value] {
        items(&self.result["messages"])
    }

    /// What the prompt is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.result["description"].as_str()
    }
}

/// What all results have.
macro_rules! said_on_the_way {
    ($($outcome:ty),*) => {
        $(impl $outcome {
            /// The whole result.
            #[must_use]
            pub fn raw(&self) -> &Value {
                &self.result
            }

            /// The progress that was reported.
            #[must_use]
            pub fn progress(&self) -> Vec<Progress> {
                let progress = |message: &Message| match message {
                    Message::Progress(progress) => Some(progress.clone()),
                    _ => None,
                };
                self.seen.iter().filter_map(progress).collect()
            }

            /// The log messages that came; [`Client::set_level`](super::Client::set_level) asks for them.
            #[must_use]
            pub fn logs(&self) -> Vec<Log> {
                let log = |message: &Message| match message {
                    Message::Log(log) => Some(log.clone()),
                    _ => None,
                };
                self.seen.iter().filter_map(log).collect()
            }

            /// All messages that came before the answer, in their order.
            #[must_use]
            pub fn seen(&self) -> &[Message] {
                &self.seen
            }
        })*
    };
}

said_on_the_way!(ToolOutcome, ReadOutcome, PromptOutcome);

impl Completions {
    pub(super) fn new(result: &Value) -> Result<Self, String> {
        let completions = Self::deserialize(&result["completion"]).map_err(|error| format!("`completion`: {error}"))?;
        if completions.values.len() > 100 {
            return Err(format!("{} values, where 100 are the most", completions.values.len()));
        }
        Ok(completions)
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn texts<'a>(blocks: impl IntoIterator<Item = &'a Value>) -> String {
    let texts: Vec<_> = blocks.into_iter().filter_map(|block| block["text"].as_str()).collect();
    texts.join("\n")
}
