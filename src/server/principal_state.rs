//! What handlers keep for a principal from one call to the next, in the store.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::context::{Context, take_turns};
use crate::store::digest::digest;
use crate::store::in_time::{self, PATIENCE};
use crate::store::{Cap, Expect, Key, Kind, Reserved, Store, StoreError, Stored};

/// The longest pause before a write that somebody else was faster than is tried again, as a power of two of 1 ms.
const LONGEST_PAUSE: u32 = 6;

/// How much may be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateLimits {
    pub(crate) bytes: usize,
    pub(crate) keys: usize,
    pub(crate) entries: usize,
    pub(crate) ttl: Duration,
}

/// Where a server keeps it.
pub(crate) struct StateRoom {
    store: Arc<dyn Store>,
    /// Of the server: others may share its store.
    name: String,
    limits: StateLimits,
}

impl StateRoom {
    pub(crate) fn new(store: Arc<dyn Store>, name: &str, limits: StateLimits) -> Self {
        Self { store, name: name.to_owned(), limits }
    }
}

impl fmt::Debug for StateRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateRoom").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// # State of the caller
impl Context {
    /// A value that is kept for the caller from one call to the next, by a key of your choice: any type that can be written
    /// as JSON. It is there in every revision, with and without a session, and on every replica that shares the
    /// [store](crate::Mcp::store). Nobody else's calls have it: it belongs to the [principal](Self::principal), and to
    /// servers of this name.
    ///
    /// ```
    /// use mcp_mount::{Context, StateError};
    ///
    /// async fn remember(ctx: Context) -> Result<String, StateError> {
    ///     let visits = ctx.state::<u32>("visits").update(|visits| visits.unwrap_or(0) + 1).await?;
    ///     Ok(format!("you have been here {visits} times"))
    /// }
    /// # let _ = mcp_mount::tool_fn("remember", "Count visits", remember);
    /// ```
    ///
    /// It is kept for 24 hours after it was last read or written, within [`Limits::state_ttl`](crate::Limits::state_ttl) and
    /// its neighbours, and with the default store until the process ends: what must not be lost belongs into the
    /// application's own database. What all callers share is [`State`](crate::State).
    ///
    /// Where a 2026-07-28 client is [asked](Self#asking-the-client), the handler runs again for each round, and writes again
    /// what it writes before the question: write after it, or within [`once`](Self::once).
    pub fn state<'a, T>(&'a self, key: impl Into<Cow<'a, str>>) -> PrincipalState<'a, T> {
        let (room, key) = (self.state_room(), key.into());
        let place = self.principal().map(|principal| Place::new(&room.name, principal.id(), &key));
        PrincipalState { room, place, key, value: PhantomData }
    }
}

/// Where a value is: names that say nothing of whose it is.
#[derive(Clone, Copy)]
struct Place {
    key: Key,
    group: u128,
}

impl Place {
    fn new(server: &str, principal: &str, key: &str) -> Self {
        let id =
            |names: &[&str]| digest("mcp-mount state 1", &names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>());
        // 0 is no group.
        Self { key: Key::new(Kind::State, id(&[server, principal, key])), group: id(&[server, principal]).max(1) }
    }
}

/// A value that is kept for the caller: from [`Context::state`].
///
/// ```
/// use mcp_mount::{Context, StateError};
///
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// struct Cart { items: Vec<String> }
///
/// async fn add(item: String, ctx: &Context) -> Result<usize, StateError> {
///     let change = |cart: Option<Cart>| {
///         let mut cart = cart.unwrap_or_default();
///         cart.items.push(item.clone());
///         cart
///     };
///     Ok(ctx.state("cart").update(change).await?.items.len())
/// }
///
/// async fn check_out(ctx: &Context) -> Result<Cart, StateError> {
///     Ok(ctx.state::<Cart>("cart").take().await?.unwrap_or_default())
/// }
/// # let _ = (add, check_out);
/// ```
///
/// Each operation fails with [`StateError::NoPrincipal`] where the caller is nobody in particular, and with
/// [`StateError::Store`] where the store fails or has not done it all after 5 s. What was to be written or removed then may
/// have been, or may be yet. With `?` in a tool the client sees neither: errors of handlers are masked.
#[must_use = "it does nothing by itself; read or write it"]
pub struct PrincipalState<'a, T> {
    room: &'a StateRoom,
    /// `None` where nobody in particular is asking.
    place: Option<Place>,
    key: Cow<'a, str>,
    value: PhantomData<fn(T) -> T>,
}

impl<T> PrincipalState<'_, T> {
    /// Removes the value, whatever it is. Answers whether there was one.
    ///
    /// # Errors
    ///
    /// When the caller is nobody in particular, or the store fails, which may have removed it all the same.
    pub async fn remove(&self) -> Result<bool, StateError> {
        take_turns().await;
        Ok(self.room.store.take(self.place()?.key).await?.is_some())
    }

    fn place(&self) -> Result<Place, StateError> {
        self.place.ok_or(StateError::NoPrincipal)
    }

    fn key(&self) -> String {
        self.key.clone().into_owned()
    }

    /// What is there, which lives on.
    async fn read(&self, place: Place) -> Result<Option<Stored>, StateError> {
        Ok(self.room.store.get(place.key, Some(self.room.limits.ttl)).await?)
    }

    /// Writes a value if what is there still has this version, or if there is still nothing. Answers whether it did.
    async fn write(&self, place: Place, json: Bytes, version: Option<u64>) -> Result<bool, StateError> {
        let (store, limits) = (&self.room.store, self.room.limits);
        if let Some(version) = version {
            return Ok(store.put(place.key, json, limits.ttl, Expect::Version(version)).await?);
        }
        let cap = Cap::new(limits.entries, Duration::MAX).in_group(place.group, limits.keys);
        match store.reserve(place.key, json, limits.ttl, cap).await? {
            Reserved::Free | Reserved::Evicted(_) => Ok(true),
            Reserved::There => Ok(false),
            Reserved::Full(retry_after) => Err(StateError::Full { key: self.key(), retry_after }),
        }
    }
}

impl<T: DeserializeOwned> PrincipalState<'_, T> {
    /// Reads the value.
    ///
    /// # Errors
    ///
    /// When what is there is no `T`, the caller is nobody in particular, or the store fails.
    pub async fn get(&self) -> Result<Option<T>, StateError> {
        take_turns().await;
        self.decode(self.read(self.place()?).await?.as_ref())
    }

    /// Reads the value and removes it, even if it is no `T`. Of several that take it at a time, one gets it.
    ///
    /// # Errors
    ///
    /// When what was there is no `T`, the caller is nobody in particular, or the store fails, which may have removed it all
    /// the same: then nobody gets it.
    pub async fn take(&self) -> Result<Option<T>, StateError> {
        take_turns().await;
        self.decode(self.room.store.take(self.place()?.key).await?.as_ref())
    }

    fn decode(&self, stored: Option<&Stored>) -> Result<Option<T>, StateError> {
        let read = |stored: &Stored| serde_json::from_slice(&stored.value);
        // Without the cause, which may show the value.
        stored
            .map(read)
            .transpose()
            .map_err(|_| StateError::NotA { key: self.key(), wanted: std::any::type_name::<T>() })
    }
}

impl<T: Serialize> PrincipalState<'_, T> {
    /// Writes the value, whatever is there. To change one, [`update`](Self::update) it: calls of one caller may run at the
    /// same time.
    ///
    /// ```
    /// # async fn example(ctx: mcp_mount::Context) -> Result<(), mcp_mount::StateError> {
    /// ctx.state("language").set(&"fr".to_owned()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the value is too large, or there is no room for one more, or other writes were faster for 5 s, the caller is
    /// nobody in particular, or the store fails, which may have written it all the same.
    pub async fn set(&self, value: &T) -> Result<(), StateError> {
        take_turns().await;
        let place = self.place()?;
        let json = self.encode(value)?;
        let mut attempts = Attempts::new();
        loop {
            let attempt = async {
                let version = self.read(place).await?.map(|there| there.version);
                self.write(place, json.clone(), version).await
            };
            if attempts.in_time(attempt).await? {
                return Ok(());
            }
            attempts.again().await.ok_or_else(|| StateError::Contended { key: self.key() })?;
        }
    }

    fn encode(&self, value: &T) -> Result<Bytes, StateError> {
        let json = serde_json::to_vec(value).map_err(|source| StateError::NotJson { key: self.key(), source })?;
        let (bytes, max) = (json.len(), self.room.limits.bytes);
        if bytes > max {
            return Err(StateError::TooLarge { key: self.key(), bytes, max });
        }
        Ok(json.into())
    }
}

impl<T: Serialize + DeserializeOwned> PrincipalState<'_, T> {
    /// Changes the value, or makes the first one, and answers what it is now. No change is lost: when another call, here or
    /// on another replica, has written since the value was read, `change` is called again with what is there by then. It
    /// should do nothing but compute.
    ///
    /// # Errors
    ///
    /// When what is there is no `T`, what it becomes is too large, or there is no room for one more, or other writes were
    /// faster for 5 s, the caller is nobody in particular, or the store fails, which may have written the change all the same:
    /// who makes it again may make it twice.
    pub async fn update(&self, mut change: impl FnMut(Option<T>) -> T) -> Result<T, StateError> {
        take_turns().await;
        let place = self.place()?;
        let mut attempts = Attempts::new();
        loop {
            let attempt = async {
                let there = self.read(place).await?;
                let value = change(self.decode(there.as_ref())?);
                let json = self.encode(&value)?;
                let wrote = self.write(place, json, there.map(|there| there.version)).await?;
                Ok(wrote.then_some(value))
            };
            if let Some(value) = attempts.in_time(attempt).await? {
                return Ok(value);
            }
            attempts.again().await.ok_or_else(|| StateError::Contended { key: self.key() })?;
        }
    }
}

impl<T> fmt::Debug for PrincipalState<'_, T> {
    /// Without what would find it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrincipalState").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Attempts to write what others write, too: each round one of them gets through. All together have as much time as one
/// operation of the store.
struct Attempts {
    failed: u32,
    /// How long one took at the most.
    longest: Duration,
    deadline: Instant,
}

impl Attempts {
    fn new() -> Self {
        Self { failed: 0, longest: Duration::ZERO, deadline: Instant::now() + PATIENCE }
    }

    /// The outcome of an attempt, or an error when it has not come in time: whether it wrote is not known then.
    async fn in_time<R>(&mut self, attempt: impl Future<Output = Result<R, StateError>>) -> Result<R, StateError> {
        let began = Instant::now();
        let outcome = timeout_at(self.deadline, attempt).await;
        self.longest = self.longest.max(began.elapsed());
        outcome.unwrap_or_else(|_| Err(in_time::late().into()))
    }

    /// Waits for a random time, so that those who met do not meet again. `None` when another attempt would take too long.
    async fn again(&mut self) -> Option<()> {
        let longest = 1_000 << self.failed.min(LONGEST_PAUSE);
        let pause = Duration::from_micros(Uuid::new_v4().as_u64_pair().0 % longest);
        self.failed += 1;
        if Instant::now() + pause + self.longest >= self.deadline {
            return None;
        }
        sleep(pause).await;
        Some(())
    }
}

/// Why a value was not read or written: from [`Context::state`].
///
/// No text has the value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The caller is nobody in particular, and callers like that must not share a value.
    #[error(
        "the caller is nobody in particular, and state is kept for principals only: \
         `Mcp::principal_from_extension` tells who is asking"
    )]
    NoPrincipal,
    /// The value is larger than [`Limits::state_bytes`](crate::Limits::state_bytes).
    #[error("the state `{key}` has {bytes} bytes of JSON, and `Limits::state_bytes` is {max}")]
    TooLarge {
        /// Which value.
        key: String,
        /// Its size, in bytes of JSON.
        bytes: usize,
        /// What it may be.
        max: usize,
    },
    /// The caller has as many values as [`Limits::state_keys`](crate::Limits::state_keys) allows, or all callers together
    /// as many as [`Limits::state_entries`](crate::Limits::state_entries).
    #[error(
        "there is no room for the state `{key}`: the caller has as many values as `Limits::state_keys` allows, or all \
         callers as many as `Limits::state_entries`"
    )]
    Full {
        /// Which value.
        key: String,
        /// When the first may expire that is there, at the earliest.
        retry_after: Duration,
    },
    /// Other writes were faster, for 5 s.
    #[error("the state `{key}` was written by others all the time")]
    Contended {
        /// Which value.
        key: String,
    },
    /// What is there is of another type, as after an update of the program.
    #[error("the state `{key}` is no `{wanted}`")]
    NotA {
        /// Which value.
        key: String,
        /// The type that was asked for.
        wanted: &'static str,
    },
    /// The value cannot be written as JSON.
    #[error("the state `{key}` cannot be written as JSON")]
    NotJson {
        /// Which value.
        key: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
