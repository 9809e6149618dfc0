use std::error::Error as _;

use uuid::Uuid;

use super::*;
use crate::store::{Kind, StoreError};

const TTL: Duration = Duration::from_secs(60);

/// So many pages are what the disk has, as far as SQLite is concerned.
async fn pages(store: &Sqlite, pages: i64) -> Result<(), StoreError> {
    store.thread.read(move |work| work.connection.pragma_update(None, "max_page_count", pages)).await
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_the_store_recovers() {
    let directory = Directory::new("full");
    let store = Sqlite::open(directory.file("store.db")).await.unwrap();
    let [small, large] = [1, 2].map(|id| Key::new(Kind::State, id));
    assert!(store.put(small, "value".into(), TTL, Expect::Any).await.unwrap());
    pages(&store, 20).await.unwrap();
    let value = Bytes::from(vec![b'x'; 200_000]);
    let error = store.put(large, value.clone(), TTL, Expect::Any).await.expect_err("there is no room");
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    assert!(text.contains("no room on the disk") && text.contains("store.db"), "{text}");
    assert!(store.get(small, None).await.unwrap().is_some(), "what was there is");
    pages(&store, 100_000).await.unwrap();
    assert!(store.put(large, value, TTL, Expect::Any).await.unwrap());
}

/// A directory that is removed when it is dropped.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mcp-mount-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The file as a process leaves it that is killed now.
    fn killed(&self, name: &str) -> PathBuf {
        let copy = self.file(&format!("{}.db", Uuid::new_v4()));
        for ending in ["", "-wal"] {
            let with = |path: &Path| format!("{}{ending}", path.display());
            std::fs::copy(with(&self.file(name)), with(&copy)).unwrap();
        }
        copy
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Opens a file after this start of the machine, and writes.
async fn at(path: &Path, boot: &str) -> Sqlite {
    let store = Sqlite::builder(path).open_at(boot.to_owned()).await.unwrap();
    assert!(store.put(Key::new(Kind::State, 1), "value".into(), TTL, Expect::Any).await.unwrap());
    store
}

async fn epoch(store: &Sqlite) -> u64 {
    store.epoch().await.unwrap()
}

#[tokio::test]
async fn who_finds_the_file_open_leaves_the_epoch_alone() {
    let directory = Directory::new("beside");
    for (number, boots) in [["", ""], ["a", ""], ["", "b"], ["a", "b"]].into_iter().enumerate() {
        let path = directory.file(&number.to_string());
        let one = at(&path, boots[0]).await;
        let before = epoch(&one).await;
        for _ in 0..2 {
            let other = at(&path, boots[1]).await;
            assert_eq!((epoch(&one).await, epoch(&other).await), (before, before), "{boots:?}");
            drop(other);
            assert_eq!(epoch(&at(&path, boots[0]).await).await, before, "{boots:?}");
        }
    }
}

#[tokio::test]
async fn a_process_that_was_killed_has_lost_nothing_and_a_machine_that_went_down_may() {
    let directory = Directory::new("killed");
    let starts = [("", "", false), ("a", "a", false), ("a", "", false), ("", "b", false), ("a", "b", true)];
    for (number, (before, after, lost)) in starts.into_iter().enumerate() {
        let name = number.to_string();
        let one = at(&directory.file(&name), before).await;
        let copy = directory.killed(&name);
        let other = at(&copy, after).await;
        assert_eq!(epoch(&one).await != epoch(&other).await, lost, "{before:?}, then {after:?}");
        // And whoever comes next agrees.
        assert_eq!(epoch(&at(&copy, after).await).await, epoch(&other).await, "{before:?}, then {after:?}");
    }
}

#[tokio::test]
async fn of_several_that_start_after_a_loss_all_have_the_new_epoch() {
    let directory = Directory::new("together");
    let one = at(&directory.file("store"), "a").await;
    for _ in 0..10 {
        let copy = directory.killed("store");
        let stores = futures::future::join_all((0..4).map(|_| at(&copy, "b"))).await;
        let first = epoch(&stores[0]).await;
        assert_ne!(first, epoch(&one).await);
        for store in &stores {
            assert_eq!(epoch(store).await, first);
        }
    }
}

#[tokio::test]
async fn a_file_that_was_closed_has_lost_nothing() {
    let directory = Directory::new("closed");
    let path = directory.file("store.db");
    let store = at(&path, "a").await;
    let before = epoch(&store).await;
    drop(store);
    while directory.file("store.db-wal").exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let store = at(&path, "b").await;
    assert_eq!(epoch(&store).await, before);
    // It is the start of the machine that counts from here on.
    let copy = directory.killed("store.db");
    assert_eq!(epoch(&at(&copy, "b").await).await, before);
}

#[tokio::test]
async fn an_epoch_that_becomes_another_one_is_told() {
    let directory = Directory::new("told");
    let path = directory.file("store.db");
    let store = at(&path, "a").await;
    let before = epoch(&store).await;
    let told = Arc::<std::sync::Mutex<Vec<LogNews>>>::default();
    let by = Arc::clone(&told);
    store.watch(LogWatcher::new(move |news| {
        by.lock().unwrap().push(news);
        true
    }));
    store.tell(LogKey::new(1, 1), 1).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE store SET epoch = ?1", [before.cast_signed() ^ 1]).unwrap();
    assert_eq!(epoch(&store).await, before ^ 1, "it is the file's");
    let came = async {
        while !told.lock().unwrap().contains(&LogNews::Missed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), came).await.expect("a running process is told");
}
