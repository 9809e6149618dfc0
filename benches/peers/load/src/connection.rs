//! A connection, and what comes in by it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Error;
use crate::response::{Decoder, Response};

/// How long a server may take to say anything at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The room to read into.
const ROOM: usize = 16 << 10;

/// What has come, and has not been done with.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    filled: usize,
    pub(crate) decoder: Decoder,
}

impl Inbox {
    /// Reads once. `false`: there was not enough to fill the room, so that nothing more is there now.
    pub(crate) fn read(&mut self, stream: &mut (impl Read + ?Sized)) -> io::Result<bool> {
        if self.buffer.len() < self.filled + ROOM {
            self.buffer.resize((self.filled + ROOM).next_power_of_two(), 0);
        }
        let read = stream.read(&mut self.buffer[self.filled..])?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.filled += read;
        Ok(self.filled == self.buffer.len())
    }

    /// Whether a response is complete.
    pub(crate) fn complete(&mut self) -> Result<bool, Error> {
        self.decoder.advance(&self.buffer[..self.filled])
    }

    /// The response, once it is complete.
    pub(crate) fn response(&self) -> Result<Response<'_>, Error> {
        self.decoder.response(&self.buffer[..self.filled])
    }

    /// Makes ready for the next response.
    pub(crate) fn reset(&mut self) {
        self.filled = 0;
        self.decoder.reset();
    }

    /// Takes what has come of a stream that goes on.
    pub(crate) fn piece(&mut self, take: impl FnOnce(&[u8])) {
        self.decoder.piece(take);
        let done = self.decoder.forget();
        self.buffer.copy_within(done..self.filled, 0);
        self.filled -= done;
    }

    /// Gives back the memory for what is not there.
    pub(crate) fn shrink(&mut self) {
        self.buffer.truncate(self.filled);
        self.buffer.shrink_to_fit();
    }
}

/// A connection for what is not measured: it blocks.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) inbox: Inbox,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, inbox: Inbox::default() })
    }

    /// Asks, and waits for the answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Response<'_>, Error> {
        self.inbox.reset();
        self.stream.write_all(request)?;
        while !self.inbox.complete()? {
            self.read()?;
        }
        self.inbox.response()
    }

    /// Asks, and waits until a stream has begun.
    pub(crate) fn open(&mut self, request: &[u8]) -> Result<(), Error> {
        self.inbox.reset();
        self.stream.write_all(request)?;
        while !self.inbox.complete()? && !self.inbox.decoder.streams() {
            self.read()?;
        }
        match self.inbox.decoder.streams() {
            true => Ok(()),
            false => Err(crate::check::wrong("not a stream", &self.inbox.response()?)),
        }
    }

    /// Sends a request, of which the answer is to be read piece by piece.
    pub(crate) fn send(&mut self, request: &[u8]) -> Result<(), Error> {
        self.inbox.reset();
        Ok(self.stream.write_all(request)?)
    }

    /// Reads once. `true`: the answer is complete.
    pub(crate) fn read_more(&mut self) -> Result<bool, Error> {
        self.read()?;
        self.inbox.complete()
    }

    fn read(&mut self) -> Result<(), Error> {
        match self.inbox.read(&mut self.stream) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err("the server says nothing".into()),
            Err(error) => Err(format!("the server has gone: {error}").into()),
        }
    }
}
