//! The same clients over HTTP/2, whose connections carry many streams and calls at a time.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpStream, task::JoinHandle, time::Instant};

use super::{
    http::Broken,
    load::{Client, Outcome, Stream},
};
use crate::support::Ask;

#[derive(Debug)]
pub struct Connections {
    address: SocketAddr,
    senders: Vec<http2::SendRequest<Full<Bytes>>>,
    next: AtomicUsize,
}

/// How connections ended, once they have.
pub type Ends = Vec<JoinHandle<hyper::Result<()>>>;

impl Connections {
    pub async fn open(address: SocketAddr, count: usize) -> (Self, Ends) {
        let (mut senders, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let socket = TcpStream::connect(address).await.expect("the server listens");
            socket.set_nodelay(true).expect("a socket");
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.expect("HTTP/2");
            senders.push(sender);
            ends.push(tokio::spawn(connection));
        }
        (Self { address, senders, next: AtomicUsize::new(0) }, ends)
    }

    async fn answer(&self, ask: Ask) -> Result<http::Response<Incoming>, Broken> {
        let mut sender = self.senders[self.next.fetch_add(1, Relaxed) % self.senders.len()].clone();
        let request = ask.without("host").at(&format!("http://{}/mcp", self.address)).request();
        sender.send_request(request).await.map_err(|error| Broken::Unanswered(format!("{error:?}")))
    }

    /// What comes of a call, and when its request was given to the connection, whose task writes it in its next turn.
    pub async fn call(&self, client: &Client) -> (Instant, Outcome) {
        let written = Instant::now();
        let answer = async {
            let response = self.answer(client.call()).await?;
            let (status, retry) = (response.status(), response.headers().contains_key("retry-after"));
            let body = response.into_body().collect().await;
            let body = body.map_err(|error| Broken::Cut(format!("{error:?}")))?.to_bytes();
            Ok(Outcome::of(status.as_u16(), retry, &String::from_utf8_lossy(&body)))
        };
        (written, answer.await.unwrap_or_else(Outcome::Broken))
    }

    /// Opens a stream and sees that it is open; the rest is read by a task.
    pub async fn stream(&self, client: Client) -> JoinHandle<Stream> {
        let response = self.answer(client.stream()).await.expect("an answer");
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        tokio::spawn(follow(response.into_body(), client))
    }
}

async fn follow(mut body: Incoming, client: Client) -> Stream {
    let mut text = Vec::new();
    let complete = loop {
        match body.frame().await {
            Some(Ok(frame)) => text.extend(frame.into_data().unwrap_or_default()),
            Some(Err(error)) => break Err(Broken::Cut(format!("{error:?}"))),
            None => break Ok(()),
        }
    };
    // Its connection is not its own.
    Stream { client, text: String::from_utf8(text).expect("UTF-8"), complete, closed: Ok(()), at: Instant::now() }
}
