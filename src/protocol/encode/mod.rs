//! Answers, written for the revision that was asked in. The only place that knows what a revision adds to a result.

mod content;
mod introduction;

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes};
use serde::Serialize;
use serde_json::{Map, Value};

use self::content::{content_size, write_block, write_content};
pub(crate) use self::introduction::{Identity, Introduction};
use super::caching::CacheHints;
use super::completion::Completion;
use super::error::{ErrorCode, RpcError};
use super::escape::write_string;
use super::id::RequestId;
use super::meta::OwnMeta;
use super::prompts::GetPromptResult;
use super::resources::ReadResourceResult;
use super::revision::{Era, Revision};
use super::subscriptions::SUBSCRIPTION_ID;
use super::tools::CallToolResult;

const CONTENT: &[u8] = br#""content":"#;

/// Writes the answers of one server.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// What ends a result, by revision: the last brace of `result` and that of the message, and before them what the
    /// revision adds to every result.
    tails: [Bytes; Revision::ALL.len()],
    /// What 2026-07-28 tells of the server with every result.
    server_info: Bytes,
    /// The cache hints of lists.
    list_hints: Bytes,
}

impl Encoder {
    pub(crate) fn new(identity: &Identity) -> Self {
        let server_info = to_json(&identity.implementation.for_revision(Revision::V2026_07_28));
        Self {
            tails: Revision::ALL.map(|revision| tail(revision, &server_info)),
            server_info,
            list_hints: identity.hints.members(),
        }
    }

    /// The answer to `initialize`.
    pub(crate) fn initialize(&self, id: &RequestId, revision: Revision, introduction: &Introduction) -> Bytes {
        self.result(id, revision, &[&introduction.initialize[revision.index()]])
    }

    /// The answer to `server/discover`.
    pub(crate) fn discover(&self, id: &RequestId, revision: Revision, introduction: &Introduction) -> Bytes {
        self.result(id, revision, &[&introduction.discover])
    }

    /// A result without members: `ping`, `logging/setLevel`.
    pub(crate) fn empty(&self, id: &RequestId, revision: Revision) -> Bytes {
        self.result(id, revision, &[])
    }

    /// The answer to a list; `page` is its members, as `"tools":[..]`.
    pub(crate) fn list(&self, id: &RequestId, revision: Revision, page: &[u8]) -> Bytes {
        match revision.era() {
            Era::Session => self.result(id, revision, &[page]),
            Era::Stateless => self.result(id, revision, &[page, &self.list_hints]),
        }
    }

    /// The answer to `tools/call`; `wraps` is [`ToolDefinition::wraps_output`](super::tools::ToolDefinition).
    pub(crate) fn call(&self, id: &RequestId, revision: Revision, result: &CallToolResult, wraps: bool) -> Bytes {
        let structured = result.structured.as_ref().filter(|_| revision >= Revision::V2025_06_18);
        let structured = structured.map_or("", |structured| structured.get());
        // Earlier revisions know objects only, whether there is a schema or not.
        let wrap = revision < Revision::V2026_07_28 && (wraps || !structured.starts_with('{'));
        let (before, after): (&[u8], &[u8]) = match (structured.is_empty(), wrap) {
            (true, _) => (b"", b""),
            (false, false) => (br#","structuredContent":"#, b""),
            (false, true) => (br#","structuredContent":{"result":"#, b"}"),
        };
        let error: &[u8] = if result.is_error { br#","isError":true"# } else { b"" };
        let members = [before, structured.as_bytes(), after, error];
        let size = members.iter().map(|member| member.len()).sum::<usize>() + self.tails[revision.index()].len();
        let mut out = start(id, CONTENT.len() + content_size(&result.content) + size);
        out.put_slice(CONTENT);
        write_content(&mut out, &result.content, revision);
        members.iter().for_each(|member| out.put_slice(member));
        self.end(&mut out, revision, &result.meta, true);
        Bytes::from(out)
    }

    /// The answer to `resources/read`, whose parts are complete.
    pub(crate) fn read(
        &self,
        id: &RequestId,
        revision: Revision,
        result: &ReadResourceResult,
        hints: CacheHints,
    ) -> Bytes {
        let contents = to_json(&result.contents_for(revision));
        let members: &[&[u8]] = match revision.era() {
            Era::Session => &[br#""contents":"#, &contents],
            Era::Stateless => &[br#""contents":"#, &contents, &hints.members()],
        };
        self.result_with(id, revision, members, &result.meta)
    }

    /// The answer to `prompts/get`.
    pub(crate) fn prompt(&self, id: &RequestId, revision: Revision, result: &GetPromptResult) -> Bytes {
        let mut out = Vec::new();
        if let Some(description) = &result.description {
            out.put_slice(br#""description":"#);
            write_string(&mut out, description);
            out.put_u8(b',');
        }
        out.put_slice(br#""messages":["#);
        for (index, message) in result.messages.iter().enumerate() {
            out.put_slice(if index > 0 { br#",{"role":""# } else { br#"{"role":""# });
            out.put_slice(message.role.as_str().as_bytes());
            out.put_slice(br#"","content":"#);
            write_block(&mut out, &message.content, revision);
            out.put_u8(b'}');
        }
        out.put_u8(b']');
        self.result_with(id, revision, &[&out], &result.meta)
    }

    /// The answer to `completion/complete`.
    pub(crate) fn completion(&self, id: &RequestId, revision: Revision, result: &Completion) -> Bytes {
        self.result(id, revision, &[br#""completion":"#, &to_json(result)])
    }

    /// The answer to `subscriptions/listen`: the server has ended it (2026-07-28, basic/patterns/subscriptions, «Graceful
    /// Closure»).
    pub(crate) fn subscription_ended(&self, id: &RequestId) -> Bytes {
        let mut out = start(id, self.server_info.len() + 160);
        out.put_slice(br#""resultType":"complete","_meta":{""#);
        out.put_slice(SUBSCRIPTION_ID.as_bytes());
        out.put_slice(br#"":"#);
        id.write(&mut out);
        out.put_slice(br#","io.modelcontextprotocol/serverInfo":"#);
        out.put_slice(&self.server_info);
        out.put_slice(b"}}}");
        Bytes::from(out)
    }

    /// The answer of a call that asks its client first: each request by its key, with its method and parameters (2026-07-28,
    /// basic/patterns/mrtr).
    pub(crate) fn input_required<'a>(
        &self,
        id: &RequestId,
        requests: impl IntoIterator<Item = (&'a str, &'static str, Value)>,
        state: &str,
    ) -> Bytes {
        let mut out = start(id, self.server_info.len() + state.len() + 512);
        out.put_slice(br#""resultType":"input_required","inputRequests":{"#);
        for (index, (key, method, params)) in requests.into_iter().enumerate() {
            out.put_slice(if index > 0 { b"," } else { b"" });
            write_string(&mut out, key);
            out.put_slice(br#":{"method":""#);
            out.put_slice(method.as_bytes());
            out.put_slice(br#"","params":"#);
            out.put_slice(&to_json(&params));
            out.put_u8(b'}');
        }
        out.put_slice(br#"},"requestState":""#);
        // Base64, which needs no escapes.
        out.put_slice(state.as_bytes());
        out.put_slice(br#"","_meta":{"io.modelcontextprotocol/serverInfo":"#);
        out.put_slice(&self.server_info);
        out.put_slice(b"}}}");
        Bytes::from(out)
    }

    /// The answer to a method of the application's own. What the revision says in every result is not taken from it.
    pub(crate) fn custom(
        &self,
        id: &RequestId,
        revision: Revision,
        members: &Map<String, Value>,
        meta: &OwnMeta,
    ) -> Bytes {
        let own = members.iter().filter(|(name, _)| revision.era() == Era::Session || *name != "resultType");
        let text = to_json(&own.collect::<BTreeMap<_, _>>());
        match &text[1..text.len() - 1] {
            b"" => self.result_with(id, revision, &[], meta),
            members => self.result_with(id, revision, &[members], meta),
        }
    }

    fn result(&self, id: &RequestId, revision: Revision, members: &[&[u8]]) -> Bytes {
        self.result_with(id, revision, members, &OwnMeta::default())
    }

    fn result_with(&self, id: &RequestId, revision: Revision, members: &[&[u8]], meta: &OwnMeta) -> Bytes {
        let expected = members.iter().map(|member| member.len()).sum::<usize>();
        let mut out = start(id, expected + self.tails[revision.index()].len());
        members.iter().for_each(|member| out.put_slice(member));
        self.end(&mut out, revision, meta, !members.is_empty());
        Bytes::from(out)
    }

    /// Ends a result, with its own `_meta` and what the revision adds to it. `follows`: whether there is a member before it.
    fn end(&self, out: &mut Vec<u8>, revision: Revision, meta: &OwnMeta, follows: bool) {
        let tail: &[u8] = &self.tails[revision.index()];
        // Every tail with members begins with the comma that separates it from those before.
        let tail = if follows { tail } else { tail.strip_prefix(b",").unwrap_or(tail) };
        let Some(own) = meta.members() else {
            out.put_slice(tail);
            return;
        };
        match tail.strip_suffix(b"}}}") {
            // The revision's own `_meta` is the last of the tail, and goes on.
            Some(begun) => {
                out.put_slice(begun);
                out.put_u8(b',');
            }
            None if follows => out.put_slice(br#","_meta":{"#),
            None => out.put_slice(br#""_meta":{"#),
        }
        out.put_slice(&own);
        out.put_slice(b"}}}");
    }
}

/// An error response in a revision that is known.
pub(crate) fn error_in(revision: Revision, id: &RequestId, error: &RpcError) -> Bytes {
    match (error.code, revision.era()) {
        // 2025-11-25, server/resources, «Error Handling».
        (ErrorCode::ResourceNotFound, Era::Session) => write_error(Some(id), -32002, error),
        // The session era has no code for it.
        (ErrorCode::MissingCapability, Era::Session) => write_error(Some(id), ErrorCode::InvalidParams.number(), error),
        _ => self::error(Some(id), error),
    }
}

/// An error response. The id is left out where it could not be read (2026-07-28, basic/index, «Error Responses»).
pub(crate) fn error(id: Option<&RequestId>, error: &RpcError) -> Bytes {
    write_error(id, error.code.number(), error)
}

/// An error response in a batch, where the id that could not be read is null (JSON-RPC 2.0, 5, «Response object»).
pub(crate) fn error_in_batch(id: Option<&RequestId>, error: &RpcError) -> Bytes {
    let written = self::error(id, error);
    match (id, written.strip_prefix(b"{")) {
        (None, Some(rest)) => [br#"{"id":null,"#, rest].concat().into(),
        _ => written,
    }
}

fn write_error(id: Option<&RequestId>, code: i32, error: &RpcError) -> Bytes {
    let mut out = Vec::with_capacity(96 + error.message.len());
    out.put_slice(br#"{"jsonrpc":"2.0","#);
    if let Some(id) = id {
        out.put_slice(br#""id":"#);
        id.write(&mut out);
        out.put_u8(b',');
    }
    out.put_slice(br#""error":{"code":"#);
    out.put_slice(code.to_string().as_bytes());
    out.put_slice(br#","message":"#);
    write_string(&mut out, &error.message);
    if let Some(data) = &error.data {
        out.put_slice(br#","data":"#);
        out.put_slice(data.as_bytes());
    }
    out.put_slice(b"}}");
    Bytes::from(out)
}

/// Begins an answer whose result has so many bytes. If it has, what is written becomes `Bytes` without an allocation.
fn start(id: &RequestId, expected: usize) -> Vec<u8> {
    const RESULT: &[u8] = br#","result":{"#;
    const ID: &[u8] = br#"{"jsonrpc":"2.0","id":"#;
    let mut out = Vec::with_capacity(ID.len() + id.usual_size() + RESULT.len() + expected);
    out.put_slice(ID);
    id.write(&mut out);
    out.put_slice(RESULT);
    out
}

fn tail(revision: Revision, server_info: &[u8]) -> Bytes {
    match revision.era() {
        Era::Session => Bytes::from_static(b"}}"),
        Era::Stateless => {
            let mut out = br#","resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":"#.to_vec();
            out.put_slice(server_info);
            out.put_slice(b"}}}");
            Bytes::from(out)
        }
    }
}

/// The protocol's own types as JSON.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Bytes {
    Bytes::from(serde_json::to_vec(value).expect("the protocol's own types have string keys, so they are JSON"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::content::Content;
    use crate::protocol::implementation::Implementation;
    use crate::protocol::revision::Revisions;

    fn encoder() -> Encoder {
        let implementation = Implementation { name: "s".into(), version: "1".into(), ..Implementation::default() };
        Encoder::new(&Identity {
            implementation,
            instructions: None,
            revisions: Revisions::ALL,
            hints: CacheHints::default(),
            extensions: Map::new(),
            sessions: true,
            streams: true,
        })
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
    fn room_is_made_for_the_usual_answer_and_no_more() {
        let json = CallToolResult::text("3").structured(&3).unwrap();
        let several = CallToolResult::new(["a", "bc"].map(Content::text));
        let empty = CallToolResult::default();
        for result in [CallToolResult::text("done"), CallToolResult::error("no"), json, several, empty] {
            for revision in Revision::ALL {
                let written = encoder().call(&RequestId::Signed(-10), revision, &result, false);
                let written = written.try_into_mut().unwrap();
                assert_eq!(written.len(), written.capacity(), "{revision}: {}", String::from_utf8_lossy(&written));
            }
        }
        let lines = "one line of a text, and another one\n".repeat(20);
        let json = serde_json::to_string(&vec![json!({"id": 1, "name": "a", "tags": ["b", "c"]}); 20]).unwrap();
        for text in ["a\nb", "\"", &lines, &json] {
            let result = CallToolResult::text(text);
            let written = encoder().call(&RequestId::Signed(1), Revision::V2025_11_25, &result, false);
            let (size, room) = (written.len(), written.try_into_mut().unwrap().capacity());
            // Had it grown, it would be twice as large.
            assert!(room < text.len() * 4 / 3 + 128 && size <= room, "{size} bytes in {room}: {text}");
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
        let answer = value(&encoder().list(&RequestId::Signed(1), Revision::V2026_07_28, b"\"tools\":[]"));
        assert_eq!(answer["result"]["ttlMs"], 0);
        assert_eq!(answer["result"]["cacheScope"], "private");
        assert_eq!(answer["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "s");
    }

    #[test]
    fn a_resource_that_is_not_there_has_its_eras_code() {
        let error = RpcError::resource_not_found("test://nowhere");
        let code = |revision| value(&error_in(revision, &RequestId::Signed(1), &error))["error"]["code"].clone();
        assert_eq!(code(Revision::V2025_11_25), -32002);
        assert_eq!(code(Revision::V2026_07_28), -32602);
    }
}
