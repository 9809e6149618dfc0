//! Which era a message belongs to: decided here, once, and turned into data for everybody else.
//!
//! A request whose `_meta` names a revision is stateless, `initialize` opens a session (2026-07-28, basic/versioning,
//! «Backward Compatibility with Initialization-Based Versions»), and the rest belongs to the session it names, or to
//! none.

use super::headers::{Head, Known};
use super::rejection::Rejection;
use super::service::Shared;
use super::session::{AskedSession, Session};
use super::stateless;
use crate::auth::Principal;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Kind, Message};
use crate::protocol::meta::PROTOCOL_VERSION;
use crate::protocol::method::Method;
use crate::protocol::notifications::LogLevel;
use crate::protocol::revision::{Era, Revision};
use crate::protocol::stateless::check_request_meta;
use crate::protocol::text::Text;
use crate::server::call::{CallPolicy, CanAsk, OnDisconnect};

/// What sessions are sent before they ask for a level: enough to see what goes on.
const DEFAULT_LOG_FLOOR: LogLevel = LogLevel::Info;

/// A message, with what its era makes of it.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) revision: Revision,
    /// `None` for a method that the revision does not have.
    pub(crate) method: Option<Method>,
    pub(crate) session: Option<Session>,
    pub(crate) policy: CallPolicy,
    /// Whether a client may answer the server's requests with messages of its own.
    pub(crate) takes_responses: bool,
    /// Whether a method that is not there is answered in band, with HTTP's 200.
    pub(crate) refuses_in_band: bool,
    /// Whether headers must mirror the arguments that ask for it.
    pub(crate) checks_headers: bool,
}

/// What is known of a message before its session has been looked up.
pub(crate) enum Decision {
    Incoming(Incoming),
    Session(WantedSession),
}

/// The session that a message belongs to, if any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WantedSession {
    /// The revision that the header names.
    named: Option<Revision>,
    /// The revision of a message without session and header.
    assumed: Revision,
    opens: bool,
}

/// Decides.
pub(crate) fn decide(
    shared: &Shared,
    head: &Head<'_>,
    message: &Message<'_>,
    kind: &Kind,
) -> Result<Decision, Box<Rejection>> {
    let in_header = version_header(head)?;
    let in_meta = message.meta().protocol_version.as_ref().map(Text::as_str);
    let named = match (in_header, in_meta) {
        // «There is no header layer» (2026-07-28, basic/transports/stdio, «Request Metadata»).
        (_, Some(meta)) if head.on_line => Some(served(shared, meta.as_bytes())?),
        (Some(header), Some(meta)) if header != meta.as_bytes() => {
            let text = format!(
                "Header mismatch: MCP-Protocol-Version is not what the body has in `_meta[\"{PROTOCOL_VERSION}\"]`"
            );
            return Err(Rejection::header_mismatch(text));
        }
        (None, Some(_)) => {
            let text = format!(
                "Header mismatch: MCP-Protocol-Version is missing; it must mirror `_meta[\"{PROTOCOL_VERSION}\"]`"
            );
            return Err(Rejection::header_mismatch(text));
        }
        (header, _) => header.map(|version| served(shared, version)).transpose()?,
    };
    // `initialize` selects the session era, unless its `_meta` says otherwise.
    let opens = message.method() == Method::Initialize.as_str()
        && (in_meta.is_none() || named.is_some_and(|revision| revision.era() == Era::Session));
    let newest = shared.config.revisions.newest_session();
    match (named, newest) {
        (Some(revision), _) if revision.era() == Era::Stateless && !(opens && newest.is_some()) => {
            stateless(revision, head, message, kind).map(Decision::Incoming)
        }
        (named, Some(newest)) => {
            let assumed = assumed(shared, newest);
            let named = named.filter(|revision| revision.era() == Era::Session);
            Ok(Decision::Session(WantedSession { named, assumed, opens }))
        }
        (_, None) if head.on_line => {
            let text = format!("params._meta[\"{PROTOCOL_VERSION}\"]: missing; this server speaks 2026-07-28 only");
            Err(Rejection::bad_request(RpcError::invalid_params(text)))
        }
        (_, None) => {
            let text = "Header mismatch: MCP-Protocol-Version is missing; this server speaks 2026-07-28 only";
            Err(Rejection::header_mismatch(text))
        }
    }
}

/// The session of a batch, or that it has none; `None` where batches are not known.
pub(crate) async fn batch(
    shared: &Shared,
    head: &Head<'_>,
    principal: Option<&Principal>,
) -> Result<Option<(WantedSession, Option<Session>)>, Box<Rejection>> {
    let named = version_header(head).and_then(|header| header.map(|version| served(shared, version)).transpose());
    let (Ok(named), Some(newest)) = (named, shared.config.revisions.newest_session()) else { return Ok(None) };
    if named.is_some_and(|revision| !revision.has_batches()) {
        return Ok(None);
    }
    let wanted = WantedSession { named, assumed: assumed(shared, newest), opens: false };
    let session = wanted.look_up(shared, head, principal).done(principal).await?;
    let otherwise = named.unwrap_or(wanted.assumed);
    let revision = session.as_ref().map_or(otherwise, |session| session.record.revision);
    Ok(revision.has_batches().then_some((wanted, session)))
}

/// What a request without session and header is taken for.
fn assumed(shared: &Shared, newest: Revision) -> Revision {
    if shared.config.revisions.contains(Revision::ASSUMED) { Revision::ASSUMED } else { newest }
}

/// The version that the header names, without the white space around it.
fn version_header<'a>(head: &Head<'a>) -> Result<Option<&'a [u8]>, Box<Rejection>> {
    if head.get(Known::ProtocolVersion).duplicate {
        let text = "Header mismatch: MCP-Protocol-Version is there more than once; send it once";
        return Err(Rejection::header_mismatch(text));
    }
    Ok(head.get(Known::ProtocolVersion).value.map(<[u8]>::trim_ascii))
}

fn served(shared: &Shared, version: &[u8]) -> Result<Revision, Box<Rejection>> {
    let revisions = shared.config.revisions;
    Revision::parse(version)
        .filter(|revision| revisions.contains(*revision))
        .ok_or_else(|| Rejection::unsupported_version(&String::from_utf8_lossy(version), revisions))
}

fn stateless(
    revision: Revision,
    head: &Head<'_>,
    message: &Message<'_>,
    kind: &Kind,
) -> Result<Incoming, Box<Rejection>> {
    let method = Method::parse(message.method(), revision);
    let mut log_floor = None;
    // The revision defines neither metadata nor headers for a notification.
    if matches!(kind, Kind::Request(_)) {
        if message.meta().protocol_version.is_none() {
            let text = format!("params._meta[\"{PROTOCOL_VERSION}\"]: missing; expected the protocol version");
            return Err(Rejection::bad_request(RpcError::invalid_params(text)));
        }
        log_floor = check_request_meta(message.meta()).map_err(Rejection::bad_request)?;
        if !head.on_line {
            stateless::check_headers(head, message, method)?;
        }
    }
    let policy = CallPolicy {
        can_ask: CanAsk::InRounds,
        on_disconnect: OnDisconnect::Cancel,
        log_floor,
        names_capabilities: true,
    };
    Ok(Incoming {
        revision,
        method,
        session: None,
        policy,
        takes_responses: false,
        refuses_in_band: false,
        checks_headers: !head.on_line,
    })
}

/// The session that a message names, and what the store says of it.
pub(crate) enum LookUp<'s> {
    Done(Result<Option<Session>, Box<Rejection>>),
    Asked(WantedSession, AskedSession<'s>),
}

impl LookUp<'_> {
    /// Waits for the store.
    pub(crate) async fn done(self, principal: Option<&Principal>) -> Result<Option<Session>, Box<Rejection>> {
        match self {
            Self::Done(session) => session,
            Self::Asked(wanted, asked) => wanted.found(asked.answer(principal).await),
        }
    }
}

impl WantedSession {
    /// Looks the session up, if the request names one.
    pub(crate) fn look_up<'s>(self, shared: &'s Shared, head: &Head<'_>, principal: Option<&Principal>) -> LookUp<'s> {
        if !shared.sessions.settings.enabled || head.get(Known::SessionId).value.is_none() {
            return LookUp::Done(Ok(None));
        }
        match shared.sessions.ask(&head.get(Known::SessionId), principal) {
            Err(rejection) => LookUp::Done(self.found(Err(rejection))),
            Ok(mut asked) => match asked.at_hand(principal) {
                Some(found) => LookUp::Done(self.found(found)),
                None => LookUp::Asked(self, asked),
            },
        }
    }

    fn found(self, found: Result<Session, Box<Rejection>>) -> Result<Option<Session>, Box<Rejection>> {
        match (found, self.opens) {
            (found, false) => found.map(Some),
            // A live session is never overwritten; an id of no session is not taken over, a new one is made.
            (Ok(_), true) => {
                Err(Rejection::invalid("the session has been initialized; leave out Mcp-Session-Id to open another"))
            }
            (Err(_), true) => Ok(None),
        }
    }

    /// The message, in its session or in none.
    pub(crate) fn incoming(self, session: Option<Session>, message: &Message<'_>) -> Result<Incoming, Box<Rejection>> {
        if let (Some(session), Some(named)) = (&session, self.named) {
            check_negotiated(session, named)?;
        }
        let otherwise = self.named.unwrap_or(self.assumed);
        let revision = session.as_ref().map_or(otherwise, |session| session.record.revision);
        let log_level = session.as_ref().and_then(|session| session.record.log_level);
        let policy = CallPolicy {
            can_ask: if session.is_some() { CanAsk::InSession } else { CanAsk::Never },
            on_disconnect: OnDisconnect::Finish,
            log_floor: Some(log_level.unwrap_or(DEFAULT_LOG_FLOOR)),
            names_capabilities: false,
        };
        Ok(Incoming {
            revision,
            method: Method::parse(message.method(), revision),
            session,
            policy,
            takes_responses: true,
            refuses_in_band: true,
            checks_headers: false,
        })
    }
}

/// Checks the version that a GET or DELETE of a session names, if it names one.
pub(crate) fn check_session_version(shared: &Shared, session: &Session, head: &Head<'_>) -> Result<(), Box<Rejection>> {
    match version_header(head)? {
        Some(version) => check_negotiated(session, served(shared, version)?),
        None => Ok(()),
    }
}

/// 2025-11-25, basic/transports, «Protocol Version Header»: what the header names is what was negotiated.
fn check_negotiated(session: &Session, named: Revision) -> Result<(), Box<Rejection>> {
    let negotiated = session.record.revision;
    if named == negotiated {
        return Ok(());
    }
    Err(Rejection::invalid(format!("MCP-Protocol-Version: this session speaks {negotiated}, as initialize agreed")))
}
