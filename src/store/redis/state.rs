//! The two connections of a store in Redis, and what is known through them.
//!
//! One is for commands, one for news. Each has a keeper: a task on the runtime that connected the store, which begins the
//! connection anew whenever it is lost, for ever. Connections are begun nowhere else, since the task that drives one would
//! end with the runtime of whoever called, as a worker of actix-web has one.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, PushInfo, PushKind, Script, ScriptInvocation,
    ServerErrorKind, Value, cmd,
};
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::connect::RedisError;
use super::news::{self, Said};
use super::scripts::Scripts;
use super::server::Server;
use crate::store::log::Watchers;
use crate::store::{LogNews, StoreError};

/// How long a connection may take to be there, and an answer.
const RESPONSE: Duration = Duration::from_secs(2);

/// How long an operation waits for a connection that has been lost.
const RECONNECTION: Duration = Duration::from_secs(1);

/// How long an operation may take with all that belongs to it.
const OPERATION: Duration = Duration::from_secs(4);

/// How often a connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(3);

/// Between attempts to begin a connection anew: the first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How long what was published by operations of unknown outcome may be on its way.
const UNCERTAIN: Duration = Duration::from_secs(60);

/// One of the two connections.
#[derive(Clone, Copy)]
pub(super) enum Line {
    Commands = 1,
    News = 2,
}

/// A connection.
#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    /// That it is of no use any more.
    lost: CancellationToken,
}

/// The epoch, as long as it is sure.
#[derive(Default)]
struct Epoch {
    known: Option<u64>,
    /// How often it was forgotten: an answer that was asked for before is worth nothing.
    forgotten: u64,
}

/// All but the tasks.
pub(super) struct State {
    client: Client,
    /// Without the password.
    address: String,
    /// What all keys begin with.
    base: String,
    /// Where news is told.
    pub(super) channel: String,
    pub(super) scripts: Scripts,
    pub(super) log_budget: usize,
    /// Who this is to the other processes.
    pub(super) publisher: u64,
    commands: watch::Sender<Option<Live>>,
    pub(super) watchers: Watchers,
    epoch: Mutex<Epoch>,
    /// The server's run that was seen last, and how many appends were acknowledged in it.
    run: Mutex<String>,
    appends: AtomicU64,
    /// Which lines are down.
    down: AtomicU8,
    /// Until when our own publications may be news to us.
    uncertain: Mutex<Option<Instant>>,
    /// By how many ms tests have let time pass.
    pub(super) shift: AtomicU64,
}

impl State {
    pub(super) fn new(client: Client, prefix: &str, log_budget: usize) -> Self {
        let info = client.get_connection_info();
        let base = format!("{{{prefix}}}");
        Self {
            address: info.addr().to_string(),
            // Databases share their channels.
            channel: format!("{base}:news:{}", info.redis_settings().db()),
            base,
            client,
            scripts: Scripts::new(),
            log_budget,
            publisher: Uuid::new_v4().as_u64_pair().1,
            commands: watch::Sender::new(None),
            watchers: Watchers::default(),
            epoch: Mutex::default(),
            run: Mutex::default(),
            appends: AtomicU64::new(0),
            down: AtomicU8::new(0),
            uncertain: Mutex::default(),
            shift: AtomicU64::new(0),
        }
    }

    /// Begins both connections, and gives what keeps them.
    pub(super) async fn open(self: &Arc<Self>) -> Result<[BoxFuture<'static, ()>; 2], RedisError> {
        let commands = self.connect(Line::Commands).await?;
        let news = self.connect(Line::News).await?;
        self.commands.send_replace(Some(commands.clone()));
        let keep = |line, live| Box::pin(Arc::clone(self).keep(line, live)) as BoxFuture<'static, ()>;
        Ok([keep(Line::Commands, commands), keep(Line::News, news)])
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
        // Who may not ask has to know.
        let info: String = cmd("INFO").query_async(&mut live.connection.clone()).await.unwrap_or_default();
        let server = Server::parse(&info).map_err(|old| RedisError::at(&self.address, old))?;
        if server.evicts && self.down.load(Ordering::Acquire) == 0 {
            tracing::warn!(
                redis = self.address,
                "Redis may evict what it keeps: its `maxmemory-policy` should be `noeviction`"
            );
        }
        self.look_at_epoch(&mut live.connection.clone(), server.run).await.map_err(|error| self.refused(&error))?;
        Ok(live)
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

    fn refused(&self, error: &::redis::RedisError) -> RedisError {
        RedisError::at(&self.address, error)
    }

    /// The call of a script.
    pub(super) fn call<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        call.key(&self.base).arg(self.shift.load(Ordering::Relaxed));
        call
    }

    /// Carries a call out: again, if the connection was lost meanwhile and `again` says that it does no harm.
    ///
    /// # Errors
    ///
    /// When there is no connection, or no answer, in time. What was called for may have been done, or be done later.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        call: &ScriptInvocation<'_>,
        mut again: bool,
    ) -> Result<T, StoreError> {
        let run = timeout(OPERATION, async {
            loop {
                let live = self.connected().await?;
                let error = match call.invoke_async(&mut live.connection.clone()).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                let lost = is_lost(&error);
                if lost {
                    live.lost.cancel();
                }
                if !lost || !again || error.is_timeout() {
                    return Err(StoreError::new(self.refused(&error)));
                }
                again = false;
            }
        });
        run.await.unwrap_or_else(|_| Err(self.failed("it did not answer in time")))
    }

    async fn connected(&self) -> Result<Live, StoreError> {
        let is_up = |live: &Option<Live>| live.as_ref().is_some_and(|live| !live.lost.is_cancelled());
        let mut commands = self.commands.subscribe();
        let live = timeout(RECONNECTION, async { commands.wait_for(is_up).await.ok().and_then(|live| live.clone()) });
        live.await.ok().flatten().ok_or_else(|| self.failed("it is not connected"))
    }

    fn failed(&self, message: &str) -> StoreError {
        StoreError::new(RedisError::at(&self.address, message))
    }

    /// The epoch, if it is known.
    pub(super) fn epoch(&self) -> Option<u64> {
        lock(&self.epoch).known
    }

    /// Asks for the epoch.
    pub(super) async fn ask_epoch(&self) -> Result<u64, StoreError> {
        let live = self.connected().await?;
        let run = lock(&self.run).clone();
        let epoch = self.look_at_epoch(&mut live.connection.clone(), run).await;
        epoch.map_err(|error| StoreError::new(self.refused(&error)))
    }

    /// Something may have been lost without the connection.
    pub(super) fn forget_epoch(&self) {
        let mut epoch = lock(&self.epoch);
        epoch.known = None;
        epoch.forgotten += 1;
    }

    /// Asks for the epoch, and lets it become another one if what this process has appended is not there any more.
    async fn look_at_epoch(&self, connection: &mut MultiplexedConnection, run: String) -> ::redis::RedisResult<u64> {
        let forgotten = lock(&self.epoch).forgotten;
        let mut call = self.call(&self.scripts.epoch);
        call.arg(Uuid::new_v4().as_u64_pair().1).arg(&run);
        let another = !run.is_empty() && *lock(&self.run) != run;
        match self.appends.load(Ordering::Acquire) {
            appends @ 1.. if another => call.arg(appends),
            _ => call.arg(""),
        };
        call.arg(&self.channel).arg(news::epoch(self.publisher));
        let epoch = call.invoke_async(connection).await?;
        if another {
            self.appends.store(0, Ordering::Release);
            *lock(&self.run) = run;
        }
        let mut kept = lock(&self.epoch);
        if kept.forgotten == forgotten {
            kept.known = Some(epoch);
        }
        Ok(epoch)
    }

    /// So many appends are there.
    pub(super) fn acknowledged(&self, appends: u64) {
        self.appends.fetch_max(appends, Ordering::AcqRel);
    }

    /// An operation that tells news failed, and may be carried out all the same: what it tells then is news to us, too.
    pub(super) fn is_uncertain(&self) {
        *lock(&self.uncertain) = Some(Instant::now() + UNCERTAIN);
    }

    /// What this process has published it has told already.
    fn heard(&self, text: &[u8]) {
        let Some((publisher, said)) = news::parse(text) else { return };
        let is_news = publisher != self.publisher || lock(&self.uncertain).is_some_and(|until| Instant::now() < until);
        match said {
            Said::Of(news) if is_news => self.watchers.tell(news),
            Said::Of(_) => {}
            Said::Epoch => {
                self.forget_epoch();
                // What was lost may be what somebody here reads, and no connection need have been lost with it.
                self.watchers.tell(LogNews::Missed);
            }
        }
    }
}

impl Live {
    /// Resolves when the connection is of no use any more; one that is silently dead is found by asking.
    async fn until_lost(&self) {
        while timeout(PING, self.lost.cancelled()).await.is_err() {
            let pong = cmd("PING").exec_async(&mut self.connection.clone()).await;
            if pong.is_err_and(|error| is_lost(&error)) {
                self.lost.cancel();
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under the lock, so what a poisoned one holds is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
