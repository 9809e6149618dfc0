//! The store that a URL names.

use std::path::PathBuf;
use std::sync::Arc;

use super::{LOG_BUDGET, Memory, Store};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The store that a URL names, so that a deployment chooses it: one setting, as in `STORE=redis://localhost`.
///
/// | URL | store | feature |
/// |---|---|---|
/// | `memory://` | [`Memory`], of this process | |
/// | `sqlite:///absolute/path`, `sqlite:relative/path` | `Sqlite`, in this file | `sqlite` |
/// | `redis://host`, `redis://:password@host:6379/0` | `Redis` | `redis` |
/// | `rediss://..` | the same, over TLS | `redis-tls` |
/// | `redis+unix:///path/to/socket` | the same, on this machine | `redis` |
///
/// The path of a file is taken as it is written, without `%` escapes. What comes behind a `?`, with `&` in between:
///
/// | option | for | what it is |
/// |---|---|---|
/// | `log_budget=BYTES` | all | how much all logs, which are what streams have said, may take together, such as `memory://?log_budget=268435456`. Default: 64 MiB. [`Limits::log_budget`](crate::Limits::log_budget) does nothing for a store that is named here |
/// | `prefix=app` | Redis | what the names of all keys begin with, for several services that share a Redis |
///
/// A store that needs a connection is connected when this is done; `memory://` never fails.
///
/// ```
/// use mcp_mount::{Mcp, store_from_url};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let url = std::env::var("STORE").unwrap_or_else(|_| "memory://".to_owned());
/// let mcp = Mcp::new("demo", "1.0.0").store(store_from_url(&url).await?).build()?;
/// # let _ = mcp; Ok(()) }
/// ```
///
/// # Errors
///
/// When the URL names no store, or one whose feature is off, or when the store cannot be opened. No text of the error has
/// the URL's password.
pub async fn store_from_url(url: &str) -> Result<Arc<dyn Store>, StoreUrlError> {
    match Place::parse(url)? {
        Place::Memory { log_budget } => Ok(Arc::new(Memory::with_log_budget(log_budget))),
        #[cfg(feature = "sqlite")]
        Place::Sqlite { path, log_budget } => match super::Sqlite::builder(path).log_budget(log_budget).open().await {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(StoreUrlError::Open(error.into())),
        },
        #[cfg(not(feature = "sqlite"))]
        Place::Sqlite { .. } => Err(StoreUrlError::FeatureOff { scheme: "sqlite", feature: "sqlite" }),
        Place::Redis { tls: true, .. } if !cfg!(feature = "redis-tls") => {
            Err(StoreUrlError::FeatureOff { scheme: "rediss", feature: "redis-tls" })
        }
        #[cfg(feature = "redis")]
        Place::Redis { url, options, .. } => redis(&url, options).await,
        #[cfg(not(feature = "redis"))]
        Place::Redis { .. } => Err(StoreUrlError::FeatureOff { scheme: "redis", feature: "redis" }),
    }
}

/// Why there is no store at a URL: from [`store_from_url`].
///
/// ```
/// use mcp_mount::{store_from_url, stores::StoreUrlError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let error = store_from_url("postgres://localhost").await.err();
/// assert!(matches!(error, Some(StoreUrlError::UnknownScheme(scheme)) if scheme == "postgres"));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreUrlError {
    /// It has no scheme.
    #[error("this is no URL of a store; {KNOWN}")]
    NoScheme,
    /// There is no store of this scheme.
    #[error("there is no store with the scheme `{0}`; {KNOWN}")]
    UnknownScheme(String),
    /// The store is not compiled in.
    #[error("`{scheme}://` needs the feature `{feature}` of mcp-mount, which is off")]
    FeatureOff {
        /// What the URL begins with.
        scheme: &'static str,
        /// The feature to turn on.
        feature: &'static str,
    },
    /// What comes after the scheme is not what it has to be.
    #[error("{0}")]
    Malformed(&'static str),
    /// The store could not be opened.
    #[error("the store could not be opened")]
    Open(#[source] BoxError),
}

const KNOWN: &str = "it is one of memory://, sqlite:///absolute/path, sqlite:relative/path, redis://host, rediss://host and redis+unix:///path";

/// What a URL names.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Memory { log_budget: usize },
    Sqlite { path: PathBuf, log_budget: usize },
    Redis { url: String, options: Options, tls: bool },
}

impl Place {
    fn parse(url: &str) -> Result<Self, StoreUrlError> {
        let (scheme, rest) = url.split_once(':').ok_or(StoreUrlError::NoScheme)?;
        let malformed = |text| Err(StoreUrlError::Malformed(text));
        match scheme.to_ascii_lowercase().as_str() {
            "memory" => {
                let (rest, options) = Options::taken_from(rest).map_err(StoreUrlError::Malformed)?;
                let log_budget = options.alone().map_err(StoreUrlError::Malformed)?;
                match rest.as_str() {
                    "" | "//" => Ok(Self::Memory { log_budget }),
                    _ => malformed("memory:// has nothing after it but ?log_budget=BYTES: it is this process's memory"),
                }
            }
            "sqlite" => {
                let (rest, options) = Options::taken_from(rest).map_err(StoreUrlError::Malformed)?;
                let log_budget = options.alone().map_err(StoreUrlError::Malformed)?;
                path(&rest).map(|path| Self::Sqlite { path: path.into(), log_budget }).map_err(StoreUrlError::Malformed)
            }
            scheme @ ("redis" | "rediss" | "redis+unix") => {
                if !rest.starts_with("//") {
                    return malformed("a host comes after `//`, as in redis://localhost:6379/0");
                }
                let (rest, options) = Options::taken_from(rest).map_err(StoreUrlError::Malformed)?;
                Ok(Self::Redis { url: format!("{scheme}:{rest}"), options, tls: scheme == "rediss" })
            }
            // What is no scheme may be anything, a password too, and is not repeated.
            unknown if rest.starts_with("//") && is_scheme(unknown) => {
                Err(StoreUrlError::UnknownScheme(unknown.to_owned()))
            }
            _ => Err(StoreUrlError::NoScheme),
        }
    }
}

/// RFC 3986, 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '+' | '-' | '.'))
}

/// The file that comes after `sqlite:`.
fn path(rest: &str) -> Result<&str, &'static str> {
    let path = match rest.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some("") => "",
        Some(_) => return Err("sqlite://name is a host; write sqlite:///absolute/path, or sqlite:relative/path"),
        None => rest,
    };
    if path.contains(['?', '#', '%']) {
        return Err(
            "the path of sqlite: has no % escapes and none of the characters ?, # and %, and ?log_budget=BYTES is all \
                    that may come after it",
        );
    }
    if path.starts_with(':') {
        return Err("sqlite: is a file; memory:// is this process's memory");
    }
    if path.is_empty() || path.ends_with('/') {
        return Err("sqlite: has no file; write sqlite:///absolute/path, or sqlite:relative/path");
    }
    Ok(path)
}

/// What is ours of what comes behind the `?`.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    prefix: Option<String>,
    log_budget: usize,
}

impl Options {
    /// Takes them out of what comes after the scheme. The rest of it is the store's.
    fn taken_from(rest: &str) -> Result<(String, Self), &'static str> {
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (mut prefix, mut log_budget, mut others) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("prefix", _)) if prefix.is_some() => return Err("prefix is there twice; leave one out"),
                Some(("prefix", "")) => return Err("prefix is empty"),
                Some(("prefix", one)) if one.contains(['%', '{', '}']) => {
                    return Err("prefix has one of the characters %, { and }");
                }
                Some(("prefix", one)) => prefix = Some(one.to_owned()),
                Some(("log_budget", _)) if log_budget.is_some() => {
                    return Err("log_budget is there twice; leave one out");
                }
                Some(("log_budget", bytes)) => log_budget = Some(number_of_bytes(bytes)?),
                _ => others.push(pair),
            }
        }
        let query = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
        let options = Self { prefix, log_budget: log_budget.unwrap_or(LOG_BUDGET) };
        Ok((before.to_owned() + &query, options))
    }

    /// The budget, where it is all that may be set.
    fn alone(self) -> Result<usize, &'static str> {
        if self.prefix.is_some() { Err("prefix is for redis:// alone") } else { Ok(self.log_budget) }
    }
}

fn number_of_bytes(text: &str) -> Result<usize, &'static str> {
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    let wrong = "log_budget is not a number of bytes, more than 0, as in ?log_budget=67108864";
    number.filter(|bytes| *bytes > 0).ok_or(wrong)
}

#[cfg(feature = "redis")]
async fn redis(url: &str, options: Options) -> Result<Arc<dyn Store>, StoreUrlError> {
    let mut builder = super::Redis::builder(url).log_budget(options.log_budget);
    if let Some(prefix) = options.prefix {
        builder = builder.prefix(prefix);
    }
    let store = builder.connect().await.map_err(|error| StoreUrlError::Open(error.into()))?;
    Ok(Arc::new(store))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::{Appended, LogEntry, LogKey, LogLimits, LogPlace};

    fn parsed(url: &str) -> Result<Place, String> {
        Place::parse(url).map_err(|error| error.to_string())
    }

    fn redis(url: &str, prefix: Option<&str>) -> Result<Place, String> {
        let options = Options { prefix: prefix.map(str::to_owned), log_budget: LOG_BUDGET };
        Ok(Place::Redis { url: url.to_owned(), options, tls: url.starts_with("rediss:") })
    }

    #[test]
    fn a_url_names_a_place() {
        for url in ["memory://", "memory:", "MEMORY://"] {
            assert_eq!(parsed(url), Ok(Place::Memory { log_budget: LOG_BUDGET }), "{url}");
        }
        for (url, path) in [
            ("sqlite:///var/lib/app/mcp.db", "/var/lib/app/mcp.db"),
            ("sqlite:/var/lib/app/mcp.db", "/var/lib/app/mcp.db"),
            ("sqlite:mcp.db", "mcp.db"),
            ("sqlite:./data/of mine.db", "./data/of mine.db"),
        ] {
            assert_eq!(parsed(url), Ok(Place::Sqlite { path: path.into(), log_budget: LOG_BUDGET }), "{url}");
        }
        for url in ["redis://host", "rediss://:secret@host:6379/0", "redis+unix:///run/redis.sock?db=1"] {
            assert_eq!(parsed(url), redis(url, None), "{url}");
        }
    }

    #[test]
    fn the_prefix_is_not_for_redis() {
        assert_eq!(parsed("redis://host/0?prefix=app"), redis("redis://host/0", Some("app")));
        let with_more = "redis+unix:///run/redis.sock?db=1&prefix=prefix=1&pass=secret";
        assert_eq!(parsed(with_more), redis("redis+unix:///run/redis.sock?db=1&pass=secret", Some("prefix=1")));
        for url in ["redis://host?prefix=", "redis://host?prefix=a&prefix=b", "redis://host?prefix={a}"] {
            assert!(parsed(url).is_err_and(|error| error.starts_with("prefix ")), "{url}");
        }
    }

    #[test]
    fn a_budget_is_for_each_store() {
        assert_eq!(parsed("memory://?log_budget=1"), Ok(Place::Memory { log_budget: 1 }));
        assert_eq!(parsed("memory:?log_budget=007"), Ok(Place::Memory { log_budget: 7 }));
        let file = Place::Sqlite { path: "/of mine.db".into(), log_budget: 1_000_000 };
        assert_eq!(parsed("sqlite:///of mine.db?log_budget=1000000"), Ok(file));
        let options = Options { prefix: Some("app".to_owned()), log_budget: 2_000 };
        let with_more = "redis://host/0?a=1&log_budget=2000&prefix=app&b";
        assert_eq!(parsed(with_more), Ok(Place::Redis { url: "redis://host/0?a=1&b".to_owned(), options, tls: false }));
        for url in ["memory://", "sqlite:mcp.db", "redis://:secret@host/0"] {
            for query in [
                "log_budget=",
                "log_budget=0",
                "log_budget=-1",
                "log_budget=+1",
                "log_budget=64MiB",
                "log_budget=99999999999999999999999",
                "log_budget=1&log_budget=1",
            ] {
                let error = parsed(&format!("{url}?{query}")).expect_err("no budget");
                assert!(error.starts_with("log_budget is ") && !error.contains("secret"), "{url}?{query}: {error}");
            }
        }
    }

    /// A store of so small a budget has no room for an entry of so many bytes, and one of the default has.
    async fn has_the_budget_of(url: &str) {
        let place = LogKey::new(7, 1);
        for (query, expected) in [("", Appended::Seq(1)), ("?log_budget=10000", Appended::Full)] {
            let store = store_from_url(&format!("{url}{query}")).await.expect("it needs nothing");
            store.forget(place.group).await.expect("it is there");
            let entry = LogEntry::new(vec![b'x'; 20_000].into(), LogPlace::Only);
            let appended = store.append(place, entry, LogLimits::new(10, 1 << 20, Duration::from_secs(60))).await;
            assert_eq!(appended.expect("it is there"), expected, "{url}{query}");
        }
    }

    #[tokio::test]
    async fn the_budget_of_a_url_is_the_stores() {
        has_the_budget_of("memory://").await;
        if cfg!(feature = "sqlite") {
            let directory = std::env::temp_dir().join(format!("mcp-mount-budget-{}", std::process::id()));
            std::fs::create_dir_all(&directory).expect("a directory");
            has_the_budget_of(&format!("sqlite://{}/store.db", directory.display())).await;
            std::fs::remove_dir_all(directory).expect("it is there");
        }
    }

    #[test]
    fn what_names_no_place_is_refused_with_what_does() {
        for url in ["", "memory", "://", "/var/lib/mcp.db", "user:secret@host", "se cret://host", "1://x"] {
            let error = parsed(url).expect_err("no URL");
            assert!(error.starts_with("this is no URL") && error.contains("redis://host"), "{url}: {error}");
        }
        let error = parsed("postgres://user:secret@host").expect_err("no store");
        assert!(error.contains("`postgres`") && error.contains("sqlite:///") && !error.contains("secret"), "{error}");
        for (url, text) in [
            ("memory://localhost", "memory:// has nothing"),
            ("sqlite:", "sqlite: has no file"),
            ("sqlite://", "sqlite: has no file"),
            ("sqlite:///", "sqlite: has no file"),
            ("sqlite:///var/lib/", "sqlite: has no file"),
            ("sqlite://mcp.db", "sqlite://name is a host"),
            ("sqlite::memory:", "memory://"),
            ("sqlite:mcp.db?mode=ro", "?log_budget=BYTES is all"),
            ("sqlite:mcp.db?log_budget=1&mode=ro", "?log_budget=BYTES is all"),
            ("sqlite:mcp.db?prefix=app", "prefix is for redis://"),
            ("memory://?prefix=app", "prefix is for redis://"),
            ("memory://?size=1", "memory:// has nothing"),
            ("sqlite:my%20mcp.db", "no % escapes"),
            ("redis:host", "`//`"),
        ] {
            let error = parsed(url).expect_err("malformed");
            assert!(error.contains(text), "{url}: {error}");
        }
    }

    #[tokio::test]
    async fn the_memory_is_a_store() {
        let store = store_from_url("memory://").await.expect("it needs nothing");
        assert!(!store.is_shared());
    }

    #[tokio::test]
    async fn what_is_not_compiled_in_is_refused_with_the_feature() {
        let off = [
            ("sqlite:mcp.db", "sqlite", cfg!(feature = "sqlite")),
            ("redis://host", "redis", cfg!(feature = "redis")),
            ("rediss://:secret@host", "redis-tls", cfg!(feature = "redis-tls")),
        ];
        for (url, name, _) in off.into_iter().filter(|(_, _, on)| !on) {
            let error = store_from_url(url).await.err().expect("it is off");
            assert!(matches!(error, StoreUrlError::FeatureOff { feature, .. } if feature == name), "{error}");
        }
    }
}
