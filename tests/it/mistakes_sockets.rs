//! axum's own server without TCP_NODELAY, and as the lifespan runs it.

use axum::Router;
use tokio::net::TcpListener;

use crate::small_writes::{only_the_first_stalls, ticking};

#[tokio::test]
async fn small_events_stall_without_nodelay() {
    let (mcp, sent) = ticking();
    let app: Router = Router::new().merge(mcp.at("/mcp"));

    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let without = listener.local_addr().expect("an address");
    let served = app.clone();
    tokio::spawn(async move { axum::serve(listener, served).await });

    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let with = listener.local_addr().expect("an address");
    tokio::spawn(async move { mcp.lifespan().serve(listener, app).await });

    only_the_first_stalls(without, with, &sent).await;
}
