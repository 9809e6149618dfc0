//! Probes and routes over real sockets, and HEAD, whose answers have no body.

use bytes::Bytes;
use http::{Method, Request};
use mcp_mount::McpService;

use crate::{
    connection::Client,
    home,
    rig::rig_with,
    support::{Reply, bare},
};

fn mcp() -> McpService {
    let version = |_: Request<Bytes>| async { "1.2.3" };
    let echo = |request: Request<Bytes>| async move { String::from_utf8_lossy(request.body()).into_owned() };
    rig_with(|mcp| mcp.health().route(Method::GET, "/version", version).route(Method::POST, "/v1/echo", echo)).mcp
}

/// RFC 9110, 8.6: a `Content-Length` in the answer to HEAD is that of GET, or it is not there.
fn has_no_length_of_its_own(head: &Reply) {
    assert_eq!((head.body.len(), head.header("content-length")), (0, None), "{head}");
}

#[tokio::test]
async fn they_are_there_and_have_their_length() {
    let address = home::serve(mcp()).await;
    for mut client in Client::both(address).await {
        for path in ["/mcp/health", "/mcp/ready", "/mcp/version"] {
            let get = client.open_at(bare(Method::GET, ""), path).await.collect().await;
            assert_eq!(get.status, 200, "{path}\n{get}");
            assert_eq!(get.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}\n{get}");
            let head = client.open_at(bare(Method::HEAD, ""), path).await.collect().await;
            assert_eq!(head.status, 200, "{path}\n{head}");
            has_no_length_of_its_own(&head);
        }
        let reply = client.open_at(bare(Method::POST, "a body"), "/mcp/v1/echo").await.collect().await;
        assert_eq!(&reply.body[..], b"a body", "the connection is in order after HEAD");
        let reply = client.send(bare(Method::HEAD, "")).await;
        assert_eq!(reply.status, 405, "{reply}");
        has_no_length_of_its_own(&reply);
    }
}
