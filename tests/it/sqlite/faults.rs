//! Files that are locked, damaged, or something else; and nothing of a runtime waits for them.

use std::error::Error as _;
use std::io::Write as _;

use mcp_mount::stores::StoreError;
use tokio::runtime::Builder;

use super::*;

/// All that an error says.
fn text(error: &StoreError) -> String {
    format!("{error}: {}", error.source().unwrap())
}

/// The error of a file that cannot be opened.
async fn refused(path: &Path) -> String {
    let error = Sqlite::open(path).await.expect_err("it cannot be opened").to_string();
    assert!(error.contains(&path.display().to_string()), "the error names the file: {error}");
    error
}

#[tokio::test]
async fn a_file_that_is_something_else_is_refused() {
    let directory = Directory::new();
    std::fs::write(directory.file(), "Dear diary, ".repeat(1_000)).unwrap();
    assert!(refused(&directory.file()).await.contains("the file is something else"));
    assert!(std::fs::read_to_string(directory.file()).unwrap().starts_with("Dear diary"), "it is left as it is");

    let other = directory.file().with_extension("other");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE users (name TEXT)").unwrap();
    assert!(refused(&other).await.contains("a file of its own"));
    assert!(refused(&directory.file().join("below/a.db")).await.len() > 20);
    assert!(refused(&directory.file().with_file_name("missing").join("a.db")).await.contains("No such file"));
    assert!(refused(directory.file().parent().unwrap()).await.len() > 20);
}

#[tokio::test]
async fn a_file_of_a_later_version_is_refused() {
    let directory = Directory::new();
    drop(open(&directory.file()).await);
    closed(&directory.file()).await;
    Connection::open(directory.file()).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let error = refused(&directory.file()).await;
    assert!(error.contains("schema 7") && error.contains("later version"), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_no_panic() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    for id in 0..200 {
        assert!(store.put(key(id), vec![b'x'; 500].into(), TTL, Expect::Any).await.unwrap());
    }
    drop(store);
    closed(&directory.file()).await;
    let length = std::fs::metadata(directory.file()).unwrap().len();
    let mut file = std::fs::OpenOptions::new().write(true).open(directory.file()).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(4_096)).unwrap();
    file.write_all(&vec![0xa5; usize::try_from(length).unwrap() - 4_096]).unwrap();
    drop(file);
    // Whether it is found when the file is opened or when it is read.
    let error = match Sqlite::open(directory.file()).await {
        Err(error) => error.to_string(),
        Ok(store) => {
            let error = store.get(key(7), None).await.expect_err("nothing can be read");
            text(&error)
        }
    };
    assert!(error.contains("damaged"), "{error}");
}

/// A name that SQLite gives a meaning to is a file like others.
#[tokio::test]
async fn a_name_is_only_a_name() {
    let directory = Directory::new();
    for name in [":memory:", "file:x?mode=memory", "a b%20'\"c"] {
        let path = directory.0.join(name);
        let store = open(&path).await;
        assert!(store.put(key(1), "value".into(), TTL, Expect::Any).await.unwrap());
        assert!(path.is_file(), "{name}");
    }
}

/// Somebody else writes, and does not come to an end for a while.
fn lock(path: &Path) -> Connection {
    let other = Connection::open(path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[tokio::test]
async fn a_lock_is_waited_for() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    let other = lock(&directory.file());
    let write = store.put(key(1), "value".into(), TTL, Expect::Any);
    let release = async {
        sleep(Duration::from_millis(300)).await;
        other.execute_batch("COMMIT").unwrap();
    };
    let (wrote, ()) = tokio::join!(write, release);
    assert!(wrote.unwrap());
}

#[tokio::test]
async fn a_lock_that_stays_is_an_error_and_reads_go_on() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    assert!(store.put(key(1), "value".into(), TTL, Expect::Any).await.unwrap());
    let other = lock(&directory.file());
    let began = Instant::now();
    let error = store.put(key(1), "other".into(), TTL, Expect::Any).await.expect_err("it is locked");
    assert!(text(&error).contains("holds it locked"), "{}", text(&error));
    assert!(text(&error).contains("store.db"), "{}", text(&error));
    assert!(began.elapsed() < Duration::from_millis(4_500), "{:?}", began.elapsed());
    assert!(store.get(key(1), None).await.unwrap().is_some(), "reads do not wait for who writes");
    let began = Instant::now();
    for _ in 0..5 {
        store.take(key(1)).await.expect_err("it is locked still");
    }
    assert!(began.elapsed() < Duration::from_secs(2), "what waited behind has waited with it: {:?}", began.elapsed());
    other.execute_batch("ROLLBACK").unwrap();
    assert!(store.take(key(1)).await.unwrap().is_some(), "it recovers by itself");
}

/// With one thread for all, a runtime that waited for the file would stand still.
#[test]
fn a_runtime_does_not_wait_for_the_file() {
    let directory = Directory::new();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = open(&directory.file()).await;
        let other = lock(&directory.file());
        let write = store.put(key(1), "value".into(), TTL, Expect::Any);
        let work = async {
            let mut longest = Duration::ZERO;
            for _ in 0..50 {
                let began = Instant::now();
                sleep(Duration::from_millis(5)).await;
                longest = longest.max(began.elapsed());
            }
            other.execute_batch("COMMIT").unwrap();
            longest
        };
        let (wrote, longest) = tokio::join!(write, work);
        assert!(wrote.unwrap());
        assert!(longest < Duration::from_secs(1), "the runtime stood still for {longest:?}");
    });
}

/// An operation that was given up before it was begun is left out, so that those behind it are not held up.
#[tokio::test]
async fn what_was_given_up_is_left_out() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    let other = lock(&directory.file());
    let first = async { drop(store.put(key(1), "first".into(), TTL, Expect::Any).await) };
    let given_up = timeout(Duration::from_millis(100), store.put(key(2), "given up".into(), TTL, Expect::Any));
    let release = async {
        sleep(Duration::from_millis(300)).await;
        other.execute_batch("COMMIT").unwrap();
    };
    let ((), given_up, ()) = tokio::join!(first, given_up, release);
    assert!(given_up.is_err());
    assert!(store.get(key(1), None).await.unwrap().is_some());
    assert_eq!(store.get(key(2), None).await.unwrap(), None);
}

#[tokio::test]
async fn a_watcher_that_panics_ends_nothing() {
    let directory = Directory::new();
    let store = open(&directory.file()).await;
    let [before, after] = [(); 2].map(|()| Arc::<Mutex<Vec<LogNews>>>::default());
    let count = |told: &Arc<Mutex<Vec<LogNews>>>| {
        let told = Arc::clone(told);
        LogWatcher::new(move |news| {
            told.lock().unwrap().push(news);
            true
        })
    };
    store.watch(count(&before));
    store.watch(LogWatcher::new(|_| panic!("on purpose")));
    store.watch(count(&after));
    // Of these several come at once: of its own process's, and of another one's.
    let other = open(&directory.file()).await;
    futures::future::join_all((0..20).map(|word| store.tell(log(1), word))).await;
    futures::future::join_all((20..40).map(|word| other.tell(log(1), word))).await;
    let all = timeout(Duration::from_secs(10), async {
        while [&before, &after].iter().any(|told| told.lock().unwrap().len() < 40) {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(all.await.is_ok(), "others are told everything: {before:?}, {after:?}");
    assert!(store.put(key(1), "value".into(), TTL, Expect::Any).await.unwrap(), "the store goes on");
}
