//! What a call holds, and when it lets go of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use mcp_mount::{Context, Extension, Limits, Mcp, tool_fn};
use serde_json::json;

use crate::{
    home,
    support::{call_with_progress, modern_call, post, soon},
    target::send,
};

/// What a middleware leaves on the request, a lease say.
#[derive(Clone)]
pub struct Lease(Arc<()>);

#[tokio::test(start_paused = true)]
async fn the_requests_extensions_are_gone_while_the_handler_runs() {
    let holders =
        tool_fn("holders", "Count who holds the lease", |Extension(Lease(lease)): Extension<Lease>| async move {
            let weak = Arc::downgrade(&lease);
            drop(lease);
            // Beyond the first poll, when whatever the pipeline does not need any more is dropped.
            tokio::time::sleep(Duration::from_millis(1)).await;
            weak.strong_count().to_string()
        });
    let mcp = Mcp::new("held", "1").tool(holders).build().expect("builds");
    let holders = if home::DIFFERS.holds_extensions { "1" } else { "0" };
    let mut request = modern_call("holders", json!({})).request();
    request.extensions_mut().insert(Lease(Arc::new(())));
    let reply = soon("the answer", send(&mcp, request)).await;
    assert_eq!(reply.collect().await.text(), holders, "nobody but the handler held it");
}

/// Blocks its thread for a moment when it is dropped, as a handler's local may.
struct SlowToDrop(Arc<AtomicBool>);

impl Drop for SlowToDrop {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(50));
        self.0.store(true, SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_read_the_answer_of_a_stream_finds_the_place_free() {
    let dropped = Arc::new(AtomicBool::new(false));
    let slow = {
        let dropped = Arc::clone(&dropped);
        tool_fn("slow", "Speak, then hold something to the end", move |ctx: Context| {
            let held = SlowToDrop(Arc::clone(&dropped));
            async move {
                ctx.progress(1.0).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
                let _held = &held;
                "done"
            }
        })
    };
    let mcp = Mcp::new("held", "1").limits(Limits::new().calls_in_flight(1)).tool(slow).build().expect("builds");
    for _ in 0..3 {
        let ask = post(call_with_progress("slow", json!({}))).header("mcp-protocol-version", "2025-11-25");
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.status, 200, "the place of the call before is free\n{reply}");
        assert_eq!(reply.text(), "done");
        assert!(dropped.swap(false, SeqCst), "the handler is gone when its answer arrives");
    }
}
