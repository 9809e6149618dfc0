//! Everything that is served, by kind, and how it is checked before it is.

use std::any::TypeId;
use std::collections::HashSet;

use bytes::Bytes;
use serde_json::Value;

use super::catalog::{Layout, Listed, Shelf};
use super::completion::Completers;
use super::prompt::Prompt;
use super::resource::Resource;
use super::state::States;
use super::target::{Kind, Target};
use super::tool::{self, Tool};
use crate::error::{BuildError, BuildErrorKind};
use crate::protocol::capabilities::ServerCapabilities;
use crate::protocol::content::Annotations;
use crate::protocol::encode::to_json;
use crate::protocol::implementation::Icon;
use crate::protocol::meta::OwnMeta;
use crate::protocol::revision::Revision;
use crate::protocol::uri_template::UriTemplate;

/// Four lists.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) tools: Shelf<Tool>,
    /// Single resources, by URI.
    pub(crate) resources: Shelf<Resource>,
    /// Templates, by their text.
    pub(crate) templates: Shelf<Resource>,
    pub(crate) prompts: Shelf<Prompt>,
    /// Whether the arguments of all tools are validated.
    #[cfg(feature = "jsonschema")]
    pub(crate) validates: bool,
}

impl Registry {
    pub(crate) fn new(page: usize) -> Self {
        Self {
            #[cfg(feature = "jsonschema")]
            validates: false,
            tools: Shelf::new(Layout { member: "tools", page }),
            resources: Shelf::new(Layout { member: "resources", page }),
            templates: Shelf::new(Layout { member: "resourceTemplates", page }),
            prompts: Shelf::new(Layout { member: "prompts", page }),
        }
    }

    pub(crate) fn add_tools(&self, tools: Vec<Tool>, states: &States) -> Result<(), BuildError> {
        let ready = tools.into_iter().map(|tool| check_tool(tool, states));
        #[cfg(feature = "jsonschema")]
        let ready = ready.map(|tool| tool?.with_check(self.validates).map_err(|fault| invalid_tool(&fault)));
        let ready = ready.collect::<Result<Vec<_>, _>>()?;
        self.tools.add(ready).map_err(|(tool, _)| {
            let text = format!("tools: two tools have the name `{}`; rename one", tool.name());
            BuildError::new(BuildErrorKind::DuplicateTool, text)
        })
    }

    pub(crate) fn add_resources(&self, mut resources: Vec<Resource>, states: &States) -> Result<(), BuildError> {
        resources.iter().try_for_each(|resource| check_resource(resource, states))?;
        resources.iter_mut().for_each(|resource| resource.completers.run_as(&resource.target));
        let taken = |(resource, _): (Resource, _)| {
            let text = format!("resources: two resources have the URI `{}`; change one", resource.uri());
            BuildError::new(BuildErrorKind::DuplicateResource, text)
        };
        let (templates, single): (Vec<_>, Vec<_>) = resources.into_iter().partition(|one| one.template.is_some());
        // Both or none: what can go wrong is looked at before anything is added.
        if let Some(twice) = templates.iter().find(|one| self.templates.load().holds(one.uri())) {
            return Err(taken((twice.clone(), ())));
        }
        self.resources.add(single).map_err(|(one, _)| taken((one, ())))?;
        self.templates.add(templates).map_err(|(one, _)| taken((one, ())))
    }

    pub(crate) fn add_prompts(&self, mut prompts: Vec<Prompt>, states: &States) -> Result<(), BuildError> {
        prompts.iter().try_for_each(|prompt| check_prompt(prompt, states))?;
        prompts.iter_mut().for_each(|prompt| prompt.completers.run_as(&prompt.target));
        self.prompts.add(prompts).map_err(|(prompt, _)| {
            let text = format!("prompts: two prompts have the name `{}`; rename one", prompt.name());
            BuildError::new(BuildErrorKind::DuplicatePrompt, text)
        })
    }

    /// What there is something of at present.
    pub(crate) fn capabilities(&self) -> ServerCapabilities {
        let (prompts, templates) = (self.prompts.load(), self.templates.load());
        ServerCapabilities {
            tools: !self.tools.load().is_empty(),
            resources: !self.resources.load().is_empty() || !templates.is_empty(),
            prompts: !prompts.is_empty(),
            completions: prompts.iter().any(|prompt| !prompt.completers.is_empty())
                || templates.iter().any(|template| !template.completers.is_empty()),
        }
    }
}

impl Listed for Tool {
    fn key(&self) -> &str {
        self.name()
    }

    fn encode(&self, revision: Revision) -> Bytes {
        to_json(&self.definition.for_revision(revision))
    }
}

impl Listed for Resource {
    fn key(&self) -> &str {
        self.uri()
    }

    fn encode(&self, revision: Revision) -> Bytes {
        to_json(&self.definition.for_revision(revision))
    }
}

impl Listed for Prompt {
    fn key(&self) -> &str {
        self.name()
    }

    fn encode(&self, revision: Revision) -> Bytes {
        to_json(&self.definition.for_revision(revision))
    }
}

fn check_tool(tool: Tool, states: &States) -> Result<Tool, BuildError> {
    let invalid = |fault: String| invalid_tool(&fault);
    if let Some(fault) = tool::fault(&tool) {
        return Err(invalid(fault));
    }
    if tool.definition.annotations.contradict() {
        let text = format!("tool `{}`: it cannot be both read_only and destructive", tool.name());
        return Err(invalid(text));
    }
    check_icons(&tool.definition.icons, "tool", tool.name()).map_err(invalid)?;
    check_meta(&tool.definition.meta, "tool", tool.name()).map_err(invalid)?;
    check_target(&tool.target, states, BuildErrorKind::InvalidTool)?;
    tool.ready().map_err(invalid)
}

fn invalid_tool(fault: &str) -> BuildError {
    BuildError::new(BuildErrorKind::InvalidTool, format!("tools: {fault}"))
}

fn check_resource(resource: &Resource, states: &States) -> Result<(), BuildError> {
    let invalid = |fault: String| BuildError::new(BuildErrorKind::InvalidResource, format!("resources: {fault}"));
    let uri = resource.uri();
    if resource.name().is_empty() {
        return Err(invalid(format!("resource `{uri}`: its name is empty")));
    }
    match &resource.template {
        Some(Err(fault)) => return Err(invalid(fault.to_string())),
        None if !has_scheme(uri) => {
            let text = format!("resource {uri:?}: a URI begins with a scheme and a colon, as `config://app`");
            return Err(invalid(text));
        }
        None if !uri.bytes().all(is_uri_byte) => {
            let text = format!(
                "resource {uri:?}: a URI has no white space, quotes, angle brackets or letters beyond ASCII; encode them as %20"
            );
            return Err(invalid(text));
        }
        Some(Ok(_)) | None => {}
    }
    if let Some(name) = resource.schema.as_ref().and_then(structured) {
        return Err(invalid(format!(
            "resource `{uri}`: `{name}` cannot be read from a URI: take text, a number or a list of them"
        )));
    }
    let variables: HashSet<&str> = resource.template().into_iter().flat_map(UriTemplate::variables).collect();
    if let Some(name) = fields(resource).find(|name| !variables.contains(name)) {
        return Err(invalid(format!("resource `{uri}`: the handler takes `{name}`, which is no variable of the URI")));
    }
    check_completers(&resource.completers, states, |variable| variables.contains(variable), uri)?;
    if let Some(fault) = resource.definition.annotations.as_ref().and_then(Annotations::fault) {
        return Err(invalid(format!("resource `{uri}`: annotations: {fault}")));
    }
    check_icons(&resource.definition.icons, "resource", uri).map_err(invalid)?;
    check_meta(&resource.definition.meta, "resource", uri).map_err(invalid)?;
    check_target(&resource.target, states, BuildErrorKind::InvalidResource)
}

/// What the handler reads the variables into.
fn fields(resource: &Resource) -> impl Iterator<Item = &str> {
    let properties = resource.schema.as_ref().and_then(|schema| schema.get("properties")?.as_object());
    properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str))
}

/// What a string cannot be read into.
pub(crate) fn structured(schema: &Value) -> Option<&str> {
    let is_object = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "object");
    let properties = schema.get("properties").and_then(Value::as_object)?;
    let found = properties.iter().find(|(_, property)| {
        is_object(property)
            || property.get("items").is_some_and(|items| is_object(items) || items.get("items").is_some())
    });
    found.map(|(name, _)| name.as_str())
}

/// RFC 3986, 2: what may stand in a URI.
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)
}

/// RFC 3986, 3.1.
fn has_scheme(uri: &str) -> bool {
    let Some((scheme, _)) = uri.split_once(':') else { return false };
    let mut bytes = scheme.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn check_prompt(prompt: &Prompt, states: &States) -> Result<(), BuildError> {
    let invalid = |fault: String| BuildError::new(BuildErrorKind::InvalidPrompt, format!("prompts: {fault}"));
    let name = prompt.name();
    if !tool::is_name(name) {
        let text = format!("the name {name:?} is not allowed: 1 to 128 characters of A-Z a-z 0-9 _ - .");
        return Err(invalid(text));
    }
    if let Some(name) = &prompt.structured {
        let text = format!(
            "prompt `{}`: its argument `{name}` cannot be read from text, which is all that clients send",
            prompt.name()
        );
        return Err(invalid(text));
    }
    let has = |argument: &str| prompt.definition.arguments.iter().any(|one| one.name == argument);
    check_completers(&prompt.completers, states, has, name)?;
    check_icons(&prompt.definition.icons, "prompt", name).map_err(invalid)?;
    check_meta(&prompt.definition.meta, "prompt", name).map_err(invalid)?;
    check_target(&prompt.target, states, BuildErrorKind::InvalidPrompt)
}

fn check_completers(
    completers: &Completers,
    states: &States,
    has: impl Fn(&str) -> bool,
    of: &str,
) -> Result<(), BuildError> {
    for (argument, target) in completers.iter() {
        if !has(argument) {
            let text = format!("`{of}`: complete({argument:?}, ..): it has no argument or variable of that name");
            return Err(BuildError::new(BuildErrorKind::InvalidCompletion, text));
        }
        check_target(target, states, BuildErrorKind::InvalidCompletion)?;
    }
    Ok(())
}

pub(super) fn check_target(target: &Target, states: &States, kind: BuildErrorKind) -> Result<(), BuildError> {
    let (noun, name) = (target.noun(), &target.name);
    if target.timeout.is_some_and(|timeout| timeout.is_zero()) {
        let text = format!("{noun} `{name}`: timeout is zero; every call would fail");
        return Err(BuildError::new(kind, text));
    }
    if target.needs.arguments > 1 {
        let text = format!("{noun} `{name}` takes its arguments more than once; put them into one `Args<T>`");
        return Err(BuildError::new(kind, text));
    }
    if target.needs.completion && !matches!(target.kind, Kind::Completion) {
        let text =
            format!("{noun} `{name}` takes a `CompletionRequest`, which only handlers of `.complete(..)` are given");
        return Err(BuildError::new(kind, text));
    }
    let mut seen: HashSet<TypeId> = HashSet::new();
    for need in &target.needs.states {
        if seen.insert(need.id) && !states.contains(need.id) {
            let text = format!(
                "{noun} `{name}` takes `State<{}>`, but no such state was given; add `.state(value)` with a value of that type",
                need.name
            );
            return Err(BuildError::new(BuildErrorKind::MissingState, text));
        }
    }
    Ok(())
}

/// Clients must not load other schemes (2026-07-28, basic/index, «icons»).
pub(crate) fn check_icons(icons: &[Icon], noun: &str, name: &str) -> Result<(), String> {
    let safe = |icon: &&Icon| icon.src().starts_with("https://") || icon.src().starts_with("data:");
    match icons.iter().find(|icon| !safe(icon)) {
        Some(icon) => Err(format!("{noun} `{name}`: the icon {:?} is neither `https:` nor `data:`", icon.src())),
        None => Ok(()),
    }
}

fn check_meta(meta: &OwnMeta, noun: &str, name: &str) -> Result<(), String> {
    meta.fault().map_or(Ok(()), |fault| Err(format!("{noun} `{name}`: {fault}")))
}
