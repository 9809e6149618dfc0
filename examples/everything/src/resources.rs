//! Resources: fixed ones, a template, and one that changes.

use std::sync::Arc;
use std::time::Duration;

use mcp_mount::{CacheScope, CompletionRequest, Json, Resource, State, resource, resources};
use serde::Serialize;
use tokio::sync::watch;

use crate::content::PNG;

/// The resource that the tool `touch` changes.
pub(crate) const WATCHED: &str = "test://watched-resource";

pub(crate) fn resources() -> Vec<Resource> {
    let mut all = vec![
        Resource::text("test://static-text", "static-text", "This is the content of the static text resource.")
            .description("A text that never changes")
            .mime_type("text/plain")
            .ttl(Duration::from_secs(60))
            .cache_scope(CacheScope::Public),
        Resource::blob("test://static-binary", "static-binary", PNG)
            .description("A picture that never changes")
            .mime_type("image/png"),
    ];
    all.extend(resources![watched, template]);
    all
}

/// A text that changes whenever the tool `touch` is called.
#[resource("test://watched-resource", name = "watched-resource", mime_type = "text/plain")]
fn watched(State(watched): State<Watched>) -> String {
    format!("touched {} times", watched.times())
}

/// What is at `test://template/{id}/data`.
#[derive(Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Data {
    id: String,
    template_test: bool,
    data: String,
}

/// A resource for every id.
#[resource("test://template/{id}/data", mime_type = "application/json")]
fn template(#[complete(ids)] id: String) -> Json<Data> {
    let data = format!("Data for ID: {id}");
    Json(Data { id, template_test: true, data })
}

/// The ids to suggest: 1 to 250, more than fit into one answer.
fn ids(request: CompletionRequest) -> Vec<String> {
    (1..=250).map(|id: u32| id.to_string()).filter(|id| id.starts_with(request.value())).collect()
}

/// How often the watched resource was touched.
#[derive(Clone, Default)]
pub(crate) struct Watched(Arc<watch::Sender<usize>>);

impl Watched {
    fn times(&self) -> usize {
        *self.0.borrow()
    }

    pub(crate) fn touch(&self) -> usize {
        let mut touched = 0;
        self.0.send_modify(|times| {
            *times += 1;
            touched = *times;
        });
        touched
    }

    /// Comes when it is touched after this was called.
    pub(crate) fn touched(&self) -> impl Future<Output = ()> + use<> {
        let mut times = self.0.subscribe();
        async move {
            // It fails only when the server is gone.
            let _ = times.changed().await;
        }
    }
}
