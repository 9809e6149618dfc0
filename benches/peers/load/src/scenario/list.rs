//! `tools/list`, page after page.

use memchr::memmem;
use serde_json::Value;

use super::{measure, sessions, target};
use crate::Error;
use crate::arguments::Arguments;
use crate::check;
use crate::request::{Request, Target};
use crate::response::Response;
use crate::turns::{Turn, Turns};

struct List {
    target: Target,
    session: Option<String>,
    first: Request,
    /// The request for a page after the first.
    next: Option<Request>,
    /// How many tools there must be, and how many have come.
    tools: usize,
    come: usize,
    checked: bool,
}

impl Turn for List {
    fn request(&self) -> &[u8] {
        &self.next.as_ref().unwrap_or(&self.first).bytes
    }

    fn answered(&mut self, response: &Response<'_>) -> Result<bool, Error> {
        let id = self.next.as_ref().unwrap_or(&self.first).id();
        let (answer, _) = check::answer(response)?;
        if !self.checked {
            let result = check::parsed(response, id)?;
            let tools = result["tools"].as_array().ok_or_else(|| check::wrong("no tools", response))?;
            if tools.iter().any(|tool| !tool["name"].is_string() || !tool["inputSchema"].is_object()) {
                return Err(check::wrong("not a tool", response));
            }
            self.checked = true;
        } else if !check::has_id(answer, id) {
            return Err(check::wrong("another id", response));
        }
        self.come += memmem::find_iter(answer, b"\"inputSchema\":").count();
        self.next = cursor(answer).map(|cursor| self.target.list(self.session.as_deref(), Some(cursor)));
        if self.next.is_some() {
            return Ok(false);
        }
        if std::mem::take(&mut self.come) != self.tools {
            return Err(check::wrong("not all tools", response));
        }
        self.first.next();
        Ok(true)
    }
}

/// `nextCursor`. No server here writes one that JSON has to escape.
fn cursor(answer: &[u8]) -> Option<&str> {
    const NAME: &[u8] = b"\"nextCursor\":\"";
    let rest = &answer[memmem::rfind(answer, NAME)? + NAME.len()..];
    std::str::from_utf8(&rest[..memchr::memchr(b'"', rest)?]).ok()
}

/// `--tools`: how many there must be.
pub(super) fn list(arguments: &Arguments) -> Result<Value, Error> {
    let (target, address, tools) = (target(arguments)?, arguments.address()?, arguments.get("tools", 2)?);
    let sessions = sessions(&target, address, arguments.connections()?)?;
    let lists = sessions.into_iter().map(|session| List {
        first: target.list(session.as_deref(), None),
        target: target.clone(),
        session,
        next: None,
        tools,
        come: 0,
        checked: false,
    });
    measure(arguments, &mut Turns::connect(address, lists)?)
}
