#![doc = include_str!("../../docs/testing.md")]
// The client knows the protocol from the outside: what it expects is written here once more, from the specification,
// so that it does not agree with a mistake of the server's.

mod app;
mod client;
mod compose;
mod connect;
#[doc(hidden)]
pub mod contract;
mod error;
mod headers;
mod lists;
mod message;
mod methods;
mod outcome;
mod replay;
mod response;
mod send;
mod sse;
mod stream;
mod topic;
mod watch;

#[doc(inline)]
pub use crate::__store_contract as store_contract;
pub use client::Client;
pub use connect::Server;
pub use contract::StoreFixture;
pub use error::{Error, ErrorKind};
pub use message::{Log, Message, Progress};
pub use outcome::{Completions, PromptOutcome, ReadOutcome, ToolOutcome};
pub use replay::{Replay, replays_equal};
pub use response::Response;
pub use stream::Stream;
