//! Which era a message belongs to: decided here, once, and turned into data for everybody else.
//!
//! A request whose `_meta` names a revision is stateless, `initialize` opens a session (2026-07-28, basic/versioning,
//! «Backward Compatibility with Initialization-Based Versions»), and the rest belongs to the session it names, or to
//! none.

use super::headers::Head;
use super::rejection::Rejection;
use super::service::Shared;
use super::session::Session;
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
use crate::server::call::{CallPolicy, OnDisconnect};

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
}

/// Decides.
pub(crate) async fn decide(
    shared: &Shared,
    head: &Head<'_>,
    principal: Option<&Principal>,
    message: &Message<'_>,
    kind: &Kind,
) -> Result<Incoming, Box<Rejection>> {
    let in_header = version_header(head)?;
    let in_meta = message.meta().protocol_version.as_ref().map(Text::as_str);
    let named = match (in_header, in_meta) {
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
    let opens = in_meta.is_none() && message.method() == Method::Initialize.as_str();
    match named.map(|revision| (revision, revision.era())) {
        Some((_, Era::Stateless)) if opens && shared.config.serves_sessions_era() => {
            session(shared, head, principal, message, None).await
        }
        Some((revision, Era::Stateless)) => stateless(revision, head, message, kind),
        Some((revision, Era::Session)) => session(shared, head, principal, message, Some(revision)).await,
        None => session(shared, head, principal, message, None).await,
    }
}

/// The version that the header names, without the white space around it.
fn version_header<'a>(head: &Head<'a>) -> Result<Option<&'a [u8]>, Box<Rejection>> {
    if head.protocol_version.duplicate {
        let text = "Header mismatch: MCP-Protocol-Version is there more than once; send it once";
        return Err(Rejection::header_mismatch(text));
    }
    Ok(head.protocol_version.value.map(<[u8]>::trim_ascii))
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
        stateless::check_headers(head, message, method)?;
    }
    let policy = CallPolicy { on_disconnect: OnDisconnect::Cancel, log_floor };
    Ok(Incoming { revision, method, session: None, policy, takes_responses: false, refuses_in_band: false })
}

async fn session(
    shared: &Shared,
    head: &Head<'_>,
    principal: Option<&Principal>,
    message: &Message<'_>,
    named: Option<Revision>,
) -> Result<Incoming, Box<Rejection>> {
    let Some(newest) = shared.config.revisions.newest_session() else {
        let text = "Header mismatch: MCP-Protocol-Version is missing; this server speaks 2026-07-28 only";
        return Err(Rejection::header_mismatch(text));
    };
    let opens = message.method() == Method::Initialize.as_str();
    let has_id = shared.sessions.settings.enabled && head.session_id.value.is_some();
    let session = match (has_id, opens) {
        (false, _) => None,
        (true, false) => Some(shared.sessions.find(&head.session_id, principal).await?),
        (true, true) => {
            // A live session is never overwritten; an id of no session is not taken over, a new one is made.
            if shared.sessions.find(&head.session_id, principal).await.is_ok() {
                return Err(Rejection::invalid(
                    "the session has been initialized; leave out Mcp-Session-Id to open another",
                ));
            }
            None
        }
    };
    if let (Some(session), Some(named)) = (&session, named) {
        check_negotiated(session, named)?;
    }
    let assumed = if shared.config.revisions.contains(Revision::ASSUMED) { Revision::ASSUMED } else { newest };
    let revision = session.as_ref().map_or(named.unwrap_or(assumed), |session| session.record.revision);
    let log_level = session.as_ref().and_then(|session| session.record.log_level);
    let policy =
        CallPolicy { on_disconnect: OnDisconnect::Finish, log_floor: Some(log_level.unwrap_or(DEFAULT_LOG_FLOOR)) };
    Ok(Incoming {
        revision,
        method: Method::parse(message.method(), revision),
        session,
        policy,
        takes_responses: true,
        refuses_in_band: true,
    })
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
