//! How a store in Redis comes to be.

use std::fmt;
use std::sync::Arc;

use ::redis::{Client, ConnectionInfo, ErrorKind, IntoConnectionInfo as _, ProtocolVersion, ServerErrorKind};
use tokio::runtime::Handle;

use super::state::State;
use super::{Inner, Redis};
use crate::lifespan::spawner::while_held;
use crate::store::LOG_BUDGET;

/// What begins all names, unless it is set.
const PREFIX: &str = "mcp-mount";

/// How a [`Redis`] is to be: made by [`Redis::builder`].
///
/// ```no_run
/// use mcp_mount::{Mcp, Redis};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Redis::builder("redis://redis.internal/0").prefix("calculator").log_budget(256 << 20).connect().await?;
/// let mcp = Mcp::new("calculator", "1.0.0").store(store).build()?;
/// # let _ = mcp;
/// # Ok(()) }
/// ```
#[must_use = "it connects when it is told to"]
pub struct RedisBuilder {
    url: String,
    prefix: String,
    log_budget: usize,
    #[cfg(feature = "redis-tls")]
    root_certificates: Option<Vec<u8>>,
}

impl RedisBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            prefix: PREFIX.to_owned(),
            log_budget: LOG_BUDGET,
            #[cfg(feature = "redis-tls")]
            root_certificates: None,
        }
    }

    /// What the names of all keys begin with. Default: `mcp-mount`. Processes share what they keep if they have the same
    /// prefix and database; services that do not belong together need different ones.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// How many bytes all logs, which are what streams have said, may take together. Default: 64 MiB. An entry counts 64
    /// bytes beside its own. It should be the same in all processes that share what they keep.
    pub fn log_budget(self, bytes: usize) -> Self {
        Self { log_budget: bytes, ..self }
    }

    /// The certificates, in PEM, of which one must vouch for the server of a `rediss://` URL, instead of those that the
    /// system trusts.
    #[cfg(feature = "redis-tls")]
    pub fn root_certificates(self, pem: impl Into<Vec<u8>>) -> Self {
        Self { root_certificates: Some(pem.into()), ..self }
    }

    /// Connects. With TLS it may install a default provider of rustls, as [`Redis::connect`] says.
    ///
    /// # Errors
    ///
    /// As [`Redis::connect`].
    pub async fn connect(self) -> Result<Redis, RedisError> {
        if Handle::try_current().is_err() {
            return Err(RedisError::new("it has to be connected within a tokio runtime"));
        }
        // Its braces would end the hash tag, which keeps all keys on one node.
        if self.prefix.is_empty() || self.prefix.contains(['{', '}']) {
            return Err(RedisError::new("prefix: it must not be empty, nor have `{` or `}` in it"));
        }
        let client = self.client()?;
        let state = Arc::new(State::new(client, &self.prefix, self.log_budget));
        let lines = State::open(&state).await?;
        let lines = lines.map(while_held);
        Ok(Redis(Arc::new(Inner { state, _lines: lines })))
    }

    fn client(&self) -> Result<Client, RedisError> {
        let tls = ["rediss:", "valkeys:"].iter().any(|scheme| self.url.starts_with(scheme));
        if tls && !cfg!(feature = "redis-tls") {
            return Err(RedisError::new("its URL asks for TLS, which needs mcp-mount's feature `redis-tls`"));
        }
        let info = self.url.as_str().into_connection_info();
        // The cause names what is wrong with the URL, and nothing that is in it.
        let info = info.map_err(|error| RedisError::new(format!("its URL cannot be used: {error}")))?;
        // The news of a connection come apart from its answers in this revision of the protocol only.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let info = info.set_redis_settings(settings).set_tcp_settings(tcp);
        self.open(info).map_err(|error| RedisError::new(format!("its URL cannot be used: {error}")))
    }

    #[cfg(feature = "redis-tls")]
    fn open(&self, info: ConnectionInfo) -> ::redis::RedisResult<Client> {
        if !matches!(info.addr(), ::redis::ConnectionAddr::TcpTls { .. }) {
            return Client::open(info);
        }
        // An application may have chosen one; if not, and with two of them compiled in, rustls would panic.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let root_cert = self.root_certificates.clone();
        Client::build_with_tls(info, ::redis::TlsCertificates { client_tls: None, root_cert })
    }

    #[cfg(not(feature = "redis-tls"))]
    #[expect(clippy::unused_self, reason = "the same as with TLS")]
    fn open(&self, info: ConnectionInfo) -> ::redis::RedisResult<Client> {
        Client::open(info)
    }
}

impl fmt::Debug for RedisBuilder {
    /// Without the URL, which has the password in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBuilder").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// A [`Redis`] could not be connected. The text names the host and what failed.
pub struct RedisError {
    text: String,
    /// The server is there, and reads what it has kept.
    pub(super) is_loading: bool,
}

impl RedisError {
    pub(super) fn new(message: impl fmt::Display) -> Self {
        Self { text: format!("redis: {message}"), is_loading: false }
    }

    pub(super) fn at(address: &str, message: impl fmt::Display) -> Self {
        Self { text: format!("redis at {address}: {message}"), is_loading: false }
    }

    /// The server says no, or says nothing.
    pub(super) fn refused(address: &str, error: &::redis::RedisError) -> Self {
        let is_loading = error.kind() == ErrorKind::Server(ServerErrorKind::BusyLoading);
        Self { is_loading, ..Self::at(address, error) }
    }
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisError({})", self.text)
    }
}

impl std::error::Error for RedisError {}
