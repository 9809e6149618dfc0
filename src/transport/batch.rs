//! Batches: several messages in one body, which only 2025-03-26 knew (2025-03-26, basic/index, «Batching»).
//!
//! The calls of a batch run side by side, each in a place of its own, and are answered together: in one array, in the
//! order of the requests. There is no stream on which one of them could tell its client something before that.

use std::fmt;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::future::{Either, join_all, ready};
use http::Response;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::accept::Accepts;
use super::body::Body;
use super::headers::Head;
use super::incoming::{self, WantedSession};
use super::pending::PendingCall;
use super::post::{self, Inbound, Request};
use super::read::Share;
use super::received::{Accepted, Received};
use super::rejection::Rejection;
use super::reply;
use super::request::RequestHead;
use super::service::Shared;
use super::session::Session;
use super::unanswered;
use crate::auth::Principal;
use crate::protocol::encode;
use crate::protocol::error::{ErrorCode, RpcError};
use crate::protocol::id::RequestId;
use crate::protocol::jsonrpc::{Kind, Message};
use crate::protocol::method::Method;

/// How many messages a batch may have.
pub(super) const MOST: usize = 50;

/// What the answer to one of them is: part of the JSON that answers all.
const PART: Accepts = Accepts { json: true, sse: false };

/// The requests of a batch, as far as they have come.
pub(crate) struct Batch {
    requests: Vec<Item>,
    accepts: Accepts,
}

enum Item {
    Answered(Bytes),
    Received(Received),
}

/// What comes of an array.
pub(crate) enum Batched {
    /// There was no request among them.
    Accepted,
    Requests(Batch),
}

/// Whether a body that is no message may be several.
pub(crate) fn is_array(text: &str) -> bool {
    text.trim_ascii_start().starts_with('[')
}

/// Reads an array of messages. `otherwise` is the refusal where there are no batches.
pub(crate) async fn receive(
    inbound: Inbound<'_>,
    text: &str,
    otherwise: Box<Rejection>,
) -> Result<Batched, Box<Rejection>> {
    let Inbound { shared, principal, head, accepts, share, .. } = inbound;
    let Some((wanted, session)) = incoming::batch(shared, head, principal.as_ref()).await? else {
        return Err(otherwise);
    };
    let mut reader = Reader { shared, head, principal, wanted, session, share, ids: Vec::new(), requests: Vec::new() };
    for message in items(text)? {
        // A copy, so that a call keeps its own message only, and not all of the body, of which it has its part of the budget.
        reader.read(Bytes::copy_from_slice(message.get().as_bytes())).await?;
    }
    match reader.requests {
        requests if requests.is_empty() => Ok(Batched::Accepted),
        requests => Ok(Batched::Requests(Batch { requests, accepts })),
    }
}

struct Reader<'a> {
    shared: &'a Arc<Shared>,
    head: &'a Head<'a>,
    principal: Option<Principal>,
    wanted: WantedSession,
    session: Option<Session>,
    share: Share<'a>,
    ids: Vec<RequestId>,
    requests: Vec<Item>,
}

impl Reader<'_> {
    async fn read(&mut self, body: Bytes) -> Result<(), Box<Rejection>> {
        let text = std::str::from_utf8(&body).map_err(|_| Rejection::not_utf8())?;
        let mut message = Message::default();
        match post::parse(self.shared, &mut message, text) {
            Err(malformed) => self.refuse(malformed.id.as_ref(), &malformed.error),
            Ok(Kind::Request(id)) if self.ids.contains(&id) => {
                let text = "id: another request of this batch has the same";
                self.refuse(Some(&id), &RpcError::new(ErrorCode::InvalidRequest, text));
            }
            // 2025-03-26, basic/lifecycle, «Initialization».
            Ok(Kind::Request(id)) if message.method() == Method::Initialize.as_str() => {
                let text = "initialize must not be part of a batch; send it alone";
                self.refuse(Some(&id), &RpcError::new(ErrorCode::InvalidRequest, text));
            }
            Ok(Kind::Request(id)) => {
                self.ids.push(id.clone());
                let item = self.request(&body, &message, &id).await;
                self.requests.push(item);
            }
            Ok(kind) => {
                let incoming = self.wanted.incoming(self.session.clone(), &message)?;
                let handing_on = unanswered::hand_on(self.shared, self.head, &incoming, &message, &kind, &body)?;
                if let Some(handing_on) = handing_on {
                    handing_on.await?;
                }
            }
        }
        Ok(())
    }

    async fn request(&mut self, body: &Bytes, message: &Message<'_>, id: &RequestId) -> Item {
        let incoming = self.wanted.incoming(self.session.clone(), message);
        let share = self.share.split_off(body.len());
        let request =
            Request { shared: self.shared, head: self.head, accepts: PART, body, message, id, one_of_many: true };
        let received = match incoming {
            Ok(incoming) => request.received(incoming, self.principal.clone(), share).await,
            Err(rejection) => Err(rejection),
        };
        match received {
            Ok(received) => Item::Received(received),
            Err(rejection) => Item::Answered(text(rejection.of(Some(id)).into_response())),
        }
    }

    fn refuse(&mut self, id: Option<&RequestId>, error: &RpcError) {
        self.requests.push(Item::Answered(encode::error_in_batch(id, error)));
    }
}

impl Batch {
    /// Runs the calls to their ends. `begun` is given each when it begins.
    pub(crate) async fn answer<R: RequestHead>(
        self,
        shared: &Arc<Shared>,
        request: &mut R,
        begun: impl Fn(&mut PendingCall),
    ) -> Response<Body> {
        let mut running = Vec::with_capacity(self.requests.len());
        for item in self.requests {
            let accepted = match item {
                Item::Answered(answer) => {
                    running.push(Either::Left(ready(answer)));
                    continue;
                }
                Item::Received(received) => received.accept(shared, request).await,
            };
            running.push(match accepted {
                Ok(Accepted::Reply(response)) => Either::Left(ready(text(*response))),
                Ok(Accepted::Call(mut call)) => {
                    begun(&mut call);
                    Either::Right(async { text(call.await) })
                }
                Err(rejection) => Either::Left(ready(text(rejection.into_response()))),
            });
        }
        reply::message(array(&join_all(running).await), self.accepts)
    }
}

/// The message that a reply is, none of which is a stream here.
fn text(response: Response<Body>) -> Bytes {
    response.into_body().into_bytes().unwrap_or_default()
}

fn array(answers: &[Bytes]) -> Bytes {
    let mut out = BytesMut::with_capacity(answers.iter().map(|answer| answer.len() + 1).sum::<usize>() + 1);
    for (index, answer) in answers.iter().enumerate() {
        out.put_u8(if index == 0 { b'[' } else { b',' });
        out.put_slice(answer);
    }
    out.put_u8(b']');
    out.freeze()
}

/// The messages, each as it was sent.
fn items(text: &str) -> Result<Vec<&RawValue>, Box<Rejection>> {
    let Items(items) = serde_json::from_str(text).map_err(|error| {
        let text = format!("the body is not valid JSON: {error}");
        Rejection::bad_request(RpcError::new(ErrorCode::Parse, text))
    })?;
    match items {
        Some(items) if items.is_empty() => Err(Rejection::invalid("the batch is empty; send one message at least")),
        Some(items) => Ok(items),
        None => Err(Rejection::invalid(format!("the batch has more than {MOST} messages; send several"))),
    }
}

/// `None` for more than there may be, of which no more are kept.
struct Items<'a>(Option<Vec<&'a RawValue>>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemsVisitor;

        impl<'de> Visitor<'de> for ItemsVisitor {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of messages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == MOST {
                        while seq.next_element::<IgnoredAny>()?.is_some() {}
                        return Ok(Items(None));
                    }
                    items.push(item);
                }
                Ok(Items(Some(items)))
            }
        }

        deserializer.deserialize_seq(ItemsVisitor)
    }
}
