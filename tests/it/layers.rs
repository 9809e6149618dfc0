//! `Mcp::layer`: what a layer sees of a call, and what it can do about it.

use mcp_mount::{
    Call, CallError, CallService, CallToolResult, Completion, Extension, GetPromptResult, Headers, Mcp, PromptMessage,
    ReadResourceResult, Reply, Resource, ResourceContents, ToolError, resource_fn, tool_fn,
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    layered::{Log, around, callable, calls, failure, said},
    rig::{owned, session},
    support::{self, call, legacy, message, modern, modern_call},
};

#[tokio::test]
async fn a_layer_sees_what_is_called_and_who_calls() {
    let seen = Log::default();
    let layer = around({
        let seen = seen.clone();
        move |call: Call, inner| {
            let header =
                call.headers().and_then(|headers| headers.get("x-trace")).and_then(|value| value.to_str().ok());
            let user = call.extensions().and_then(|extensions| extensions.get::<support::User>());
            seen.note(format!(
                "{} {} {:?} {} {:?} {:?} {:?}",
                call.method(),
                call.name(),
                call.uri(),
                call.arguments(),
                header,
                user.map(|user| user.0),
                call.principal().map(mcp_mount::Principal::id),
            ));
            inner.oneshot(call)
        }
    });
    let (mcp, ran) = callable(|mcp| owned(mcp).layer(layer));
    let rest = r#"Some("t-1") Some("alice") Some("alice")"#;
    for ((kind, old, new, expected), first) in calls().into_iter().zip([
        r#"tools/call echo None {"text":"x"}"#,
        r#"resources/read a Some("test://a") {}"#,
        r#"resources/read item Some("item://7") {"id":"7"}"#,
        r#"prompts/get greet None {"id":"Ada"}"#,
        "completion/complete",
    ]) {
        for ask in [old, new] {
            let reply = ask.header("x-trace", "t-1").user("alice").to(&mcp).await;
            assert_eq!(said(&reply), expected, "{kind}");
            let seen = seen.take();
            assert_eq!(seen.len(), 1, "{kind}: {seen:?}");
            assert!(seen[0].starts_with(first) && seen[0].ends_with(rest), "{kind}: {seen:?}");
            assert_eq!(ran.take(), [kind]);
        }
    }
    let bare = legacy(call("echo", json!({"text": "x"}))).to(&mcp).await;
    assert_eq!(bare.text(), "x");
    assert!(seen.take()[0].ends_with("None None None"), "nobody said who it is");
}

#[tokio::test]
async fn only_calls_of_handlers_go_through_layers() {
    let seen = Log::default();
    let layer = around({
        let seen = seen.clone();
        move |call: Call, inner| {
            seen.note(call.method());
            inner.oneshot(call)
        }
    });
    let (mcp, _) = callable(|mcp| mcp.layer(layer));
    let session = session(&mcp).await;
    for method in ["ping", "tools/list", "resources/list", "resources/templates/list", "prompts/list", "nothing"] {
        session.post(message(1, method, json!({}))).to(&mcp).await;
    }
    session.subscribed("test://a").await;
    for ask in [
        modern("server/discover", json!({})),
        modern_call("nobody", json!({})),
        modern("prompts/get", json!({"name": "nobody"})),
        modern_call("echo", json!({"text": "x"})).header("mcp-name", "other"),
        modern_call("echo", json!({"text": "x"})).header("host", "evil.example"),
    ] {
        ask.to(&mcp).await;
    }
    assert_eq!(seen.take(), [""; 0]);
    let reply = modern_call("echo", json!({"text": 7})).to(&mcp).await;
    assert!(reply.tool_error().contains("text"), "{reply}");
    assert_eq!(seen.take(), ["tools/call"], "what the handler reads is the handler's to refuse");
}

#[derive(Clone)]
struct Tenant(String);

#[tokio::test]
async fn what_a_layer_puts_into_the_call_reaches_the_handler() {
    let layer = around(|mut call: Call, inner| {
        let tenant =
            call.headers().and_then(|headers| headers.get("x-tenant")).map(|value| value.to_str().map(str::to_owned));
        if let (Some(Ok(tenant)), Some(extensions)) = (tenant, call.extensions_mut()) {
            extensions.insert(Tenant(tenant));
        }
        inner.oneshot(call)
    });
    let mcp = Mcp::new("layered", "1.2.3")
        .tool(tool_fn("tenant", "Say whose it is", |Extension(tenant): Extension<Tenant>| tenant.0))
        .tool(tool_fn("both", "Headers too", |Headers(headers): Headers, tenant: Option<Extension<Tenant>>| {
            format!("{} {}", headers["x-tenant"].to_str().unwrap_or_default(), tenant.is_some())
        }))
        .resource(resource_fn("test://tenant", "tenant", |Extension(tenant): Extension<Tenant>| tenant.0))
        .layer(layer)
        .build()
        .expect("builds");
    let session = session(&mcp).await;
    for ask in [session.post(call("tenant", json!({}))), modern_call("tenant", json!({}))] {
        assert_eq!(ask.clone().header("x-tenant", "acme").to(&mcp).await.text(), "acme");
        assert_ne!(ask.to(&mcp).await.json()["result"]["isError"], Value::Null, "one call's is not the next one's");
    }
    assert_eq!(modern_call("both", json!({})).header("x-tenant", "acme").to(&mcp).await.text(), "acme true");
    let read = session.post(message(1, "resources/read", json!({"uri": "test://tenant"}))).header("x-tenant", "acme");
    assert_eq!(said(&read.to(&mcp).await), json!("acme"));
}

/// What a layer may answer with instead, for each kind of call.
fn own_answer(method: &str) -> Reply {
    match method {
        "tools/call" => Reply::Tool(CallToolResult::text("own")),
        "resources/read" => Reply::Resource(ReadResourceResult::new([ResourceContents::text("own")])),
        "prompts/get" => Reply::Prompt(GetPromptResult::new([PromptMessage::user("own")])),
        _ => Reply::Completion(Completion::new(["own"])),
    }
}

#[tokio::test]
async fn a_layer_can_answer_itself() {
    let (mcp, ran) = callable(|mcp| mcp.layer(around(|call: Call, _| async move { Ok(own_answer(call.method())) })));
    for (kind, old, new, _) in calls() {
        for ask in [old, new] {
            let reply = ask.to(&mcp).await;
            assert_eq!(said(&reply), json!("own"), "{kind}");
            assert_eq!(ran.take(), [""; 0], "{kind}: the handler does not run");
            if let Some(contents) = reply.result().get("contents") {
                let uri = if kind == "template" { "item://7" } else { "test://a" };
                assert_eq!(contents[0]["uri"], json!(uri), "the schema wants it\n{reply}");
            }
        }
    }
}

#[tokio::test]
async fn a_layers_completion_is_bounded_too() {
    let many = || Completion::new((0..250).map(|n| n.to_string()));
    let (mcp, _) = callable(|mcp| mcp.layer(around(move |_, _| async move { Ok(Reply::Completion(many())) })));
    let (_, old, new, _) = calls().pop().expect("a completion");
    for ask in [old, new] {
        let completion = ask.to(&mcp).await.result()["completion"].clone();
        assert_eq!(completion["values"].as_array().map(Vec::len), Some(100), "{completion}");
        assert_eq!((&completion["total"], &completion["hasMore"]), (&json!(250), &json!(true)), "{completion}");
    }
}

#[tokio::test]
async fn a_layer_can_change_the_reply() {
    let layer = around(|call: Call, inner: CallService| async move {
        let method = call.method().to_owned();
        let reply = inner.oneshot(call).await?;
        Ok(if reply.is_error() { Reply::Error(CallError::invalid_params("ask nicely")) } else { own_answer(&method) })
    });
    let (mcp, ran) = callable(|mcp| mcp.layer(layer));
    for (kind, old, new, _) in calls() {
        for ask in [old, new] {
            assert_eq!(said(&ask.to(&mcp).await), json!("own"), "{kind}");
            assert_eq!(ran.take(), [kind]);
        }
    }
    for ask in [legacy(call("echo", json!({}))), modern_call("echo", json!({}))] {
        let reply = ask.to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (200, -32602), "{reply}");
        assert_eq!(reply.error()["message"], json!("ask nicely"), "{reply}");
        assert_eq!(reply.json()["id"], json!(1), "{reply}");
    }
}

#[tokio::test]
async fn the_reply_of_another_kind_is_masked() {
    let other = |method: &str| match method {
        "tools/call" => Reply::Prompt(GetPromptResult::new([PromptMessage::user("secret")])),
        "completion/complete" => Reply::Resource(ReadResourceResult::new([ResourceContents::text("secret")])),
        _ => Reply::Tool(CallToolResult::text("secret")),
    };
    let (mcp, _) = callable(|mcp| mcp.layer(around(move |call: Call, _| async move { Ok(other(call.method())) })));
    for (kind, old, new, _) in calls() {
        for ask in [old, new] {
            let reply = ask.to(&mcp).await;
            failure(kind, &reply);
            assert!(!reply.to_string().contains("secret"), "{kind}\n{reply}");
        }
    }
}

#[tokio::test]
async fn the_last_layer_is_the_outermost() {
    let order = Log::default();
    let layer = |name: &'static str| {
        let order = order.clone();
        around(move |call: Call, inner: CallService| {
            let order = order.clone();
            async move {
                order.note(format!("{name} in"));
                let reply = inner.oneshot(call).await;
                order.note(format!("{name} out"));
                reply
            }
        })
    };
    let (mcp, _) = callable(|mcp| mcp.layer(layer("first")).layer(layer("second")).layer(layer("third")));
    for (kind, old, new, expected) in calls() {
        for ask in [old, new] {
            assert_eq!(said(&ask.to(&mcp).await), expected, "{kind}");
            let through = ["third in", "second in", "first in", "first out", "second out", "third out"];
            assert_eq!(order.take(), through, "{kind}");
        }
    }
    // Whatever is added at run time is layered as well.
    mcp.resources().add(Resource::text("test://new", "new", "N")).expect("added");
    let reply = legacy(message(1, "resources/read", json!({"uri": "test://new"}))).to(&mcp).await;
    assert_eq!((said(&reply), order.take().len()), (json!("N"), 6));
}

#[tokio::test]
async fn layers_see_how_a_handler_failed() {
    let seen = Log::default();
    let layer = around({
        let seen = seen.clone();
        move |call: Call, inner: CallService| {
            let seen = seen.clone();
            async move {
                let name = call.name().to_owned();
                let reply = inner.oneshot(call).await?;
                seen.note(format!("{name} {}", reply.is_error()));
                Ok(reply)
            }
        }
    });
    let mcp = Mcp::new("layered", "1.2.3")
        .tool(tool_fn("panics", "Panic", || -> &'static str { panic!("secret") }))
        .tool(tool_fn("fails", "Fail", || Err::<&str, _>(std::io::Error::other("secret"))))
        .tool(tool_fn("says", "Say why", || Err::<&str, _>(ToolError::expose("no luck"))))
        .resource(resource_fn("test://panics", "panics", || -> &'static str { panic!("secret") }))
        .layer(layer)
        .build()
        .expect("builds");
    for tool in ["panics", "fails", "says"] {
        let reply = modern_call(tool, json!({})).to(&mcp).await;
        let text = reply.tool_error();
        assert_eq!(text.contains("no luck"), tool == "says", "{reply}");
        assert!(!text.contains("secret"), "{reply}");
        assert_eq!(seen.take(), [format!("{tool} true")]);
    }
    let reply = legacy(message(1, "resources/read", json!({"uri": "test://panics"}))).to(&mcp).await;
    assert_eq!(reply.code(), -32603, "{reply}");
    assert!(!reply.to_string().contains("secret"), "{reply}");
    assert_eq!(seen.take(), ["panics true"]);
}

#[tokio::test(start_paused = true)]
async fn a_layer_is_never_shown_less_than_the_handler_reads() {
    let deny = around(|call: Call, inner| async move {
        if call.arguments()["text"] == "secret" {
            return Ok(Reply::Error(mcp_mount::CallError::invalid_params("denied")));
        }
        inner.oneshot(call).await
    });
    let (mcp, _) = callable(|mcp| mcp.layer(deny));
    let ask = modern_call("echo", json!({"text": "secret"}));
    assert_eq!(ask.clone().to(&mcp).await.code(), -32602);
    let body = String::from_utf8(ask.bytes().await.to_vec()).expect("UTF-8");
    for more in [r#""x":1e999"#, r#""text":"public""#] {
        let spoiled = body.replace(r#""text":"secret""#, &format!(r#""text":"secret",{more}"#));
        let reply = ask.clone().with_body(spoiled).to(&mcp).await;
        assert!(reply.status == 400 && reply.json().get("result").is_none(), "{more}\n{reply}");
    }
}
