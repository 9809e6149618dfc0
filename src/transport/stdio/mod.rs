//! stdio: one conversation over the process's own streams, a message a line.

mod lines;
mod streams;

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use self::lines::{Lines, Next};
use super::line::{Line, LineHead, Reader, Served, Taken};
use super::rejection::Rejection;
use super::service::McpService;
use crate::lifespan::DrainReport;
use crate::server::outbound::Read;

/// How long the last messages may take to leave the process.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the end of the input means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtEof {
    /// The end of the conversation.
    Leave,
    /// That of the server.
    ShutDown,
}

impl McpService {
    /// Serves one client over this process's standard input and output, for clients that launch their servers: a desktop
    /// application, say. Both eras are spoken. It ends with the input, or at SIGINT or SIGTERM: then calls that run may
    /// finish within the [grace](crate::Lifespan::grace). The [start hooks](crate::Lifespan::on_start) run before the first
    /// message, the [shutdown hooks](crate::Lifespan::on_shutdown) after the last one.
    ///
    /// ```no_run
    /// use mcp_mount::{Mcp, tool_fn};
    ///
    /// #[tokio::main]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let mcp = Mcp::new("greeter", "1.0.0").tool(tool_fn("greet", "Greet somebody", || "hello")).build()?;
    ///     mcp.serve_stdio().await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// The output carries messages and nothing else: the application must not print, and must log to the standard error, as
    /// by `tracing_subscriber::fmt().with_writer(std::io::stderr)`. The limits are those of HTTP; a line that is longer than
    /// [`Limits::body_bytes`](crate::Limits::body_bytes) is skipped and refused. Hosts, origins and principals are HTTP's: who
    /// launches the process owns it, and handlers find no headers, no extensions and no principal.
    ///
    /// # Errors
    ///
    /// That of a start hook, or of the streams. That the client has gone is none.
    pub async fn serve_stdio(&self) -> io::Result<DrainReport> {
        let lifespan = self.lifespan();
        let signal = lifespan.until_signal();
        let serving = async {
            let (reader, writer, written) = streams::standard()?;
            let written = written.boxed().shared();
            let mut conversation = pin!(self.converse(reader, writer, written.clone(), AtEof::ShutDown));
            // A drain that a signal begins is seen in the conversation, too.
            let ended = tokio::select! {
                ended = &mut conversation => ended,
                () = signal => conversation.await,
            };
            // Whoever does not read does not hold the process.
            let _ = timeout(PATIENCE, written).await;
            ended
        };
        lifespan.drive(serving).await
    }

    /// Serves one client over any stream of bytes, as [`serve_stdio`](Self::serve_stdio) does: a connection of a Unix socket,
    /// say. It ends with the input, as soon as what runs has been answered, when the client goes, or when the server has
    /// drained; the server goes on. Dropping the future ends the conversation at once, with its session and its calls.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mcp_mount::{Mcp, tool_fn};
    ///
    /// let mcp = Mcp::new("greeter", "1.0.0").tool(tool_fn("greet", "Greet somebody", || "hello")).build()?;
    /// let mut said = Vec::new();
    /// let asked = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet"}}"#;
    /// mcp.serve_lines(&asked[..], &mut said).await?;
    /// assert!(String::from_utf8(said)?.contains("hello"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// That of a start hook, or of the streams. That the client has gone is none.
    pub async fn serve_lines<R, W>(&self, reader: R, writer: W) -> io::Result<()>
    where
        R: AsyncRead,
        W: AsyncWrite,
    {
        self.converse(reader, writer, pending(), AtEof::Leave).await
    }

    /// `gone` resolves when nothing can be written any more, which is else noticed when something is.
    async fn converse<R, W>(
        &self,
        reader: R,
        writer: W,
        gone: impl Future<Output = ()>,
        at_eof: AtEof,
    ) -> io::Result<()>
    where
        R: AsyncRead,
        W: AsyncWrite,
    {
        let (shared, lifespan) = (&self.shared, &self.shared.lifespan);
        lifespan.start().await?;
        let line = Line::new(shared, None, None);
        let served = Served::new(&line);
        let mut reading = pin!(async {
            let read = read(&line, reader, shared.config.read.bytes).await;
            line.expect_nothing();
            line.all_arrived().await;
            match at_eof {
                AtEof::ShutDown => lifespan.begin_at_once(),
                AtEof::Leave => line.stop_listening(),
            }
            line.close();
            read
        });
        let mut writing = pin!(write(Reader::new(&line), writer, shared.config.queue.stall));
        let (mut drained, mut gone) = (pin!(lifespan.drain_begun()), pin!(gone));
        let (mut outcome, mut draining) = (None, false);
        let written = loop {
            tokio::select! {
                biased;
                written = &mut writing => break written,
                () = &mut gone => break Ok(()),
                read = &mut reading, if outcome.is_none() => outcome = Some(read),
                () = &mut drained, if !draining => {
                    draining = true;
                    line.close();
                }
            }
        };
        served.end().await;
        written.and(outcome.unwrap_or(Ok(()))).or_else(unless_gone)
    }
}

/// Takes every message, until the input ends.
async fn read(line: &Arc<Line>, reader: impl AsyncRead, limit: usize) -> io::Result<()> {
    let reader = pin!(reader);
    let mut lines = Lines::new(reader, limit);
    loop {
        let text = match lines.next().await? {
            Next::Line(text) => text,
            Next::TooLong => {
                line.refuse(Rejection::line_too_long(limit)).await;
                continue;
            }
            Next::End => return Ok(()),
        };
        match line.take(text, None, LineHead::none()).await {
            // Nobody is told what became of a message that has no answer.
            Taken::Accepted | Taken::Settled(_) => {}
            Taken::Unreadable(response) => line.forward(response).await,
        }
    }
}

/// Writes what is said, until the line is over and nothing is left.
async fn write(mut said: Reader, writer: impl AsyncWrite, stall: Duration) -> io::Result<()> {
    let mut writer = pin!(writer);
    let too_slow = || io::Error::new(io::ErrorKind::TimedOut, "the client did not read in time");
    loop {
        let messages = match poll_fn(|cx| said.poll_read(cx)).await {
            Read::Messages { messages, .. } => messages,
            Read::End => return writer.shutdown().await,
            Read::Cut => return Err(too_slow()),
        };
        let mut text = Vec::with_capacity(messages.iter().map(|message: &Bytes| message.len() + 1).sum());
        for message in messages {
            text.extend_from_slice(&message);
            text.push(b'\n');
        }
        let written = async {
            writer.write_all(&text).await?;
            writer.flush().await
        };
        match timeout(stall, written).await {
            Ok(written) => written?,
            Err(_) => return Err(too_slow()),
        }
    }
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
            tracing::debug!(%error, "the client has gone");
            Ok(())
        }
        _ => Err(error),
    }
}
