//! Connections to a server with a socket, of both versions of HTTP.

use std::{future::Future, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use http_body_util::BodyExt as _;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::{
    support::{Ask, Live, Reply},
    target::{BoxError, Sent},
};

/// Real time here: what hangs fails after a while.
pub async fn promptly<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within 20 s"),
    }
}

async fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("connects");
    stream.set_nodelay(true).expect("a TCP socket");
    stream
}

/// One connection of either version.
pub enum Client {
    H1(http1::SendRequest<Sent>, SocketAddr),
    H2(http2::SendRequest<Sent>, SocketAddr),
}

impl Client {
    pub async fn h1(address: SocketAddr) -> Self {
        let stream = connected(address).await;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        Self::H1(sender, address)
    }

    /// With prior knowledge.
    pub async fn h2(address: SocketAddr) -> Self {
        let stream = connected(address).await;
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await.expect("HTTP/2");
        tokio::spawn(connection);
        Self::H2(sender, address)
    }

    pub async fn both(address: SocketAddr) -> [Self; 2] {
        [Self::h1(address).await, Self::h2(address).await]
    }

    pub fn version(&self) -> &'static str {
        match self {
            Self::H1(..) => "HTTP/1.1",
            Self::H2(..) => "HTTP/2",
        }
    }

    fn address(&self) -> SocketAddr {
        let (Self::H1(_, address) | Self::H2(_, address)) = self;
        *address
    }

    /// To `/mcp`, addressed as each version does it.
    pub async fn open(&mut self, ask: Ask) -> Live {
        self.open_at(ask, "/mcp").await
    }

    pub async fn open_at(&mut self, ask: Ask, path: &str) -> Live {
        let authority = self.address().to_string();
        self.open_as(&authority, path, ask.request()).await.expect("a response")
    }

    /// With any authority, which is `Host` or `:authority`, and any body.
    pub async fn open_as<B>(&mut self, authority: &str, path: &str, request: Request<B>) -> hyper::Result<Live>
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let response = match self {
            Self::H1(sender, _) => {
                promptly("ready", sender.ready()).await?;
                *request.uri_mut() = path.parse().expect("a path");
                request.headers_mut().insert("host", authority.parse().expect("a value"));
                promptly("an HTTP/1.1 response", sender.send_request(request)).await
            }
            Self::H2(sender, _) => {
                promptly("ready", sender.ready()).await?;
                *request.uri_mut() = format!("http://{authority}{path}").parse().expect("a URI");
                request.headers_mut().remove("host");
                promptly("an HTTP/2 response", sender.send_request(request)).await
            }
        };
        response.map(Live::new)
    }

    pub async fn send(&mut self, ask: Ask) -> Reply {
        let live = self.open(ask).await;
        promptly("the body", live.collect()).await
    }
}

/// A request as it is written over HTTP/1.1, on a connection of its own.
pub async fn written(ask: &Ask) -> Vec<u8> {
    let (head, body) = (ask.clone().request().into_parts().0, ask.bytes().await);
    let mut bytes = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", head.method, head.uri).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(format!("{name}: ").as_bytes());
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if !body.is_empty() && !head.headers.contains_key("content-length") {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&body);
    bytes
}
