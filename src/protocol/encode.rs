//! Answers, written for the revision that was asked in. The only place that knows what a revision adds to a result.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde_json::json;

use super::content::Content;
use super::error::RpcError;
use super::escape::write_string;
use super::implementation::Implementation;
use super::jsonrpc::RequestId;
use super::revision::{Era, Revision, Revisions};
use super::tools::{CallToolResult, ToolDefinition};

/// Results of the stateless era may be cached; these lists belong to their caller until the application says otherwise
/// (2026-07-28, server/utilities/caching).
const CACHE_HINTS: &[u8] = br#","ttlMs":0,"cacheScope":"private""#;

/// What a server says of itself, encoded once for each revision.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// What ends a result, by revision: the last brace of `result` and that of the message, and before them what the
    /// revision adds to every result.
    tails: [Bytes; Revision::ALL.len()],
    /// The members of the answer to `initialize`, by revision.
    initialize: [Bytes; Revision::ALL.len()],
    /// The members of the answer to `server/discover`.
    discover: Bytes,
}

/// What [`Encoder`] is made of.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) implementation: Implementation,
    pub(crate) instructions: Option<String>,
    pub(crate) has_tools: bool,
}

impl Encoder {
    pub(crate) fn new(identity: &Identity, revisions: Revisions) -> Self {
        Self {
            tails: Revision::ALL.map(|revision| tail(identity, revision)),
            initialize: Revision::ALL.map(|revision| initialize_members(identity, revision)),
            discover: discover_members(identity, revisions),
        }
    }

    /// The answer to `initialize`.
    pub(crate) fn initialize(&self, id: &RequestId, revision: Revision) -> Bytes {
        self.result(id, revision, &[&self.initialize[revision.index()]])
    }

    /// The answer to `server/discover`.
    pub(crate) fn discover(&self, id: &RequestId, revision: Revision) -> Bytes {
        self.result(id, revision, &[&self.discover])
    }

    /// A result without members: `ping`, `logging/setLevel`.
    pub(crate) fn empty(&self, id: &RequestId, revision: Revision) -> Bytes {
        self.result(id, revision, &[])
    }

    /// The answer to `tools/list`; `tools` is the array from [`tool_list`].
    pub(crate) fn tools(&self, id: &RequestId, revision: Revision, tools: &[u8]) -> Bytes {
        match revision.era() {
            Era::Session => self.result(id, revision, &[br#""tools":"#, tools]),
            Era::Stateless => self.result(id, revision, &[br#""tools":"#, tools, CACHE_HINTS]),
        }
    }

    /// The answer to `tools/call`; `wraps` is [`ToolDefinition::wraps_output`].
    pub(crate) fn call(&self, id: &RequestId, revision: Revision, result: &CallToolResult, wraps: bool) -> Bytes {
        let tail = &self.tails[revision.index()];
        let mut out = start(id, estimate(result) + tail.len());
        out.put_slice(br#""content":"#);
        write_content(&mut out, &result.content, revision);
        if let Some(structured) = &result.structured
            && revision >= Revision::V2025_06_18
        {
            out.put_slice(br#","structuredContent":"#);
            // Earlier revisions know objects only, whether there is a schema or not.
            let wrap = revision < Revision::V2026_07_28 && (wraps || !structured.get().starts_with('{'));
            out.put_slice(if wrap { br#"{"result":"# } else { b"" });
            out.put_slice(structured.get().as_bytes());
            out.put_slice(if wrap { b"}" } else { b"" });
        }
        if result.is_error {
            out.put_slice(br#","isError":true"#);
        }
        out.put_slice(tail);
        out.freeze()
    }

    fn result(&self, id: &RequestId, revision: Revision, members: &[&[u8]]) -> Bytes {
        let tail: &[u8] = &self.tails[revision.index()];
        // Every tail begins with the comma that separates it from a member.
        let tail = if members.is_empty() { tail.strip_prefix(b",").unwrap_or(tail) } else { tail };
        let mut out = start(id, members.iter().map(|member| member.len()).sum::<usize>() + tail.len());
        for member in members {
            out.put_slice(member);
        }
        out.put_slice(tail);
        out.freeze()
    }
}

/// An error response. The id is left out where it could not be read (2026-07-28, basic/index, «Error Responses»).
pub(crate) fn error(id: Option<&RequestId>, error: &RpcError) -> Bytes {
    let mut out = BytesMut::with_capacity(96 + error.message.len());
    out.put_slice(br#"{"jsonrpc":"2.0","#);
    if let Some(id) = id {
        out.put_slice(br#""id":"#);
        id.write(&mut out);
        out.put_u8(b',');
    }
    out.put_slice(br#""error":{"code":"#);
    out.put_slice(error.code.number().to_string().as_bytes());
    out.put_slice(br#","message":"#);
    write_string(&mut out, &error.message);
    if let Some(data) = &error.data {
        out.put_slice(br#","data":"#);
        out.put_slice(data.as_bytes());
    }
    out.put_slice(b"}}");
    out.freeze()
}

/// The tools as one JSON array, as the given revision knows them.
pub(crate) fn tool_list<'a>(tools: impl Iterator<Item = &'a ToolDefinition>, revision: Revision) -> Bytes {
    to_json(&tools.map(|tool| tool.for_revision(revision)).collect::<Vec<_>>())
}

fn start(id: &RequestId, expected: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(expected + 64);
    out.put_slice(br#"{"jsonrpc":"2.0","id":"#);
    id.write(&mut out);
    out.put_slice(br#","result":{"#);
    out
}

/// Room for the usual answer, one text, without a second allocation.
fn estimate(result: &CallToolResult) -> usize {
    let content: usize =
        result.content.iter().map(|block| if let Content::Text { text, .. } = block { text.len() } else { 256 }).sum();
    content + result.structured.as_ref().map_or(0, |structured| structured.get().len() + 32) + 64
}

fn write_content(out: &mut BytesMut, content: &[Content], revision: Revision) {
    out.put_u8(b'[');
    for (index, block) in content.iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        match block {
            Content::Text { text, annotations: None } => write_text(out, text),
            // What a revision does not have yet is told in words.
            Content::Audio { mime_type, .. } if revision < Revision::V2025_03_26 => {
                write_text(out, &format!("[audio, {mime_type}]"));
            }
            Content::ResourceLink { uri, name, .. } if revision < Revision::V2025_06_18 => {
                write_text(out, &format!("{name}: {uri}"));
            }
            block => {
                serde_json::to_writer((&mut *out).writer(), block).expect("content has string keys, so it is JSON");
            }
        }
    }
    out.put_u8(b']');
}

fn write_text(out: &mut BytesMut, text: &str) {
    out.put_slice(br#"{"type":"text","text":"#);
    write_string(out, text);
    out.put_u8(b'}');
}

fn tail(identity: &Identity, revision: Revision) -> Bytes {
    match revision.era() {
        Era::Session => Bytes::from_static(b"}}"),
        Era::Stateless => {
            let info = to_json(&identity.implementation.for_revision(revision));
            let mut out =
                BytesMut::from(&br#","resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":"#[..]);
            out.put_slice(&info);
            out.put_slice(b"}}}");
            out.freeze()
        }
    }
}

fn capabilities(identity: &Identity) -> serde_json::Value {
    let mut capabilities = json!({ "logging": {} });
    if identity.has_tools {
        capabilities["tools"] = json!({});
    }
    capabilities
}

fn initialize_members(identity: &Identity, revision: Revision) -> Bytes {
    let mut result = json!({
        "protocolVersion": revision.as_str(),
        "capabilities": capabilities(identity),
        "serverInfo": identity.implementation.for_revision(revision),
    });
    if let Some(instructions) = &identity.instructions {
        result["instructions"] = json!(instructions);
    }
    members(&result)
}

fn discover_members(identity: &Identity, revisions: Revisions) -> Bytes {
    let mut result = json!({
        "supportedVersions": revisions.newest_first().map(Revision::as_str).collect::<Vec<_>>(),
        "capabilities": capabilities(identity),
    });
    if let Some(instructions) = &identity.instructions {
        result["instructions"] = json!(instructions);
    }
    let mut out = BytesMut::from(&members(&result)[..]);
    out.put_slice(CACHE_HINTS);
    out.freeze()
}

/// An object without its braces.
fn members(object: &serde_json::Value) -> Bytes {
    let text = to_json(object);
    text.slice(1..text.len() - 1)
}

fn to_json<T: Serialize>(value: &T) -> Bytes {
    Bytes::from(serde_json::to_vec(value).expect("the protocol's own types have string keys, so they are JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoder() -> Encoder {
        let implementation = Implementation { name: "s".into(), version: "1".into(), ..Implementation::default() };
        Encoder::new(&Identity { implementation, instructions: None, has_tools: true }, Revisions::ALL)
    }

    fn value(bytes: &Bytes) -> serde_json::Value {
        serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
    }

    #[test]
    fn an_empty_result_is_an_object_in_every_revision() {
        for revision in Revision::ALL {
            let answer = value(&encoder().empty(&RequestId::Signed(1), revision));
            let result = answer["result"].as_object().unwrap();
            assert_eq!(result.contains_key("resultType"), revision == Revision::V2026_07_28, "{revision}");
        }
    }

    #[test]
    fn structured_content_that_is_no_object_is_wrapped_for_the_session_era() {
        let result = CallToolResult::text("3").structured(&3).unwrap();
        let of = |revision| value(&encoder().call(&RequestId::Signed(1), revision, &result, false))["result"].clone();
        assert_eq!(of(Revision::V2026_07_28)["structuredContent"], 3);
        assert_eq!(of(Revision::V2025_11_25)["structuredContent"], json!({ "result": 3 }));
        assert!(of(Revision::V2025_03_26).get("structuredContent").is_none());
    }

    #[test]
    fn a_list_says_how_long_it_may_be_kept() {
        let answer = value(&encoder().tools(&RequestId::Signed(1), Revision::V2026_07_28, b"[]"));
        assert_eq!(answer["result"]["ttlMs"], 0);
        assert_eq!(answer["result"]["cacheScope"], "private");
        assert_eq!(answer["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "s");
    }
}
