//! The yardstick in actix-web.

use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpResponseBuilder, HttpServer};
use ceiling::Answer;
use settings::Settings;

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let settings = Settings::from_env();
    let tools = Data::new(ceiling::tools(settings.more_tools()));
    HttpServer::new(move || {
        App::new()
            .app_data(web::PayloadConfig::new(4 << 20))
            .app_data(tools.clone())
            .route("/mcp", web::post().to(answer))
    })
    .workers(1)
    .tcp_nodelay(settings.nodelay)
    .bind(settings.address())?
    .run()
    .await
}

async fn answer(tools: Data<String>, body: Bytes) -> HttpResponse {
    match ceiling::answer(&body, &tools) {
        Answer::Json(body) => json().body(body),
        Answer::Events(body) => {
            let mut response = HttpResponse::Ok();
            response.content_type("text/event-stream").insert_header((CACHE_CONTROL, ceiling::OF_EVENTS));
            response.insert_header(("x-accel-buffering", "no")).body(body)
        }
        Answer::Opened(body, id) => json().insert_header(("mcp-session-id", id)).body(body),
        Answer::Accepted => HttpResponse::Accepted().finish(),
    }
}

fn json() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.content_type(ContentType::json()).insert_header((CACHE_CONTROL, "no-store"));
    response
}
