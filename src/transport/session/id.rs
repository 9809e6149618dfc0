//! A session's id, as its header has it.

/// Reads an id: 128 bits in 32 lower-case hexadecimal digits, as [`format_id`] writes them.
pub(crate) fn parse_id(value: &[u8]) -> Option<u128> {
    if value.len() != 32 {
        return None;
    }
    // No early exit: the look-up of all digits is what a session's every request pays.
    let mut read = 0;
    let mut half = |digits: &[u8]| {
        digits.iter().fold(0, |id, byte| {
            let digit = DIGITS[usize::from(*byte)];
            read |= digit;
            id << 4 | u64::from(digit)
        })
    };
    let (high, low) = value.split_at(16);
    let id = u128::from(half(high)) << 64 | u128::from(half(low));
    (read < 16).then_some(id)
}

/// What each byte is as a digit of an id: 255 is none.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut digit = 0;
    while digit < 16 {
        digits[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    digits
};

pub(crate) fn format_id(id: u128) -> String {
    format!("{id:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written_and_in_no_other_way() {
        for id in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            assert_eq!(parse_id(format_id(id).as_bytes()), Some(id));
        }
        for bad in [
            "",
            "1",
            "0123456789ABCDEF0123456789ABCDEF",
            "0123456789abcdef0123456789abcde",
            " 123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(parse_id(bad.as_bytes()), None, "{bad}");
        }
        for place in 0..32 {
            for byte in 0..=u8::MAX {
                let mut text = *b"0123456789abcdef0123456789abcdef";
                text[place] = byte;
                let is_digit = matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                assert_eq!(parse_id(&text).is_some(), is_digit, "{byte} at {place}");
            }
        }
    }
}
