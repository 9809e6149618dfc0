//! A running call: the handler under its timeout, its panic guard and whatever may cancel it.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{DropGuard, WaitForCancellationFutureOwned};
use tracing::Span;

use super::ask::rounds::InputRequired;
use super::ask::{Asking, Round, here};
use super::call::{Call, Reply};
use super::context::Context;
use super::handler::HandlerFuture;
use super::layer::Layers;
use super::target::{Kind, Target};
use crate::lifespan::spawner::panic_text;
use crate::lifespan::{LONGEST_WAIT, Lifespan};
use crate::protocol::revision::Revision;
use crate::protocol::trace_context::TraceParent;

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With an answer, which may be a failure.
    Reply(Reply),
    /// With questions, which the client answers with the same request again.
    InputRequired(InputRequired),
    /// The client cancelled it.
    Cancelled,
    /// The server is shutting down and could not wait any longer.
    Cut,
}

/// A handler that runs.
///
/// What a handler that ends at its first poll does not need is made later: the clock and the wait for a shutdown.
pub(crate) struct Running {
    /// Taken when it is dropped.
    handler: Option<HandlerFuture>,
    /// Of a handler that takes it: what it asks of its client is seen here.
    context: Option<Context>,
    target: Arc<Target>,
    timeout: Duration,
    cancel: Option<CancelHandle>,
    pending: Option<Pin<Box<Waits>>>,
    span: Span,
    began: Option<Instant>,
    /// Ends the handler's context with the call.
    _end: Option<DropGuard>,
}

pin_project_lite::pin_project! {
    struct Waits {
        #[pin]
        timeout: Sleep,
        #[pin]
        cut: WaitForCancellationFutureOwned,
        // Since when the call waits for its client, which is not its own time.
        asking: Option<Instant>,
    }
}

impl Running {
    /// Starts the handler of a call.
    pub(crate) fn start(
        call: Call,
        layers: &Layers,
        revision: Revision,
        timeout: Duration,
        trace: Option<&TraceParent>,
    ) -> Self {
        let target = Arc::clone(&call.target);
        let span = span(&target, revision);
        if let Some(trace) = trace {
            span.record("trace_id", trace.trace_id());
            span.record("parent_span_id", trace.parent_id());
        }
        let began = (!span.is_disabled()).then(Instant::now);
        let context = call.context.clone();
        let end = context.as_ref().map(Context::end_guard);
        let timeout = target.timeout.unwrap_or(timeout).min(LONGEST_WAIT);
        let handler = Some(layers.start(call, &target));
        Self { handler, context, target, timeout, cancel: None, pending: None, span, began, _end: end }
    }

    /// Lets `cancel` end the call, which waits.
    pub(crate) fn cancelled_by(&mut self, cancel: CancelHandle, cx: &TaskContext<'_>) {
        if cancel.poll(cx) {
            cx.waker().wake_by_ref();
        }
        self.cancel = Some(cancel);
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Goes on with the call, which a shutdown of `lifespan` may cut.
    pub(crate) fn poll(&mut self, cx: &mut TaskContext<'_>, lifespan: &Lifespan) -> Poll<Outcome> {
        if self.span.is_disabled() {
            return self.poll_outcome(cx, lifespan);
        }
        let span = self.span.clone();
        let _entered = span.enter();
        let poll = self.poll_outcome(cx, lifespan);
        if let Poll::Ready(outcome) = &poll {
            self.record(Some(outcome));
        }
        poll
    }

    fn poll_outcome(&mut self, cx: &mut TaskContext<'_>, lifespan: &Lifespan) -> Poll<Outcome> {
        if self.cancel.as_ref().is_some_and(CancelHandle::is_cancelled) {
            return Poll::Ready(Outcome::Cancelled);
        }
        let Some(handler) = &mut self.handler else { return Poll::Pending };
        let here = self.context.as_ref().map(|context| here::enter(context.address()));
        let polled = handler.as_mut().poll(cx);
        drop(here);
        if let Poll::Ready(outcome) = polled {
            let reply = outcome.unwrap_or_else(|panic| self.target.masked(&panic_text(&*panic)));
            return Poll::Ready(Outcome::Reply(reply));
        }
        // Asked once more when it will wake this task, so that a cancellation in between is not missed.
        if self.cancel.as_ref().is_some_and(|cancel| cancel.poll(cx)) {
            return Poll::Ready(Outcome::Cancelled);
        }
        if let Some(questions) = self.end_of_round(cx) {
            self.drop_handler();
            return Poll::Ready(Outcome::InputRequired(questions));
        }
        self.poll_waits(cx, lifespan)
    }

    /// What is to be asked, if the handler waits for nothing but answers that another round has to bring.
    fn end_of_round(&self, cx: &TaskContext<'_>) -> Option<InputRequired> {
        let context = self.context.as_ref()?;
        match (&context.facts().asking, context.asks().look(cx)) {
            (Asking::Rounds(rounds), Round::Ends) => Some(rounds.end(context.asks())),
            _ => None,
        }
    }

    /// The timeout, which stands still while the client is asked, and the end of the server.
    fn poll_waits(&mut self, cx: &mut TaskContext<'_>, lifespan: &Lifespan) -> Poll<Outcome> {
        let timeout = self.timeout;
        let waits = self.pending.get_or_insert_with(|| {
            let timeout = sleep_until(Instant::now() + timeout);
            Box::pin(Waits { timeout, cut: lifespan.cut(), asking: None })
        });
        let asks = self.context.as_ref().is_some_and(|context| context.asks().is_waiting());
        let ended = past_budget(cx, |cx| {
            let mut waits = waits.as_mut().project();
            if waits.cut.poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            if asks {
                waits.asking.get_or_insert_with(Instant::now);
                return Poll::Pending;
            }
            if let Some(since) = waits.asking.take() {
                let deadline = waits.timeout.deadline() + since.elapsed();
                waits.timeout.as_mut().reset(deadline);
            }
            waits.timeout.poll(cx).map(|()| false)
        });
        ended.map(|cut| if cut { Outcome::Cut } else { Outcome::Reply(self.timed_out()) })
    }

    fn timed_out(&self) -> Reply {
        let (noun, name, timeout_ms) = (self.target.noun(), &self.target.name, self.timeout.as_millis());
        tracing::warn!(kind = noun, name, timeout_ms, "the {noun} timed out");
        self.target.failed(format!("the {noun} `{name}` did not finish within its timeout of {timeout_ms} ms"))
    }

    fn record(&mut self, outcome: Option<&Outcome>) {
        let Some(began) = self.began.take() else { return };
        let name = match outcome {
            Some(Outcome::Reply(reply)) if reply.is_error() => "error",
            Some(Outcome::Reply(_)) => "ok",
            Some(Outcome::InputRequired(questions)) if questions.state.is_ok() => "input_required",
            Some(Outcome::InputRequired(_)) => "error",
            Some(Outcome::Cancelled) => "cancelled",
            Some(Outcome::Cut) => "cut",
            None => "abandoned",
        };
        self.span.record("outcome", name);
        self.span.record("duration_ms", began.elapsed().as_secs_f64() * 1e3);
        tracing::debug!(parent: &self.span, "done");
    }

    /// A handler that is dropped before its end may panic in its own `Drop`, which must not tear down the connection.
    fn drop_handler(&mut self) {
        let handler = self.handler.take();
        if let Err(panic) = std::panic::catch_unwind(AssertUnwindSafe(|| drop(handler))) {
            tracing::error!(name = self.target.name, cause = panic_text(&*panic), "the handler panicked when dropped");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.record(None);
        self.drop_handler();
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("target", &self.target.name).finish_non_exhaustive()
    }
}

/// Polls what must be noticed even if the handler has used up its task's turn: tokio's timers are pending then, so that a
/// handler that is never pending by itself would put its own timeout off for ever.
pub(crate) fn past_budget<T>(cx: &mut TaskContext<'_>, poll: impl FnMut(&mut TaskContext<'_>) -> Poll<T>) -> Poll<T> {
    pin!(tokio::task::coop::unconstrained(poll_fn(poll))).poll(cx)
}

/// Whether anybody listens to the spans of calls.
pub(crate) fn has_span() -> bool {
    tracing::enabled!(tracing::Level::INFO)
}

/// The call's span, if anybody listens: a disabled one would still be offered to the `log` crate, field by field.
fn span(target: &Target, revision: Revision) -> Span {
    macro_rules! span {
        ($method:literal, $kind:ident) => {
            tracing::info_span!(
                $method,
                $kind = target.name,
                revision = revision.as_str(),
                outcome = tracing::field::Empty,
                duration_ms = tracing::field::Empty,
                trace_id = tracing::field::Empty,
                parent_span_id = tracing::field::Empty,
            )
        };
    }
    if !has_span() {
        return Span::none();
    }
    match target.kind {
        Kind::Tool { .. } => span!("tools/call", tool),
        Kind::Resource { .. } => span!("resources/read", resource),
        Kind::Prompt => span!("prompts/get", prompt),
        Kind::Completion => span!("completion/complete", completion),
        Kind::Custom => span!("custom method", method),
    }
}

/// Ends one call from elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct CancelHandle(Arc<Signal>);

#[derive(Debug, Default)]
struct Signal {
    raised: AtomicBool,
    waiter: AtomicWaker,
}

impl CancelHandle {
    pub(crate) fn cancel(&self) {
        self.0.raised.store(true, Ordering::Release);
        self.0.waiter.wake();
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.raised.load(Ordering::Acquire)
    }

    /// Whether it was cancelled; if not, `cx` is woken when it is. One task at a time may wait.
    pub(crate) fn poll(&self, cx: &TaskContext<'_>) -> bool {
        self.0.waiter.register(cx.waker());
        self.0.raised.load(Ordering::Acquire)
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
