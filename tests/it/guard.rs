//! Host and Origin: who may call at all.

use http::{Method, Version};
use serde_json::json;

use crate::{
    rig::rig_with,
    support::{Ask, bare, call, legacy},
    table::{case, check, check_with},
};

fn echo() -> Ask {
    legacy(call("echo", json!({"text": "hello"})))
}

fn host(value: &str) -> Ask {
    echo().header("host", value)
}

fn origin(value: &str) -> Ask {
    echo().header("origin", value)
}

#[tokio::test]
async fn loopback_hosts_pass() {
    check(
        [
            "localhost",
            "localhost:8000",
            "LocalHost:1",
            "127.0.0.1",
            "127.0.0.1:65535",
            "127.8.9.10:80",
            "[::1]",
            "[::1]:8000",
        ]
        .map(|value| case(value, 200, host(value)).runs(1)),
    )
    .await;
}

#[tokio::test]
async fn other_hosts_are_refused() {
    let foreign = [
        "example.com",
        "example.com:8000",
        "localhost.example.com",
        "xlocalhost",
        "127.0.0.1.example.com",
        "128.0.0.1",
        "0.0.0.0",
        "10.0.0.1:8000",
        "[::2]",
        "[::ffff:8.8.8.8]",
        "2130706433",
    ];
    // The message names what came and the setting that would let it in.
    check(foreign.map(|value| case(value, 403, host(value)).says("host").says(value).says("hosts"))).await;
    let malformed = [
        "",
        " ",
        "localhost:99999",
        "localhost:port",
        "localhost:80:80",
        "user@localhost",
        "localhost/",
        "localhost/path",
        "http://localhost",
        "local host",
        "localhost,example.com",
        "[::1",
        "::1",
        "[localhost]",
        "localhost?",
        "localhost#",
    ];
    check(malformed.map(|value| case(format!("malformed {value:?}"), 403, host(value)).says("host"))).await;
    check([
        case("missing", 403, echo().without("host")).says("host"),
        case("two alike", 403, echo().also("host", "localhost:8000")).says("host"),
        case("two that differ", 403, echo().also("host", "example.com")).says("host"),
        case("not ASCII", 403, echo().header("host", b"localhost\xff")).says("host"),
    ])
    .await;
}

#[tokio::test]
async fn the_authority_stands_in_for_host_on_http_2() {
    let h2 = |uri: &str| echo().without("host").version(Version::HTTP_2).at(uri);
    check([
        case("loopback authority", 200, h2("http://localhost:8000/")).runs(1),
        case("loopback address", 200, h2("https://[::1]:8000/")).runs(1),
        case("foreign authority", 403, h2("https://example.com/")).says("example.com"),
        case("no authority", 403, h2("/")),
        case("same-authority origin", 200, h2("https://localhost/").header("origin", "https://localhost")).runs(1),
        case(
            "a good authority does not excuse a foreign Host",
            403,
            h2("http://localhost/").header("host", "example.com"),
        ),
        case(
            "a good Host does not excuse a foreign authority",
            403,
            h2("http://example.com/").header("host", "localhost"),
        ),
    ])
    .await;
}

#[tokio::test]
async fn loopback_origins_pass() {
    check(
        [
            "http://localhost",
            "http://localhost:3000",
            "https://localhost:8443",
            "http://127.0.0.1:5173",
            "http://[::1]:5173",
            "HTTP://LOCALHOST:3000",
        ]
        .map(|value| case(value, 200, origin(value)).runs(1)),
    )
    .await;
}

#[tokio::test]
async fn other_origins_are_refused() {
    let foreign = [
        "https://example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "chrome-extension://abcdef",
    ];
    check(foreign.map(|value| case(value, 403, origin(value)).says("origin").says(value).says("origins"))).await;
    let malformed = [
        "null",
        "file://",
        "file:///etc/passwd",
        "",
        "http://",
        "://localhost",
        "localhost",
        "http:localhost",
        "http://user@localhost",
        "http://user:secret@localhost",
        "http://localhost/path",
        "http://localhost?query",
        "http://localhost#fragment",
        "http://localhost:99999",
        "http://localhost:port",
        "http://local host",
        "http://localhost http://localhost",
        "http://localhost, http://example.com",
        "*",
    ];
    check(malformed.map(|value| case(format!("malformed {value:?}"), 403, origin(value)).says("origin"))).await;
    check([
        case("two alike", 403, origin("http://localhost").also("origin", "http://localhost")),
        case("two that differ", 403, origin("http://localhost").also("origin", "https://example.com")),
        case("not ASCII", 403, echo().header("origin", b"http://localhost\xff")),
    ])
    .await;
}

#[tokio::test]
async fn every_verb_is_guarded() {
    for method in ["POST", "GET", "DELETE", "OPTIONS", "HEAD", "PUT"] {
        let ask = || {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            bare(method, "").header("accept", "text/event-stream")
        };
        check([
            case(format!("{method}, host"), 403, ask().header("host", "example.com")),
            case(format!("{method}, origin"), 403, ask().header("origin", "https://example.com")),
            case(format!("{method}, null origin"), 403, ask().header("origin", "null")),
        ])
        .await;
    }
}

#[tokio::test]
async fn named_hosts() {
    check_with(
        |mcp| mcp.hosts(["mcp.example.com", "other.example.com:8443"]),
        [
            case("named", 200, host("mcp.example.com")).runs(1),
            case("case does not matter", 200, host("MCP.Example.COM")).runs(1),
            case("the second, with its port", 200, host("other.example.com:8443")).runs(1),
            case("the second, another port", 403, host("other.example.com:1")),
            case("a subdomain", 403, host("a.mcp.example.com")),
            case("a suffix", 403, host("xmcp.example.com")),
            case("same-authority origin", 200, host("mcp.example.com").header("origin", "https://mcp.example.com"))
                .runs(1),
            case(
                "same host, another port, in Origin",
                403,
                host("mcp.example.com").header("origin", "https://mcp.example.com:8443"),
            ),
            case(
                "origin of the other host",
                403,
                host("mcp.example.com").header("origin", "https://other.example.com"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn named_origins() {
    check_with(
        |mcp| mcp.origins(["https://app.example.com"]),
        [
            case("named", 200, origin("https://app.example.com")).runs(1),
            case("case does not matter", 200, origin("https://APP.example.com")).runs(1),
            case("other scheme", 403, origin("http://app.example.com")),
            case("other port", 403, origin("https://app.example.com:8443")),
            case("a subdomain", 403, origin("https://a.app.example.com")),
            case("no origin", 200, echo()).runs(1),
        ],
    )
    .await;
}

#[tokio::test]
async fn an_empty_list_denies() {
    check_with(
        |mcp| mcp.hosts([] as [&str; 0]),
        [case("localhost", 403, host("localhost")), case("example.com", 403, host("example.com"))],
    )
    .await;
    check_with(
        |mcp| mcp.origins([] as [&str; 0]),
        [
            case("a loopback origin elsewhere", 403, host("localhost:8000").header("origin", "http://localhost:3000")),
            case("no origin", 200, echo()).runs(1),
        ],
    )
    .await;
}

#[tokio::test]
async fn allowing_any_must_be_spelled_out() {
    let rig = rig_with(mcp_mount::Mcp::dangerously_allow_any_host);
    let reply = host("example.com").to(&rig.mcp).await;
    assert_eq!(reply.status, 200, "any host\n{reply}");
    let reply = host("example.com").header("origin", "https://elsewhere.example").to(&rig.mcp).await;
    assert_eq!(reply.status, 403, "any host is not any origin\n{reply}");

    let rig = rig_with(mcp_mount::Mcp::dangerously_allow_any_origin);
    let reply = origin("https://elsewhere.example").to(&rig.mcp).await;
    assert_eq!(reply.status, 200, "any origin\n{reply}");
    let reply = origin("https://elsewhere.example").header("host", "example.com").to(&rig.mcp).await;
    assert_eq!(reply.status, 403, "any origin is not any host\n{reply}");
}
