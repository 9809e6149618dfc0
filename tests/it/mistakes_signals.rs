//! actix-web's server that waits for signals by itself, beside a lifespan that does: in a process of its own.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use actix_web::{App, HttpServer};
use http::Method;
use mcp_mount::{Mcp, tool_fn};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    time::sleep,
};

use crate::{
    connection::{Client, promptly},
    support::{Reply, bare, modern_call, secs},
};

/// Set if actix-web has not been told to leave signals alone.
const ITS_OWN: &str = "MCP_MOUNT_TEST_SIGNALS";

const LAME_DUCK: Duration = secs(2);

/// Serves until a signal comes.
#[test]
#[ignore = "the process that the others start"]
fn serving_until_a_signal() {
    let nap = tool_fn("nap", "Sleep for two seconds", || async {
        println!("running");
        sleep(secs(2)).await;
        "rested"
    });
    let mcp = Mcp::new("rig", "1.0.0").tool(nap).build().expect("it builds");
    let lifespan = mcp.lifespan().lame_duck(LAME_DUCK);
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || App::new().service(mcp.scope("/mcp"))).workers(1);
        let server = server.h1_allow_half_closed(false).tcp_nodelay(true);
        let server = if std::env::var_os(ITS_OWN).is_some() { server } else { server.disable_signals() };
        let server = server.bind(("127.0.0.1", 0)).expect("a free port");
        println!("at {}", server.addrs()[0]);
        lifespan.drive_actix(server.run()).await.expect("no error");
    });
}

struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Process {
    async fn start(its_own_signals: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", "mistakes_signals::serving_until_a_signal", "--ignored", "--nocapture"]);
        if its_own_signals {
            command.env(ITS_OWN, "1");
        }
        let command = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut process = Self { child, lines, address: ([0; 4], 0).into() };
        let line = process.line("at ").await;
        process.address = line.rsplit(' ').next().expect("an address").parse().expect("an address");
        process
    }

    /// The next line that has this in it.
    async fn line(&mut self, text: &str) -> String {
        let read = async {
            loop {
                let line = self.lines.next_line().await.expect("text").expect("the process says it");
                if line.contains(text) {
                    return line;
                }
            }
        };
        promptly(text, read).await
    }

    async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().await.expect("kill runs");
        assert!(sent.success());
    }

    /// What becomes of a call that runs when Ctrl-C is pressed.
    async fn interrupted_call(&mut self) -> Option<Reply> {
        let mut client = Client::h1(self.address).await;
        let calling = tokio::spawn(async move {
            let live = client.open_as("localhost", "/mcp", modern_call("nap", json!({})).request()).await.ok()?;
            Some(live.collect().await)
        });
        self.line("running").await;
        self.signal("INT").await;
        let reply = promptly("the call ends", calling).await.expect("no panic");
        promptly("the end", self.child.wait()).await.expect("it ends");
        reply
    }
}

#[tokio::test]
async fn ctrl_c_cuts_calls_where_actix_web_ends_by_itself() {
    let reply = Process::start(false).await.interrupted_call().await;
    assert_eq!(reply.expect("the drain waits for it").text(), "rested");
    let reply = Process::start(true).await.interrupted_call().await;
    assert!(reply.is_none(), "{reply:?}");
}

#[tokio::test]
async fn there_is_no_lame_duck_where_actix_web_ends_by_itself() {
    for its_own_signals in [false, true] {
        let process = Process::start(its_own_signals).await;
        // A process that answers waits for signals already.
        let reply = Client::h1(process.address).await.send(bare(Method::PUT, "")).await;
        assert_eq!(reply.status, 405, "{reply}");
        process.signal("TERM").await;
        // Half of the time that a load balancer has to notice.
        sleep(LAME_DUCK / 2).await;
        let connected = TcpStream::connect(process.address).await;
        assert_eq!(connected.is_err(), its_own_signals, "{connected:?}");
    }
}
