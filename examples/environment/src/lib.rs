//! What the examples read of their environment, alike in all of them.

mod deployment;

use std::env::{self, VarError};
use std::io::{self, IsTerminal};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

pub use self::deployment::Deployment;

/// Begins to log what `RUST_LOG` asks for.
///
/// Logs go to stderr: stdout carries the URL, for people and for scripts.
pub fn log() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();
}

/// An environment variable, or its default when it is not set.
///
/// # Errors
///
/// When it is not UTF-8. The error names it.
pub fn variable(name: &str, default: &str) -> Result<String, String> {
    match env::var(name) {
        Ok(value) => Ok(value),
        Err(VarError::NotPresent) => Ok(default.to_owned()),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is not valid UTF-8")),
    }
}

/// The URL to print for an address that is listened on, where the server is mounted at `/mcp`.
///
/// "Every interface" is not one that a client can name, and the MCP server answers to loopback names until it is told
/// others.
#[must_use]
pub fn url(addr: SocketAddr) -> String {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}/mcp", SocketAddr::new(ip, addr.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_address_can_be_called() {
        let printed = |addr: &str| url(addr.parse().expect("an address"));
        assert_eq!(printed("0.0.0.0:80"), "http://127.0.0.1:80/mcp");
        assert_eq!(printed("[::]:80"), "http://[::1]:80/mcp");
        assert_eq!(printed("192.0.2.7:80"), "http://192.0.2.7:80/mcp");
    }

    #[test]
    fn a_variable_that_is_not_set_has_its_default() {
        assert_eq!(variable("CARGO_PKG_NAME", "none").as_deref(), Ok("environment"));
        assert_eq!(variable("NOT_SET_BY_ANYBODY", "none").as_deref(), Ok("none"));
    }
}
