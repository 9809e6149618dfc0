//! What is said: MCP's messages as pure data, for every revision of the protocol.
//!
//! Nothing here does I/O, reads a clock or knows HTTP. Reading is [`jsonrpc`] (one pass over a message), writing is
//! [`encode`] (the only place that knows what a revision's results look like); the rest are the types they share.

pub(crate) mod caching;
pub(crate) mod canonical;
pub(crate) mod capabilities;
pub(crate) mod completion;
pub(crate) mod content;
pub(crate) mod encode;
pub(crate) mod error;
pub(crate) mod escape;
pub(crate) mod fill;
pub(crate) mod id;
pub(crate) mod implementation;
pub(crate) mod input;
pub(crate) mod jsonrpc;
pub(crate) mod meta;
pub(crate) mod method;
pub(crate) mod notifications;
pub(crate) mod params;
pub(crate) mod prompts;
pub(crate) mod requests;
pub(crate) mod resources;
pub(crate) mod revision;
pub(crate) mod session;
pub(crate) mod stateless;
pub(crate) mod strict;
pub(crate) mod subscriptions;
pub(crate) mod text;
pub(crate) mod tools;
pub(crate) mod trace_context;
pub(crate) mod uri_template;
mod usual;
