//! The way out: a response as actix-web has it.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{self, BodySize, BoxBody, MessageBody};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use bytes::Bytes;
use http::Response;
use http_body::Body as _;

use super::gone::Gone;
use crate::transport::body::{Body, StreamCut};
use crate::transport::sse::event;

/// Makes it actix-web's.
pub(super) fn convert(response: Response<Body>, asked_by: &Method, gone: Option<Gone>) -> HttpResponse {
    let (head, body) = response.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).expect("a status is one in both versions");
    // RFC 9110, 8.6: no Content-Length, or for HEAD that of the content, which is not known here.
    let content = if status == StatusCode::NO_CONTENT || asked_by == Method::HEAD {
        BoxBody::new(body::None::new())
    } else {
        BoxBody::new(ReplyBody { body, gone })
    };
    let mut converted = HttpResponse::with_body(status, content);
    for (name, value) in &head.headers {
        if name == http::header::CONNECTION {
            // actix-web writes this header itself.
            if value.as_bytes().eq_ignore_ascii_case(b"close") {
                converted.head_mut().set_connection_type(ConnectionType::Close);
            }
            continue;
        }
        if let (Some(name), Some(value)) = (convert_name(name), convert_value(value)) {
            converted.headers_mut().append(name, value);
        }
    }
    converted
}

fn convert_name(name: &http::HeaderName) -> Option<HeaderName> {
    match name.as_str() {
        "content-type" => Some(header::CONTENT_TYPE),
        "cache-control" => Some(header::CACHE_CONTROL),
        other => HeaderName::from_bytes(other.as_bytes()).ok(),
    }
}

fn convert_value(value: &http::HeaderValue) -> Option<HeaderValue> {
    // These two are on every plain answer, and cost nothing this way.
    match value.as_bytes() {
        b"application/json" => Some(HeaderValue::from_static("application/json")),
        b"no-store" => Some(HeaderValue::from_static("no-store")),
        other => HeaderValue::from_bytes(other).ok(),
    }
}

/// Our body as one of actix-web's. Each piece of a stream is a chunk, which actix-web flushes when there is no other.
struct ReplyBody {
    body: Body,
    gone: Option<Gone>,
}

impl MessageBody for ReplyBody {
    type Error = StreamCut;

    fn size(&self) -> BodySize {
        self.body.size_hint().exact().map_or(BodySize::Stream, BodySize::Sized)
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(cut))) => return Poll::Ready(Some(Err(cut))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    let sized = self.body.size_hint().exact().is_some();
                    let Some(gone) = &mut self.gone else { return Poll::Pending };
                    // Of whatever is to be sent actix-http finds that it cannot be. An error it would put into the log.
                    return gone.poll(cx).map(|()| if sized { None } else { Some(Ok(event::KEEP_ALIVE)) });
                }
            };
            // Trailers, which a layer may have added, have no place in actix-web's bodies.
            if let Ok(data) = frame.into_data() {
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, gone } = self;
        body.into_bytes().map_err(|body| Self { body, gone })
    }
}
