//! The conversations that are open in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::auth::Principal;
use crate::transport::line::Line;
use crate::transport::session::id::parse_id;

/// What names a conversation in the URL of its messages: as other servers call it, since some clients look.
const PARAMETER: &str = "sessionId";

/// 122 random bits from the system's generator.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LineId(u128);

impl LineId {
    /// As it stands in a URL, behind the question mark.
    pub(super) fn query(self) -> String {
        format!("{PARAMETER}={:032x}", self.0)
    }

    /// The one id that a query names. Of two none is picked: a proxy could have picked the other.
    fn find(query: &str) -> Option<Self> {
        let mut named = query.split('&').filter_map(|pair| pair.strip_prefix(PARAMETER)?.strip_prefix('='));
        let id = parse_id(named.next()?.as_bytes())?;
        named.next().is_none().then_some(Self(id))
    }
}

/// Every open conversation, until whoever keeps it removes it.
#[derive(Debug, Default)]
pub(crate) struct LegacyLines(Mutex<HashMap<u128, Arc<Line>>>);

impl LegacyLines {
    pub(super) fn add(&self, line: &Arc<Line>) -> LineId {
        let id = Uuid::new_v4().as_u128();
        self.lock().insert(id, Arc::clone(line));
        LineId(id)
    }

    /// The conversation that a query names, if it is this principal's.
    pub(super) fn find(&self, query: Option<&str>, principal: Option<&Principal>) -> Option<Arc<Line>> {
        let LineId(id) = LineId::find(query?)?;
        let line = self.lock().get(&id).map(Arc::clone);
        line.filter(|line| line.belongs_to(principal))
    }

    pub(super) fn remove(&self, id: &LineId) {
        self.lock().remove(&id.0);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u128, Arc<Line>>> {
        // No code that can panic runs under the lock, so what a poisoned one holds is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_once_and_as_it_was_written() {
        let id = LineId(Uuid::new_v4().as_u128());
        let query = id.query();
        assert!(LineId::find(&query) == Some(id));
        assert!(LineId::find(&format!("a=1&{query}&b")) == Some(id));
        for bad in [
            String::new(),
            "sessionId=".to_owned(),
            query.to_uppercase(),
            format!("{query}0"),
            format!("x{query}"),
            format!("{query}&{query}"),
            query.replace("sessionId", "session_id"),
        ] {
            assert!(LineId::find(&bad).is_none(), "{bad}");
        }
    }
}
