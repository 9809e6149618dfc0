//! The suite with another store than memory: `MCP_TEST_STORE=redis` or `sqlite` has every server of the rig keep its
//! sessions and streams there. Each test has a store of its own, which is empty.
//!
//! The tests live on a paused clock, and these stores do not. So time passes for the store as it does for the test, and
//! while the store is at work the test's clock stands still: tokio does not move it while blocking work is going on.

#![allow(clippy::disallowed_types, reason = "how much time really passed is the point")]

use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant as RealInstant};

use bytes::Bytes;
use mcp_mount::Store;
use mcp_mount::stores::{
    Appended, Cap, Expect, Key, LogEntry, LogKey, LogLimits, LogPage, LogWatcher, Reserved, StoreFuture, Stored,
};
use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

/// Where stores do their work, apart from the clocks of the tests.
static APART: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

/// The store that the environment asks for, if it asks for one.
pub fn chosen() -> Option<Timely> {
    let name = std::env::var("MCP_TEST_STORE").ok()?;
    // A runtime must not be waited for within another one.
    std::thread::spawn(move || APART.block_on(open(&name))).join().unwrap()
}

/// Something that lets time pass for a store.
type Pass = Box<dyn Fn(Duration) + Send + Sync>;

async fn open(name: &str) -> Option<Timely> {
    match name {
        "memory" => None,
        #[cfg(all(unix, feature = "redis"))]
        "redis" => {
            let server = crate::redis_server::RedisServer::start();
            let store = Arc::new(mcp_mount::Redis::connect(&server.url()).await.unwrap());
            let pass = Arc::clone(&store);
            Some(Timely::new(store, Box::new(move |by| pass.advance(by)), Box::new(server)))
        }
        #[cfg(feature = "sqlite")]
        "sqlite" => {
            let folder = Folder::new();
            let store = Arc::new(mcp_mount::Sqlite::open(folder.0.join("store.sqlite")).await.unwrap());
            let pass = Arc::clone(&store);
            Some(Timely::new(store, Box::new(move |by| pass.advance(by)), Box::new(folder)))
        }
        other => panic!("MCP_TEST_STORE={other}: expected memory, redis or sqlite, with the feature of that name"),
    }
}

/// A folder that is gone with its owner.
#[cfg(feature = "sqlite")]
struct Folder(std::path::PathBuf);

#[cfg(feature = "sqlite")]
impl Folder {
    fn new() -> Self {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("mcp-mount-timely-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

#[cfg(feature = "sqlite")]
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A store for which time passes as it does for the test.
#[derive(Clone)]
pub struct Timely(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    pass: Pass,
    clock: Mutex<Option<Clock>>,
    /// What the store needs to be there.
    _holds: Box<dyn Send + Sync>,
}

/// When the store was first used, and by how much its time has been advanced since.
struct Clock {
    began: Instant,
    really_began: RealInstant,
    advanced: Duration,
}

impl Timely {
    fn new(store: Arc<dyn Store>, pass: Pass, holds: Box<dyn Send + Sync>) -> Self {
        Self(Arc::new(Inner { store, pass, clock: Mutex::default(), _holds: holds }))
    }

    fn keep_time(&self) {
        let mut clock = self.0.clock.lock().unwrap();
        let clock = clock.get_or_insert_with(|| Clock {
            began: Instant::now(),
            really_began: RealInstant::now(),
            advanced: Duration::ZERO,
        });
        let (passed, really) = (clock.began.elapsed(), clock.really_began.elapsed());
        // On a clock that is moved, as much passes for the store: a little more, since its own goes on as well.
        if passed > really && passed > clock.advanced {
            (self.0.pass)(passed - clock.advanced);
            clock.advanced = passed;
        }
    }

    fn do_apart<T>(
        &self,
        operation: impl FnOnce(&dyn Store) -> StoreFuture<'_, T> + Send + 'static,
    ) -> StoreFuture<'_, T>
    where
        T: Send + Unpin + 'static,
    {
        StoreFuture::Boxed(Box::pin(async move {
            self.keep_time();
            let this = self.clone();
            spawn_blocking(move || APART.block_on(operation(&*this.0.store))).await.unwrap()
        }))
    }
}

impl Store for Timely {
    fn is_shared(&self) -> bool {
        self.0.store.is_shared()
    }

    fn get(&self, key: Key, touch: Option<Duration>) -> StoreFuture<'_, Option<Stored>> {
        self.do_apart(move |store| store.get(key, touch))
    }

    fn put(&self, key: Key, value: Bytes, ttl: Duration, expect: Expect) -> StoreFuture<'_, bool> {
        self.do_apart(move |store| store.put(key, value, ttl, expect))
    }

    fn take(&self, key: Key) -> StoreFuture<'_, Option<Stored>> {
        self.do_apart(move |store| store.take(key))
    }

    fn reserve(&self, key: Key, value: Bytes, ttl: Duration, cap: Cap) -> StoreFuture<'_, Reserved> {
        self.do_apart(move |store| store.reserve(key, value, ttl, cap))
    }

    fn append(&self, log: LogKey, entry: LogEntry, limits: LogLimits) -> StoreFuture<'_, Appended> {
        self.do_apart(move |store| store.append(log, entry, limits))
    }

    fn read(&self, log: LogKey, after: u64, max: usize) -> StoreFuture<'_, Option<LogPage>> {
        self.do_apart(move |store| store.read(log, after, max))
    }

    fn keep(&self, log: LogKey, ttl: Duration) -> StoreFuture<'_, bool> {
        self.do_apart(move |store| store.keep(log, ttl))
    }

    fn watch(&self, watcher: LogWatcher) {
        self.0.store.watch(watcher);
    }

    fn tell(&self, log: LogKey, word: u64) -> StoreFuture<'_, ()> {
        self.do_apart(move |store| store.tell(log, word))
    }

    fn epoch(&self) -> StoreFuture<'_, u64> {
        self.do_apart(Store::epoch)
    }

    fn forget(&self, group: u128) -> StoreFuture<'_, ()> {
        self.do_apart(move |store| store.forget(group))
    }
}
