//! Server-sent events, read as they arrive (HTML, 9.2.6 «Interpreting an event stream»).

use std::collections::VecDeque;
use std::mem;
use std::str::Utf8Error;
use std::time::Duration;

/// A block that had data or an id; the data is empty where an event only tells its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) data: String,
    pub(super) id: Option<String>,
}

/// Takes bytes in whatever pieces they come.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    /// The last byte was a carriage return, so that a line feed belongs to it.
    after_cr: bool,
    begun: bool,
    block: Block,
    ready: VecDeque<Event>,
    retry: Option<Duration>,
}

#[derive(Debug, Default)]
struct Block {
    data: Option<String>,
    id: Option<String>,
    /// Of another type than `message`, which is the one that clients listen to.
    foreign: bool,
}

impl Parser {
    /// Reads on.
    ///
    /// # Errors
    ///
    /// When a line is not UTF-8, which every event stream is.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), Utf8Error> {
        for &byte in bytes {
            match byte {
                b'\n' if mem::take(&mut self.after_cr) => {}
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    let line = mem::take(&mut self.line);
                    self.line(std::str::from_utf8(&line)?);
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(byte);
                }
            }
        }
        Ok(())
    }

    /// The next event that is complete. What the end of the body leaves without its empty line never becomes one.
    pub(super) fn event(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// How long the server wants a client to wait before it connects again.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    fn line(&mut self, line: &str) {
        let line = if mem::replace(&mut self.begun, true) { line } else { line.trim_start_matches('\u{feff}') };
        if line.is_empty() {
            let block = mem::take(&mut self.block);
            if block.data.is_some() || block.id.is_some() {
                let data = block.data.filter(|_| !block.foreign).unwrap_or_default();
                self.ready.push_back(Event { data, id: block.id });
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.block.data {
                None => self.block.data = Some(value.to_owned()),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
            },
            "id" if !value.contains('\0') => self.block.id = Some(value.to_owned()),
            "event" => self.block.foreign = !matches!(value, "" | "message"),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry);
            }
            // Comments have no name; other fields are not ours.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str, id: Option<&str>) -> Event {
        Event { data: data.to_owned(), id: id.map(str::to_owned) }
    }

    fn parse(pieces: &[&[u8]]) -> (Vec<Event>, Option<Duration>) {
        let mut parser = Parser::default();
        for piece in pieces {
            parser.feed(piece).unwrap();
        }
        (std::iter::from_fn(|| parser.event()).collect(), parser.retry())
    }

    fn events(text: &str) -> Vec<Event> {
        parse(&[text.as_bytes()]).0
    }

    #[test]
    fn an_event_ends_with_an_empty_line() {
        assert_eq!(events("data: a\n\ndata:b\n\n"), [event("a", None), event("b", None)]);
        assert_eq!(events("data: a\n"), [], "an event that was cut off is none");
        assert_eq!(events("\n\n\n"), []);
    }

    #[test]
    fn lines_of_data_are_joined_and_lose_one_space() {
        assert_eq!(events("data: a\ndata:  b\ndata\ndata: c\n\n"), [event("a\n b\n\nc", None)]);
    }

    #[test]
    fn comments_and_unknown_fields_are_skipped() {
        assert_eq!(events(": keep-alive\n\n:\n\nfoo: bar\ndata: a\n: b\n\n"), [event("a", None)]);
    }

    #[test]
    fn an_event_may_tell_its_id_only() {
        assert_eq!(events("id: 7\ndata:\n\n"), [event("", Some("7"))]);
        assert_eq!(events("id: 7\n\n"), [event("", Some("7"))]);
        assert_eq!(events("id: a\0b\ndata: x\n\n"), [event("x", None)]);
    }

    #[test]
    fn other_types_of_events_are_not_heard() {
        assert_eq!(events("event: endpoint\ndata: /x\n\nevent: message\ndata: a\n\n")[1..], [event("a", None)]);
        assert_eq!(events("event: endpoint\ndata: /x\n\n"), [event("", None)]);
    }

    #[test]
    fn retry_is_milliseconds() {
        assert_eq!(parse(&[b"retry: 1500\n\n"]).1, Some(Duration::from_millis(1500)));
        assert_eq!(parse(&[b"retry: 1500\nretry: soon\nretry:\n\n"]).1, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn lines_end_in_three_ways_wherever_the_pieces_end() {
        let wanted = [event("a\nb", Some("1")), event("\u{e9}", None)];
        for end in ["\n", "\r", "\r\n"] {
            let text = "\u{feff}data: a\ndata: b\nid: 1\n\ndata: \u{e9}\n\n".replace('\n', end);
            assert_eq!(events(&text), wanted, "{end:?}");
            for at in 0..text.len() {
                let (first, second) = text.as_bytes().split_at(at);
                assert_eq!(parse(&[first, second]).0, wanted, "{end:?}, cut at {at}");
            }
        }
    }

    #[test]
    fn what_is_not_utf8_is_no_event_stream() {
        assert!(Parser::default().feed(b"data: \xff\n").is_err());
    }
}
