//! What we do: tools, resources and prompts, their handlers, and the dispatch of a method to its answer. Neutral to era and transport.

pub(crate) mod answer;
pub(crate) mod answers;
pub(crate) mod arguments;
pub(crate) mod ask;
pub(crate) mod builder;
pub(crate) mod call;
pub(crate) mod catalog;
pub(crate) mod changes;
pub(crate) mod completion;
pub(crate) mod context;
pub(crate) mod dispatch;
pub(crate) mod extract;
pub(crate) mod fields;
pub(crate) mod handler;
pub(crate) mod handles;
pub(crate) mod layer;
pub(crate) mod method;
pub(crate) mod mirror;
pub(crate) mod outbound;
mod pace;
pub(crate) mod prompt;
pub(crate) mod refusal;
pub(crate) mod registry;
pub(crate) mod resource;
pub(crate) mod result;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod seal;
pub(crate) mod settings;
pub(crate) mod state;
pub(crate) mod target;
pub(crate) mod tool;
#[cfg(feature = "jsonschema")]
pub(crate) mod validate;
pub(crate) mod variables;
