//! A page in a browser, as far as CORS goes: it asks first where Fetch has a browser ask first, and sees no more of a
//! reply than Fetch lets a page see.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request};
use http_body_util::Full;

use crate::{
    support::{Ask, Live, Reply, bare},
    target::Target,
};

/// What a page may send without being asked («CORS-safelisted request-header»), and what its browser adds by itself.
const UNASKED: [&str; 5] = ["accept", "accept-language", "content-language", "host", "origin"];
/// What a page sees of every reply («CORS-safelisted response-header name»).
const SAFELISTED: [&str; 7] =
    ["cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"];

#[derive(Clone, Copy)]
pub struct Page(pub &'static str);

impl Page {
    /// The preflight that comes before this request.
    pub fn preflight(self, ask: &Ask) -> Ask {
        let request = ask.clone().request();
        let mut preflight = bare(Method::OPTIONS, "").at(&request.uri().to_string()).header("origin", self.0);
        if let Some(host) = request.headers().get("host") {
            preflight = preflight.header("host", host);
        }
        preflight = preflight.header("access-control-request-method", request.method().as_str());
        let names = unsafe_names(&request).join(",");
        if names.is_empty() { preflight } else { preflight.header("access-control-request-headers", names) }
    }

    /// The whole reply, or why the page sees none.
    pub async fn fetch(self, ask: Ask, target: &impl Target) -> Result<Reply, String> {
        let live = self.open(ask, target).await?;
        Ok(live.collect().await)
    }

    pub async fn open(self, ask: Ask, target: &impl Target) -> Result<Live, String> {
        let request = ask.clone().request();
        if request.method() != Method::POST && request.method() != Method::GET || !unsafe_names(&request).is_empty() {
            self.ask_first(&request, self.preflight(&ask).to(target).await)?;
        }
        let mut live = ask.header("origin", self.0).open(target).await;
        self.check(live.status.as_u16(), &live.headers)?;
        let exposed = list(&live.headers, "access-control-expose-headers");
        let visible =
            |name: &HeaderName| SAFELISTED.contains(&name.as_str()) || exposed.iter().any(|e| e == name.as_str());
        live.headers =
            live.headers.iter().filter(|(name, _)| visible(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
        Ok(live)
    }

    /// «CORS-preflight fetch», from the check on.
    fn ask_first(self, request: &Request<Full<Bytes>>, reply: Reply) -> Result<(), String> {
        self.check(reply.status.as_u16(), &reply.headers)?;
        if !reply.status.is_success() {
            return Err(format!("the preflight was refused\n{reply}"));
        }
        let methods = list(&reply.headers, "access-control-allow-methods");
        let method = request.method().as_str();
        if !["GET", "HEAD", "POST"].contains(&method) && !methods.iter().any(|allowed| allowed == method) {
            return Err(format!("the method {method} is not allowed\n{reply}"));
        }
        let names = list(&reply.headers, "access-control-allow-headers");
        for name in unsafe_names(request) {
            if !names.iter().any(|allowed| allowed.eq_ignore_ascii_case(&name)) {
                return Err(format!("the header {name} is not allowed\n{reply}"));
            }
        }
        Ok(())
    }

    /// «CORS check», without credentials.
    fn check(self, status: u16, headers: &HeaderMap) -> Result<(), String> {
        let allowed: Vec<_> = headers.get_all("access-control-allow-origin").iter().collect();
        match allowed.as_slice() {
            [one] if *one == "*" || *one == self.0 => Ok(()),
            _ => Err(format!("a reply with {status} allows {allowed:?}, not {}", self.0)),
        }
    }
}

/// «CORS-unsafe request-header names»
fn unsafe_names(request: &Request<Full<Bytes>>) -> Vec<String> {
    let is_safe = |name: &str, value: &[u8]| {
        UNASKED.contains(&name) || (name == "content-type" && value.starts_with(b"text/plain"))
    };
    let headers = request.headers().iter().filter(|(name, value)| !is_safe(name.as_str(), value.as_bytes()));
    let mut names: Vec<_> = headers.map(|(name, _)| name.to_string()).collect();
    names.sort();
    names
}

/// The items of a list, which may have several lines.
pub fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|item| item.trim().to_owned()).collect()
}
