//! The only place that starts tasks and threads.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use futures_util::FutureExt as _;
use futures_util::future::Either;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

use super::Lifespan;

/// What a panic was raised with.
pub(crate) type Panic = Box<dyn Any + Send>;

/// A panic's message, where it is text.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("with a value that is no text"))
}

impl Lifespan {
    /// Runs `work` to its end, whoever drops the request that it came from. Without a runtime it is dropped.
    pub(crate) fn adopt(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(work);
        }
    }

    /// Runs `work` to its end, whoever drops what waits for it, once that has been polled. What is done at its first poll
    /// costs no task. Without a runtime, and beside as many others as there may be, it goes on as far as somebody waits.
    ///
    /// # Panics
    ///
    /// When `work` does, and where its runtime ends while another one waits for it.
    pub(crate) async fn see_through<T, W>(&self, work: W) -> T
    where
        T: Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        let mut work = Box::pin(work);
        if let Poll::Ready(outcome) = poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await {
            return outcome;
        }
        let place = Arc::clone(&self.shared.seen_through).try_acquire_owned();
        match (Handle::try_current(), place) {
            (Ok(runtime), Ok(place)) => {
                let work = async move {
                    let _place = place;
                    work.await
                };
                runtime.spawn(work).await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
            }
            _ => work.await,
        }
    }
}

/// Runs `work` in a task of its own, which goes on when nobody waits for it; without a runtime, as far as somebody
/// waits. Gives `false` if it did not come to its end.
pub(super) fn detached<W>(work: W) -> impl Future<Output = bool> + Send + use<W>
where
    W: Future<Output = ()> + Send + 'static,
{
    match Handle::try_current() {
        Ok(runtime) => Either::Left(runtime.spawn(work).map(|end| end.is_ok())),
        Err(_) => Either::Right(work.map(|()| true)),
    }
}

/// Runs `work` in a task of its own, which ends when nobody waits for it; without a runtime, in place. A panic ends at
/// this.
pub(super) async fn apart<T, W>(work: W) -> Result<T, Panic>
where
    T: Send + 'static,
    W: Future<Output = T> + Send + 'static,
{
    let Ok(runtime) = Handle::try_current() else {
        return AssertUnwindSafe(work).catch_unwind().await;
    };
    let end = AbortOnDropHandle::new(runtime.spawn(work)).await;
    end.map_err(|error| error.try_into_panic().unwrap_or_else(|_| Box::new("its runtime has ended")))
}

/// Runs `work` in a task of its own on this runtime, until it ends or what is given is dropped.
///
/// # Panics
///
/// Outside of a runtime.
#[cfg(feature = "redis")]
pub(crate) fn while_held(work: impl Future<Output = ()> + Send + 'static) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(Handle::current().spawn(work))
}

/// Runs a future that blocks on a thread of its own. The thread goes on when nobody waits for it any more, and what the
/// future gives is dropped then; whatever has to be held until the thread ends belongs into the future.
///
/// Not on tokio's `spawn_blocking`: a runtime waits for those threads when it ends, so that one that is stuck would hold
/// the process.
///
/// The thread has the current span and subscriber, and the runtime's timers and sockets.
///
/// # Errors
///
/// When there is no runtime, or when the system gives no thread. What the returned future gives is the panic of
/// `future`.
pub(crate) fn on_thread<T, F>(future: F) -> io::Result<impl Future<Output = Result<T, Panic>> + Send + use<T, F>>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let runtime = Handle::try_current().map_err(io::Error::other)?;
    let future = future.in_current_span().with_current_subscriber();
    // Linux shows 15 bytes of a name.
    thread("mcp-blocking", move || runtime.block_on(future))
}

/// Runs `work` on a thread of its own, which needs no runtime. The thread goes on when nobody waits for it.
///
/// # Errors
///
/// When the system gives no thread. What the returned future gives is the panic of `work`.
pub(crate) fn thread<T, W>(name: &str, work: W) -> io::Result<impl Future<Output = Result<T, Panic>> + Send + use<T, W>>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let (done, outcome) = oneshot::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Nothing of what panicked is seen again, so it need not be unwind safe.
        let result = catch_unwind(AssertUnwindSafe(work));
        drop(done.send(result));
    })?;
    Ok(async move { outcome.await.unwrap_or_else(|_| Err(Box::new("its thread ended before it"))) })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::runtime::{Builder, Runtime};
    use tokio::time::sleep;
    use tracing::Span;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn runtimes() -> [Runtime; 2] {
        let [mut one, mut two] = [Builder::new_current_thread(), Builder::new_multi_thread()];
        [one.enable_all().build().unwrap(), two.worker_threads(1).enable_all().build().unwrap()]
    }

    #[test]
    fn a_thread_has_the_timers_and_the_tasks_of_the_runtime() {
        for runtime in runtimes() {
            let outcome = runtime.block_on(async {
                let thread = on_thread(async {
                    sleep(Duration::from_millis(1)).await;
                    let task = Handle::current().spawn(async { 20 });
                    (task.await.unwrap() + 1, thread::current().name().map(str::to_owned))
                });
                thread.unwrap().await.ok()
            });
            assert_eq!(outcome, Some((21, Some("mcp-blocking".to_owned()))));
        }
    }

    #[test]
    fn a_thread_that_is_blocked_holds_up_nothing_else() {
        for runtime in runtimes() {
            let (release, blocked) = mpsc::channel::<()>();
            let outcome = runtime.block_on(async {
                let thread = on_thread(async move { blocked.recv_timeout(LONG).is_ok() }).unwrap();
                // Would never come if the thread were one of the runtime's.
                sleep(Duration::from_millis(1)).await;
                release.send(()).unwrap();
                thread.await.ok()
            });
            assert_eq!(outcome, Some(true));
        }
    }

    #[test]
    fn a_panic_comes_back() {
        for runtime in runtimes() {
            let outcome = runtime.block_on(async { on_thread(async { panic!("on purpose") }).unwrap().await });
            let panic: Panic = outcome.map(|never: ()| never).unwrap_err();
            assert_eq!(panic_text(&*panic), "panicked: on purpose");
        }
    }

    #[test]
    fn a_thread_that_nobody_waits_for_goes_on() {
        for runtime in runtimes() {
            let (release, blocked) = mpsc::channel::<()>();
            let (done, ended) = mpsc::channel();
            runtime.block_on(async {
                drop(on_thread(async move { done.send(blocked.recv_timeout(LONG).is_ok()) }).unwrap());
            });
            release.send(()).unwrap();
            assert_eq!(ended.recv_timeout(LONG), Ok(true));
        }
    }

    /// As a process that ends does: were the thread one of `spawn_blocking`, the runtime would wait for it.
    #[test]
    fn a_runtime_ends_in_spite_of_a_stuck_thread() {
        for runtime in runtimes() {
            let (release, stuck) = mpsc::channel::<()>();
            let (done, ended) = mpsc::channel();
            runtime.block_on(async {
                drop(on_thread(async move { done.send(stuck.recv()) }).unwrap());
            });
            let (dropped, gone) = mpsc::channel();
            let dropping = thread::Builder::new().spawn(move || {
                drop(runtime);
                dropped.send(()).unwrap();
            });
            assert_eq!(gone.recv_timeout(LONG), Ok(()), "the runtime ends at once");
            dropping.unwrap().join().unwrap();
            assert!(ended.try_recv().is_err(), "and the thread is still there");
            release.send(()).unwrap();
            assert_eq!(ended.recv_timeout(LONG), Ok(Ok(())));
        }
    }

    /// Work that waits until it may end, tells that it has, and the end of it.
    fn work(until: oneshot::Receiver<()>, done: &mpsc::Sender<()>) -> impl Future<Output = u8> + Send + use<> {
        let done = done.clone();
        async move {
            drop(until.await);
            done.send(()).unwrap();
            7
        }
    }

    fn at_hand() -> oneshot::Receiver<()> {
        let (_, until) = oneshot::channel();
        until
    }

    #[test]
    fn what_is_seen_through_goes_on_when_nobody_waits() {
        let (lifespan, (done, ended)) = (Lifespan::new(), mpsc::channel());
        for runtime in runtimes() {
            let (go, until) = oneshot::channel();
            runtime.block_on(async {
                let mut waiting = Box::pin(lifespan.see_through(work(until, &done)));
                assert_eq!(waiting.as_mut().now_or_never(), None);
                drop(waiting);
                go.send(()).unwrap();
                while ended.try_recv().is_err() {
                    sleep(Duration::from_millis(1)).await;
                }
            });
        }
    }

    #[test]
    fn what_is_at_hand_needs_neither_a_task_nor_a_runtime() {
        let (lifespan, (done, _ended)) = (Lifespan::new(), mpsc::channel());
        let [runtime, _] = runtimes();
        runtime.block_on(async {
            assert_eq!(lifespan.see_through(work(at_hand(), &done)).await, 7);
            assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
        });
        assert_eq!(lifespan.see_through(work(at_hand(), &done)).now_or_never(), Some(7));
        let (go, until) = oneshot::channel();
        let mut waiting = Box::pin(lifespan.see_through(work(until, &done)));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        go.send(()).unwrap();
        assert_eq!(waiting.as_mut().now_or_never(), Some(7), "without a runtime it is done by who waits");
    }

    #[test]
    fn no_more_goes_on_without_its_client_than_there_are_places() {
        let (lifespan, (done, ended)) = (Lifespan::new(), mpsc::channel());
        let [runtime, _] = runtimes();
        runtime.block_on(async {
            let mut go = Vec::new();
            for _ in 0..=super::super::SEEN_THROUGH {
                let (one, until) = oneshot::channel();
                let mut waiting = Box::pin(lifespan.see_through(work(until, &done)));
                assert_eq!(waiting.as_mut().now_or_never(), None);
                go.push(one);
            }
            assert_eq!(Handle::current().metrics().num_alive_tasks(), super::super::SEEN_THROUGH);
            // The last one had no place, and ended with who waited for it.
            let gone = go.pop().unwrap();
            assert!(gone.send(()).is_err());
            go.into_iter().for_each(|go| go.send(()).unwrap());
            while ended.try_iter().count() == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        });
    }

    #[test]
    fn without_a_runtime_it_is_an_error() {
        assert!(on_thread(async {}).is_err());
    }

    #[test]
    fn a_thread_has_the_span_and_the_subscriber() {
        let subscriber = tracing_subscriber::fmt().with_writer(io::sink).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let span = tracing::error_span!("call");
        let _entered = span.enter();
        for runtime in runtimes() {
            let current = runtime.block_on(async { on_thread(async { Span::current().id() }).unwrap().await.ok() });
            assert!(span.id().is_some());
            assert_eq!(current, Some(span.id()));
        }
    }
}
