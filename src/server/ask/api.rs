//! What a handler asks with.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::error::AskError;
use super::{Asking, KeyFault, here, session, state};
use crate::protocol::input::InputRequest;
use crate::protocol::input::elicitation::{Elicited, read_elicit_result};
use crate::protocol::input::form::{self, Elicit};
use crate::protocol::input::roots::{Root, read_roots};
use crate::protocol::input::sampling::{CreateMessageRequest, CreateMessageResult};
use crate::protocol::params::without_position;
use crate::protocol::requests;
use crate::server::context::Context;

/// The longest key: bytes.
const LONGEST_KEY: usize = 128;

/// # Asking the client
///
/// These work alike whichever revision the client speaks. In a session the client gets a request and the handler waits for
/// its answer, while the call's timeout stands still. A 2026-07-28 client gets `input_required` as the call's result, and
/// sends the request again with the answers: **the handler runs again from the top**, up to the first question that is not
/// answered yet. So what comes before a question happens once in each round. Let it be free of side effects, or put what is
/// costly or random into [`once`](Self::once).
///
/// A question has a key, which no other question of the handler has. Questions that are joined (`tokio::join!`) are asked
/// together. A question that is dropped is withdrawn. Await them in the handler itself, not in a task of its own.
///
/// ```
/// use mcp_mount::{Context, CreateMessageRequest, Elicit, Elicited, ToolError};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
/// struct Confirm {
///     /// Really?
///     sure: bool,
/// }
///
/// async fn deploy(ctx: Context) -> Result<String, ToolError> {
///     let asked = ctx.elicit::<Confirm>("confirm", "Deploy to production?");
///     let Elicited::Accept(Confirm { sure: true }) = asked.await? else {
///         return Ok("nothing was deployed".to_owned());
///     };
///     let (notes, roots) = tokio::join!(
///         ctx.sample("notes", CreateMessageRequest::new(200).user("Write release notes.")),
///         ctx.roots("roots"),
///     );
///     Ok(format!("deployed {} folders: {}", roots?.len(), notes?.text()))
/// }
/// # let _ = mcp_mount::tool_fn("deploy", "Deploy", deploy);
/// ```
impl Context {
    /// Asks the user by a form (`elicitation/create`), whose fields are those of `T`.
    ///
    /// Not for passwords and the like, which must not pass through the client: [`elicit_url`](Self::elicit_url)
    /// (2026-07-28, client/elicitation).
    ///
    /// # Errors
    ///
    /// See [`AskError`]. That the user declines is no error.
    pub async fn elicit<T: Elicit>(&self, key: &str, message: impl Into<String>) -> Result<Elicited<T>, AskError> {
        let schema = form::form_schema::<T>().map_err(|fault| invalid(key, &fault))?;
        match self.form(key, message.into(), schema).await? {
            Elicited::Accept(content) => match T::deserialize(content) {
                Ok(content) => Ok(Elicited::Accept(content)),
                Err(error) => Err(self.malformed(key, format!("content: {}", without_position(&error)))),
            },
            Elicited::Decline => Ok(Elicited::Decline),
            Elicited::Cancel => Ok(Elicited::Cancel),
        }
    }

    /// The same with a form whose schema is made at run time: a flat object of the few types that a form may have
    /// (2026-07-28, client/elicitation, «Requested Schema»). The answer fits it.
    ///
    /// # Errors
    ///
    /// See [`AskError`]; [`AskError::Invalid`] names the field of the schema that no form may have.
    pub async fn elicit_form(
        &self,
        key: &str,
        message: impl Into<String>,
        schema: Value,
    ) -> Result<Elicited<Value>, AskError> {
        form::check_form(&schema).map_err(|fault| invalid(key, &fault))?;
        self.form(key, message.into(), schema).await
    }

    async fn form(&self, key: &str, message: String, schema: Value) -> Result<Elicited<Value>, AskError> {
        let request = InputRequest::Form { message, schema: schema.clone() };
        let answer = self.ask(key, request).await?;
        let action = read_elicit_result(answer.get()).map_err(|fault| self.malformed(key, fault))?;
        Ok(match action {
            Elicited::Accept(content) => {
                let mut content = content.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
                form::read_content(&schema, &mut content).map_err(|fault| self.malformed(key, fault))?;
                Elicited::Accept(content)
            }
            Elicited::Decline => Elicited::Decline,
            Elicited::Cancel => Elicited::Cancel,
        })
    }

    /// Sends the user to a URL, since 2025-11-25: for what must not pass through the client, as signing in elsewhere.
    ///
    /// `Accept` says that the user agreed to go there, not that anything was done there. The URL must hold nothing personal
    /// and open nothing by itself; who opens it must be the user who was asked (2026-07-28, client/elicitation, «Safe URL
    /// Handling»). When what was to be done there is done, tell a 2025-11-25 client by
    /// [`elicitation_complete`](Self::elicitation_complete).
    ///
    /// # Errors
    ///
    /// See [`AskError`].
    pub async fn elicit_url(&self, key: &str, message: impl Into<String>, url: &str) -> Result<Elicited<()>, AskError> {
        if !is_url(url) {
            return Err(invalid(key, &"the URL must be absolute, as https://example.com/connect"));
        }
        let id = Uuid::new_v4().to_string();
        let answer = self.ask(key, InputRequest::Url { message: message.into(), url: url.into(), id }).await?;
        let action = read_elicit_result(answer.get()).map_err(|fault| self.malformed(key, fault))?;
        Ok(action.map(|_| ()))
    }

    /// Tells the client that what the user was sent to a URL for is done (`notifications/elicitation/complete`). Only
    /// 2025-11-25 has such a message, and only while this call runs; for other clients nothing is sent.
    pub async fn elicitation_complete(&self, key: &str) {
        let Asking::Session(_) = &self.facts().asking else { return };
        let id = self.asks().lock().urls.iter().find(|(asked, _)| **asked == *key).map(|(_, id)| id.clone());
        if let (Some(id), Some(outbound), false) = (id, self.outbound(), self.is_cancelled()) {
            outbound.send(requests::elicitation_complete(&id)).await;
        }
    }

    /// Asks the client's model (`sampling/createMessage`).
    ///
    /// # Errors
    ///
    /// See [`AskError`]; [`AskError::Invalid`] says what no such request may be.
    pub async fn sample(&self, key: &str, request: CreateMessageRequest) -> Result<CreateMessageResult, AskError> {
        if let Some(fault) = request.fault() {
            return Err(invalid(key, &fault));
        }
        let answer = self.ask(key, InputRequest::Sample(Box::new(request))).await?;
        CreateMessageResult::read(answer.get()).map_err(|fault| self.malformed(key, fault))
    }

    /// Asks for the folders and files that the client works in (`roots/list`).
    ///
    /// # Errors
    ///
    /// See [`AskError`].
    pub async fn roots(&self, key: &str) -> Result<Vec<Root>, AskError> {
        let answer = self.ask(key, InputRequest::Roots).await?;
        read_roots(answer.get()).map_err(|fault| self.malformed(key, fault))
    }

    /// Computes a value once for all the rounds of a call: later rounds get the value of the first. In a session there is
    /// one round.
    ///
    /// It is **not** "at most once": a client that sends its first request twice has it computed twice, and a round that
    /// asks nothing more keeps nothing. What must not happen twice needs a key of its own in a database. A `Result` is a value
    /// like any other: let `compute` succeed, or keep what it failed with.
    ///
    /// ```
    /// # async fn example(ctx: mcp_mount::Context) -> Result<(), mcp_mount::AskError> {
    /// let order: u64 = ctx.once("order number", || async { 4711 }).await?; // drawn in the first round
    /// # let _ = order; Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the key was used before, or the value cannot be written as JSON.
    pub async fn once<T, F, R>(&self, key: &str, compute: F) -> Result<T, AskError>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> R,
        R: Future<Output = T>,
    {
        // Values have keys of their own: a question may have the same.
        self.take_key(key, &format!("once\0{key}"))?;
        let Asking::Rounds(rounds) = &self.facts().asking else { return Ok(compute().await) };
        // One that cannot be read was left by another version of this server.
        if let Some(value) = rounds.kept(key).and_then(|json| serde_json::from_str(json.get()).ok()) {
            return Ok(value);
        }
        let value = compute().await;
        let json = serde_json::value::to_raw_value(&value).map_err(|error| invalid(key, &error))?;
        self.asks().lock().kept.push((key.into(), json));
        Ok(value)
    }

    async fn ask(&self, key: &str, request: InputRequest) -> Result<Box<RawValue>, AskError> {
        if !here::is(self.address()) {
            return Err(AskError::OutsideHandler { key: key.into() });
        }
        let facts = self.facts();
        if let Asking::Never(why) = &facts.asking {
            return Err(AskError::Unreachable { key: key.into(), reason: why.reason() });
        }
        self.take_key(key, key)?;
        if let InputRequest::Url { id, .. } = &request {
            self.asks().lock().urls.push((key.into(), id.clone()));
        }
        for capability in request.capabilities() {
            self.require(capability).map_err(AskError::MissingCapability)?;
        }
        let params = request.params(facts.revision);
        let params = params.map_err(|fault| AskError::NotInRevision { key: key.into(), fault: fault.to_string() })?;
        match &facts.asking {
            Asking::Session(conversation) => {
                let Some(outbound) = self.outbound() else {
                    let reason = "its request takes no stream of events as the reply, on which it could be asked";
                    return Err(AskError::Unreachable { key: key.into(), reason });
                };
                let asked = session::ask(conversation, self.asks(), outbound, key, request.method(), &params);
                asked.await.inspect_err(|error| {
                    if let AskError::Malformed { .. } = error {
                        self.asks().note_malformed(error);
                    }
                })
            }
            Asking::Rounds(rounds) => {
                let question = state::question(&request.digest_text());
                if let Some(answer) = rounds.answer(key, question) {
                    self.asks().lock().used.push((key.into(), question));
                    return Ok(answer.to_owned());
                }
                match self.asks().open(key, question, request).never().await {}
            }
            Asking::Never(why) => Err(AskError::Unreachable { key: key.into(), reason: why.reason() }),
        }
    }

    fn take_key(&self, key: &str, used_as: &str) -> Result<(), AskError> {
        if key.is_empty() || key.len() > LONGEST_KEY {
            return Err(invalid(key, &format!("a key has 1 to {LONGEST_KEY} bytes")));
        }
        self.asks().take_key(used_as).map_err(|fault| match fault {
            KeyFault::Twice => AskError::KeyUsedTwice { key: key.into() },
            KeyFault::TooMany => invalid(key, &"the handler has asked too many questions in one run"),
        })
    }

    /// Remembers that an answer was malformed: a call that fails for it is answered with -32602.
    fn malformed(&self, key: &str, fault: String) -> AskError {
        let error = AskError::Malformed { key: key.into(), fault };
        self.asks().note_malformed(&error);
        error
    }
}

fn invalid(key: &str, fault: &dyn std::fmt::Display) -> AskError {
    AskError::Invalid { key: key.chars().take(LONGEST_KEY).collect(), fault: fault.to_string() }
}

/// An absolute URL with a host (2026-07-28, client/elicitation: «The `url` parameter MUST contain a valid URL»).
fn is_url(url: &str) -> bool {
    let uri: Result<http::Uri, _> = url.parse();
    uri.is_ok_and(|uri| {
        uri.host().is_some_and(|host| !host.is_empty()) && matches!(uri.scheme_str(), Some("https" | "http"))
    })
}
