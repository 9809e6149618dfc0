//! `tools/call`: of `echo`, and of `count`, which says something before it answers.

use serde_json::Value;

use super::{measure, sessions, target};
use crate::Error;
use crate::arguments::Arguments;
use crate::check;
use crate::request::Request;
use crate::response::Response;
use crate::turns::{Turn, Turns};

/// How many answers of each connection are parsed in full, before they are checked by position only.
const IN_FULL: u32 = 3;

struct Call {
    request: Request,
    /// What the text must be, unless it is what was to be echoed.
    text: Option<String>,
    /// How many events must come before the answer.
    events: u64,
    answered: u32,
}

impl Turn for Call {
    fn request(&self) -> &[u8] {
        &self.request.bytes
    }

    fn answered(&mut self, response: &Response<'_>) -> Result<bool, Error> {
        let (id, text) = (self.request.id(), self.text.as_ref().map_or(self.request.text(), |text| text.as_bytes()));
        let said = check::call(response, id, text)?;
        if said != self.events {
            return Err(check::wrong(&format!("{said} events came before the answer"), response));
        }
        if self.answered < IN_FULL {
            check::call_in_full(response, id, text)?;
            self.answered += 1;
        }
        self.request.next();
        Ok(true)
    }
}

/// `--size`: the bytes of the message; `--escapes`: whether JSON has to escape some of them.
pub(super) fn echo(arguments: &Arguments) -> Result<Value, Error> {
    let (target, address) = (target(arguments)?, arguments.address()?);
    let (size, escapes) = (arguments.get("size", 32)?, arguments.get("escapes", false)?);
    let sessions = sessions(&target, address, arguments.connections()?)?;
    let calls = sessions.iter().map(|session| Call {
        request: target.echo(session.as_deref(), size, escapes),
        text: None,
        events: 0,
        answered: 0,
    });
    measure(arguments, &mut Turns::connect(address, calls)?)
}

/// `--events`: how many; `--yields`: whether the tool yields after each.
pub(super) fn count(arguments: &Arguments) -> Result<Value, Error> {
    let (target, address) = (target(arguments)?, arguments.address()?);
    let (events, yields) = (arguments.get("events", 1)?, arguments.get("yields", false)?);
    let sessions = sessions(&target, address, arguments.connections()?)?;
    let calls = sessions.iter().map(|session| Call {
        request: target.count(session.as_deref(), events, yields),
        text: Some(format!("counted to {events}")),
        events,
        answered: 0,
    });
    measure(arguments, &mut Turns::connect(address, calls)?)
}
