//! The store that is a file: what it keeps when it is opened again, and what processes that share it see of each other.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mcp_mount::stores::{
    Appended, Expect, Key, Kind, LogEntry, LogKey, LogLimits, LogNews, LogPlace, LogWatcher, Stored,
};
use mcp_mount::testing::{StoreFixture, store_contract};
use mcp_mount::{Sqlite, Store};
use rusqlite::Connection;
use tokio::time::{Instant, sleep, timeout};

mod faults;

const TTL: Duration = Duration::from_secs(60);

fn key(id: u128) -> Key {
    Key::new(Kind::Session, id)
}

fn log(id: u128) -> LogKey {
    LogKey::new(1, id)
}

fn limits() -> LogLimits {
    LogLimits::new(1_000, 1 << 20, TTL)
}

fn entry(text: &'static str, place: LogPlace) -> LogEntry {
    LogEntry::new(Bytes::from_static(text.as_bytes()), place)
}

async fn open(path: &Path) -> Sqlite {
    Sqlite::open(path).await.unwrap()
}

/// Once the thread has closed the file, nothing lies beside it.
async fn closed(path: &Path) {
    let beside = path.with_extension("db-wal");
    timeout(Duration::from_secs(20), async {
        while beside.exists() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the thread of a store that was dropped ends, and closes the file");
}

/// A directory that is removed when it is dropped.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("mcp-mount-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("store.db")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Handles that are advanced together.
struct InFile {
    directory: Directory,
    handles: Vec<Arc<Sqlite>>,
}

impl InFile {
    fn new() -> Self {
        Self { directory: Directory::new(), handles: Vec::new() }
    }

    async fn open(&mut self, log_budget: usize) -> Arc<dyn Store> {
        let path = self.directory.file();
        let store = Arc::new(Sqlite::builder(path).log_budget(log_budget).open().await.unwrap());
        self.handles.push(Arc::clone(&store));
        store
    }
}

impl StoreFixture for InFile {
    async fn store(&mut self, log_budget: usize) -> Arc<dyn Store> {
        self.open(log_budget).await
    }

    async fn another(&mut self, _: &Arc<dyn Store>) -> Arc<dyn Store> {
        self.open(64 << 20).await
    }

    async fn pass(&mut self, time: Duration) {
        self.handles.iter().for_each(|store| store.advance(time));
    }
}

store_contract!(contract, InFile::new());

#[tokio::test]
async fn what_is_kept_outlives_the_process() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    assert!(store.put(key(1), "value".into(), TTL, Expect::Absent).await.unwrap());
    for (number, place) in [(1, LogPlace::First), (2, LogPlace::Next)] {
        let appended = store.append(log(1), entry("said", place).about("about".into()), limits()).await.unwrap();
        assert_eq!(appended, Appended::Seq(number));
    }
    let (epoch, version) = (store.epoch().await.unwrap(), store.get(key(1), None).await.unwrap().unwrap().version);
    drop(store);
    closed(&directory.file()).await;

    let store = open(&directory.file()).await;
    assert_eq!(store.epoch().await.unwrap(), epoch);
    assert_eq!(store.get(key(1), None).await.unwrap(), Some(Stored::new("value".into(), version)));
    let page = store.read(log(1), 0, 9).await.unwrap().unwrap();
    assert_eq!((page.entries.len(), page.last, page.closed, page.about), (2, 2, false, "about".into()));
    let appended = store.append(log(1), entry("goes on", LogPlace::Next).after(2), limits()).await.unwrap();
    assert_eq!(appended, Appended::Seq(3));
}

#[tokio::test]
async fn what_expires_does_so_while_the_file_is_closed() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    assert!(store.put(key(1), "value".into(), Duration::from_millis(1), Expect::Absent).await.unwrap());
    drop(store);
    closed(&directory.file()).await;
    sleep(Duration::from_millis(5)).await;
    assert_eq!(open(&directory.file()).await.get(key(1), None).await.unwrap(), None);
}

#[tokio::test]
async fn processes_may_make_the_file_at_once() {
    for _ in 0..20 {
        let directory = Directory::new();
        let path = directory.file();
        let stores = futures::future::join_all((0..4).map(|_| open(&path))).await;
        let epochs = futures::future::join_all(stores.iter().map(Store::epoch)).await;
        let epochs: Vec<_> = epochs.into_iter().map(Result::unwrap).collect();
        assert!(epochs.iter().all(|epoch| *epoch == epochs[0]), "{epochs:?}");
    }
}

#[tokio::test]
async fn a_file_that_was_removed_is_another_store() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    let epoch = store.epoch().await.unwrap();
    drop(store);
    closed(&directory.file()).await;
    std::fs::remove_file(directory.file()).unwrap();
    assert_ne!(open(&directory.file()).await.epoch().await.unwrap(), epoch);
}

/// In a process of its own, which is killed: nothing is lost, and nobody who shares the file hears of another epoch.
#[tokio::test]
async fn a_process_that_is_killed_changes_no_epoch() {
    let directory = Directory::new();
    let path = directory.file();
    let [before, after] = [(); 2].map(|()| {
        let mut child = keeping(&path);
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !said.contains("epoch ") {
            assert!(lines.read_line(&mut said).unwrap() > 0, "{said}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        said.split("epoch ").last().map(str::trim).map(str::to_owned)
    });
    assert_eq!(before, after);
    let store = open(&path).await;
    assert_eq!(Some(store.epoch().await.unwrap().to_string()), before);
    assert!(store.get(key(1), None).await.unwrap().is_some(), "what was answered is there");
}

fn keeping(path: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["sqlite::keeping_until_it_is_killed", "--exact", "--ignored", "--nocapture"]);
    command.env("SQLITE_FILE", path).stdout(Stdio::piped()).spawn().unwrap()
}

#[tokio::test]
#[ignore = "the process that another test starts"]
async fn keeping_until_it_is_killed() {
    let store = open(Path::new(&std::env::var_os("SQLITE_FILE").expect("started by another test"))).await;
    assert!(store.put(key(1), "value".into(), TTL, Expect::Any).await.unwrap());
    println!("epoch {}", store.epoch().await.unwrap());
    sleep(Duration::from_secs(600)).await;
}

#[tokio::test]
async fn processes_tell_each_other() {
    let directory = Directory::new();
    let [one, other] = [open(&directory.file()).await, open(&directory.file()).await];
    // News from before anybody watched.
    for id in 0..20 {
        one.tell(log(id), 0).await.unwrap();
    }
    sleep(Duration::from_millis(1_100)).await;
    let told = Arc::<Mutex<Vec<LogNews>>>::default();
    let by = Arc::clone(&told);
    other.watch(LogWatcher::new(move |news| {
        by.lock().unwrap().push(news);
        true
    }));
    one.append(log(1), entry("x", LogPlace::First), limits()).await.unwrap();
    one.tell(log(2), 7).await.unwrap();
    other.tell(log(3), 8).await.unwrap();
    assert!(told.lock().unwrap().contains(&LogNews::Told(log(3), 8)), "its own news is told at once");
    let began = Instant::now();
    while told.lock().unwrap().len() < 3 {
        assert!(began.elapsed() < Duration::from_secs(5), "{told:?}");
        sleep(Duration::from_millis(5)).await;
    }
    // Long enough for what came twice.
    sleep(Duration::from_millis(300)).await;
    let told = told.lock().unwrap().clone();
    for news in [LogNews::Told(log(3), 8), LogNews::Touched(log(1)), LogNews::Told(log(2), 7)] {
        assert!(told.contains(&news), "{told:?}");
    }
    assert_eq!(told.len(), 3, "nothing twice, and nothing from before: {told:?}");
}

#[tokio::test]
async fn news_that_was_missed_is_signalled() {
    let directory = Directory::new();
    let [one, other] = [open(&directory.file()).await, open(&directory.file()).await];
    let told = Arc::<Mutex<Vec<LogNews>>>::default();
    let by = Arc::clone(&told);
    other.watch(LogWatcher::new(move |news| {
        by.lock().unwrap().push(news);
        true
    }));
    one.tell(log(1), 1).await.unwrap();
    let began = Instant::now();
    while told.lock().unwrap().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(5));
        sleep(Duration::from_millis(5)).await;
    }
    // As if more had come than is kept.
    Connection::open(directory.file()).unwrap().execute("UPDATE news SET number = number + 20000", ()).unwrap();
    one.tell(log(2), 2).await.unwrap();
    while told.lock().unwrap().last() != Some(&LogNews::Told(log(2), 2)) {
        assert!(began.elapsed() < Duration::from_secs(10), "{told:?}");
        sleep(Duration::from_millis(5)).await;
    }
    assert!(told.lock().unwrap().contains(&LogNews::Missed), "{told:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = Directory::new();
    let store = open(&directory.file()).await;
    assert!(store.put(key(1), "value".into(), TTL, Expect::Any).await.unwrap());
    for ending in ["db", "db-wal", "db-shm"] {
        let mode = directory.file().with_extension(ending).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{ending}");
    }
}

#[tokio::test]
async fn what_is_free_is_used_again() {
    let directory = Directory::new();
    let store = Sqlite::builder(directory.file()).log_budget(1 << 20).open().await.unwrap();
    let value = Bytes::from(vec![b'x'; 4_000]);
    let mut sizes = Vec::new();
    for round in 0..6_u128 {
        for number in 0..400_u128 {
            let log = LogKey::new(round << 64 | number, 1);
            let entry = LogEntry::new(value.clone(), LogPlace::Only);
            assert_eq!(store.append(log, entry, limits()).await.unwrap(), Appended::Seq(1));
        }
        store.advance(TTL);
        assert!(store.put(key(1), "v".into(), TTL, Expect::Any).await.unwrap());
        sizes.push(std::fs::metadata(directory.file()).unwrap().len());
    }
    let file = sizes[sizes.len() - 1];
    assert!(file < 4 << 20, "the file has {sizes:?} bytes, of logs that may take one MiB");
    let (wal, rows) = (directory.file().with_extension("db-wal"), Connection::open(directory.file()).unwrap());
    assert!(std::fs::metadata(wal).unwrap().len() < 32 << 20);
    let rows: i64 = rows
        .query_row("SELECT (SELECT count(*) FROM entry) + (SELECT count(*) FROM log)", (), |row| row.get(0))
        .unwrap();
    assert!(rows < 800, "what has expired or given way is removed, but {rows} rows are there");
}

#[tokio::test]
async fn what_logs_cost_is_counted_right() {
    let directory = Directory::new();
    let store = Sqlite::builder(directory.file()).log_budget(200_000).open().await.unwrap();
    let mut random = 1_u64;
    let mut below = |most: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % most
    };
    for turn in 0..3_000 {
        let log = LogKey::new(u128::from(below(12)), u128::from(below(80)));
        let place = match below(8) {
            0..3 => LogPlace::First,
            3..6 => LogPlace::Next,
            6 => LogPlace::Last,
            _ => LogPlace::Only,
        };
        let entry = LogEntry::new(vec![0; usize::try_from(below(3_000)).unwrap()].into(), place);
        let limits = LogLimits::new(5, 8_000, Duration::from_secs(1 + below(100)));
        store.append(log, entry.about(vec![0; 20].into()), limits).await.unwrap();
        match below(40) {
            0 => store.forget(u128::from(below(12))).await.unwrap(),
            1 => store.advance(Duration::from_secs(5)),
            _ => {}
        }
        if turn % 500 == 0 {
            let file = Connection::open(directory.file()).unwrap();
            let one = |sql: &str| file.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap();
            let counted = one("SELECT cost FROM store");
            assert!(counted <= 200_000, "{counted} in turn {turn}");
            let entries = "SELECT coalesce(sum(length(value) + 64), 0) FROM entry";
            let logs = "SELECT coalesce(sum(length(about) + 64), 0) FROM log";
            assert_eq!(counted, one(entries) + one(logs), "turn {turn}");
            let orphans = "SELECT count(*) FROM entry WHERE log NOT IN (SELECT log FROM log)";
            assert_eq!(one(orphans), 0);
            let wrong =
                "SELECT count(*) FROM log WHERE next - first != (SELECT count(*) FROM entry WHERE entry.log = log.log)
                OR bytes != (SELECT sum(length(value)) FROM entry WHERE entry.log = log.log)
                OR newest != (SELECT length(value) FROM entry WHERE entry.log = log.log AND number = next - 1)";
            assert_eq!(one(wrong), 0);
        }
    }
}
