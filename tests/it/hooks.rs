//! Start hooks: once, in order, before anything is served, and never lost.

use std::{
    error::Error as _,
    future::pending,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mcp_mount::{Lifespan, StartError};
use tokio::{runtime::Runtime, time::Instant};

use crate::support::{pass, secs, soon};

/// What happened, in its order.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(what.into());
    }

    /// What happened since the last time this was asked.
    pub fn read(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A start hook that takes this long.
    fn starts(&self, lifespan: &Lifespan, name: &'static str, takes: Duration) {
        let journal = self.clone();
        lifespan.on_start(name, move || async move {
            pass(takes).await;
            journal.note(name);
            Ok::<_, io::Error>(())
        });
    }

    /// A start hook that fails.
    fn fails(&self, lifespan: &Lifespan, name: &'static str) {
        let journal = self.clone();
        lifespan.on_start(name, move || async move {
            journal.note(name);
            Err(io::Error::other("password zq7secret is wrong"))
        });
    }
}

/// Has an outcome of `start` that is the failure of this hook, told as it should be.
fn failure(outcome: Result<(), StartError>, hook: &str) -> StartError {
    let error = outcome.expect_err("it failed");
    assert_eq!(error.hook(), hook);
    assert!(error.to_string().contains(&format!("`{hook}`")), "{error}");
    error
}

#[tokio::test(start_paused = true)]
async fn they_run_once_and_in_order_for_all_who_wait() {
    let (lifespan, journal) = (Lifespan::new(), Journal::default());
    for (name, takes) in [("slow", 5), ("quick", 0), ("last", 1)] {
        journal.starts(&lifespan, name, secs(takes));
    }
    assert!(!lifespan.is_ready(), "nothing has been started yet");
    pass(secs(60)).await;
    assert_eq!(journal.read(), [""; 0], "nobody asked");
    let begun = Instant::now();
    let starters: Vec<_> = (0..8)
        .map(|_| {
            let lifespan = lifespan.clone();
            tokio::spawn(async move { lifespan.start().await.map(|()| Instant::now()) })
        })
        .collect();
    for starter in starters {
        let started = soon("a start", starter).await.expect("no panic").expect("no failure");
        assert_eq!(started - begun, secs(6));
    }
    assert_eq!(journal.read(), ["slow", "quick", "last"]);
    assert!(lifespan.is_ready());
    soon("again", lifespan.start()).await.expect("no failure");
    assert_eq!(journal.read(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn nothing_to_start_is_started() {
    let lifespan = Lifespan::new();
    assert!(lifespan.is_ready());
    lifespan.start().await.expect("nothing can fail");
}

#[tokio::test(start_paused = true)]
async fn a_starter_that_goes_away_does_not_take_the_hooks_along() {
    let (lifespan, journal) = (Lifespan::new(), Journal::default());
    journal.starts(&lifespan, "first", secs(5));
    journal.starts(&lifespan, "second", secs(5));
    assert!(tokio::time::timeout(secs(1), lifespan.start()).await.is_err(), "it takes longer");
    pass(secs(20)).await;
    assert_eq!(journal.read(), ["first", "second"]);
    assert!(lifespan.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_failure_stays_and_keeps_its_cause_from_clients() {
    let (lifespan, journal) = (Lifespan::new(), Journal::default());
    journal.starts(&lifespan, "first", secs(1));
    journal.fails(&lifespan, "database");
    journal.starts(&lifespan, "never", secs(1));
    let (one, other) = soon("both", async { tokio::join!(lifespan.start(), lifespan.start()) }).await;
    for outcome in [one, other, lifespan.start().await] {
        let error = failure(outcome, "database");
        assert!(!error.to_string().contains("zq7secret"), "{error}");
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("password zq7secret is wrong"));
        assert!(format!("{error:?}").contains("zq7secret"), "who runs the server sees it: {error:?}");
    }
    assert_eq!(journal.read(), ["first", "database"]);
    journal.starts(&lifespan, "late", secs(1));
    failure(lifespan.start().await, "database");
    assert_eq!(journal.read(), [""; 0], "nothing runs after a failure");
    assert!(!lifespan.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure() {
    let at_once = Lifespan::new();
    at_once.on_start("at once", || -> std::future::Ready<io::Result<()>> { panic!("on purpose") });
    let later = Lifespan::new();
    later.on_start("later", || async {
        pass(secs(1)).await;
        if Instant::now().elapsed() < secs(1) {
            panic!("on purpose");
        }
        Ok::<_, io::Error>(())
    });
    for (lifespan, hook) in [(at_once, "at once"), (later, "later")] {
        let error = failure(soon("the start", lifespan.start()).await, hook);
        let cause = error.source().expect("a cause").to_string();
        assert!(cause.contains("panicked") && cause.contains("on purpose"), "{cause}");
        failure(lifespan.start().await, hook);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_comes_late_is_run_by_the_next_start() {
    let (lifespan, journal) = (Lifespan::new(), Journal::default());
    journal.starts(&lifespan, "early", secs(0));
    lifespan.start().await.expect("no failure");
    journal.starts(&lifespan, "late", secs(0));
    assert!(!lifespan.is_ready(), "it waits");
    lifespan.start().await.expect("no failure");
    assert_eq!(journal.read(), ["early", "late"]);
    assert!(lifespan.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_hook_may_register_another_one() {
    let (lifespan, journal) = (Lifespan::new(), Journal::default());
    let (handle, notes) = (lifespan.clone(), journal.clone());
    lifespan.on_start("first", move || async move {
        notes.starts(&handle, "second", secs(1));
        Ok::<_, io::Error>(())
    });
    soon("the start", lifespan.start()).await.expect("no failure");
    assert_eq!(journal.read(), ["second"]);
}

#[tokio::test(start_paused = true)]
async fn drive_serves_when_they_have_run() {
    let (lifespan, journal) = (Lifespan::new(), Journal::default());
    journal.starts(&lifespan, "hook", secs(3));
    let notes = journal.clone();
    let server = async move {
        notes.note("server");
        Ok::<_, io::Error>(())
    };
    soon("drive", lifespan.drive(server)).await.expect("no failure");
    assert_eq!(journal.read(), ["hook", "server"]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_hook_is_the_error_of_drive() {
    let (lifespan, journal) = (Lifespan::new(), Journal::default());
    journal.fails(&lifespan, "database");
    let notes = journal.clone();
    let server = async move {
        notes.note("server");
        pending::<io::Result<()>>().await
    };
    let error = soon("drive", lifespan.drive(server)).await.expect_err("the hook's failure");
    assert!(error.to_string().contains("`database`"), "{error}");
    assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("password zq7secret is wrong"));
    assert!(error.downcast::<StartError>().is_ok_and(|error| error.hook() == "database"));
    assert_eq!(journal.read(), ["database"], "the server is never polled");
    // Any error type that can hold it will do.
    let other = lifespan.drive(async { Err::<(), _>(Box::<dyn std::error::Error>::from("unused")) }).await;
    assert!(other.expect_err("the same").is::<StartError>());
}

#[tokio::test(start_paused = true)]
async fn until_runs_them_in_the_background() {
    let (lifespan, journal) = (Lifespan::new(), Journal::default());
    journal.starts(&lifespan, "hook", secs(3));
    let until = lifespan.until(pending::<()>());
    pass(secs(60)).await;
    assert_eq!(journal.read(), [""; 0], "not before its first poll");
    let until = tokio::spawn(until);
    pass(secs(4)).await;
    assert_eq!(journal.read(), ["hook"]);
    assert!(!until.is_finished());
}

#[tokio::test(start_paused = true)]
async fn what_the_shutdown_came_before_is_not_run() {
    let (lifespan, journal) = (Lifespan::new(), Journal::default());
    journal.starts(&lifespan, "hook", secs(1));
    soon("the shutdown", lifespan.shutdown()).await;
    let error = failure(lifespan.start().await, "hook");
    assert!(error.source().is_none() && error.to_string().contains("shutting down"), "{error}");
    let server = async { pending::<io::Result<()>>().await };
    soon("drive", lifespan.drive(server)).await.expect("a shutdown is no failure");
    pass(secs(60)).await;
    assert_eq!(journal.read(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_stuck_hook_beyond_the_drain() {
    let (lifespan, journal) = (Lifespan::new().grace(secs(3)), Journal::default());
    lifespan.on_start("stuck", pending::<io::Result<()>>);
    let notes = journal.clone();
    lifespan.on_shutdown("never", move || async move { notes.note("never") });
    let driven = {
        let lifespan = lifespan.clone();
        tokio::spawn(async move { lifespan.drive(pending::<io::Result<()>>()).await })
    };
    let waiting = {
        let lifespan = lifespan.clone();
        tokio::spawn(async move { lifespan.start().await })
    };
    pass(secs(60)).await;
    assert!(!driven.is_finished() && !waiting.is_finished());
    let begun = Instant::now();
    soon("the shutdown", lifespan.shutdown()).await;
    assert_eq!(begun.elapsed(), secs(3), "a start that is under way has until the deadline");
    failure(soon("start", waiting).await.expect("no panic"), "stuck");
    soon("drive", driven).await.expect("no panic").expect("a shutdown is no failure");
    assert_eq!(journal.read(), [""; 0], "the server has not started");
}

#[tokio::test(start_paused = true)]
async fn serve_is_an_error_when_one_fails() {
    let lifespan = Lifespan::new();
    Journal::default().fails(&lifespan, "database");
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let error = lifespan.serve(listener, axum::Router::new()).await.expect_err("the hook's failure");
    assert!(error.to_string().contains("`database`"), "{error}");
}

#[test]
fn they_need_no_runtime_of_ours() {
    let (lifespan, journal) = (Lifespan::new(), Journal::default());
    let notes = journal.clone();
    lifespan.on_start("first", move || async move {
        notes.note("first");
        Ok::<_, io::Error>(())
    });
    lifespan.on_start("second", || -> std::future::Ready<io::Result<()>> { panic!("on purpose") });
    failure(futures::executor::block_on(lifespan.start()), "second");
    assert_eq!(journal.read(), ["first"]);
}

/// As when the worker of a web server that had the first request is stopped.
#[test]
fn a_hook_whose_runtime_ends_has_failed() {
    let (lifespan, journal) = (Lifespan::new(), Journal::default());
    lifespan.on_start("stuck", pending::<io::Result<()>>);
    journal.starts(&lifespan, "never", secs(0));
    let gone = Runtime::new().expect("a runtime");
    gone.block_on(async {
        let waits = tokio::time::timeout(Duration::from_millis(20), lifespan.start()).await;
        assert!(waits.is_err());
    });
    drop(gone);
    let next = Runtime::new().expect("a runtime");
    let error = failure(next.block_on(lifespan.start()), "stuck");
    assert!(error.source().is_some_and(|cause| cause.to_string().contains("runtime")), "{error:?}");
    assert_eq!(journal.read(), [""; 0]);
}
