//! The behavioural tests: one binary, through the public API.
//!
//! Everything runs in process (`tower::ServiceExt::oneshot`) and, where time matters, on tokio's paused clock; only
//! `bare_hyper`, `unread_sockets` and `rmcp` open sockets, because there the socket is the point, and `processes` starts
//! one.

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

mod page;
mod reply;
mod rig;
mod scripted;
mod support;
mod table;

mod architecture;
mod attributes;
mod bare_hyper;
mod builder;
mod busy_handlers;
mod cancellation;
mod content;
mod cors;
mod cors_hosts;
mod ctrl_c;
mod drops;
mod extremes;
mod guard;
mod headers;
mod held;
mod hooks;
mod ids;
mod json;
mod lame_duck;
mod lifespan;
mod limits;
mod logs;
mod macros;
mod mount_axum;
mod negotiation;
mod nesting;
mod principals;
#[cfg(unix)]
mod processes;
mod rmcp;
mod schemas;
mod session_races;
mod sessions;
mod sharing;
mod shutdown_hooks;
mod signals;
mod slow_readers;
mod spawned_work;
mod stalls;
mod stateless;
mod streams;
mod testing_app;
mod testing_raw;
mod testing_spec;
mod testing_streams;
mod tools;
mod unknown_resources;
mod unread_sockets;
mod wire;
