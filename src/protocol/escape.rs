//! JSON strings, written fast.

/// How many bytes are looked at together. The check of a chunk has no early exit, so that it compiles to vector
/// instructions; serde_json's byte-by-byte table is the largest single cost of a 64 KiB answer.
const CHUNK: usize = 32;

/// Writes `text` as a JSON string, quotes included.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let (plain, special) = rest.split_at(plain_chunks(rest));
        out.extend_from_slice(plain);
        let (special, after) = special.split_at(special.len().min(CHUNK));
        special.iter().for_each(|byte| write_byte(out, *byte));
        rest = after;
    }
    out.push(b'"');
}

/// How many bytes come before the first chunk that has something to escape.
pub(super) fn plain_chunks(bytes: &[u8]) -> usize {
    let plain =
        bytes.chunks(CHUNK).take_while(|chunk| !chunk.iter().fold(false, |found, byte| found | is_special(*byte)));
    plain.map(<[u8]>::len).sum()
}

/// What must not stand in a JSON string as it is (RFC 8259, 7).
pub(super) fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

fn write_byte(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        0..0x20 => {
            let digits = b"0123456789abcdef";
            return out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                digits[usize::from(byte >> 4)],
                digits[usize::from(byte & 15)],
            ]);
        }
        _ => return out.push(byte),
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_serde_json_writes() {
        let (long, controls) = ("x".repeat(100), (0..0x20).map(char::from).collect::<String>());
        let texts = ["", "plain", "ünï ☃", "a\"b", "back\\slash", "\u{7f}", &controls, &long].map(str::to_owned);
        let mixed = [format!("{long}\"{long}"), format!("{long}\n{}☃\"{long}\\", "ü".repeat(40)), controls.repeat(3)];
        for text in texts.iter().chain(&mixed) {
            let mut out = Vec::new();
            write_string(&mut out, text);
            assert_eq!(std::str::from_utf8(&out).unwrap(), serde_json::to_string(text).unwrap());
        }
    }
}
