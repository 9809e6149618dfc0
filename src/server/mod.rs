//! What we do: tools, their handlers, and the dispatch of a method to its answer. Neutral to era and transport.

pub(crate) mod builder;
pub(crate) mod call;
pub(crate) mod context;
pub(crate) mod dispatch;
pub(crate) mod extract;
pub(crate) mod handler;
pub(crate) mod outbound;
pub(crate) mod registry;
pub(crate) mod result;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod state;
pub(crate) mod tool;
#[cfg_attr(not(test), expect(dead_code, reason = "wired by the registry"))]
pub(crate) mod variables;
