//! The sign of life of this process: a number in the store that grows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::errand::{Errand, Running};
use super::{Replicas, beat_of};
use crate::lifespan::Lifespan;
use crate::store::Expect;

/// How often it beats. A beat that takes longer is given up for the next one, so that one operation that hangs costs one
/// beat and not all of them.
const BEAT: Duration = Duration::from_secs(1);

/// How long what is left of a process that has stopped is in the store.
const TTL: Duration = Duration::from_secs(60);

/// How soon it is begun anew when the runtime that it was in has ended.
const AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct Heart {
    beats: AtomicU64,
    /// Cancelled when the first beat is in the store.
    begun: CancellationToken,
    errand: Arc<Errand>,
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

    async fn beat_once(&self) {
        let count = self.heart.beats.fetch_add(1, Ordering::Relaxed) + 1;
        let value = Bytes::copy_from_slice(&count.to_be_bytes());
        match timeout(BEAT, self.store.put(beat_of(self.id), value, TTL, Expect::Any)).await {
            Ok(Ok(_)) => self.heart.begun.cancel(),
            Ok(Err(error)) => tracing::debug!(%error, "the sign of life of this process could not be written"),
            Err(_) => tracing::debug!("the sign of life of this process could not be written in time"),
        }
    }
}

/// Beats until the service is gone, through a drain too: its calls have answers to write.
async fn beat(replicas: Weak<Replicas>, _running: Running) {
    while let Some(replicas) = replicas.upgrade() {
        replicas.beat_once().await;
        drop(replicas);
        sleep(BEAT).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

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
