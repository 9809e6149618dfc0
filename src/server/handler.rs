//! Functions as handlers: typed on the outside, erased within.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use serde_json::Value;

use super::answer::{About, Answer, Returns};
use super::call::{Call, Reply};
use super::extract::{FromCall, Needs};
use crate::protocol::tools::CallToolResult;

/// A function that serves a tool, a resource, a prompt, a completion or a [method of your own](crate::Mcp::method): `async`
/// or not, up to eight parameters that are [`FromCall`].
///
/// Its result is [`IntoToolResult`](crate::IntoToolResult), [`IntoResourceResult`](crate::IntoResourceResult),
/// [`IntoPromptResult`](crate::IntoPromptResult), [`IntoCompletion`](crate::IntoCompletion), or what becomes a
/// [`MethodResult`](crate::MethodResult), as `Answer` says.
/// `Parameters` tells the many implementations apart and is inferred. A function that is not `async` runs on the
/// runtime's own thread and must not block; `blocking` moves it to a thread of its own.
///
/// ```
/// use mcp_mount::{Args, Context, State, ToolError, tool_fn};
///
/// #[derive(Clone)]
/// struct Greeting(&'static str);
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Whom { name: String }
///
/// async fn greet(
///     Args(whom): Args<Whom>,
///     State(greeting): State<Greeting>,
///     ctx: Context,
/// ) -> Result<String, ToolError> {
///     ctx.info("somebody is greeted").await;
///     Ok(format!("{}, {}", greeting.0, whom.name))
/// }
///
/// let tool = tool_fn("greet", "Greet somebody", greet);
/// # let _ = tool;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot serve as a handler",
    label = "not a handler",
    note = "a handler is a function or closure, async or not, `Clone + Send + Sync + 'static`, with at most eight \
            parameters: `Args<T>`, `State<T>`, `Extension<T>`, `Headers`, `Principal`, `Context` or another `FromCall`",
    note = "it returns what can become the answer: text, a number, `Json<T>`, .. for a tool (see `IntoToolResult`); an async \
            function's future must be `Send`, so nothing like an `Rc` may be held across an `.await`"
)]
pub trait Handler<Parameters, Answer = CallToolResult>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn needs() -> Needs;

    #[doc(hidden)]
    fn output_schema() -> Option<Value>;

    #[doc(hidden)]
    fn call(self, call: Call) -> impl Future<Output = Reply> + Send + 'static;
}

/// What became of a handler: its answer, or the panic that ended it.
pub(crate) type HandlerOutcome = Result<Reply, Box<dyn Any + Send>>;

pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = HandlerOutcome> + Send>>;

/// A handler whose type is forgotten.
#[derive(Clone)]
pub(crate) struct ErasedHandler(Arc<dyn Fn(Call) -> HandlerFuture + Send + Sync>);

impl ErasedHandler {
    pub(crate) fn new<P, A, H: Handler<P, A>>(handler: H) -> Self {
        Self(Arc::new(move |call| {
            let handler = handler.clone();
            // One allocation for all that a call runs. Nothing of it starts before it is polled inside the guard, and
            // nothing of a panicked handler is seen again, so it need not be unwind safe.
            Box::pin(AssertUnwindSafe(handler.call(call)).catch_unwind())
        }))
    }

    #[inline]
    pub(crate) fn call(&self, call: Call) -> HandlerFuture {
        (self.0)(call)
    }
}

impl fmt::Debug for ErasedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasedHandler")
    }
}

/// Tells functions that are not `async` from those that are.
#[derive(Debug)]
pub enum Plain {}

/// Writes the implementation for one number of parameters: for `async` functions, and for the others.
macro_rules! handler {
    ($($parameter:ident),*) => {
        impl<Function, Running, Returned, A, $($parameter,)*> Handler<fn($($parameter,)*) -> Returned, A> for Function
        where
            Function: Fn($($parameter,)*) -> Running + Clone + Send + Sync + 'static,
            Running: Future<Output = Returned> + Send + 'static,
            Returned: Returns<A> + 'static,
            A: Answer,
            $($parameter: FromCall,)*
        {
            handler!(@body (.await) $($parameter),*);
        }

        impl<Function, Returned, A, $($parameter,)*> Handler<(Plain, fn($($parameter,)*) -> Returned), A> for Function
        where
            Function: Fn($($parameter,)*) -> Returned + Clone + Send + Sync + 'static,
            Returned: Returns<A> + 'static,
            A: Answer,
            $($parameter: FromCall,)*
        {
            handler!(@body () $($parameter),*);
        }
    };
    (@body ($($dot_await:tt)*) $($parameter:ident),*) => {
        fn needs() -> Needs {
            #[allow(unused_mut, reason = "one macro for every number of parameters")]
            let mut needs = Needs::default();
            $($parameter::needs(&mut needs);)*
            needs
        }

        fn output_schema() -> Option<Value> {
            Returned::output_schema()
        }

        // Not an `async fn`, which would have room for the call twice.
        #[allow(non_snake_case, unused_mut, reason = "one macro for every number of parameters")]
        fn call(self, mut call: Call) -> impl Future<Output = Reply> + Send + 'static {
            async move {
                $(
                    let $parameter = match $parameter::from_call(&mut call).await {
                        Ok(value) => value,
                        Err(refusal) => return A::refused(refusal),
                    };
                )*
                call.release();
                let returned = self($($parameter,)*)$($dot_await)*;
                A::reply(returned.into_answer(), &About::new(&call))
            }
        }
    };
}

handler!();
handler!(P1);
handler!(P1, P2);
handler!(P1, P2, P3);
handler!(P1, P2, P3, P4);
handler!(P1, P2, P3, P4, P5);
handler!(P1, P2, P3, P4, P5, P6);
handler!(P1, P2, P3, P4, P5, P6, P7);
handler!(P1, P2, P3, P4, P5, P6, P7, P8);
