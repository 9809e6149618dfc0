//! What is live in memory: of a session that is idle, of a stream that is open, of a call that is waited for, and nothing of
//! any of them when it has ended.
//!
//! Bytes are those that are asked for of the allocator, by the one thread that does all the work, so that they are the same on
//! every machine. What the allocator and the tables add is seen in the resident memory of a process only: `docs/limits.md`.

mod calls;
mod logs;
mod rig;
mod sessions;
mod streams;
