//! Seals what travels through a client, which can neither read it nor change it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Generate as _, Key, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};

/// The least a secret may have: bytes.
const SHORTEST_SECRET: usize = 32;

/// How many keys are tried, the one that seals included.
const MOST_KEYS: usize = 8;

/// The first byte of what is sealed, so that another form can follow one day.
const FORM: u8 = 1;

/// The length of a nonce: so long that one picked at random is never picked again, on whatever replica.
const NONCE: usize = 24;

/// Keys of XChaCha20-Poly1305: the first seals, all of them open.
pub(crate) struct Keys(Vec<XChaCha20Poly1305>);

impl Keys {
    /// A key that only this process has.
    pub(crate) fn random() -> Self {
        Self(vec![XChaCha20Poly1305::new(&Key::<XChaCha20Poly1305>::generate())])
    }

    /// Keys from secrets, which may be texts.
    ///
    /// # Errors
    ///
    /// What is wrong with the secrets, without any of them.
    pub(crate) fn from_secrets<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (index, secret) in secrets.into_iter().enumerate() {
            let secret = secret.as_ref();
            if secret.len() < SHORTEST_SECRET {
                let (number, length) = (index + 1, secret.len());
                return Err(format!(
                    "key {number} has {length} bytes; {SHORTEST_SECRET} random ones are the least, as `openssl rand -base64 32` \
                     prints them"
                ));
            }
            let key = Sha256::new().chain_update(b"mcp-mount requestState 1").chain_update(secret).finalize();
            keys.push(XChaCha20Poly1305::new(&key));
        }
        match keys.len() {
            0 => Err("the list is empty; leave the call out for a random key".into()),
            1..=MOST_KEYS => Ok(Self(keys)),
            count => Err(format!("{count} keys; the newest and one or two before it are enough, {MOST_KEYS} the most")),
        }
    }

    /// Seals a text, which opens only with the same `binding`.
    pub(crate) fn seal(&self, plain: &[u8], binding: &[u8]) -> String {
        let nonce = XNonce::generate();
        let sealed = self.0[0].encrypt(&nonce, Payload { msg: plain, aad: binding });
        // Fails beyond 256 GiB only.
        let sealed = sealed.expect("short enough for the cipher");
        let mut out = Vec::with_capacity(1 + NONCE + sealed.len());
        out.push(FORM);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        URL_SAFE_NO_PAD.encode(out)
    }

    /// Opens what one of the keys has sealed with this `binding`.
    pub(crate) fn open(&self, sealed: &str, binding: &[u8]) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let rest = bytes.strip_prefix(&[FORM])?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        let payload = || Payload { msg: sealed, aad: binding };
        self.0.iter().find_map(|key| key.decrypt(&XNonce::from(*nonce), payload()).ok())
    }
}

impl fmt::Debug for Keys {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "a secret that is long enough, the new one";
    const OLD: &str = "a secret that is long enough, the old one";

    #[test]
    fn only_what_was_sealed_opens_and_only_for_its_binding() {
        let keys = Keys::random();
        let sealed = keys.seal(b"plain text", b"alice");
        assert_eq!(keys.open(&sealed, b"alice").as_deref(), Some(&b"plain text"[..]));
        assert_eq!(keys.open(&sealed, b"bob"), None);
        assert_eq!(Keys::random().open(&sealed, b"alice"), None);
        let bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"plain"));
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            assert_eq!(keys.open(&URL_SAFE_NO_PAD.encode(&changed), b"alice"), None, "byte {index}");
            assert_eq!(keys.open(&URL_SAFE_NO_PAD.encode(&bytes[..index]), b"alice"), None, "up to {index}");
        }
        for other in ["", "not base64!", &format!("{sealed}="), &format!("{sealed}-TAMPERED")] {
            assert_eq!(keys.open(other, b"alice"), None, "{other}");
        }
        assert_ne!(sealed, keys.seal(b"plain text", b"alice"), "each nonce is another one");
    }

    #[test]
    fn a_key_that_was_replaced_opens_as_long_as_it_is_listed() {
        let old = Keys::from_secrets([OLD]).unwrap();
        let sealed = old.seal(b"plain", b"");
        assert!(Keys::from_secrets([NEW, OLD]).unwrap().open(&sealed, b"").is_some());
        assert!(Keys::from_secrets([NEW]).unwrap().open(&sealed, b"").is_none());
        let newer = Keys::from_secrets([NEW, OLD]).unwrap().seal(b"plain", b"");
        assert!(old.open(&newer, b"").is_none(), "the first key seals");
        assert!(Keys::from_secrets([NEW]).unwrap().open(&newer, b"").is_some());
    }

    #[test]
    fn weak_secrets_are_refused_and_never_shown() {
        let fault = Keys::from_secrets([NEW, "hunter2"]).unwrap_err();
        assert!(fault.starts_with("key 2 has 7 bytes") && !fault.contains("hunter2"), "{fault}");
        assert!(Keys::from_secrets(Vec::<String>::new()).unwrap_err().contains("empty"));
        assert!(Keys::from_secrets(vec![NEW; 9]).unwrap_err().contains("9 keys"));
        assert!(!format!("{:?}", Keys::from_secrets([NEW]).unwrap()).contains("secret"));
    }
}
