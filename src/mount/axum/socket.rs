//! The connections of [`Lifespan::serve`](crate::Lifespan::serve): without delay, and with small writes in one piece.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use axum::middleware::AddExtension;
use axum::serve::{IncomingStream, Listener};
use axum::{Extension, Router};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tower::Layer as _;
use tower_service::Service;

/// How much is put into one piece: bytes. The usual head and the usual answer.
const SMALL: usize = 1024;

/// Accepts as axum does.
pub(super) struct Connections(pub(super) TcpListener);

impl Listener for Connections {
    type Io = Socket;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Socket, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        // Without it the second of two small writes waits up to 40 ms for the first one's acknowledgement.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        (Socket(stream), peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A connection that writes small pieces as one. hyper has it write the head and the body of an answer from where they are,
/// for which the kernel takes longer than we for putting them together.
pub(super) struct Socket(TcpStream);

impl Socket {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(&mut self.get_mut().0)
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match joined(pieces, &mut [0; SMALL]) {
            Some(whole) => self.stream().poll_write(cx, whole),
            None => self.stream().poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

/// The pieces in one, if there is room for them.
fn joined<'a>(pieces: &[IoSlice<'_>], room: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut end = 0;
    for piece in pieces {
        room.get_mut(end..end + piece.len())?.copy_from_slice(piece);
        end += piece.len();
    }
    Some(&room[..end])
}

/// Serves an application with the peer's address, as `into_make_service_with_connect_info` does, which knows axum's own
/// listeners only.
pub(super) struct WithPeer(Router);

impl WithPeer {
    pub(super) fn new(app: Router) -> Self {
        // Without it axum would make the routes anew for each request, and apply the application's layers to them.
        Self(app.with_state(()))
    }
}

impl Service<IncomingStream<'_, Connections>> for WithPeer {
    type Response = AddExtension<Router, ConnectInfo<SocketAddr>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, connection: IncomingStream<'_, Connections>) -> Self::Future {
        ready(Ok(Extension(ConnectInfo(*connection.remote_addr())).layer(self.0.clone())))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    fn slices<'a>(pieces: &'a [&[u8]]) -> Vec<IoSlice<'a>> {
        pieces.iter().map(|piece| IoSlice::new(piece)).collect()
    }

    #[test]
    fn pieces_are_joined_as_long_as_there_is_room() {
        let mut room = [0; 8];
        assert_eq!(joined(&slices(&[b"head", b"", b"body"]), &mut room), Some(&b"headbody"[..]));
        assert_eq!(joined(&slices(&[b"head", b"body", b"!"]), &mut room), None);
        assert_eq!(joined(&slices(&[b"no room for it"]), &mut room), None);
        assert_eq!(joined(&[], &mut room), Some(&b""[..]));
    }

    #[tokio::test]
    async fn a_connection_has_no_delay_and_carries_pieces_of_every_size() {
        let mut listener = Connections(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = Listener::local_addr(&listener).unwrap();
        let client = TcpStream::connect(address);
        let (accepted, client) = tokio::join!(Listener::accept(&mut listener), client);
        let ((mut socket, peer), mut client) = (accepted, client.unwrap());
        assert!(socket.0.nodelay().unwrap());
        assert_eq!(peer, client.local_addr().unwrap());
        let large = [b'x'; SMALL];
        let mut expected = Vec::new();
        for pieces in
            [&[b"head".as_slice(), b"body"][..], &[b"head", &large], &[&large, b"", &large, b"end"], &[&large]]
        {
            let size = pieces.iter().map(|piece| piece.len()).sum::<usize>();
            assert_eq!(socket.write_vectored(&slices(pieces)).await.unwrap(), size);
            expected.extend(pieces.concat());
        }
        socket.shutdown().await.unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert!(received == expected, "{} of {} bytes, or others", received.len(), expected.len());
    }
}
