//! The way from the service's own paths to those of an application that has it below a path.

use http::{Request, Uri, uri::PathAndQuery};

/// What is asked of the service at `/`, asked of the application that has it at `path`.
pub fn below<B>(path: &str, mut request: Request<B>) -> Request<B> {
    let mut parts = request.uri().clone().into_parts();
    let asked = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
    // The endpoint itself is `path`, without the slash.
    let rest = asked.strip_prefix('/').filter(|rest| rest.is_empty() || rest.starts_with('?')).unwrap_or(asked);
    parts.path_and_query = Some(format!("{path}{rest}").parse().expect("a path"));
    *request.uri_mut() = Uri::from_parts(parts).expect("a URI");
    request
}
