//! The behavioural tests through the public API, with the service by itself, and what needs no home or brings its own.
//!
//! Nearly everything runs in process (`tower::ServiceExt::oneshot`) and, where time matters, on tokio's paused clock.
//! Sockets are opened where the socket is the point, as in `sockets`, `unread_sockets` and `rmcp`; `processes`, `ctrl_c`,
//! `drain_under_load` and `stdio_ends` start processes of their own. The modules of `suite` run in two more homes:
//! `on_axum.rs` and `on_actix.rs`.

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

mod homes {
    pub mod bare;
}
#[path = "suite.rs"]
mod suite;

use homes::bare as home;
#[cfg(all(unix, feature = "redis"))]
use suite::redis_server;
use suite::{
    asking, connection, differences, eras, http_layers, layered, legacy_client, logs, page, reply, rig, support, table,
    target, told,
};

mod scripted;

mod architecture;
mod attributes;
mod axum_extractors;
mod builder;
mod conformance_table;
mod cors_hosts;
mod ctrl_c;
#[cfg(unix)]
mod drain_under_load;
mod hooks;
mod layers_mounted;
mod legacy_sse_mounted;
mod macros;
mod mistakes;
mod mistakes_layers;
mod mistakes_sockets;
mod mount_axum;
mod mounted;
mod mounting_axum;
mod mounting_table;
mod pages;
#[cfg(unix)]
mod processes;
#[cfg(all(unix, feature = "redis"))]
mod redis_calls;
#[cfg(all(unix, feature = "redis"))]
mod redis_connect;
#[cfg(all(unix, feature = "redis"))]
mod redis_contract;
#[cfg(all(unix, feature = "redis"))]
mod redis_lines;
#[cfg(all(unix, feature = "redis"))]
mod redis_logs;
#[cfg(all(unix, feature = "redis"))]
mod redis_state;
#[cfg(all(unix, feature = "redis"))]
mod redis_tls;
#[cfg(all(unix, feature = "redis"))]
mod redis_values;
mod replays;
mod rmcp;
mod routes_mounted;
mod schemas;
mod served;
mod session_threads;
mod shutdown_hooks;
mod signals;
mod small_writes;
#[cfg(feature = "sqlite")]
mod sqlite;
mod squeezed;
mod stdio;
mod stdio_cancellation;
mod stdio_ends;
mod store_contract;
mod testing_app;
mod testing_raw;
mod testing_spec;
mod testing_streams;
