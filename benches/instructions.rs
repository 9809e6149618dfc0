//! Calls to count the instructions of: `scripts/instructions` runs this below callgrind. Nothing is timed.
//!
//! `instructions HOST CALL WHO COUNT` makes COUNT calls, as `instructions bare "session, 32 B" service 1000` does. HOST is
//! `bare` or `actix-web`, WHO is `service` or `hand`. Only what runs below `counted` is to be counted.

use std::hint::black_box;
use std::process::ExitCode;

use bytes::Bytes;
use mcp_mount::McpService;

use self::bare::{open, through_hand, through_service};
use self::calls::{Mode, listing, modes, service, service_with, sizes};

mod bare;
#[allow(dead_code, reason = "what is timed")]
mod calls;

mod by_hand;
mod in_actix;

/// Calls before those that are counted, which make what is made once. They are few, or else they would be too many among
/// the calls of functions, which callgrind counts as well.
const WARM_UP: usize = 1;

/// Other services that stay: a heap with holes, as that of an application. In a new one, what a large allocation costs
/// depends on whether it happens to be the last.
fn others() -> McpService {
    service_with(1000)
}

/// Whose instructions are counted.
#[derive(Clone, Copy)]
enum Who {
    Service,
    Hand,
}

/// The function that is looked for by its name: callgrind counts while it runs.
#[inline(never)]
fn counted(calls: &mut dyn FnMut()) {
    calls();
}

/// The calls of one host by their names, as `session, 32 B`.
fn find(session: &str, name: &str) -> Option<Mode> {
    let sized = |(size, message): (&str, String)| {
        modes(session, &message).into_iter().find(|mode| format!("{}, {size}", mode.name) == name)
    };
    sizes().into_iter().find_map(sized)
}

/// The same bytes, or the comparison is of nothing.
fn same(ours: &Bytes, hand: &Bytes) {
    assert!(ours == hand, "the service and the hand-written code differ");
}

fn on_bare(name: &str, who: Who, count: usize) -> Option<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // The same call, on a server of more tools.
    let (name, tools) = name.split_once(" of ").unwrap_or((name, "1"));
    let mut service = service_with(tools.parse().ok()?);
    let session = runtime.block_on(open(&mut service));
    let _others = others();
    let list = listing();
    let listed = name == list.name;
    let mode = if listed { list } else { find(&session, name)? };
    runtime.block_on(async {
        for _ in 0..WARM_UP {
            let ours = through_service(&mut service, &mode).await;
            if listed {
                assert!(ours.starts_with(br#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"#), "a list");
            } else {
                same(&ours, &through_hand(&mode).await);
            }
        }
    });
    counted(&mut || {
        runtime.block_on(async {
            for _ in 0..count {
                match who {
                    Who::Service => drop(black_box(through_service(&mut service, black_box(&mode)).await)),
                    Who::Hand => drop(black_box(through_hand(black_box(&mode)).await)),
                }
            }
        });
    });
    Some(())
}

fn on_actix(name: &str, who: Who, count: usize) -> Option<()> {
    let runtime = actix_web::rt::System::new();
    let (ours, hand) = runtime.block_on(async { (in_actix::ours(&service()).await, in_actix::hand().await) });
    let session = runtime.block_on(in_actix::open(&ours));
    let _others = others();
    let mode = find(&session, name)?;
    runtime.block_on(async {
        for _ in 0..WARM_UP {
            same(&in_actix::call(&ours, &mode).await, &in_actix::call(&hand, &mode).await);
        }
    });
    counted(&mut || {
        runtime.block_on(async {
            for _ in 0..count {
                match who {
                    Who::Service => drop(black_box(in_actix::call(&ours, black_box(&mode)).await)),
                    Who::Hand => drop(black_box(in_actix::call(&hand, black_box(&mode)).await)),
                }
            }
        });
    });
    Some(())
}

fn run(arguments: &[String]) -> Option<()> {
    let [host, call, who, count] = arguments else { return None };
    let who = match who.as_str() {
        "service" => Who::Service,
        "hand" => Who::Hand,
        _ => return None,
    };
    let count = count.parse().ok()?;
    match host.as_str() {
        "bare" => on_bare(call, who, count),
        "actix-web" => on_actix(call, who, count),
        _ => None,
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if run(&arguments).is_none() {
        eprintln!("usage: instructions HOST CALL WHO COUNT; `scripts/instructions` knows them");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
