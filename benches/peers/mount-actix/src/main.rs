//! This crate in actix-web.

use std::error::Error;

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use mcp_mount::Notify;
use settings::Settings;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_env();
    let mcp = mount::mcp(&settings).build()?;
    let (lifespan, notify) = (mcp.lifespan(), Data::new(mcp.notify()));
    let server = HttpServer::new(move || {
        App::new().app_data(notify.clone()).route("/announce", web::post().to(announce)).service(mcp.scope("/mcp"))
    })
    .workers(1)
    .h1_allow_half_closed(false)
    .tcp_nodelay(settings.nodelay)
    .bind(settings.address())?
    .disable_signals()
    .run();
    lifespan.drive_actix(server).await?;
    Ok(())
}

/// Tells all open streams that the tools have changed.
async fn announce(notify: Data<Notify>) -> HttpResponse {
    notify.tools_list_changed();
    HttpResponse::NoContent().finish()
}
