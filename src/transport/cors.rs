//! CORS: the pages of which other origins may read the answers.
//!
//! A page of another origin may send some requests without being asked, but the browser shows it the answer only if that
//! names its origin (Fetch, «CORS check»). Before any other request, which is each one that MCP has, the browser asks with
//! a preflight (Fetch, «CORS-preflight fetch»). It carries no credentials, so it is answered before anybody asks for them.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Response};

use super::body::Body;
use super::builder::Mcp;
use super::guard::{OriginPattern, Origins};
use super::headers::{Field, PARAMETER};
use super::rejection::Rejection;
use super::reply;
use super::request::RequestHead;
use crate::error::BuildError;

/// What a page may read of a reply beside its body. The rest of what Fetch hides tells a page nothing.
const EXPOSED: &str = "mcp-session-id, mcp-protocol-version, www-authenticate, retry-after, last-event-id";

/// What every client of MCP sends in one era or the other. `*` would not do: it leaves out `authorization` (Fetch, «CORS
/// non-wildcard request-header name»).
const KNOWN: &str = "authorization, content-type, accept, mcp-protocol-version, mcp-session-id, mcp-method, mcp-name, \
                     last-event-id";

/// How many further names a preflight's reply repeats, and how long one may be, in bytes.
const MORE_NAMES: usize = 64;
const LONGEST_NAME: usize = 128;

/// How long a browser need not ask again, in seconds: two hours, the most that Chromium takes.
const MAX_AGE: &str = "7200";

const PREFLIGHT_VARIES: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
const ASKS_METHOD: &str = "access-control-request-method";
const ASKS_HEADERS: &str = "access-control-request-headers";
const ASKS_PRIVATE_NETWORK: &str = "access-control-request-private-network";
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

static ANY: HeaderValue = HeaderValue::from_static("*");

/// Whose pages may read the answers.
#[derive(Clone, Debug)]
pub(crate) enum Cors {
    /// These origins, as browsers write them.
    Listed(Vec<(OriginPattern, HeaderValue)>),
    Any,
}

impl Cors {
    fn parse(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, BuildError> {
        let parsed: Result<Vec<_>, _> = origins.into_iter().map(|origin| parse(origin.as_ref())).collect();
        match parsed? {
            empty if empty.is_empty() => Err(BuildError::setting(
                "cors: the list is empty, so that no page could read an answer; leave the call out",
            )),
            listed => Ok(Self::Listed(listed)),
        }
    }

    /// Who is let in when these pages are, too.
    pub(crate) fn let_in(&self, origins: Origins) -> Origins {
        match self {
            Self::Listed(pages) => origins.and(pages.iter().map(|(pattern, _)| pattern.clone())),
            Self::Any => Origins::Any,
        }
    }

    /// The page that a request comes from, found by its `Origin`.
    pub(crate) fn page(&self, origin: Field<'_>) -> Page<'_> {
        let allowed = match (self, origin.value) {
            (Self::Any, _) => Some(&ANY),
            // A browser writes an origin in one way only (HTML, «serialization of an origin»).
            (Self::Listed(pages), Some(origin_line)) if !origin.duplicate => {
                let is_page = |page: &HeaderValue| page.as_bytes().eq_ignore_ascii_case(origin_line);
                pages.iter().map(|(_, page)| page).find(|page| is_page(page))
            }
            (Self::Listed(_), _) => None,
        };
        Page { cors: self, allowed }
    }
}

fn parse(text: &str) -> Result<(OriginPattern, HeaderValue), BuildError> {
    if text == "null" || text.contains('*') {
        return Err(BuildError::setting(format!(
            "cors: {text:?} is not one origin; list each, as \"https://app.example.com\", or call \
             `dangerously_allow_any_cors_origin()`"
        )));
    }
    let pattern = OriginPattern::parse("cors", text)?;
    let page = HeaderValue::try_from(pattern.to_string()).expect("an origin's characters are those of a header");
    Ok((pattern, page))
}

/// Whether a browser asks what a page may send (Fetch, «CORS-preflight request»).
pub(crate) fn is_preflight(request: &impl RequestHead) -> bool {
    let asks = |name| request.field(name).value.is_some();
    *request.method() == Method::OPTIONS && asks("origin") && asks(ASKS_METHOD)
}

/// What is known of the page that a request comes from, if it comes from one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'a> {
    cors: &'a Cors,
    /// What allows it to read the reply.
    allowed: Option<&'a HeaderValue>,
}

impl Page<'_> {
    /// Answers a preflight of a route with these methods, but for what [`mark`](Self::mark) adds.
    #[cold]
    pub(crate) fn preflight(self, request: &impl RequestHead, methods: &str) -> Result<Response<Body>, Box<Rejection>> {
        if self.allowed.is_none() {
            return Err(Rejection::cors_origin(request.field("origin").value.unwrap_or_default()));
        }
        let methods = HeaderValue::try_from(methods).expect("methods are tokens");
        let mut response = reply::no_content();
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, self.cors.allowed_headers(request.lines(ASKS_HEADERS)));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        headers.insert(header::VARY, HeaderValue::from_static(PREFLIGHT_VARIES));
        // Private Network Access: a page of the internet may reach a server that only this network can.
        if request.field(ASKS_PRIVATE_NETWORK).value == Some(b"true") {
            headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    /// Marks a reply, of whatever kind: the page may read it, and a cache must not show it to another page (Fetch, «CORS
    /// protocol and HTTP caches»). Never with `Access-Control-Allow-Credentials`: MCP's are bearer tokens, not cookies.
    pub(crate) fn mark(self, reply: &mut HeaderMap) {
        reply.reserve(3);
        if let Some(page) = self.allowed {
            reply.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page.clone());
            // Beside what a route of the application's exposes.
            reply.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
        if reply.get(header::VARY).is_none_or(|vary| vary != PREFLIGHT_VARIES) {
            reply.append(header::VARY, HeaderValue::from_static("Origin"));
        }
    }
}

impl Cors {
    /// The headers that every client has, and of those that this page asks for the ones that it may send.
    fn allowed_headers<'a>(&self, asked: impl Iterator<Item = &'a [u8]>) -> HeaderValue {
        let names = asked.flat_map(|line| line.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
        let mut allowed = KNOWN.to_owned();
        for name in names.filter_map(token).filter(|name| self.allows_more(name)).take(MORE_NAMES) {
            allowed.push_str(", ");
            allowed.push_str(name);
        }
        HeaderValue::try_from(allowed).expect("header names are tokens")
    }

    /// A listed page may send whatever header the host understands: an API key, say. Any page at all may not: some hosts
    /// believe headers that only their proxy should set.
    fn allows_more(&self, name: &str) -> bool {
        let is_parameter = || name.get(..PARAMETER.len()).is_some_and(|start| start.eq_ignore_ascii_case(PARAMETER));
        let is_known = || KNOWN.split(", ").any(|known| known.eq_ignore_ascii_case(name));
        !is_known() && (is_parameter() || matches!(self, Self::Listed(_)))
    }
}

/// The name of a header, if it is one; `*` would stand for all of them.
fn token(name: &[u8]) -> Option<&str> {
    let valid = name.len() <= LONGEST_NAME && name != b"*" && HeaderName::from_bytes(name).is_ok();
    std::str::from_utf8(name).ok().filter(|_| valid)
}

impl Mcp {
    /// Answers pages of these origins, and lets them read the answers: CORS, in both eras. An origin is scheme, host and
    /// port, as `"https://app.example.com"`, of `http` or `https`; a host that is not ASCII is written as in DNS (`xn--..`).
    /// They are let in beside those of [`origins`](Self::origins), or beside loopback, whichever is called first; of
    /// several calls of this method the last one counts. Default: no CORS at all, so that a layer of the host can do it.
    ///
    /// ```
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0")
    ///     .hosts(["mcp.example.com"])
    ///     .cors(["https://app.example.com", "http://localhost:6274"])
    ///     .build()?;
    /// # let _ = mcp; Ok(()) }
    /// ```
    ///
    /// The rules are those of the [Fetch standard](https://fetch.spec.whatwg.org/#http-cors-protocol):
    ///
    /// - Every reply to such a page carries its origin in `Access-Control-Allow-Origin`, errors and streams included, and
    ///   exposes `Mcp-Session-Id`, `MCP-Protocol-Version`, `WWW-Authenticate`, `Retry-After` and `Last-Event-ID` («CORS check»). `Vary:
    ///   Origin` is on every reply («CORS protocol and HTTP caches»).
    /// - Preflights are answered with 204 before anything else is asked for, valid for 7,200 seconds. They allow the methods
    ///   that are served, the headers of MCP, `Authorization`, each `Mcp-Param-*`, and up to 64 further names of up to 128
    ///   bytes that the page asks for («CORS-preflight fetch»).
    /// - There is no `Access-Control-Allow-Credentials`: a page sends a bearer token, never cookies («CORS protocol and
    ///   credentials»).
    ///
    /// # A login around the mount
    ///
    /// Middleware of the host sees a request first. A preflight never carries credentials, so a login that refuses it
    /// keeps every page out. It has to let preflights through:
    ///
    /// ```
    /// use axum::extract::Request;
    /// use axum::http::{Method, StatusCode, header};
    /// use axum::middleware::{Next, from_fn};
    /// use axum::response::{IntoResponse, Response};
    /// use axum::{Router, http::HeaderMap};
    ///
    /// async fn login(request: Request, next: Next) -> Response {
    ///     let headers = request.headers();
    ///     let is_preflight = request.method() == Method::OPTIONS
    ///         && headers.contains_key(header::ORIGIN)
    ///         && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    ///     if is_preflight || has_valid_token(headers) {
    ///         next.run(request).await
    ///     } else {
    ///         StatusCode::UNAUTHORIZED.into_response()
    ///     }
    /// }
    ///
    /// fn has_valid_token(headers: &HeaderMap) -> bool {
    ///     headers.get(header::AUTHORIZATION).is_some_and(|token| token == "Bearer secret")
    /// }
    ///
    /// # fn main() -> Result<(), mcp_mount::BuildError> {
    /// let mcp = mcp_mount::Mcp::new("demo", "1.0.0").cors(["https://app.example.com"]).build()?;
    /// let app: Router = Router::new().route_service("/mcp", mcp).layer(from_fn(login));
    /// # let _ = app; Ok(()) }
    /// ```
    ///
    /// What such a login refuses never comes here, so a page cannot read that 401. Where it should, put a CORS layer such
    /// as tower-http's around both and leave this call out; with two of them, browsers refuse the doubled headers.
    pub fn cors(mut self, origins: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.cors = Cors::parse(origins).map(Some);
        self
    }

    /// Answers pages of any origin, and lets them read the answers: whatever page somebody visits can then use the server,
    /// with every right that the network between them gives. For servers that are public anyway.
    ///
    /// Replies carry `Access-Control-Allow-Origin: *`. Unlike a page of a listed origin, such a page can only send the
    /// headers of MCP, `Authorization` and `Mcp-Param-*`. Otherwise it is as with [`cors`](Self::cors).
    pub fn dangerously_allow_any_cors_origin(mut self) -> Self {
        self.cors = Ok(Some(Cors::Any));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is allowed beyond the known names.
    fn more(cors: &Cors, lines: &[&str]) -> String {
        let allowed = cors.allowed_headers(lines.iter().map(|line| line.as_bytes()));
        allowed.to_str().unwrap().strip_prefix(KNOWN).unwrap().trim_start_matches(", ").to_owned()
    }

    fn listed() -> Cors {
        Cors::parse(["https://app.example.com"]).unwrap()
    }

    #[test]
    fn a_listed_page_may_send_what_it_asks_for() {
        for (asked, expected) in [
            ("", ""),
            ("content-type,Mcp-Method", ""),
            ("content-type,mcp-param-region,x-api-key", "mcp-param-region, x-api-key"),
            (" x-a ,, x-b\t,", "x-a, x-b"),
            ("*, x y, x(, x\u{e9}, x-a", "x-a"),
        ] {
            assert_eq!(more(&listed(), &[asked]), expected, "{asked:?}");
        }
        assert_eq!(more(&listed(), &["x-a", "x-b"]), "x-a, x-b", "lines of a list are one list");
    }

    #[test]
    fn any_page_may_send_parameters_and_nothing_that_a_proxy_sets() {
        let asked = "x-forwarded-user,Mcp-Param-Region,mcp-parameter,mcp-param\u{e9}";
        assert_eq!(more(&Cors::Any, &[asked]), "Mcp-Param-Region");
    }

    #[test]
    fn what_is_repeated_is_bounded() {
        let names: Vec<_> = (0..1000).map(|n| format!("mcp-param-{n}")).collect();
        for cors in [listed(), Cors::Any] {
            assert_eq!(more(&cors, &[&names.join(",")]), names[..MORE_NAMES].join(", "));
            let (longest, longer) =
                ("mcp-param-".to_owned() + &"x".repeat(118), "mcp-param-".to_owned() + &"x".repeat(119));
            assert_eq!(more(&cors, &[&longest]), longest);
            assert_eq!(more(&cors, &[&longer]), "");
        }
    }

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for (given, written) in [
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.COM:443", "https://app.example.com"),
            ("http://localhost:80", "http://localhost"),
            ("https://localhost:80", "https://localhost:80"),
            ("http://[::1]:6274", "http://[::1]:6274"),
        ] {
            let cors = Cors::parse([given]).unwrap();
            let mut origin = Field { value: Some(written.as_bytes()), duplicate: false };
            assert_eq!(cors.page(origin).allowed.map(HeaderValue::as_bytes), Some(written.as_bytes()), "{given}");
            origin.add(written.as_bytes());
            assert_eq!(cors.page(origin).allowed, None, "{given}, twice");
        }
    }
}
