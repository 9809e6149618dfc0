//! What only a process of its own can show: real signals, and its exit.

use std::{
    io::{self, BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use mcp_mount::Lifespan;
use tokio::time::Instant;

/// Far beyond the test's own patience.
const HOUR: Duration = Duration::from_secs(3600);

/// Waits for signals as `serve` does, with an hour of lame duck and another one of grace.
#[tokio::test]
#[ignore = "the process that the others start"]
async fn waiting_for_signals() {
    let lifespan = Lifespan::new().lame_duck(HOUR).grace(HOUR);
    lifespan.on_shutdown("goodbye", || async { println!("goodbye") });
    let mut told = Box::pin(lifespan.until_signal());
    assert!(futures::poll!(&mut told).is_pending());
    println!("waiting");
    let watched = lifespan.clone();
    tokio::spawn(async move {
        while watched.is_ready() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        println!("lame duck");
    });
    let server = async {
        told.await;
        println!("told");
        std::future::pending::<io::Result<()>>().await
    };
    lifespan.drive(server).await.expect("no error");
}

fn child(test: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", &format!("processes::{test}"), "--ignored", "--nocapture"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a process")
}

fn terminate(child: &Child) {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

#[test]
fn a_second_signal_ends_a_lame_duck() {
    let mut child = child("waiting_for_signals");
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = stdout.lines().map(|line| line.expect("text"));
    let mut until = |what: &str| lines.by_ref().find(|line| line.ends_with(what)).expect("the process says it");
    until("waiting");
    terminate(&child);
    until("lame duck");
    sleep(Duration::from_millis(100));
    assert!(child.try_wait().expect("a child").is_none(), "one signal is the beginning");
    let begun = Instant::now();
    terminate(&child);
    until("told");
    until("goodbye");
    let status = child.wait().expect("a child");
    assert!(status.success(), "{status}");
    // One second for a server that does not end.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
