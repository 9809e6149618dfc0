//! The load generator: one thread, which asks one server and checks every answer. It prints what it measured as one line of
//! JSON.
//!
//! ```text
//! load SCENARIO --port 8000 --path /mcp --mode session|legacy|modern [--NAME VALUE]..
//! ```
//!
//! ```text
//! scenario     what is measured
//!   calls      tools/call of `echo`: how many a second, and how long each takes
//!   count      tools/call of `count`, which says something before it answers
//!   events     what one stream of one call carries
//!   list       tools/list, with every page
//!   opens      `initialize` and `notifications/initialized`
//!   memory     what sessions, connections and open streams take of the server's memory
//!   fan_out    one change, told to many streams
//! turns        asks over several connections, each in turn
//! connection   a connection, and what comes in by it
//! response     HTTP/1.1: heads, lengths, chunks
//! events       text/event-stream
//! request      what is asked, in bytes
//! check        whether what came is the answer
//! process      memory and time of a process
//! arguments    the command line
//! ```

mod arguments;
mod check;
mod connection;
mod events;
mod process;
mod request;
mod response;
mod scenario;
mod turns;

use std::process::ExitCode;

use arguments::Arguments;

/// What went wrong, for people.
type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match Arguments::from_env().and_then(|arguments| scenario::run(&arguments)) {
        Ok(measured) => {
            println!("{measured}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
