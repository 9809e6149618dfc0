//! The suite with the service mounted in an actix-web application; what is special about it; and the three homes beside
//! each other.

#![allow(
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    reason = "nothing here is an API: modules share helpers with each other"
)]
#![allow(clippy::disallowed_methods, reason = "the tests play the host application, which spawns as it likes")]
#![allow(
    clippy::needless_pass_by_value,
    clippy::unused_async,
    clippy::unwrap_used,
    reason = "helpers take `json!(..)` by value, handlers are async as users' are, a failed unwrap fails its test"
)]
#![allow(dead_code, reason = "what only the tests outside of the suite use, in `main.rs`")]

mod homes {
    pub mod actix;
    pub mod axum;
    pub mod bare;
    mod below;
}
#[path = "suite.rs"]
mod suite;

mod actix_extractors;
mod drive_actix;
mod hooks_actix;
mod legacy_sse_actix;
mod mistakes_actix;
#[cfg(unix)]
mod mistakes_signals;
mod mistakes_sockets_actix;
mod mount_actix;
mod mounted;
mod mounting_actix;
mod mounting_table;
mod small_writes;
mod squeezed;

use homes::actix as home;
#[cfg(all(unix, feature = "redis"))]
use suite::redis_server;
use suite::{
    asking, connection, differences, eras, layered, legacy_client, logs, page, reply, rig, support, table, target, told,
};

mod half_closed;
mod raw;
mod same_bytes;
