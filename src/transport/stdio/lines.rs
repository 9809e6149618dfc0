//! Lines of bounded length.

use std::io;
use std::pin::Pin;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much is asked for at once, in bytes.
const CHUNK: usize = 8 * 1024;

pub(super) struct Lines<'a, R> {
    reader: Pin<&'a mut R>,
    limit: usize,
    unread: BytesMut,
    /// Up to here there is no line break.
    searched: usize,
    /// Whether the line is known to be too long: none of it is kept.
    skipping: bool,
    ended: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Line(Bytes),
    TooLong,
    End,
}

impl<'a, R: AsyncRead> Lines<'a, R> {
    pub(super) fn new(reader: Pin<&'a mut R>, limit: usize) -> Self {
        Self { reader, limit, unread: BytesMut::new(), searched: 0, skipping: false, ended: false }
    }

    /// The next line that is not blank, without its end. The last one needs no line break.
    pub(super) async fn next(&mut self) -> io::Result<Next> {
        loop {
            match self.take() {
                Some(Next::Line(line)) if line.trim_ascii().is_empty() => {}
                Some(next) => return Ok(next),
                None => {
                    self.unread.reserve(CHUNK);
                    self.ended = self.reader.read_buf(&mut self.unread).await? == 0;
                }
            }
        }
    }

    /// What can be told without reading on.
    fn take(&mut self) -> Option<Next> {
        let end = self.unread[self.searched..].iter().position(|byte| *byte == b'\n').map(|at| self.searched + at);
        match end {
            Some(end) => {
                let line = self.unread.split_to(end);
                self.unread.advance(1);
                Some(self.whole(line))
            }
            None if self.ended && self.unread.is_empty() && !self.skipping => Some(Next::End),
            None if self.ended => {
                let line = self.unread.split();
                Some(self.whole(line))
            }
            None => {
                // A carriage return that belongs to the end of the line may be among it.
                if self.skipping || self.unread.len() > self.limit + 1 {
                    self.skipping = true;
                    self.unread.clear();
                }
                self.searched = self.unread.len();
                None
            }
        }
    }

    fn whole(&mut self, mut line: BytesMut) -> Next {
        self.searched = 0;
        let length = line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len);
        if std::mem::take(&mut self.skipping) || length > self.limit {
            return Next::TooLong;
        }
        line.truncate(length);
        Next::Line(line.freeze())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::io::AsyncWriteExt as _;

    use super::*;

    async fn all(text: &'static [u8], limit: usize, piece: usize) -> Vec<Next> {
        let (mut sender, receiver) = tokio::io::duplex(piece);
        let writing = async move {
            sender.write_all(text).await.unwrap();
        };
        let reading = async {
            let receiver = pin!(receiver);
            let mut lines = Lines::new(receiver, limit);
            let mut read = Vec::new();
            loop {
                match lines.next().await.unwrap() {
                    Next::End => return read,
                    next => read.push(next),
                }
                assert!(lines.unread.len() <= limit + CHUNK + 1);
            }
        };
        tokio::join!(writing, reading).1
    }

    #[tokio::test]
    async fn lines_are_lines_however_they_come() {
        let text = b"one\r\n\n  \ntwo\n1234567\r\n12345678\nthree";
        let line = |text: &'static str| Next::Line(Bytes::from_static(text.as_bytes()));
        for piece in [1, 2, 3, 7, 100] {
            let read = all(text, 7, piece).await;
            assert_eq!(read, [line("one"), line("two"), line("1234567"), Next::TooLong, line("three")], "{piece}");
        }
    }

    #[tokio::test]
    async fn a_line_without_end_is_not_kept() {
        let long: &'static [u8] = Box::leak(vec![b'x'; 1 << 20].into_boxed_slice());
        assert_eq!(all(long, 1000, 1 << 16).await, [Next::TooLong]);
    }
}
