//! POST: one message in, its answer out.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::accept::Accepts;
use super::asking;
use super::batch::{self, Batched};
use super::body::Body;
use super::exchange::Seat;
use super::headers::{Field, Head, Known};
use super::incoming::{self, Decision, Incoming, LookUp};
use super::read::Share;
use super::received::{Accepted, Arrived, Posted, Received};
use super::rejection::{self, Rejection};
use super::reply;
use super::service::Shared;
use super::session::Session;
use super::session::open;
use super::session::record::Record;
use super::sse::listen::{self, ListenStream};
use super::start::StartCall;
use super::stateless;
use super::unanswered;
use crate::auth::Principal;
use crate::protocol::capabilities::ClientCapabilities;
use crate::protocol::encode;
use crate::protocol::error::{ErrorCode, RpcError};
use crate::protocol::id::RequestId;
use crate::protocol::jsonrpc::{Kind, Malformed, Message};
use crate::protocol::method::Method;
use crate::protocol::params::{self, Filter};
use crate::protocol::stateless::parse_log_level;
use crate::protocol::trace_context::TraceParent;
use crate::server::call::{Arguments, CallFacts, Named};
use crate::server::dispatch::{Answer, ForTransport};
use crate::server::run::has_span;
use crate::server::target::{Kind as TargetKind, Target};

/// A body that has come, and what is known of it before it is read.
pub(crate) struct Inbound<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) principal: Option<Principal>,
    pub(crate) head: &'a Head<'a>,
    pub(crate) accepts: Accepts,
    /// The message, as it was sent.
    pub(crate) body: &'a Bytes,
    /// What the body holds of the budget.
    pub(crate) share: Share<'a>,
}

/// A message's way to its answer, or to the handler that has to give it.
pub(crate) fn receive(inbound: Inbound<'_>) -> Result<Arrived<'_>, Box<Rejection>> {
    let Inbound { shared, head, .. } = inbound;
    let text = std::str::from_utf8(inbound.body).map_err(|_| Rejection::not_utf8())?;
    let mut message = Message::default();
    let kind = match parse(shared, &mut message, text) {
        Ok(kind) => kind,
        Err(malformed) if batch::is_array(text) => {
            return Ok(Arrived::Later(Box::pin(receive_batch(inbound, text, Rejection::malformed(malformed)))));
        }
        Err(malformed) => return Err(Rejection::malformed(malformed)),
    };
    let incoming = match incoming::decide(shared, head, &message, &kind) {
        Err(rejection) => return Err(rejection.of(kind.id())),
        Ok(Decision::Incoming(incoming)) => incoming,
        Ok(Decision::Session(wanted)) => match wanted.look_up(shared, head, inbound.principal.as_ref()) {
            LookUp::Done(session) => {
                let incoming = session.and_then(|session| wanted.incoming(session, &message));
                incoming.map_err(|rejection| rejection.of(kind.id()))?
            }
            asked @ LookUp::Asked(..) => {
                return Ok(Arrived::Later(Box::pin(async move {
                    let session = asked.done(inbound.principal.as_ref()).await;
                    let incoming = session.and_then(|session| wanted.incoming(session, &message));
                    let incoming = incoming.map_err(|rejection| rejection.of(kind.id()))?;
                    go_on(inbound, &mut message, kind, incoming)?.posted().await
                })));
            }
        },
    };
    go_on(inbound, &mut message, kind, incoming)
}

/// The way of a message of which is known whose it is. What has to wait takes it along.
fn go_on<'a>(
    inbound: Inbound<'a>,
    message: &mut Message<'a>,
    kind: Kind,
    incoming: Incoming,
) -> Result<Arrived<'a>, Box<Rejection>> {
    let Inbound { shared, head, accepts, body, share, principal } = inbound;
    let Kind::Request(id) = kind else {
        return Ok(match unanswered::hand_on(shared, head, &incoming, message, &kind, body)? {
            None => Arrived::Now(reply::accepted().into()),
            Some(handing_on) => Arrived::Later(Box::pin(async move {
                let _held = share;
                handing_on.await.map(|()| Posted::Message(reply::accepted().into()))
            })),
        });
    };
    let request = Request { shared, head, accepts, body, message, id: &id, one_of_many: false };
    match request.dispatch(&incoming).map_err(|rejection| rejection.of(Some(&id)))? {
        Answer::Ready(answer) => Ok(Arrived::Now(request.reply(answer))),
        Answer::Call(target, named) => {
            let called = request.call(&incoming, target, named, principal, share);
            called.map(Arrived::Now).map_err(|rejection| rejection.of(Some(&id)))
        }
        Answer::ForTransport(asked) => {
            let message = std::mem::take(message);
            Ok(Arrived::Later(Box::pin(async move {
                let _held = share;
                let request = Request { shared, head, accepts, body, message: &message, id: &id, one_of_many: false };
                let received = request.serve(asked, incoming, principal).await;
                received.map(Posted::Message).map_err(|rejection| rejection.of(Some(&id)))
            })))
        }
    }
}

/// The way of an array of messages.
async fn receive_batch(inbound: Inbound<'_>, text: &str, otherwise: Box<Rejection>) -> Result<Posted, Box<Rejection>> {
    Ok(match batch::receive(inbound, text, otherwise).await? {
        Batched::Accepted => Posted::Message(reply::accepted().into()),
        Batched::Requests(batch) => Posted::Batch(batch),
    })
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

pub(super) struct Request<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) head: &'a Head<'a>,
    pub(super) accepts: Accepts,
    /// The message, as it was sent.
    pub(super) body: &'a Bytes,
    pub(super) message: &'a Message<'a>,
    pub(super) id: &'a RequestId,
    /// Whether there are others in the same POST: none of their calls begins before all have been read.
    pub(super) one_of_many: bool,
}

impl Request<'_> {
    /// What comes of it, for one of several messages, which wait for each other.
    pub(super) async fn received(
        &self,
        incoming: Incoming,
        principal: Option<Principal>,
        share: Share<'_>,
    ) -> Result<Received, Box<Rejection>> {
        match self.dispatch(&incoming)? {
            Answer::Ready(answer) => Ok(self.reply(answer)),
            Answer::Call(target, named) => self.call(&incoming, target, named, principal, share),
            Answer::ForTransport(asked) => {
                let _held = share;
                self.serve(asked, incoming, principal).await
            }
        }
    }

    /// Does what is the transport's to do.
    async fn serve(
        &self,
        asked: ForTransport,
        incoming: Incoming,
        principal: Option<Principal>,
    ) -> Result<Received, Box<Rejection>> {
        match asked {
            ForTransport::Initialize => self.initialize(principal).await,
            ForTransport::SetLevel => self.set_level(&incoming).await,
            ForTransport::Subscribe { uri, wanted } => self.subscribe(incoming, uri, wanted).await,
            ForTransport::Listen(filter) => self.listen(&filter).await,
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
        opened.map(Received::from)
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
        Ok(reply::stream(Body::listen(stream)).into())
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
        let call = StartCall {
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
            one_of_many: self.one_of_many,
        };
        Ok(match self.one_of_many || call.takes_head() {
            true => Received::Waits(Box::new(call)),
            false => Received::Accepted(Accepted::Call(call.start_with(None, None))),
        })
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
        self.message.meta().trace_parent().or_else(|| match self.head.get(Known::TraceParent) {
            Field { value: Some(value), duplicate: false } => TraceParent::parse(std::str::from_utf8(value).ok()?),
            _ => None,
        })
    }

    fn reply(&self, answer: Bytes) -> Received {
        reply::message(answer, self.accepts).into()
    }
}
