//! A client of HTTP/1.1 that sees what a library hides: resets, and answers that break off.

use std::{io, net::SocketAddr};

use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::Ask;

/// How an answer failed to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Not a byte of it came: the connection was closed, or reset.
    Unanswered(String),
    /// It began, and did not come to its end.
    Cut(String),
}

/// What comes before a body.
#[derive(Clone, Debug)]
pub struct Head {
    pub status: u16,
    /// With names in lower case.
    headers: Vec<(String, String)>,
}

impl Head {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let pair =
            |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Some(Self { status, headers: lines.map(pair).collect::<Option<_>>()? })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn is_sse(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// Whether nothing else can be asked on this connection.
    pub fn is_last(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }
}

/// A request as it is written to the socket.
pub async fn wire(ask: Ask) -> Vec<u8> {
    let request = ask.request();
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().expect("visible ASCII"));
    }
    let Ok(body) = request.into_body().collect().await;
    let body = body.to_bytes();
    let mut bytes = format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(&body);
    bytes
}

#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    /// What was read and not used.
    ahead: Vec<u8>,
}

impl Connection {
    /// # Errors
    ///
    /// The system's: nobody listens, say.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, ahead: Vec::new() })
    }

    /// Whether it can be used again, as a pool asks before it does.
    pub fn is_alive(&self) -> bool {
        self.ahead.is_empty()
            && self.socket.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// # Errors
    ///
    /// If the connection was closed before.
    pub async fn send(&mut self, request: &[u8]) -> Result<(), Broken> {
        self.socket.write_all(request).await.map_err(|error| Broken::Unanswered(error.to_string()))
    }

    pub async fn head(&mut self) -> Result<Head, Broken> {
        let length = self.until(b"\r\n\r\n").await.map_err(|why| {
            if self.ahead.is_empty() { Broken::Unanswered(why) } else { Broken::Cut(format!("in the head: {why}")) }
        })?;
        let head: Vec<_> = self.ahead.drain(..length).collect();
        let text = String::from_utf8_lossy(&head[..length - 4]);
        Ok(Head::parse(&text).unwrap_or_else(|| panic!("no head of a response: {text:?}")))
    }

    /// The next piece of a chunked body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let cut = |why: String| Broken::Cut(format!("in a chunked body: {why}"));
        let line = self.until(b"\r\n").await.map_err(cut)?;
        let size = std::str::from_utf8(&self.ahead[..line - 2]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok()).expect("the size of a chunk");
        let whole = line + size + 2;
        self.fill(whole).await.map_err(cut)?;
        let chunk = self.ahead.drain(..whole).skip(line).take(size).collect();
        Ok((size > 0).then_some(chunk))
    }

    /// All of a body that has an end.
    pub async fn body(&mut self, head: &Head) -> Result<String, Broken> {
        let mut body = Vec::new();
        if head.is_chunked() {
            while let Some(chunk) = self.chunk().await? {
                body.extend(chunk);
            }
        } else {
            let length = head.header("content-length").expect("a body with an end").parse().expect("a number");
            self.fill(length).await.map_err(|why| Broken::Cut(format!("in a body of {length} bytes: {why}")))?;
            body.extend(self.ahead.drain(..length));
        }
        Ok(String::from_utf8(body).expect("UTF-8"))
    }

    pub async fn answer(&mut self, request: &[u8]) -> Result<(Head, String), Broken> {
        self.send(request).await?;
        let head = self.head().await?;
        let body = self.body(&head).await?;
        Ok((head, body))
    }

    /// Waits until the server closes the connection, and tells whether it was with a FIN and nothing else.
    pub async fn close(mut self) -> Result<(), String> {
        match self.more().await {
            Ok(0) if self.ahead.is_empty() => Ok(()),
            Ok(_) => Err(format!("bytes after the end: {:?}", String::from_utf8_lossy(&self.ahead))),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Reads until this is there, and tells where it ends.
    async fn until(&mut self, what: &[u8]) -> Result<usize, String> {
        loop {
            if let Some(at) = self.ahead.windows(what.len()).position(|window| window == what) {
                return Ok(at + what.len());
            }
            self.some().await?;
        }
    }

    async fn fill(&mut self, length: usize) -> Result<(), String> {
        while self.ahead.len() < length {
            self.some().await?;
        }
        Ok(())
    }

    async fn some(&mut self) -> Result<(), String> {
        match self.more().await {
            Ok(0) => Err("closed".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn more(&mut self) -> io::Result<usize> {
        self.socket.read_buf(&mut self.ahead).await
    }
}

/// What the verdicts rest on.
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;

    /// A connection to a server that says this, and then resets the connection or closes it.
    async fn said(text: &str, reset: bool) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut connection = Connection::open(listener.local_addr().expect("an address")).await.expect("it listens");
        let (mut socket, _) = listener.accept().await.expect("a client");
        if reset {
            // Closed with a byte unread, a socket is reset.
            connection.send(b"x").await.expect("sent");
            socket.readable().await.expect("it arrives");
        }
        socket.write_all(text.as_bytes()).await.expect("sent");
        // Read before the end comes, as by a client that follows.
        connection.fill(text.len()).await.expect("it arrives");
        drop(socket);
        connection
    }

    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const SIZED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";

    async fn read(text: &str, reset: bool) -> Result<String, Broken> {
        let mut connection = said(text, reset).await;
        let head = connection.head().await?;
        connection.body(&head).await
    }

    #[tokio::test]
    async fn what_is_whole_is_whole() {
        for reset in [false, true] {
            assert_eq!(read(&format!("{CHUNKED}2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"), reset).await, Ok("abcd".into()));
            assert_eq!(read(&format!("{SIZED}abcd"), reset).await, Ok("abcd".into()));
        }
    }

    #[tokio::test]
    async fn what_breaks_off_is_cut() {
        for reset in [false, true] {
            assert!(matches!(read("", reset).await, Err(Broken::Unanswered(_))));
            for head in ["H", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"] {
                assert!(matches!(read(head, reset).await, Err(Broken::Cut(_))), "{head:?}");
            }
            for body in ["", "2", "2\r\na", "2\r\nab", "2\r\nab\r\n", "2\r\nab\r\n0\r\n", "2\r\nab\r\n0\r\n\r"] {
                assert!(matches!(read(&format!("{CHUNKED}{body}"), reset).await, Err(Broken::Cut(_))), "{body:?}");
            }
            for body in ["", "abc"] {
                assert!(matches!(read(&format!("{SIZED}{body}"), reset).await, Err(Broken::Cut(_))), "{body:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_reset_is_told_from_a_clean_end() {
        for reset in [false, true] {
            let mut connection = said(&format!("{SIZED}abcd"), reset).await;
            let head = connection.head().await.expect("a head");
            assert_eq!(connection.body(&head).await, Ok("abcd".to_owned()));
            assert_eq!(connection.close().await.is_err(), reset);
        }
        let mut connection = said(&format!("{SIZED}abcdHTTP"), false).await;
        let head = connection.head().await.expect("a head");
        connection.body(&head).await.expect("a body");
        assert!(connection.close().await.is_err(), "bytes that belong to nothing");
    }

    #[tokio::test]
    async fn a_pool_sees_what_was_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let connection = Connection::open(listener.local_addr().expect("an address")).await.expect("it listens");
        let (socket, _) = listener.accept().await.expect("a client");
        assert!(connection.is_alive());
        drop(socket);
        tokio::time::timeout(Duration::from_secs(20), async {
            while connection.is_alive() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .expect("it is seen");
    }
}
