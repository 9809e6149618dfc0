//! The web framework that the server is mounted in.

use std::io;
use std::net::SocketAddr;
use std::str::FromStr;

use environment::Deployment;
use mcp_mount::{DrainReport, McpService};

/// What the variable `HOST` names. Empty is as good as not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Axum,
    ActixWeb,
}

impl FromStr for Host {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "" | "axum" => Ok(Self::Axum),
            "actix-web" => Ok(Self::ActixWeb),
            other => Err(format!("HOST={other}: it is `axum` or `actix-web`")),
        }
    }
}

impl Host {
    /// Serves at `/mcp` until SIGTERM or Ctrl-C. `listening` is called with the address once connections are accepted.
    pub(crate) async fn serve(
        self,
        addr: &str,
        mcp: McpService,
        deployment: &Deployment,
        listening: impl FnOnce(SocketAddr) -> io::Result<()>,
    ) -> io::Result<DrainReport> {
        match self {
            Self::Axum => axum(addr, mcp, listening).await,
            Self::ActixWeb => actix_web(addr, mcp, deployment.shutdown_timeout(), listening).await,
        }
    }
}

async fn axum(
    addr: &str,
    mcp: McpService,
    listening: impl FnOnce(SocketAddr) -> io::Result<()>,
) -> io::Result<DrainReport> {
    let app = axum::Router::new().merge(mcp.at("/mcp"));
    let listener = tokio::net::TcpListener::bind(addr).await.map_err(|e| cannot_listen(addr, &e))?;
    listening(listener.local_addr()?)?;
    mcp.lifespan().serve(listener, app).await
}

async fn actix_web(
    addr: &str,
    mcp: McpService,
    shutdown_timeout: u64,
    listening: impl FnOnce(SocketAddr) -> io::Result<()>,
) -> io::Result<DrainReport> {
    let lifespan = mcp.lifespan();
    let server = actix_web::HttpServer::new(move || actix_web::App::new().service(mcp.scope("/mcp")))
        .h1_allow_half_closed(false)
        .tcp_nodelay(true)
        .disable_signals()
        // 30 s by default, and with a longer grace calls that run would have no answer.
        .shutdown_timeout(shutdown_timeout)
        .bind(addr)
        .map_err(|e| cannot_listen(addr, &e))?;
    let address = server.addrs().first().copied().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let server = server.run();
    listening(address)?;
    lifespan.drive_actix(server).await
}

fn cannot_listen(addr: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("ADDR={addr}: {error}"))
}

#[cfg(test)]
mod tests {
    use mcp_mount::Mcp;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn a_host_is_one_of_two() {
        assert_eq!("axum".parse(), Ok(Host::Axum));
        assert_eq!("actix-web".parse(), Ok(Host::ActixWeb));
        assert_eq!("".parse(), Ok(Host::Axum));
        for name in ["actix", "Axum", "hyper", " axum"] {
            let error = name.parse::<Host>().expect_err("no host");
            assert_eq!(error, format!("HOST={name}: it is `axum` or `actix-web`"));
        }
    }

    /// The status line of what is at a path.
    async fn get(address: SocketAddr, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        Ok(response.lines().next().unwrap_or_default().to_owned())
    }

    #[tokio::test]
    async fn each_serves_until_its_end() {
        let deployment = Deployment::default();
        for host in [Host::Axum, Host::ActixWeb] {
            let mcp = Mcp::new("demo", "1.0.0").health().build().expect("a server");
            let lifespan = mcp.lifespan();
            let (tell, told) = oneshot::channel();
            let listening = |address| tell.send(address).map_err(|_| io::ErrorKind::Other.into());
            let asking = async {
                let address = told.await.expect("it listens");
                assert_eq!(get(address, "/mcp/ready").await.expect("an answer"), "HTTP/1.1 200 OK", "{host:?}");
                lifespan.shutdown().await;
            };
            let (report, ()) = tokio::join!(host.serve("127.0.0.1:0", mcp, &deployment, listening), asking);
            assert_eq!(report.expect("a clean end").cut, 0, "{host:?}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_refused_by_name() {
        for host in [Host::Axum, Host::ActixWeb] {
            let mcp = Mcp::new("demo", "1.0.0").build().expect("a server");
            let error = host.serve("nowhere", mcp, &Deployment::default(), |_| Ok(())).await.expect_err("no address");
            assert!(error.to_string().starts_with("ADDR=nowhere: "), "{host:?}: {error}");
        }
    }
}
