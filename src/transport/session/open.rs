//! `initialize`: a session begins.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response};
use uuid::Uuid;

use super::id::format_id;
use super::record::Record;
use crate::auth::Principal;
use crate::protocol::id::RequestId;
use crate::protocol::params::Params;
use crate::protocol::session::{InitializeParams, to_keep};
use crate::store::{Cap, Key, Reserved, StoreError};
use crate::transport::accept::Accepts;
use crate::transport::body::Body;
use crate::transport::rejection::Rejection;
use crate::transport::reply;
use crate::transport::service::Shared;

/// The header that carries a session's id.
const SESSION_ID: &str = "mcp-session-id";

/// How long a session must have been left alone before it may give way to a new one: two beats of a live one.
pub(crate) const EVICTABLE_AFTER: std::time::Duration = std::time::Duration::from_secs(30);

/// Answers `initialize`, with a new session unless sessions are disabled.
pub(crate) async fn initialize(
    shared: &Arc<Shared>,
    principal: Option<&Principal>,
    id: &RequestId,
    params: &Params<'_>,
    accepts: Accepts,
) -> Result<Response<Body>, Box<Rejection>> {
    let asked = InitializeParams::read(params).map_err(Rejection::bad_request)?;
    let Some(revision) = shared.config.revisions.negotiate(asked.protocol_version) else {
        return Err(Rejection::unsupported_version(asked.protocol_version, shared.config.revisions));
    };
    let mut response =
        reply::message(shared.server.encoder.initialize(id, revision, &shared.server.introduction.load()), accepts);
    let room = &shared.sessions;
    if room.settings.enabled {
        let record =
            Record::new(revision, principal, &to_keep(asked.client_info), asked.capabilities, &asked.extensions);
        // 122 random bits from the system's generator.
        let session = Uuid::new_v4().as_u128();
        let owner = principal.map(Principal::id);
        let cap = Cap::new(room.settings.max, EVICTABLE_AFTER);
        let cap = cap.of_principal(room.realm, owner, room.settings.max_per_principal);
        let key = room.key(session, principal);
        let reserved = shared.lifespan.see_through(reserve(Arc::clone(shared), key, record.encode(), cap)).await;
        match reserved.map_err(|error| Rejection::store(&error))? {
            Reserved::Free | Reserved::Evicted(_) => {}
            Reserved::Full(retry_after) => return Err(Rejection::too_many_sessions(retry_after, owner.is_some())),
            // Not by chance: the store does not do what it is asked.
            Reserved::There => {
                return Err(Rejection::store(&StoreError::new("a session of a new id is there already")));
            }
        }
        let header = HeaderValue::try_from(format_id(session)).expect("hexadecimal digits are a header's value");
        response.headers_mut().insert(SESSION_ID, header);
    }
    Ok(response)
}

/// Writes the record of a new session, and clears away after the one that gave way, whoever leaves meanwhile.
async fn reserve(shared: Arc<Shared>, key: Key, record: Bytes, cap: Cap) -> Result<Reserved, StoreError> {
    let room = &shared.sessions;
    let reserved = room.store.reserve(key, record, room.settings.initialize_within, cap).await?;
    if let Reserved::Evicted(session) = reserved {
        // It had nothing running: that would have touched it.
        room.clear(session).await;
    }
    Ok(reserved)
}
