//! Who is asking: a login middleware, as a host application has it long before MCP comes in.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpResponse};
use bookmarks::{CHALLENGE, Logins, UNKNOWN_TOKEN};
use serde_json::json;

/// The middleware: puts the [`User`](bookmarks::User) into the request's extensions, or answers 401.
pub(crate) async fn login<B: MessageBody>(
    logins: Data<Logins>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let user = logins.user(request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes));
    match user {
        Some(user) => {
            request.extensions_mut().insert(user);
            Ok(next.call(request).await?.map_into_left_body())
        }
        None => {
            let challenge = (WWW_AUTHENTICATE, CHALLENGE);
            let response =
                HttpResponse::Unauthorized().insert_header(challenge).json(json!({ "error": UNKNOWN_TOKEN }));
            Ok(request.into_response(response).map_into_right_body())
        }
    }
}
