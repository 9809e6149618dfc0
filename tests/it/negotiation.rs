//! `initialize`: which revision is spoken, and what is declared.

use mcp_mount::{Icon, Mcp, Revision};
use serde_json::{Value, json};

use crate::{
    rig::{Session, rig, rig_with, server, session},
    support::{ALL_REVISIONS, LATEST_SESSION, MODERN, SESSION_REVISIONS, initialize, message, modern, post},
};

#[tokio::test]
async fn a_served_revision_is_answered_with_itself() {
    let rig = rig();
    for revision in SESSION_REVISIONS {
        let reply = initialize(revision).to(&rig.mcp).await;
        let result = reply.result();
        assert_eq!(result["protocolVersion"], json!(revision), "{reply}");
        assert_eq!(result["capabilities"], json!({"tools": {"listChanged": true}, "logging": {}}), "{reply}");
        assert_eq!(result["serverInfo"]["name"], json!("rig"), "{reply}");
        assert_eq!(result["serverInfo"]["version"], json!("1.2.3"), "{reply}");
        assert_eq!(result.get("instructions"), None, "{reply}");
        assert_eq!(result.get("resultType"), None, "what only 2026-07-28 has\n{reply}");
        assert_eq!(result.get("_meta"), None, "what only 2026-07-28 has\n{reply}");
        assert_eq!(reply.json()["id"], json!("init"), "{reply}");
        let id = reply.header("mcp-session-id").unwrap_or_else(|| panic!("no session id\n{reply}"));
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
}

#[tokio::test]
async fn anything_else_is_answered_with_the_newest_that_has_sessions() {
    let rig = rig();
    let long = "9".repeat(10_000);
    for asked in [MODERN, "2099-01-01", "2024-10-07", "1.0.0", "", " ", "é", "2025-11-25 ", long.as_str()] {
        let reply = initialize(asked).to(&rig.mcp).await;
        assert_eq!(reply.result()["protocolVersion"], json!(LATEST_SESSION), "{asked:.40?}\n{reply}");
        assert!(reply.header("mcp-session-id").is_some(), "{asked:.40?}\n{reply}");
    }
    let narrow = rig_with(|mcp| mcp.revisions([Revision::V2025_03_26, Revision::V2025_06_18, Revision::V2026_07_28]));
    let reply = initialize(LATEST_SESSION).to(&narrow.mcp).await;
    assert_eq!(reply.result()["protocolVersion"], json!("2025-06-18"), "{reply}");
    let reply = initialize("2025-03-26").to(&narrow.mcp).await;
    assert_eq!(reply.result()["protocolVersion"], json!("2025-03-26"), "{reply}");
}

#[tokio::test]
async fn the_version_header_of_a_session_is_the_negotiated_one() {
    let rig = rig();
    for revision in SESSION_REVISIONS {
        let session = Session::open(&rig.mcp, revision, None).await;
        let ping = || session.post(message(1, "ping", json!({})));
        assert_eq!(ping().to(&rig.mcp).await.status, 200, "{revision}");
        let absent = ping().without("mcp-protocol-version").to(&rig.mcp).await;
        assert_eq!(absent.status, 200, "{revision}: the session knows its own\n{absent}");
        for other in ALL_REVISIONS.into_iter().filter(|other| *other != revision) {
            let reply = ping().header("mcp-protocol-version", other).to(&rig.mcp).await;
            assert_eq!(reply.status, 400, "{revision} as {other}\n{reply}");
            reply.error();
        }
        let reply = ping().header("mcp-protocol-version", "2099-01-01").to(&rig.mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32022), "{revision}\n{reply}");
        let reply = ping().also("mcp-protocol-version", revision).to(&rig.mcp).await;
        assert_eq!(reply.status, 400, "two header lines\n{reply}");
        assert!(session.is_alive().await, "{revision}");
    }
}

#[tokio::test]
async fn an_unsupported_version_names_the_served_ones() {
    let rig = rig_with(|mcp| mcp.revisions([Revision::V2024_11_05, Revision::V2025_11_25]));
    let reply = post(message(9, "ping", json!({}))).header("mcp-protocol-version", "2025-06-18").to(&rig.mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, -32022), "{reply}");
    assert_eq!(reply.error()["data"]["supported"], json!(["2025-11-25", "2024-11-05"]), "{reply}");
    assert_eq!(reply.error()["data"]["requested"], json!("2025-06-18"), "{reply}");
}

fn described() -> Mcp {
    Mcp::new("rig", "1.2.3")
        .title("The rig")
        .instructions("Use it gently.")
        .website_url("https://rig.example.com")
        .icons([Icon::new("https://rig.example.com/icon.png").mime_type("image/png").sizes(["48x48"])])
}

#[tokio::test]
async fn a_server_describes_itself_as_far_as_the_revision_goes() {
    let mcp = described().build().expect("builds");
    let icons = json!([{"src": "https://rig.example.com/icon.png", "mimeType": "image/png", "sizes": ["48x48"]}]);
    let info = async |revision: &str| -> Value {
        let reply = initialize(revision).to(&mcp).await;
        assert_eq!(reply.result()["instructions"], json!("Use it gently."), "{reply}");
        reply.result()["serverInfo"].clone()
    };
    let newest = info(LATEST_SESSION).await;
    assert_eq!(newest["title"], json!("The rig"));
    assert_eq!(newest["websiteUrl"], json!("https://rig.example.com"));
    assert_eq!(newest["icons"], icons);
    let middle = info("2025-06-18").await;
    assert_eq!(middle["title"], json!("The rig"));
    assert_eq!(middle.get("icons"), None);
    let oldest = info("2024-11-05").await;
    assert_eq!(oldest, json!({"name": "rig", "version": "1.2.3"}));

    let reply = modern("server/discover", json!({})).to(&mcp).await;
    let result = reply.result();
    let info = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!((&info["title"], &info["icons"]), (&json!("The rig"), &icons), "{reply}");
    assert_eq!(result["instructions"], json!("Use it gently."), "{reply}");
}

#[tokio::test]
async fn a_server_without_tools_declares_none() {
    let mcp = server([]);
    let reply = initialize(LATEST_SESSION).to(&mcp).await;
    assert_eq!(reply.result()["capabilities"].get("tools"), None, "{reply}");
}

#[tokio::test]
async fn initialize_never_overwrites_a_session() {
    let rig = rig();
    let session = session(&rig.mcp).await;
    let again = initialize("2025-03-26").header("mcp-session-id", &session.id);
    for ask in [again.clone(), again.header("mcp-protocol-version", LATEST_SESSION)] {
        let reply = ask.to(&rig.mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32600), "{reply}");
        assert_eq!(reply.header("mcp-session-id"), None, "{reply}");
    }
    let ping = session.ping().await;
    assert_eq!(ping.status, 200, "still the revision of the first one\n{ping}");
}

#[tokio::test]
async fn ids_are_the_servers_and_never_repeat() {
    let rig = rig();
    let chosen = "0123456789abcdef0123456789abcdef";
    let reply = initialize(LATEST_SESSION).header("mcp-session-id", chosen).to(&rig.mcp).await;
    assert_eq!(reply.status, 200, "an id of no session is not taken over: {reply}");
    assert_ne!(reply.header("mcp-session-id"), Some(chosen), "{reply}");
    let ping = message(1, "ping", json!({}));
    assert_eq!(post(ping).header("mcp-session-id", chosen).to(&rig.mcp).await.status, 404);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..500 {
        let reply = initialize(LATEST_SESSION).to(&rig.mcp).await;
        let id = reply.header("mcp-session-id").unwrap_or_else(|| panic!("no id\n{reply}")).to_owned();
        assert_ne!(id, chosen);
        assert!(seen.insert(id), "an id came twice\n{reply}");
    }
}
