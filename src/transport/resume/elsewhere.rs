//! A stream whose call runs in another process. When that one has stopped, whoever reads the stream ends it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::sleep;

use super::about::{About, stopped};
use crate::lifespan::Lifespan;
use crate::store::{Appended, LogEntry, LogKey, LogLimits, LogPlace, Store};
use crate::transport::replicas::Replicas;
use crate::transport::service::Shared;

/// How long to wait before the writer is judged anew when the end could not be written.
const PAUSE: Duration = Duration::from_millis(500);

/// Who writes a log, if it is another process.
pub(crate) struct Elsewhere {
    replicas: Arc<Replicas>,
    lifespan: Lifespan,
    store: Arc<dyn Store>,
    log: LogKey,
    limits: LogLimits,
    about: About,
    state: State,
}

enum State {
    /// Not looked at yet.
    New,
    /// Until it has stopped.
    Watching(Step),
    /// Until it is known that it had written nothing behind this entry.
    Stopped(u64),
    /// Until the end is written, or known not to be.
    Ending(Step),
}

type Step = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Elsewhere {
    /// `None` for a log that this process writes, or of which nothing is known.
    pub(crate) fn of(shared: &Shared, log: LogKey, about: &[u8]) -> Option<Box<Self>> {
        let replicas = shared.sessions.replicas.as_ref()?;
        let about = About::decode(about).filter(|about| about.writer != replicas.id())?;
        Some(Box::new(Self {
            replicas: Arc::clone(replicas),
            lifespan: shared.lifespan.clone(),
            store: Arc::clone(&shared.sessions.store),
            log,
            limits: shared.config.log,
            about,
            state: State::New,
        }))
    }

    /// Resolves when the log has to be read again. Its newest entry that is known is `after`.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, after: u64) -> Poll<()> {
        loop {
            match &mut self.state {
                State::New => {
                    let stopped = Arc::clone(&self.replicas).stopped(self.about.writer, self.lifespan.clone());
                    self.state = State::Watching(Box::pin(stopped));
                }
                State::Watching(stopped) => {
                    ready!(stopped.as_mut().poll(cx));
                    self.state = State::Stopped(after);
                    return Poll::Ready(());
                }
                State::Stopped(last) if *last == after => self.state = State::Ending(self.end(after)),
                // If it wrote that before it stopped, the next judgment is at hand.
                State::Stopped(_) => self.state = State::New,
                State::Ending(end) => {
                    ready!(end.as_mut().poll(cx));
                    // Whatever came of it is found by reading; if it is no end, the writer is judged anew.
                    self.state = State::New;
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Writes the end, unless the writer has written more: then it lives after all. What others have written is the end of
    /// all of them. Where it cannot be written, the writer could not write either, and is judged anew.
    fn end(&self, after: u64) -> Step {
        let (store, replicas) = (Arc::clone(&self.store), Arc::clone(&self.replicas));
        let (log, limits, writer) = (self.log, self.limits, self.about.writer);
        let end = LogEntry::new(stopped(self.about.request.as_ref()), LogPlace::Last).after(after);
        Box::pin(async move {
            let appended = store.append(log, end, limits).await;
            if let Err(error) = &appended {
                tracing::debug!(%error, "a stream whose server has stopped could not be ended");
            }
            match appended {
                Ok(Appended::Seq(_) | Appended::Closed) => {}
                Ok(Appended::Misplaced(_)) => replicas.lives(writer),
                Ok(Appended::Full) | Err(_) => {
                    replicas.lives(writer);
                    sleep(PAUSE).await;
                }
            }
        })
    }
}
