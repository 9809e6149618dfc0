//! Whether what came is the answer to what was asked: by position, since a whole parse would cost the load generator more
//! than the servers have for the call. The first answers of each connection are parsed as well.

use std::borrow::Cow;

use memchr::memmem;
use serde_json::Value;

use crate::Error;
use crate::events::events;
use crate::response::Response;

/// The JSON-RPC answer in a response, and what was said before it.
pub(crate) fn answer<'a>(response: &Response<'a>) -> Result<(&'a [u8], u64), Error> {
    if response.status != 200 {
        return Err(wrong("not answered with 200", response));
    }
    if !response.events {
        return Ok((response.body, 0));
    }
    let mut said = 0;
    let mut answer: &[u8] = b"";
    for event in events(response.body) {
        if says(event) {
            said += 1;
        } else {
            answer = event;
        }
    }
    Ok((answer, said))
}

/// That this is the result of the call with this id, and that its text is this one, as JSON writes it.
pub(crate) fn call(response: &Response<'_>, id: u64, text: &[u8]) -> Result<u64, Error> {
    let (answer, said) = answer(response)?;
    let is_it = result(answer, id, text);
    if is_it { Ok(said) } else { Err(wrong(&format!("not the result of call {id}"), response)) }
}

/// Whether this is the result of the call with this id, and its text this one.
pub(crate) fn result(answer: &[u8], id: u64, text: &[u8]) -> bool {
    const TEXT: &[u8] = b"\"text\":\"";
    let Some(at) = memmem::find(answer, TEXT) else { return false };
    let (before, rest) = (&answer[..at], &answer[at + TEXT.len()..]);
    let Some(after) = rest.strip_prefix(text).and_then(|rest| rest.strip_prefix(b"\"")) else { return false };
    let failed = [before, after].iter().any(|part| memmem::find(part, b"\"isError\":true").is_some());
    !failed && (has_id(before, id) || has_id(after, id))
}

/// Whether the message is what a tool says before it answers.
pub(crate) fn says(message: &[u8]) -> bool {
    const KINDS: [&[u8]; 2] = [b"\"method\":\"notifications/progress\"", b"\"method\":\"notifications/message\""];
    KINDS.iter().any(|kind| memmem::find(message, kind).is_some())
}

/// Whether the message has this id.
pub(crate) fn has_id(part: &[u8], id: u64) -> bool {
    let mut digits = [0; 20];
    let id = decimal(id, &mut digits);
    memmem::find_iter(part, b"\"id\":").any(|at| {
        let rest = &part[at + 5..];
        rest.strip_prefix(id).and_then(|rest| rest.first()).is_some_and(|next| matches!(next, b',' | b'}'))
    })
}

/// Without an allocation.
pub(crate) fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

/// The result with this id, parsed.
pub(crate) fn parsed(response: &Response<'_>, id: u64) -> Result<Value, Error> {
    let (answer, _) = answer(response)?;
    let mut message: Value = serde_json::from_slice(answer).map_err(|e| wrong(&e.to_string(), response))?;
    if message["jsonrpc"] != "2.0" || message["id"] != id || !message["error"].is_null() {
        return Err(wrong(&format!("not a result of request {id}"), response));
    }
    Ok(message["result"].take())
}

/// That this is the result of a call, read in full.
pub(crate) fn call_in_full(response: &Response<'_>, id: u64, text: &[u8]) -> Result<(), Error> {
    let result = parsed(response, id)?;
    let text: String = serde_json::from_slice(&[b"\"", text, b"\""].concat())?;
    let content = &result["content"][0];
    let right = content["type"] == "text" && content["text"] == text;
    if right && result["isError"] != true { Ok(()) } else { Err(wrong("not the text that was asked for", response)) }
}

/// What is wrong with a response, with the beginning of it.
pub(crate) fn wrong(what: &str, response: &Response<'_>) -> Error {
    let body: Cow<'_, str> = String::from_utf8_lossy(&response.body[..response.body.len().min(400)]);
    format!("{what}: {} {body}", response.status).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_told_from_others() {
        let answer = br#"{"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text","text":"hello"}]}}"#;
        assert!(result(answer, 17, b"hello"));
        assert!(!result(answer, 1, b"hello"), "another id");
        assert!(!result(answer, 17, b"hell"), "another text");
        assert!(!result(answer, 17, b"hello!"), "another text");
        let failed =
            br#"{"result":{"content":[{"text":"hello","type":"text"}],"isError":true},"jsonrpc":"2.0","id":17}"#;
        assert!(!result(failed, 17, b"hello"));
        let refused = br#"{"jsonrpc":"2.0","id":17,"error":{"code":-32602,"message":"no"}}"#;
        assert!(!result(refused, 17, b"hello"));
    }

    #[test]
    fn numbers_are_written() {
        assert_eq!(decimal(0, &mut [0; 20]), b"0");
        assert_eq!(decimal(1_000_017, &mut [0; 20]), b"1000017");
    }
}
