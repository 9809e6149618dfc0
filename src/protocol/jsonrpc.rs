//! JSON-RPC messages, read in one pass over envelope and parameters.

use serde::Deserialize;
use serde::de::{DeserializeSeed as _, Deserializer};
use serde_json::value::RawValue;

use super::error::{ErrorCode, RpcError};
use super::fill::{InPlace, fill};
use super::id::{Id, RequestId};
use super::meta::Meta;
use super::params::{self, Params};
use super::text::{Object, Text};
use super::usual;

const JSONRPC_FAULT: &str = "jsonrpc: expected the string \"2.0\"";

/// A whole message. Which of its members may be there depends on what it is: see [`Message::kind`].
#[derive(Debug, Default)]
pub(crate) struct Message<'a> {
    pub(super) jsonrpc: Option<Text<'a>>,
    pub(super) id: Id<'a>,
    pub(super) method: Option<Text<'a>>,
    pub(super) params: Params<'a>,
    result: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

fill!(Message {
    0 "jsonrpc" => jsonrpc,
    1 "id" => id,
    2 "method" => method,
    3 "params" => { params },
    4 "result" => result,
    5 "error" => error,
});

/// A message of whose parameters only `_meta` is read.
#[derive(Debug, Default)]
struct CustomMessage<'a> {
    jsonrpc: Option<Text<'a>>,
    id: Id<'a>,
    method: Option<Text<'a>>,
    params: MetaOnly<'a>,
}

fill!(CustomMessage {
    0 "jsonrpc" => jsonrpc,
    1 "id" => id,
    2 "method" => method,
    3 "params" => { params },
});

#[derive(Debug, Default)]
struct MetaOnly<'a> {
    meta: Meta<'a>,
}

fill!(MetaOnly {
    0 "_meta" => { meta or null },
});

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Request(RequestId),
    Notification,
    Response,
}

impl Kind {
    /// The id of a request.
    pub(crate) fn id(&self) -> Option<&RequestId> {
        match self {
            Self::Request(id) => Some(id),
            Self::Notification | Self::Response => None,
        }
    }
}

/// Why a body is no message, with the id where it could be read.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) id: Option<RequestId>,
    pub(crate) error: RpcError,
}

impl<'a> Message<'a> {
    /// Reads a message into `self`, which is empty, and says what it is.
    pub(crate) fn parse(&mut self, text: &'a str) -> Result<Kind, Malformed> {
        if usual::read(text, self).is_none() {
            *self = Self::default();
            self.read(text).map_err(|error| diagnose(text, &error))?;
        }
        self.kind()
    }

    /// Reads a message of any shape.
    pub(super) fn read(&mut self, text: &'a str) -> Result<(), serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let seed = InPlace { target: self, or_null: false };
        seed.deserialize(&mut deserializer)?;
        deserializer.end()
    }

    /// Reads a message whose parameters are the application's own, and may be what no method of the protocol's takes.
    #[cold]
    pub(crate) fn parse_custom(text: &'a str) -> Option<(Self, Kind)> {
        let CustomMessage { jsonrpc, id, method, params: MetaOnly { meta } } = serde_json::from_str(text).ok()?;
        let message = Self { jsonrpc, id, method, params: Params::of(meta), ..Self::default() };
        let kind = message.kind().ok()?;
        Some((message, kind))
    }

    pub(crate) fn method(&self) -> &str {
        self.method.as_ref().map_or("", Text::as_str)
    }

    pub(crate) fn params(&self) -> &Params<'a> {
        &self.params
    }

    /// `params._meta`.
    pub(crate) fn meta(&self) -> &Meta<'a> {
        &self.params.meta
    }

    /// The response that the message is: to which request, and its result or its error as JSON text.
    pub(crate) fn response(&self) -> Option<(RequestId, Result<&'a str, &'a str>)> {
        let answer = match (self.result, self.error) {
            (Some(result), None) => Ok(result.get()),
            (None, Some(error)) => Err(error.get()),
            _ => return None,
        };
        Some((self.id.to_request_id()?, answer))
    }

    fn kind(&self) -> Result<Kind, Malformed> {
        let id = self.id.to_request_id();
        let refuse = |message: &'static str| {
            Err(Malformed { id: id.clone(), error: RpcError::new(ErrorCode::InvalidRequest, message) })
        };
        if self.jsonrpc.as_ref().is_none_or(|version| version.as_str() != "2.0") {
            return refuse(JSONRPC_FAULT);
        }
        match (&self.method, &self.id) {
            (Some(_), Id::Absent) => Ok(Kind::Notification),
            (Some(_), Id::Null) => refuse("id: null is not allowed; a request's id is a string or an integer"),
            (None, _) if self.result.is_some() != self.error.is_some() => match id {
                Some(_) => Ok(Kind::Response),
                None => refuse("id: a response needs the id of the request that it answers"),
            },
            (None, _) => refuse("method: missing; a message is a request, a notification or a response"),
            (Some(_), _) => match id.clone() {
                Some(id) => Ok(Kind::Request(id)),
                None => refuse("id: expected a string or an integer"),
            },
        }
    }
}

/// The envelope alone, read when the typed pass failed, so that the id is kept and the member at fault is named.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Id<'a>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
}

/// A member that is there, be it `null`, which `Option` alone takes for absent.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[cold]
fn diagnose(text: &str, error: &serde_json::Error) -> Malformed {
    let refuse = |code, message: String| Malformed { id: None, error: RpcError::new(code, message) };
    if !error.is_data() {
        return refuse(ErrorCode::Parse, format!("the body is not valid JSON: {error}"));
    }
    let start = text.trim_ascii_start();
    if start.starts_with('[') {
        return batch();
    }
    let Object(envelope): Object<Envelope<'_>> = match serde_json::from_str(text) {
        Ok(envelope) => envelope,
        // Two values for one member: a proxy and this server could each read another one.
        Err(error) if start.starts_with('{') => {
            return refuse(ErrorCode::Parse, format!("the message is ambiguous: {error}"));
        }
        Err(error) => return refuse(ErrorCode::InvalidRequest, format!("the message is not a JSON object: {error}")),
    };
    let id = envelope.id.to_request_id();
    if envelope.jsonrpc.is_some_and(|version| !version.get().starts_with('"')) {
        let error = RpcError::new(ErrorCode::InvalidRequest, JSONRPC_FAULT);
        return Malformed { id, error };
    }
    if envelope.method.is_some_and(|method| !method.get().starts_with('"')) {
        let error = RpcError::new(ErrorCode::InvalidRequest, "method: expected a string");
        return Malformed { id, error };
    }
    if let Some(fault) = envelope.params.and_then(|params| params::fault(params.get())) {
        return Malformed { id, error: RpcError::invalid_params(fault) };
    }
    // `result` or `error` is there twice, which the envelope does not look at.
    refuse(ErrorCode::Parse, format!("the message is ambiguous: {error}"))
}

/// An array of messages, which only 2025-03-26 knew.
#[cold]
fn batch() -> Malformed {
    let text = "batches are not accepted: send one message as a JSON object";
    Malformed { id: None, error: RpcError::new(ErrorCode::InvalidRequest, text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (Option<RequestId>, i32, String) {
        let malformed = Message::default().parse(text).unwrap_err();
        (malformed.id, malformed.error.code.number(), malformed.error.message.into_owned())
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for id in ["null", "true", "1.5", "{}", "[1]", "1e400", "123456789012345678901234567890"] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            assert!(matches!(refused(&text).1, -32600 | -32700), "{id}");
        }
    }

    #[test]
    fn an_escaped_method_is_the_method() {
        let mut message = Message::default();
        let kind = message.parse(r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call"}"#).unwrap();
        assert_eq!(message.method(), "tools/call");
        assert_eq!(kind, Kind::Request(RequestId::Unsigned(1)));
    }

    #[test]
    fn faults_name_the_member_and_keep_the_id() {
        let (id, code, message) = refused(r#"{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":5}}"#);
        assert_eq!((id, code), (Some(RequestId::Unsigned(4)), -32602));
        assert!(message.starts_with("params.name: invalid type: integer"), "{message}");
        let (id, code, message) = refused(r#"{"jsonrpc":"2.0","id":4,"method":"tools/call","params":[1]}"#);
        assert_eq!((id, code, message.as_str()), (Some(RequestId::Unsigned(4)), -32602, "params: expected an object"));
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":4,"id":5,"method":"ping"}"#).1, -32700);
        assert_eq!(refused(r#"[{"jsonrpc":"2.0","id":4,"method":"ping"}]"#).1, -32600);
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":4,"#).1, -32700);
    }
}
