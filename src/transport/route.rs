//! Which path is what. Pure.

use http::Method;

use super::custom::CustomRoute;
use super::rejection::Rejection;
use super::request::RequestHead;
use crate::error::BuildError;

/// Where a request was sent to, as far as its mount knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The host or the mount has matched the endpoint's path by itself.
    Endpoint,
    /// From this byte of the request's path on it is below the mount.
    Below(usize),
    /// The mount knows that it is elsewhere.
    Elsewhere,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// The MCP endpoint.
    Endpoint,
    /// Whether the process is alive.
    Health,
    /// Whether it takes requests.
    Ready,
    /// Where a conversation of HTTP+SSE begins.
    LegacySse,
    /// Where its messages are sent to.
    LegacyMessages,
    /// The routes of the application with this path.
    Custom(&'a str),
}

/// The paths below the mount that are not the endpoint.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(crate) health: Option<String>,
    pub(crate) ready: Option<String>,
    pub(crate) legacy: Option<LegacyRoutes>,
    pub(crate) custom: Vec<CustomRoute>,
}

/// The two endpoints of HTTP+SSE (2024-11-05, basic/transports).
#[derive(Debug)]
pub(crate) struct LegacyRoutes {
    pub(crate) sse: String,
    pub(crate) messages: String,
}

impl LegacyRoutes {
    /// The methods of each, as they are asked for.
    pub(crate) fn by_method(&self) -> [(&Method, &String); 2] {
        [(&Method::GET, &self.sse), (&Method::POST, &self.messages)]
    }
}

impl Routes {
    /// What a request asks for.
    pub(crate) fn find(&self, place: Place, request: &impl RequestHead) -> Result<Route<'_>, Box<Rejection>> {
        let nothing = || Rejection::no_such_path(request.full_path());
        match place {
            Place::Endpoint => Ok(Route::Endpoint),
            Place::Elsewhere => Err(nothing()),
            Place::Below(at) => match request.path().get(at..).unwrap_or_default() {
                "" | "/" => Ok(Route::Endpoint),
                rest => self.below(rest).ok_or_else(nothing),
            },
        }
    }

    fn below(&self, path: &str) -> Option<Route<'_>> {
        if self.health.as_deref() == Some(path) {
            return Some(Route::Health);
        }
        if self.ready.as_deref() == Some(path) {
            return Some(Route::Ready);
        }
        match &self.legacy {
            Some(LegacyRoutes { sse, .. }) if sse == path => return Some(Route::LegacySse),
            Some(LegacyRoutes { messages, .. }) if messages == path => return Some(Route::LegacyMessages),
            _ => {}
        }
        self.custom.iter().find(|route| route.path == path).map(|route| Route::Custom(&route.path))
    }

    /// The methods that are answered at a path of the application's, as `Allow` lists them.
    pub(crate) fn methods(&self, path: &str) -> String {
        let routes = self.custom.iter().filter(|route| route.path == path);
        let mut methods: Vec<&str> = routes.map(|route| route.method.as_str()).collect();
        if methods.contains(&"GET") && !methods.contains(&"HEAD") {
            methods.push("HEAD");
        }
        methods.join(", ")
    }

    /// The route of this path and method. HEAD is GET without its content (RFC 9110, 9.3.2).
    pub(crate) fn custom(&self, path: &str, method: &Method) -> Option<&CustomRoute> {
        let find = |method: &Method| self.custom.iter().find(|route| route.path == path && route.method == *method);
        find(method).or_else(|| if *method == Method::HEAD { find(&Method::GET) } else { None })
    }

    /// Every path once, for hosts that are told their routes one by one.
    #[cfg(any(feature = "axum", feature = "actix-web"))]
    pub(crate) fn paths(&self) -> Vec<&str> {
        let custom = self.custom.iter().map(|route| route.path.as_str());
        let legacy = self.legacy.iter().flat_map(LegacyRoutes::by_method).map(|(_, path)| path.as_str());
        let probes = self.health.as_deref().into_iter().chain(self.ready.as_deref());
        let mut paths: Vec<_> = probes.chain(legacy).chain(custom).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// Checks that each can be found.
    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let health = self.health.iter().map(|path| ("health_at", path, &Method::GET));
        let ready = self.ready.iter().map(|path| ("ready_at", path, &Method::GET));
        let legacy = self.legacy.iter().flat_map(LegacyRoutes::by_method);
        let legacy = legacy.map(|(method, path)| ("legacy_sse_at", path, method));
        let custom = self.custom.iter().map(|route| ("route", &route.path, &route.method));
        let mut seen: Vec<(&str, &str, &Method)> = Vec::new();
        for (setting, path, method) in health.chain(ready).chain(legacy).chain(custom) {
            if let Some(fault) = path_fault(path) {
                return Err(BuildError::setting(format!("{setting}: {path:?} {fault}")));
            }
            // A path of a probe is that probe's alone, and so it is with those of HTTP+SSE.
            let clash = |&(other, taken, by): &(&str, &str, &Method)| {
                taken == path && (by == method || other != "route" || setting != "route")
            };
            if let Some((other, ..)) = seen.iter().find(|one| clash(one)) {
                let text = format!("{setting}: {method} {path} is taken already, by {other}");
                return Err(BuildError::setting(text));
            }
            seen.push((setting, path, method));
        }
        Ok(())
    }
}

fn path_fault(path: &str) -> Option<&'static str> {
    match path {
        "/" | "" => Some("is the MCP endpoint itself; choose a path below it, as \"/version\""),
        _ if !path.starts_with('/') || path.ends_with('/') => Some("must begin with a slash, and not end with one"),
        _ if path.contains(['{', '}', '*', '?', '#', '<', '>', '`', '"', '\\', '^', '|']) || path.contains("/:") => {
            Some("is not a plain path: variables, wildcards and queries are for the host's own router")
        }
        _ if !path.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Some("has a character that no request's path has; write it percent-encoded, as \"/a%20b\"")
        }
        _ => None,
    }
}

/// The methods of the MCP endpoint: without sessions there is nothing to listen to and nothing to end.
pub(crate) fn methods(sessions: bool, streams: bool) -> &'static str {
    match (sessions, streams) {
        (true, true) => "GET, POST, DELETE",
        (true, false) => "POST, DELETE",
        (false, _) => "POST",
    }
}
