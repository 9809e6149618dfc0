//! What `run` tells a contestant, by environment variables. Without dependencies, so that none is added to a contestant's.

use std::env;

/// How a contestant is to serve.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `PORT`, on 127.0.0.1.
    pub port: u16,
    /// `TOOLS`: how many there are, `echo` and `count` among them.
    pub tools: usize,
    /// `NODELAY=0`: TCP_NODELAY is off, which nobody's documentation advises.
    pub nodelay: bool,
    /// `MODE`: what will be called, for who has to be told.
    pub mode: Mode,
    /// `SESSIONS`: how many sessions or streams there may be, where the default is fewer than a benchmark opens.
    pub sessions: Option<usize>,
    /// `LOG`: `count` logs instead, for who slows progress down.
    pub log: bool,
}

/// The three ways in which clients call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 2025-11-25 with a session. The default: what a server does that is told nothing.
    Session,
    /// 2025-11-25 without one.
    Legacy,
    /// 2026-07-28.
    Modern,
}

impl Settings {
    /// What the environment says.
    ///
    /// # Panics
    ///
    /// If it says what cannot be.
    #[must_use]
    pub fn from_env() -> Self {
        Self {
            port: number("PORT").map_or(8000, |port| u16::try_from(port).expect("a port")),
            tools: number("TOOLS").unwrap_or(2),
            nodelay: number("NODELAY") != Some(0),
            mode: match env::var("MODE").as_deref() {
                Err(_) | Ok("session") => Mode::Session,
                Ok("legacy") => Mode::Legacy,
                Ok("modern") => Mode::Modern,
                Ok(other) => panic!("MODE={other}"),
            },
            sessions: number("SESSIONS"),
            log: env::var_os("LOG").is_some(),
        }
    }

    /// The address to listen at.
    #[must_use]
    pub fn address(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.port)
    }

    /// The names of the tools beside `echo` and `count`. They do what `echo` does.
    pub fn more_tools(&self) -> impl Iterator<Item = String> + use<> {
        (2..self.tools).map(|index| format!("tool_{index}"))
    }
}

fn number(name: &str) -> Option<usize> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}={value}: not a number")))
}
