//! How the outside reaches the endpoint: the URL that clients know it by.

use http::Uri;

use super::config::Config;
use super::guard::{HostPattern, OriginPattern};
use super::rejection::Rejection;
use super::request::RequestHead;
use crate::error::BuildError;

/// What is configured of the endpoint's URL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Public {
    /// The host application's root.
    base: Option<PublicUrl>,
    /// The endpoint itself.
    endpoint: Option<PublicUrl>,
}

/// A URL of `http` or `https`, without a slash at its end, a query or a fragment.
#[derive(Clone, Debug)]
pub(crate) struct PublicUrl {
    text: String,
    host: HostPattern,
    origin: OriginPattern,
}

impl PublicUrl {
    pub(crate) fn parse(setting: &str, text: &str) -> Result<Self, BuildError> {
        let fault = || {
            BuildError::setting(format!(
                "{setting}: {text:?} is not the URL of a server; write scheme, host and optional path, as \
                 \"https://example.com/api\""
            ))
        };
        let uri: Uri = text.parse().map_err(|_| fault())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(fault()) };
        if uri.query().is_some() || text.contains('#') {
            return Err(fault());
        }
        let origin = OriginPattern::parse(setting, &format!("{scheme}://{authority}")).map_err(|_| fault())?;
        let path = uri.path().trim_end_matches('/');
        Ok(Self { text: format!("{origin}{path}"), host: origin.host(), origin })
    }
}

impl Public {
    pub(crate) fn new(base: Option<PublicUrl>, endpoint: Option<PublicUrl>) -> Self {
        Self { base, endpoint }
    }

    fn urls(&self) -> impl Iterator<Item = &PublicUrl> {
        self.base.iter().chain(&self.endpoint)
    }

    /// The hosts of the URLs, which are this server's own.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = HostPattern> {
        self.urls().map(|url| url.host.clone())
    }

    /// The origins of the URLs: a page from there is one of this server's own.
    pub(crate) fn origins(&self) -> impl Iterator<Item = OriginPattern> {
        self.urls().map(|url| url.origin.clone())
    }

    /// The base and the endpoint, as far as they are configured.
    pub(crate) fn describe(&self) -> (Option<String>, Option<String>) {
        let text = |url: &Option<PublicUrl>| url.as_ref().map(|url| url.text.clone());
        (text(&self.base), text(&self.endpoint))
    }
}

impl PublicUrl {
    /// The path, without the slash at its end: what follows the origin.
    fn path(&self) -> &str {
        let after_scheme = self.text.find("://").map_or(0, |at| at + 3);
        self.text[after_scheme..].find('/').map_or("", |at| &self.text[after_scheme + at..])
    }
}

impl Config {
    /// The path at which the client has reached the endpoint, whose path in the host application is `in_app`. It is one of
    /// the client's own server, whatever host the request names.
    pub(crate) fn endpoint_path(&self, request: &impl RequestHead, in_app: &str) -> Result<String, Box<Rejection>> {
        if let Some(endpoint) = &self.public.endpoint {
            return Ok(endpoint.path().to_owned());
        }
        let prefix = match &self.public.base {
            Some(base) => base.path(),
            None => self.proxies.forwarded(request)?.prefix.unwrap_or_default(),
        };
        // With a second slash it would be another host's.
        match in_app.trim_matches('/') {
            "" => Ok(prefix.to_owned()),
            in_app => Ok(format!("{prefix}/{in_app}")),
        }
    }

    /// The URL at which the client has reached the endpoint with this request: as configured, or as a trusted proxy says,
    /// or as the request itself does. `None` if it says nothing.
    pub(crate) fn endpoint_url(&self, request: &impl RequestHead) -> Result<Option<String>, Box<Rejection>> {
        if let Some(endpoint) = &self.public.endpoint {
            return Ok(Some(endpoint.text.clone()));
        }
        let path = request.full_path().trim_end_matches('/');
        if let Some(base) = &self.public.base {
            return Ok(Some(format!("{}{path}", base.text)));
        }
        let forwarded = self.proxies.forwarded(request)?;
        let own_host = || std::str::from_utf8(request.field("host").value?).ok();
        let Some(host) = forwarded.host.or_else(own_host).or_else(|| request.authority()) else { return Ok(None) };
        let scheme = forwarded.proto.map_or(request.is_secure(), |proto| proto.eq_ignore_ascii_case("https"));
        let (scheme, prefix) = (if scheme { "https" } else { "http" }, forwarded.prefix.unwrap_or_default());
        Ok(Some(format!("{scheme}://{host}{prefix}{path}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_scheme_host_and_path() {
        for (given, read) in [
            ("https://example.com", "https://example.com"),
            ("https://example.com/", "https://example.com"),
            ("https://EXAMPLE.com:443/api/", "https://example.com/api"),
            ("http://[::1]:8000/a/b", "http://[::1]:8000/a/b"),
        ] {
            let url = PublicUrl::parse("base_url", given).unwrap();
            assert_eq!(url.text, read);
            assert_eq!(format!("{}{}", url.origin, url.path()), read);
        }
        for bad in [
            "",
            "example.com",
            "/api",
            "ftp://a",
            "https://",
            "https://a?x",
            "https://a#x",
            "https://u@a",
            "https://a b",
        ] {
            let error = PublicUrl::parse("base_url", bad).unwrap_err().to_string();
            assert!(error.contains("base_url") && error.contains(&format!("{bad:?}")), "{error}");
        }
    }
}
