//! What of actix-web's request is forwarded to handlers, by name: its extensions cannot be iterated, nor be sent.

use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use actix_web::body::MessageBody as _;
use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest};
use http::Extensions;

use crate::server::extract::{Refusal, Refused, WantedExtensions};

/// Copies one thing into `http`'s extensions, if the request has it.
type Carry = fn(&HttpRequest, &mut Extensions);

/// Puts what an extractor made, or why it refused, into `http`'s extensions.
type Put = Box<dyn FnOnce(&mut Extensions)>;

/// Runs one extractor.
type Run = fn(HttpRequest) -> Pin<Box<dyn Future<Output = Put>>>;

/// The types that one mount forwards.
#[derive(Clone, Default)]
pub(super) struct Forwards {
    carried: Vec<(TypeId, Carry)>,
    extracted: Vec<(TypeId, Run)>,
}

impl Forwards {
    pub(super) fn carry_extension<T: Clone + Send + Sync + 'static>(&mut self) {
        self.carried.push((TypeId::of::<T>(), |request, extensions| {
            if let Some(value) = request.extensions().get::<T>() {
                extensions.insert(value.clone());
            }
        }));
    }

    pub(super) fn carry_data<T: Send + Sync + 'static>(&mut self) {
        self.carried.push((TypeId::of::<Data<T>>(), |request, extensions| {
            if let Some(data) = request.app_data::<Data<T>>() {
                extensions.insert(data.clone());
            }
        }));
    }

    pub(super) fn run_extractor<E: FromRequest + Clone + Send + Sync + 'static>(&mut self) {
        self.extracted.push((TypeId::of::<E>(), |request| {
            Box::pin(async move {
                let extracted = E::from_request(&request, &mut Payload::None).await.map_err(Into::into);
                let put: Put = match extracted {
                    Ok(value) => Box::new(|extensions| drop(extensions.insert(value))),
                    Err(error) => {
                        let refused = Refused::<E>::new(refusal::<E>(&error));
                        Box::new(|extensions| drop(extensions.insert(refused)))
                    }
                };
                put
            })
        }));
    }

    /// Whether this type of extension is among what is carried.
    pub(super) fn carries(&self, extension: TypeId) -> bool {
        self.carried.iter().any(|(id, _)| *id == extension)
    }

    /// What needs no waiting.
    pub(super) fn carried(&self, request: &HttpRequest) -> Extensions {
        let mut extensions = Extensions::new();
        self.carried.iter().for_each(|(_, carry)| carry(request, &mut extensions));
        extensions
    }

    /// All of it, less what only others want.
    pub(super) async fn wanted(&self, request: &HttpRequest, wanted: &WantedExtensions) -> Extensions {
        let mut extensions = self.carried(request);
        for (_, run) in self.extracted.iter().filter(|(id, _)| wanted.has(*id)) {
            let put = run(request.clone()).await;
            put(&mut extensions);
        }
        extensions
    }
}

/// What an extractor's error says. The text of a 4xx is for the caller.
fn refusal<E>(error: &Error) -> Refusal {
    let response = error.error_response();
    let status = response.status();
    if status.is_server_error() {
        let r#type = std::any::type_name::<E>();
        tracing::error!(r#type, %status, cause = %error, "an extractor failed");
        return Refusal::internal(format!("{status}; the server's log says why"));
    }
    let text = response.into_body().try_into_bytes().unwrap_or_default();
    let text: String = String::from_utf8_lossy(&text).chars().take(LONGEST_REFUSAL).collect();
    Refusal::new(if text.is_empty() { status.to_string() } else { format!("{status}: {text}") })
}

/// How much of a refusal's text is told: characters.
const LONGEST_REFUSAL: usize = 1024;

impl fmt::Debug for Forwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (carried, extracted) = (self.carried.len(), self.extracted.len());
        f.debug_struct("Forwards").field("carried", &carried).field("extracted", &extracted).finish()
    }
}
