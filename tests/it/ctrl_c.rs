//! Ctrl-C, as people press it: a process of its own with an open stream of each era, a call that needs two more seconds,
//! one that never ends, one that never ends on a thread, and a client that has stopped reading.

use std::{
    future::pending,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use axum::Router;
use mcp_mount::{Context, Limits, Mcp, Tool, tool_fn};
use serde_json::{Value, json};
use tokio::{net::TcpListener, time::Instant};

use crate::support::{LATEST_SESSION, MODERN, call_with_progress, initialize, message, modern_meta, secs};

/// How long the server waits for its calls.
const GRACE: Duration = secs(4);

/// Far longer than any of it takes.
const PATIENCE: Duration = secs(30);

fn tools() -> [Tool; 4] {
    [
        tool_fn("nap", "Sleep for two seconds", || async {
            println!("running");
            tokio::time::sleep(secs(2)).await;
            "rested"
        }),
        tool_fn("stuck", "Never end", || async {
            println!("running");
            pending::<()>().await;
        }),
        tool_fn("stuck_thread", "Never end, on a thread", || {
            println!("running");
            thread::sleep(secs(3600));
        })
        .blocking(true),
        tool_fn("flood", "Never be silent", |ctx: Context| async move {
            println!("running");
            for step in 1.. {
                ctx.progress(f64::from(step)).message("x".repeat(10_000)).await;
            }
        }),
    ]
}

/// Serves until a signal comes.
#[tokio::test]
#[ignore = "the process that the other starts"]
async fn serving_until_a_signal() {
    let mcp = Mcp::new("rig", "1.0.0").limits(Limits::new().silence(Duration::ZERO));
    let mcp = tools().into_iter().fold(mcp, Mcp::tool).build().expect("it builds");
    let lifespan = mcp.lifespan().grace(GRACE);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("http://{}", listener.local_addr().expect("an address"));
    let app: Router = Router::new().merge(mcp.at("/mcp"));
    let report = lifespan.serve(listener, app).await.expect("no error");
    println!("finished {}, cut {}, streams {}", report.finished, report.cut, report.streams);
}

struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "ctrl_c::serving_until_a_signal", "--ignored", "--nocapture"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a process");
        let mut server =
            Self { lines: BufReader::new(child.stdout.take().expect("piped")), child, address: ([0; 4], 0).into() };
        let url = server.line("http://");
        server.address = url.split_once("http://").expect("found by it").1.trim().parse().expect("an address");
        server
    }

    /// The next line that the process prints with this in it.
    fn line(&mut self, what: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).expect("text") > 0, "the process says {what:?}");
            if line.contains(what) {
                return line;
            }
        }
    }

    fn send(&self, method: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).expect("the server listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let request = format!(
            "{method} /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             accept: application/json, text/event-stream\r\n{headers}\r\n{body}"
        );
        socket.write_all(request.as_bytes()).expect("the server reads");
        socket
    }

    fn post(&self, headers: &[(&str, &str)], message: &Value) -> TcpStream {
        self.send("POST", headers, &message.to_string())
    }
}

/// What a client reads until its connection ends, and when that is.
fn read(mut socket: TcpStream) -> JoinHandle<(String, Instant)> {
    thread::Builder::new()
        .spawn(move || {
            let mut text = Vec::new();
            socket.read_to_end(&mut text).expect("a clean end");
            (String::from_utf8_lossy(&text).into_owned(), Instant::now())
        })
        .expect("a thread")
}

/// The session that an answer to `initialize` opened.
fn session(mut socket: TcpStream) -> String {
    let mut text = String::new();
    let mut piece = [0; 4096];
    while !text.contains("\r\n\r\n") {
        let read = socket.read(&mut piece).expect("an answer");
        text.push_str(std::str::from_utf8(&piece[..read]).expect("UTF-8"));
    }
    let header = text.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
    header.expect("a session").to_owned()
}

#[tokio::test]
async fn everything_ends_in_its_way_and_the_process_by_itself() {
    let mut server = Server::start();
    let init = initialize(LATEST_SESSION).bytes().await;
    let init: Value = serde_json::from_slice(&init).expect("JSON");
    let session = session(server.post(&[], &init));
    let in_session = [("mcp-session-id", session.as_str())];
    let stream = read(server.send("GET", &in_session, ""));
    let filter = json!({"notifications": {"toolsListChanged": true}, "_meta": modern_meta()});
    let modern = [("mcp-protocol-version", MODERN), ("mcp-method", "subscriptions/listen")];
    let listen = read(server.post(&modern, &message(7, "subscriptions/listen", filter)));
    let call = |id: u32, tool: &str| {
        server.post(&in_session, &message(id, "tools/call", json!({"name": tool, "arguments": {}})))
    };
    let [nap, stuck, thread] = [(1, "nap"), (2, "stuck"), (3, "stuck_thread")].map(|(id, tool)| read(call(id, tool)));
    let unread = server.post(&[], &call_with_progress("flood", json!({})));
    for _ in 0..4 {
        server.line("running");
    }
    // For the sockets of the streams and the flood to be full and open.
    thread::sleep(Duration::from_millis(300));

    let pid = server.child.id().to_string();
    let interrupted = Command::new("kill").args(["-INT", &pid]).status().expect("kill runs");
    assert!(interrupted.success());
    let begun = Instant::now();
    let ended = |handle: JoinHandle<(String, Instant)>| {
        let (text, at) = handle.join().expect("no panic");
        (text, at.duration_since(begun))
    };

    let (text, took) = ended(stream);
    assert!(text.contains("retry: ") && took < secs(1), "the stream of the session after {took:?}: {text}");
    let (text, took) = ended(listen);
    assert!(text.contains(r#""id":7,"result":{"resultType":"complete""#), "the listen after {took:?}: {text}");
    assert!(took < secs(1), "after {took:?}");
    let (text, took) = ended(nap);
    assert!(text.contains("rested") && took < GRACE, "the call that needs two seconds after {took:?}: {text}");
    for stuck in [stuck, thread] {
        let (text, took) = ended(stuck);
        assert!(text.contains("-32603") && text.contains("shutting down"), "after {took:?}: {text}");
        assert!((GRACE - secs(1)..GRACE + secs(1)).contains(&took), "after {took:?}");
    }
    let report = server.line("finished");
    assert!(report.contains("finished 1, cut 3, streams 2"), "{report}");
    let status = server.child.wait().expect("a child");
    assert!(status.success(), "{status}");
    assert!(begun.elapsed() < GRACE + secs(3), "one second for the client that does not read: {:?}", begun.elapsed());
    drop(unread);
}
