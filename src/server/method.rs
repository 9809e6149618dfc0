//! Methods of the application's own, beside those of the protocol.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::answer::{About, Answer, Returns};
use super::call::Reply;
use super::handler::{ErasedHandler, Handler};
use super::registry::check_target;
use super::result::{Json, ToolError};
use super::state::States;
use super::target::{Kind, Target};
use crate::error::{BuildError, BuildErrorKind};
use crate::protocol::meta::OwnMeta;

/// What comes before the slash in the protocol's own methods, or has come, or is spoken for by its extensions.
const RESERVED: [&str; 14] = [
    "completion",
    "elicitation",
    "initialize",
    "logging",
    "notifications",
    "ping",
    "prompts",
    "resources",
    "roots",
    "sampling",
    "server",
    "subscriptions",
    "tasks",
    "tools",
];

/// The longest name, which 2026-07-28 clients repeat in a header: bytes.
const LONGEST: usize = 128;

/// By name.
pub(crate) type Methods = HashMap<String, Arc<Target>>;

/// What a [method of your own](crate::Mcp::method) answers: made of the `Json<T>` that its handler returns.
#[derive(Clone, Debug)]
pub struct MethodResult {
    pub(crate) members: Map<String, Value>,
    pub(crate) meta: OwnMeta,
}

impl MethodResult {
    /// A result of these members. What its revision adds to every result, as 2026-07-28 does `resultType`, is added when
    /// it is sent.
    #[must_use]
    pub fn new(mut members: Map<String, Value>) -> Self {
        let mut meta = OwnMeta::default();
        if let Some(Value::Object(own)) = members.remove("_meta") {
            own.into_iter().for_each(|(key, value)| meta.insert_unreserved(key, value));
        }
        Self { members, meta }
    }

    /// Its members but `_meta`.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }
}

impl Answer for MethodResult {
    fn reply(returned: Result<Self, ToolError>, about: &About<'_>) -> Reply {
        returned.map_or_else(|error| about.failure(&error), Reply::Method)
    }
}

impl Returns<MethodResult> for MethodResult {
    fn into_answer(self) -> Result<MethodResult, ToolError> {
        Ok(self)
    }
}

impl<T: Serialize> Returns<MethodResult> for Json<T> {
    fn into_answer(self) -> Result<MethodResult, ToolError> {
        match serde_json::to_value(&self.0)? {
            Value::Object(members) => Ok(MethodResult::new(members)),
            _ => Err("the handler returned JSON that is no object, which every result is".into()),
        }
    }
}

impl<T: Returns<MethodResult>, E: Into<ToolError>> Returns<MethodResult> for Result<T, E> {
    fn into_answer(self) -> Result<MethodResult, ToolError> {
        self.map_err(Into::into)?.into_answer()
    }
}

/// A method and its handler.
pub(crate) fn target<P, H: Handler<P, MethodResult>>(name: String, handler: H) -> Target {
    Target::new(Kind::Custom, name, H::needs(), ErasedHandler::new(handler))
}

/// Checks all of them.
pub(crate) fn methods(targets: Vec<Target>, states: &States) -> Result<Methods, BuildError> {
    let mut methods = Methods::new();
    for target in targets {
        let name = &target.name;
        if let Some(fault) = fault(name) {
            return Err(BuildError::new(BuildErrorKind::InvalidMethod, format!("method: {name:?} {fault}")));
        }
        check_target(&target, states, BuildErrorKind::InvalidMethod)?;
        if methods.contains_key(name) {
            let text = format!("method: two methods have the name `{name}`; rename one");
            return Err(BuildError::new(BuildErrorKind::DuplicateMethod, text));
        }
        methods.insert(name.clone(), Arc::new(target));
    }
    Ok(methods)
}

fn fault(name: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let parts = || name.split('/');
    let well_formed = parts().all(|part| !part.is_empty() && part.bytes().all(allowed));
    if !well_formed || parts().count() < 2 || name.len() > LONGEST {
        return Some(format!(
            "is no name for one: words of A-Z a-z 0-9 _ - . with `/` in between, as `example/status`, of at most {LONGEST} bytes"
        ));
    }
    let first = parts().next().unwrap_or_default();
    (RESERVED.contains(&first) || first.starts_with("rpc."))
        .then(|| format!("is the protocol's own: begin it with another word than `{first}`"))
}
