//! `requestState`: what one round leaves to the next, sealed (2026-07-28, basic/patterns/mrtr, «Server Requirements»).
//!
//! It carries the answers that were given and a digest of the question behind each, so that a question that has changed
//! since is asked again. It opens only for the principal, the method, the name and the arguments that it was made for, and
//! only for a while. It does not keep an answer from being used twice: nothing on the server remembers it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use crate::auth::Principal;
use crate::protocol::canonical::canonical;
use crate::server::call::{Arguments, Named};
use crate::server::seal::Keys;
use crate::server::target::Target;

/// The longest `requestState`, as it travels: bytes.
pub(crate) const LONGEST: usize = 64 * 1024;

/// How far the clocks of replicas may be apart.
const LEEWAY: Duration = Duration::from_secs(60);

/// What is sealed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Payload {
    /// Seconds since 1970.
    pub(super) expires: u64,
    /// The answers, each with its key and the digest of its question.
    pub(crate) answers: Vec<(Box<str>, u128, Box<RawValue>)>,
    /// What was computed once, by key.
    pub(crate) kept: Vec<(Box<str>, Box<RawValue>)>,
    /// The questions of the round that ended: the next one brings their answers.
    pub(crate) asked: Vec<(Box<str>, u128)>,
}

/// What a state is made for.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) principal: Option<Principal>,
    pub(crate) target: Arc<Target>,
    pub(crate) arguments: Arguments,
}

/// Seals states, and opens them.
#[derive(Debug)]
pub(crate) struct Seals {
    keys: Keys,
    /// Of the server: others may share its keys.
    name: String,
    lifetime: Duration,
    began: (SystemTime, Instant),
}

/// Why a state is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateFault {
    /// It was not made by this server, or for another principal, method, name or arguments.
    Foreign,
    Expired,
}

/// The answers are more than a state can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the answers so far do not fit into a `requestState` of {} KiB; ask for less, or keep it elsewhere under a handle",
    LONGEST / 1024
)]
pub(crate) struct TooLarge;

impl Seals {
    pub(crate) fn new(keys: Keys, name: &str, lifetime: Duration) -> Self {
        Self { keys, name: name.to_owned(), lifetime, began: (SystemTime::now(), Instant::now()) }
    }

    /// Seals what a round leaves.
    ///
    /// # Errors
    ///
    /// When it would be longer than [`LONGEST`].
    pub(crate) fn seal(&self, mut payload: Payload, binding: &Binding) -> Result<String, TooLarge> {
        payload.expires = (self.now() + self.lifetime).as_secs();
        let plain = serde_json::to_vec(&payload).expect("keys are strings, so it is JSON");
        // A third more, as Base64.
        if plain.len() > LONGEST / 4 * 3 - 64 {
            return Err(TooLarge);
        }
        Ok(self.keys.seal(&plain, &binding.digest(&self.name)))
    }

    pub(crate) fn open(&self, sealed: &str, binding: &Binding) -> Result<Payload, StateFault> {
        if sealed.len() > LONGEST {
            return Err(StateFault::Foreign);
        }
        let plain = self.keys.open(sealed, &binding.digest(&self.name)).ok_or(StateFault::Foreign)?;
        let payload: Payload = serde_json::from_slice(&plain).map_err(|_| StateFault::Foreign)?;
        let (expires, now) = (Duration::from_secs(payload.expires), self.now());
        // One from the future was sealed by a clock that has been set back since.
        if expires < now || expires > now + self.lifetime + LEEWAY {
            return Err(StateFault::Expired);
        }
        Ok(payload)
    }

    /// The time since 1970: by the clock on the wall, which never goes back here.
    fn now(&self) -> Duration {
        let (wall, instant) = self.began;
        let since = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default();
        since(SystemTime::now()).max(since(wall) + instant.elapsed())
    }
}

impl Binding {
    fn digest(&self, server: &str) -> [u8; 32] {
        let mut digest = Sha256::new();
        // Each with its length, so that no two bindings are the same text.
        let mut add = |text: Option<&str>| {
            let length = text.map_or(0, |text| text.len() as u64 + 1);
            digest.update(length.to_be_bytes());
            digest.update(text.unwrap_or_default());
        };
        add(Some(server));
        add(self.principal.as_ref().map(Principal::id));
        add(Some(self.target.method()));
        add(Some(&self.target.name));
        match &self.arguments {
            Arguments::Json(json) => add(Some(&canonical_arguments(json.as_ref()))),
            Arguments::Named(named) => {
                let Named { strings, uri, completion: _ } = &**named;
                add(uri.as_deref());
                let mut strings: Vec<_> = strings.iter().collect();
                strings.sort_unstable();
                for (name, value) in strings {
                    add(Some(name));
                    add(Some(value));
                }
            }
        }
        digest.finalize().into()
    }
}

/// No arguments are the same as an empty object.
fn canonical_arguments(json: Option<&Bytes>) -> String {
    let Some(json) = json else { return "{}".into() };
    match serde_json::from_slice(json) {
        Ok(value) if is_exact(&value) => canonical(&value),
        // As it was sent: what is beyond a `Value` could be told from its neighbour by the handler only.
        _ => String::from_utf8_lossy(json).into_owned(),
    }
}

/// Whether every number is what was written, as far as 64 bits can tell.
fn is_exact(value: &Value) -> bool {
    const LARGEST: f64 = 9e15;
    match value {
        Value::Number(number) => {
            number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|number| number.abs() < LARGEST)
        }
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// The digest of a question: of the text that says all of it.
pub(crate) fn question(text: &str) -> u128 {
    let digest: [u8; 32] = Sha256::digest(text).into();
    let (first, _) = digest.split_first_chunk().expect("32 bytes are more than 16");
    u128::from_be_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{prompt_fn, tool_fn};

    const LIFETIME: Duration = Duration::from_secs(600);

    fn binding(principal: Option<&str>, name: &str, arguments: &'static str) -> Binding {
        Binding {
            principal: principal.map(Principal::new),
            target: tool_fn(name, "", || ()).target,
            arguments: Arguments::Json(Some(Bytes::from_static(arguments.as_bytes()))),
        }
    }

    fn payload(answer: &str) -> Payload {
        let answer = RawValue::from_string(answer.into()).unwrap();
        Payload { answers: vec![("a".into(), 7, answer)], asked: vec![("b".into(), u128::MAX)], ..Payload::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_opens_for_what_it_was_made_for() {
        let seals = Seals::new(Keys::random(), "server", LIFETIME);
        let made_for = binding(Some("alice"), "deploy", r#"{"to":"production","now":true}"#);
        let sealed = seals.seal(payload(r#"{"action":"accept"}"#), &made_for).unwrap();
        let same = binding(Some("alice"), "deploy", r#"{"now": true, "to":"production"}"#);
        let opened = seals.open(&sealed, &same).unwrap();
        assert_eq!(opened.answers[0].2.get(), r#"{"action":"accept"}"#);
        assert_eq!(opened.asked, [("b".into(), u128::MAX)]);
        for other in [
            binding(Some("bob"), "deploy", r#"{"to":"production","now":true}"#),
            binding(None, "deploy", r#"{"to":"production","now":true}"#),
            binding(Some("alice"), "delete", r#"{"to":"production","now":true}"#),
            binding(Some("alice"), "deploy", r#"{"to":"staging","now":true}"#),
            Binding {
                target: prompt_fn("deploy", "", || "").target,
                ..binding(Some("alice"), "deploy", r#"{"to":"production","now":true}"#)
            },
        ] {
            assert_eq!(seals.open(&sealed, &other).unwrap_err(), StateFault::Foreign, "{other:?}");
        }
        let other_server = Seals::new(Keys::random(), "server", LIFETIME);
        assert_eq!(other_server.open(&sealed, &made_for).unwrap_err(), StateFault::Foreign);
    }

    #[tokio::test(start_paused = true)]
    async fn servers_that_share_a_key_do_not_share_their_states() {
        let seals =
            |name| Seals::new(Keys::from_secrets(["a secret that is long enough for two"]).unwrap(), name, LIFETIME);
        let made_for = binding(Some("alice"), "delete", "{}");
        let sealed = seals("notes").seal(payload("1"), &made_for).unwrap();
        assert_eq!(seals("admin").open(&sealed, &made_for).unwrap_err(), StateFault::Foreign);
        assert!(seals("notes").open(&sealed, &made_for).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_that_only_the_handler_can_tell_apart_are_told_apart() {
        let seals = Seals::new(Keys::random(), "server", LIFETIME);
        let [one, next] = [r#"{"amount":18446744073709551617}"#, r#"{"amount":18446744073709551618}"#];
        let sealed = seals.seal(payload("1"), &binding(None, "pay", one)).unwrap();
        assert!(seals.open(&sealed, &binding(None, "pay", one)).is_ok());
        assert_eq!(seals.open(&sealed, &binding(None, "pay", next)).unwrap_err(), StateFault::Foreign);
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_expires() {
        let seals = Seals::new(Keys::random(), "server", LIFETIME);
        let made_for = binding(None, "deploy", "{}");
        let sealed = seals.seal(payload("1"), &made_for).unwrap();
        tokio::time::advance(LIFETIME - Duration::from_secs(5)).await;
        assert!(seals.open(&sealed, &made_for).is_ok());
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(seals.open(&sealed, &made_for).unwrap_err(), StateFault::Expired);
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_from_a_clock_far_ahead_is_not_taken() {
        const KEY: &str = "a secret that is long enough for this";
        let ahead = Seals {
            began: (SystemTime::now() + Duration::from_secs(3600), Instant::now()),
            ..Seals::new(Keys::from_secrets([KEY]).unwrap(), "server", LIFETIME)
        };
        let sealed = ahead.seal(payload("1"), &binding(None, "deploy", "{}")).unwrap();
        let seals = Seals::new(Keys::from_secrets([KEY]).unwrap(), "server", LIFETIME);
        assert_eq!(seals.open(&sealed, &binding(None, "deploy", "{}")).unwrap_err(), StateFault::Expired);
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_is_bounded() {
        let seals = Seals::new(Keys::random(), "server", LIFETIME);
        let made_for = binding(None, "deploy", "{}");
        let answer = |length| payload(&format!("\"{}\"", "x".repeat(length)));
        let fits = seals.seal(answer(48_000), &made_for).unwrap();
        assert!(fits.len() <= LONGEST && seals.open(&fits, &made_for).is_ok());
        assert_eq!(seals.seal(answer(LONGEST), &made_for), Err(TooLarge));
        assert_eq!(seals.open(&"A".repeat(LONGEST + 1), &made_for).unwrap_err(), StateFault::Foreign);
    }
}
