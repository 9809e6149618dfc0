//! What not every question has, in every revision: others that come after it, a choice of several, a state of a server
//! that shares its keys.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use mcp_mount::{AskError, Context, Elicit, Elicited, Mcp, Revision, Tool, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::{
    asking::{ASKING, Confirm, client_with, everything},
    rig::server,
    support::modern,
};

/// Asks twice, the second time with the first answer, and draws a number once.
fn order() -> Tool {
    let draws = Arc::new(AtomicUsize::new(0));
    tool_fn("order", "", move |ctx: Context| {
        let draws = draws.clone();
        async move {
            let number = ctx.once("number", || async { draws.fetch_add(1, SeqCst) + 1 }).await?;
            let sure = match ctx.elicit::<Confirm>("sure", format!("Order {number}?")).await? {
                Elicited::Accept(Confirm { sure, .. }) => sure.to_string(),
                other => format!("{other:?}"),
            };
            let now = ctx.elicit::<Confirm>("now", format!("{sure}. Now?")).await?;
            let number_again = ctx.once("number", || async { 0 }).await.is_err();
            Ok::<_, AskError>(format!("{number}, {sure}, {:?}, {number_again}", now.accepted().map(|now| now.sure)))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_later_question_may_be_made_of_an_earlier_answer() {
    let accept = |sure: bool| json!({"action": "accept", "content": {"sure": sure}});
    for revision in ASKING {
        for (first, second, expected) in [
            (accept(true), accept(false), "1, true, Some(false), true"),
            (accept(false), json!({"action": "cancel"}), "1, false, None, true"),
            (json!({"action": "decline"}), accept(true), "1, Decline, Some(true), true"),
        ] {
            let mcp = server([order()]);
            let asked = Arc::new(Mutex::new(Vec::new()));
            let log = asked.clone();
            let client = client_with(&mcp, revision, |client| {
                client.capabilities(json!({"elicitation": {}})).on_request("elicitation/create", move |params| {
                    let message = params["message"].as_str().expect("a text").to_owned();
                    let answer = if message == "Order 1?" { first.clone() } else { second.clone() };
                    log.lock().unwrap().push(message);
                    answer
                })
            });
            let outcome = client.await.call_tool("order", ()).await.unwrap();
            assert_eq!(outcome.ok().unwrap().text(), expected, "{revision}");
            let sure = expected.split(", ").nth(1).unwrap();
            assert_eq!(
                *asked.lock().unwrap(),
                ["Order 1?".to_owned(), format!("{sure}. Now?")],
                "{revision}: each once"
            );
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema, Elicit)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
    Blue,
}

#[derive(Debug, Deserialize, JsonSchema, Elicit)]
struct Palette {
    colours: Vec<Colour>,
}

#[tokio::test(start_paused = true)]
async fn a_choice_of_several_is_asked_where_a_revision_has_it() {
    let mcp = server([tool_fn("paint", "", |ctx: Context| async move {
        match ctx.elicit::<Palette>("palette", "Which?").await {
            Ok(answer) => format!("{:?}", answer.accepted().map(|palette| palette.colours)),
            Err(error @ AskError::NotInRevision { .. }) => error.to_string(),
            Err(other) => panic!("{other}"),
        }
    })]);
    for revision in ASKING {
        let has_it = revision > Revision::V2025_06_18;
        let client = client_with(&mcp, revision, |client| {
            client.capabilities(json!({"elicitation": {}})).on_request("elicitation/create", move |params| {
                assert!(has_it, "nothing may be asked: {params}");
                let field = &params["requestedSchema"]["properties"]["colours"];
                assert_eq!(
                    (&field["type"], &field["items"]["enum"]),
                    (&json!("array"), &json!(["red", "green", "blue"]))
                );
                json!({"action": "accept", "content": {"colours": ["blue", "red"]}})
            })
        });
        let text = client.await.call_tool("paint", ()).await.unwrap().ok().unwrap().text();
        let expected = if has_it {
            "Some([Blue, Red])"
        } else {
            "the client cannot be asked `palette`: the field `colours`, a choice of several, is not in 2025-06-18, the \
             revision of this client"
        };
        assert_eq!(text, expected, "{revision}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_is_of_the_server_of_its_name_whoever_shares_the_keys() {
    const KEY: &str = "a secret that all servers of a house share";
    let named = |name: &str, version: &str| {
        let roots = tool_fn("roots", "", |ctx: Context| async move { ctx.roots("roots").await.map(|_| "told") });
        Mcp::new(name, version).tool(roots).request_state_keys([KEY]).build().unwrap()
    };
    let (billing, replica, payroll) = (named("billing", "1"), named("billing", "2"), named("payroll", "1"));
    let mut params = json!({"name": "roots"});
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = everything();
    let asked = modern("tools/call", params.clone()).to(&billing).await.result();
    params["requestState"] = asked["requestState"].clone();
    params["inputResponses"] = json!({"roots": {"roots": []}});
    let refused = modern("tools/call", params.clone()).to(&payroll).await;
    assert_eq!(refused.code(), -32602, "{refused}");
    let message = refused.error()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("params.requestState: "), "{message}");
    for mcp in [&billing, &replica] {
        assert_eq!(modern("tools/call", params.clone()).to(mcp).await.text(), "told", "in any version");
    }
}
