//! The guard against DNS rebinding and cross-site requests: `Host`, then `Origin`, on every request.
//!
//! 1. `Host` (or `:authority` in HTTP/2) must be there once and be an allowed host: loopback by default. Where a trusted
//!    proxy names the host that its client asked for, it is that one.
//! 2. `Origin` may be absent. If it is there, it must be there once and be an allowed origin: loopback, the host itself,
//!    or what was configured. Anything else is refused with 403 (2026-07-28, basic/transports/streamable-http,
//!    «Security & Endpoint»).

use std::fmt;
use std::net::Ipv4Addr;

use super::forwarded::Forwarded;
use super::headers::{Head, Known};
use super::rejection::Rejection;
use crate::error::BuildError;

/// Whom to let in. Parsed when configured: what could never match fails there.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) hosts: Hosts,
    pub(crate) origins: Origins,
}

/// Which hosts the server answers for.
#[derive(Clone, Debug)]
pub(crate) enum Hosts {
    Listed { loopback: bool, list: Vec<HostPattern> },
    Any,
}

/// Which origins may call from a browser, beside the server's own.
#[derive(Clone, Debug)]
pub(crate) enum Origins {
    Listed { loopback: bool, list: Vec<OriginPattern> },
    Any,
}

/// A host, and a port if only that one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPattern {
    host: String,
    port: Option<u16>,
}

/// An origin: scheme, host and port, which is the scheme's own if none is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OriginPattern {
    scheme: String,
    host: String,
    port: u16,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            hosts: Hosts::Listed { loopback: true, list: Vec::new() },
            origins: Origins::Listed { loopback: true, list: Vec::new() },
        }
    }
}

/// Checks a request.
pub(crate) fn check(
    guard: &Guard,
    head: &Head<'_>,
    authority: Option<&str>,
    forwarded: &Forwarded<'_>,
) -> Result<(), Box<Rejection>> {
    let host = match forwarded.host {
        Some(host) => host.as_bytes(),
        None => find_host(head, authority)?,
    };
    if !guard.hosts.allow(host) {
        return Err(Rejection::host(host));
    }
    let origin = head.get(Known::Origin);
    match origin.value {
        None => Ok(()),
        Some(value) if !origin.duplicate && guard.origins.allow(value, host, forwarded.proto) => Ok(()),
        Some(value) => Err(Rejection::origin(value)),
    }
}

/// What follows the scheme in the request's URL. HTTP/2 has `:authority` in place of `Host`; a server may get both, which
/// must agree (RFC 9113, 8.3.1).
fn find_host<'a>(head: &Head<'a>, authority: Option<&'a str>) -> Result<&'a [u8], Box<Rejection>> {
    let host = head.get(Known::Host);
    match (host.value, authority) {
        _ if host.duplicate => Err(Rejection::host_ambiguous()),
        (Some(host), Some(authority)) if !host.eq_ignore_ascii_case(authority.as_bytes()) => {
            Err(Rejection::host_ambiguous())
        }
        (Some(host), _) => Ok(host),
        (None, Some(authority)) => Ok(authority.as_bytes()),
        (None, None) => Err(Rejection::host_missing()),
    }
}

impl Hosts {
    /// These, and more.
    pub(crate) fn and(mut self, more: impl IntoIterator<Item = HostPattern>) -> Self {
        if let Self::Listed { list, .. } = &mut self {
            list.extend(more);
        }
        self
    }

    fn allow(&self, host: &[u8]) -> bool {
        match self {
            Self::Listed { loopback: true, .. } if is_usual_loopback(host) => true,
            _ => split_host(host).is_some_and(|(name, port)| match self {
                Self::Any => true,
                Self::Listed { loopback, list } => {
                    (*loopback && is_loopback(name)) || list.iter().any(|pattern| pattern.matches(name, port))
                }
            }),
        }
    }
}

impl Origins {
    /// These, and more.
    pub(crate) fn and(mut self, more: impl IntoIterator<Item = OriginPattern>) -> Self {
        if let Self::Listed { list, .. } = &mut self {
            list.extend(more);
        }
        self
    }

    fn allow(&self, value: &[u8], host: &[u8], proto: Option<&str>) -> bool {
        match (parse_origin(value), self) {
            (_, Self::Any) => true,
            (None, _) => false,
            (Some(origin), _) if origin.is_at(host, proto) => true,
            (Some(origin), Self::Listed { loopback, list }) => {
                (*loopback && is_loopback(origin.host)) || list.iter().any(|pattern| pattern.matches(&origin))
            }
        }
    }
}

/// What every request of a local client says, told without parsing.
fn is_usual_loopback(host: &[u8]) -> bool {
    let port = host.strip_prefix(b"127.0.0.1").or_else(|| host.strip_prefix(b"localhost"));
    match port {
        Some([b':', digits @ ..]) => (1..=4).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit),
        Some(rest) => rest.is_empty(),
        None => false,
    }
}

impl HostPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, BuildError> {
        match split_host(text.as_bytes()) {
            Some((host, port)) => Ok(Self { host: host.to_ascii_lowercase(), port }),
            None => Err(BuildError::setting(format!(
                "hosts: {text:?} is not a host; write a name or address with an optional port, as \"mcp.example.com\" or \
                 \"mcp.example.com:8443\""
            ))),
        }
    }

    fn matches(&self, host: &str, port: Option<u16>) -> bool {
        self.host.eq_ignore_ascii_case(host) && (self.port.is_none() || self.port == port)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl OriginPattern {
    /// Reads what `setting` was given.
    pub(crate) fn parse(setting: &str, text: &str) -> Result<Self, BuildError> {
        match parse_origin(text.as_bytes()) {
            Some(origin) => Ok(Self {
                scheme: origin.scheme.to_ascii_lowercase(),
                host: origin.host.to_ascii_lowercase(),
                port: origin.port,
            }),
            None => Err(BuildError::setting(format!(
                "{setting}: {text:?} is not an origin; write scheme, host and optional port, as \"https://app.example.com\", \
                 without a path"
            ))),
        }
    }

    /// The host as clients write it: without the port that the scheme has anyway.
    pub(crate) fn host(&self) -> HostPattern {
        let port = Some(self.port).filter(|port| default_port(&self.scheme) != Some(*port));
        HostPattern { host: self.host.clone(), port }
    }

    fn matches(&self, origin: &Origin<'_>) -> bool {
        self.scheme.eq_ignore_ascii_case(origin.scheme)
            && self.host.eq_ignore_ascii_case(origin.host)
            && self.port == origin.port
    }
}

/// As a browser writes it: without the port that its scheme has anyway.
impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if default_port(&self.scheme) == Some(self.port) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[derive(Debug)]
struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    port: u16,
}

impl Origin<'_> {
    /// Whether this is the origin of the request's own host. The scheme is unknown behind a proxy that ends TLS and is not
    /// trusted to name it, so only a missing port is taken for the scheme's own.
    fn is_at(&self, host: &[u8], proto: Option<&str>) -> bool {
        split_host(host).is_some_and(|(name, port)| {
            self.host.eq_ignore_ascii_case(name)
                && port.or_else(|| default_port(self.scheme)) == Some(self.port)
                && proto.is_none_or(|proto| self.scheme.eq_ignore_ascii_case(proto))
        })
    }
}

/// Reads `http(s)://host[:port]`, and nothing more: no path, no user, no other scheme, not `null`.
fn parse_origin(value: &[u8]) -> Option<Origin<'_>> {
    let text = std::str::from_utf8(value).ok()?;
    let (scheme, rest) = text.split_once("://")?;
    let default = default_port(scheme)?;
    let (host, port) = split_host(rest.as_bytes())?;
    Some(Origin { scheme, host, port: port.unwrap_or(default) })
}

fn default_port(scheme: &str) -> Option<u16> {
    if scheme.eq_ignore_ascii_case("https") {
        Some(443)
    } else if scheme.eq_ignore_ascii_case("http") {
        Some(80)
    } else {
        None
    }
}

/// Splits `host[:port]`. `None` for whatever is not one: a user, a path, white space, an empty or impossible port.
fn split_host(value: &[u8]) -> Option<(&str, Option<u16>)> {
    let text = std::str::from_utf8(value).ok()?;
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let end = inner.find(']')?;
            inner[..end].parse::<std::net::Ipv6Addr>().ok()?;
            text.split_at(end + 2)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok()?)
        }
        Some(_) => return None,
        None if rest.is_empty() => None,
        None => return None,
    };
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let valid = host.starts_with('[') || (!host.is_empty() && host.bytes().all(is_name_byte));
    valid.then_some((host, port))
}

/// `localhost`, `127.0.0.0/8`, `[::1]`.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_split_strictly() {
        assert_eq!(split_host(b"localhost:8000"), Some(("localhost", Some(8000))));
        assert_eq!(split_host(b"[::1]:80"), Some(("[::1]", Some(80))));
        assert_eq!(split_host(b"[::1]"), Some(("[::1]", None)));
        for bad in
            ["", ":80", "a:", "a:b", "a:65536", "user@a", "a/b", "[::1", "[x]", "[::1]x", "a b", "a:80:90", "a,b"]
        {
            assert_eq!(split_host(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn loopback_is_by_address_not_by_prefix() {
        for good in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in ["localhost.evil.com", "127.0.0.1.evil.com", "128.0.0.1", "[::2]", "0.0.0.0", "evil.com"] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_nothing_but_scheme_host_and_port() {
        assert!(OriginPattern::parse("origins", "https://app.example.com").is_ok());
        assert!(OriginPattern::parse("origins", "http://localhost:6274").is_ok());
        for bad in ["null", "file:///x", "https://", "app.example.com", "https://a/", "https://u@a", "https://a?x", "*"]
        {
            assert!(OriginPattern::parse("origins", bad).is_err(), "{bad}");
        }
        let pattern = OriginPattern::parse("origins", "https://app.example.com:443").unwrap();
        assert!(pattern.matches(&parse_origin(b"https://APP.example.com").unwrap()));
        assert!(!pattern.matches(&parse_origin(b"http://app.example.com").unwrap()));
    }
}
