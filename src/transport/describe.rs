//! What is served and how: data, and a text for people.

use std::fmt;

use serde::Serialize;

use super::guard::{Hosts, Origins};
use super::route::LegacyRoutes;
use super::service::Shared;
use crate::protocol::revision::Revision;

/// What a server serves, and to whom: from [`McpService::describe`](crate::McpService::describe).
///
/// It names things and settings, and holds nothing that is secret. Written as JSON it is an object with these fields.
///
/// ```
/// use mcp_mount::{Mcp, tool_fn};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mcp = Mcp::new("demo", "1.0.0").tool(tool_fn("work", "Work", || "done")).build()?;
/// assert_eq!(mcp.describe().tools, ["work"]);
/// assert_eq!(serde_json::to_value(mcp.describe())?["hosts"][0], "loopback");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Description {
    /// The server's name.
    pub name: String,
    /// The server's version.
    pub version: String,
    /// The revisions of the protocol that are served, newest first.
    pub revisions: Vec<&'static str>,
    /// The tools, by name, in order.
    pub tools: Vec<String>,
    /// The resources, by URI.
    pub resources: Vec<String>,
    /// The templates of resources.
    pub resource_templates: Vec<String>,
    /// The prompts, by name.
    pub prompts: Vec<String>,
    /// The methods of the application's own, by name, in alphabetical order.
    pub methods: Vec<String>,
    /// What else is served below the mount: method and path.
    pub routes: Vec<String>,
    /// The hosts that requests may be for.
    pub hosts: Vec<String>,
    /// The public URL of the host application's root, if one is configured.
    pub base_url: Option<String>,
    /// The public URL of the endpoint itself, if one is configured.
    pub public_url: Option<String>,
    /// The proxies whose forwarded headers are believed.
    pub trusted_proxies: Vec<String>,
    /// The origins whose pages may send requests, beside that of the requested host itself.
    pub origins: Vec<String>,
    /// How many sessions there may be; `None` where requests are served without.
    pub sessions: Option<usize>,
    /// How many of them one principal may have; `None` where there are none, or nobody says who is asking.
    pub sessions_per_principal: Option<usize>,
    /// Whether replies are never streams: [`Mcp::json_only`](crate::Mcp::json_only).
    pub json_only: bool,
}

impl Description {
    pub(crate) fn of(shared: &Shared) -> Self {
        let (server, config) = (&shared.server, &shared.config);
        let registry = &server.registry;
        let probes = config.routes.health.iter().chain(&config.routes.ready).map(|path| format!("GET {path}"));
        let custom = config.routes.custom.iter().map(|route| format!("{} {}", route.method, route.path));
        let legacy = config.routes.legacy.iter().flat_map(LegacyRoutes::by_method);
        let legacy = legacy.map(|(method, path)| format!("{method} {path}"));
        let (base_url, public_url) = config.public.describe();
        let names = |keys: &mut dyn Iterator<Item = &str>| keys.map(str::to_owned).collect();
        Self {
            name: server.identity.implementation.name.clone(),
            version: server.identity.implementation.version.clone(),
            revisions: config.revisions.newest_first().map(Revision::as_str).collect(),
            tools: names(&mut registry.tools.load().iter().map(|tool| tool.name())),
            resources: names(&mut registry.resources.load().iter().map(|resource| resource.uri())),
            resource_templates: names(&mut registry.templates.load().iter().map(|template| template.uri())),
            prompts: names(&mut registry.prompts.load().iter().map(|prompt| prompt.name())),
            methods: {
                let mut methods: Vec<_> = server.methods.keys().cloned().collect();
                methods.sort_unstable();
                methods
            },
            routes: probes.chain(legacy).chain(custom).collect(),
            hosts: match &config.guard.hosts {
                Hosts::Listed { loopback, list } => {
                    let loopback = loopback.then(|| "loopback".to_owned());
                    loopback.into_iter().chain(list.iter().map(ToString::to_string)).collect()
                }
                Hosts::Any => vec!["any".into()],
            },
            base_url,
            public_url,
            trusted_proxies: config.proxies.describe(),
            origins: match &config.guard.origins {
                Origins::Listed { loopback, list } => {
                    let loopback = loopback.then(|| "loopback".to_owned());
                    loopback.into_iter().chain(list.iter().map(ToString::to_string)).collect()
                }
                Origins::Any => vec!["any".into()],
            },
            sessions: shared.serves_sessions().then_some(shared.sessions.settings.max),
            sessions_per_principal: (shared.serves_sessions() && config.principal.is_some())
                .then_some(shared.sessions.settings.max_per_principal),
            json_only: !server.identity.streams,
        }
    }
}

impl fmt::Display for Description {
    /// One line for the server, and one for each kind of thing that it has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} speaks MCP {}", self.name, self.version, self.revisions.join(", "))?;
        let one = |url: &Option<String>| Vec::from_iter(url.clone());
        for (what, names) in [
            ("tools", &self.tools),
            ("resources", &self.resources),
            ("templates", &self.resource_templates),
            ("prompts", &self.prompts),
            ("methods", &self.methods),
            ("routes", &self.routes),
            ("hosts", &self.hosts),
            ("origins", &self.origins),
            ("base URL", &one(&self.base_url)),
            ("URL", &one(&self.public_url)),
            ("proxies", &self.trusted_proxies),
        ] {
            if !names.is_empty() {
                write!(f, "\n  {what:<10} {}", names.join(", "))?;
            }
        }
        if self.json_only {
            write!(f, "\n  {:<10} JSON only", "replies")?;
        }
        match (self.sessions, self.sessions_per_principal) {
            (Some(max), Some(of_one)) => {
                write!(f, "\n  {:<10} at most {max}, {of_one} of one principal", "sessions")
            }
            (Some(max), None) => write!(f, "\n  {:<10} at most {max}", "sessions"),
            (None, _) => write!(f, "\n  {:<10} none", "sessions"),
        }
    }
}
