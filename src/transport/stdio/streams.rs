//! The process's own streams, each on a thread of its own: a runtime that ends waits for the threads of tokio's own standard
//! streams, which a client that neither writes nor reads could hold for ever.

use std::future::Future;
use std::io::{self, Read as _, Write as _};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use crate::lifespan::spawner::on_thread;

/// How much is on its way between a thread and the server, in bytes.
const BUFFER: usize = 64 * 1024;

/// The standard input and output, and what resolves when all that was said has been written.
pub(super) fn standard() -> io::Result<(DuplexStream, DuplexStream, impl Future<Output = ()>)> {
    let (mut input, reader) = duplex(BUFFER);
    let (writer, mut output) = duplex(BUFFER);
    let _reading = on_thread(async move {
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = match io::stdin().read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "the standard input could not be read");
                    return;
                }
            };
            if input.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    })?;
    let writing = on_thread(async move {
        let mut buffer = vec![0; BUFFER];
        while let Ok(read @ 1..) = output.read(&mut buffer).await {
            let mut stdout = io::stdout().lock();
            if let Err(error) = stdout.write_all(&buffer[..read]).and_then(|()| stdout.flush()) {
                tracing::debug!(%error, "the standard output could not be written");
                return;
            }
        }
    })?;
    Ok((reader, writer, async move { drop(writing.await) }))
}
