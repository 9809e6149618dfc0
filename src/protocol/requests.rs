//! What the server asks of its client in a session, up to 2025-11-25, and what it tells of it later.

use bytes::{BufMut, Bytes};
use serde_json::Value;

use super::escape::write_string;
use super::id::RequestId;

/// A request to the client.
pub(crate) fn request(id: &RequestId, method: &str, params: &Value) -> Bytes {
    let mut out = Vec::with_capacity(256);
    out.put_slice(br#"{"jsonrpc":"2.0","id":"#);
    id.write(&mut out);
    out.put_slice(br#","method":"#);
    write_string(&mut out, method);
    out.put_slice(br#","params":"#);
    serde_json::to_writer((&mut out).writer(), params).expect("writing a value to memory cannot fail");
    out.put_u8(b'}');
    Bytes::from(out)
}

/// `notifications/cancelled`: a request of the server's no longer needs an answer.
pub(crate) fn cancelled(id: &RequestId, reason: &str) -> Bytes {
    let mut out = Vec::with_capacity(192);
    out.put_slice(br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"#);
    id.write(&mut out);
    out.put_slice(br#","reason":"#);
    write_string(&mut out, reason);
    out.put_slice(b"}}");
    Bytes::from(out)
}

/// `notifications/elicitation/complete` (2025-11-25, client/elicitation, «Completion Notifications for URL Mode»).
pub(crate) fn elicitation_complete(id: &str) -> Bytes {
    let mut out = Vec::with_capacity(160);
    out.put_slice(br#"{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"#);
    write_string(&mut out, id);
    out.put_slice(b"}}");
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_is_one_message() {
        let id = RequestId::Text("a\"b".into());
        let value = |bytes: Bytes| serde_json::from_slice::<Value>(&bytes).unwrap();
        assert_eq!(
            value(request(&id, "roots/list", &json!({}))),
            json!({ "jsonrpc": "2.0", "id": "a\"b", "method": "roots/list", "params": {} })
        );
        assert_eq!(value(cancelled(&id, "late"))["params"], json!({ "requestId": "a\"b", "reason": "late" }));
        assert_eq!(value(elicitation_complete("e\"1"))["params"], json!({ "elicitationId": "e\"1" }));
    }
}
