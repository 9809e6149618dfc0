//! What is owed in 2026-07-28 and no other module is about: rows N of `docs/conformance.md`.

use mcp_mount::{Mcp, Revision, prompt_fn, tool_fn};
use serde_json::{Value, json};

use crate::{
    eras::{LISTS, all, sentinel},
    layered::{callable, calls},
    rig::{Probe, patient, rig, rig_with, server_with, session},
    support::{
        Ask, LATEST_SESSION, MODERN, SESSION_REVISIONS, bare, call, initialize, message, modern, modern_call,
        modern_meta, notification, pass, post, raw, secs, soon,
    },
    told::listen,
};

/// N5. What other revisions have, what clients have, and what nobody has.
#[tokio::test]
async fn a_method_that_is_not_there_is_404() {
    let gone = [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "notifications/initialized",
        "roots/list",
        "sampling/createMessage",
        "elicitation/create",
        "tools/Call",
        "",
    ];
    let only = |mcp: Mcp| mcp.revisions([Revision::V2026_07_28]);
    for (name, rig) in [("every revision", rig()), ("2026-07-28 only", rig_with(only))] {
        for method in gone {
            let reply = modern(method, json!({})).to(&rig.mcp).await;
            let said = (reply.status.as_u16(), reply.code(), reply.json()["id"].clone());
            assert_eq!(said, (404, -32601, json!(1)), "{name}: {method:?}\n{reply}");
        }
    }
}

/// N2. Clients of sessions know of no newer way: what they show of this error may be all that their user learns.
#[tokio::test]
async fn a_server_without_sessions_says_to_initialize_what_it_speaks() {
    let rig = rig_with(|mcp| mcp.revisions([Revision::V2026_07_28]));
    for revision in SESSION_REVISIONS {
        for ask in [initialize(revision), initialize(revision).header("mcp-protocol-version", revision)] {
            let reply = ask.to(&rig.mcp).await;
            assert_eq!(reply.status, 400, "{revision}\n{reply}");
            assert!(reply.error().to_string().contains(MODERN), "{revision}: does not name {MODERN}\n{reply}");
            assert_eq!(reply.json()["id"], json!("init"), "{revision}\n{reply}");
        }
    }
}

/// N6, N7. Of prompts as of tools and resources.
#[tokio::test]
async fn mcp_name_mirrors_the_prompt() {
    let prompts = |mcp: Mcp| {
        mcp.prompt(prompt_fn("greet", "Greet", || "Hello.")).prompt(prompt_fn("part", "Part", || "Goodbye."))
    };
    let mcp = rig_with(prompts).mcp;
    let get = || modern("prompts/get", json!({"name": "greet"}));
    for (what, ask) in [
        ("plain", get()),
        ("encoded", get().header("mcp-name", sentinel("greet"))),
        ("white space around", get().header("mcp-name", " greet\t")),
    ] {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.result()["messages"][0]["content"]["text"], json!("Hello."), "{what}\n{reply}");
    }
    for (what, ask) in [
        ("missing", get().without("mcp-name")),
        ("another", get().header("mcp-name", "part")),
        ("another, encoded", get().header("mcp-name", sentinel("part"))),
        ("another case", get().header("mcp-name", "Greet")),
        ("twice", get().also("mcp-name", "greet")),
        ("the alphabet of URLs", get().header("mcp-name", "=?base64?Z3JlZXQ_?=")),
        ("not ASCII", get().header("mcp-name", b"greet\xff")),
    ] {
        let reply = ask.to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32020), "{what}\n{reply}");
    }
}

/// Requests of 2026-07-28 that fail, each in another way.
fn failing() -> Vec<(&'static str, Ask, i64)> {
    let with_version = |version: &str| {
        let meta = json!({"io.modelcontextprotocol/protocolVersion": version});
        modern("tools/list", json!({"_meta": meta})).header("mcp-protocol-version", version)
    };
    let without_meta = post(message(1, "tools/list", json!({})))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/list");
    let unknown = modern("resources/read", json!({"uri": "nowhere://x"})).header("mcp-name", "nowhere://x");
    let filter = json!({"resourceSubscriptions": 7});
    vec![
        ("no JSON", raw("{").header("mcp-protocol-version", MODERN), -32700),
        ("no message", raw("[]").header("mcp-protocol-version", MODERN), -32600),
        ("no such method", modern("x", json!({})), -32601),
        ("no metadata", without_meta, -32602),
        ("no such tool", modern_call("nobody", json!({})), -32602),
        ("no such prompt", modern("prompts/get", json!({"name": "nobody"})), -32602),
        ("no such resource", unknown, -32602),
        ("no cursor of this list", modern("tools/list", json!({"cursor": "x"})), -32602),
        ("no filter", listen(1, filter), -32602),
        ("a prompt that fails", modern("prompts/get", json!({"name": "fails"})), -32603),
        ("headers that differ", modern("tools/list", json!({})).header("mcp-method", "x"), -32020),
        ("no capability", modern_call("needs", json!({})), -32021),
        ("no such revision", with_version("2099-01-01"), -32022),
    ]
}

/// N9. The codes of the page and no others: nothing of the range that is the specification's own, nothing of what older
/// revisions used.
#[tokio::test]
async fn errors_have_the_codes_of_the_revision() {
    let needs = tool_fn("needs", "Ask the model", |ctx: mcp_mount::Context| {
        ctx.require(mcp_mount::Capability::Sampling).map(|()| "asked")
    });
    let fails = prompt_fn("fails", "Fail", || Err::<String, _>("no reason that anybody is told"));
    let (mcp, _) = callable(|mcp| mcp.tool(needs).prompt(fails));
    for (what, ask, code) in failing() {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.code(), code, "{what}\n{reply}");
        assert!(reply.error()["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}\n{reply}");
    }
    // N10. A 400 would read as «this server is of another era».
    for (what, ask, _) in failing().into_iter().filter(|(what, ..)| what.starts_with("no such")) {
        let reply = ask.to(&mcp).await;
        let expected = match what {
            "no such method" => 404,
            "no such revision" => 400,
            _ => 200,
        };
        assert_eq!(reply.status, expected, "{what}\n{reply}");
    }
}

/// N17. And nothing of it before 2026-07-28.
#[tokio::test]
async fn every_result_says_that_it_is_complete() {
    let (mcp, _) = callable(|mcp| mcp);
    let mut asks: Vec<_> = calls().into_iter().map(|(kind, _, modern, _)| (kind, modern)).collect();
    asks.extend(LISTS.map(|list| (list.method, modern(list.method, json!({})))));
    asks.push(("server/discover", modern("server/discover", json!({}))));
    for (name, ask) in asks {
        let reply = ask.to(&mcp).await;
        assert_eq!(reply.result()["resultType"], json!("complete"), "{name}\n{reply}");
        let server = &reply.result()["_meta"]["io.modelcontextprotocol/serverInfo"];
        assert_eq!((&server["name"], &server["version"]), (&json!("layered"), &json!("1.2.3")), "{name}\n{reply}");
    }
    for client in all(&mcp).await.into_iter().filter(|client| !client.is_modern()) {
        for list in LISTS {
            let result = client.send(list.method, json!({})).await.result();
            assert_eq!((result.get("resultType"), result.get("_meta")), (None, None), "{}", client.revision);
        }
        let result = client.call("echo", json!({"text": "x"})).await.result();
        assert_eq!((result.get("resultType"), result.get("_meta")), (None, None), "{}", client.revision);
    }
}

/// N20. A session that a request of 2026-07-28 names is not kept alive by it, not searched for the id of the request, and
/// not told of its cancellations.
#[tokio::test(start_paused = true)]
async fn a_request_of_2026_07_28_does_not_touch_the_session_that_it_names() {
    let probe = Probe::new();
    let fine = tool_fn("fine", "Answer", || "fine");
    let mcp = server_with([probe.silent_tool(), fine], |mcp| mcp.limits(patient()));
    let idle = session(&mcp).await;
    for _ in 0..4 {
        pass(secs(9 * 60)).await;
        let reply = modern_call("fine", json!({})).header("mcp-session-id", &idle.id).to(&mcp).await;
        assert_eq!((reply.text().as_str(), reply.header("mcp-session-id")), ("fine", None), "{reply}");
    }
    assert!(!idle.is_alive().await, "36 minutes without a request of its own");

    let busy = session(&mcp).await;
    let running = tokio::spawn(busy.post(call("wait", json!({}))).owned_to(&mcp));
    probe.started().await;
    let same_id = modern_call("fine", json!({})).header("mcp-session-id", &busy.id).to(&mcp).await;
    assert_eq!(same_id.text(), "fine", "the id is taken in the session only");
    let mut cancel = notification("notifications/cancelled", json!({"requestId": 1}));
    cancel["params"]["_meta"] = modern_meta();
    let cancel = post(cancel).header("mcp-protocol-version", MODERN).header("mcp-method", "notifications/cancelled");
    assert_eq!(cancel.header("mcp-session-id", &busy.id).to(&mcp).await.status, 202);
    pass(secs(1)).await;
    assert_eq!(probe.drops(), 0, "the call of the session goes on");
    probe.release();
    assert_eq!(soon("the call", running).await.expect("no panic").text(), "done");
    let get = bare(http::Method::GET, "").header("accept", "text/event-stream").header("mcp-session-id", &busy.id);
    assert_eq!(get.header("mcp-protocol-version", MODERN).to(&mcp).await.status, 400, "not the session's revision");
}

/// N12. Where nothing can be sent before the answer, so that nobody is told of the call while it runs: leaving cancels it
/// all the same.
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_streams_cancels_by_leaving_too() {
    let probe = Probe::new();
    let mcp = server_with([probe.silent_tool(), probe.speaking_tool()], |mcp| mcp.limits(patient()));
    for tool in ["wait", "speak"] {
        let params = json!({"name": tool, "arguments": {}, "_meta": {"progressToken": "token"}});
        let session = session(&mcp).await;
        let in_session = session.post(message(1, "tools/call", params.clone()));
        for (ask, stays) in [(modern("tools/call", params), false), (in_session, true)] {
            let running = tokio::spawn(ask.header("accept", "application/json").owned_to(&mcp));
            probe.started().await;
            pass(secs(60)).await;
            assert_eq!(probe.drops(), 0, "{tool}: it waits for as long as its client does");
            running.abort();
            if stays {
                pass(secs(60)).await;
                assert_eq!(probe.drops(), 0, "{tool}: in a session, leaving is no cancellation");
                probe.release();
                pass(secs(1)).await;
            } else {
                probe.dropped().await;
            }
        }
    }
    assert_eq!(probe.finished(), 2, "those of the sessions");
}

/// What a request came to: the error's code, or the era it was served in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Session,
    Stateless,
    Refused(u16, i64),
}

/// N1, N23. Header and `_meta`, each of them absent, of a session's revision or of 2026-07-28.
#[tokio::test]
async fn the_era_is_chosen_request_by_request() {
    use Came::{Refused, Session, Stateless};
    let (session_era, differ) = (LATEST_SESSION, Refused(400, -32020));
    let rig = rig();
    for (header, meta, called, initialized) in [
        (None, None, Session, Session),
        (None, Some(session_era), differ, differ),
        (None, Some(MODERN), differ, differ),
        (Some(session_era), None, Session, Session),
        (Some(session_era), Some(session_era), Session, Session),
        (Some(session_era), Some(MODERN), differ, differ),
        (Some(MODERN), None, Refused(400, -32602), Session),
        (Some(MODERN), Some(session_era), differ, differ),
        (Some(MODERN), Some(MODERN), Stateless, Refused(404, -32601)),
    ] {
        let call = json!({"name": "echo", "arguments": {"text": "x"}});
        let info = json!({"name": "it", "version": "0.1"});
        let open = json!({"protocolVersion": LATEST_SESSION, "capabilities": {}, "clientInfo": info});
        for (method, mut params, expected) in [("tools/call", call, called), ("initialize", open, initialized)] {
            if let Some(version) = meta {
                params["_meta"] = modern_meta();
                params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(version);
            }
            let ask = post(message(1, method, params)).header("mcp-method", method).header("mcp-name", "echo");
            let ask = header.into_iter().fold(ask, |ask, version| ask.header("mcp-protocol-version", version));
            let reply = ask.to(&rig.mcp).await;
            let came = match reply.json() {
                Value::Object(answer) if answer.contains_key("error") => Refused(reply.status.as_u16(), reply.code()),
                answer if answer["result"].get("resultType").is_some() => Stateless,
                _ => Session,
            };
            assert_eq!(came, expected, "{method}: header {header:?}, _meta {meta:?}\n{reply}");
            let opened = came == Session && method == "initialize";
            assert_eq!(reply.header("mcp-session-id").is_some(), opened, "{method}: {header:?}, {meta:?}\n{reply}");
        }
    }
}
