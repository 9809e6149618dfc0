//! A Redis server of a test's own, on the loopback interface, gone when the test is.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use mcp_mount::Redis;
use redis::{Client, Cmd, FromRedisValue};

/// Tries so often, with a pause between, before it gives up.
const TRIES: usize = 500;
const PAUSE: Duration = Duration::from_millis(20);

pub struct RedisServer {
    port: u16,
    folder: PathBuf,
    options: Vec<String>,
    process: Option<Child>,
    password: &'static str,
}

impl RedisServer {
    /// A server that keeps nothing on disk.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// A server with more options.
    pub fn with(options: &[&str]) -> Self {
        Self::with_password("", options)
    }

    /// A server that asks for a password, if it is not empty.
    pub fn with_password(password: &'static str, options: &[&str]) -> Self {
        for _ in 0..10 {
            let port = free_port();
            let folder = std::env::temp_dir().join(format!("mcp-mount-redis-{}-{port}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            let mut options: Vec<_> = options.iter().map(ToString::to_string).collect();
            if !password.is_empty() {
                options.extend(["--requirepass".to_owned(), password.to_owned()]);
            }
            let mut server = Self { port, folder, options, process: None, password };
            // Somebody may have taken the port meanwhile.
            if server.up() {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    /// Starts it (again), with what is on its disk. Answers whether it runs.
    pub fn up(&mut self) -> bool {
        self.up_until(|pong| pong.is_ok())
    }

    /// As [`up`](Self::up), until it reads what is on its disk. That must take a while.
    pub fn up_loading(&mut self) -> bool {
        self.up_until(|pong| pong.is_err_and(|error| error.to_string().contains("loading")))
    }

    fn up_until(&mut self, is_up: impl Fn(redis::RedisResult<String>) -> bool) -> bool {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(&self.folder);
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--enable-debug-command", "yes"]);
        command.args(&self.options).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| {
            panic!(
                "redis-server cannot be started ({error}): install it, with `apt-get install redis-server` on Debian"
            )
        });
        self.process = Some(process);
        for _ in 0..TRIES {
            if self.process.as_mut().unwrap().try_wait().unwrap().is_some() {
                return false;
            }
            if is_up(self.try_ask(&redis::cmd("PING"))) {
                return true;
            }
            thread::sleep(PAUSE);
        }
        false
    }

    /// As [`up`](Self::up), with more options from now on.
    pub fn up_with(&mut self, options: &[&str]) -> bool {
        self.add(options);
        self.up()
    }

    /// More options, from the next start on.
    pub fn add(&mut self, options: &[&str]) {
        self.options.extend(options.iter().map(ToString::to_string));
    }

    /// Kills it, as a machine that goes down does.
    pub fn down(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// It does nothing any more, and its connections stay open.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub fn url(&self) -> String {
        let login = if self.password.is_empty() { String::new() } else { format!(":{}@", self.password) };
        format!("redis://{login}127.0.0.1:{}", self.port)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub async fn store(&self) -> Redis {
        Redis::connect(&self.url()).await.unwrap()
    }

    /// What it answers to a command, of which it must know the connection's own as well.
    pub fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        let mut words = command.iter();
        let mut asked = redis::cmd(words.next().unwrap());
        words.for_each(|word| _ = asked.arg(*word));
        self.try_ask(&asked).unwrap()
    }

    fn try_ask<T: FromRedisValue>(&self, command: &Cmd) -> redis::RedisResult<T> {
        let client = Client::open(self.url())?;
        command.query(&mut client.get_connection_with_timeout(Duration::from_secs(2))?)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // One that is paused ends, too.
            drop(process.kill());
            drop(process.wait());
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
