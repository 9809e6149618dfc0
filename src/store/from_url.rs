//! The store that a URL names.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Memory, Store};

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
/// The path of a file is taken as it is written, without `%` escapes. `?prefix=app` at the end of Redis's URL is what the
/// names of all keys begin with, for several services that share a Redis. A store that needs a connection is connected
/// when this is done; `memory://` never fails.
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
        Place::Memory => Ok(Arc::new(Memory::new())),
        #[cfg(feature = "sqlite")]
        Place::Sqlite(path) => match super::Sqlite::open(path).await {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(StoreUrlError::Open(error.into())),
        },
        #[cfg(not(feature = "sqlite"))]
        Place::Sqlite(_) => Err(StoreUrlError::FeatureOff { scheme: "sqlite", feature: "sqlite" }),
        Place::Redis { tls: true, .. } if !cfg!(feature = "redis-tls") => {
            Err(StoreUrlError::FeatureOff { scheme: "rediss", feature: "redis-tls" })
        }
        #[cfg(feature = "redis")]
        Place::Redis { url, prefix, .. } => redis(&url, prefix).await,
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
    Memory,
    Sqlite(PathBuf),
    Redis { url: String, prefix: Option<String>, tls: bool },
}

impl Place {
    fn parse(url: &str) -> Result<Self, StoreUrlError> {
        let (scheme, rest) = url.split_once(':').ok_or(StoreUrlError::NoScheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "memory" if matches!(rest, "" | "//") => Ok(Self::Memory),
            "memory" => Err(StoreUrlError::Malformed("memory:// has nothing after it: it is this process's memory")),
            "sqlite" => path(rest).map(|path| Self::Sqlite(path.into())).map_err(StoreUrlError::Malformed),
            scheme @ ("redis" | "rediss" | "redis+unix") => {
                if !rest.starts_with("//") {
                    return Err(StoreUrlError::Malformed("a host comes after `//`, as in redis://localhost:6379/0"));
                }
                let (rest, prefix) = without_prefix(rest)?;
                Ok(Self::Redis { url: format!("{scheme}:{rest}"), prefix, tls: scheme == "rediss" })
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
        return Err("the path of sqlite: has no options and no % escapes, and so none of the characters ?, # and %");
    }
    if path.starts_with(':') {
        return Err("sqlite: is a file; memory:// is this process's memory");
    }
    if path.is_empty() || path.ends_with('/') {
        return Err("sqlite: has no file; write sqlite:///absolute/path, or sqlite:relative/path");
    }
    Ok(path)
}

/// Takes `prefix=..` out of the query.
fn without_prefix(rest: &str) -> Result<(String, Option<String>), StoreUrlError> {
    let Some((before, query)) = rest.split_once('?') else { return Ok((rest.to_owned(), None)) };
    let (mut prefix, mut others) = (None, Vec::new());
    for pair in query.split('&') {
        match pair.strip_prefix("prefix=") {
            None => others.push(pair),
            Some("") => return Err(StoreUrlError::Malformed("prefix is empty")),
            Some(one) if one.contains(['%', '{', '}']) => {
                return Err(StoreUrlError::Malformed("prefix has one of the characters %, { and }"));
            }
            Some(one) if prefix.is_none() => prefix = Some(one.to_owned()),
            Some(_) => return Err(StoreUrlError::Malformed("prefix is there twice; leave one out")),
        }
    }
    let query = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
    Ok((before.to_owned() + &query, prefix))
}

#[cfg(feature = "redis")]
async fn redis(url: &str, prefix: Option<String>) -> Result<Arc<dyn Store>, StoreUrlError> {
    let mut builder = super::Redis::builder(url);
    if let Some(prefix) = prefix {
        builder = builder.prefix(prefix);
    }
    let store = builder.connect().await.map_err(|error| StoreUrlError::Open(error.into()))?;
    Ok(Arc::new(store))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Result<Place, String> {
        Place::parse(url).map_err(|error| error.to_string())
    }

    fn redis(url: &str, prefix: Option<&str>) -> Result<Place, String> {
        Ok(Place::Redis { url: url.to_owned(), prefix: prefix.map(str::to_owned), tls: url.starts_with("rediss:") })
    }

    #[test]
    fn a_url_names_a_place() {
        for url in ["memory://", "memory:", "MEMORY://"] {
            assert_eq!(parsed(url), Ok(Place::Memory), "{url}");
        }
        for (url, path) in [
            ("sqlite:///var/lib/app/mcp.db", "/var/lib/app/mcp.db"),
            ("sqlite:/var/lib/app/mcp.db", "/var/lib/app/mcp.db"),
            ("sqlite:mcp.db", "mcp.db"),
            ("sqlite:./data/of mine.db", "./data/of mine.db"),
        ] {
            assert_eq!(parsed(url), Ok(Place::Sqlite(path.into())), "{url}");
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
            ("sqlite:mcp.db?mode=ro", "no options"),
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
