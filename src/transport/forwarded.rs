//! What a reverse proxy says of the request that it got: `Forwarded` (RFC 7239) or `X-Forwarded-Host`, `-Proto` and
//! `-Prefix`. It is believed of the proxies that the host application trusts, and of nobody else: anybody can write a
//! header.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;

use super::rejection::Rejection;
use super::request::RequestHead;
use crate::error::BuildError;

const FORWARDED: &str = "forwarded";
const X_HOST: &str = "x-forwarded-host";
const X_PROTO: &str = "x-forwarded-proto";
const X_PREFIX: &str = "x-forwarded-prefix";

/// The longest path prefix that is believed, in bytes.
const LONGEST_PREFIX: usize = 1024;

/// The proxies whose word is taken.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    networks: Vec<IpNet>,
    /// Whether it has been said that peers are not known.
    warned: AtomicBool,
}

/// How a client sees the request, as far as a trusted proxy says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forwarded<'a> {
    pub(crate) host: Option<&'a str>,
    /// `http` or `https`.
    pub(crate) proto: Option<&'a str>,
    /// The path below which the proxy shows the host application; begins with a slash and does not end with one.
    pub(crate) prefix: Option<&'a str>,
}

impl Proxies {
    pub(crate) fn parse(proxies: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, BuildError> {
        let parsed: Result<_, _> = proxies.into_iter().map(|proxy| parse(proxy.as_ref())).collect();
        parsed.map(|networks| Self { networks, warned: AtomicBool::new(false) })
    }

    pub(crate) fn describe(&self) -> Vec<String> {
        self.networks.iter().map(ToString::to_string).collect()
    }

    fn trust(&self, address: IpAddr) -> bool {
        // A socket of both families shows an address of the old one as one of the new.
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// What is known of the request beyond what it says itself.
    pub(crate) fn forwarded<'a>(&self, request: &'a impl RequestHead) -> Result<Forwarded<'a>, Box<Rejection>> {
        if self.networks.is_empty() {
            return Ok(Forwarded::default());
        }
        match request.peer() {
            Some(peer) if self.trust(peer) => self.read(request),
            Some(_) => Ok(Forwarded::default()),
            None => {
                let speaks = [FORWARDED, X_HOST, X_PROTO, X_PREFIX];
                if speaks.into_iter().any(|name| request.lines(name).next().is_some()) {
                    self.warn_of_unknown_peer();
                }
                Ok(Forwarded::default())
            }
        }
    }

    fn read<'a>(&self, request: &'a impl RequestHead) -> Result<Forwarded<'a>, Box<Rejection>> {
        let last = |name| match request.lines(name).last() {
            Some(line) => text(name, line).map(last_of_list),
            None => Ok(None),
        };
        let (host, proto) = (last(X_HOST)?, last(X_PROTO)?);
        let standard = self.standard(request)?;
        // A proxy sets one of the two, and may hand on what its client wrote into the other.
        if standard.host.is_some() && host.is_some() && !same(standard.host, host)
            || standard.proto.is_some() && proto.is_some() && !same(standard.proto, proto)
        {
            return Err(Rejection::forwarded(
                "Forwarded",
                "does not say what X-Forwarded-Host and X-Forwarded-Proto say",
            ));
        }
        let is_known = |proto: &str| proto.eq_ignore_ascii_case("http") || proto.eq_ignore_ascii_case("https");
        for (name, proto) in [(FORWARDED, standard.proto), (X_PROTO, proto)] {
            if !proto.is_none_or(is_known) {
                return Err(Rejection::forwarded(name, "has a protocol that is neither http nor https"));
            }
        }
        let proto = standard.proto.or(proto);
        Ok(Forwarded { host: standard.host.or(host), proto, prefix: prefix(last(X_PREFIX)?)? })
    }

    /// Said once: the setting does nothing here.
    #[cold]
    fn warn_of_unknown_peer(&self) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "trusted_proxies: the peer's address is not known, so forwarded headers are ignored; in axum, serve with \
                 `Lifespan::serve` or `into_make_service_with_connect_info::<SocketAddr>()`; elsewhere, or where the peer has \
                 no address of its own, as on a Unix socket, put the `SocketAddr` to trust into the request's extensions (said \
                 once)"
            );
        }
    }

    /// What `Forwarded` says. Each proxy on the way adds an element, so the last one is the peer's own; one before it is
    /// believed if it was added by a proxy that is trusted, too (RFC 7239, 5.2 and 7.1).
    fn standard<'a>(&self, request: &'a impl RequestHead) -> Result<Forwarded<'a>, Box<Rejection>> {
        let mut elements = Vec::new();
        for line in request.lines(FORWARDED) {
            elements.extend(text(FORWARDED, line)?.split(',').map(str::trim).filter(|element| !element.is_empty()));
        }
        let mut known = Forwarded::default();
        for element in elements.into_iter().rev() {
            known.host = parameter(element, "host").or(known.host);
            known.proto = parameter(element, "proto").or(known.proto);
            let from = parameter(element, "for").and_then(address);
            if !from.is_some_and(|from| self.trust(from)) {
                break;
            }
        }
        Ok(known)
    }
}

fn parse(text: &str) -> Result<IpNet, BuildError> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map(canonical).map_err(|_| {
        BuildError::setting(format!(
            "trusted_proxies: {text:?} is neither an address nor a network; write \"127.0.0.1\" or \"10.0.0.0/8\", not a name"
        ))
    })
}

/// Addresses of the old family are looked for as such, so they are kept as such.
fn canonical(network: IpNet) -> IpNet {
    let address = network.addr().to_canonical();
    match (network, address) {
        (IpNet::V6(_), IpAddr::V4(_)) => {
            let length = network.prefix_len().checked_sub(96);
            length.and_then(|length| IpNet::new(address, length).ok()).unwrap_or(network)
        }
        _ => network,
    }
}

fn text<'a>(name: &str, line: &'a [u8]) -> Result<&'a str, Box<Rejection>> {
    let text =
        std::str::from_utf8(line).ok().filter(|text| text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')));
    text.ok_or_else(|| Rejection::forwarded(name, "has characters that no such header has"))
}

/// The last of the values that the proxies on the way have added: the peer's own.
fn last_of_list(list: &str) -> Option<&str> {
    list.rsplit(',').map(str::trim).find(|value| !value.is_empty())
}

fn same(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one.eq_ignore_ascii_case(other))
}

fn prefix(value: Option<&str>) -> Result<Option<&str>, Box<Rejection>> {
    let Some(prefix) = value.map(|value| value.trim_end_matches('/')).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let is_path_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+;=:@%".contains(&byte);
    let climbs = prefix.split('/').any(|segment| segment == ".." || segment == ".");
    let valid = prefix.starts_with('/')
        && !prefix.starts_with("//")
        && !climbs
        && prefix.len() <= LONGEST_PREFIX
        && prefix.bytes().all(is_path_byte);
    if valid { Ok(Some(prefix)) } else { Err(Rejection::forwarded(X_PREFIX, "is not the path of a prefix, as /api")) }
}

/// A parameter of an element, without its quotes. What is escaped within quotes is no host, and is refused as one later.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim());
    let value = values.next()?;
    Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// The address of a node, which may have a port: `192.0.2.1:80`, `[2001:db8::1]:80` (RFC 7239, 6).
fn address(node: &str) -> Option<IpAddr> {
    if let Some(rest) = node.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    node.parse().ok().or_else(|| node.rsplit_once(':')?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses_are_read_and_names_are_not() {
        let proxies = Proxies::parse(["127.0.0.1", "10.0.0.0/8", "fd00::/8", "::ffff:192.0.2.0/120"]).unwrap();
        for trusted in ["127.0.0.1", "192.0.2.7", "::ffff:192.0.2.7", "10.255.0.1", "::ffff:10.0.0.1", "fd12::1"] {
            assert!(proxies.trust(trusted.parse().unwrap()), "{trusted}");
        }
        for other in ["127.0.0.2", "11.0.0.1", "::1", "::ffff:11.0.0.1"] {
            assert!(!proxies.trust(other.parse().unwrap()), "{other}");
        }
        for bad in ["", "nginx", "10.0.0.0/33", "10.0.0.1:80", "*"] {
            let error = Proxies::parse([bad]).unwrap_err().to_string();
            assert!(error.contains("trusted_proxies") && error.contains(&format!("{bad:?}")), "{error}");
        }
    }

    #[test]
    fn a_node_is_an_address_with_or_without_a_port() {
        for (node, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1:4711", Some("192.0.2.1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("unknown", None),
            ("_hidden", None),
            ("[x", None),
        ] {
            assert_eq!(address(node), expected.map(|address| address.parse().unwrap()), "{node}");
        }
    }

    #[test]
    fn a_prefix_is_a_path_and_climbs_nowhere() {
        for (given, read) in
            [("/api", Some("/api")), ("/api/", Some("/api")), ("/a/b", Some("/a/b")), ("/", None), ("", None)]
        {
            assert_eq!(prefix(Some(given)).unwrap(), read, "{given}");
        }
        for bad in ["api", "//evil.example", "/a/../b", "/a b", "/a?b", "/a#b", "https://a/", "/a\"b", "/./a"] {
            assert!(prefix(Some(bad)).is_err(), "{bad}");
        }
        assert!(prefix(Some(&format!("/{}", "x".repeat(LONGEST_PREFIX)))).is_err());
    }

    #[test]
    fn parameters_are_found_whatever_their_case() {
        let element = r#"For="[2001:db8::1]:80"; Proto=https;host="a.example:8443""#;
        assert_eq!(parameter(element, "for"), Some("[2001:db8::1]:80"));
        assert_eq!(parameter(element, "proto"), Some("https"));
        assert_eq!(parameter(element, "host"), Some("a.example:8443"));
        assert_eq!(parameter(element, "by"), None);
    }
}
