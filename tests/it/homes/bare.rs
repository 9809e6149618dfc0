//! The service itself, with nothing around it.

use std::net::SocketAddr;

use http::{Request, Response};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use mcp_mount::{Body, McpService};
use tokio::net::TcpListener;
use tower::{ServiceExt, util::BoxCloneSyncService};

use crate::{
    differences::{self, Differences},
    target::{Door, Sent, received},
};

pub const DIFFERS: Differences = differences::NONE;

pub fn mount(mcp: &McpService) -> Door {
    let mcp = ServiceExt::<Request<Sent>>::map_response(mcp.clone(), |response: Response<Body>| response.map(received));
    BoxCloneSyncService::new(mcp)
}

/// hyper's own server, with the service at `/mcp`.
pub async fn serve(mcp: McpService) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let service = mcp.on_path("/mcp");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("a TCP socket");
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}
