//! Requests in the shape in which clients send them, read by hand.
//!
//! Most of what serde takes for a message goes into the steps from member to member, which are the same in nearly every
//! request. Here they are taken one after the other, and serde_json reads only what may be of any shape. Whatever is not
//! usual is left to [`Message::parse`], which reads it or says what is wrong with it: an escape, a member that is there
//! twice or that is seldom sent, a number that is no small integer, a `null`. So this has to be right about nothing but
//! what it takes.

use std::borrow::Cow;

use serde::Deserialize as _;
use serde_json::value::RawValue;

use super::escape::plain;
use super::id::{Id, Token};
use super::jsonrpc::Message;
use super::meta::Meta;
use super::params::Params;
use super::text::{ObjectText, Text};

/// How many digits a number may have: fewer than any integer of 64 bits.
const MOST_DIGITS: usize = 15;

/// Reads a message into one that is empty. After `None` it holds anything.
pub(super) fn read<'a>(text: &'a str, message: &mut Message<'a>) -> Option<()> {
    let mut reader = Reader { text, at: 0 };
    let mut has_params = false;
    reader.skip_space();
    reader.object(|reader, key| {
        match key {
            "jsonrpc" if message.jsonrpc.is_none() => message.jsonrpc = Some(reader.text()?),
            "id" if message.id == Id::Absent => message.id = reader.id()?,
            "method" if message.method.is_none() => message.method = Some(reader.text()?),
            "params" if !has_params => {
                has_params = true;
                read_params(reader, &mut message.params)?;
            }
            _ => return None,
        }
        Some(())
    })?;
    reader.skip_space();
    (reader.at == text.len()).then_some(())
}

fn read_params<'a>(reader: &mut Reader<'a>, params: &mut Params<'a>) -> Option<()> {
    let mut has_meta = false;
    reader.object(|reader, key| {
        match key {
            "name" if params.name.is_none() => params.name = Some(reader.text()?),
            "arguments" if params.arguments.is_none() => params.arguments = Some(reader.raw_object()?),
            "cursor" if params.cursor.is_none() => params.cursor = Some(reader.text()?),
            // One that is null is none.
            "uri" if params.uri.is_none() && reader.byte()? == b'"' => params.uri = Some(reader.value()?),
            "_meta" if !has_meta => {
                has_meta = true;
                read_meta(reader, &mut params.meta)?;
            }
            _ => return None,
        }
        Some(())
    })
}

fn read_meta<'a>(reader: &mut Reader<'a>, meta: &mut Meta<'a>) -> Option<()> {
    reader.object(|reader, key| {
        match key.strip_prefix("io.modelcontextprotocol/") {
            Some("protocolVersion") if meta.protocol_version.is_none() => meta.protocol_version = Some(reader.text()?),
            Some("clientInfo") if meta.client_info.is_none() => meta.client_info = Some(reader.raw_object()?),
            Some("clientCapabilities") if meta.client_capabilities.is_none() => {
                meta.client_capabilities = Some(reader.raw_object()?);
            }
            Some("logLevel") if meta.log_level.is_none() => meta.log_level = Some(reader.text()?),
            Some("protocolVersion" | "clientInfo" | "clientCapabilities" | "logLevel") => return None,
            None if key == "progressToken" => {
                if meta.progress_token.0 != Id::Absent {
                    return None;
                }
                meta.progress_token = Token(reader.id()?);
            }
            None if key == "traceparent" => {
                // One that is null is none.
                if meta.traceparent.is_some() || reader.byte()? != b'"' {
                    return None;
                }
                meta.traceparent = Some(reader.value()?);
            }
            // What nobody here acts on.
            _ => drop(reader.value()?),
        }
        Some(())
    })
}

/// JSON (RFC 8259) from `at` on.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then(|| self.at += 1)
    }

    /// An object, whose values are read by `member`.
    fn object(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.eat(b'{')?;
        self.skip_space();
        if self.eat(b'}').is_some() {
            return Some(());
        }
        loop {
            let key = self.string()?;
            self.skip_space();
            self.eat(b':')?;
            self.skip_space();
            member(self, key)?;
            self.skip_space();
            if self.eat(b'}').is_some() {
                return Some(());
            }
            self.eat(b',')?;
            self.skip_space();
        }
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let rest = &self.text.as_bytes()[self.at..];
        let length = plain(rest);
        if *rest.get(length)? != b'"' {
            return None;
        }
        let from = self.at;
        self.at += length + 1;
        self.text.get(from..from + length)
    }

    fn text(&mut self) -> Option<Text<'a>> {
        self.string().map(|text| Text(Cow::Borrowed(text)))
    }

    fn id(&mut self) -> Option<Id<'a>> {
        match self.byte()? {
            b'"' => self.string().map(|text| Id::Text(Cow::Borrowed(text))),
            b'0'..=b'9' => self.digits().map(Id::Unsigned),
            _ => None,
        }
    }

    /// An integer without a sign.
    fn digits(&mut self) -> Option<u64> {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // None begins with 0 but 0 itself (RFC 8259, 6), and what goes on as 1.0 or 1e0 does is left.
        if count > MOST_DIGITS
            || (count > 1 && rest[0] == b'0')
            || !matches!(rest.get(count), Some(b',' | b'}' | b' ' | b'\n' | b'\t' | b'\r'))
        {
            return None;
        }
        self.at += count;
        Some(rest[..count].iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
    }

    /// An object that is read later or not at all. It may have a member twice.
    fn raw_object(&mut self) -> Option<ObjectText<'a>> {
        let from = self.at;
        self.object(|reader, _| match reader.byte()? {
            b'"' => reader.skip_string(),
            _ => reader.value().map(drop),
        })?;
        self.text.get(from..self.at).map(ObjectText)
    }

    /// A string with whatever escapes. What they stand for is seen when it is read.
    fn skip_string(&mut self) -> Option<()> {
        self.eat(b'"')?;
        let bytes = self.text.as_bytes();
        loop {
            self.at += plain(&bytes[self.at..]);
            match bytes[self.at..] {
                [b'"', ..] => {
                    self.at += 1;
                    return Some(());
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
                [b'\\', b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(u8::is_ascii_hexdigit) => self.at += 6,
                _ => return None,
            }
        }
    }

    /// Any value, whose grammar is serde_json's to check.
    fn value(&mut self) -> Option<&'a RawValue> {
        let mut deserializer = serde_json::Deserializer::from_str(&self.text[self.at..]);
        let raw = <&RawValue>::deserialize(&mut deserializer).ok()?;
        self.at += raw.get().len();
        Some(raw)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;

    /// What either way makes of a text.
    fn both(text: &str) -> (Option<String>, Option<String>) {
        let (mut by_hand, mut by_serde) = (Message::default(), Message::default());
        let by_hand = read(text, &mut by_hand).map(|()| format!("{by_hand:?}"));
        let by_serde = by_serde.read(text).ok().map(|()| format!("{by_serde:?}"));
        (by_hand, by_serde)
    }

    const MODERN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"ü"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"io.modelcontextprotocol/clientCapabilities":{},"progressToken":7}}}"#;
    const LEGACY: &str = r#"{ "method" : "tools/call", "params" : { "arguments" : { "a" : [1.5e3, null, "\"\\"], "b": "\n\u00e9\"", "c": 1.5 , "b":{} }, "name" : "echo", "_meta": {"progressToken":"p"} }, "jsonrpc" : "2.0" , "id" : "a-b" }"#;

    const ESCAPED: &str = r#"{"jsonrpc":"2.0","id":"ü☃","method":"tools/call","params":{"name":"echo","arguments":{"message":"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \u00e9\ud83d\ude00\" 0123456789 0123456789\\ 0123456789 0123456789 0123456789\n 0123456789 0123456789 0123456789 0123456789 0123456789"}}}"#;
    const READ: &str = r#"{"jsonrpc":"2.0","id":0,"method":"resources/read","params":{"uri":"file:\/\/a","_meta":{"com.example/own":[1,{}],"progressToken":0}}}"#;

    #[test]
    fn what_clients_send_is_usual() {
        let list = r#"{"jsonrpc":"2.0","id":12,"method":"tools/list","params":{"cursor":"x"}}"#;
        let bare = r#"{"method":"ping","jsonrpc":"2.0","id":123456789012345}"#;
        let own = r#"{"method":"tools/call","params":{"name":"echo","arguments":{},"_meta":{"progressToken":0,"com.example/toolUseId":"x","traceparent":"00-0-0-00","com.example/toolUseId":null}},"jsonrpc":"2.0","id":0}"#;
        for text in [
            MODERN,
            LEGACY,
            ESCAPED,
            READ,
            list,
            bare,
            own,
            r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
            "{}",
        ] {
            let (by_hand, by_serde) = both(text);
            assert!(by_hand.is_some(), "{text}");
            assert_eq!(by_hand, by_serde, "{text}");
        }
    }

    #[test]
    fn what_is_not_usual_is_left() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":00,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"traceparent":null}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"progressToken":1,"progressToken":2}}}"#,
            r#"{"jsonrpc":"2.0","id":-1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.0,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1234567890123456,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"params":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{},"_meta":{}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"arguments":[]}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"a":"\u12g4"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"a":"\x"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"a":01}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"a":[1,]}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping"} x"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping""#,
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\u{1}ng\"}",
            "",
        ] {
            assert_eq!(both(text).0, None, "{text}");
        }
    }

    /// How many of the texts that `nothing_is_read_in_another_way` makes are read by hand, at least.
    const SHARE: usize = CASES / 10;
    const CASES: usize = 4096;

    #[test]
    fn nothing_is_read_in_another_way() {
        let edit = (any::<prop::sample::Index>(), 0usize..3, prop::sample::select(PIECES.to_vec()));
        let base = prop::sample::select(vec![MODERN, LEGACY, ESCAPED, READ]);
        let texts = (base, prop::collection::vec(edit, 1..4));
        let config = ProptestConfig { cases: CASES as u32, ..ProptestConfig::default() };
        let by_hand = std::cell::Cell::new(0);
        let checked = TestRunner::new(config).run(&texts, |(base, edits)| {
            let mut text = base.to_owned();
            for (at, removed, piece) in edits {
                let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
                let from = at.index(places.len());
                let to = places.get(from + removed).copied().unwrap_or(text.len());
                text.replace_range(places[from]..to, piece);
            }
            let (hand, serde) = both(&text);
            if hand.is_some() {
                by_hand.set(by_hand.get() + 1);
                prop_assert_eq!(hand, serde, "{}", text);
            }
            Ok(())
        });
        checked.unwrap_or_else(|fault| panic!("{fault}"));
        assert!(by_hand.get() >= SHARE, "{} of {CASES}", by_hand.get());
    }

    /// What texts are made unusual with.
    const PIECES: &[&str] = &[
        "",
        "\"",
        "\\",
        ",",
        ":",
        "{",
        "}",
        "[",
        "]",
        " ",
        "\n",
        "\u{1}",
        "0",
        "1",
        "-",
        ".",
        "e5",
        "null",
        "true",
        "ü",
        "\"id\":2,",
        "\"name\":\"x\",",
        "\"params\":{},",
        "\"_meta\":{},",
        "\"x\":1,",
        "\"\\u0061\":1,",
        "{}",
        "\"a\"",
    ];
}
