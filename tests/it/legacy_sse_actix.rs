//! HTTP+SSE of 2024-11-05 wherever the service is mounted in actix-web.

use actix_web::{App, web};

use crate::{
    legacy_client::{converses, with},
    mount_actix::host,
    mounted::served,
};

#[tokio::test]
async fn it_is_below_the_endpoint_and_says_the_whole_path() {
    let mcp = with(|mcp| mcp);
    let [a, b, c, d, e, f] = std::array::from_fn(|_| mcp.clone());
    for (app, base) in [
        (host(move || App::new().service(a.scope("/mcp"))), "/mcp"),
        (host(move || App::new().configure(b.configure_at("/mcp"))), "/mcp"),
        (host(move || App::new().service(web::scope("/api").service(c.scope("/mcp")))), "/api/mcp"),
        (host(move || App::new().service(web::scope("/api").configure(d.configure_at("/mcp")))), "/api/mcp"),
        (host(move || App::new().service(web::scope("/{tenant}").service(e.scope("/mcp")))), "/acme/mcp"),
        (host(move || App::new().configure(f.configure_at("/"))), ""),
    ] {
        converses(&app, base).await;
        served(&app, if base.is_empty() { "/" } else { base }).await;
    }
}
