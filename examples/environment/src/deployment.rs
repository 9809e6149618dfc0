//! What depends on where the application runs: how clients reach it, and how long it may take to end.

use std::time::Duration;

use mcp_mount::{Lifespan, Mcp};

use crate::variable;

/// What a deployment behind a proxy sets. Each variable may be empty, which is as if it were not set.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// `BASE_URL`: the public URL of the application's root.
    base_url: Option<String>,
    /// `TRUSTED_PROXIES`: whose `X-Forwarded-*` and `Forwarded` are believed, separated by commas.
    trusted_proxies: Vec<String>,
    /// `LAME_DUCK`: seconds.
    lame_duck: Option<Duration>,
    /// `GRACE`: seconds.
    grace: Option<Duration>,
}

impl Deployment {
    /// Reads the four variables.
    ///
    /// # Errors
    ///
    /// When one cannot be what it is for. The error names it.
    pub fn from_env() -> Result<Self, String> {
        Self::read(|name| variable(name, ""))
    }

    fn read(value: impl Fn(&str) -> Result<String, String>) -> Result<Self, String> {
        let base_url = value("BASE_URL")?;
        let proxies = value("TRUSTED_PROXIES")?;
        let proxies = proxies.split(',').map(str::trim).filter(|proxy| !proxy.is_empty());
        let duration = |name| seconds(name, &value(name)?);
        Ok(Self {
            base_url: (!base_url.is_empty()).then_some(base_url),
            trusted_proxies: proxies.map(str::to_owned).collect(),
            lame_duck: duration("LAME_DUCK")?,
            grace: duration("GRACE")?,
        })
    }

    /// Tells the server of it. What was not set keeps the default.
    pub fn configure(self, mut mcp: Mcp) -> Mcp {
        if let Some(url) = &self.base_url {
            mcp = mcp.base_url(url);
        }
        if !self.trusted_proxies.is_empty() {
            mcp = mcp.trusted_proxies(&self.trusted_proxies);
        }
        let mut lifespan = Lifespan::new();
        if let Some(lame_duck) = self.lame_duck {
            lifespan = lifespan.lame_duck(lame_duck);
        }
        if let Some(grace) = self.grace {
            lifespan = lifespan.grace(grace);
        }
        mcp.lifespan(&lifespan)
    }
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
            ("LAME_DUCK", "2.5"),
            ("GRACE", "30"),
        ]);
        let expected = Deployment {
            base_url: Some("https://example.com/api".to_owned()),
            trusted_proxies: vec!["127.0.0.1".to_owned(), "10.0.0.0/8".to_owned()],
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

    #[test]
    fn the_server_is_told() {
        let deployment = read(&[("BASE_URL", "https://bookmarks.example/api"), ("TRUSTED_PROXIES", "127.0.0.1")]);
        let mcp = deployment.expect("valid").configure(Mcp::new("demo", "1.0.0")).build().expect("a server");
        let hosts = mcp.describe().hosts;
        assert!(hosts.iter().any(|host| host == "bookmarks.example"), "{hosts:?}");

        for (name, value) in [("BASE_URL", "bookmarks"), ("TRUSTED_PROXIES", "everybody")] {
            let mcp = read(&[(name, value)]).expect("text").configure(Mcp::new("demo", "1.0.0"));
            let error = mcp.build().expect_err("never works").to_string();
            assert!(error.contains(&name.to_lowercase()) && error.contains(value), "{error}");
        }
    }
}
