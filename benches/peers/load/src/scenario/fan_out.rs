//! One change, told to many streams: as soon as all have been told, the next.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::memmem;
use mio::net::TcpStream;
use mio::{Events as Ready, Interest, Poll, Token};
use serde_json::{Value, json};

use super::memory::{open_stream, stream_requests};
use super::{WARM_UP, target};
use crate::arguments::Arguments;
use crate::connection::{Client, Inbox, PATIENCE};
use crate::events::Events;
use crate::{Error, check};

struct Listener {
    stream: TcpStream,
    inbox: Inbox,
    events: Events,
    /// How many changes it has been told.
    told: u64,
}

/// `--count`: how many streams.
pub(super) fn fan_out(arguments: &Arguments) -> Result<Value, Error> {
    let (target, address, count) = (target(arguments)?, arguments.address()?, arguments.get("count", 1_000)?);
    let requests = stream_requests(&target, address, count)?;
    let mut listeners = Listeners::open(address, &requests)?;
    let mut client = Client::connect(address)?;
    let announce = target.announce();
    let (mut changes, mut wave) = (0, 0);
    let (mut began, mut warming_up) = (Instant::now(), true);
    let time = loop {
        wave += 1;
        let response = client.ask(&announce)?;
        if response.status != 204 {
            return Err(check::wrong("nothing can be announced", &response));
        }
        listeners.wait(wave)?;
        changes += 1;
        let time = began.elapsed();
        if warming_up && time >= WARM_UP {
            (warming_up, changes, began) = (false, 0, Instant::now());
        } else if !warming_up && time >= arguments.duration()? {
            break time;
        }
    };
    let rate = (changes * count as u64) as f64 / time.as_secs_f64();
    Ok(json!({ "streams": count, "changes": changes, "rate": rate }))
}

struct Listeners {
    poll: Poll,
    all: Vec<Listener>,
}

impl Listeners {
    fn open(address: SocketAddr, requests: &[Vec<u8>]) -> Result<Self, Error> {
        let (poll, mut all) = (Poll::new()?, Vec::new());
        for (index, request) in requests.iter().enumerate() {
            let Client { stream, inbox } = open_stream(address, request)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
            let mut listener = Listener { stream, inbox, events: Events::default(), told: 0 };
            listener.take();
            all.push(listener);
        }
        Ok(Self { poll, all })
    }

    /// Waits until each has been told of so many changes.
    fn wait(&mut self, changes: u64) -> Result<(), Error> {
        let mut missing = self.all.iter().filter(|listener| listener.told < changes).count();
        let mut ready = Ready::with_capacity(1024);
        let deadline = Instant::now() + PATIENCE;
        while missing > 0 {
            self.poll.poll(&mut ready, Some(Duration::from_secs(1)))?;
            for event in &ready {
                let listener = &mut self.all[event.token().0];
                let before = listener.told;
                listener.read()?;
                missing -= usize::from(before < changes && listener.told >= changes);
            }
            if Instant::now() > deadline {
                return Err(format!("{missing} streams were not told of change {changes}").into());
            }
        }
        Ok(())
    }
}

impl Listener {
    fn read(&mut self) -> Result<(), Error> {
        loop {
            let full = match self.inbox.read(&mut self.stream as &mut dyn Read) {
                Ok(full) => full,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(format!("a stream has ended: {error}").into()),
            };
            if self.inbox.complete()? {
                return Err("a stream has ended".into());
            }
            self.take();
            if !full {
                return Ok(());
            }
        }
    }

    fn take(&mut self) {
        let (events, told) = (&mut self.events, &mut self.told);
        self.inbox.piece(|piece| {
            events.feed(piece, |data| {
                *told += u64::from(memmem::find(data, b"notifications/tools/list_changed").is_some());
            });
        });
    }
}
