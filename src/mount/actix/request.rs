//! The way in: actix-web's request, read in place, and converted for those who ask.

use std::any::TypeId;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use actix_web::error::PayloadError;
use actix_web::http::Version as ActixVersion;
use actix_web::{HttpMessage as _, HttpRequest};
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::request::Parts;
use http::{Extensions, HeaderName, HeaderValue, Method, Request, Response, Version, header};
use http_body_util::BodyExt as _;
use http_body_util::channel::{Channel, Sender};

use super::forward::Forwards;
use super::gone::PayloadBody;
use crate::server::extract::WantedExtensions;
use crate::transport::body::Body;
use crate::transport::http_layer::{self, HttpService};
use crate::transport::may_reach_a_handler;
use crate::transport::request::{Peer, RequestHead, Secure, take};
use crate::transport::route::Place;
use crate::transport::service::Shared;

/// For how many headers room is made at once.
const USUAL_HEADERS: usize = 64;

/// The head of a request, as actix-web holds it.
pub(super) struct ActixHead<'a> {
    request: &'a HttpRequest,
    forwards: &'a Forwards,
    method: Method,
}

impl<'a> ActixHead<'a> {
    pub(super) fn new(request: &'a HttpRequest, forwards: &'a Forwards) -> Self {
        let method = Method::from_bytes(request.method().as_str().as_bytes());
        Self { request, forwards, method: method.expect("a method is a token in both versions") }
    }

    /// In this order, as in the other hosts: a middleware may have put another address there.
    fn peer_address(&self) -> Option<SocketAddr> {
        self.request.peer_addr().or_else(|| self.request.extensions().get::<SocketAddr>().copied())
    }

    /// The head in `http`'s types, but for the extensions.
    fn parts(&self) -> Parts {
        let request = self.request;
        let mut parts = Request::new(()).into_parts().0;
        parts.method = self.method.clone();
        parts.uri = request.uri().to_string().parse().unwrap_or_default();
        parts.version = match request.version() {
            ActixVersion::HTTP_09 => Version::HTTP_09,
            ActixVersion::HTTP_10 => Version::HTTP_10,
            ActixVersion::HTTP_2 => Version::HTTP_2,
            ActixVersion::HTTP_3 => Version::HTTP_3,
            _ => Version::HTTP_11,
        };
        parts.headers.reserve(request.headers().len().min(USUAL_HEADERS));
        for (name, value) in request.headers() {
            let name = HeaderName::from_bytes(name.as_str().as_bytes());
            let (Ok(name), Ok(mut converted)) = (name, HeaderValue::from_bytes(value.as_bytes())) else { continue };
            converted.set_sensitive(value.is_sensitive());
            // HTTP/2 may bring more lines than a map can hold.
            if parts.headers.try_append(name, converted).is_err() {
                break;
            }
        }
        parts
    }
}

impl RequestHead for ActixHead<'_> {
    fn method(&self) -> &Method {
        &self.method
    }

    fn path(&self) -> &str {
        self.request.path()
    }

    /// actix-web strips nothing.
    fn full_path(&self) -> &str {
        self.request.path()
    }

    fn query(&self) -> Option<&str> {
        self.request.uri().query()
    }

    fn authority(&self) -> Option<&str> {
        self.request.uri().authority().map(actix_web::http::uri::Authority::as_str)
    }

    fn is_secure(&self) -> bool {
        self.request.app_config().secure()
    }

    fn peer(&self) -> Option<IpAddr> {
        self.peer_address().map(|address| address.ip())
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }

    fn lines(&self, name: &'static str) -> impl Iterator<Item = &[u8]> {
        self.request.headers().get_all(name).map(actix_web::http::header::HeaderValue::as_bytes)
    }

    /// In HTTP/1.1 actix-web has asked for it before there is a request; in HTTP/2 it never does.
    fn awaits_continue(&self) -> bool {
        self.request.version() == ActixVersion::HTTP_2 && self.request.headers().contains_key("expect")
    }

    fn with_extensions<T>(&self, wanted: TypeId, read: impl FnOnce(&Extensions) -> T) -> T {
        read(&self.forwards.carried(self.request, |id| id == wanted))
    }

    async fn take(&mut self, wanted: &WantedExtensions) -> Parts {
        let mut parts = self.parts();
        parts.extensions = self.forwards.wanted(self.request, wanted).await;
        parts
    }
}

/// Answers a request within the layers of [`Mcp::http_layer`](crate::Mcp::http_layer), which have `http`'s types and may run
/// anywhere: the payload, which may not, is handed to them frame by frame.
pub(super) async fn through_layers(
    layered: HttpService,
    shared: &Arc<Shared>,
    place: Place,
    mut head: ActixHead<'_>,
    payload: PayloadBody,
) -> Response<Body> {
    // What is refused, or is a probe, has no extractor run for it.
    let handled = may_reach_a_handler(shared, place, &head);
    let wanted = if handled { WantedExtensions::ALL } else { WantedExtensions::AT_HAND };
    let page = shared.config.cors.as_ref().map(|cors| cors.page(head.field("origin")));
    let mut parts = match take(&mut head, wanted, shared.config.tool_timeout, &shared.lifespan).await {
        Ok(parts) => parts,
        Err(rejection) => {
            let mut response = rejection.into_response();
            page.into_iter().for_each(|page| page.mark(response.headers_mut()));
            return response;
        }
    };
    if head.is_secure() {
        parts.extensions.insert(Secure);
    }
    if let Some(peer) = head.request.peer_addr() {
        parts.extensions.insert(Peer(peer.ip()));
    }
    if parts.extensions.get::<SocketAddr>().is_none()
        && let Some(peer) = head.peer_address()
    {
        parts.extensions.insert(peer);
    }
    if !head.awaits_continue() {
        parts.headers.remove(header::EXPECT);
    }
    let (sender, body) = Channel::<Bytes, PayloadError>::new(1);
    let answering = http_layer::respond(layered, Arc::clone(shared), place, parts, body);
    let feeding = pin!(feed(payload, sender));
    let Ok(response) = match select(answering, feeding).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), answering)) => answering.await,
    };
    response
}

/// Hands a payload on until it ends, or nobody reads it any more.
async fn feed(mut payload: PayloadBody, mut sender: Sender<Bytes, PayloadError>) {
    while let Some(frame) = payload.frame().await {
        let sent = match frame {
            Ok(frame) => sender.send(frame).await,
            Err(error) => return sender.abort(error),
        };
        if sent.is_err() {
            return;
        }
    }
}
