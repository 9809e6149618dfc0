//! What the service costs in actix-web beside a handler of actix-web's that is written by hand: a `tools/call` of an echo
//! tool, through an application with the one and with the other at the same path. No socket.
//!
//! `cargo bench --bench actix` prints for each mode the ratio of the two: 1.0 is the hand-written one.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};

use self::calls::{modes, only_once, ratios, service, sizes};
use self::in_actix::call;

mod by_hand;
mod calls;
mod in_actix;

fn actix(criterion: &mut Criterion) {
    let runtime = actix_web::rt::System::new();
    let mcp = service();
    let (ours, hand) = runtime.block_on(async { (in_actix::ours(&mcp).await, in_actix::hand().await) });
    let session = runtime.block_on(in_actix::open(&ours));
    for (size, message) in sizes() {
        let mut group = criterion.benchmark_group(format!("tools/call in actix-web, {size}"));
        for mode in modes(&session, &message) {
            // The same bytes, or the comparison is of nothing.
            let both = runtime.block_on(async { (call(&ours, &mode).await, call(&hand, &mode).await) });
            assert_eq!(both.0, both.1, "{}", mode.name);
            group.bench_function(format!("{} service", mode.name), |bencher| {
                bencher.iter(|| runtime.block_on(call(&ours, black_box(&mode))));
            });
            group.bench_function(format!("{} by hand", mode.name), |bencher| {
                bencher.iter(|| runtime.block_on(call(&hand, black_box(&mode))));
            });
        }
        group.finish();
        if !only_once() {
            for mode in modes(&session, &message) {
                let through_ours = async || drop(black_box(call(&ours, &mode).await));
                let through_hand = async || drop(black_box(call(&hand, &mode).await));
                let [alternating, hot] = runtime.block_on(ratios(&mode, through_ours, through_hand));
                println!(
                    "ratio, tools/call in actix-web, {size}, {}: {alternating:.2} alternating, {hot:.2} hot",
                    mode.name
                );
            }
        }
    }
}

criterion_group!(benches, actix);
criterion_main!(benches);
