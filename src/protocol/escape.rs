//! JSON strings, written fast.

/// How many bytes are looked at together. The check of a chunk has no early exit, so that it compiles to vector
/// instructions; serde_json's byte-by-byte table is the largest single cost of a 64 KiB answer.
const CHUNK: usize = 32;

/// How many bytes are looked at by words before a string is taken for a long one.
const SHORT: usize = 64;

/// Writes `text` as a JSON string, quotes included.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (copied, special) = rest.split_at(plain_text(rest));
        out.extend_from_slice(copied);
        let Some((special, after)) = special.split_first() else { break };
        write_escape(out, *special);
        rest = after;
    }
    out.push(b'"');
}

/// How many bytes come before one that ends a string, or must not stand in it as it is (RFC 8259, 7), where more follows than
/// the string: most end soon.
#[inline]
pub(crate) fn plain(bytes: &[u8]) -> usize {
    // Most keys and names end within the first word.
    match bytes.first_chunk().map(|word| first_special(u64::from_le_bytes(*word))) {
        Some(count) if count < size_of::<u64>() => count,
        _ => plain_from_here(bytes),
    }
}

fn plain_from_here(bytes: &[u8]) -> usize {
    let begin = bytes.len().min(SHORT);
    let count = plain_words(&bytes[..begin]);
    if count < begin { count } else { count + plain_text(&bytes[count..]) }
}

/// The same of a text, which may have nothing special at all.
fn plain_text(bytes: &[u8]) -> usize {
    let count = plain_chunks(bytes);
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

/// How many bytes come before the first chunk that has something special.
fn plain_chunks(bytes: &[u8]) -> usize {
    let plain =
        bytes.chunks(CHUNK).take_while(|chunk| !chunk.iter().fold(false, |found, byte| found | is_special(*byte)));
    plain.map(<[u8]>::len).sum()
}

/// What must not stand in a JSON string as it is (RFC 8259, 7).
fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Writes what stands for a byte that is special.
fn write_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        other => {
            let digits = b"0123456789abcdef";
            let (high, low) = (digits[usize::from(other >> 4)], digits[usize::from(other & 15)]);
            return out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
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

    #[test]
    fn the_first_special_byte_is_found_wherever_it_is() {
        for special in (0..0x20).chain([b'"', b'\\']) {
            for at in 0..240 {
                let mut bytes = "ab\u{7f}ü{ }!#[]".repeat(20).into_bytes();
                bytes[at] = special;
                assert_eq!((plain(&bytes), plain_text(&bytes)), (at, at), "{special} at {at}");
            }
        }
        for text in ["", "short", &"ü\u{7f} !#[]x".repeat(5)] {
            assert_eq!((plain(text.as_bytes()), plain_text(text.as_bytes())), (text.len(), text.len()), "{text}");
        }
    }
}
