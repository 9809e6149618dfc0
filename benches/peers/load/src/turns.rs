//! Asks over several connections: each sends its next request when the last one has been answered (a closed loop).

use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::Error;
use crate::connection::{Inbox, PATIENCE};
use crate::response::Response;

/// What one connection asks.
pub(crate) trait Turn {
    /// What is to be asked now.
    fn request(&self) -> &[u8];

    /// Checks the answer to it, and makes the next request ready. `true`: this completes what is counted.
    fn answered(&mut self, response: &Response<'_>) -> Result<bool, Error>;
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Time(Duration),
    Count(u64),
}

/// What was done.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) count: u64,
    pub(crate) time: Duration,
    /// How much of it there was nothing to do.
    pub(crate) idle: Duration,
    /// In nanoseconds.
    pub(crate) latencies: Histogram<u64>,
}

#[derive(Debug)]
struct Asking<T> {
    stream: TcpStream,
    inbox: Inbox,
    turn: T,
    /// How much of the request has been sent.
    sent: usize,
    waiting: bool,
    /// When what is counted began.
    began: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Turns<T> {
    poll: Poll,
    all: Vec<Asking<T>>,
    sleeps: bool,
}

impl<T: Turn> Turns<T> {
    /// Connects once for each turn.
    pub(crate) fn connect(address: SocketAddr, turns: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let poll = Poll::new()?;
        let mut all = Vec::new();
        for (index, turn) in turns.into_iter().enumerate() {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)?;
            all.push(Asking { stream, inbox: Inbox::default(), turn, sent: 0, waiting: false, began: None });
        }
        Ok(Self { poll, all, sleeps: false })
    }

    /// Whether it sleeps while it waits.
    pub(crate) fn sleeps(&mut self, sleeps: bool) {
        self.sleeps = sleeps;
    }

    /// The turns, to see what they have seen.
    pub(crate) fn turns(&self) -> impl Iterator<Item = &T> {
        self.all.iter().map(|asking| &asking.turn)
    }

    /// Asks until the end, and waits for the answers to what has been asked by then: they count, and so does the time that
    /// they take.
    pub(crate) fn run(&mut self, until: Until) -> Result<Done, Error> {
        let mut done = Done { count: 0, time: Duration::ZERO, idle: Duration::ZERO, latencies: Histogram::new(3)? };
        let began = Instant::now();
        let (deadline, mut more) = match until {
            Until::Time(time) => (Some(began + time), u64::MAX),
            Until::Count(count) => (None, count),
        };
        let mut events = Events::with_capacity(1024);
        let mut open = 0;
        for asking in &mut self.all {
            open += usize::from(more > 0);
            if more > 0 {
                asking.ask()?;
            }
            more = more.saturating_sub(1);
        }
        let mut now = began;
        while open > 0 {
            done.idle += self.wait(&mut events)?;
            for event in &events {
                let asking = &mut self.all[event.token().0];
                let Some(counted) = asking.go_on(event)? else { continue };
                now = Instant::now();
                if counted {
                    let latency = asking.began.map_or(Duration::ZERO, |began| now - began);
                    done.latencies.record(u64::try_from(latency.as_nanos())?)?;
                    done.count += 1;
                    asking.began = None;
                }
                // What was begun is completed.
                let late = deadline.is_some_and(|deadline| now > deadline);
                if !counted || (more > 0 && !late) {
                    more -= u64::from(counted);
                    asking.ask()?;
                } else {
                    open -= 1;
                }
            }
        }
        done.time = now - began;
        Ok(done)
    }

    /// Waits without sleeping, unless it was told to: it has a core of its own, and a server that had to wake it would pay
    /// for that with each answer, the more the slower it is. Answers how long there was nothing.
    fn wait(&mut self, events: &mut Events) -> Result<Duration, Error> {
        if self.sleeps {
            let began = Instant::now();
            self.poll.poll(events, Some(PATIENCE))?;
            let silent = events.is_empty();
            return if silent { Err("the server does not answer".into()) } else { Ok(began.elapsed()) };
        }
        let mut began = None;
        loop {
            self.poll.poll(events, Some(Duration::ZERO))?;
            let waited = began.get_or_insert_with(Instant::now).elapsed();
            if !events.is_empty() {
                return Ok(waited);
            }
            if waited > PATIENCE {
                return Err("the server does not answer".into());
            }
        }
    }
}

impl<T: Turn> Asking<T> {
    fn ask(&mut self) -> Result<(), Error> {
        self.inbox.reset();
        (self.sent, self.waiting) = (0, true);
        self.began.get_or_insert_with(Instant::now);
        self.send()
    }

    fn send(&mut self) -> Result<(), Error> {
        let request = self.turn.request();
        while self.sent < request.len() {
            match self.stream.write(&request[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether an answer is complete, and with it what is counted.
    fn go_on(&mut self, event: &Event) -> Result<Option<bool>, Error> {
        if !self.waiting {
            return Ok(None);
        }
        if event.is_writable() {
            self.send()?;
        }
        if !event.is_readable() {
            return Ok(None);
        }
        loop {
            let full = match self.inbox.read(&mut self.stream) {
                Ok(full) => full,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(format!("the server has gone: {error}").into()),
            };
            if self.inbox.complete()? {
                self.waiting = false;
                return self.turn.answered(&self.inbox.response()?).map(Some);
            }
            if !full {
                return Ok(None);
            }
        }
    }
}
