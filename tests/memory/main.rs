//! What is live in memory: of a session that is idle, of a stream that is open, and nothing of either when it has ended.
//!
//! Bytes are those that were asked for of the allocator, which rounds them up, by a thread that does all the work. They are the
//! same on every machine.

mod calls;
mod rig;
mod sessions;
mod streams;
