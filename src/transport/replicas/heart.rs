//! The sign of life of this process: a number in the store that grows.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::errand::{Errand, Running};
use super::{Replicas, beat_of};
use crate::lifespan::Lifespan;
use crate::store::Expect;

/// How often it beats.
const BEAT: Duration = Duration::from_secs(1);

/// How many beats may be on their way to a slow store. None is given up for the next: a store may not do what nobody waits
/// for, so that of beats that are all given up none would ever be there.
const ON_THEIR_WAY: usize = 5;

/// How long what is left of a process that has stopped is in the store.
const TTL: Duration = Duration::from_secs(60);

/// How soon it is begun anew when the runtime that it was in has ended.
const AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct Heart {
    beats: AtomicU64,
    /// How many of them the store has taken.
    taken: AtomicU64,
    /// Cancelled when the first beat is in the store.
    begun: CancellationToken,
    errand: Arc<Errand>,
}

impl Heart {
    /// How many beats the store has taken: what it takes from this process, it takes from others.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }
}

impl Replicas {
    /// Begins the sign of life, and waits until it is in the store, but not for long: who comes back elsewhere for what
    /// this process says finds it alive.
    pub(crate) async fn come_alive(self: &Arc<Self>, lifespan: &Lifespan) {
        if !self.heart.begun.is_cancelled() {
            self.begin_to_beat(lifespan);
            let _ = timeout(BEAT, self.heart.begun.cancelled()).await;
        }
    }

    /// Has the heart beat, and never resolves: to be polled beside what others may come back for.
    pub(crate) async fn stay_alive(self: &Arc<Self>, lifespan: &Lifespan) {
        loop {
            let ended = self.heart.errand.ended();
            self.begin_to_beat(lifespan);
            ended.await;
            sleep(AGAIN).await;
        }
    }

    fn begin_to_beat(self: &Arc<Self>, lifespan: &Lifespan) {
        if let Some(running) = self.heart.errand.begin() {
            lifespan.adopt(beat(Arc::downgrade(self), running));
        }
    }

    /// Beats once. Answers whether the store has taken it. What waits for that does not hold the service.
    pub(super) fn beat_once(&self) -> impl Future<Output = bool> + Send + use<> {
        let (heart, store, key) = (Arc::clone(&self.heart), Arc::clone(&self.store), beat_of(self.id));
        async move {
            let count = heart.beats.fetch_add(1, Ordering::Relaxed) + 1;
            let value = Bytes::copy_from_slice(&count.to_be_bytes());
            match store.put(key, value, TTL, Expect::Any).await {
                Ok(_) => {
                    heart.taken.fetch_add(1, Ordering::AcqRel);
                    true
                }
                Err(error) => {
                    tracing::debug!(%error, "the sign of life of this process could not be written");
                    false
                }
            }
        }
    }
}

/// Beats until the service is gone, through a drain too: its calls have answers to write.
async fn beat(replicas: Weak<Replicas>, _running: Running) {
    let mut on_their_way = FuturesUnordered::new();
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = beats.tick() => {
                let Some(replicas) = replicas.upgrade() else { return };
                if on_their_way.len() < ON_THEIR_WAY {
                    let (beat, begun) = (replicas.beat_once(), replicas.heart.begun.clone());
                    on_their_way.push(async move {
                        if beat.await {
                            begun.cancel();
                        }
                    });
                }
            }
            Some(()) = on_their_way.next() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;
    use crate::store::{Memory, Store};

    /// Runs `work` in a runtime that ends with it.
    fn in_a_runtime<T>(work: impl Future<Output = T>) -> T {
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(work)
    }

    #[test]
    fn it_beats_on_when_the_runtime_that_it_began_in_has_ended() {
        let (memory, lifespan) = (Arc::new(Memory::new()), Lifespan::new());
        let replicas = Arc::new(Replicas::new(Arc::clone(&memory) as Arc<dyn Store>));
        let beat = async || {
            let stored = memory.get(beat_of(replicas.id), None).await.unwrap();
            stored.map(|stored| u64::from_be_bytes(stored.value.as_ref().try_into().unwrap()))
        };
        let first = in_a_runtime(async {
            assert_eq!(beat().await, None);
            replicas.come_alive(&lifespan).await;
            assert_eq!(beat().await, Some(1), "it is there before anything else");
            sleep(BEAT * 3).await;
            beat().await
        });
        assert!(first >= Some(3), "{first:?}");
        in_a_runtime(async {
            let alive = timeout(BEAT * 3, replicas.stay_alive(&lifespan)).await;
            assert!(alive.is_err() && beat().await >= first.map(|first| first + 3), "{:?}", beat().await);
        });
    }
}
