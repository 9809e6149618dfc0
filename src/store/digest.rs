//! Ids that stand for names.

use sha2::{Digest as _, Sha256};

/// 128 bits of SHA-256, by which names that others choose become an id: nobody finds two that have the same. `of` says what
/// kind of names they are, so that those of another kind have other ids.
pub(crate) fn digest(of: &str, names: &[&[u8]]) -> u128 {
    let mut hash = Sha256::new();
    for name in [of.as_bytes()].iter().chain(names) {
        // So that what ends one name cannot begin the next.
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name);
    }
    let mut first = [0; 16];
    first.copy_from_slice(&hash.finalize()[..16]);
    u128::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_anything_have_other_ids() {
        let mut ids = [
            digest("a", &[]),
            digest("a", &[b""]),
            digest("a", &[b"b"]),
            digest("a", &[b"b", b"c"]),
            digest("a", &[b"bc"]),
            digest("a", &[b"c", b"b"]),
            digest("ab", &[b"c"]),
        ];
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(digest("a", &[b"b"]), digest("a", &[b"b"]));
    }
}
