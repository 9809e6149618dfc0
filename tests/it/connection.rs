//! Connections to a server with a socket, of both versions of HTTP.

use std::{future::Future, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::{Ask, Live, Reply};

/// Real time here: what hangs fails after a while.
pub async fn promptly<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within 20 s"),
    }
}

/// One connection of either version.
pub enum Client {
    H1(hyper::client::conn::http1::SendRequest<Full<Bytes>>, SocketAddr),
    H2(hyper::client::conn::http2::SendRequest<Full<Bytes>>, SocketAddr),
}

impl Client {
    pub async fn h1(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connects");
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        Self::H1(sender, address)
    }

    pub async fn h2(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("connects");
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = handshake.await.expect("HTTP/2");
        tokio::spawn(connection);
        Self::H2(sender, address)
    }

    pub async fn both(address: SocketAddr) -> [Self; 2] {
        [Self::h1(address).await, Self::h2(address).await]
    }

    /// To `/mcp`, addressed as each version does it.
    pub async fn open(&mut self, ask: Ask) -> Live {
        self.open_at(ask, "/mcp").await
    }

    pub async fn open_at(&mut self, ask: Ask, path: &str) -> Live {
        let response = match self {
            Self::H1(sender, address) => {
                promptly("ready", sender.ready()).await.expect("ready");
                let request: Request<_> = ask.header("host", address.to_string()).at(path).request();
                promptly("an HTTP/1.1 response", sender.send_request(request)).await
            }
            Self::H2(sender, address) => {
                promptly("ready", sender.ready()).await.expect("ready");
                let request = ask.without("host").at(&format!("http://{address}{path}")).request();
                promptly("an HTTP/2 response", sender.send_request(request)).await
            }
        };
        Live::new(response.expect("a response"))
    }

    pub async fn send(&mut self, ask: Ask) -> Reply {
        let live = self.open(ask).await;
        promptly("the body", live.collect()).await
    }
}
