//! `_meta`, of requests and of what is answered (2026-07-28, basic/index, «_meta»).

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::fill::fill;
use super::id::Token;
use super::text::{ObjectText, Text};
use super::trace_context::TraceParent;

pub(crate) const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
pub(crate) const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// What the protocol itself says in a `_meta`; other keys of its prefix are its extensions' to use.
const RESERVED: [&str; 7] = [
    "progressToken",
    PROTOCOL_VERSION,
    CLIENT_CAPABILITIES,
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/logLevel",
    "io.modelcontextprotocol/serverInfo",
    "io.modelcontextprotocol/subscriptionId",
];

/// The keys that this server acts on; others are the application's.
#[derive(Debug, Default)]
pub(crate) struct Meta<'a> {
    pub(crate) progress_token: Token<'a>,
    pub(crate) protocol_version: Option<Text<'a>>,
    pub(crate) client_info: Option<ObjectText<'a>>,
    pub(crate) client_capabilities: Option<ObjectText<'a>>,
    pub(crate) log_level: Option<Text<'a>>,
    /// Not read further: a context that is no such thing must not fail its request.
    pub(super) traceparent: Option<&'a RawValue>,
}

fill!(Meta {
    0 "progressToken" => progress_token,
    1 "io.modelcontextprotocol/protocolVersion" => protocol_version,
    2 "io.modelcontextprotocol/clientInfo" => client_info,
    3 "io.modelcontextprotocol/clientCapabilities" => client_capabilities,
    4 "io.modelcontextprotocol/logLevel" => log_level,
    5 "traceparent" => traceparent,
});

impl Meta<'_> {
    /// `traceparent`, if it is one.
    pub(crate) fn trace_parent(&self) -> Option<TraceParent> {
        let Text(text) = serde_json::from_str(self.traceparent?.get()).ok()?;
        TraceParent::parse(&text)
    }
}

/// `params._meta` of a message that has been read before, as JSON text. Looked for when it is asked for.
pub(crate) fn of_message(message: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct OfMessage<'a> {
        #[serde(borrow)]
        params: Option<OfParams<'a>>,
    }

    #[derive(Deserialize)]
    struct OfParams<'a> {
        #[serde(borrow, rename = "_meta")]
        meta: Option<ObjectText<'a>>,
    }

    let message: OfMessage<'_> = serde_json::from_str(message).ok()?;
    message.params?.meta.map(|meta| meta.0)
}

/// A `_meta` that goes out. Most are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct OwnMeta(Option<Box<Map<String, Value>>>);

impl OwnMeta {
    pub(crate) fn insert(&mut self, key: String, value: Value) {
        self.0.get_or_insert_default().insert(key, value);
    }

    /// The same, for results, in which the protocol says things of its own.
    pub(crate) fn insert_unreserved(&mut self, key: String, value: Value) {
        if !RESERVED.contains(&key.as_str()) {
            self.insert(key, value);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What is wrong with one of its keys.
    pub(crate) fn fault(&self) -> Option<String> {
        self.0.iter().flat_map(|members| members.keys()).find_map(|key| {
            if RESERVED.contains(&key.as_str()) {
                return Some(format!("_meta: the key `{key}` is the protocol's own"));
            }
            (!is_key(key)).then(|| format!("_meta: {key:?} is no key: {KEY}"))
        })
    }

    /// Its members without their braces.
    pub(crate) fn members(&self) -> Option<Bytes> {
        let text = Bytes::from(serde_json::to_vec(self.0.as_ref()?).expect("a JSON value is JSON"));
        Some(text.slice(1..text.len() - 1))
    }
}

/// Writes the method of a result that adds to its `_meta`.
macro_rules! result_meta {
    () => {
        /// Adds a member to the result's `_meta`: for extensions, and for what clients know of the application. The keys that
        /// the protocol has for itself, as `io.modelcontextprotocol/serverInfo`, are not taken.
        #[must_use]
        pub fn meta(mut self, key: impl Into<String>, value: impl Into<serde_json::Value>) -> Self {
            self.meta.insert_unreserved(key.into(), value.into());
            self
        }
    };
}

pub(crate) use result_meta;

/// What a key looks like, for people.
pub(crate) const KEY: &str =
    "letters and digits, in between also `-`, `_` and `.`, behind a prefix such as `com.example/`";

/// Whether it may be a key (2026-07-28, basic/index, «_meta»).
fn is_key(key: &str) -> bool {
    match key.rsplit_once('/') {
        Some((prefix, name)) => prefix.split('.').all(is_label) && is_name(name),
        None => is_name(key),
    }
}

/// Whether it may name an extension: a key with a prefix (2026-07-28, schema, «ServerCapabilities»).
pub(crate) fn is_extension(identifier: &str) -> bool {
    is_key(identifier) && identifier.contains('/') && !identifier.ends_with('/')
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let ends = bytes.first().into_iter().chain(bytes.last());
    ends.into_iter().all(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_the_specification_says() {
        for good in ["ui", "a.b_c-d", "com.example/key", "io.modelcontextprotocol/ui", "com.example/", "ui/resourceUri"]
        {
            assert!(is_key(good), "{good}");
        }
        assert!(is_extension("com.example/thing") && is_extension("example/thing"));
        assert!(!is_extension("thing") && !is_extension("com.example/"));
        for bad in ["-a", "a-", "a b", "/a", "1com/a", "com./a", "com.exa_mple/a", "a/b/c", "ü"] {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn the_meta_of_a_message_is_found_however_it_is_written() {
        assert_eq!(of_message(r#"{"id":1,"params":{"a":[],"_meta":{"k":1}}}"#), Some(r#"{"k":1}"#));
        for none in [r#"{"id":1}"#, r#"{"params":{}}"#, r#"{"params":{"_meta":null}}"#] {
            assert_eq!(of_message(none), None);
        }
    }
}
