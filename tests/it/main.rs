//! The behavioural tests: one binary, through the public API.
//!
//! Everything runs in process (`tower::ServiceExt::oneshot`) and, where time matters, on tokio's paused clock; only
//! `bare_hyper`, `unread_sockets` and `rmcp` open sockets, because there the socket is the point, and `processes`,
//! `ctrl_c` and `drain_under_load` start one.

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

mod eras;
mod layered;
mod page;
mod pages;
mod reply;
mod rig;
mod scripted;
mod support;
mod table;
mod told;

mod architecture;
mod attributes;
mod axum_extractors;
mod bare_hyper;
mod blocking;
mod builder;
mod busy_handlers;
mod caching;
mod cancellation;
mod changes;
mod client_capabilities;
mod completion;
mod content;
mod cors;
mod cors_hosts;
mod ctrl_c;
mod describe;
#[cfg(unix)]
mod drain_under_load;
mod drops;
mod extremes;
mod guard;
mod handlers;
mod header_annotations;
mod headers;
mod held;
mod hooks;
mod http_layers;
mod ids;
mod json;
mod lame_duck;
mod layers;
mod layers_and_limits;
mod lifespan;
mod limits;
mod listen;
mod listen_filters;
mod logs;
mod logs_of_failures;
mod macros;
mod mirrored_headers;
mod mount_axum;
mod negotiation;
mod nesting;
mod notify;
mod pagination;
mod principals;
mod probes;
#[cfg(unix)]
mod processes;
mod prompts;
mod resources;
mod results;
mod rmcp;
mod routes;
mod routes_mounted;
mod runtime;
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
mod subscription_races;
mod subscriptions;
mod templates;
mod testing_app;
mod testing_raw;
mod testing_spec;
mod testing_streams;
mod tools;
mod unknown_resources;
mod unread_sockets;
mod wire;
