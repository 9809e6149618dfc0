//! `initialize` and `notifications/initialized`.

use serde_json::Value;

use super::{measure, target};
use crate::Error;
use crate::arguments::Arguments;
use crate::check;
use crate::connection::Client;
use crate::request::{Request, Target};
use crate::response::Response;
use crate::turns::{Turn, Turns};

/// Opens sessions, one after the other.
pub(super) struct Open {
    target: Target,
    initialize: Request,
    /// Of the session that was opened, and whose client has not said that it is ready.
    initialized: Option<Request>,
    /// The ids, if they are wanted.
    pub(super) opened: Option<Vec<String>>,
}

impl Open {
    pub(super) fn new(target: &Target, keep: bool) -> Self {
        let (target, initialize) = (target.clone(), target.initialize());
        Self { target, initialize, initialized: None, opened: keep.then(Vec::new) }
    }
}

impl Turn for Open {
    fn request(&self) -> &[u8] {
        &self.initialized.as_ref().unwrap_or(&self.initialize).bytes
    }

    fn answered(&mut self, response: &Response<'_>) -> Result<bool, Error> {
        if self.initialized.take().is_some() {
            return accepted(response).map(|()| true);
        }
        let id = opened(response, self.initialize.id())?;
        self.initialize.next();
        self.initialized = Some(self.target.initialized(&id));
        if let Some(opened) = &mut self.opened {
            opened.push(id);
        }
        Ok(false)
    }
}

/// Opens one session.
pub(super) fn open(client: &mut Client, target: &Target) -> Result<String, Error> {
    let request = target.initialize();
    let id = opened(&client.ask(&request.bytes)?, request.id())?;
    accepted(&client.ask(&target.initialized(&id).bytes)?)?;
    Ok(id)
}

fn opened(response: &Response<'_>, id: u64) -> Result<String, Error> {
    let result = check::parsed(response, id)?;
    if result["protocolVersion"] != "2025-11-25" {
        return Err(check::wrong("another revision", response));
    }
    let session = response.session.ok_or_else(|| check::wrong("no session", response))?;
    Ok(std::str::from_utf8(session)?.to_owned())
}

fn accepted(response: &Response<'_>) -> Result<(), Error> {
    if response.status == 202 { Ok(()) } else { Err(check::wrong("not accepted", response)) }
}

pub(super) fn opens(arguments: &Arguments) -> Result<Value, Error> {
    let target = target(arguments)?;
    let opens = (0..arguments.connections()?).map(|_| Open::new(&target, false));
    measure(arguments, &mut Turns::connect(arguments.address()?, opens)?)
}
