//! What of actix-web's request is forwarded to handlers, by name: its extensions cannot be iterated, nor be sent.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use actix_web::body::MessageBody as _;
use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest};
use futures_util::FutureExt as _;
use http::Extensions;

use crate::lifespan::spawner::panic_text;
use crate::server::extract::WantedExtensions;
use crate::server::refusal::{Refusal, Refused};

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

    pub(super) fn carry_data<T: ?Sized + Send + Sync + 'static>(&mut self) {
        self.carried.push((TypeId::of::<Data<T>>(), |request, extensions| {
            if let Some(data) = request.app_data::<Data<T>>() {
                extensions.insert(data.clone());
            }
        }));
    }

    pub(super) fn run_extractor<E: FromRequest + Clone + Send + Sync + 'static>(&mut self) {
        self.extracted.push((TypeId::of::<E>(), |request| {
            Box::pin(async move {
                let extracting = async {
                    let extracted = E::from_request(&request, &mut Payload::None).await;
                    extracted.map_err(|error| refusal::<E>(&error.into()))
                };
                let refusal = match AssertUnwindSafe(extracting).catch_unwind().await {
                    Ok(Ok(value)) => {
                        let put: Put = Box::new(|extensions| drop(extensions.insert(value)));
                        return put;
                    }
                    Ok(Err(refusal)) => refusal,
                    Err(panic) => failure::<E>(&*panic),
                };
                let put: Put = Box::new(|extensions| drop(extensions.insert(Refused::<E>::new(refusal))));
                put
            })
        }));
    }

    /// Whether this type of extension is among what is carried.
    pub(super) fn carries(&self, extension: TypeId) -> bool {
        self.carried.iter().any(|(id, _)| *id == extension)
    }

    /// What needs no waiting, as far as it is wanted.
    pub(super) fn carried(&self, request: &HttpRequest, wanted: impl Fn(TypeId) -> bool) -> Extensions {
        let mut extensions = Extensions::new();
        self.carried.iter().filter(|(id, _)| wanted(*id)).for_each(|(_, carry)| carry(request, &mut extensions));
        extensions
    }

    /// All of it, less what only others want.
    pub(super) async fn wanted(&self, request: &HttpRequest, wanted: &WantedExtensions) -> Extensions {
        let mut extensions = self.carried(request, |id| wanted.has_at_hand(id));
        for (_, run) in self.extracted.iter().filter(|(id, _)| wanted.has(*id)) {
            let put = run(request.clone()).await;
            put(&mut extensions);
        }
        extensions
    }
}

/// What an extractor's error says, as the response that it would be.
fn refusal<E>(error: &Error) -> Refusal {
    let response = error.error_response();
    let status = response.status();
    let text = response.into_body().try_into_bytes().unwrap_or_default();
    if status.is_server_error() {
        return Refusal::failure(type_name::<E>(), &status, &error.to_string());
    }
    Refusal::of_response(&status, &text)
}

/// What an extractor's panic is: a failure of the server's, which its log explains.
fn failure<E>(panic: &(dyn Any + Send)) -> Refusal {
    Refusal::failure(type_name::<E>(), &"the server failed", &panic_text(panic))
}

impl fmt::Debug for Forwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (carried, extracted) = (self.carried.len(), self.extracted.len());
        f.debug_struct("Forwards").field("carried", &carried).field("extracted", &extracted).finish()
    }
}
