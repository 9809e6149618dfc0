//! The store in Redis, for several processes.
//!
//! ```text
//!   connect   the options, and how it comes to be
//!   lines     the two connections, and how they are begun anew
//!   state     what is known through them, and how a call is carried out
//!   server    what the server says of itself
//!   scripts   what is carried out in Redis: `*.lua`, one file an operation
//!   news      what the processes tell each other
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{FromRedisValue as _, ScriptInvocation, Value};
use bytes::Bytes;
use tokio_util::task::AbortOnDropHandle;

pub use self::connect::{RedisBuilder, RedisError};
use self::state::State;
use super::{
    Appended, Cap, Expect, Key, LogEntry, LogKey, LogLimits, LogNews, LogPage, LogWatcher, Reserved, Store, StoreError,
    StoreFuture, Stored,
};

mod connect;
mod lines;
mod news;
mod scripts;
mod server;
mod state;

/// What an entry costs beside its bytes, and a log beside its entries, about.
const OVERHEAD: u64 = 64;

/// Which part of the budget a group may take, so that one client does not push out what others have.
const GROUP_PART: u64 = 8;

/// The longest time that is told to Redis, in ms: ten years.
const LONGEST: u64 = 10 * 365 * 24 * 3_600_000;

/// The largest number that a script can count to.
const MOST: u64 = 1 << 53;

/// Keeps values and logs in Redis, for all processes that serve the same: a [`Store`].
///
/// ```no_run
/// use mcp_mount::{Mcp, Redis};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let mcp = Mcp::new("calculator", "1.0.0").store(Redis::connect("redis://redis.internal:6379/0").await?).build()?;
/// # let _ = mcp;
/// # Ok(()) }
/// ```
///
/// It needs Redis 6.2 or later (it is tested with 7.0), or what speaks as it does, with scripts and publications. All that
/// it keeps has names that begin with [the prefix](RedisBuilder::prefix) in braces, `{mcp-mount}`, and is therefore on one
/// node of a cluster. It does not look for that node: in a cluster of several, connect to the one that has the slot of the
/// prefix, or through a proxy. A clone is cheap, and shares the connections.
///
/// # Connections
///
/// There are two, whatever the number of streams: one for commands, one for news. They live on the runtime that
/// connected them, which has to go on, and are begun anew for as long as it takes whenever they are lost. An operation
/// waits a second for that and two for an answer, and fails after four at the most; it is never carried out twice where
/// that would matter.
///
/// # What a user needs
///
/// A login may be one that can do no more than this, with the prefix in place of `mcp-mount`, with `+select` where the URL
/// names a database other than 0, and before Redis 7 with `+script`:
///
/// ```text
/// ACL SETUSER app on >password resetkeys ~{mcp-mount}* resetchannels &{mcp-mount}:* -@all +hello +info +ping +subscribe +evalsha +script|load +publish +time +get +set +setrange +incr +incrby +del +unlink +exists +pttl +pexpire +hget +hset +hsetnx +hmget +hgetall +hdel +hkeys +hlen +zadd +zrem +zscore +zincrby +zcount +zrange +zrangebyscore +zrevrange +rpush +lrange +ltrim
/// ```
///
/// Without `+info` it works, and warns: when Redis was started anew cannot be seen then, and only the loss of all is noticed.
///
/// # What is durable when
///
/// As durable as Redis is: with `appendfsync always` what was acknowledged is there after a restart. With `everysec`, or
/// where a replica takes over, the last second may be lost; this is noticed when the connection comes back, and
/// [`epoch`](Store::epoch) changes, as it does when all is lost: clients that come back are told that something is
/// missing. It takes a process that has written or read what was lost, or something later, and is still there; what no such
/// process has seen is not noticed. The next entry of a log whose end was lost is refused as misplaced if it says
/// [what it comes after](LogEntry::after). Versions are of the server's clock, so that none is used again, unless a server
/// takes over whose clock is behind by more than the connections are away.
///
/// Redis must not evict keys: set `maxmemory-policy noeviction`. When it has no memory left (`maxmemory`), what takes some
/// fails, and changes nothing; what is there can be read, kept and removed.
///
/// What logs take is bounded as in [`Memory`](crate::Memory), by [a budget](RedisBuilder::log_budget), in which a log and an
/// entry count 64 bytes each beside what they hold. In Redis itself it is about 20 for an entry, and 1.5 KiB for a log: plan for
/// more memory than the budget where most streams are short. All expires, so that nothing is left when nobody uses it any
/// more, but for a few counters. Time is the server's own.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    state: Arc<State>,
    /// What keeps the connections.
    _lines: [AbortOnDropHandle<()>; 2],
}

impl Redis {
    /// Connects to a server: `redis://[user][:password@]host[:port][/database]`, or `rediss://..` for TLS, which needs
    /// the feature `redis-tls`. Where it is on a Unix socket: `redis+unix:///path`.
    ///
    /// With TLS, rustls is used with the default provider of the process. If the application has installed none by then,
    /// this installs `ring` as that, for the whole process: install another one before.
    ///
    /// # Errors
    ///
    /// When the URL cannot be used, when the server cannot be reached, refuses the client, or is too old, and outside of a
    /// tokio runtime. Each of the two connections has four seconds. A server that answers that it is reading what it has
    /// kept, since it has just been started, is waited for, ten seconds more; one that is not there is not, since the URL may
    /// be wrong. The text names the host and what failed, and never the password.
    pub async fn connect(url: &str) -> Result<Self, RedisError> {
        Self::builder(url).connect().await
    }

    /// The options of a connection.
    pub fn builder(url: &str) -> RedisBuilder {
        RedisBuilder::new(url)
    }

    /// Lets time pass for what this store and its clones do, as far as expiry and idleness go: for tests. Another store on
    /// the same server has a time of its own.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mcp_mount::Redis::connect("redis://localhost").await?;
    /// store.advance(std::time::Duration::from_secs(3600));
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "testing")]
    pub fn advance(&self, by: Duration) {
        self.0.state.shift.fetch_add(ms(by), std::sync::atomic::Ordering::Relaxed);
    }
}

/// A script's call that is about a value.
fn about_value<'a>(state: &State, script: &'a ::redis::Script, key: Key) -> ScriptInvocation<'a> {
    let mut call = state.call(script);
    call.arg(key.kind.as_str()).arg(hex(key.id));
    call
}

/// A script's call that is about a log.
fn about_log<'a>(state: &State, script: &'a ::redis::Script, log: LogKey) -> ScriptInvocation<'a> {
    let mut call = state.call(script);
    call.arg(hex(log.group)).arg(hex(log.id));
    call
}

fn stored(found: Option<(Vec<u8>, u64)>) -> Option<Stored> {
    found.map(|(value, version)| Stored::new(value.into(), version))
}

impl Store for Redis {
    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        let state = &self.0.state;
        let mut call = about_value(state, &state.scripts.get, key);
        call.arg(touch.map_or_else(String::new, |ttl| ms(ttl).to_string()));
        boxed(async move { Ok(stored(state.run(&call, true).await?)) })
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        let state = &self.0.state;
        let mut call = about_value(state, &state.scripts.put, key);
        let expected = match expect {
            Expect::Any => "any".to_owned(),
            Expect::Absent => "absent".to_owned(),
            Expect::Version(version) => version.to_string(),
        };
        call.arg(ms(ttl)).arg(expected).arg(value.as_ref());
        // Any other would find what it wrote itself.
        boxed(async move { state.run(&call, expect == Expect::Any).await })
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        let state = &self.0.state;
        let call = about_value(state, &state.scripts.take, key);
        boxed(async move { Ok(stored(state.run(&call, false).await?)) })
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        let state = &self.0.state;
        let mut call = about_value(state, &state.scripts.reserve, key);
        let (group, most) = cap.group.map_or_else(Default::default, |group| (hex(group.id), bounded(group.max)));
        call.arg(ms(ttl)).arg(value.as_ref()).arg(bounded(cap.max)).arg(ms(cap.idle)).arg(group).arg(most);
        boxed(async move { reserved(key, state.run(&call, false).await?) })
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        let state = &self.0.state;
        let budget = bounded(state.log_budget);
        let bound = bound_of_a_group(budget, limits);
        if bounded(entry.value.len()) + bounded(entry.about.len()) + 2 * OVERHEAD > bound {
            return StoreFuture::ready(Appended::Full);
        }
        let mut call = about_log(state, &state.scripts.append, log);
        let (begins, ends) = (entry.place.begins(), entry.place.ends());
        let after = entry.after.filter(|_| !begins).map_or_else(String::new, |after| after.to_string());
        call.arg(u8::from(begins)).arg(u8::from(ends)).arg(after);
        call.arg(entry.about.as_ref()).arg(entry.value.as_ref());
        call.arg(bounded(limits.entries)).arg(bounded(limits.bytes)).arg(ms(limits.ttl)).arg(bound).arg(budget);
        call.arg(&state.channel).arg(news::touched(state.publisher, log));
        boxed(async move {
            let answer: Vec<u64> = state.publish(&call, false, LogNews::Touched(log)).await?;
            let appended = match *answer.as_slice() {
                [0, seq, appends] => {
                    state.acknowledged(appends);
                    state.watchers.tell(LogNews::Touched(log));
                    Appended::Seq(seq)
                }
                [1] => Appended::Closed,
                [2, newest] => Appended::Misplaced(newest),
                [3] => Appended::Full,
                _ => return Err(unexpected()),
            };
            if appended == Appended::Closed && !begins {
                // Its log may have been removed by somebody who emptied the server.
                state.forget_epoch();
            }
            Ok(appended)
        })
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        let state = &self.0.state;
        let mut call = about_log(state, &state.scripts.read, log);
        call.arg(after.min(MOST)).arg(bounded(max));
        boxed(async move {
            let answer: Option<Vec<Value>> = state.run(&call, true).await?;
            let Some(answer) = answer else {
                state.forget_epoch();
                return Ok(None);
            };
            let (appends, page) = page(answer)?;
            state.acknowledged(appends);
            Ok(Some(page))
        })
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        let state = &self.0.state;
        let mut call = about_log(state, &state.scripts.keep, log);
        call.arg(ms(ttl));
        boxed(async move { state.run(&call, true).await })
    }

    fn watch(&self, watcher: LogWatcher) {
        self.0.state.watchers.add(watcher);
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        let state = &self.0.state;
        let mut call = state.call(&state.scripts.tell);
        call.arg(&state.channel).arg(news::told(state.publisher, log, word));
        boxed(async move {
            let told = LogNews::Told(log, word);
            let _heard: u64 = state.publish(&call, true, told).await?;
            state.watchers.tell(told);
            Ok(())
        })
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        match self.0.state.epoch() {
            Some(epoch) => StoreFuture::ready(epoch),
            None => boxed(self.0.state.ask_epoch()),
        }
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        let state = &self.0.state;
        let mut call = about_log(state, &state.scripts.forget, LogKey { group, id: 0 });
        call.arg(&state.channel).arg(news::touched_of(state.publisher, group));
        boxed(async move {
            // Which logs these are is not known yet.
            let ids: Vec<String> = state.publish(&call, true, LogNews::Missed).await?;
            for id in ids.iter().filter_map(|id| u128::from_str_radix(id, 16).ok()) {
                state.watchers.tell(LogNews::Touched(LogKey { group, id }));
            }
            Ok(())
        })
    }
}

impl fmt::Debug for Redis {
    /// Without the URL, which has the password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis(..)")
    }
}

fn boxed<'a, T>(operation: impl Future<Output = Result<T, StoreError>> + Send + 'a) -> StoreFuture<'a, T> {
    StoreFuture::Boxed(Box::pin(operation))
}

/// What a group may cost: a part of the budget, and one log at least.
fn bound_of_a_group(budget: u64, limits: LogLimits) -> u64 {
    let one_log = bounded(limits.bytes).saturating_add(OVERHEAD.saturating_mul(bounded(limits.entries) + 1));
    (budget / GROUP_PART).max(one_log).min(budget)
}

fn reserved(key: Key, answer: Vec<Value>) -> Result<Reserved, StoreError> {
    let mut answer = answer.into_iter();
    let outcome = answer.next().map(String::from_redis_value).and_then(Result::ok);
    match (outcome.as_deref(), answer.next()) {
        (Some("free"), None) => Ok(Reserved::Free),
        (Some("there"), None) => Ok(Reserved::There),
        (Some("full"), Some(Value::Int(wait))) => {
            Ok(Reserved::Full(Duration::from_millis(u64::try_from(wait).unwrap_or_default())))
        }
        (Some("evicted"), Some(Value::BulkString(id))) => {
            let id = str::from_utf8(&id).ok().and_then(|id| u128::from_str_radix(id, 16).ok());
            Ok(Reserved::Evicted(Key { id: id.ok_or_else(unexpected)?, ..key }))
        }
        _ => Err(unexpected()),
    }
}

/// How many appends there have been, and a page: the first, the last, whether it has ended, what is known of it, the number of
/// the first entry, entries.
fn page(answer: Vec<Value>) -> Result<(u64, LogPage), StoreError> {
    let mut answer = answer.into_iter();
    let number = |value: Option<Value>| value.and_then(|value| u64::from_redis_value(value).ok());
    let [appends, first, last, closed] = [(); 4].map(|()| number(answer.next()));
    let about = answer.next().and_then(bytes);
    let from = number(answer.next());
    let (Some(appends), Some(first), Some(last), Some(closed)) = (appends, first, last, closed) else {
        return Err(unexpected());
    };
    let (Some(about), Some(from)) = (about, from) else { return Err(unexpected()) };
    let entries = (from..).zip(answer).map(|(seq, value)| Some((seq, bytes(value)?))).collect::<Option<_>>();
    Ok((appends, LogPage::new(entries.ok_or_else(unexpected)?, first, last, closed == 1).about(about)))
}

/// Without a copy.
fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        _ => None,
    }
}

fn unexpected() -> StoreError {
    StoreError::new("Redis gave an answer that no script of ours gives")
}

fn hex(id: u128) -> String {
    format!("{id:032x}")
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(LONGEST)
}

fn bounded(number: usize) -> u64 {
    (number as u64).min(MOST)
}
