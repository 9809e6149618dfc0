//! Processes that serve the same sessions from one store.
//!
//! ```text
//! errand   what one task does, whichever runtime ends meanwhile
//! heart    the sign of life of this process
//! judge    whether another one has stopped
//! ```
//!
//! All of it exists only with a store that is shared, and costs nothing before the first stream of a call is recorded.

mod errand;
mod heart;
mod judge;

use std::fmt;
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use self::heart::Heart;
use self::judge::Judges;
use crate::store::{Key, Kind, Store};

/// This process among those that share its store.
pub(crate) struct Replicas {
    id: u128,
    store: Arc<dyn Store>,
    heart: Arc<Heart>,
    judges: Mutex<Judges>,
}

impl Replicas {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        let (heart, judges) = (Arc::default(), Mutex::default());
        // Of each service that is built, so that what a process does not know of is not its own.
        Self { id: Uuid::new_v4().as_u128(), store, heart, judges }
    }

    /// Who this is.
    pub(crate) fn id(&self) -> u128 {
        self.id
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replicas(..)")
    }
}

/// Where the sign of life of a replica is.
fn beat_of(replica: u128) -> Key {
    Key::new(Kind::Replica, replica)
}
