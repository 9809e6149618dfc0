//! Functions as handlers: typed on the outside, erased within.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use serde_json::Value;

use super::call::Call;
use super::extract::{FromCall, Needs};
use super::result::IntoToolResult;
use crate::protocol::tools::CallToolResult;

/// An async function that serves a tool: up to eight parameters that are [`FromCall`], a result that is
/// [`IntoToolResult`].
///
/// `Parameters` tells the many implementations apart and is inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot serve a tool",
    label = "not a handler",
    note = "a handler is an async function or closure, `Clone + Send + Sync + 'static`, whose parameters are `Args<T>`, \
            `State<T>`, `Extension<T>`, `Headers` or `Context` (at most eight), and whose result is `IntoToolResult`"
)]
pub trait Handler<Parameters>: Clone + Send + Sync + 'static {
    #[doc(hidden)]
    fn needs() -> Needs;

    #[doc(hidden)]
    fn output_schema() -> Option<Value>;

    #[doc(hidden)]
    fn call(self, call: Call) -> impl Future<Output = CallToolResult> + Send + 'static;
}

/// What became of a handler: its result, or the panic that ended it.
pub(crate) type HandlerOutcome = Result<CallToolResult, Box<dyn Any + Send>>;

type HandlerFuture = Pin<Box<dyn Future<Output = HandlerOutcome> + Send>>;

/// A handler whose type is forgotten.
#[derive(Clone)]
pub(crate) struct ErasedHandler(Arc<dyn Fn(Call) -> HandlerFuture + Send + Sync>);

impl ErasedHandler {
    pub(crate) fn new<P, H: Handler<P>>(handler: H) -> Self {
        Self(Arc::new(move |call| {
            let handler = handler.clone();
            // One allocation for all that a call runs. Nothing of it starts before it is polled inside the guard, and
            // nothing of a panicked handler is seen again, so it need not be unwind safe.
            Box::pin(AssertUnwindSafe(handler.call(call)).catch_unwind())
        }))
    }

    pub(crate) fn call(&self, call: Call) -> HandlerFuture {
        (self.0)(call)
    }
}

impl fmt::Debug for ErasedHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasedHandler")
    }
}

macro_rules! handler {
    ($($parameter:ident),*) => {
        #[allow(non_snake_case, unused_mut, unused_variables, reason = "one macro for every number of parameters")]
        impl<Function, Running, Returned, $($parameter,)*> Handler<fn($($parameter,)*) -> Returned> for Function
        where
            Function: Fn($($parameter,)*) -> Running + Clone + Send + Sync + 'static,
            Running: Future<Output = Returned> + Send + 'static,
            Returned: IntoToolResult + 'static,
            $($parameter: FromCall,)*
        {
            fn needs() -> Needs {
                let mut needs = Needs::default();
                $($parameter::needs(&mut needs);)*
                needs
            }

            fn output_schema() -> Option<Value> {
                Returned::output_schema()
            }

            async fn call(self, mut call: Call) -> CallToolResult {
                $(
                    let $parameter = match $parameter::from_call(&mut call).await {
                        Ok(value) => value,
                        Err(refusal) => return CallToolResult::error(refusal.0),
                    };
                )*
                let tool = Arc::clone(&call.tool);
                // Headers and extensions must not live as long as the handler runs.
                drop(call);
                match self($($parameter,)*).await.into_tool_result() {
                    Ok(result) => result,
                    Err(error) => error.into_result(tool.name()),
                }
            }
        }
    };
}

handler!();
handler!(A);
handler!(A, B);
handler!(A, B, C);
handler!(A, B, C, D);
handler!(A, B, C, D, E);
handler!(A, B, C, D, E, F);
handler!(A, B, C, D, E, F, G);
handler!(A, B, C, D, E, F, G, H);
