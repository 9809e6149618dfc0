//! What is asked: written once, with the id patched into the bytes for each request.

use std::fmt::Write as _;
use std::ops::Range;

use crate::arguments::Mode;
use crate::check::decimal;

/// Ids have as many digits as this one, so that the length of a request stays the same.
const FIRST_ID: u64 = 1_000_000;
const DIGITS: usize = 7;

const MODERN_META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}"#;

/// A server, and how it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) mode: Mode,
    pub(crate) path: String,
    pub(crate) port: u16,
}

/// The bytes of a request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    id: u64,
    /// Where the id stands: as the id of the message, as its token, and at the beginning of what is to be echoed.
    ids: Vec<usize>,
    /// What is to be echoed, as JSON writes it.
    text: Range<usize>,
}

impl Request {
    /// The id that it has now.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// What is to be echoed, as JSON writes it.
    pub(crate) fn text(&self) -> &[u8] {
        &self.bytes[self.text.clone()]
    }

    /// Becomes the next request.
    pub(crate) fn next(&mut self) {
        self.id = if self.id + 1 == FIRST_ID * 10 { FIRST_ID } else { self.id + 1 };
        let mut digits = [0; 20];
        let digits = decimal(self.id, &mut digits);
        for at in &self.ids {
            self.bytes[*at..*at + DIGITS].copy_from_slice(digits);
        }
    }
}

impl Target {
    /// `tools/call` of `echo` with a message of `size` bytes, of which the first are the id. `escapes`: there is a line break
    /// or a quote in every 40 of them.
    pub(crate) fn echo(&self, session: Option<&str>, size: usize, escapes: bool) -> Request {
        let rest = size - DIGITS;
        let text = if escapes { text(rest) } else { "x".repeat(rest) };
        let message = format!("{FIRST_ID}{text}");
        let arguments = format!(r#"{{"message":"{message}"}}"#);
        let mut request = self.call(session, "echo", &arguments);
        let start = find(&request.bytes, message.as_bytes());
        request.ids.push(start);
        request.text = start..start + message.len();
        request
    }

    /// `tools/call` of `count`.
    pub(crate) fn count(&self, session: Option<&str>, events: u64, yields: bool) -> Request {
        self.call(session, "count", &format!(r#"{{"events":{events},"yields":{yields}}}"#))
    }

    fn call(&self, session: Option<&str>, tool: &str, arguments: &str) -> Request {
        self.request(session, "tools/call", Some(tool), &format!(r#""name":"{tool}","arguments":{arguments}"#))
    }

    /// `tools/list`, of the page after `cursor`.
    pub(crate) fn list(&self, session: Option<&str>, cursor: Option<&str>) -> Request {
        let params = cursor.map_or_else(String::new, |cursor| format!(r#""cursor":"{cursor}""#));
        self.request(session, "tools/list", None, &params)
    }

    /// `subscriptions/listen` of 2026-07-28, for changes of the tools.
    pub(crate) fn listen(&self) -> Request {
        self.request(None, "subscriptions/listen", None, r#""notifications":{"toolsListChanged":true}"#)
    }

    /// `initialize`
    pub(crate) fn initialize(&self) -> Request {
        let params = r#""protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}"#;
        self.message(
            &[],
            &format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"method":"initialize","params":{{{params}}}}}"#),
        )
    }

    /// `notifications/initialized`
    pub(crate) fn initialized(&self, session: &str) -> Request {
        let headers = [("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", session)];
        self.message(&headers, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)
    }

    /// GET: the stream of a session.
    pub(crate) fn stream(&self, session: &str) -> Vec<u8> {
        let headers = [("mcp-protocol-version", "2025-11-25"), ("mcp-session-id", session)];
        self.head("GET", &self.path, "text/event-stream", &headers).into_bytes()
    }

    /// The route beside MCP, by which the server tells its open streams that its tools have changed.
    pub(crate) fn announce(&self) -> Vec<u8> {
        self.head("POST", "/announce", "*/*", &[("content-length", "0")]).into_bytes()
    }

    fn request(&self, session: Option<&str>, method: &str, name: Option<&str>, params: &str) -> Request {
        let mut headers = Vec::new();
        let mut params = params.to_owned();
        let counts = name == Some("count");
        let token = if counts { format!(r#""progressToken":{FIRST_ID}"#) } else { String::new() };
        if self.mode == Mode::Modern {
            // Servers may not log without a level.
            let comma = if params.is_empty() { "" } else { "," };
            let says = if counts { format!(r#","io.modelcontextprotocol/logLevel":"info",{token}"#) } else { token };
            let _ = write!(params, r#"{comma}"_meta":{{{MODERN_META}{says}}}"#);
            headers.extend([("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)]);
            headers.extend(name.map(|name| ("mcp-name", name)));
        } else {
            if counts {
                let _ = write!(params, r#","_meta":{{{token}}}"#);
            }
            headers.push(("mcp-protocol-version", "2025-11-25"));
            headers.extend(session.map(|session| ("mcp-session-id", session)));
        }
        let message = format!(r#"{{"jsonrpc":"2.0","id":{FIRST_ID},"method":"{method}","params":{{{params}}}}}"#);
        self.message(&headers, &message)
    }

    fn message(&self, headers: &[(&str, &str)], message: &str) -> Request {
        let length = message.len().to_string();
        let mut all = vec![("content-type", "application/json"), ("content-length", &length)];
        all.extend(headers);
        let mut bytes = self.head("POST", &self.path, "application/json, text/event-stream", &all).into_bytes();
        bytes.extend_from_slice(message.as_bytes());
        let digits = FIRST_ID.to_string();
        let ids = ["\"id\":", "\"progressToken\":"].into_iter().filter_map(|name| {
            let at = memchr::memmem::find(&bytes, format!("{name}{digits}").as_bytes())?;
            Some(at + name.len())
        });
        let ids = ids.collect();
        Request { bytes, id: FIRST_ID, ids, text: 0..0 }
    }

    fn head(&self, method: &str, path: &str, accept: &str, headers: &[(&str, &str)]) -> String {
        let port = self.port;
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\naccept: {accept}\r\nuser-agent: bench\r\n");
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head + "\r\n"
    }
}

/// Text of `size` bytes, as JSON writes it: lines, and quotes in them.
fn text(size: usize) -> String {
    let byte = |at: usize| match at % 80 {
        39 => r#"\""#,
        79 => r"\n",
        _ => "x",
    };
    (0..size).map(byte).collect()
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    memchr::memmem::find(bytes, part).expect("it was written there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_request_differs_by_its_id() {
        let target = Target { mode: Mode::Modern, path: "/mcp".to_owned(), port: 8000 };
        let mut request = target.echo(None, 32, false);
        let before = request.bytes.clone();
        request.next();
        assert_eq!((request.id(), request.text().len()), (1_000_001, 32));
        assert!(request.text().starts_with(b"1000001x"));
        let changed = before.iter().zip(&request.bytes).filter(|(before, after)| before != after).count();
        assert_eq!(
            (changed, before.len()),
            (2, request.bytes.len()),
            "two places, of which each has another last digit"
        );
    }

    #[test]
    fn text_with_escapes_has_the_size_that_was_asked_for() {
        let target = Target { mode: Mode::Modern, path: "/mcp".to_owned(), port: 8000 };
        let request = target.echo(None, 87, true);
        let text = format!("\"{}\"", std::str::from_utf8(request.text()).unwrap());
        let text: String = serde_json::from_str(&text).unwrap();
        assert_eq!((text.len(), text.matches('"').count(), text.matches('\n').count()), (87, 1, 1));
    }
}
