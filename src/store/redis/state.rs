//! What is known through the two connections: one is for commands, one for news.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Client, ErrorKind, FromRedisValue, Script, ScriptInvocation};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::connect::RedisError;
use super::lines::Live;
use super::news::{self, Said};
use super::scripts::Scripts;
use crate::store::log::Watchers;
use crate::store::{LogNews, StoreError};

/// How long an operation waits for a connection that has been lost.
const RECONNECTION: Duration = Duration::from_secs(1);

/// How long an operation may take with all that belongs to it.
const OPERATION: Duration = Duration::from_secs(4);

/// How long what was published by operations of unknown outcome may be on its way.
const UNCERTAIN: Duration = Duration::from_secs(60);

/// The epoch, as long as it is sure.
#[derive(Default)]
struct Epoch {
    known: Option<u64>,
    /// How often it was forgotten: an answer that was asked for before is worth nothing.
    forgotten: u64,
}

/// All but the tasks.
pub(super) struct State {
    pub(super) client: Client,
    /// Without the password.
    pub(super) address: String,
    /// What all keys begin with.
    base: String,
    /// Where news is told.
    pub(super) channel: String,
    pub(super) scripts: Scripts,
    pub(super) log_budget: usize,
    /// Who this is to the other processes.
    pub(super) publisher: u64,
    pub(super) commands: watch::Sender<Option<Live>>,
    pub(super) watchers: Watchers,
    epoch: Mutex<Epoch>,
    /// The server's run that was seen last, and how many appends were seen in it.
    run: Mutex<String>,
    appends: AtomicU64,
    /// Which lines are down.
    pub(super) down: AtomicU8,
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

    pub(super) fn refused(&self, error: &::redis::RedisError) -> RedisError {
        RedisError::refused(&self.address, error)
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
        again: bool,
    ) -> Result<T, StoreError> {
        self.carry_out(call, again, None).await
    }

    /// As [`run`](Self::run), for what publishes `news`. Once it is done the caller tells them here.
    pub(super) async fn publish<T: FromRedisValue>(
        &self,
        call: &ScriptInvocation<'_>,
        again: bool,
        news: LogNews,
    ) -> Result<T, StoreError> {
        self.carry_out(call, again, Some(Unanswered { state: self, news, is_sent: false })).await
    }

    async fn carry_out<T: FromRedisValue>(
        &self,
        call: &ScriptInvocation<'_>,
        mut again: bool,
        mut unanswered: Option<Unanswered<'_>>,
    ) -> Result<T, StoreError> {
        let run = timeout(OPERATION, async {
            loop {
                let live = self.connected().await?;
                let mut sent = |is_sent| unanswered.iter_mut().for_each(|one| one.is_sent = is_sent);
                sent(true);
                let error = match call.invoke_async(&mut live.connection.clone()).await {
                    Ok(answer) => {
                        sent(false);
                        return Ok(answer);
                    }
                    Err(error) => error,
                };
                if let ErrorKind::Server(_) = error.kind() {
                    // It was not carried out.
                    sent(false);
                }
                let lost = live.failed(&error);
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
        let asked = timeout(OPERATION, async {
            let live = self.connected().await?;
            let run = lock(&self.run).clone();
            let epoch = self.look_at_epoch(&mut live.connection.clone(), run).await;
            epoch.map_err(|error| {
                live.failed(&error);
                StoreError::new(self.refused(&error))
            })
        });
        asked.await.unwrap_or_else(|_| Err(self.failed("it did not answer in time")))
    }

    /// Something may have been lost without the connection.
    pub(super) fn forget_epoch(&self) {
        let mut epoch = lock(&self.epoch);
        epoch.known = None;
        epoch.forgotten += 1;
    }

    /// Asks for the epoch, and lets it become another one if what this process has seen is not there any more.
    pub(super) async fn look_at_epoch(
        &self,
        connection: &mut MultiplexedConnection,
        run: String,
    ) -> ::redis::RedisResult<u64> {
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

    /// So many appends are there: what this process has been told, as a writer or as a reader.
    pub(super) fn acknowledged(&self, appends: u64) {
        self.appends.fetch_max(appends, Ordering::AcqRel);
    }

    /// What this process has published it has told already.
    pub(super) fn heard(&self, text: &[u8]) {
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

/// What publishes news, from when it is sent until it is answered. Without an answer, as when nobody waits for one any more,
/// it may have been carried out, or be carried out later.
struct Unanswered<'a> {
    state: &'a State,
    news: LogNews,
    is_sent: bool,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if self.is_sent {
            // What is published from now on is news to us, too. What came before was taken for told.
            *lock(&self.state.uncertain) = Some(Instant::now() + UNCERTAIN);
            self.state.watchers.tell(self.news);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under the lock, so what a poisoned one holds is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
