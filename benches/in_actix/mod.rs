//! Two applications of actix-web: one with the service, one with a handler of actix-web's that is written by hand.

use actix_http::Request;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, Error, HttpResponse, web};
use bytes::Bytes;
use mcp_mount::McpService;

use super::by_hand;
use super::calls::{INITIALIZE, Mode, headers};

/// Reads the request with serde_json and writes the answer with it.
async fn by_hand(body: Bytes) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.content_type("application/json").insert_header((CACHE_CONTROL, "no-store"));
    response.body(by_hand::answer_to(&body))
}

/// The application with the service.
pub(crate) async fn ours(
    mcp: &McpService,
) -> impl Service<Request, Response = ServiceResponse<impl MessageBody + use<>>, Error = Error> + use<> {
    init_service(App::new().service(mcp.scope("/mcp"))).await
}

/// The application with the hand-written handler at the same path.
pub(crate) async fn hand() -> impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error> {
    let limit = web::PayloadConfig::new(4 << 20);
    init_service(App::new().app_data(limit).route("/mcp", web::post().to(by_hand))).await
}

fn request(mode: &Mode) -> Request {
    let request = TestRequest::post().uri("/mcp").set_payload(mode.body.clone());
    let headers = mode.headers.iter();
    headers.fold(request, |request, (name, value)| request.insert_header((*name, value.as_bytes()))).to_request()
}

async fn answer<S, B>(app: &S, mode: &Mode) -> ServiceResponse<B>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    app.call(request(mode)).await.expect("an answer")
}

/// Opens a session, whose id the first mode sends.
pub(crate) async fn open<S, B>(app: &S) -> String
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
{
    let opening = Mode { name: "", headers: headers(&[]), body: INITIALIZE.into() };
    let opened = answer(app, &opening).await;
    opened.headers().get("mcp-session-id").expect("a session").to_str().expect("visible ASCII").to_owned()
}

/// The body of the answer to a call.
pub(crate) async fn call<S, B>(app: &S, mode: &Mode) -> Bytes
where
    S: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let response = answer(app, mode).await;
    response.into_body().try_into_bytes().ok().expect("a plain call is answered in one piece")
}
