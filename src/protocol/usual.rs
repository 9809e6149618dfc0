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

use super::escape::{is_special, plain_chunks};
use super::jsonrpc::{Id, Message, Token};
use super::meta::Meta;
use super::params::Params;
use super::text::{ObjectText, Text};

/// How many digits a number may have: fewer than any integer of 64 bits.
const MOST_DIGITS: usize = 15;

/// How many bytes of a string are looked at before it is taken for a long one.
const SHORT: usize = 64;

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
        let Some(key) = key.strip_prefix("io.modelcontextprotocol/") else {
            if key == "progressToken" && meta.progress_token.0 == Id::Absent {
                meta.progress_token = Token(reader.id()?);
                return Some(());
            }
            return None;
        };
        match key {
            "protocolVersion" if meta.protocol_version.is_none() => meta.protocol_version = Some(reader.text()?),
            "clientInfo" if meta.client_info.is_none() => meta.client_info = Some(reader.raw_object()?),
            "clientCapabilities" if meta.client_capabilities.is_none() => {
                meta.client_capabilities = Some(reader.raw_object()?);
            }
            _ => return None,
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
            b'1'..=b'9' => self.digits().map(Id::Unsigned),
            _ => None,
        }
    }

    /// An integer without a sign that does not begin with 0.
    fn digits(&mut self) -> Option<u64> {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // Nor is what goes on as 1.0 or 1e0 does.
        if count > MOST_DIGITS || !matches!(rest.get(count), Some(b',' | b'}' | b' ' | b'\n' | b'\t' | b'\r')) {
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
            _ => reader.skip_value(),
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
    fn skip_value(&mut self) -> Option<()> {
        let mut deserializer = serde_json::Deserializer::from_str(&self.text[self.at..]);
        self.at += <&RawValue>::deserialize(&mut deserializer).ok()?.get().len();
        Some(())
    }
}

/// How many bytes come before one that ends a string, or must not stand in it as it is (RFC 8259, 7).
fn plain(bytes: &[u8]) -> usize {
    // Most strings are short.
    let begin = bytes.len().min(SHORT);
    let count = plain_words(&bytes[..begin]);
    if count < begin {
        return count;
    }
    let count = count + plain_chunks(&bytes[count..]);
    count + plain_words(&bytes[count..])
}

/// The same, eight bytes at a time.
fn plain_words(bytes: &[u8]) -> usize {
    let mut count = 0;
    for word in bytes.chunks_exact(size_of::<u64>()) {
        let special = first_special(u64::from_le_bytes(word.try_into().expect("a word has eight bytes")));
        count += special;
        if special < size_of::<u64>() {
            return count;
        }
    }
    count + bytes[count..].iter().take_while(|byte| !is_special(**byte)).count()
}

/// The first of eight bytes that is special, or 8. All are looked at together: a byte's highest bit is set where a
/// subtraction of its value borrows, or above the first such byte.
fn first_special(bytes: u64) -> usize {
    const EACH: u64 = u64::MAX / 255;
    let below = |bytes: u64, limit: u64| bytes.wrapping_sub(EACH * limit) & !bytes;
    let equal = |byte: u8| below(bytes ^ (EACH * u64::from(byte)), 1);
    let found = (below(bytes, 0x20) | equal(b'"') | equal(b'\\')) & (EACH * 0x80);
    found.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn what_clients_send_is_usual() {
        let list = r#"{"jsonrpc":"2.0","id":12,"method":"tools/list","params":{"cursor":"x"}}"#;
        let bare = r#"{"method":"ping","jsonrpc":"2.0","id":123456789012345}"#;
        for text in [MODERN, LEGACY, list, bare, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "{}"] {
            let (by_hand, by_serde) = both(text);
            assert!(by_hand.is_some(), "{text}");
            assert_eq!(by_hand, by_serde, "{text}");
        }
    }

    #[test]
    fn what_is_not_usual_is_left() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#,
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

    #[test]
    fn the_first_special_byte_is_found_wherever_it_is() {
        for special in (0..0x20).chain([b'"', b'\\']) {
            for at in 0..240 {
                let mut bytes = "ab\u{7f}ü{ }!#[]".repeat(20).into_bytes();
                bytes[at] = special;
                assert_eq!(plain(&bytes), at, "{special} at {at}");
            }
        }
        assert_eq!(plain("ü\u{7f} !#[]x".repeat(5).as_bytes()), 45);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

        /// Whatever is read by hand, serde reads in the same way.
        #[test]
        fn nothing_is_read_in_another_way(
            base in prop::sample::select(vec![MODERN, LEGACY]),
            edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..3, prop::sample::select(PIECES.to_vec())), 1..4),
        ) {
            let mut text = base.to_owned();
            for (at, removed, piece) in edits {
                let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
                let from = at.index(places.len());
                let to = places.get(from + removed).copied().unwrap_or(text.len());
                text.replace_range(places[from]..to, piece);
            }
            let (by_hand, by_serde) = both(&text);
            if by_hand.is_some() {
                prop_assert_eq!(by_hand, by_serde, "{}", text);
            }
        }
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
