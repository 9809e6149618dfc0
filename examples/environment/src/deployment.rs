//! What depends on where the application runs: how clients reach it, what replicas share, and how long it may take to end.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use mcp_mount::{Lifespan, Mcp, store_from_url};

use crate::variable;

/// What a deployment behind a proxy sets. Each variable may be empty, which is as if it were not set.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// `BASE_URL`: the public URL of the application's root.
    base_url: Option<String>,
    /// `TRUSTED_PROXIES`: whose `X-Forwarded-*` and `Forwarded` are believed, separated by commas.
    trusted_proxies: Vec<String>,
    /// `STORE`: the URL of what the replicas share.
    store: Option<Secret>,
    /// `REQUEST_STATE_KEYS`: separated by commas.
    request_state_keys: Vec<Secret>,
    /// `LAME_DUCK`: seconds.
    lame_duck: Option<Duration>,
    /// `GRACE`: seconds.
    grace: Option<Duration>,
}

/// What must not be printed: a URL may have a password.
#[derive(PartialEq, Eq)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How long running calls have to finish where `GRACE` says nothing.
const GRACE: Duration = Duration::from_secs(10);

/// How much later actix-web may give its connections up than the lifespan does: one second for what is answered at the
/// deadline to be written, and one since its workers look once a second.
const LATER: Duration = Duration::from_secs(2);

impl Deployment {
    /// Reads the six variables.
    ///
    /// # Errors
    ///
    /// When one cannot be what it is for. The error names it.
    pub fn from_env() -> Result<Self, String> {
        Self::read(|name| variable(name, ""))
    }

    fn read(value: impl Fn(&str) -> Result<String, String>) -> Result<Self, String> {
        let text = |name| value(name).map(|value| (!value.is_empty()).then_some(value));
        let duration = |name| seconds(name, &value(name)?);
        Ok(Self {
            base_url: text("BASE_URL")?,
            trusted_proxies: list(&value("TRUSTED_PROXIES")?).collect(),
            store: text("STORE")?.map(Secret),
            request_state_keys: list(&value("REQUEST_STATE_KEYS")?).map(Secret).collect(),
            lame_duck: duration("LAME_DUCK")?,
            grace: duration("GRACE")?,
        })
    }

    /// How long running calls have to finish when the end has begun.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.grace.unwrap_or(GRACE)
    }

    /// The seconds for actix-web's `HttpServer::shutdown_timeout`, which begins with the drain as [`grace`](Self::grace)
    /// does: long enough for the answers that calls get at its end.
    #[must_use]
    pub fn shutdown_timeout(&self) -> u64 {
        let timeout = self.grace().saturating_add(LATER);
        timeout.as_secs().saturating_add(u64::from(timeout.subsec_nanos() > 0))
    }

    /// Tells the server of it, and connects its store. What was not set keeps the default.
    ///
    /// # Errors
    ///
    /// When there is no store at `STORE`. The error names it, without its password.
    pub async fn configure(&self, mut mcp: Mcp) -> Result<Mcp, String> {
        if let Some(url) = &self.base_url {
            mcp = mcp.base_url(url);
        }
        if !self.trusted_proxies.is_empty() {
            mcp = mcp.trusted_proxies(&self.trusted_proxies);
        }
        if let Some(Secret(url)) = &self.store {
            mcp = mcp.store(store_from_url(url).await.map_err(|error| format!("STORE: {}", causes(&error)))?);
        }
        if !self.request_state_keys.is_empty() {
            mcp = mcp.request_state_keys(self.request_state_keys.iter().map(|Secret(key)| key));
        }
        let mut lifespan = Lifespan::new().grace(self.grace());
        if let Some(lame_duck) = self.lame_duck {
            lifespan = lifespan.lame_duck(lame_duck);
        }
        Ok(mcp.lifespan(&lifespan))
    }
}

/// What stands between commas.
fn list(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned)
}

/// An error with what caused it, in a line.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// A number of seconds, which may have a fraction.
fn seconds(name: &str, text: &str) -> Result<Option<Duration>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let number: Option<f64> = text.parse().ok();
    let duration = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
    duration.map(Some).ok_or_else(|| format!("{name}={text}: not a number of seconds, such as 10 or 0.5"))
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;

    use mcp_mount::testing::Client;
    use mcp_mount::{DrainReport, tool_fn};
    use serde_json::json;
    use tokio::sync::Notify;
    use tokio::time::Instant;

    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Deployment, String> {
        let value = |name: &str| set.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        Deployment::read(|name| Ok(value(name).to_owned()))
    }

    #[test]
    fn what_is_empty_is_not_set() {
        assert_eq!(read(&[]), Ok(Deployment::default()));
    }

    #[test]
    fn each_variable_is_read() {
        let read = read(&[
            ("BASE_URL", "https://example.com/api"),
            ("TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,"),
            ("STORE", "redis://localhost/0"),
            ("REQUEST_STATE_KEYS", "new, old,"),
            ("LAME_DUCK", "2.5"),
            ("GRACE", "30"),
        ]);
        let expected = Deployment {
            base_url: Some("https://example.com/api".to_owned()),
            trusted_proxies: vec!["127.0.0.1".to_owned(), "10.0.0.0/8".to_owned()],
            store: Some(Secret("redis://localhost/0".to_owned())),
            request_state_keys: vec![Secret("new".to_owned()), Secret("old".to_owned())],
            lame_duck: Some(Duration::from_millis(2_500)),
            grace: Some(Duration::from_secs(30)),
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn a_time_that_is_none_is_refused_by_name() {
        for text in ["soon", "-1", "1s", "NaN", "inf", "1e300"] {
            let error = read(&[("GRACE", text)]).expect_err("no number of seconds");
            assert!(error.starts_with(&format!("GRACE={text}: ")), "{error}");
        }
    }

    async fn configured(set: &[(&str, &str)], mcp: Mcp) -> Result<Mcp, String> {
        read(set).expect("valid").configure(mcp).await
    }

    /// How long the end takes of a server on which nothing runs but this call, which never ends.
    async fn end(set: &[(&str, &str)]) -> (Duration, DrainReport) {
        let running = Arc::new(Notify::new());
        let runs = Arc::clone(&running);
        let stuck = tool_fn("stuck", "Never end", move || {
            runs.notify_one();
            pending::<()>()
        });
        let mcp = configured(set, Mcp::new("demo", "1.0.0").tool(stuck)).await.expect("a store");
        let mcp = mcp.build().expect("a server");
        let client = Client::new(mcp.clone()).patience(Duration::from_secs(60));
        let ending = async {
            running.notified().await;
            let begun = Instant::now();
            let report = mcp.lifespan().shutdown().await;
            (begun.elapsed(), report)
        };
        let (answer, end) = tokio::join!(client.call_tool("stuck", json!({})), ending);
        let error = answer.expect_err("cut").to_string();
        assert!(error.contains("shutting down"), "{error}");
        end
    }

    /// On a clock that goes on when there is nothing else to do.
    #[tokio::test(start_paused = true)]
    async fn the_times_are_those_of_the_end() {
        let seconds = |(took, report): (Duration, DrainReport)| (took.as_secs_f64(), report.cut);
        assert_eq!(seconds(end(&[]).await), (10.0, 1), "there is no lame duck, and 10 s of grace");
        assert_eq!(seconds(end(&[("GRACE", "3")]).await), (3.0, 1));
        assert_eq!(seconds(end(&[("LAME_DUCK", "2.5")]).await), (12.5, 1));
        assert_eq!(seconds(end(&[("LAME_DUCK", "2.5"), ("GRACE", "0.5")]).await), (3.0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lame_duck_is_not_ready_and_drains_when_it_is_over() {
        let mcp = configured(&[("LAME_DUCK", "5")], Mcp::new("demo", "1.0.0")).await.expect("a store");
        let lifespan = mcp.build().expect("a server").lifespan();
        let begun = Instant::now();
        let states = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            (lifespan.is_ready(), lifespan.is_draining())
        };
        let (_, states) = tokio::join!(lifespan.shutdown(), states);
        assert_eq!((states, begun.elapsed()), ((false, false), Duration::from_secs(5)));
        assert!(lifespan.is_draining());
    }

    #[test]
    fn actix_web_gives_up_later_than_the_lifespan() {
        for (grace, timeout) in
            [("", 12), ("30", 32), ("0.25", 3), ("30.000000001", 33), ("1e19", 10_000_000_000_000_000_002)]
        {
            assert_eq!(read(&[("GRACE", grace)]).expect("valid").shutdown_timeout(), timeout, "{grace}");
        }
    }

    #[tokio::test]
    async fn the_server_is_told() {
        let set = [
            ("BASE_URL", "https://bookmarks.example/api"),
            ("TRUSTED_PROXIES", "127.0.0.1"),
            ("STORE", "memory://"),
            ("REQUEST_STATE_KEYS", "the new secret has its 32 bytes.., the old one has 32 bytes as well"),
        ];
        let mcp = configured(&set, Mcp::new("demo", "1.0.0")).await.expect("a store").build().expect("a server");
        let hosts = mcp.describe().hosts;
        assert!(hosts.iter().any(|host| host == "bookmarks.example"), "{hosts:?}");

        for (name, value, named) in [
            ("BASE_URL", "bookmarks", "base_url"),
            ("TRUSTED_PROXIES", "everybody", "everybody"),
            ("REQUEST_STATE_KEYS", "short", "request_state_keys"),
        ] {
            let mcp = configured(&[(name, value)], Mcp::new("demo", "1.0.0")).await.expect("text");
            let error = mcp.build().expect_err("never works").to_string();
            assert!(error.contains(&name.to_lowercase()) && error.contains(named), "{error}");
        }
    }

    #[tokio::test]
    async fn a_store_that_is_none_is_refused_by_name() {
        let store = |url| async move { configured(&[("STORE", url)], Mcp::new("demo", "1.0.0")).await };
        let error = store("postgres://:secret@host").await.expect_err("no store");
        assert!(error.starts_with("STORE: ") && error.contains("`postgres`"), "{error}");
        let error = store("sqlite:///no/such/folder/file.db").await.expect_err("no folder");
        assert!(error.starts_with("STORE: ") && error.contains("/no/such/folder"), "{error}");
        // Nobody listens there.
        let error = store("redis://:secret@127.0.0.1:1").await.expect_err("no server");
        assert!(error.starts_with("STORE: ") && error.contains("127.0.0.1"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn no_secret_is_printed() {
        let read = read(&[("STORE", "redis://:secret@host"), ("REQUEST_STATE_KEYS", "secret")]);
        assert!(!format!("{read:?}").contains("secret"), "{read:?}");
    }
}
