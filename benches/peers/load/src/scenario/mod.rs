//! What is measured.

mod calls;
mod events;
mod fan_out;
mod list;
mod memory;
mod opens;

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Error;
use crate::arguments::{Arguments, Mode};
use crate::connection::Client;
use crate::process::{ran, resident};
use crate::request::Target;
use crate::turns::{Done, Turn, Turns, Until};

/// How long a server is asked before it is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// More than any scenario has of connections.
const DESCRIPTORS: u64 = 65_536;

pub(crate) fn run(arguments: &Arguments) -> Result<Value, Error> {
    rlimit::increase_nofile_limit(DESCRIPTORS)?;
    match arguments.scenario.as_str() {
        "calls" => calls::echo(arguments),
        "count" => calls::count(arguments),
        "events" => events::events(arguments),
        "list" => list::list(arguments),
        "opens" => opens::opens(arguments),
        "sessions" => memory::sessions(arguments),
        "connections" => memory::connections(arguments),
        "streams" => memory::streams(arguments),
        "fan_out" => fan_out::fan_out(arguments),
        other => Err(format!("{other}: no such scenario").into()),
    }
}

fn target(arguments: &Arguments) -> Result<Target, Error> {
    Ok(Target { mode: arguments.mode()?, path: arguments.path()?, port: arguments.address()?.port() })
}

/// A session of its own for each of `count` clients, where the mode has sessions.
fn sessions(target: &Target, address: SocketAddr, count: usize) -> Result<Vec<Option<String>>, Error> {
    if target.mode != Mode::Session {
        return Ok(vec![None; count]);
    }
    let mut client = Client::connect(address)?;
    (0..count).map(|_| opens::open(&mut client, target).map(Some)).collect()
}

/// Asks for a while, then for as long as is measured. `--sleeps true`: something else has this core as well, and gets it
/// while there is nothing to do.
fn measure<T: Turn>(arguments: &Arguments, turns: &mut Turns<T>) -> Result<Value, Error> {
    turns.sleeps(arguments.get("sleeps", false)?);
    turns.run(Until::Time(WARM_UP))?;
    let pid = arguments.pid()?.to_string();
    let before = ran(&pid)?;
    let Done { count, time, idle, latencies } = turns.run(Until::Time(arguments.duration()?))?;
    let theirs = ran(&pid)? - before;
    let microseconds = |quantile| latencies.value_at_quantile(quantile) as f64 / 1000.0;
    Ok(json!({
        "count": count,
        "seconds": time.as_secs_f64(),
        "rate": count as f64 / time.as_secs_f64(),
        "p50_us": microseconds(0.5),
        "p99_us": microseconds(0.99),
        "max_us": latencies.max() as f64 / 1000.0,
        // A load generator that never waits measures itself.
        "load_busy": 1.0 - idle.as_secs_f64() / time.as_secs_f64(),
        "server_busy": theirs.as_secs_f64() / time.as_secs_f64(),
        // How many it would have done with a core of its own.
        "per_cpu_second": count as f64 / theirs.as_secs_f64(),
        "resident": resident(arguments.pid()?)?,
    }))
}
