//! Behind a reverse proxy: whose word is taken for the host, the scheme and the prefix that clients use.

use std::net::SocketAddr;

use mcp_mount::{BuildErrorKind, EndpointUrl, Mcp, McpService, tool_fn};
use serde_json::json;

use crate::{
    logs::Log,
    support::{Ask, call, legacy, modern_call},
};

const PROXY: &str = "10.1.2.3:4711";
const STRANGER: &str = "192.0.2.9:4711";

fn server(configure: impl FnOnce(Mcp) -> Mcp) -> McpService {
    let whereabouts = tool_fn("where", "Say where this server is", |EndpointUrl(url): EndpointUrl| async move { url });
    configure(Mcp::new("rig", "1.2.3").tool(whereabouts)).build().expect("the server builds")
}

/// Behind a proxy that is trusted, at the public address `https://example.com`.
fn proxied() -> McpService {
    server(|mcp| mcp.hosts(["example.com"]).trusted_proxies(["10.0.0.0/8"]))
}

fn from(peer: &str) -> Ask {
    let peer: SocketAddr = peer.parse().expect("an address");
    modern_call("where", json!({})).peer(peer).header("host", "127.0.0.1:8000")
}

/// As nginx has it in front of a server that it reaches at a loopback address.
fn forwarded(ask: Ask, host: &str) -> Ask {
    ask.header("x-forwarded-host", host).header("x-forwarded-proto", "https")
}

async fn status(mcp: &McpService, ask: Ask) -> u16 {
    ask.to(mcp).await.status.as_u16()
}

/// What the endpoint's URL is, less the path that a home has it at.
async fn url(mcp: &McpService, ask: Ask) -> String {
    let url = ask.to(mcp).await.text();
    url.strip_suffix("/mcp").unwrap_or(&url).to_owned()
}

#[tokio::test]
async fn the_host_that_a_trusted_proxy_names_is_the_one_that_counts() {
    let mcp = proxied();
    assert_eq!(status(&mcp, forwarded(from(PROXY), "example.com")).await, 200);
    let refused = forwarded(from(PROXY), "evil.example").to(&mcp).await;
    assert_eq!(refused.status, 403);
    assert!(refused.error()["message"].as_str().is_some_and(|text| text.contains("evil.example")), "{refused}");
    // Without a word of the proxy it is `Host`.
    assert_eq!(status(&mcp, from(PROXY)).await, 403);
    assert_eq!(status(&mcp, from(PROXY).header("host", "example.com")).await, 200);
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let mcp = proxied();
    for ask in [from(STRANGER), from(STRANGER).header("forwarded", "host=example.com")] {
        assert_eq!(status(&mcp, forwarded(ask, "example.com")).await, 403);
    }
    let ask =
        forwarded(from(STRANGER), "evil.example").header("host", "example.com").header("x-forwarded-prefix", "/x");
    assert_eq!(url(&mcp, ask).await, "http://example.com");
    // By default that is everybody, this machine included.
    let mcp = server(|mcp| mcp.hosts(["example.com"]));
    assert_eq!(status(&mcp, forwarded(from("127.0.0.1:1"), "example.com")).await, 403);
}

#[tokio::test]
async fn an_unknown_peer_is_not_believed_and_the_log_says_once_what_to_call() {
    let mcp = proxied();
    let log = Log::default();
    let _guard = log.listen();
    let ask = || modern_call("where", json!({})).header("host", "127.0.0.1:8000");
    assert_eq!(status(&mcp, ask().header("host", "example.com")).await, 200);
    assert!(!log.text().contains("trusted_proxies"), "nothing was forwarded\n{}", log.text());
    for _ in 0..3 {
        assert_eq!(status(&mcp, forwarded(ask(), "example.com")).await, 403);
    }
    let text = log.text();
    assert_eq!(text.matches("trusted_proxies").count(), 1, "{text}");
    assert!(text.contains("into_make_service_with_connect_info::<SocketAddr>()"), "{text}");
}

#[tokio::test]
async fn of_several_values_the_last_one_is_the_proxys_own() {
    let mcp = proxied();
    assert_eq!(status(&mcp, forwarded(from(PROXY), "evil.example, example.com")).await, 200);
    assert_eq!(status(&mcp, forwarded(from(PROXY), "example.com, evil.example")).await, 403);
    let lines = forwarded(from(PROXY), "evil.example").also("x-forwarded-host", "example.com");
    assert_eq!(status(&mcp, lines).await, 200);
}

#[tokio::test]
async fn forwarded_is_read_as_far_as_its_authors_are_trusted() {
    let mcp = proxied();
    let with = |value: &str| from(PROXY).header("forwarded", value);
    assert_eq!(status(&mcp, with("for=192.0.2.9;host=example.com;proto=https")).await, 200);
    assert_eq!(status(&mcp, with(r#"for=192.0.2.9;host="example.com:443";proto=https"#)).await, 200);
    assert_eq!(status(&mcp, with("host=evil.example, for=192.0.2.9;host=example.com")).await, 200);
    // The second proxy got it from the first one, which is trusted too.
    assert_eq!(status(&mcp, with("for=192.0.2.9;host=example.com, for=10.9.9.9;host=inside")).await, 200);
    assert_eq!(status(&mcp, with("for=192.0.2.9;host=example.com, for=192.0.2.8;host=inside")).await, 403);
    let chain = with("for=192.0.2.9;host=example.com;proto=https, for=10.9.9.9;host=inside;proto=http");
    assert_eq!(url(&mcp, chain).await, "https://example.com");
}

#[tokio::test]
async fn what_contradicts_itself_or_cannot_be_read_is_refused_by_name() {
    let mcp = proxied();
    let good = || forwarded(from(PROXY), "example.com");
    for (ask, named) in [
        (good().header("forwarded", "host=evil.example"), "Forwarded"),
        (good().header("forwarded", "host=example.com;proto=http"), "Forwarded"),
        (good().header("x-forwarded-proto", "gopher"), "x-forwarded-proto"),
        (good().without("x-forwarded-proto").header("forwarded", "proto=gopher"), "forwarded has"),
        (good().header("x-forwarded-prefix", "//evil.example"), "x-forwarded-prefix"),
        (good().header("x-forwarded-prefix", "/a\" onload=x"), "x-forwarded-prefix"),
        (good().header("x-forwarded-host", "ex\u{e4}mple.com"), "x-forwarded-host"),
    ] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.status, 400, "{reply}");
        assert!(reply.error()["message"].as_str().is_some_and(|text| text.contains(named)), "{reply}");
    }
    // The same in both is no contradiction.
    let same = good().header("forwarded", "for=192.0.2.9;host=Example.com;proto=HTTPS");
    assert_eq!(status(&mcp, same).await, 200);
}

#[tokio::test]
async fn a_page_of_the_public_address_is_one_of_the_servers_own() {
    let mcp = proxied();
    let page = |origin: &str| forwarded(from(PROXY), "example.com").header("origin", origin);
    assert_eq!(status(&mcp, page("https://example.com")).await, 200);
    assert_eq!(status(&mcp, page("https://evil.example")).await, 403);
    // The scheme is known here, so that it counts.
    assert_eq!(status(&mcp, page("http://example.com")).await, 403);
    let port = forwarded(from(PROXY), "example.com:8443");
    assert_eq!(status(&mcp, port.clone().header("origin", "https://example.com:8443")).await, 200);
    assert_eq!(status(&mcp, port.header("origin", "https://example.com")).await, 403);

    // Without a trusted proxy it is what is configured.
    let mcp = server(|mcp| mcp.base_url("https://example.com/api"));
    let page = |origin: &str| legacy(call("where", json!({}))).header("origin", origin);
    assert_eq!(status(&mcp, page("https://example.com")).await, 200);
    assert_eq!(status(&mcp, page("http://example.com")).await, 403);
    assert_eq!(status(&mcp, page("https://evil.example")).await, 403);
}

#[tokio::test]
async fn the_endpoint_knows_its_public_url() {
    let ask = || forwarded(from(PROXY), "example.com");
    assert_eq!(url(&proxied(), ask()).await, "https://example.com");
    assert_eq!(url(&proxied(), ask().header("x-forwarded-prefix", "/api/")).await, "https://example.com/api");
    let local = || modern_call("where", json!({})).header("host", "localhost:8000");
    assert_eq!(url(&server(|mcp| mcp), local()).await, "http://localhost:8000");

    let based = server(|mcp| mcp.base_url("https://example.com/api/").trusted_proxies(["10.0.0.0/8"]));
    for ask in [local(), ask(), ask().header("x-forwarded-prefix", "/else")] {
        assert_eq!(url(&based, ask).await, "https://example.com/api", "what is configured counts");
    }
    let public = server(|mcp| mcp.base_url("https://example.com/api").public_url("https://mcp.example.com"));
    assert_eq!(local().to(&public).await.text(), "https://mcp.example.com");
    assert_eq!(url(&public, local().header("host", "mcp.example.com")).await, "https://mcp.example.com");
}

/// A browser, and a proxy that hands on its `Host`, leave out the port that the scheme has anyway.
#[tokio::test]
async fn a_base_url_with_its_schemes_own_port_is_the_same_without() {
    for (base, host, status) in [
        ("https://example.com:443/api", "example.com", 200),
        ("http://example.com:80", "example.com", 200),
        ("https://example.com:8443", "example.com:8443", 200),
        ("https://example.com:8443", "example.com", 403),
    ] {
        let mcp = server(|mcp| mcp.base_url(base));
        let ask = modern_call("where", json!({})).header("host", host);
        assert_eq!(ask.to(&mcp).await.status, status, "{base}, {host}");
    }
}

#[test]
fn base_url_adds_to_the_hosts() {
    let hosts = |mcp: Mcp| mcp.base_url("https://example.com").build().expect("it builds").describe().hosts;
    assert_eq!(hosts(Mcp::new("rig", "1")), ["loopback", "example.com"]);
    assert_eq!(hosts(Mcp::new("rig", "1").hosts(["a.example"])), ["a.example", "example.com"]);
    assert_eq!(hosts(Mcp::new("rig", "1").dangerously_allow_any_host()), ["any"]);
    let described = Mcp::new("rig", "1").base_url("https://EXAMPLE.com:443/api/").trusted_proxies(["10.0.0.1"]);
    let described = described.build().expect("it builds").describe();
    assert_eq!(described.base_url.as_deref(), Some("https://example.com/api"));
    assert_eq!(described.trusted_proxies, ["10.0.0.1/32"]);
    assert!(described.to_string().contains("https://example.com/api"), "{described}");
}

#[test]
fn what_is_no_url_and_no_network_fails_the_build_by_name() {
    for (mcp, named) in [
        (Mcp::new("rig", "1").base_url("example.com"), "base_url: \"example.com\""),
        (Mcp::new("rig", "1").base_url("https://example.com/?x"), "base_url: \"https://example.com/?x\""),
        (Mcp::new("rig", "1").public_url("ftp://example.com"), "public_url: \"ftp://example.com\""),
        (Mcp::new("rig", "1").trusted_proxies(["nginx"]), "trusted_proxies: \"nginx\""),
    ] {
        let error = mcp.build().expect_err("it cannot work");
        assert_eq!(error.kind(), BuildErrorKind::InvalidSetting);
        assert!(error.to_string().starts_with(named), "{error}");
    }
}
