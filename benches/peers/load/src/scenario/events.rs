//! What one stream of one call carries.

use std::time::Instant;

use serde_json::{Value, json};

use super::{WARM_UP, sessions, target};
use crate::arguments::Arguments;
use crate::connection::Client;
use crate::events::Events;
use crate::request::Request;
use crate::{Error, check};

/// What came of one call.
struct Heard {
    events: u64,
    answered: bool,
}

/// `--events`: how many each call says; `--yields`: whether the tool yields after each.
pub(super) fn events(arguments: &Arguments) -> Result<Value, Error> {
    let (target, address) = (target(arguments)?, arguments.address()?);
    let (events, yields) = (arguments.get("events", 20_000)?, arguments.get("yields", true)?);
    let session = sessions(&target, address, 1)?.remove(0);
    let mut request = target.count(session.as_deref(), events, yields);
    let text = format!("counted to {events}");
    let mut client = Client::connect(address)?;
    let (mut said, mut heard) = (0, 0);
    let mut began = Instant::now();
    let mut warming_up = true;
    let time = loop {
        let one = listen(&mut client, &request, text.as_bytes())?;
        if !one.answered {
            return Err(format!("{} events, and no answer", one.events).into());
        }
        request.next();
        (said, heard) = (said + events, heard + one.events);
        let time = began.elapsed();
        if warming_up && time >= WARM_UP {
            (warming_up, said, heard, began) = (false, 0, 0, Instant::now());
        } else if !warming_up && time >= arguments.duration()? {
            break time;
        }
    };
    Ok(json!({ "said": said, "heard": heard, "rate": heard as f64 / time.as_secs_f64() }))
}

fn listen(client: &mut Client, request: &Request, text: &[u8]) -> Result<Heard, Error> {
    let (mut events, mut heard) = (Events::default(), Heard { events: 0, answered: false });
    let mut hear = |data: &[u8]| {
        if check::says(data) {
            heard.events += 1;
        } else if check::result(data, request.id(), text) {
            heard.answered = true;
        }
    };
    client.send(&request.bytes)?;
    loop {
        let complete = client.read_more()?;
        if client.inbox.decoder.streams() {
            client.inbox.piece(|piece| events.feed(piece, &mut hear));
        } else if complete {
            events.feed(client.inbox.response()?.body, &mut hear);
        }
        if complete {
            return Ok(heard);
        }
    }
}
