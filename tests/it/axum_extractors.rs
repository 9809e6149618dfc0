//! axum's own extractors, and the application's, in handlers.

use axum::{
    extract::{FromRef, FromRequestParts, OptionalFromRequestParts, OriginalUri, Query},
    http::{HeaderMap, HeaderValue, Method, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use mcp_mount::{BuildErrorKind, Extract, Json, Mcp, McpService, Tool, prompt_fn, resource_fn, tool_fn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    eras::{Client, TOOLS, both, in_band},
    rig::{server, server_with},
    support::{Ask, Reply, User},
};

/// As an application's routes use it, without state.
struct AuthUser(String);

impl<S: Sync> FromRequestParts<S> for AuthUser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        match parts.headers.get("x-user").map(HeaderValue::as_bytes) {
            Some(b"") => Err(StatusCode::FORBIDDEN.into_response()),
            Some(b"down") => Err((StatusCode::BAD_GATEWAY, "hunter2 of the directory").into_response()),
            Some(b"long") => Err((StatusCode::BAD_REQUEST, "x".repeat(100_000)).into_response()),
            Some(b"odd") => Err((StatusCode::UNAUTHORIZED, vec![255_u8, 254]).into_response()),
            Some(user) => Ok(Self(String::from_utf8_lossy(user).into_owned())),
            None => Err((StatusCode::UNAUTHORIZED, "sign in first").into_response()),
        }
    }
}

/// The application's state, and an extractor that needs a part of it.
#[derive(Clone)]
struct App {
    realm: &'static str,
}

#[derive(Clone)]
struct Realm(&'static str);

impl FromRef<App> for Realm {
    fn from_ref(app: &App) -> Self {
        Self(app.realm)
    }
}

struct Tenant(String);

impl<S: Send + Sync> FromRequestParts<S> for Tenant
where
    Realm: FromRef<S>,
{
    type Rejection = (StatusCode, String);

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Realm(realm) = Realm::from_ref(state);
        let AuthUser(user) = <AuthUser as FromRequestParts<S>>::from_request_parts(parts, state)
            .await
            .map_err(|_| (StatusCode::UNAUTHORIZED, format!("{realm} knows nobody of that name")))?;
        Ok(Self(format!("{user}@{realm}")))
    }
}

fn whoami() -> Tool {
    tool_fn("whoami", "", |Extract(AuthUser(user), ..): Extract<AuthUser>| user)
}

/// A call in no session, with the header that names the user.
fn of(client: &Client, method: &str, params: Value, user: Option<&str>) -> Ask {
    let ask = client.ask(method, params).without("mcp-session-id");
    match user {
        Some(user) => ask.header("x-user", user),
        None => ask,
    }
}

async fn call(mcp: &McpService, client: &Client, tool: &str, user: Option<&str>) -> Reply {
    of(client, "tools/call", json!({ "name": tool }), user).to(mcp).await
}

#[tokio::test]
async fn an_extractor_of_the_application_runs_on_the_head_of_the_call() {
    let tenant = async |tenant: Extract<Tenant, App>| tenant.0.0;
    let both_of_them = |tenant: Extract<Tenant, App>, user: Extract<AuthUser>| format!("{} {}", tenant.0.0, user.0.0);
    let mcp = server_with([whoami(), tool_fn("tenant", "", tenant), tool_fn("both", "", both_of_them)], |mcp| {
        mcp.state(App { realm: "north" })
    });
    for client in both(&mcp).await {
        assert_eq!(call(&mcp, &client, "whoami", Some("ada")).await.text(), "ada");
        assert_eq!(call(&mcp, &client, "tenant", Some("ada")).await.text(), "ada@north");
        assert_eq!(call(&mcp, &client, "both", Some("ada")).await.text(), "ada@north ada");
        assert!(call(&mcp, &client, "tenant", None).await.tool_error().contains("north knows nobody"));
    }
}

/// The text of a 4xx is for the caller, that of a 5xx is not.
#[tokio::test]
async fn what_it_refuses_with_is_told_as_far_as_it_may_be() {
    let mcp = Mcp::new("rig", "1.2.3")
        .tool(whoami())
        .resource(resource_fn("x://who", "who", |user: Extract<AuthUser>| user.0.0))
        .prompt(prompt_fn("who", "", |user: Extract<AuthUser>| user.0.0));
    let mcp = mcp.build().expect("the server builds");
    for client in both(&mcp).await {
        for (user, says) in [
            (None, "sign in first"),
            (Some(""), "403"),
            (Some("down"), "502"),
            (Some("odd"), "401"),
            (Some("long"), "400"),
        ] {
            let tool = call(&mcp, &client, "whoami", user).await;
            let read = of(&client, "resources/read", json!({"uri": "x://who"}), user).to(&mcp).await;
            let got = of(&client, "prompts/get", json!({"name": "who"}), user).to(&mcp).await;
            assert!(tool.tool_error().contains(says), "{user:?}\n{tool}");
            for reply in [&read, &got] {
                assert!(in_band(reply).1.contains(says), "{user:?}\n{reply}");
            }
            for reply in [tool, read, got] {
                assert!(!reply.to_string().contains("hunter2"), "{reply}");
                assert!(reply.body.len() < 10_000, "an answer of {} bytes", reply.body.len());
            }
        }
    }
}

/// A 5xx is the server's own fault (server/resources and server/prompts, «Error Handling»).
#[tokio::test]
async fn a_refusal_has_the_code_of_who_is_to_blame() {
    let mcp = Mcp::new("rig", "1.2.3")
        .resource(resource_fn("x://who", "who", |user: Extract<AuthUser>| user.0.0))
        .prompt(prompt_fn("who", "", |user: Extract<AuthUser>| user.0.0));
    let mcp = mcp.build().expect("the server builds");
    for client in both(&mcp).await {
        for (user, code) in [(None, -32602), (Some("down"), -32603)] {
            let read = of(&client, "resources/read", json!({"uri": "x://who"}), user).to(&mcp).await;
            let got = of(&client, "prompts/get", json!({"name": "who"}), user).to(&mcp).await;
            assert_eq!([in_band(&read).0, in_band(&got).0], [code; 2], "{user:?}\n{read}");
        }
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for AuthUser {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Response> {
        Ok(<Self as FromRequestParts<S>>::from_request_parts(parts, state).await.ok())
    }
}

#[tokio::test]
async fn an_optional_one_is_none_where_it_refuses() {
    let outside = |user: Option<Extract<AuthUser>>| user.map_or_else(|| "nobody".into(), |user| user.0.0);
    let inside = |Extract(user, ..): Extract<Option<AuthUser>>| user.map_or_else(|| "nobody".into(), |user| user.0);
    let mcp = server([tool_fn("outside", "", outside), tool_fn("inside", "", inside)]);
    for client in both(&mcp).await {
        for tool in ["outside", "inside"] {
            assert_eq!(call(&mcp, &client, tool, None).await.text(), "nobody", "{tool}");
            assert_eq!(call(&mcp, &client, tool, Some("ada")).await.text(), "ada", "{tool}");
        }
    }
}

#[derive(Deserialize)]
struct Paging {
    page: Option<u32>,
}

#[tokio::test]
async fn axums_extractors_of_the_head() {
    let tool = tool_fn(
        "head",
        "",
        |Extract(method, ..): Extract<Method>,
         Extract(headers, ..): Extract<HeaderMap>,
         Extract(OriginalUri(uri), ..): Extract<OriginalUri>,
         Extract(Query(Paging { page }), ..): Extract<Query<Paging>>| {
            format!("{method} {} {uri} {page:?}", headers.contains_key("x-user"))
        },
    );
    let mcp = server([tool]);
    for client in both(&mcp).await {
        let ask = of(&client, "tools/call", json!({"name": "head"}), Some("ada")).at("/?page=7");
        assert_eq!(ask.to(&mcp).await.text(), "POST true /?page=7 Some(7)");
        let ask = of(&client, "tools/call", json!({"name": "head"}), None).at("/?page=x");
        assert!(ask.to(&mcp).await.tool_error().contains("400"));
    }
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Pair {
    a: i64,
    b: i64,
}

/// axum's `State` is `Mcp::state`, its `Extension` is the request's, its `Json` are the arguments.
#[tokio::test]
async fn axums_state_extension_and_json() {
    let tool = tool_fn(
        "all",
        "",
        async |axum::extract::State(app): axum::extract::State<App>,
               axum::Extension(user): axum::Extension<User>,
               axum::Json(Pair { a, b }): axum::Json<Pair>| {
            assert_eq!((app.realm, user.0), ("north", "ada"));
            axum::Json(Pair { a: b, b: a })
        },
    );
    let ours = tool_fn("ours", "", |Json(pair): Json<Pair>| Json(Pair { a: pair.b, b: pair.a }));
    let mcp = server_with([tool, ours], |mcp| mcp.state(App { realm: "north" }));
    for client in both(&mcp).await {
        let params = json!({"name": "all", "arguments": {"a": 1, "b": 2}});
        let ask = || client.ask("tools/call", params.clone()).without("mcp-session-id");
        let result = ask().user("ada").to(&mcp).await.result();
        assert_eq!(result["structuredContent"], json!({"a": 2, "b": 1}), "{result}");
        let reply = ask().to(&mcp).await;
        let text = reply.tool_error();
        assert!(text.contains("User") && text.contains("`all`"), "names what is missing, and where\n{reply}");
        let wrong = client.call("all", json!({"a": "x", "b": 2})).await;
        wrong.tool_error();
        let [all, ours] = &client.list(TOOLS).await[..] else { panic!("two tools") };
        for schema in ["inputSchema", "outputSchema"] {
            assert_eq!(all[schema], ours[schema], "axum's Json is ours");
            assert_eq!(all[schema]["required"], json!(["a", "b"]));
        }
    }
}

#[test]
fn a_state_that_was_not_given_is_missed_when_it_is_built() {
    let built = |tool: Tool| Mcp::new("rig", "1.2.3").tool(tool).build();
    let axums = tool_fn("axums", "", |axum::extract::State(App { realm }): axum::extract::State<App>| realm);
    let extract = tool_fn("extract", "", |tenant: Extract<Tenant, App>| tenant.0.0);
    for (tool, name) in [(axums, "`axums`"), (extract, "`extract`")] {
        let Err(error) = built(tool) else { panic!("{name}: built") };
        let text = error.to_string();
        assert_eq!(error.kind(), BuildErrorKind::MissingState, "{text}");
        assert!(text.contains(name) && text.contains("App") && text.contains(".state("), "{text}");
    }
    assert!(built(whoami()).is_ok(), "an extractor that needs no state has it");
}
