//! The two connections: how they are begun, and begun anew.
//!
//! Each has a keeper: a task on the runtime that connected the store, which begins the connection anew whenever it is lost,
//! for ever. Connections are begun nowhere else, since the task that drives one would end with the runtime of whoever
//! called, as a worker of actix-web has one.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, ErrorKind, PushInfo, PushKind, ServerErrorKind, Value, cmd};
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::connect::RedisError;
use super::server::Server;
use super::state::State;
use crate::store::LogNews;

/// How long a connection may take to be there, and an answer.
const RESPONSE: Duration = Duration::from_secs(2);

/// How long a server that has just been started may read what it has kept, before it is given up.
const LOADING: Duration = Duration::from_secs(10);

/// How often a connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(3);

/// Between attempts to begin a connection anew: the first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// One of the two connections.
#[derive(Clone, Copy)]
pub(super) enum Line {
    Commands = 1,
    News = 2,
}

/// A connection.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) connection: MultiplexedConnection,
    /// That it is of no use any more.
    pub(super) lost: CancellationToken,
}

impl State {
    /// Begins both connections, and gives what keeps them.
    pub(super) async fn open(self: &Arc<Self>) -> Result<[BoxFuture<'static, ()>; 2], RedisError> {
        let commands = self.connect_loaded().await?;
        let news = self.connect(Line::News).await?;
        self.commands.send_replace(Some(commands.clone()));
        let keep = |line, live| Box::pin(Arc::clone(self).keep(line, live)) as BoxFuture<'static, ()>;
        Ok([keep(Line::Commands, commands), keep(Line::News, news)])
    }

    /// Waits for a server that is there and will serve soon. One that is not there at all may be the wrong one.
    async fn connect_loaded(self: &Arc<Self>) -> Result<Live, RedisError> {
        let until = Instant::now() + LOADING;
        loop {
            match self.connect(Line::Commands).await {
                Err(error) if error.is_loading && Instant::now() < until => sleep(PAUSES.0).await,
                outcome => return outcome,
            }
        }
    }

    /// Begins a connection anew whenever it is lost.
    async fn keep(self: Arc<Self>, line: Line, mut live: Live) {
        loop {
            live.until_lost().await;
            if let Line::Commands = line {
                self.commands.send_replace(None);
            }
            self.forget_epoch();
            if self.down.fetch_or(line as u8, Ordering::AcqRel) == 0 {
                tracing::warn!(redis = self.address, "the connection to Redis is lost; it is begun anew");
            }
            live = self.reconnect(line).await;
            match line {
                Line::Commands => _ = self.commands.send_replace(Some(live.clone())),
                // That there is another one may have been said meanwhile.
                Line::News => self.forget_epoch(),
            }
            if self.down.fetch_and(!(line as u8), Ordering::AcqRel) == line as u8 {
                tracing::info!(redis = self.address, "Redis is connected again");
            }
            // Whatever was said meanwhile was not heard; and what was there may not be there any more.
            self.watchers.tell(LogNews::Missed);
        }
    }

    async fn reconnect(self: &Arc<Self>, line: Line) -> Live {
        let (mut pause, longest) = PAUSES;
        loop {
            match self.connect(line).await {
                Ok(live) => return live,
                Err(error) => tracing::debug!(%error, "Redis could not be connected"),
            }
            // Not all processes at the same moment.
            sleep(pause + pause.mul_f64((self.publisher % 100) as f64 / 200.0)).await;
            pause = longest.min(pause * 2);
        }
    }

    async fn connect(self: &Arc<Self>, line: Line) -> Result<Live, RedisError> {
        let connected = timeout(RESPONSE * 2, async {
            match line {
                Line::Commands => self.connect_commands().await,
                Line::News => self.connect_news().await,
            }
        });
        connected.await.unwrap_or_else(|_| Err(RedisError::at(&self.address, "it did not answer in time")))
    }

    async fn connect_commands(&self) -> Result<Live, RedisError> {
        let lost = CancellationToken::new();
        let live = self.begin(lost.clone(), move |push| _ = noted(&push, &lost)).await?;
        let info = match cmd("INFO").query_async(&mut live.connection.clone()).await {
            Ok(info) => info,
            Err(error) if error.is_io_error() || is_lost(&error) => return Err(self.refused(&error)),
            // Not everybody may ask.
            Err(_) => String::new(),
        };
        let server = Server::parse(&info).map_err(|old| RedisError::at(&self.address, old))?;
        let run = server.run.clone();
        self.look_at_epoch(&mut live.connection.clone(), run).await.map_err(|error| self.refused(&error))?;
        if self.down.load(Ordering::Acquire) == 0 {
            self.warn_of(&server);
        }
        Ok(live)
    }

    /// Says once what will be missed later.
    fn warn_of(&self, server: &Server) {
        if server.evicts {
            tracing::warn!(
                redis = self.address,
                "Redis may evict what it keeps: its `maxmemory-policy` should be `noeviction`"
            );
        }
        if server.run.is_empty() {
            tracing::warn!(
                redis = self.address,
                "Redis does not say when it was started, as where the user may not call `INFO`: it is not noticed when it \
                 loses the last of what was appended"
            );
        }
    }

    async fn connect_news(self: &Arc<Self>) -> Result<Live, RedisError> {
        let (lost, state) = (CancellationToken::new(), Arc::downgrade(self));
        let live = self.begin(lost.clone(), move |push| {
            if let (Some(text), Some(state)) = (noted(&push, &lost), Weak::upgrade(&state)) {
                state.heard(text);
            }
        });
        let live = live.await?;
        let subscribed = live.connection.clone().subscribe(self.channel.as_str()).await;
        subscribed.map_err(|error| self.refused(&error))?;
        Ok(live)
    }

    async fn begin(
        &self,
        lost: CancellationToken,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<Live, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(RESPONSE))
            .set_response_timeout(Some(RESPONSE))
            .set_push_sender(move |push| {
                on_push(push);
                Ok::<_, ()>(())
            });
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connection.map_err(|error| self.refused(&error))?;
        Ok(Live { connection, lost })
    }
}

impl Live {
    /// Takes note of an error. Answers whether the connection is of no use after it.
    pub(super) fn failed(&self, error: &::redis::RedisError) -> bool {
        let lost = is_lost(error);
        if lost {
            self.lost.cancel();
        }
        lost
    }

    /// Resolves when the connection is of no use any more; one that is silently dead is found by asking.
    async fn until_lost(&self) {
        while timeout(PING, self.lost.cancelled()).await.is_err() {
            if let Err(error) = cmd("PING").exec_async(&mut self.connection.clone()).await {
                self.failed(&error);
            }
        }
    }
}

/// Takes note of what a connection says by itself: that it has ended, or the text of a message.
fn noted<'a>(push: &'a PushInfo, lost: &CancellationToken) -> Option<&'a [u8]> {
    if push.kind == PushKind::Disconnection {
        lost.cancel();
    }
    match (&push.kind, push.data.as_slice()) {
        (PushKind::Message, [_channel, Value::BulkString(text)]) => Some(text),
        _ => None,
    }
}

/// Whether a connection is of no use after this error: it is gone, or leads to a server that does not serve us (any more).
fn is_lost(error: &::redis::RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly};
    let elsewhere =
        matches!(error.kind(), ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | Moved | ReadOnly));
    elsewhere || error.is_io_error() || error.is_unrecoverable_error()
}
