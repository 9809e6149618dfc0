//! rmcp in actix-web, by rmcp-actix-web.

use std::sync::Arc;

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use rmcp_actix_web::transport::{LocalSessionManager, StreamableHttpService};
use rmcp_server::{Listeners, Server};
use settings::{Mode, Settings};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let settings = Settings::from_env();
    let server = Server::new(&settings);
    let listeners = Data::new(server.listeners());
    let sessions = settings.mode == Mode::Session;
    let service = StreamableHttpService::builder()
        .service_factory(Arc::new(move || Ok(server.clone())))
        .session_manager(Arc::new(LocalSessionManager::default()))
        .stateful_mode(sessions)
        .json_response(!sessions)
        .build();
    HttpServer::new(move || {
        App::new()
            .app_data(listeners.clone())
            .route("/announce", web::post().to(announce))
            .service(web::scope("/mcp").service(service.clone().scope()))
    })
    .workers(1)
    .tcp_nodelay(settings.nodelay)
    .bind(settings.address())?
    .run()
    .await
}

async fn announce(listeners: Data<Listeners>) -> HttpResponse {
    listeners.announce().await;
    HttpResponse::NoContent().finish()
}
