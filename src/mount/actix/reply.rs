//! The way out: a response as actix-web has it.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use bytes::Bytes;
use http::Response;
use http_body::Body as _;

use crate::transport::body::{Body, StreamCut};

/// Makes it actix-web's.
pub(super) fn convert(response: Response<Body>) -> HttpResponse {
    let (head, body) = response.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).expect("a status is one in both versions");
    let body = match status {
        // RFC 9110, 8.6: no Content-Length.
        StatusCode::NO_CONTENT => BoxBody::new(()).boxed(),
        _ => BoxBody::new(ReplyBody(body)),
    };
    let mut converted = HttpResponse::with_body(status, body);
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
struct ReplyBody(Body);

impl MessageBody for ReplyBody {
    type Error = StreamCut;

    fn size(&self) -> BodySize {
        self.0.size_hint().exact().map_or(BodySize::Stream, BodySize::Sized)
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        loop {
            let frame = match Pin::new(&mut self.0).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(cut))) => return Poll::Ready(Some(Err(cut))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            };
            // Trailers, which a layer may have added, have no place in actix-web's bodies.
            if let Ok(data) = frame.into_data() {
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        self.0.into_bytes().map_err(Self)
    }
}
