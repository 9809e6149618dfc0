//! JSON strings, written fast.

use bytes::{BufMut, BytesMut};

/// How many bytes are looked at together. The check of a chunk has no early exit, so that it compiles to vector
/// instructions; serde_json's byte-by-byte table is the largest single cost of a 64 KiB answer.
const CHUNK: usize = 32;

/// Writes `text` as a JSON string, quotes included.
pub(crate) fn write_string(out: &mut BytesMut, text: &str) {
    if is_plain(text.as_bytes()) {
        out.reserve(text.len() + 2);
        out.put_u8(b'"');
        out.put_slice(text.as_bytes());
        out.put_u8(b'"');
    } else {
        write_escaped(out, text);
    }
}

fn is_plain(bytes: &[u8]) -> bool {
    bytes.chunks(CHUNK).all(|chunk| {
        let special =
            chunk.iter().fold(false, |found, byte| found | (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\'));
        !special
    })
}

#[cold]
fn write_escaped(out: &mut BytesMut, text: &str) {
    serde_json::to_writer(out.writer(), text).expect("writing a string to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_serde_json_writes() {
        let long = "x".repeat(100);
        for text in ["", "plain", "ünï ☃", "a\"b", "back\\slash", "\u{0}\u{1f}\n\t", &long, &format!("{long}\"{long}")]
        {
            let mut out = BytesMut::new();
            write_string(&mut out, text);
            assert_eq!(std::str::from_utf8(&out).unwrap(), serde_json::to_string(text).unwrap());
        }
    }
}
