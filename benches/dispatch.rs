//! What the service costs beside the same work written by hand: a `tools/call` of an echo tool, through the service and
//! through a function that parses the request with serde_json and writes the same answer. No socket.
//!
//! `cargo bench --bench dispatch` prints the times, and for each mode the ratio of the two: 1.0 is the hand-written one.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};

use self::bare::{open, through_hand, through_service};
use self::calls::{modes, only_once, ratios, service, sizes};

mod bare;
mod by_hand;
mod calls;

fn dispatch(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut service = service();
    let session = runtime.block_on(open(&mut service));
    for (size, message) in sizes() {
        let mut group = criterion.benchmark_group(format!("tools/call, {size}"));
        for mode in modes(&session, &message) {
            // The same bytes, or the comparison is of nothing.
            let (ours, hand) =
                runtime.block_on(async { (through_service(&mut service, &mode).await, through_hand(&mode).await) });
            assert_eq!(ours, hand, "{}", mode.name);
            group.bench_function(format!("{} service", mode.name), |bencher| {
                bencher.iter(|| runtime.block_on(through_service(&mut service, black_box(&mode))));
            });
            group.bench_function(format!("{} by hand", mode.name), |bencher| {
                bencher.iter(|| runtime.block_on(through_hand(black_box(&mode))));
            });
        }
        group.finish();
        if !only_once() {
            for mode in modes(&session, &message) {
                let ours = async || drop(black_box(through_service(&mut service, &mode).await));
                let by_hand = async || drop(black_box(through_hand(&mode).await));
                let [alternating, hot] = runtime.block_on(ratios(&mode, ours, by_hand));
                println!("ratio, tools/call, {size}, {}: {alternating:.2} alternating, {hot:.2} hot", mode.name);
            }
        }
    }
}

criterion_group!(benches, dispatch);
criterion_main!(benches);
