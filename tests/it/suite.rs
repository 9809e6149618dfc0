//! What holds in every home, compiled once for each: the bare tower service, an axum application, an actix-web
//! application.
//!
//! A request goes to the service through `home::mount`, which is all that these modules know of where they are. What can
//! be so in one home and not in another says it beside the test (`home::NAME`).

pub mod connection;
pub mod differences;
pub mod eras;
pub mod layered;
pub mod page;
pub mod reply;
pub mod rig;
pub mod support;
pub mod table;
pub mod target;
pub mod told;

mod blocking;
mod busy_handlers;
mod caching;
mod cancellation;
mod changes;
mod client_capabilities;
mod completion;
mod content;
mod cors;
mod describe;
mod drops;
mod extremes;
mod guard;
mod handlers;
mod header_annotations;
mod headers;
pub mod held;
pub mod http_layers;
mod ids;
mod json;
mod lame_duck;
mod layers;
mod layers_and_limits;
mod lifespan;
mod limits;
mod listen;
mod listen_filters;
pub mod logs;
mod logs_of_failures;
mod mirrored_headers;
mod negotiation;
mod nesting;
mod notify;
mod pagination;
mod principals;
mod probes;
mod prompts;
mod proxies;
mod resources;
mod results;
mod routes;
mod runtime;
mod session_races;
mod sessions;
mod sharing;
mod slow_readers;
mod sockets;
mod sockets_bodies;
mod sockets_clients;
mod spawned_work;
mod stalls;
mod stateless;
mod streams;
mod subscription_races;
mod subscriptions;
mod templates;
mod tools;
mod unknown_resources;
mod wire;
