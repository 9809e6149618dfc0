//! A method to its answer: one line each.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;

use super::answers::Answers;
use super::ask::state::Seals;
use super::call::Named;
use super::catalog::{Listed, Shelf};
use super::changes::{Changes, Notify};
use super::completion::{Completers, CompletionRequest};
use super::layer::Layers;
use super::method::Methods;
use super::principal_state::StateRoom;
use super::registry::Registry;
use super::state::States;
use super::target::Target;
use crate::protocol::capabilities::ServerCapabilities;
use crate::protocol::completion::Completion;
use crate::protocol::encode::{Encoder, Identity, Introduction};
use crate::protocol::error::RpcError;
use crate::protocol::id::RequestId;
use crate::protocol::method::Method;
use crate::protocol::params::{CompleteParams, Filter, Params, Reference};
use crate::protocol::revision::Revision;
use crate::protocol::text::Text;

/// What is served, whoever asks and however it travels.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) registry: Registry,
    /// Beside those of the protocol.
    pub(crate) methods: Methods,
    pub(crate) states: Arc<States>,
    pub(crate) layers: Layers,
    pub(crate) changes: Arc<Changes>,
    /// The answers of clients that this server waits for.
    pub(crate) answers: Arc<Answers>,
    pub(crate) seals: Arc<Seals>,
    /// What handlers keep for principals.
    pub(crate) state: Arc<StateRoom>,
    pub(crate) encoder: Encoder,
    pub(crate) identity: Identity,
    pub(crate) introduction: ArcSwap<Introduction>,
}

/// Names and their values.
type Strings = Vec<(String, String)>;

/// What a request comes to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The whole response.
    Ready(Bytes),
    /// This handler has to run: of a tool, with the request's `arguments`, or with what the request was read into.
    Call(Arc<Target>, Option<Box<Named>>),
    /// The transport has to do it.
    ForTransport(ForTransport),
}

/// What only the transport can do.
#[derive(Debug)]
pub(crate) enum ForTransport {
    /// To open a session.
    Initialize,
    /// To keep the level in the session.
    SetLevel,
    /// To keep in the session whether it wants to know of changes of this resource.
    Subscribe { uri: String, wanted: bool },
    /// To open a stream of changes.
    Listen(Filter),
}

impl Server {
    /// # Errors
    ///
    /// When the parameters are not what the method takes.
    pub(crate) fn dispatch(
        &self,
        method: Method,
        id: &RequestId,
        revision: Revision,
        params: &Params<'_>,
    ) -> Result<Answer, RpcError> {
        let registry = &self.registry;
        match method {
            Method::ToolsCall => self.tool(params),
            Method::ToolsList => self.list(&registry.tools, id, revision, params),
            Method::ResourcesRead => self.resource(params),
            Method::ResourcesList => self.list(&registry.resources, id, revision, params),
            Method::TemplatesList => self.list(&registry.templates, id, revision, params),
            Method::PromptsGet => self.prompt(params),
            Method::PromptsList => self.list(&registry.prompts, id, revision, params),
            Method::Complete => self.complete(id, revision, params),
            Method::Subscribe => self.subscribe(params, true),
            Method::Unsubscribe => self.subscribe(params, false),
            Method::Listen => {
                params.filter().map(|filter| Answer::ForTransport(ForTransport::Listen(self.honoured(filter))))
            }
            Method::Ping => Ok(Answer::Ready(self.encoder.empty(id, revision))),
            Method::Discover => Ok(Answer::Ready(self.encoder.discover(id, revision, &self.introduction.load()))),
            Method::Initialize => Ok(Answer::ForTransport(ForTransport::Initialize)),
            Method::SetLevel => Ok(Answer::ForTransport(ForTransport::SetLevel)),
        }
    }

    /// Whether there is such a method on this server: those of a capability that it does not declare are not there.
    pub(crate) fn offers(&self, method: Method) -> bool {
        let declared = || self.introduction.load().capabilities;
        match method {
            Method::ToolsList => declared().tools,
            Method::ResourcesRead | Method::ResourcesList | Method::TemplatesList => declared().resources,
            Method::Subscribe | Method::Unsubscribe => {
                declared().resources && self.identity.sessions && self.identity.streams
            }
            // What nothing could be told on is not there either.
            Method::Listen | Method::SetLevel => self.identity.streams,
            Method::PromptsGet | Method::PromptsList => declared().prompts,
            Method::Complete => declared().completions,
            // A call of a tool that is not there says so by itself.
            Method::ToolsCall | Method::Ping | Method::Discover | Method::Initialize => true,
        }
    }

    /// Declares what there is by now. What was declared once stays declared: clients have been told.
    pub(crate) fn declare(&self) {
        self.introduction.rcu(|before| {
            let now = before.capabilities.and(self.registry.capabilities());
            if now == before.capabilities {
                return Arc::clone(before);
            }
            Arc::new(Introduction::new(&self.identity, now))
        });
    }

    pub(crate) fn notify(&self) -> Notify {
        Notify::new(Arc::clone(&self.changes))
    }

    fn list<T: Listed>(
        &self,
        shelf: &Shelf<T>,
        id: &RequestId,
        revision: Revision,
        params: &Params<'_>,
    ) -> Result<Answer, RpcError> {
        let cursor = params.cursor.as_ref().map(Text::as_str);
        let page = shelf
            .load()
            .page(cursor, revision)
            .map_err(|_| RpcError::invalid_params("params.cursor: not a cursor of this list; begin without one"))?;
        Ok(Answer::Ready(self.encoder.list(id, revision, &page)))
    }

    fn tool(&self, params: &Params<'_>) -> Result<Answer, RpcError> {
        let name = name(params, "a tool")?;
        match self.registry.tools.load().get(name) {
            Some(tool) => Ok(Answer::Call(Arc::clone(&tool.target), None)),
            None => Err(unknown("name", "tool", name, "tools/list")),
        }
    }

    fn prompt(&self, params: &Params<'_>) -> Result<Answer, RpcError> {
        let name = name(params, "a prompt")?;
        let prompts = self.registry.prompts.load();
        let prompt = prompts.get(name).ok_or_else(|| unknown("name", "prompt", name, "prompts/list"))?;
        let strings = params.prompt_arguments()?;
        Ok(Answer::Call(Arc::clone(&prompt.target), Some(Box::new(Named { strings, ..Named::default() }))))
    }

    fn resource(&self, params: &Params<'_>) -> Result<Answer, RpcError> {
        let uri = params.uri()?;
        let (target, strings) = self.find_resource(&uri).ok_or_else(|| RpcError::resource_not_found(&uri))?;
        let named = Named { strings, uri: Some(uri.into_owned()), completion: None };
        Ok(Answer::Call(target, Some(Box::new(named))))
    }

    /// The resource of this URI, or the first template that it fits, with the values of its variables.
    fn find_resource(&self, uri: &str) -> Option<(Arc<Target>, Strings)> {
        let resources = self.registry.resources.load();
        if let Some(resource) = resources.get(uri) {
            return Some((Arc::clone(&resource.target), Vec::new()));
        }
        // What has been hidden is not served by a template instead.
        if resources.holds(uri) {
            return None;
        }
        self.registry.templates.load().iter().find_map(|template| {
            let variables = template.template()?.matches(uri)?;
            let strings = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            Some((Arc::clone(&template.target), strings))
        })
    }

    fn subscribe(&self, params: &Params<'_>, wanted: bool) -> Result<Answer, RpcError> {
        let uri = params.uri()?;
        if wanted && self.find_resource(&uri).is_none() {
            return Err(RpcError::resource_not_found(&uri));
        }
        Ok(Answer::ForTransport(ForTransport::Subscribe { uri: uri.into_owned(), wanted }))
    }

    /// What of a filter can be served: the rest is left out of the acknowledgment.
    fn honoured(&self, filter: Filter) -> Filter {
        let ServerCapabilities { tools, resources, prompts, .. } = self.introduction.load().capabilities;
        let mut uris = filter.resource_subscriptions;
        uris.sort_unstable();
        uris.dedup();
        uris.retain(|uri| resources && self.find_resource(uri).is_some());
        Filter {
            tools_list_changed: filter.tools_list_changed && tools,
            prompts_list_changed: filter.prompts_list_changed && prompts,
            resources_list_changed: filter.resources_list_changed && resources,
            resource_subscriptions: uris,
        }
    }

    fn complete(&self, id: &RequestId, revision: Revision, params: &Params<'_>) -> Result<Answer, RpcError> {
        let CompleteParams { reference, argument, value, context } = params.completion()?;
        let target = match reference {
            Reference::Prompt { name } => {
                let prompts = self.registry.prompts.load();
                let prompt = prompts.get(&name).ok_or_else(|| unknown("ref.name", "prompt", &name, "prompts/list"))?;
                let has = prompt.definition.arguments.iter().any(|one| one.name == argument);
                completer(&prompt.completers, &argument, has)?
            }
            Reference::Resource { uri } => {
                let templates = self.registry.templates.load();
                let found = templates.get(&uri).or_else(|| {
                    templates.iter().find(|one| one.template().is_some_and(|template| template.matches(&uri).is_some()))
                });
                // -32602 in every revision: what is not there is a template, no resource.
                let template = found.ok_or_else(|| unknown("ref.uri", "template", &uri, "resources/templates/list"))?;
                let has = template.template().is_some_and(|template| template.variables().any(|one| one == argument));
                completer(&template.completers, &argument, has)?
            }
        };
        let Some(target) = target else {
            return Ok(Answer::Ready(self.encoder.completion(id, revision, &Completion::default())));
        };
        let strings = context.clone();
        let completion = Some(CompletionRequest { argument, value, context });
        Ok(Answer::Call(target, Some(Box::new(Named { strings, uri: None, completion }))))
    }
}

/// The handler for an argument; `None` where nothing can be suggested for it.
fn completer(completers: &Completers, argument: &str, has: bool) -> Result<Option<Arc<Target>>, RpcError> {
    let target = completers.get(argument).cloned();
    if target.is_none() && !has {
        let text = format!("params.argument.name: there is no argument {:?} to complete", shorten(argument));
        return Err(RpcError::invalid_params(text));
    }
    Ok(target)
}

fn name<'a>(params: &'a Params<'_>, of: &str) -> Result<&'a str, RpcError> {
    match &params.name {
        Some(name) => Ok(name.as_str()),
        None => Err(RpcError::invalid_params(format!("params.name: missing; expected the name of {of}"))),
    }
}

#[cold]
fn unknown(member: &str, noun: &str, name: &str, list: &str) -> RpcError {
    RpcError::invalid_params(format!("params.{member}: there is no {noun} {:?}; see {list}", shorten(name)))
}

/// A name from outside, short enough to be repeated.
fn shorten(name: &str) -> &str {
    const LONGEST: usize = 100;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => &name[..end],
        None => name,
    }
}
