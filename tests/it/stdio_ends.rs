//! Messages by lines: how a conversation ends, in this process and in one of its own.

use std::{
    io::{BufRead as _, BufReader as StdReader, Write as _},
    pin::pin,
    process::{Child, Command, Stdio},
    time::Duration,
};

use mcp_mount::{Context, Lifespan, Limits, Mcp, OnDisconnect, Sessions, tool_fn};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    rig::{Probe, patient, rig_with, server, server_with},
    stdio::{Peer, code, modern, modern_call, text},
    support::{LATEST_SESSION, call, message, pass, secs, soon},
};

#[tokio::test(start_paused = true)]
async fn what_came_before_the_end_of_the_input_is_answered() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool()]);
    let mut peer = Peer::of(&mcp);
    let params =
        json!({"protocolVersion": LATEST_SESSION, "capabilities": {}, "clientInfo": {"name": "it", "version": "0"}});
    // As somebody pipes it, without a line break at the end.
    let lines = [message("init", "initialize", params), call("wait", json!({})), message(2, "tools/list", json!({}))];
    peer.write(lines.map(|line| line.to_string()).join("\n")).await;
    let release = async {
        probe.started().await;
        probe.release();
    };
    let (rest, ()) = tokio::join!(peer.leave(), release);
    let mut ids: Vec<_> = rest.iter().map(|answer| answer["id"].to_string()).collect();
    ids.sort();
    assert_eq!(ids, ["\"init\"", "1", "2"]);
    assert!(rest.iter().all(|answer| answer["result"].is_object()), "{rest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_calls_finish_ends_subscriptions_and_then_the_line() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool()]);
    let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
    peer.say(call("wait", json!({}))).await;
    probe.started().await;
    peer.ask(modern("l", "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}))).await;
    let lifespan = mcp.lifespan();
    let mut draining = pin!(lifespan.shutdown());
    assert!(futures::poll!(&mut draining).is_pending());
    assert_eq!(peer.hear().await["id"], "l", "its result");
    let refused = peer.ask(message(3, "tools/list", json!({}))).await;
    assert_eq!((code(&refused), &refused["id"]), (-32603, &json!(3)));
    probe.release();
    assert_eq!(text(&peer.hear().await), "done");
    assert_eq!(peer.hear().await, Value::Null);
    let report = draining.await;
    assert_eq!((report.finished, report.cut, report.streams), (1, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_a_call_is_cut_and_its_client_is_told() {
    let probe = Probe::new();
    let mcp = server([probe.stuck_tool()]);
    let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
    peer.say(call("stuck", json!({}))).await;
    probe.started().await;
    let report = mcp.lifespan().shutdown().await;
    assert_eq!((report.cut, report.elapsed), (1, secs(10)));
    assert_eq!(code(&peer.hear().await), -32603);
    assert_eq!(peer.hear().await, Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_left_and_its_calls_are_cancelled() {
    let probe = Probe::new();
    let mcp = server([probe.stuck_tool().on_disconnect(OnDisconnect::Finish)]);
    let mut peer = Peer::with_pipe(&mcp, 4096);
    peer.initialize(LATEST_SESSION).await;
    peer.say(call("stuck", json!({}))).await;
    probe.started().await;
    for id in 10..100 {
        peer.say(message(id, "tools/list", json!({}))).await;
        tokio::task::yield_now().await;
        if peer.served.is_finished() {
            break;
        }
    }
    let ended = soon("it is left", &mut peer.served).await.expect("no panic");
    assert_eq!(ended.expect_err("it was too slow").kind(), std::io::ErrorKind::TimedOut);
    probe.dropped().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_leaves_nothing() {
    let probe = Probe::new();
    let mcp = server([probe.stuck_tool().on_disconnect(OnDisconnect::Finish)]);
    for _ in 0..3 {
        let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
        peer.say(call("stuck", json!({}))).await;
        probe.started().await;
        let Peer { input, output, served } = peer;
        drop((input, output));
        let began = Instant::now();
        // Who only ends the input may still want the answer, which is the first thing that cannot be written.
        soon("it ends", served).await.expect("no panic").expect("that is no error");
        probe.dropped().await;
        assert_eq!(began.elapsed(), secs(60), "the call's own timeout");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_its_line() {
    let mcp = rig_with(|mcp| mcp.sessions(Sessions::new().max(1))).mcp;
    for _ in 0..3 {
        // There is room for one, and none gives way within this time.
        assert!(Peer::open(&mcp, LATEST_SESSION).await.leave().await.is_empty());
    }
}

/// A host may drop what it has begun to serve, at a timeout of its own, say.
#[tokio::test(start_paused = true)]
async fn who_stops_serving_a_line_leaves_nothing() {
    let probe = Probe::new();
    let tool = probe.stuck_tool().on_disconnect(OnDisconnect::Finish);
    for sessions in [Sessions::new().max(1), Sessions::disabled()] {
        let limits = patient().open_streams(1).calls_in_flight(1);
        let mcp = server_with([tool.clone()], |mcp| mcp.sessions(sessions).limits(limits));
        for _ in 0..3 {
            let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
            peer.say(call("stuck", json!({}))).await;
            probe.started().await;
            peer.served.abort();
            assert!((&mut peer.served).await.expect_err("aborted").is_cancelled());
            probe.dropped().await;
            pass(secs(1)).await;
        }
        let report = mcp.lifespan().shutdown().await;
        assert_eq!((report.cut, report.streams), (0, 0));
    }
}

/// Nobody is left who could answer.
#[tokio::test(start_paused = true)]
async fn with_the_end_of_the_input_questions_are_given_up() {
    let tool = tool_fn("ask", "", |ctx: Context| async move {
        let first = ctx.roots("first").await.map(|roots| roots.len());
        let again = ctx.roots("again").await.map(|roots| roots.len());
        format!("{} / {}", first.expect_err("no answer"), again.expect_err("no answer"))
    });
    let mcp = server_with([tool], |mcp| mcp.limits(patient()));
    let mut peer = Peer::open_with_roots(&mcp).await;
    assert_eq!(peer.ask(call("ask", json!({}))).await["method"], "roots/list");
    let began = Instant::now();
    let rest = peer.leave().await;
    assert_eq!(began.elapsed(), secs(0), "at once");
    assert_eq!(rest.len(), 1, "{rest:?}");
    let [first, again] = ["first", "again"].map(|key| format!("the client cannot be asked `{key}`: it has gone away"));
    assert_eq!(text(&rest[0]), format!("{first} / {again}"));
}

/// A session that could not be told of anything is not opened.
#[tokio::test(start_paused = true)]
async fn initialize_is_refused_where_there_is_no_place_for_the_sessions_stream() {
    let mcp = rig_with(|mcp| mcp.limits(Limits::new().open_streams(1)).sessions(Sessions::new().max(2))).mcp;
    let first = Peer::open(&mcp, LATEST_SESSION).await;
    let mut second = Peer::of(&mcp);
    for _ in 0..3 {
        let refused = second.begin(LATEST_SESSION, json!({})).await;
        assert_eq!(code(&refused), -32603, "{refused}");
    }
    assert_eq!(text(&second.ask(modern_call(1, "echo")).await), "x", "all else is served");
    assert!(first.leave().await.is_empty());
    assert!(second.initialize(LATEST_SESSION).await["result"].is_object());
    assert!(Peer::of(&mcp).begin("1999-01-01", json!({})).await["error"].is_object());
    assert!(second.leave().await.is_empty());
    // One that comes to no session holds no place.
    let mut failed = Peer::of(&mcp);
    let wrong = failed.ask(message("init", "initialize", json!({"protocolVersion": 7}))).await;
    assert!(wrong["error"].is_object(), "{wrong}");
    Peer::open(&mcp, LATEST_SESSION).await;
}

/// Else a client that always has one more would put the end off.
#[tokio::test(start_paused = true)]
async fn a_line_that_ends_takes_no_more_requests() {
    let probe = Probe::new();
    let mcp = server([probe.silent_tool()]);
    let mut peer = Peer::open(&mcp, LATEST_SESSION).await;
    peer.say(call("wait", json!({}))).await;
    probe.started().await;
    let lifespan = mcp.lifespan();
    let mut draining = pin!(lifespan.shutdown());
    assert!(futures::poll!(&mut draining).is_pending());
    pass(secs(1)).await;
    let refused = peer.ask(message(2, "ping", json!({}))).await;
    assert_eq!((code(&refused), &refused["id"]), (-32603, &json!(2)));
    probe.release();
    assert_eq!(text(&peer.hear().await), "done");
    assert_eq!(peer.hear().await, Value::Null);
    draining.await;
}

/// Serves its own standard streams, as a client has launched it.
#[tokio::test]
#[ignore = "the process that the others start"]
async fn serving_stdio() {
    let lifespan = Lifespan::new().grace(secs(5)).lame_duck(secs(3600));
    let slow = tool_fn("slow", "", || async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        "slow"
    });
    let watched = lifespan.clone();
    tokio::spawn(async move {
        let until = async |ready| {
            while watched.is_ready() != ready {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        until(true).await;
        eprintln!("ready");
        until(false).await;
        if !watched.is_draining() {
            eprintln!("lame duck");
        }
    });
    let mcp = Mcp::new("rig", "1")
        .lifespan(&lifespan)
        .tool(slow)
        .on_start("hello", || async {
            eprintln!("hello");
            Ok::<_, String>(())
        })
        .on_shutdown("goodbye", || async { eprintln!("goodbye") })
        .build()
        .unwrap();
    let report = mcp.serve_stdio().await.expect("a clean end");
    eprintln!("finished {} cut {}", report.finished, report.cut);
    // Else the harness would say more on the output.
    std::process::exit(0);
}

fn child() -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "stdio_ends::serving_stdio", "--ignored", "--nocapture", "--quiet"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process")
}

fn said(child: Child) -> String {
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn a_process_ends_with_its_input_and_has_answered_all_of_it() {
    let mut child = child();
    let mut input = child.stdin.take().expect("piped");
    writeln!(input, "{}", modern_call(1, "slow")).expect("somebody reads");
    drop(input);
    let mut output = StdReader::new(child.stdout.take().expect("piped"));
    let mut answered = String::new();
    // The harness has a line of its own.
    while !answered.contains("slow") {
        answered.clear();
        assert!(output.read_line(&mut answered).expect("text") > 0, "no answer");
    }
    let said = said(child);
    assert!(said.starts_with("hello\n") && said.ends_with("goodbye\nfinished 1 cut 0\n"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_process_ends_when_nobody_reads_its_output_any_more() {
    let mut child = child();
    let mut output = StdReader::new(child.stdout.take().expect("piped"));
    // The harness has a line of its own.
    while output.read_line(&mut String::new()).expect("text") <= 1 {}
    drop(output);
    let mut input = child.stdin.take().expect("piped");
    writeln!(input, "{}", modern(1, "server/discover", json!({}))).expect("somebody reads");
    let said = said(child);
    assert!(said.ends_with("goodbye\nfinished 0 cut 0\n"), "{said}");
    drop(input);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_process_whose_input_is_open() {
    let mut child = child();
    let mut input = child.stdin.take().expect("piped");
    writeln!(input, "{}", modern(1, "server/discover", json!({}))).expect("somebody reads");
    let mut output = StdReader::new(child.stdout.take().expect("piped"));
    let mut answered = String::new();
    while !answered.contains("supportedVersions") {
        answered.clear();
        assert!(output.read_line(&mut answered).expect("text") > 0, "no answer");
    }
    let mut lines = StdReader::new(child.stderr.take().expect("piped")).lines().map(|line| line.expect("text"));
    let id = child.id();
    let terminate = || {
        let sent = Command::new("kill").args(["-TERM", &id.to_string()]).status().expect("kill runs");
        assert!(sent.success());
    };
    lines.by_ref().find(|line| line == "ready").expect("the process says it");
    terminate();
    lines.by_ref().find(|line| line == "lame duck").expect("the process says it");
    // The second one ends the lame duck. Sent before the first has come, it would be the same one, and before it is listened
    // for, none: so it is sent until it is heard.
    while child.try_wait().expect("a child").is_none() {
        terminate();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(lines.collect::<Vec<_>>(), ["goodbye", "finished 0 cut 0"]);
    assert!(child.wait().expect("a child").success());
    drop(input);
}
