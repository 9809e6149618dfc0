//! Much at once, in several runtimes.

use std::future::Future;
use std::panic::resume_unwind;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::lifespan::spawner;

const THREADS: usize = 4;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Does `work` for each number below `count`, on threads that have a runtime each, a part of it on each. A panic of the
/// work comes back here.
pub(super) async fn at_once<T, F>(count: usize, work: impl Fn(usize) -> F + Clone + Send + 'static) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    let threads = (0..THREADS.min(count)).map(|thread| {
        let work = work.clone();
        let thread = spawner::thread("store-contract", move || {
            // The clock of these runtimes is not the one that a fixture may have paused.
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            let part = join_all((thread..count).step_by(THREADS).map(work));
            let outcome = runtime.block_on(async { timeout(PATIENCE, part).await });
            outcome.unwrap_or_else(|_| panic!("{count} operations at once were not done within {PATIENCE:?}"))
        });
        thread.expect("a thread")
    });
    let outcome = try_join_all(threads).await;
    outcome.unwrap_or_else(|panic| resume_unwind(panic)).into_iter().flatten().collect()
}

/// Waits until something is so, for a few seconds of the runtime's clock. Answers whether it is.
pub(super) async fn eventually(is_so: impl Fn() -> bool) -> bool {
    for _ in 0..500 {
        if is_so() {
            return true;
        }
        sleep(Duration::from_millis(10)).await;
    }
    is_so()
}
