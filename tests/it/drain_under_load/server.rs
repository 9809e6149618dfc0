//! The process that is ended, on either host.

use std::{
    future::{Future, pending},
    net::SocketAddr,
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use axum::Router;
use mcp_mount::{Context, DrainReport, Lifespan, Mcp, McpService, Tool, tool_fn};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::TcpListener,
    process::{Child, ChildStdout, Command},
    time::{Instant, interval, sleep, timeout},
};

use super::{NAP, PATIENCE, Plan};

/// What carries the plan to the process, in milliseconds.
const LAME_DUCK: &str = "MCP_MOUNT_TEST_LAME_DUCK";
const GRACE: &str = "MCP_MOUNT_TEST_GRACE";
/// Set if HTTP/2 has to be served as well, which axum always does.
const HTTP2: &str = "MCP_MOUNT_TEST_HTTP2";

/// Where it listens: wherever there is a place.
const ANY: (&str, u16) = ("127.0.0.1", 0);

/// How often the lists of the server change, which its streams are told.
const CHANGES: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    Axum,
    #[cfg(feature = "actix-web")]
    ActixWeb,
}

impl Host {
    fn test(self) -> &'static str {
        match self {
            Self::Axum => "drain_under_load::server::serving_on_axum",
            #[cfg(feature = "actix-web")]
            Self::ActixWeb => "drain_under_load::server::serving_on_actix_web",
        }
    }

    /// Whether it tells clients of HTTP/2 to go. actix-web does not (its HTTP/2 sends no GOAWAY), nor does it close a
    /// connection without a request where it also serves HTTP/2 without TLS: its workers wait for the clients, and are
    /// given up after the deadline.
    pub fn ends_http2(self) -> bool {
        self == Self::Axum
    }

    /// How long after its last answer the process may still be there.
    pub fn tidies_up_within(self) -> Duration {
        match self {
            Self::Axum => Duration::from_secs(1),
            // Its workers look once a second whether their connections have gone.
            #[cfg(feature = "actix-web")]
            Self::ActixWeb => Duration::from_secs(2),
        }
    }
}

/// Naps that began: calls that the server has accepted.
static STARTED: AtomicUsize = AtomicUsize::new(0);

fn tools() -> [Tool; 4] {
    [
        tool_fn("nap", "Sleep for a while", || async {
            STARTED.fetch_add(1, Relaxed);
            sleep(NAP).await;
            "rested"
        }),
        tool_fn("stuck", "Never end", || async {
            println!("running");
            pending::<()>().await;
        }),
        tool_fn("stuck_thread", "Never end, on a thread", || {
            println!("running");
            std::thread::sleep(Duration::from_secs(3600));
        })
        .blocking(true),
        tool_fn("flood", "Never be silent", |ctx: Context| async move {
            println!("running");
            for _ in 0..u64::MAX {
                ctx.info("x".repeat(10_000)).await;
            }
        }),
    ]
}

fn built() -> (McpService, Lifespan) {
    let setting = |name| {
        let value = std::env::var(name).expect("set by the test that starts this");
        Duration::from_millis(value.parse().expect("milliseconds"))
    };
    let mcp = tools().into_iter().fold(Mcp::new("rig", "1.0.0"), Mcp::tool).health().build().expect("it builds");
    let lifespan = mcp.lifespan().lame_duck(setting(LAME_DUCK)).grace(setting(GRACE));
    (mcp, lifespan)
}

/// Has something to tell on every stream, also when the end comes.
async fn changes(mcp: McpService) {
    let mut ticks = interval(CHANGES);
    loop {
        ticks.tick().await;
        mcp.notify().tools_list_changed();
    }
}

fn say(report: &DrainReport) {
    let DrainReport { finished, cut, streams, .. } = report;
    println!("finished {finished}, cut {cut}, streams {streams}, started {}", STARTED.load(Relaxed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the others start"]
async fn serving_on_axum() {
    let (mcp, lifespan) = built();
    let listener = TcpListener::bind(ANY).await.expect("a free port");
    println!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(changes(mcp.clone()));
    let app: Router = Router::new().merge(mcp.at("/mcp"));
    say(&lifespan.serve(listener, app).await.expect("no error"));
}

#[cfg(feature = "actix-web")]
#[actix_web::test]
#[ignore = "the process that the others start"]
async fn serving_on_actix_web() {
    use actix_web::{App, HttpServer};

    let (mcp, lifespan) = built();
    let served = mcp.clone();
    let server = HttpServer::new(move || App::new().service(served.scope("/mcp")));
    let server = server.workers(2).tcp_nodelay(true).h1_allow_half_closed(false);
    let http2 = std::env::var_os(HTTP2).is_some();
    let server = if http2 { server.bind_auto_h2c(ANY) } else { server.bind(ANY) }.expect("a free port");
    println!("http://{}", server.addrs()[0]);
    tokio::spawn(changes(mcp));
    say(&lifespan.drive_actix(server.disable_signals().run()).await.expect("no error"));
}

/// What the server's [`DrainReport`] said, and how many naps it has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    pub finished: usize,
    pub cut: usize,
    pub streams: usize,
    pub started: usize,
}

/// When SIGTERM was sent: between these.
#[derive(Clone, Copy, Debug)]
pub struct Signal {
    pub not_before: Instant,
    pub not_after: Instant,
}

#[derive(Debug)]
pub struct Server {
    child: Child,
    /// A shell that sends the signal when it is told to: a program that had to be started first would take its time.
    killer: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub address: SocketAddr,
}

impl Server {
    pub async fn start(plan: &Plan) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command.args(["--exact", plan.host.test(), "--ignored", "--nocapture"]);
        for (name, value) in [(LAME_DUCK, plan.lame_duck), (GRACE, plan.grace)] {
            command.env(name, value.as_millis().to_string());
        }
        if plan.http2 {
            command.env(HTTP2, "1");
        }
        command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("a process");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let killer = Self::killer(&child);
        let mut server = Self { child, killer, lines, address: ([0; 4], 0).into() };
        let url = server.line("http://").await;
        server.address = url.split_once("http://").expect("found by it").1.trim().parse().expect("an address");
        server
    }

    /// The next line that the process prints with this in it.
    pub async fn line(&mut self, what: &str) -> String {
        loop {
            let line = patiently(what, self.lines.next_line()).await.expect("text");
            let line = line.unwrap_or_else(|| panic!("the process ended without saying {what:?}"));
            if line.contains(what) {
                return line;
            }
        }
    }

    fn killer(child: &Child) -> Child {
        let pid = child.id().expect("it has not ended").to_string();
        let mut command = Command::new("sh");
        command.args(["-c", r#"read -r _ && kill -TERM "$0""#, &pid]).stdin(Stdio::piped()).kill_on_drop(true);
        command.spawn().expect("a process")
    }

    pub async fn terminate(&mut self) -> Signal {
        let mut go = self.killer.stdin.take().expect("piped");
        let not_before = Instant::now();
        go.write_all(b"\n").await.expect("it reads");
        let sent = patiently("the signal", self.killer.wait()).await.expect("a child");
        assert!(sent.success());
        Signal { not_before, not_after: Instant::now() }
    }

    /// Waits for the end of the process, and tells when it was.
    pub async fn ended(&mut self) -> (Report, Instant) {
        let status: ExitStatus = patiently("the end of the process", self.child.wait()).await.expect("a child");
        let at = Instant::now();
        let line = self.line("finished ").await;
        assert!(status.success(), "{status}: {line}");
        let numbers: Vec<usize> = line.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
        let [finished, cut, streams, started] = numbers[..] else { panic!("no report: {line}") };
        (Report { finished, cut, streams, started }, at)
    }
}

/// Something that has to come before long, or the test fails by its name.
pub async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}
