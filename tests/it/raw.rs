//! HTTP/1.1 as bytes: what a server really writes.

use std::{collections::BTreeSet, fmt, net::SocketAddr};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::connection::promptly;

/// A reply: its headers are a set, its body is without chunks.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw {
    pub status: String,
    pub headers: BTreeSet<(String, String)>,
    pub body: Bytes,
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{:#?}\n{}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}

/// Sends the bytes, and reads the reply until the server closes, or `enough` of it is there.
pub async fn exchange(address: SocketAddr, request: &[u8], enough: impl Fn(&[u8]) -> bool) -> Raw {
    let mut stream = promptly("a connection", TcpStream::connect(address)).await.expect("connects");
    stream.write_all(request).await.expect("sent");
    let mut reply = Vec::new();
    while !enough(&reply) {
        match promptly("the reply", stream.read_buf(&mut reply)).await {
            Ok(0) => break,
            Ok(_) => {}
            // What a server does to a connection whose request it has not read to its end; the reply is there by then.
            Err(_) if !reply.is_empty() => break,
            Err(error) => panic!("no reply: {error}"),
        }
    }
    parse(&reply)
}

/// Where the head ends, an empty line included.
pub fn head_length(reply: &[u8]) -> Option<usize> {
    reply.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn parse(reply: &[u8]) -> Raw {
    let length = head_length(reply).unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(reply)));
    let head = std::str::from_utf8(&reply[..length]).expect("ASCII");
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap_or_default().to_owned();
    let headers: BTreeSet<_> = lines
        .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("a header without a value: {line:?}")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let chunked = headers.contains(&("transfer-encoding".to_owned(), "chunked".to_owned()));
    let body = if chunked { dechunked(&reply[length..]) } else { reply[length..].to_vec() };
    Raw { status, headers, body: body.into() }
}

/// The data of as many chunks as are there.
fn dechunked(mut body: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    while let Some(line) = body.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&body[..line]).expect("ASCII");
        let size = usize::from_str_radix(size, 16).unwrap_or_else(|error| panic!("{error}: {size:?}"));
        let Some(chunk) = body.get(line + 2..line + 2 + size) else { break };
        data.extend_from_slice(chunk);
        body = body.get(line + 2 + size + 2..).unwrap_or_default();
    }
    data
}
