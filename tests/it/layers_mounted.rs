//! `Mcp::http_layer` wherever the service is mounted.

use axum::Router;
use http::Method;
use serde_json::json;

use crate::{
    http_layers::{marking, marks},
    rig::rig_with,
    support::{bare, modern_call},
};

#[tokio::test]
async fn it_is_there_wherever_the_service_is_mounted() {
    let rig = rig_with(|mcp| mcp.http_layer(marking("here")).health());
    let mcp = &rig.mcp;
    let app = Router::<()>::new()
        .nest("/nest", mcp.service())
        .nest_service("/service", mcp.clone())
        .route_service("/route", mcp.clone())
        .merge(mcp.at("/at"));
    for path in ["/nest", "/service", "/service/", "/route", "/at", "/at/"] {
        let reply = modern_call("echo", json!({"text": "x"})).at(path).to(&app).await;
        assert_eq!((reply.text().as_str(), marks(&reply.headers)), ("x", vec!["here"]), "{path}");
    }
    for path in ["/nest/health", "/service/health", "/at/health", "/at/nowhere"] {
        let reply = bare(Method::GET, "").at(path).to(&app).await;
        let there = !path.ends_with("nowhere");
        assert_eq!((reply.status == 200, marks(&reply.headers).len() == 1), (there, there), "{path}\n{reply}");
    }
    let elsewhere = bare(Method::GET, "").at("/elsewhere").to(&mcp.on_path("/mcp")).await;
    assert_eq!((elsewhere.status.as_u16(), marks(&elsewhere.headers)), (404, vec!["here"]), "{elsewhere}");
}
