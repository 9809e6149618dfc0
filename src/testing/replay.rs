//! Whether a handler that asks its client is the same handler in both eras.

use std::collections::HashMap;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use super::client::{Answerer, Client};
use super::error::{Asked, Error};
use super::outcome::ToolOutcome;
use crate::{Mcp, Revision, Tool};

/// Calls a tool in a session and in 2026-07-28, with the same answers to what it asks, and compares.
///
/// From 2026-07-28 on a handler runs again from the top for each round of questions. One that draws a random number before a
/// question, or counts how often it runs, ends elsewhere than it does in a session, where it runs once; so does one that
/// asks in another order the second time. What is compared is the questions that were asked, each with its parameters, and
/// the result, or the error. `.await` it: the outcome, or an error of the kind
/// [`Differs`](super::ErrorKind::Differs) that says what is not the same.
///
/// ```
/// use mcp_mount::testing::replays_equal;
/// use mcp_mount::{AskError, Context, tool_fn};
/// use serde_json::json;
///
/// async fn count(ctx: Context) -> Result<String, AskError> {
///     let roots = ctx.roots("roots").await?;
///     Ok(format!("{} folders", roots.len()))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let outcome = replays_equal(tool_fn("count", "Count folders", count), ())
///     .on_request("roots/list", |_| json!({"roots": [{"uri": "file:///home/ada"}]}))
///     .await?;
/// assert_eq!(outcome.text(), "1 folders");
/// # Ok(()) }
/// ```
///
/// # Panics
///
/// When the arguments cannot be written as JSON.
#[must_use = "it is compared when it is awaited"]
pub fn replays_equal(tool: Tool, arguments: impl serde::Serialize) -> Replay {
    let arguments = serde_json::to_value(arguments).expect("replays_equal: arguments that can be written as JSON");
    let (name, mcp) = (tool.name().to_owned(), Mcp::new("replay", "1.0.0").tool(tool));
    Replay { name, arguments, mcp, answers: HashMap::new(), capabilities: offers_all() }
}

/// A comparison to be made: from [`replays_equal`].
pub struct Replay {
    name: String,
    arguments: Value,
    mcp: Mcp,
    answers: HashMap<String, Answerer>,
    capabilities: Value,
}

/// One run: the questions, and what came of them.
struct Run {
    questions: Vec<(String, Value)>,
    outcome: Result<ToolOutcome, Error>,
}

impl Replay {
    /// How the client answers a question, as [`Client::on_request`] has it. It is asked in both eras, and answers alike.
    pub fn on_request(mut self, method: &str, answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Self {
        self.answers.insert(method.to_owned(), Arc::new(answer));
        self
    }

    /// What the client says it can do. Default: everything.
    pub fn capabilities(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// What else the server is given, such as the [`State`](crate::State) that the handler takes.
    pub fn with(mut self, configure: impl FnOnce(Mcp) -> Mcp) -> Self {
        self.mcp = configure(self.mcp);
        self
    }

    async fn compare(self) -> Result<ToolOutcome, Error> {
        let Self { name, arguments, mcp, answers, capabilities } = self;
        let asked = Asked(format!("replays_equal {name:?}"));
        let mcp = mcp.build().map_err(|error| asked.impossible(error.to_string()))?;
        let run = async |revision| -> Result<Run, Error> {
            let questions = Arc::new(Mutex::new(Vec::new()));
            let client = Client::new(mcp.clone()).revision(revision).capabilities(capabilities.clone());
            let client = answers.iter().fold(client, |client, (method, answer)| {
                let (questions, asked, answer) = (Arc::clone(&questions), method.clone(), Arc::clone(answer));
                client.on_request(method, move |params| {
                    let mut questions = questions.lock().unwrap_or_else(PoisonError::into_inner);
                    questions.push((asked.clone(), comparable(params)));
                    drop(questions);
                    answer(params)
                })
            });
            let client = if revision < Revision::V2026_07_28 { client.connect().await? } else { client };
            let outcome = client.call_tool(&name, &arguments).await;
            let questions = std::mem::take(&mut *questions.lock().unwrap_or_else(PoisonError::into_inner));
            Ok(Run { questions, outcome })
        };
        let session = run(Revision::V2025_11_25).await?;
        let rounds = run(Revision::V2026_07_28).await?;
        match difference(&session, &rounds) {
            None => rounds.outcome,
            Some(difference) => Err(asked.differs(difference)),
        }
    }
}

impl IntoFuture for Replay {
    type Output = Result<ToolOutcome, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.compare())
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("tool", &self.name).finish_non_exhaustive()
    }
}

fn offers_all() -> Value {
    json!({"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}, "context": {}}, "roots": {}})
}

/// A question without what only one era has.
fn comparable(params: &Value) -> Value {
    let mut params = params.clone();
    if let Some(members) = params.as_object_mut() {
        members.remove("elicitationId");
        members.remove("_meta");
    }
    params
}

fn difference(session: &Run, rounds: &Run) -> Option<String> {
    // Questions that are asked together may arrive in any order.
    let sorted = |run: &Run| {
        let mut questions: Vec<_> = run.questions.iter().map(|(method, params)| format!("{method} {params}")).collect();
        questions.sort_unstable();
        questions
    };
    let (in_session, in_rounds) = (sorted(session), sorted(rounds));
    if in_session != in_rounds {
        return Some(format!("it asked {in_session:?} in 2025-11-25, and {in_rounds:?} in 2026-07-28"));
    }
    let end = |run: &Run| match &run.outcome {
        Ok(outcome) => json!({
            "isError": outcome.is_error(),
            "content": outcome.content(),
            "structuredContent": outcome.structured(),
        }),
        Err(error) => json!({ "error": error.message().map_or_else(|| error.to_string(), str::to_owned) }),
    };
    let (mut in_session, in_rounds) = (end(session), end(rounds));
    // Up to 2025-11-25 a value that is no object is wrapped.
    let wrapped = !in_rounds["structuredContent"].is_object();
    let structured = in_session.get_mut("structuredContent").filter(|_| wrapped);
    if let Some(structured) = structured
        && let Some(value) = structured.get_mut("result").map(Value::take)
    {
        *structured = value;
    }
    (in_session != in_rounds)
        .then(|| format!("it ended in {in_session} in 2025-11-25, and in {in_rounds} in 2026-07-28"))
}
