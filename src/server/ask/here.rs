//! Which call's handler this thread is polling at the moment.
//!
//! A question that is asked elsewhere, in a task or on a thread of its own, would be lost: a round ends when its handler
//! waits, and nobody sees what else waits.

use std::cell::Cell;

thread_local! {
    static CALL: Cell<usize> = const { Cell::new(0) };
}

/// Says that the handler of `call` (an address, which no other living call has) is polled, until the guard is dropped.
pub(crate) fn enter(call: usize) -> Entered {
    Entered(CALL.replace(call))
}

/// Whether it is this call's handler that is polled.
pub(crate) fn is(call: usize) -> bool {
    CALL.get() == call
}

/// A handler is being polled.
#[derive(Debug)]
pub(crate) struct Entered(usize);

impl Drop for Entered {
    fn drop(&mut self) {
        // A handler may call another server's within its own poll.
        CALL.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_within_a_handler_is_itself() {
        let outer = enter(1);
        assert!(is(1));
        let inner = enter(2);
        assert!(is(2) && !is(1));
        drop(inner);
        assert!(is(1));
        drop(outer);
        assert!(!is(1));
    }
}
