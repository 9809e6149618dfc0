//! What a handler can ask for: its parameters.

use std::any::{TypeId, type_name};
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};

use http::HeaderMap;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::call::Call;
use super::context::Context;
use super::schema;

/// A type that a handler can take as a parameter.
///
/// [`needs`](Self::needs) says what it reads, so that a plain call moves nothing it does not use, and so that a missing
/// state is found when the server is built.
///
/// ```
/// use mcp_mount::{Call, FromCall, Needs, Refusal};
///
/// struct Tenant(String);
///
/// impl FromCall for Tenant {
///     fn needs(needs: &mut Needs) {
///         needs.headers();
///     }
///
///     async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
///         let tenant = call.headers().and_then(|headers| headers.get("x-tenant"));
///         let tenant = tenant.and_then(|tenant| tenant.to_str().ok());
///         tenant.map(|tenant| Self(tenant.to_owned())).ok_or_else(|| Refusal::new("the header x-tenant is missing"))
///     }
/// }
/// # let _ = mcp_mount::tool_fn("tenant", "Name the tenant", |Tenant(name): Tenant| async move { name });
/// ```
///
/// In a `#[tool]` function such a parameter is marked with `#[extract]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something a tool's handler can ask for",
    label = "not an extractor",
    note = "a handler's parameters are `Args<T>`, `State<T>`, `Extension<T>`, `Headers` and `Context`"
)]
pub trait FromCall: Sized + Send + 'static {
    /// Declares what is read from the call.
    fn needs(needs: &mut Needs) {
        let _ = needs;
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// When the call does not have it; the caller sees the refusal as a failed tool call.
    fn from_call(call: &mut Call) -> impl Future<Output = Result<Self, Refusal>> + Send;
}

/// What the parameters of a handler read from a call.
#[derive(Debug, Default)]
pub struct Needs {
    pub(crate) headers: bool,
    pub(crate) extensions: bool,
    pub(crate) context: bool,
    pub(crate) states: Vec<StateNeed>,
    pub(crate) input_schema: Option<Value>,
}

impl Needs {
    /// Asks for the headers of the HTTP request: [`Call::headers`].
    pub fn headers(&mut self) {
        self.headers = true;
    }

    /// Asks for the extensions of the HTTP request: [`Call::extensions`].
    pub fn extensions(&mut self) {
        self.extensions = true;
    }
}

/// A state that must be given when the server is built.
#[derive(Debug)]
pub(crate) struct StateNeed {
    pub(crate) id: TypeId,
    pub(crate) name: &'static str,
}

/// Why a parameter cannot be had. Its text reaches the caller.
#[derive(Debug)]
pub struct Refusal(pub(crate) String);

impl Refusal {
    /// A refusal that says why.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A tool's arguments, read into `T`.
///
/// ```
/// use mcp_mount::{Args, tool_fn};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Add { a: f64, b: f64 }
///
/// let add = tool_fn("add", "Add two numbers", |Args(add): Args<Add>| async move { add.a + add.b });
/// # let _ = add;
/// ```
///
/// Arguments that are no `T` fail the call (`isError`) with the path and what was expected there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Args<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> FromCall for Args<T> {
    fn needs(needs: &mut Needs) {
        needs.input_schema = Some(schema::input::<T>());
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        // Absent arguments are no arguments.
        read_arguments(call.arguments.as_deref().unwrap_or(b"{}")).map(Self)
    }
}

fn read_arguments<T: DeserializeOwned>(json: &[u8]) -> Result<T, Refusal> {
    // A derived struct would take an array for its fields in order.
    let json = std::str::from_utf8(json).ok().filter(|json| json.starts_with('{'));
    let Some(json) = json else { return Err(Refusal("arguments: expected an object".into())) };
    serde_json::from_str(json).map_err(|_| arguments_fault::<T>(json))
}

/// Reads once more to find the path, which costs too much to keep while all goes well.
#[cold]
fn arguments_fault<T: DeserializeOwned>(json: &str) -> Refusal {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => {
            let path = error.path().to_string();
            let place = if path == "." { "arguments".to_owned() } else { format!("arguments.{path}") };
            Refusal(format!("{place}: {}", without_position(error.inner())))
        }
        Ok(_) => Refusal("arguments: not what the tool's input schema describes".into()),
    }
}

/// serde_json's position counts within the arguments, not in what the client sent.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The application's state of type `T`, as `Mcp::state` was given it. A clone, as in axum.
///
/// ```
/// use mcp_mount::{Mcp, State, tool_fn};
///
/// #[derive(Clone)]
/// struct Greeting(&'static str);
///
/// let mcp = Mcp::new("demo", "1.0.0")
///     .state(Greeting("hello"))
///     .tool(tool_fn("greet", "Greet", |State(greeting): State<Greeting>| async move { greeting.0 }))
///     .build();
/// assert!(mcp.is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct State<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromCall for State<T> {
    fn needs(needs: &mut Needs) {
        needs.states.push(StateNeed { id: TypeId::of::<T>(), name: type_name::<T>() });
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        call.states.as_ref().and_then(|states| states.get()).map(Self).ok_or_else(|| {
            let (tool, name) = (call.tool.name(), type_name::<T>());
            Refusal(format!("tool `{tool}`: there is no state of type `{name}`; add `.state(..)` to `Mcp`"))
        })
    }
}

/// What the host's middleware put into the request's extensions. A clone, as in axum.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extension<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromCall for Extension<T> {
    fn needs(needs: &mut Needs) {
        needs.extensions = true;
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        let found = call.extensions.as_ref().and_then(|extensions| extensions.get::<T>()).cloned();
        found.map(Self).ok_or_else(|| {
            let (tool, name) = (call.tool.name(), type_name::<T>());
            let text = format!(
                "tool `{tool}`: the request has no extension of type `{name}`; put it there in a layer around the \
                 mounted server, as in `.layer(axum::Extension(value))`"
            );
            tracing::error!(tool, r#type = name, "{text}");
            Refusal(text)
        })
    }
}

/// The headers of the HTTP request.
///
/// ```
/// use mcp_mount::{Headers, tool_fn};
///
/// let agent = tool_fn("agent", "Name the caller's program", |headers: Headers| async move {
///     headers.get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or("unknown").to_owned()
/// });
/// # let _ = agent;
/// ```
#[derive(Clone, Default)]
pub struct Headers(pub HeaderMap);

impl FromCall for Headers {
    fn needs(needs: &mut Needs) {
        needs.headers = true;
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        Ok(Self(call.headers.clone().unwrap_or_default()))
    }
}

impl Deref for Headers {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.0
    }
}

impl DerefMut for Headers {
    fn deref_mut(&mut self) -> &mut HeaderMap {
        &mut self.0
    }
}

impl fmt::Debug for Headers {
    /// Without values, some of which are credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl FromCall for Context {
    fn needs(needs: &mut Needs) {
        needs.context = true;
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        call.context.clone().ok_or_else(|| Refusal("the call has no context".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Order {
        #[expect(dead_code, reason = "read by the test's faults only")]
        items: Vec<Item>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Item {
        #[expect(dead_code, reason = "read by the test's faults only")]
        price: f64,
    }

    fn fault(json: &str) -> String {
        read_arguments::<Order>(json.as_bytes()).unwrap_err().0
    }

    #[test]
    fn faults_name_the_path_and_what_was_expected() {
        assert_eq!(
            fault(r#"{"items":[{"price":1},{"price":"x"}]}"#),
            "arguments.items[1].price: invalid type: string \"x\", expected f64"
        );
        assert_eq!(fault("{}"), "arguments: missing field `items`");
        assert_eq!(fault("[[]]"), "arguments: expected an object");
        assert_eq!(fault(r#"{"items":[],"items":[]}"#), "arguments: duplicate field `items`");
    }
}
