//! What sessions, connections and open streams take of the server's memory, as the growth of what is resident.

use std::io::{ErrorKind, Read as _};
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use super::opens::{self, Open};
use super::{sessions as sessions_of, target};
use crate::arguments::{Arguments, Mode};
use crate::connection::Client;
use crate::process::resident;
use crate::request::Target;
use crate::turns::{Turns, Until};
use crate::{Error, check};

/// How many are opened before anything is measured, and stay open.
const BEFORE: usize = 32;

/// How long a server may take to come to rest.
const REST: Duration = Duration::from_millis(700);

/// Of how many sessions it is checked at the end that they are still there.
const SAMPLE: usize = 200;

/// `--count` sessions, opened over a few connections.
pub(super) fn sessions(arguments: &Arguments) -> Result<Value, Error> {
    let (target, address, count) = (target(arguments)?, arguments.address()?, arguments.get("count", 10_000)?);
    let opening = (0..arguments.connections()?).map(|_| Open::new(&target, true));
    let mut opening = Turns::connect(address, opening)?;
    opening.run(Until::Count(BEFORE as u64))?;
    let growth = Growth::begin(arguments, count)?;
    opening.run(Until::Count(count as u64))?;
    let grown = growth.end()?;
    let opened: Vec<&String> = opening.turns().filter_map(|turn| turn.opened.as_ref()).flatten().collect();
    let mut client = Client::connect(address)?;
    for session in opened.iter().step_by((opened.len() / SAMPLE).max(1)) {
        call(&mut client, &target, Some(session))?;
    }
    Ok(grown)
}

/// `--count` connections, each of which has made a call and rests.
pub(super) fn connections(arguments: &Arguments) -> Result<Value, Error> {
    let (target, address, count) = (target(arguments)?, arguments.address()?, arguments.get("count", 2_000)?);
    let session = sessions_of(&target, address, 1)?.remove(0);
    let connect = |_| {
        let mut client = Client::connect(address)?;
        call(&mut client, &target, session.as_deref())?;
        client.inbox.shrink();
        Ok::<_, Error>(client)
    };
    let _before: Vec<Client> = (0..BEFORE).map(connect).collect::<Result<_, _>>()?;
    let growth = Growth::begin(arguments, count)?;
    let mut clients: Vec<Client> = (0..count).map(connect).collect::<Result<_, _>>()?;
    let grown = growth.end()?;
    clients.iter_mut().try_for_each(is_open)?;
    Ok(grown)
}

/// `--count` open streams, each on a connection of its own: GET streams of sessions that are there before, or
/// `subscriptions/listen`.
pub(super) fn streams(arguments: &Arguments) -> Result<Value, Error> {
    let (target, address, count) = (target(arguments)?, arguments.address()?, arguments.get("count", 2_000)?);
    let mut requests = stream_requests(&target, address, BEFORE + count)?;
    let rest = requests.split_off(BEFORE);
    let open = |request: &Vec<u8>| open_stream(address, request);
    let _before: Vec<Client> = requests.iter().map(open).collect::<Result<_, _>>()?;
    let growth = Growth::begin(arguments, count)?;
    let mut clients: Vec<Client> = rest.iter().map(open).collect::<Result<_, _>>()?;
    let grown = growth.end()?;
    clients.iter_mut().try_for_each(is_open)?;
    Ok(grown)
}

/// The requests that open so many streams.
pub(super) fn stream_requests(target: &Target, address: SocketAddr, count: usize) -> Result<Vec<Vec<u8>>, Error> {
    if target.mode == Mode::Modern {
        return Ok(vec![target.listen().bytes; count]);
    }
    let mut client = Client::connect(address)?;
    (0..count).map(|_| opens::open(&mut client, target).map(|session| target.stream(&session))).collect()
}

pub(super) fn open_stream(address: SocketAddr, request: &[u8]) -> Result<Client, Error> {
    let mut client = Client::connect(address)?;
    client.open(request)?;
    client.inbox.shrink();
    Ok(client)
}

fn call(client: &mut Client, target: &Target, session: Option<&str>) -> Result<(), Error> {
    let request = target.echo(session, 32, false);
    check::call(&client.ask(&request.bytes)?, request.id(), request.text()).map(drop)
}

fn is_open(client: &mut Client) -> Result<(), Error> {
    client.stream.set_nonblocking(true)?;
    match client.stream.read(&mut [0; 4096]) {
        Ok(0) => Err("the server has closed a connection".into()),
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error.into()),
        _ => Ok(()),
    }
}

/// How much more of the server's memory is resident than at the beginning.
struct Growth {
    pid: u32,
    count: usize,
    before: u64,
}

impl Growth {
    fn begin(arguments: &Arguments, count: usize) -> Result<Self, Error> {
        sleep(REST);
        let pid = arguments.pid()?;
        Ok(Self { pid, count, before: resident(pid)? })
    }

    fn end(self) -> Result<Value, Error> {
        sleep(REST);
        let after = resident(self.pid)?;
        let each = (after as f64 - self.before as f64) / self.count as f64;
        Ok(json!({ "count": self.count, "before": self.before, "after": after, "bytes_each": each }))
    }
}
