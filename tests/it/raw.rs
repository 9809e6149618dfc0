//! HTTP/1.1 as bytes: what a server really writes.

use std::{fmt, net::SocketAddr};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::connection::promptly;

/// A reply: its headers are in the order of their names, each as often as it was sent; its body is without chunks.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw {
    pub status: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Raw {
    /// Of all headers of this name.
    fn values(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{:#?}\n{}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

/// Sends the bytes, and reads the reply until the server closes. It has to be there to its end.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Raw {
    let (mut stream, mut reply) = (sent(address, request).await, Vec::new());
    let closed = loop {
        match promptly("the reply", stream.read_buf(&mut reply)).await {
            Ok(0) => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    // A server resets a connection whose request it has not read to its end; what it had to say is there by then.
    whole(&reply, request.starts_with(b"HEAD ")).unwrap_or_else(|why| panic!("{why}; the connection: {closed:?}"))
}

/// The same for a reply that does not end, without its body.
pub async fn exchange_heads(address: SocketAddr, request: &[u8]) -> Raw {
    let (mut stream, mut reply) = (sent(address, request).await, Vec::new());
    loop {
        if let Ok((head, _)) = split(&reply) {
            return head;
        }
        let read = promptly("the head of the reply", stream.read_buf(&mut reply)).await.expect("no reset");
        assert!(read > 0, "no head: {:?}", String::from_utf8_lossy(&reply));
    }
}

async fn sent(address: SocketAddr, request: &[u8]) -> TcpStream {
    let mut stream = promptly("a connection", TcpStream::connect(address)).await.expect("connects");
    stream.write_all(request).await.expect("sent");
    stream
}

/// The reply, if it is complete and nothing comes behind it; else why it is not.
fn whole(reply: &[u8], without_body: bool) -> Result<Raw, String> {
    let (mut raw, rest) = split(reply)?;
    let (lengths, codings) = (raw.values("content-length"), raw.values("transfer-encoding"));
    // RFC 9112, 6.3
    let has_no_body = without_body || ["204", "304"].iter().any(|code| raw.status.contains(&format!(" {code} ")));
    let body = match (&codings[..], &lengths[..]) {
        _ if has_no_body => Some(Vec::new()).filter(|_| rest.is_empty()),
        (["chunked"], []) => dechunked(rest),
        ([], [length]) => Some(rest.to_vec()).filter(|body| body.len().to_string() == *length),
        (codings, lengths) => {
            return Err(format!("a body that ends with its connection: {codings:?}, {lengths:?}"));
        }
    };
    raw.body = body.ok_or_else(|| format!("not a whole reply: {:?}", String::from_utf8_lossy(reply)))?.into();
    Ok(raw)
}

/// The head, and what comes behind it.
fn split(reply: &[u8]) -> Result<(Raw, &[u8]), String> {
    let end = reply.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| format!("no head: {:?}", String::from_utf8_lossy(reply)))?;
    let head = std::str::from_utf8(&reply[..end]).map_err(|error| format!("{error} in a head"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default().to_owned();
    let pair = |line: &str| match line.split_once(": ") {
        Some((name, value)) => Ok((name.to_ascii_lowercase(), value.to_owned())),
        None => Err(format!("a header without a value: {line:?}")),
    };
    let mut headers: Vec<_> = lines.map(pair).collect::<Result<_, _>>()?;
    headers.sort();
    Ok((Raw { status, headers, body: Bytes::new() }, &reply[end + 4..]))
}

/// The data of all chunks, of which the last one is empty and the end.
fn dechunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let line = body.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).ok()?, 16).ok()?;
        let chunk = body.get(line + 2..line + 2 + size)?;
        body = body.get(line + 2 + size..)?.strip_prefix(b"\r\n")?;
        if size == 0 {
            return body.is_empty().then_some(data);
        }
        data.extend_from_slice(chunk);
    }
}

/// What the comparisons rest on.
#[cfg(test)]
mod tests {
    use super::*;

    const SIZED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    #[test]
    fn a_header_that_is_sent_twice_is_there_twice() {
        let read = |headers: &str| whole(format!("HTTP/1.1 204 No Content\r\n{headers}\r\n").as_bytes(), false);
        assert_eq!(read("A: 1\r\nB: 2\r\n"), read("b: 2\r\na: 1\r\n"), "the order is nobody's");
        assert_ne!(read("A: 1\r\nA: 1\r\n"), read("A: 1\r\n"));
    }

    #[test]
    fn a_reply_is_whole_or_none() {
        let read = |head: &str, body: &str| whole(format!("{head}{body}").as_bytes(), false).map(|raw| raw.body);
        assert_eq!(read(SIZED, "abcd").as_deref(), Ok(b"abcd".as_slice()));
        assert_eq!(read(CHUNKED, "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n").as_deref(), Ok(b"abcd".as_slice()));
        for body in ["", "abc", "abcde"] {
            assert!(read(SIZED, body).is_err(), "{body:?}");
        }
        for body in ["", "2\r\nab", "2\r\nab\r\n", "2\r\nab\r\n0\r\n", "2\r\nabc\r\n0\r\n\r\n", "0\r\n\r\nHTTP"] {
            assert!(read(CHUNKED, body).is_err(), "{body:?}");
        }
        assert!(read("HTTP/1.1 200 OK\r\n\r\n", "abcd").is_err(), "its end cannot be told from a reset");
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "").is_err());
    }

    #[test]
    fn to_head_there_is_no_body() {
        assert!(whole(SIZED.as_bytes(), true).is_ok());
        assert!(whole(format!("{SIZED}abcd").as_bytes(), true).is_err());
    }
}
