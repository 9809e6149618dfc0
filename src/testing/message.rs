//! The messages of a reply, and what JSON-RPC and the revisions demand of them.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// What a [`Stream`](super::Stream) brings.
///
/// ```
/// use mcp_mount::testing::Message;
/// use serde_json::json;
///
/// fn is_halfway(message: &Message) -> bool {
///     matches!(message, Message::Progress(progress) if progress.progress == 0.5)
/// }
///
/// let other = Message::Notification { method: "notifications/tools/list_changed".into(), params: json!({}) };
/// assert!(!is_halfway(&other));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// `notifications/progress`.
    Progress(Progress),
    /// `notifications/message`.
    Log(Log),
    /// Any other notification.
    Notification {
        /// Such as `notifications/tools/list_changed`.
        method: String,
        /// `Value::Null` where there are none.
        params: Value,
    },
    /// A question of the server's, up to 2025-11-25; [`Client::respond`](super::Client::respond) answers it.
    Request {
        /// What the answer refers to.
        id: Value,
        /// Such as `elicitation/create`.
        method: String,
        /// `Value::Null` where there are none.
        params: Value,
    },
    /// The result of the request that opened the stream. An error in its place is the `Err` of
    /// [`Stream::next`](super::Stream::next).
    Answer(Value),
}

/// What `notifications/progress` says.
///
/// ```
/// use mcp_mount::testing::Progress;
///
/// assert_eq!(Progress::new(1.0).total(4.0).message("a quarter").to_string(), "1 of 4: a quarter");
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Progress {
    /// How far it is.
    pub progress: f64,
    /// How far it goes, if that is known.
    #[serde(default)]
    pub total: Option<f64>,
    /// What is being done.
    #[serde(default)]
    pub message: Option<String>,
}

impl Progress {
    /// To compare with.
    #[must_use]
    pub fn new(progress: f64) -> Self {
        Self { progress, total: None, message: None }
    }

    /// With a total.
    #[must_use]
    pub fn total(self, total: f64) -> Self {
        Self { total: Some(total), ..self }
    }

    /// With a message.
    #[must_use]
    pub fn message(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.progress)?;
        if let Some(total) = self.total {
            write!(f, " of {total}")?;
        }
        self.message.iter().try_for_each(|message| write!(f, ": {message}"))
    }
}

/// What `notifications/message` says.
///
/// Its `Display` is the level and the data: `info: 12 notes searched`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Log {
    /// Such as `info`.
    pub level: String,
    /// Who speaks.
    #[serde(default)]
    pub logger: Option<String>,
    /// A text, or any other JSON.
    pub data: Value,
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.data {
            Value::String(text) => write!(f, "{}: {text}", self.level),
            data => write!(f, "{}: {data}", self.level),
        }
    }
}

impl Message {
    /// The method of a notification or of a request; `None` for the answer.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match self {
            Self::Progress(_) => Some(PROGRESS),
            Self::Log(_) => Some(LOG),
            Self::Notification { method, .. } | Self::Request { method, .. } => Some(method),
            Self::Answer(_) => None,
        }
    }
}

pub(super) const PROGRESS: &str = "notifications/progress";
pub(super) const LOG: &str = "notifications/message";

/// The error of a JSON-RPC answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RpcError {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) data: Option<Value>,
}

/// A message by its shape.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Incoming {
    Notification { method: String, params: Value },
    Request { id: Value, method: String, params: Value },
    Result { id: Value, result: Value },
    Failure { id: Option<Value>, error: RpcError },
}

impl Incoming {
    /// The message that a JSON value is; the error says what it lacks.
    pub(super) fn read(mut value: Value) -> Result<Self, String> {
        let Some(members) = value.as_object_mut() else {
            return Err("a message is an object".to_owned());
        };
        if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err("`jsonrpc` is not \"2.0\"".to_owned());
        }
        let id = members.remove("id").filter(|id| !id.is_null());
        if id.as_ref().is_some_and(|id| !id.is_string() && !id.is_i64() && !id.is_u64()) {
            return Err("`id` is neither a string nor an integer".to_owned());
        }
        if let Some(method) = members.remove("method") {
            let Value::String(method) = method else {
                return Err("`method` is not a string".to_owned());
            };
            let params = members.remove("params").unwrap_or_default();
            if !params.is_object() && !params.is_null() {
                return Err("`params` is not an object".to_owned());
            }
            return Ok(match id {
                Some(id) => Self::Request { id, method, params },
                None => Self::Notification { method, params },
            });
        }
        match (members.remove("result"), members.remove("error")) {
            (Some(result), None) => {
                let id = id.ok_or("a result without an `id`")?;
                if !result.is_object() {
                    return Err("`result` is not an object".to_owned());
                }
                Ok(Self::Result { id, result })
            }
            (None, Some(error)) => Ok(Self::Failure { id, error: RpcError::read(&error)? }),
            (Some(_), Some(_)) => Err("`result` and `error` in one answer".to_owned()),
            (None, None) => Err("neither `method`, `result` nor `error`".to_owned()),
        }
    }
}

impl RpcError {
    fn read(error: &Value) -> Result<Self, String> {
        let code = error.get("code").and_then(Value::as_i64).ok_or("`error.code` is not an integer")?;
        let message = error.get("message").and_then(Value::as_str).ok_or("`error.message` is not a string")?;
        Ok(Self { code, message: message.to_owned(), data: error.get("data").cloned() })
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}: {}", self.code, self.message)?;
        self.data.iter().try_for_each(|data| write!(f, ", data: {data}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let request = Incoming::read(json!({"jsonrpc": "2.0", "id": "a", "method": "ping"}));
        assert_eq!(request, Ok(Incoming::Request { id: json!("a"), method: "ping".to_owned(), params: Value::Null }));
        let result = Incoming::read(json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
        assert_eq!(result, Ok(Incoming::Result { id: json!(1), result: json!({}) }));
        let failure = Incoming::read(json!({"jsonrpc": "2.0", "error": {"code": -1, "message": "no", "data": 3}}));
        let error = RpcError { code: -1, message: "no".to_owned(), data: Some(json!(3)) };
        assert_eq!(failure, Ok(Incoming::Failure { id: None, error }));
    }

    #[test]
    fn what_is_no_message_is_named() {
        for (value, complaint) in [
            (json!([]), "a message is an object"),
            (json!({"id": 1, "result": {}}), "`jsonrpc` is not \"2.0\""),
            (json!({"jsonrpc": "2.0", "id": 1.5, "result": {}}), "`id` is neither a string nor an integer"),
            (json!({"jsonrpc": "2.0", "id": 1, "result": 3}), "`result` is not an object"),
            (json!({"jsonrpc": "2.0", "result": {}}), "a result without an `id`"),
            (json!({"jsonrpc": "2.0", "id": 1}), "neither `method`, `result` nor `error`"),
            (json!({"jsonrpc": "2.0", "method": "a", "params": []}), "`params` is not an object"),
            (json!({"jsonrpc": "2.0", "id": 1, "error": {"message": "x"}}), "`error.code` is not an integer"),
        ] {
            assert_eq!(Incoming::read(value.clone()), Err(complaint.to_owned()), "{value}");
        }
    }
}
