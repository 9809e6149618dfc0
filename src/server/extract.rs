//! What a handler can ask for: its parameters.

use std::any::{TypeId, type_name};
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};

use http::HeaderMap;
use serde_json::Value;

use super::call::Call;
use super::context::Context;
use super::refusal::{Refusal, Refused};
use crate::auth::Principal;

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
///         tenant.map(|tenant| Self(tenant.to_owned())).ok_or_else(|| Refusal::absent("the header x-tenant is missing"))
///     }
/// }
/// # let _ = mcp_mount::tool_fn("tenant", "Name the tenant", |Tenant(name): Tenant| async move { name });
/// ```
///
/// In a `#[tool]` function such a parameter is marked with `#[extract]`.
///
/// An `Option` of an extractor is `None` where the call has [nothing](Refusal::absent) for it. What is there and wrong is
/// refused all the same.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not something a handler can ask for",
    label = "not an extractor",
    note = "a handler asks for `Args<T>`, `State<T>`, `Extension<T>`, `Headers`, `Principal`, `Context`, `EndpointUrl`, an \
            extractor of the web framework's, as `Extract<E>` in axum, or a type of yours that implements `FromCall`"
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
    /// When the call does not have it. The caller is told: a tool's call fails (`isError`), any other is answered with
    /// -32602.
    fn from_call(call: &mut Call) -> impl Future<Output = Result<Self, Refusal>> + Send;
}

/// What the parameters of a handler read from a call.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// The head of the HTTP request, or a part of it.
    pub(crate) parts: bool,
    pub(crate) extensions: WantedExtensions,
    pub(crate) principal: bool,
    pub(crate) endpoint_url: bool,
    pub(crate) context: bool,
    /// What is to be completed, which only completion handlers are told.
    pub(crate) completion: bool,
    pub(crate) states: Vec<StateNeed>,
    /// A state that may be missing.
    pub(crate) optional_states: bool,
    /// How many parameters read the arguments, which have one schema.
    pub(crate) arguments: u32,
    pub(crate) input_schema: Option<Value>,
    /// The arguments' names in order, as far as it is known.
    pub(crate) argument_names: &'static [&'static str],
}

impl Needs {
    /// Asks for the headers of the HTTP request: [`Call::headers`].
    pub fn headers(&mut self) {
        self.parts = true;
    }

    /// Asks for the extensions of the HTTP request: [`Call::extensions`].
    pub fn extensions(&mut self) {
        self.parts = true;
        self.extensions.all = true;
    }

    /// Asks for one of them.
    pub(crate) fn extension<T: 'static>(&mut self) {
        self.parts = true;
        self.extensions.types.push(TypeId::of::<T>());
    }
}

/// Which extensions of the HTTP request a handler reads, for hosts that have to make some of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct WantedExtensions {
    all: bool,
    #[cfg_attr(not(feature = "actix-web"), expect(dead_code, reason = "the other hosts hand on everything"))]
    at_hand: bool,
    types: Vec<TypeId>,
}

impl WantedExtensions {
    /// What costs nothing to make, for layers; nobody is going to handle the request.
    #[cfg(feature = "actix-web")]
    pub(crate) const AT_HAND: &'static Self = &Self { all: false, at_hand: true, types: Vec::new() };
    pub(crate) const ALL: &'static Self = &Self { all: true, at_hand: true, types: Vec::new() };

    #[cfg(feature = "actix-web")]
    pub(crate) fn has(&self, extension: TypeId) -> bool {
        self.all || self.types.contains(&extension)
    }

    #[cfg(feature = "actix-web")]
    pub(crate) fn has_at_hand(&self, extension: TypeId) -> bool {
        self.at_hand || self.has(extension)
    }
}

impl Needs {
    /// Asks for a value of [`Mcp::state`](crate::Mcp::state): [`Call::state`].
    pub fn state<T: Clone + Send + Sync + 'static>(&mut self) {
        self.states.push(StateNeed { id: TypeId::of::<T>(), name: type_name::<T>() });
    }
}

impl Call {
    /// A value of [`Mcp::state`](crate::Mcp::state), if [`Needs::state`] was asked for it.
    ///
    /// # Errors
    ///
    /// When none of this type was given.
    pub fn state<T: Clone + Send + Sync + 'static>(&self) -> Result<T, Refusal> {
        self.states.as_ref().and_then(|states| states.get()).ok_or_else(|| {
            let (noun, name, wanted) = (self.target.noun(), self.name(), type_name::<T>());
            let text = format!("{noun} `{name}`: there is no state of type `{wanted}`; add `.state(..)` to `Mcp`");
            Refusal::internal_absent(text)
        })
    }

    /// A value of the request's extensions.
    ///
    /// # Errors
    ///
    /// When there is none of this type; the text says how to put one there.
    pub(crate) fn extension<T: Clone + Send + Sync + 'static>(&self) -> Result<T, Refusal> {
        let extensions = self.extensions();
        if let Some(value) = extensions.and_then(|extensions| extensions.get::<T>()) {
            return Ok(value.clone());
        }
        if let Some(refused) = extensions.and_then(|extensions| extensions.get::<Refused<T>>()) {
            return Err(refused.refusal.clone());
        }
        let (noun, name, wanted) = (self.target.noun(), self.name(), type_name::<T>());
        let text = format!(
            "{noun} `{name}`: the request has no extension of type `{wanted}`; put it there in a layer around the mounted \
             server, as in `.layer(axum::Extension(value))`; in actix-web, also add `.forward::<{wanted}>()` to the scope, or \
             `.extract::<{wanted}>()` if it is an extractor"
        );
        self.tell_host(&text);
        Err(Refusal::internal_absent(text))
    }

    /// Logs what is a mistake of the host's, unless the handler can do without.
    pub(crate) fn tell_host(&self, text: &str) {
        if !self.optional {
            tracing::error!(name = self.name(), "{text}");
        }
    }
}

/// A state that must be given when the server is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StateNeed {
    pub(crate) id: TypeId,
    pub(crate) name: &'static str,
}

/// The application's state of type `T`, as [`Mcp::state`](crate::Mcp::state) was given it. A clone, as in axum. If none
/// was given, [`Mcp::build`](crate::Mcp::build) fails and names the handler.
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
        needs.state::<T>();
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        call.state().map(Self)
    }
}

/// What the host's middleware put into the request's extensions. A clone, as in axum.
///
/// A request without one is refused with a text that says how to put it there; `Option<Extension<T>>` takes it.
///
/// ```
/// use mcp_mount::{Extension, tool_fn};
///
/// #[derive(Clone)]
/// struct User { name: String }
///
/// let whoami = tool_fn("whoami", "Say who is asking", |Extension(user): Extension<User>| async move { user.name });
/// # let _ = whoami;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Extension<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromCall for Extension<T> {
    fn needs(needs: &mut Needs) {
        needs.extension::<T>();
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        call.extension().map(Self)
    }
}

/// The headers of the HTTP request, credentials included.
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
        needs.parts = true;
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        Ok(Self(call.headers().cloned().unwrap_or_default()))
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
        call.context.clone().ok_or_else(|| Refusal::internal("the call has no context"))
    }
}

/// Who is asking: see [`Mcp::principal_from_extension`](crate::Mcp::principal_from_extension). A call of nobody in
/// particular is refused; `Option<Principal>` takes it.
impl FromCall for Principal {
    fn needs(needs: &mut Needs) {
        needs.principal = true;
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        call.principal.clone().ok_or_else(|| Refusal::absent("this is for callers who have signed in"))
    }
}

/// The URL at which clients reach the MCP endpoint, for links to it: what [`Mcp::public_url`](crate::Mcp::public_url) or
/// [`Mcp::base_url`](crate::Mcp::base_url) says, else what a [trusted proxy](crate::Mcp::trusted_proxies) or the request
/// itself does. It has no slash at its end. Where the host itself ends TLS, axum does not tell: set `base_url`.
///
/// ```
/// use mcp_mount::{EndpointUrl, tool_fn};
///
/// let whereabouts = tool_fn("where", "Say where this server is", |EndpointUrl(url): EndpointUrl| async move { url });
/// # let _ = whereabouts;
/// ```
///
/// In a `#[tool]` function it is one of the parameters that need no `#[extract]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl(pub String);

impl FromCall for EndpointUrl {
    fn needs(needs: &mut Needs) {
        needs.endpoint_url = true;
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        call.endpoint_url
            .clone()
            .map(Self)
            .ok_or_else(|| Refusal::absent("the request does not say where it was sent to"))
    }
}

impl<T: FromCall> FromCall for Option<T> {
    fn needs(needs: &mut Needs) {
        // A state that may be missing is not missed.
        let states = std::mem::take(&mut needs.states);
        T::needs(needs);
        needs.optional_states |= !needs.states.is_empty();
        needs.states = states;
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        let before = std::mem::replace(&mut call.optional, true);
        let extracted = T::from_call(call).await;
        call.optional = before;
        match extracted {
            Err(Refusal { absent: true, .. }) => Ok(None),
            extracted => extracted.map(Some),
        }
    }
}
