//! Where bookmarks are kept: SQLite.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Row};

use crate::bookmark::{Bookmark, Error, NewBookmark, Search, SearchResult, normal_tag};

/// How many bookmarks a search returns when it is not told, and at most.
const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

/// `search_text` is what a search looks into: lower-cased by Rust, since SQLite folds the case of ASCII only.
/// AUTOINCREMENT, so that the id of a deleted bookmark never names another one.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS bookmarks (
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        owner       TEXT NOT NULL,
        url         TEXT NOT NULL,
        title       TEXT NOT NULL,
        tags        TEXT NOT NULL, -- a JSON array of strings
        added       INTEGER NOT NULL,
        search_text TEXT NOT NULL,
        UNIQUE (owner, url)
    ) STRICT;";

const INSERT: &str = "
    INSERT INTO bookmarks (owner, url, title, tags, added, search_text)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (owner, url) DO NOTHING";

/// What a bookmark is read from, as [`columns`] expects it.
const COLUMNS: &str = "id, url, title, tags, added";

/// The rows of an owner that hold each of an array of words, and a tag if that is not null.
const MATCHING: &str = "
    FROM bookmarks WHERE owner = ?1
    AND NOT EXISTS (SELECT 1 FROM json_each(?2) WHERE instr(search_text, value) = 0)
    AND (?3 IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?3))";

const NEWEST: &str = "ORDER BY added DESC, id DESC LIMIT ?4";

const TAGS: &str = "
    SELECT value FROM bookmarks, json_each(tags)
    WHERE owner = ?1 AND substr(value, 1, length(?2)) = ?2
    GROUP BY value ORDER BY COUNT(*) DESC, value";

/// The store. A cheap clone; all clones are the same store.
///
/// rusqlite blocks, so each operation runs on tokio's blocking threads; the connection is locked there, never across
/// an `.await`.
#[derive(Clone, Debug)]
pub struct Bookmarks {
    connection: Arc<Mutex<Connection>>,
}

impl Bookmarks {
    /// Opens the database file, made if it is not there; `:memory:` is SQLite's name for none.
    ///
    /// # Errors
    ///
    /// When SQLite cannot open it.
    pub fn open(path: &str) -> Result<Self, Error> {
        let connection = Connection::open(path)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// A database that is gone with the last clone.
    ///
    /// # Errors
    ///
    /// When SQLite cannot make it.
    pub fn in_memory() -> Result<Self, Error> {
        Self::open(":memory:")
    }

    /// Adds one.
    ///
    /// # Errors
    ///
    /// When the owner has that URL already.
    pub async fn add(&self, owner: &str, new: NewBookmark) -> Result<Bookmark, Error> {
        let owner = owner.to_owned();
        self.run(move |connection| match insert(connection, &owner, &new)? {
            Some(bookmark) => Ok(bookmark),
            None => {
                let sql = "SELECT id FROM bookmarks WHERE owner = ?1 AND url = ?2";
                let id = connection.query_row(sql, (&owner, new.url.as_str()), |row| row.get(0))?;
                Err(Error::Duplicate { url: new.url.into(), id })
            }
        })
        .await
    }

    /// Adds those whose URL the owner has not bookmarked yet, all or none, and returns how many they were.
    pub(crate) async fn add_all(&self, owner: &str, batch: Vec<NewBookmark>) -> Result<usize, Error> {
        let owner = owner.to_owned();
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            let mut added = 0;
            for new in &batch {
                added += usize::from(insert(&transaction, &owner, new)?.is_some());
            }
            transaction.commit()?;
            Ok(added)
        })
        .await
    }

    /// The bookmark of that number.
    ///
    /// # Errors
    ///
    /// When the owner has none.
    pub async fn get(&self, owner: &str, id: i64) -> Result<Bookmark, Error> {
        let owner = owner.to_owned();
        self.run(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM bookmarks WHERE owner = ?1 AND id = ?2");
            connection
                .prepare_cached(&sql)?
                .query_row((owner, id), columns)
                .optional()?
                .ok_or(Error::NotFound(id))?
                .parse()
        })
        .await
    }

    /// Deletes the bookmark of that number.
    ///
    /// # Errors
    ///
    /// When the owner has none.
    pub async fn delete(&self, owner: &str, id: i64) -> Result<(), Error> {
        let owner = owner.to_owned();
        self.run(move |connection| {
            let deleted = connection.execute("DELETE FROM bookmarks WHERE owner = ?1 AND id = ?2", (owner, id))?;
            if deleted == 0 { Err(Error::NotFound(id)) } else { Ok(()) }
        })
        .await
    }

    /// The bookmarks of an owner that match.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn search(&self, owner: &str, search: Search) -> Result<SearchResult, Error> {
        let owner = owner.to_owned();
        self.run(move |connection| find(connection, &owner, &search)).await
    }

    /// The tags of an owner that begin with `prefix`, the most used first.
    pub(crate) async fn tags(&self, owner: &str, prefix: &str) -> Result<Vec<String>, Error> {
        let (owner, prefix) = (owner.to_owned(), prefix.trim_start().to_lowercase());
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(TAGS)?;
            let tags = statement.query_map((owner, prefix), |row| row.get(0))?;
            Ok(tags.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Runs `work` on the connection, on a thread that may block.
    #[expect(clippy::disallowed_methods, reason = "each operation is short: it cannot hold the process at its end")]
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let connection = Arc::clone(&self.connection);
        tokio::task::spawn_blocking(move || {
            // A panic while the lock was held has rolled its transaction back, so the connection is still good.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        })
        .await?
    }
}

/// Inserts, or returns `None` when the owner has that URL already.
fn insert(connection: &Connection, owner: &str, new: &NewBookmark) -> Result<Option<Bookmark>, Error> {
    let added = new.added.unwrap_or_else(now);
    let tags = serde_json::to_string(&new.tags)?;
    let (url, text) = (new.url.as_str(), new.search_text());
    let inserted = connection.prepare_cached(INSERT)?.execute((owner, url, &new.title, tags, added, text))?;
    Ok((inserted == 1).then(|| Bookmark {
        id: connection.last_insert_rowid(),
        url: new.url.to_string(),
        title: new.title.clone(),
        tags: new.tags.clone(),
        added,
    }))
}

fn find(connection: &Connection, owner: &str, search: &Search) -> Result<SearchResult, Error> {
    // The words travel as one JSON array, so that the statement is the same for any number of them.
    let query = search.query.to_lowercase();
    let words = serde_json::to_string(&query.split_whitespace().collect::<Vec<_>>())?;
    let tag = search.tag.as_deref().map(normal_tag);
    let tag = tag.filter(|tag| !tag.is_empty());
    let limit = search.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);

    let total = connection
        .prepare_cached(&format!("SELECT COUNT(*) {MATCHING}"))?
        .query_row((owner, &words, &tag), |row| row.get(0))?;
    let bookmarks = connection
        .prepare_cached(&format!("SELECT {COLUMNS} {MATCHING} {NEWEST}"))?
        .query_map((owner, &words, &tag, limit), columns)?
        .map(|row| row?.parse())
        .collect::<Result<_, _>>()?;
    Ok(SearchResult { bookmarks, total })
}

fn now() -> i64 {
    // A clock before 1970 is not worth an error here.
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

/// A row as SQLite has it: the tags still JSON, whose error is not SQLite's.
struct Columns {
    bookmark: Bookmark,
    tags: String,
}

impl Columns {
    fn parse(self) -> Result<Bookmark, Error> {
        Ok(Bookmark { tags: serde_json::from_str(&self.tags)?, ..self.bookmark })
    }
}

/// Reads [`COLUMNS`].
fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    let (id, url, title, added) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?);
    Ok(Columns { bookmark: Bookmark { id, url, title, tags: Vec::new(), added }, tags: row.get(3)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(url: &str, title: &str, tags: &[&str]) -> NewBookmark {
        NewBookmark::new(url, title, tags).expect("a good bookmark")
    }

    async fn found(store: &Bookmarks, owner: &str, query: &str) -> Vec<String> {
        let search = Search { query: query.to_owned(), ..Search::default() };
        let result = store.search(owner, search).await.expect("a search");
        assert_eq!(result.total, u32::try_from(result.bookmarks.len()).expect("few"));
        result.bookmarks.into_iter().map(|bookmark| bookmark.title).collect()
    }

    #[tokio::test]
    async fn a_url_is_kept_once_per_owner() {
        let store = Bookmarks::in_memory().expect("a database");
        let first = store.add("alice", new("HTTPS://Example.com", "Example", &[])).await.expect("added");
        assert_eq!(first.url, "https://example.com/");
        let again = store.add("alice", new("https://example.com/", "Other", &[])).await.expect_err("a duplicate");
        assert_eq!(again.to_string(), format!("`https://example.com/` is already bookmarked, as number {}", first.id));
        store.add("bob", new("https://example.com/", "Example", &[])).await.expect("another owner may");
    }

    #[tokio::test]
    async fn what_another_owner_has_is_not_there() {
        let store = Bookmarks::in_memory().expect("a database");
        let kept = store.add("alice", new("https://example.com/", "Example", &[])).await.expect("added");
        assert_eq!(store.get("alice", kept.id).await.expect("found"), kept);
        assert!(matches!(store.get("bob", kept.id).await, Err(Error::NotFound(_))));
        assert!(matches!(store.delete("bob", kept.id).await, Err(Error::NotFound(_))));
        store.delete("alice", kept.id).await.expect("deleted");
        assert!(matches!(store.delete("alice", kept.id).await, Err(Error::NotFound(_))));
    }

    #[tokio::test]
    async fn the_most_used_tags_come_first() {
        let store = Bookmarks::in_memory().expect("a database");
        for (page, tags) in [("a", &["rust", "web"][..]), ("b", &["web"]), ("c", &["recipes"])] {
            store.add("alice", new(&format!("https://example.com/{page}"), page, tags)).await.expect("added");
        }
        assert_eq!(store.tags("alice", "").await.expect("tags"), ["web", "recipes", "rust"]);
        assert_eq!(store.tags("alice", "R").await.expect("tags"), ["recipes", "rust"]);
        assert_eq!(store.tags("alice", "%").await.expect("tags"), [""; 0]);
        assert_eq!(store.tags("bob", "").await.expect("tags"), [""; 0]);
    }

    #[tokio::test]
    async fn a_search_finds_all_words_in_title_url_and_tags() {
        let store = Bookmarks::in_memory().expect("a database");
        let batch = vec![
            new("https://example.com/a", "Straßen in KÖLN", &["Travel", " travel ", ""]).added(Some(1)),
            new("https://example.com/b_%25", "100% \"quoted\"", &["Web Dev"]).added(Some(2)),
        ];
        assert_eq!(store.add_all("alice", batch.clone()).await.expect("added"), 2);
        assert_eq!(store.add_all("alice", batch).await.expect("nothing to add"), 0);

        assert_eq!(found(&store, "alice", "köln TRAVEL").await, ["Straßen in KÖLN"]);
        assert_eq!(found(&store, "alice", "b_%25").await, ["100% \"quoted\""]);
        assert_eq!(found(&store, "alice", "100% \"q").await, ["100% \"quoted\""]);
        assert_eq!(found(&store, "alice", "").await, ["100% \"quoted\"", "Straßen in KÖLN"], "the newest first");
        assert!(found(&store, "alice", "köln web").await.is_empty());
        assert!(found(&store, "bob", "").await.is_empty());

        let search = Search { tag: Some("WEB  dev".to_owned()), limit: Some(0), ..Search::default() };
        let result = store.search("alice", search).await.expect("a search");
        assert_eq!((result.bookmarks.len(), result.total), (0, 1));
    }
}
