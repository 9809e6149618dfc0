//! The command line: a scenario, then names and values.

use std::collections::HashMap;
use std::env;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::Error;

/// How requests are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// 2025-11-25 with a session.
    Session,
    /// 2025-11-25 without one.
    Legacy,
    /// 2026-07-28.
    Modern,
}

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) scenario: String,
    named: HashMap<String, String>,
}

impl Arguments {
    pub(crate) fn from_env() -> Result<Self, Error> {
        let mut given = env::args().skip(1);
        let scenario = given.next().ok_or("which scenario?")?;
        let mut named = HashMap::new();
        while let Some(name) = given.next() {
            let name = name.strip_prefix("--").ok_or_else(|| format!("{name}: not an option"))?;
            named.insert(name.to_owned(), given.next().ok_or_else(|| format!("--{name} what?"))?);
        }
        Ok(Self { scenario, named })
    }

    pub(crate) fn get<T: FromStr>(&self, name: &str, default: T) -> Result<T, Error> {
        let Some(value) = self.named.get(name) else { return Ok(default) };
        value.parse().map_err(|_| format!("--{name} {value}: not understood").into())
    }

    pub(crate) fn mode(&self) -> Result<Mode, Error> {
        match self.named.get("mode").map(String::as_str) {
            Some("session") => Ok(Mode::Session),
            Some("legacy") => Ok(Mode::Legacy),
            Some("modern") => Ok(Mode::Modern),
            _ => Err("--mode session, legacy or modern".into()),
        }
    }

    pub(crate) fn address(&self) -> Result<SocketAddr, Error> {
        Ok(SocketAddr::from(([127, 0, 0, 1], self.get("port", 8000)?)))
    }

    /// The path of the endpoint.
    pub(crate) fn path(&self) -> Result<String, Error> {
        self.get("path", "/mcp".to_owned())
    }

    /// How many connections ask. Default: 32.
    pub(crate) fn connections(&self) -> Result<usize, Error> {
        self.get("connections", 32)
    }

    /// How long is measured. Default: 3 s.
    pub(crate) fn duration(&self) -> Result<Duration, Error> {
        Ok(Duration::from_secs_f64(self.get("seconds", 3.0)?))
    }

    /// The server's process.
    pub(crate) fn pid(&self) -> Result<u32, Error> {
        self.get("pid", 0)
    }
}
