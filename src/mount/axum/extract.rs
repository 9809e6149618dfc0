//! axum's own extractors in handlers.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::protocol::resources::ReadResourceResult;
use crate::protocol::tools::CallToolResult;
use crate::server::arguments::{Args, read};
use crate::server::call::Call;
use crate::server::extract::{FromCall, Needs, State};
use crate::server::refusal::{LONGEST_REFUSAL, Refusal};
use crate::server::resource::IntoResourceResult;
use crate::server::result::{IntoToolResult, Json, ToolError};

/// An extractor of the application's own, as its axum routes use it: any `FromRequestParts<S>`.
///
/// It runs on the head of the request that carried the call. Its state `S`, where it needs one, is a value of
/// [`Mcp::state`](crate::Mcp::state).
///
/// ```
/// use axum::extract::FromRequestParts;
/// use axum::http::{StatusCode, request::Parts};
/// use mcp_mount::{Extract, tool_fn};
///
/// struct AuthUser(String);
///
/// impl<S: Sync> FromRequestParts<S> for AuthUser {
///     type Rejection = (StatusCode, &'static str);
///
///     async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
///         let user = parts.headers.get("x-user").and_then(|user| user.to_str().ok());
///         user.map(|user| Self(user.to_owned())).ok_or((StatusCode::UNAUTHORIZED, "sign in first"))
///     }
/// }
///
/// let whoami = tool_fn("whoami", "Say who is asking", |Extract(user, ..): Extract<AuthUser>| async move {
///     user.0
/// });
/// # let _ = whoami;
/// ```
///
/// What it refuses with, the caller is told as a failed call: the text of a 4xx; that of a 5xx is logged and masked.
pub struct Extract<E, S = ()>(
    /// What was extracted.
    pub E,
    /// The state is only named.
    pub PhantomData<fn(S)>,
);

impl<E, S> From<E> for Extract<E, S> {
    /// For tests that call a handler as the function it is.
    fn from(extracted: E) -> Self {
        Self(extracted, PhantomData)
    }
}

impl<E, S> Deref for Extract<E, S> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.0
    }
}

impl<E, S> DerefMut for Extract<E, S> {
    fn deref_mut(&mut self) -> &mut E {
        &mut self.0
    }
}

impl<E: fmt::Debug, S> fmt::Debug for Extract<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Extract").field(&self.0).finish()
    }
}

impl<E, S> FromCall for Extract<E, S>
where
    E: FromRequestParts<S> + Send + 'static,
    S: Clone + Send + Sync + 'static,
{
    fn needs(needs: &mut Needs) {
        needs.headers();
        needs.extensions();
        needs.state::<S>();
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        let state: S = call.state()?;
        let name = call.name().to_owned();
        let Some(parts) = call.parts.as_mut() else { return Err(Refusal::new("the call has no HTTP request")) };
        // A rejection need not be `Send`; a response is.
        match E::from_request_parts(parts, &state).await.map_err(IntoResponse::into_response) {
            Ok(extracted) => Ok(extracted.into()),
            Err(response) => Err(refusal(&name, response).await),
        }
    }
}

/// What a response refuses with. Its body may be of any length.
async fn refusal(name: &str, response: Response) -> Refusal {
    let status = response.status();
    let (mut body, mut text) = (response.into_body(), BytesMut::new());
    // A character has four bytes at most.
    while text.len() < 4 * LONGEST_REFUSAL {
        match body.frame().await {
            Some(Ok(frame)) => text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data)),
            Some(Err(_)) | None => break,
        }
    }
    if status.is_server_error() {
        return Refusal::failure(name, &status, &String::from_utf8_lossy(&text));
    }
    Refusal::of_response(&status, &text)
}

/// axum's `State`: the value of [`Mcp::state`](crate::Mcp::state), not the router's.
impl<T: Clone + Send + Sync + 'static> FromCall for axum::extract::State<T> {
    fn needs(needs: &mut Needs) {
        State::<T>::needs(needs);
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        State::from_call(call).await.map(|State(value)| Self(value))
    }
}

/// axum's `Extension`: what the host's middleware put on the request.
impl<T: Clone + Send + Sync + 'static> FromCall for axum::Extension<T> {
    fn needs(needs: &mut Needs) {
        needs.extension::<T>();
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        call.extension().map(Self)
    }
}

/// axum's `Json`: all arguments.
impl<T: DeserializeOwned + JsonSchema + Send + 'static> FromCall for axum::Json<T> {
    fn needs(needs: &mut Needs) {
        Args::<T>::needs(needs);
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        read(call).map(axum::Json)
    }
}

/// axum's `Json`: structured output.
impl<T: Serialize + JsonSchema> IntoToolResult for axum::Json<T> {
    fn into_tool_result(self) -> Result<CallToolResult, ToolError> {
        Json(self.0).into_tool_result()
    }

    fn output_schema() -> Option<Value> {
        Json::<T>::output_schema()
    }
}

/// axum's `Json`: JSON text.
impl<T: Serialize + JsonSchema> IntoResourceResult for axum::Json<T> {
    fn into_resource_result(self) -> Result<Option<ReadResourceResult>, ToolError> {
        Json(self.0).into_resource_result()
    }
}
