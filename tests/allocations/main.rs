//! How often a call allocates, how much, and that nothing of it stays. Counted on the thread that calls, so that tests do
//! not disturb each other.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use allocation_counter::{AllocationInfo, measure};
use bytes::Bytes;
use futures::stream;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use mcp_mount::{Mcp, McpService, tool_fn};
use tokio::runtime::Runtime;
use tower::Service as _;

use self::bare::{open, request, through_hand, through_service};
use self::calls::{Mode, listing, modes, service, service_with};

#[path = "../../benches/bare/mod.rs"]
mod bare;
#[path = "../../benches/by_hand/mod.rs"]
mod by_hand;
#[allow(dead_code, reason = "what the benchmarks use")]
#[path = "../../benches/calls/mod.rs"]
mod calls;

/// A body of this size is large.
const LARGE: usize = 64 << 10;

/// How often a call allocates, the request that is made for it included. To be lowered when it is fewer.
const OFTEN: [(&str, u64); 3] = [("session", 13), ("stateless legacy", 12), ("2026-07-28", 16)];

/// A service, and the runtime that it is called in.
struct Called {
    runtime: Runtime,
    service: McpService,
}

impl Called {
    fn new(service: McpService) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, service }
    }

    /// The calls of each mode, with a message of so many bytes.
    fn modes(&mut self, bytes: usize) -> Vec<Mode> {
        let session = self.runtime.block_on(open(&mut self.service));
        modes(&session, &"x".repeat(bytes))
    }

    fn answer(&mut self, mode: &Mode) -> Bytes {
        self.runtime.block_on(through_service(&mut self.service, mode))
    }

    /// What a call allocates, once what is made only once is there.
    fn count(&mut self, mode: &Mode) -> AllocationInfo {
        self.answer(mode);
        measure(|| drop(self.answer(mode)))
    }

    /// What the service allocates for a request that is there.
    fn count_request<B>(&mut self, request: Request<B>) -> AllocationInfo
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Debug,
    {
        let answer = self.service.call(request);
        let mut answered = None;
        let counted = measure(|| answered = Some(self.runtime.block_on(answer).unwrap()));
        let body = self.runtime.block_on(answered.unwrap().into_body().collect()).unwrap().to_bytes();
        assert!(body.starts_with(br#"{"jsonrpc":"2.0","id":1,"result":"#), "{body:?}");
        counted
    }
}

/// A server whose tool `echo` takes no arguments, and so reads none.
fn without_arguments() -> McpService {
    Mcp::new("bench", "1.0.0").tool(tool_fn("echo", "Say nothing", || async { "said" })).build().unwrap()
}

#[test]
fn a_call_allocates_no_more_often_than_code_by_hand() {
    let mut called = Called::new(service());
    let modes = called.modes(32);
    for (mode, (name, often)) in modes.iter().zip(OFTEN) {
        assert_eq!(mode.name, name);
        let ours = called.count(mode).count_total;
        let by_hand = || drop(called.runtime.block_on(through_hand(mode)));
        by_hand();
        let by_hand = measure(by_hand).count_total;
        assert!(ours <= often, "{name}: {ours}, and it was {often}");
        assert!(ours <= by_hand, "{name}: {ours}, and {by_hand} by hand");
    }
}

#[test]
fn what_needs_no_handler_allocates_little() {
    let mut called = Called::new(service());
    let session = called.modes(32).remove(0);
    for (message, answered, often) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, 10),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"#, 10),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "", 9),
    ] {
        let mode = Mode { body: message.into(), ..session.clone() };
        let answer = called.answer(&mode);
        assert!(answer.starts_with(answered.as_bytes()) && answer.is_empty() == answered.is_empty(), "{answer:?}");
        let ours = called.count(&mode).count_total;
        assert!(ours <= often, "{message}: {ours}, and it was {often}");
    }
}

#[test]
fn a_body_of_one_frame_is_not_copied() {
    let mut called = Called::new(without_arguments());
    let (small, large) = (called.modes(32), called.modes(LARGE));
    for (small, large) in small.iter().zip(&large) {
        // The first call in a session makes what is kept for it.
        for mode in [small, large] {
            called.answer(mode);
        }
        let [small, large] = [small, large].map(|mode| called.count_request(request(mode)));
        assert_eq!(small.count_total, large.count_total);
        assert_eq!(small.bytes_total, large.bytes_total, "not a byte for what is in the body");
    }
}

#[test]
fn a_body_of_several_frames_is_copied_once() {
    let mut called = Called::new(without_arguments());
    for mode in called.modes(LARGE) {
        let framed = |frames: usize| {
            let frame = |part: &[u8]| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::copy_from_slice(part)));
            let frames: Vec<_> = mode.body.chunks(mode.body.len().div_ceil(frames)).map(frame).collect();
            let mut request = request(&mode).map(|_| StreamBody::new(stream::iter(frames)));
            request.headers_mut().insert("content-length", mode.body.len().into());
            request
        };
        called.answer(&mode);
        let whole = called.count_request(framed(1)).bytes_total;
        for frames in [2, 3, 5, 8] {
            let copied = called.count_request(framed(frames)).bytes_total - whole;
            let body = mode.body.len() as u64;
            assert!((body..=body + 64).contains(&copied), "{}: {copied} bytes in {frames} frames", mode.name);
        }
    }
}

#[test]
fn calls_leave_nothing_behind() {
    let mut called = Called::new(service());
    for mode in called.modes(32).into_iter().chain(called.modes(LARGE)) {
        called.answer(&mode);
        let counted = measure(|| (0..1000).for_each(|_| drop(called.answer(&mode))));
        assert_eq!((counted.count_current, counted.bytes_current), (0, 0), "{}", mode.name);
    }
}

#[test]
fn a_call_allocates_the_same_whatever_else_is_served() {
    let [mut few, mut many] = [1, 1000].map(|tools| Called::new(service_with(tools)));
    for (mode, of_many) in few.modes(32).iter().zip(many.modes(32)) {
        let (few, many) = (few.count(mode), many.count(&of_many));
        assert_eq!((few.count_total, few.bytes_total), (many.count_total, many.bytes_total), "{}", mode.name);
    }
}

#[test]
fn a_list_is_allocated_as_one_however_long_it_is() {
    let [few, many] = [1, 1000].map(|tools| {
        let mut called = Called::new(service_with(tools));
        let (counted, length) = (called.count(&listing()), called.answer(&listing()).len() as u64);
        (counted.count_total, counted.bytes_total - length)
    });
    assert_eq!(few, many, "how often, and how much beside the answer itself");
}

/// All pages but the first are made when they are asked for.
#[test]
fn a_later_page_is_allocated_as_one_and_copied_once() {
    let [few, many] = [101, 500].map(|entries| {
        let named = |number: usize| tool_fn(format!("tool_{number}"), "Say nothing", || async { "said" });
        let served = (0..1001).map(named).fold(Mcp::new("bench", "1.0.0"), Mcp::tool);
        let mut called = Called::new(served.page_size(entries).build().unwrap());
        let first: serde_json::Value = serde_json::from_slice(&called.answer(&listing())).unwrap();
        let cursor = format!(r#""params":{{"cursor":{},"#, first["result"]["nextCursor"]);
        let second = String::from_utf8(listing().body.into()).unwrap().replace(r#""params":{"#, &cursor);
        let second = Mode { body: second.into(), ..listing() };
        let (counted, answer) = (called.count(&second), called.answer(&second));
        let answered: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answered["result"]["tools"].as_array().unwrap().len(), entries);
        (counted.count_total, counted.bytes_total as usize - 2 * answer.len())
    });
    assert_eq!(few, many, "how often, and how much beside the page and the answer with it");
}
