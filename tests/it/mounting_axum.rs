//! The mounting guide's tables for axum and for hosts without a framework, row by row.

use axum::{Router, routing::get};

use crate::mounted::{hosts_own, missing};
use crate::mounting_table::{Mount, compare, server};

/// The mount `|mcp| .merge(mcp.at("/mcp"))`: each name is a server of its own.
macro_rules! mount {
    (|$($mcp:ident),+| $($code:tt)+) => {{
        $(let $mcp = server();)+
        Mount { code: stringify!($($code)+), app: Router::new() $($code)+ }
    }};
}

/// The service that a server is given as its only one.
macro_rules! only {
    (|$mcp:ident| $code:expr) => {{
        let $mcp = server();
        Mount { code: stringify!($code), app: $code }
    }};
}

#[tokio::test]
async fn each_row_for_axum() {
    let mounts = [
        mount!(|mcp| .merge(mcp.at("/mcp"))),
        mount!(|mcp| .merge(mcp.at("/api/mcp"))),
        mount!(|mcp| .merge(mcp.at("/"))),
        mount!(|mcp| .nest_service("/mcp", mcp.service())),
        mount!(|mcp| .nest_service("/mcp", mcp.clone())),
        mount!(|mcp| .nest("/mcp", mcp.service())),
        mount!(|mcp| .route_service("/mcp", mcp.clone())),
        mount!(|mcp| .fallback_service(mcp.clone())),
        mount!(|mcp| .fallback_service(mcp.on_path("/mcp"))),
        mount!(|mcp| .nest("/api", Router::new().merge(mcp.at("/mcp")))),
        mount!(|mcp| .nest("/api", Router::new().nest("/mcp", mcp.service()))),
        mount!(|mcp| .nest("/{tenant}", Router::new().merge(mcp.at("/mcp")))),
        mount!(|mcp| .merge(mcp.at("/a")).merge(mcp.at("/b"))),
        mount!(|notes, admin| .merge(notes.at("/notes")).merge(admin.at("/admin"))),
    ];
    compare("in axum", mounts).await;
}

#[tokio::test]
async fn each_row_without_a_framework() {
    let mounts = [only!(|mcp| mcp), only!(|mcp| mcp.on_path("/mcp")), only!(|mcp| mcp.on_path("/api/mcp"))];
    compare("without a framework", mounts).await;
}

/// `at` leaves to the application what is below its path, and a nested mount does not.
#[tokio::test]
async fn what_is_below_the_path() {
    let host = || Router::new().fallback(|| async { "the host's fallback" });
    let app = host().route("/mcp/admin", get(|| async { "the host's own" })).merge(server().at("/mcp"));
    hosts_own(&app, "/mcp/admin", "the host's own").await;
    hosts_own(&app, "/mcp/below", "the host's fallback").await;
    let mcp = server();
    for app in [host().nest("/mcp", mcp.service()), host().nest_service("/mcp", mcp.clone())] {
        missing(&app, "/mcp/below").await;
    }
}
