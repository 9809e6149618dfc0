//! A tool: what is listed, and the handler behind it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::call::OnDisconnect;
use super::handler::{ErasedHandler, Handler};
use super::settings::{icons, meta, runs, title};
use super::target::{Kind, Target};
#[cfg(feature = "jsonschema")]
use super::validate::{Check, Validation};
use super::{mirror, schema};
use crate::protocol::implementation::Icon;
use crate::protocol::meta::OwnMeta;
use crate::protocol::tools::{CallToolResult, ToolAnnotations, ToolDefinition};

/// A function that clients can call. Made by [`tool_fn`], by [`Tool::raw`], or by `#[tool]`.
#[derive(Clone, Debug)]
pub struct Tool {
    pub(crate) definition: ToolDefinition,
    pub(crate) target: Arc<Target>,
    #[cfg(feature = "jsonschema")]
    pub(crate) validation: Validation,
}

/// A tool from a function or closure, `async` or not; its parameters are extractors, see [`Handler`]. The fields of
/// [`Args<T>`](crate::Args) are the input schema; without it the tool takes no arguments.
///
/// ```
/// use mcp_mount::{Args, tool_fn};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Add {
///     /// The first number
///     a: f64,
///     b: f64,
/// }
///
/// let add = tool_fn("add", "Add two numbers", |Args(add): Args<Add>| async move { add.a + add.b })
///     .title("Add")
///     .read_only(true);
/// # let _ = add;
/// ```
pub fn tool_fn<P, H>(name: impl Into<String>, description: impl Into<String>, handler: H) -> Tool
where
    H: Handler<P, CallToolResult>,
{
    let (name, mut needs) = (name.into(), H::needs());
    let mut input_schema = needs.input_schema.take().unwrap_or_else(schema::no_arguments);
    mirror::without_null(&mut input_schema);
    let definition = ToolDefinition {
        name: name.clone(),
        title: None,
        description: description.into(),
        input_schema,
        output_schema: H::output_schema(),
        annotations: ToolAnnotations::default(),
        icons: Vec::new(),
        meta: OwnMeta::default(),
    };
    let kind = Kind::Tool { wraps_output: definition.wraps_output(), mirrored: Vec::new() };
    let target = Arc::new(Target::new(kind, name, needs, ErasedHandler::new(handler)));
    Tool {
        definition,
        target,
        #[cfg(feature = "jsonschema")]
        validation: Validation::default(),
    }
}

impl Tool {
    /// A tool with an input schema of one's own, listed as it is. The handler usually takes
    /// `Args<serde_json::Value>` and checks what it is given: the schema is for the client, and is not applied here unless
    /// [`validate_arguments`](Self::validate_arguments) says so.
    ///
    /// ```
    /// use mcp_mount::{Args, Tool};
    /// use serde_json::{Value, json};
    ///
    /// let schema = json!({ "type": "object", "properties": { "message": { "type": "string" } } });
    /// let echo = Tool::raw("echo", schema, |Args(arguments): Args<Value>| async move {
    ///     arguments["message"].as_str().unwrap_or_default().to_owned()
    /// })
    /// .description("Say it again");
    /// # let _ = echo;
    /// ```
    pub fn raw<P, H>(name: impl Into<String>, input_schema: Value, handler: H) -> Self
    where
        H: Handler<P, CallToolResult>,
    {
        let mut tool = tool_fn(name, String::new(), handler);
        tool.definition.input_schema = input_schema;
        #[cfg(feature = "jsonschema")]
        {
            tool.validation.own_schema = true;
        }
        tool
    }

    /// The tool's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// What the tool does, for the model.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.definition.description = description.into();
        self
    }

    /// Hints that the tool changes nothing (`readOnlyHint`). Hints are for display and approval, since 2025-03-26; one that
    /// is not given is not sent.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.definition.annotations.read_only_hint = Some(read_only);
        self
    }

    /// Hints whether what the tool changes may be lost by it (`destructiveHint`).
    #[must_use]
    pub fn destructive(mut self, destructive: bool) -> Self {
        self.definition.annotations.destructive_hint = Some(destructive);
        self
    }

    /// Hints that a second call with the same arguments changes nothing more (`idempotentHint`).
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.definition.annotations.idempotent_hint = Some(idempotent);
        self
    }

    /// Hints whether the tool reaches out to things the server does not control (`openWorldHint`).
    #[must_use]
    pub fn open_world(mut self, open_world: bool) -> Self {
        self.definition.annotations.open_world_hint = Some(open_world);
        self
    }

    /// The schema of `structuredContent`, since 2025-06-18, in place of the one that the handler's return type gives.
    #[must_use]
    pub fn output_schema(mut self, schema: Value) -> Self {
        self.definition.output_schema = Some(schema);
        let wraps = self.definition.wraps_output();
        if let Kind::Tool { wraps_output, .. } = &mut Arc::make_mut(&mut self.target).kind {
            *wraps_output = wraps;
        }
        self
    }

    /// Checks the arguments against the input schema before the handler runs: a call whose arguments do not fit fails
    /// (`isError`), and says where and what was expected there. For all tools there is
    /// [`Mcp::validate_arguments`](crate::Mcp::validate_arguments).
    ///
    /// Arguments that are read into a type are what it says already; they are checked only if their schema says more, by
    /// `#[schemars(range(..))]` or `length` or `regex`, say. A schema of [`raw`](Self::raw) is always applied, one that cannot
    /// be applied fails [`build`](crate::Mcp::build), and nothing is ever fetched for it. A `format` is not checked, as the
    /// dialect 2020-12 has it; a `pattern` takes linear time, and has no look-around and no back-references.
    ///
    /// ```
    /// use mcp_mount::{Args, Tool};
    /// use serde_json::{Value, json};
    ///
    /// let schema = json!({ "type": "object", "properties": { "year": { "type": "integer", "minimum": 1900 } } });
    /// let tool = Tool::raw("films", schema, |Args(arguments): Args<Value>| async move {
    ///     format!("films of {}", arguments["year"])
    /// })
    /// .description("Find films")
    /// .validate_arguments();
    /// # let _ = tool;
    /// ```
    #[cfg(feature = "jsonschema")]
    #[must_use]
    pub fn validate_arguments(mut self) -> Self {
        self.validation.wanted = true;
        self
    }

    title!();
    icons!();
    meta!();
    runs!();

    /// Finds the arguments that headers mirror, once the schema is known to be right.
    pub(crate) fn ready(mut self) -> Result<Self, String> {
        let found = mirror::find(&self.definition.input_schema)
            .map_err(|fault| format!("tool `{}`: its input schema {fault}", self.definition.name))?;
        if !found.is_empty()
            && let Kind::Tool { mirrored, .. } = &mut Arc::make_mut(&mut self.target).kind
        {
            *mirrored = found;
        }
        Ok(self)
    }
}

#[cfg(feature = "jsonschema")]
impl Tool {
    /// Makes the check of the arguments, if it is wanted for this tool or for all.
    pub(crate) fn with_check(mut self, all: bool) -> Result<Self, String> {
        let Validation { wanted, own_schema } = self.validation;
        if wanted || all {
            let typed = !own_schema && self.target.needs.arguments > 0;
            let check = Check::of(&self.definition.input_schema, typed)
                .map_err(|fault| format!("tool `{}`: its input schema {fault}", self.definition.name))?;
            Arc::make_mut(&mut self.target).check = check;
        }
        Ok(self)
    }
}

/// Why a tool cannot be served, if it cannot.
pub(crate) fn fault(tool: &Tool) -> Option<String> {
    let definition = &tool.definition;
    if !is_name(&definition.name) {
        return Some(format!(
            "the name {:?} is not allowed: 1 to 128 characters of A-Z a-z 0-9 _ - .",
            definition.name
        ));
    }
    if let Some(fault) = schema::input_fault(&definition.input_schema) {
        return Some(format!("tool `{}`: its input schema {fault}", definition.name));
    }
    if let Some(fault) = definition.output_schema.as_ref().and_then(schema::output_fault) {
        return Some(format!("tool `{}`: its output schema {fault}", definition.name));
    }
    None
}

/// 2026-07-28, server/tools, «Tool Names».
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=128).contains(&name.len()) && name.bytes().all(allowed)
}
