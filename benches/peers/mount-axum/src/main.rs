//! This crate in axum: `MOUNT=at` merges its routes, `MOUNT=nest` nests its service. `STORE` is the URL of where sessions
//! are kept. `SERVE=axum` serves it by `axum::serve`, and not by `Lifespan::serve`.

use std::env;
use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::serve::ListenerExt as _;
use mcp_mount::{Notify, store_from_url};
use settings::Settings;
use tokio::net::TcpListener;

#[tokio::main(worker_threads = 1)]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_env();
    let mut mcp = mount::mcp(&settings);
    if let Ok(url) = env::var("STORE") {
        mcp = mcp.store(store_from_url(&url).await?);
    }
    let mcp = mcp.build()?;

    let app = Router::new().route("/announce", post(announce)).with_state(mcp.notify());
    let app = match env::var("MOUNT").as_deref() {
        Ok("nest") => app.nest("/mcp", mcp.service()),
        _ => app.merge(mcp.at("/mcp")),
    };
    let listener = TcpListener::bind(settings.address()).await?;
    let lifespan = mcp.lifespan();
    if settings.nodelay && env::var("SERVE").is_err() {
        lifespan.serve(listener, app).await?;
        return Ok(());
    }
    let listener = listener.tap_io(move |stream| {
        let _ = stream.set_nodelay(settings.nodelay);
    });
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    lifespan.drive(axum::serve(listener, app).with_graceful_shutdown(lifespan.until_signal())).await?;
    Ok(())
}

/// Tells all open streams that the tools have changed.
async fn announce(State(notify): State<Notify>) -> StatusCode {
    notify.tools_list_changed();
    StatusCode::NO_CONTENT
}
