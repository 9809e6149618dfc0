//! The body of a response.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

use super::resume::replay::ResumedStream;
use super::sse::call::CallStream;
use super::sse::listen::ListenStream;
use super::sse_legacy::LineStream;
use crate::error::Causes;

/// The body of a response: nothing, one piece, or a stream of events.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    /// Nothing, whose length says nothing of the content that is left out.
    Withheld,
    Full(Option<Bytes>),
    Call(Box<CallStream>),
    Listen(Box<ListenStream>),
    Resumed(Box<ResumedStream>),
    Line(Box<LineStream>),
    /// What a layer made of one of the others.
    Foreign(UnsyncBoxBody<Bytes, BoxError>),
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A stream of events broke off, since its client did not read it in time, or since a layer around it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream was cut: the client did not read it in time, or a layer failed")]
pub struct StreamCut(());

impl StreamCut {
    pub(crate) fn new() -> Self {
        Self(())
    }
}

impl Body {
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self(Kind::Full(Some(bytes)))
    }

    /// The body of an answer to HEAD, and of a 204 (RFC 9110, 8.6: no Content-Length but that of the content, and none).
    pub(crate) fn withheld() -> Self {
        Self(Kind::Withheld)
    }

    pub(crate) fn call(stream: CallStream) -> Self {
        Self(Kind::Call(Box::new(stream)))
    }

    pub(crate) fn foreign<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Kind::Foreign(body.map_err(Into::into).boxed_unsync()))
    }

    /// The whole of it, if it is there in one piece.
    pub(crate) fn into_bytes(self) -> Result<Bytes, Self> {
        match self.0 {
            Kind::Empty | Kind::Withheld => Ok(Bytes::new()),
            Kind::Full(bytes) => Ok(bytes.unwrap_or_default()),
            stream => Err(Self(stream)),
        }
    }

    pub(crate) fn listen(stream: ListenStream) -> Self {
        Self(Kind::Listen(Box::new(stream)))
    }

    pub(crate) fn resumed(stream: ResumedStream) -> Self {
        Self(Kind::Resumed(Box::new(stream)))
    }

    pub(crate) fn line(stream: LineStream) -> Self {
        Self(Kind::Line(Box::new(stream)))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = StreamCut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StreamCut>>> {
        match &mut self.0 {
            Kind::Empty | Kind::Withheld => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Call(stream) => stream.poll_data(cx).map(|data| data.map(|data| data.map(Frame::data))),
            Kind::Listen(stream) => stream.poll_data(cx).map(|data| data.map(|data| Ok(Frame::data(data)))),
            Kind::Resumed(stream) => stream.poll_data(cx).map(|data| data.map(|data| data.map(Frame::data))),
            Kind::Line(stream) => stream.poll_data(cx).map(|data| data.map(|data| data.map(Frame::data))),
            Kind::Foreign(body) => Pin::new(body).poll_frame(cx).map_err(|error| {
                tracing::debug!(error = %Causes(&*error), "a layer around the body failed");
                StreamCut::new()
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty | Kind::Withheld => true,
            Kind::Full(bytes) => bytes.is_none(),
            Kind::Call(stream) => stream.is_done(),
            Kind::Listen(stream) => stream.is_done(),
            Kind::Resumed(stream) => stream.is_done(),
            Kind::Line(stream) => stream.is_done(),
            Kind::Foreign(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Kind::Withheld | Kind::Call(_) | Kind::Listen(_) | Kind::Resumed(_) | Kind::Line(_) => SizeHint::default(),
            Kind::Foreign(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Empty | Kind::Withheld => "Body(empty)",
            Kind::Full(_) => "Body(full)",
            Kind::Call(_) | Kind::Listen(_) | Kind::Resumed(_) | Kind::Line(_) => "Body(stream)",
            Kind::Foreign(_) => "Body(layered)",
        })
    }
}
