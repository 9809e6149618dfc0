//! What a client's user answers to a form or a URL.

use serde_json::Value;

use crate::protocol::strict::Strict;

/// What became of a question to the user (2025-11-25, client/elicitation, «Response Actions»).
///
/// ```
/// use mcp_mount::Elicited;
///
/// fn told(answer: Elicited<bool>) -> &'static str {
///     match answer {
///         Elicited::Accept(true) => "deployed",
///         Elicited::Accept(false) | Elicited::Decline => "left as it is",
///         Elicited::Cancel => "asked in vain",
///     }
/// }
/// assert_eq!(told(Elicited::Decline), "left as it is");
/// assert_eq!(Elicited::Accept(4).map(|n| n + 1).accepted(), Some(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elicited<T> {
    /// The user answered this; for a URL, that they agreed to visit it, not that they are done there.
    Accept(T),
    /// The user said no.
    Decline,
    /// The user closed the question without choosing, or the client did.
    Cancel,
}

impl<T> Elicited<T> {
    /// The answer, if there is one.
    #[must_use]
    pub fn accepted(self) -> Option<T> {
        match self {
            Self::Accept(answer) => Some(answer),
            Self::Decline | Self::Cancel => None,
        }
    }

    /// The same with another answer, made of this one.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Elicited<U> {
        match self {
            Self::Accept(answer) => Elicited::Accept(change(answer)),
            Self::Decline => Elicited::Decline,
            Self::Cancel => Elicited::Cancel,
        }
    }
}

/// Reads an `ElicitResult`: its content, which is an object, where the client sent any. A fault names the member and
/// says nothing of what the user wrote.
pub(crate) fn read_elicit_result(json: &str) -> Result<Elicited<Option<Value>>, String> {
    // Of a member there twice, one would be checked and the other might be read.
    let Strict(result) = serde_json::from_str(json).map_err(|error| format!("the answer cannot be read: {error}"))?;
    let Value::Object(mut result) = result else {
        return Err("the answer is not an object".to_owned());
    };
    match result.get("action").map(Value::as_str) {
        Some(Some("accept")) => match result.remove("content") {
            None | Some(Value::Null) => Ok(Elicited::Accept(None)),
            Some(content @ Value::Object(_)) => Ok(Elicited::Accept(Some(content))),
            Some(_) => Err("`content` is not an object".to_owned()),
        },
        Some(Some("decline")) => Ok(Elicited::Decline),
        Some(Some("cancel")) => Ok(Elicited::Cancel),
        Some(_) => Err("`action` is neither `accept` nor `decline` nor `cancel`".to_owned()),
        None => Err("`action` is missing".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_of_three() {
        let read = |json| read_elicit_result(json).unwrap();
        let content = serde_json::json!({ "name": "Ada" });
        assert_eq!(read(r#"{"action":"accept","content":{"name":"Ada"}}"#), Elicited::Accept(Some(content)));
        assert_eq!(read(r#"{"action":"accept"}"#), Elicited::Accept(None));
        assert_eq!(read(r#"{"action":"accept","content":null,"_meta":{}}"#), Elicited::Accept(None));
        assert_eq!(read(r#"{"action":"decline","content":7}"#), Elicited::Decline);
        assert_eq!(read(r#"{"action":"cancel"}"#), Elicited::Cancel);
    }

    #[test]
    fn what_is_no_answer_is_told_by_its_member() {
        for (json, member) in [
            ("12345", "not an object"),
            ("null", "not an object"),
            ("{}", "`action` is missing"),
            (r#"{"action":"ACCEPT"}"#, "`action`"),
            (r#"{"action":null}"#, "`action`"),
            (r#"{"action":"accept","content":"secret"}"#, "`content`"),
            (r#"{"action":"accept","content":{"a":1,"a":2}}"#, "duplicate field `a`"),
        ] {
            let fault = read_elicit_result(json).unwrap_err();
            assert!(fault.contains(member), "{json}: {fault}");
            assert!(!fault.contains("secret"), "{fault}");
        }
    }
}
