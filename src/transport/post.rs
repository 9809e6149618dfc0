//! POST: one message in, its answer out.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use super::accept::Accepts;
use super::asking;
use super::batch::{self, Batch, Batched};
use super::body::Body;
use super::exchange::{Seat, StartCall};
use super::headers::{Field, Head};
use super::incoming::{self, Decision, Incoming};
use super::read::Share;
use super::rejection::{self, Rejection};
use super::reply;
use super::service::Shared;
use super::session::Session;
use super::session::open;
use super::session::record::Record;
use super::sse::listen::{self, ListenStream};
use super::stateless;
use super::unanswered;
use crate::auth::Principal;
use crate::protocol::capabilities::ClientCapabilities;
use crate::protocol::encode;
use crate::protocol::error::{ErrorCode, RpcError};
use crate::protocol::jsonrpc::{Kind, Malformed, Message, RequestId};
use crate::protocol::method::Method;
use crate::protocol::params::{self, Filter};
use crate::protocol::stateless::parse_log_level;
use crate::protocol::trace_context::TraceParent;
use crate::server::call::{Arguments, CallFacts, Named};
use crate::server::dispatch::Answer;
use crate::server::run::has_span;
use crate::server::target::{Kind as TargetKind, Target};

/// What a POST comes to.
pub(crate) enum Posted {
    Message(Received),
    Batch(Batch),
}

/// What a message comes to.
pub(crate) enum Received {
    Reply(Response<Body>),
    Call(StartCall),
}

/// A message's way to its answer, or to the handler that has to give it.
pub(crate) async fn receive<'a>(
    shared: &'a Arc<Shared>,
    principal: Option<Principal>,
    head: &Head<'_>,
    accepts: Accepts,
    body: &'a Bytes,
    share: Share<'a>,
) -> Result<Posted, Box<Rejection>> {
    let text = std::str::from_utf8(body).map_err(|_| Rejection::not_utf8())?;
    let mut message = Message::default();
    let kind = match parse(shared, &mut message, text) {
        Ok(kind) => kind,
        Err(malformed) if batch::is_array(text) => {
            let otherwise = Rejection::malformed(malformed);
            // Boxed, since it is rare and every call's future would have room for it.
            let batch = batch::receive(shared, principal, head, accepts, text, share, otherwise);
            return Box::pin(batch).await.map(|batched| match batched {
                Batched::Accepted => Posted::Message(Received::Reply(reply::accepted())),
                Batched::Requests(batch) => Posted::Batch(batch),
            });
        }
        Err(malformed) => return Err(Rejection::malformed(malformed)),
    };
    let id = match &kind {
        Kind::Request(id) => Some(id),
        Kind::Notification | Kind::Response => None,
    };
    let settled = match incoming::decide(shared, head, &message, &kind) {
        Err(rejection) => Err(rejection),
        Ok(Decision::Incoming(incoming)) => Ok(incoming),
        Ok(Decision::Session(wanted)) => match wanted.find(shared, head, principal.as_ref()).await {
            Err(rejection) => Err(rejection),
            Ok(session) => wanted.incoming(session, &message),
        },
    };
    let settled = settled.and_then(|incoming| match id {
        Some(id) => Request { shared, head, accepts, body, message: &message, id }.settle(incoming, principal, share),
        None => {
            unanswered::hand_on(shared, head, &incoming, &message, &kind, body).map(|settled| settled.holding(share))
        }
    });
    match settled {
        Ok(Settled::Received(received)) => Ok(Posted::Message(received)),
        Ok(Settled::Later(later)) => later.await.map(Posted::Message).map_err(|rejection| rejection.of(id)),
        Err(rejection) => Err(rejection.of(id)),
    }
}

/// Reads a message into one that is empty.
pub(super) fn parse<'a>(shared: &Shared, message: &mut Message<'a>, text: &'a str) -> Result<Kind, Malformed> {
    message.parse(text).or_else(|malformed| parse_custom(shared, message, text).ok_or(malformed))
}

/// Reads a message whose parameters are what no method of the protocol's takes, but maybe one of the application's own.
#[cold]
fn parse_custom<'a>(shared: &Shared, message: &mut Message<'a>, text: &'a str) -> Option<Kind> {
    if shared.server.methods.is_empty() {
        return None;
    }
    let (read, kind) =
        Message::parse_custom(text).filter(|(read, _)| shared.server.methods.contains_key(read.method()))?;
    *message = read;
    Some(kind)
}

/// What a message comes to as soon as it is known whose it is.
pub(super) enum Settled<'a> {
    Received(Received),
    /// Boxed, since it is rare and every call's future would have room for it.
    Later(Pin<Box<dyn Future<Output = Result<Received, Box<Rejection>>> + Send + 'a>>),
}

impl<'a> Settled<'a> {
    /// The same; what has to wait keeps the body's share of the budget meanwhile.
    fn holding(self, share: Share<'a>) -> Self {
        match self {
            Self::Received(_) => self,
            Self::Later(later) => Self::Later(Box::pin(async move {
                let _held = share;
                later.await
            })),
        }
    }
}

pub(super) struct Request<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) head: &'a Head<'a>,
    pub(super) accepts: Accepts,
    /// The message, as it was sent.
    pub(super) body: &'a Bytes,
    pub(super) message: &'a Message<'a>,
    pub(super) id: &'a RequestId,
}

impl<'a> Request<'a> {
    pub(super) fn settle(
        self,
        incoming: Incoming,
        principal: Option<Principal>,
        share: Share<'a>,
    ) -> Result<Settled<'a>, Box<Rejection>> {
        match self.dispatch(&incoming)? {
            Answer::Ready(answer) => Ok(Settled::Received(self.reply(answer))),
            Answer::Call(target, named) => self.call(&incoming, target, named, principal, share).map(Settled::Received),
            Answer::Listen(filter) => Ok(Settled::Later(Box::pin(async move {
                let _held = share;
                self.listen(&filter).await
            }))),
            Answer::Initialize => Ok(Settled::Later(Box::pin(async move {
                let _held = share;
                self.initialize(principal).await
            }))),
            Answer::SetLevel => Ok(Settled::Later(Box::pin(async move {
                let _held = share;
                self.set_level(&incoming).await
            }))),
            Answer::Subscribe { uri, wanted } => Ok(Settled::Later(Box::pin(async move {
                let _held = share;
                self.subscribe(incoming, uri, wanted).await
            }))),
        }
    }

    fn dispatch(&self, incoming: &Incoming) -> Result<Answer, Box<Rejection>> {
        if incoming.method.is_none()
            && let Some(target) = self.shared.server.methods.get(self.message.method())
        {
            return Ok(Answer::Call(Arc::clone(target), None));
        }
        let in_band = |error| Ok(Answer::Ready(encode::error_in(incoming.revision, self.id, &error)));
        let Some(method) = incoming.method.filter(|method| self.shared.server.offers(*method)) else {
            if incoming.refuses_in_band {
                let text = rejection::unknown_method_text(self.message.method());
                return in_band(RpcError::new(ErrorCode::MethodNotFound, text));
            }
            return Err(Rejection::unknown_method(self.message.method()));
        };
        if method != Method::Ping && self.shared.lifespan.is_draining() {
            return Err(Rejection::draining());
        }
        let answer = self.shared.server.dispatch(method, self.id, incoming.revision, self.message.params());
        // In band, with 200: a client could take a 400 for a server of another era.
        answer.or_else(in_band)
    }

    async fn initialize(&self, principal: Option<Principal>) -> Result<Received, Box<Rejection>> {
        let params = self.message.params();
        let opened = open::initialize(self.shared, principal.as_ref(), self.id, params, self.accepts).await;
        opened.map(Received::Reply)
    }

    async fn set_level(&self, incoming: &Incoming) -> Result<Received, Box<Rejection>> {
        let level = match &self.message.params().level {
            Some(level) => parse_log_level(level.as_str(), "params.level"),
            None => Err(RpcError::invalid_params("params.level: missing; expected a log level such as info")),
        };
        let level = match level {
            Ok(level) => level,
            Err(error) => return Ok(self.reply(encode::error(Some(self.id), &error))),
        };
        // Without a session there is nothing that could remember it, and nothing that it would apply to.
        if let Some(session) = &incoming.session {
            self.shared.sessions.set_level(session, level).await?;
        }
        Ok(self.reply(self.shared.server.encoder.empty(self.id, incoming.revision)))
    }

    async fn subscribe(&self, incoming: Incoming, uri: String, wanted: bool) -> Result<Received, Box<Rejection>> {
        let Some(session) = incoming.session else { return Err(Rejection::session_required()) };
        let shared = Arc::clone(self.shared);
        // What was written is told, whoever leaves meanwhile.
        let subscribed = async move { shared.sessions.subscribe(&session, &uri, wanted).await };
        self.shared.lifespan.see_through(subscribed).await?;
        Ok(self.reply(self.shared.server.encoder.empty(self.id, incoming.revision)))
    }

    async fn listen(&self, filter: &Filter) -> Result<Received, Box<Rejection>> {
        if !self.accepts.sse {
            return Err(Rejection::not_acceptable(true));
        }
        let entered = listen::enter(self.shared)?;
        let server = &self.shared.server;
        server.changes.catch_up().await.map_err(|error| Rejection::store(&error))?;
        let watcher = Arc::new(server.changes.watch(filter.clone()));
        let stream = ListenStream::new(self.shared, watcher, entered).of_subscription(self.id, filter);
        Ok(Received::Reply(reply::stream(Body::listen(stream))))
    }

    fn call(
        &self,
        incoming: &Incoming,
        target: Arc<Target>,
        named: Option<Box<Named>>,
        principal: Option<Principal>,
        share: Share<'_>,
    ) -> Result<Received, Box<Rejection>> {
        let custom = matches!(target.kind, TargetKind::Custom);
        let arguments = if custom { self.custom_params() } else { self.arguments() };
        let layered = !self.shared.server.layers.is_empty();
        let mirrored = match &target.kind {
            TargetKind::Tool { mirrored, .. } if incoming.checks_headers => &mirrored[..],
            _ => &[],
        };
        if !mirrored.is_empty() || (layered && named.is_none()) {
            // Headers and layers must be judged by what the handler is going to read.
            let strict = match &arguments {
                Some(params) if custom => params::strict_custom(params),
                _ => self.message.params().strict_arguments(),
            };
            stateless::params::check(self.head, mirrored, &strict.map_err(Rejection::bad_request)?)?;
        }
        let arguments = match named {
            Some(named) => Arguments::Named(named),
            None => Arguments::Json(arguments),
        };
        let facts = target.needs.context.then(|| self.facts(incoming, &target, &arguments, principal.clone()));
        let facts = match facts.transpose() {
            Ok(facts) => facts.map(Box::new),
            // In band, as every fault of a call's own parameters.
            Err(error) => return Ok(self.reply(encode::error_in(incoming.revision, self.id, &error))),
        };
        let session = incoming.session.as_ref();
        let seat = Seat::take(self.shared, self.id.clone(), session.map(|session| session.id), share)?;
        Ok(Received::Call(StartCall {
            seat,
            facts,
            trace: if has_span() { self.trace_parent() } else { None },
            principal: principal.filter(|_| target.needs.principal || layered),
            arguments,
            revision: incoming.revision,
            on_disconnect: target.on_disconnect.unwrap_or(incoming.policy.on_disconnect),
            target,
            accepts: self.accepts,
            session: session.map(|session| session.key),
            on_line: self.head.on_line,
            retried: self.message.params().is_retry(),
            one_of_many: false,
        }))
    }

    fn arguments(&self) -> Option<Bytes> {
        self.message.params().arguments.map(|arguments| self.body.slice_ref(arguments.0.as_bytes()))
    }

    fn custom_params(&self) -> Option<Bytes> {
        Some(match params::custom(std::str::from_utf8(self.body).ok()?)? {
            Cow::Borrowed(text) => self.body.slice_ref(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        })
    }

    /// What the handler's context tells of the call.
    ///
    /// # Errors
    ///
    /// When what came with it for the handler's questions is not what this server made.
    fn facts(
        &self,
        incoming: &Incoming,
        target: &Arc<Target>,
        arguments: &Arguments,
        principal: Option<Principal>,
    ) -> Result<CallFacts, RpcError> {
        let params = self.message.params();
        let asking =
            asking::of(self.shared, self.head.on_line, incoming, params, target, arguments, principal.as_ref())?;
        let meta = self.message.meta();
        let record = incoming.session.as_ref().map(|Session { record, .. }| record);
        let (client_info, capabilities) = match record {
            Some(record) => (Some(record.client_info()), record.capabilities),
            None => (
                meta.client_info.map(|info| self.body.slice_ref(info.0.as_bytes())),
                meta.client_capabilities.map(|json| ClientCapabilities::read(json.0)).unwrap_or_default(),
            ),
        };
        Ok(CallFacts {
            revision: incoming.revision,
            principal,
            client_info,
            capabilities,
            extensions: record.map(Record::extensions),
            progress_token: meta.progress_token.0.to_request_id(),
            trace_parent: self.trace_parent(),
            message: self.body.clone(),
            policy: incoming.policy,
            asking,
        })
    }

    /// The trace that the request belongs to: what its `_meta` says of it goes before the header, which a proxy may have set.
    fn trace_parent(&self) -> Option<TraceParent> {
        self.message.meta().trace_parent().or_else(|| match self.head.traceparent {
            Field { value: Some(value), duplicate: false } => TraceParent::parse(std::str::from_utf8(value).ok()?),
            _ => None,
        })
    }

    fn reply(&self, answer: Bytes) -> Received {
        Received::Reply(reply::message(answer, self.accepts))
    }
}
