//! The suite with the service mounted in an axum application.

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
    pub mod axum;
    mod below;
}
#[path = "suite.rs"]
mod suite;

use homes::axum as home;
#[cfg(all(unix, feature = "redis"))]
use suite::redis_server;
use suite::{
    asking, connection, differences, eras, layered, legacy_client, logs, page, reply, rig, support, table, target, told,
};

mod session_threads;
