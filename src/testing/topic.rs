//! What a stream is about, and so which messages may come on it.

use serde_json::{Map, Value};

use super::compose::Composed;
use super::message::{Incoming, LOG, Message, PROGRESS, RpcError};

pub(super) const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// The notifications of `subscriptions/listen`, each with the member of the filter that asks for it.
const CHANGES: [(&str, &str); 4] = [
    ("notifications/tools/list_changed", "toolsListChanged"),
    ("notifications/prompts/list_changed", "promptsListChanged"),
    ("notifications/resources/list_changed", "resourcesListChanged"),
    ("notifications/resources/updated", "resourceSubscriptions"),
];

#[derive(Debug)]
pub(super) enum Topic {
    /// A request, and its answer.
    Request(Pending),
    /// A session, at large: what comes on a GET. Resumed, it may be the stream of any request.
    Session { resumed: bool },
    /// Unknown.
    Anything,
}

/// A request that has not been answered.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: i64,
    token: Option<Value>,
    may_log: bool,
    is_stateless: bool,
    progress: Option<f64>,
    pub(super) answered: bool,
    pub(super) listening: Option<Listening>,
}

/// `subscriptions/listen`, and what the server has agreed to send.
#[derive(Debug)]
pub(super) struct Listening {
    wanted: Value,
    pub(super) acknowledged: Option<Value>,
}

/// A message, or the error that is the answer.
type Admitted = Result<Message, RpcError>;

impl Topic {
    pub(super) fn request(composed: Composed) -> Self {
        let Composed { id, token, may_log, is_stateless, .. } = composed;
        let (progress, answered, listening) = (None, false, None);
        Self::Request(Pending { id, token, may_log, is_stateless, progress, answered, listening })
    }

    pub(super) fn listening(composed: Composed, wanted: Map<String, Value>) -> Self {
        let mut topic = Self::request(composed);
        if let Self::Request(pending) = &mut topic {
            pending.listening = Some(Listening { wanted: wanted.into(), acknowledged: None });
        }
        topic
    }

    /// Whether an answer is still to come.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Request(pending) if !pending.answered)
    }

    /// Says what a message is here; the error says why it must not be there.
    pub(super) fn admit(&mut self, incoming: Incoming) -> Result<Admitted, String> {
        match (self, incoming) {
            (Self::Request(pending), incoming) => pending.admit(incoming),
            (_, Incoming::Notification { method, params }) => notification(method, params).map(Ok),
            (_, Incoming::Request { id, method, params }) => Ok(Ok(Message::Request { id, method, params })),
            (Self::Session { resumed: false }, Incoming::Result { .. } | Incoming::Failure { .. }) => {
                Err("an answer on a stream that is no request's".to_owned())
            }
            (_, Incoming::Result { result, .. }) => Ok(Ok(Message::Answer(result))),
            (_, Incoming::Failure { error, .. }) => Ok(Err(error)),
        }
    }
}

impl Pending {
    fn admit(&mut self, incoming: Incoming) -> Result<Admitted, String> {
        if self.answered {
            return Err("a message after the answer".to_owned());
        }
        match incoming {
            Incoming::Notification { method, params } => self.notified(method, params).map(Ok),
            Incoming::Request { .. } if self.is_stateless => {
                Err("a request of the server's, which 2026-07-28 does not have".to_owned())
            }
            Incoming::Request { id, method, params } => Ok(Ok(Message::Request { id, method, params })),
            Incoming::Failure { id, error } => {
                // The id may be left out where the server could not read it.
                self.is_mine(id.as_ref().unwrap_or(&self.id.into()))?;
                self.answered = true;
                Ok(Err(error))
            }
            Incoming::Result { id, result } => {
                self.is_mine(&id)?;
                if self.is_stateless && !result["resultType"].is_string() {
                    return Err("a result without `resultType`".to_owned());
                }
                if let Some(listening) = &self.listening {
                    listening.acknowledged.as_ref().ok_or("a result before the acknowledgement")?;
                    self.names_me(&result)?;
                }
                self.answered = true;
                Ok(Ok(Message::Answer(result)))
            }
        }
    }

    fn notified(&mut self, method: String, params: Value) -> Result<Message, String> {
        if self.listening.is_some() {
            self.names_me(&params)?;
        }
        if let Some(listening) = &mut self.listening {
            listening.notified(&method, &params)?;
            return Ok(Message::Notification { method, params });
        }
        if self.is_stateless && (method == ACKNOWLEDGED || CHANGES.iter().any(|(change, _)| *change == method)) {
            return Err("a change that has nothing to do with the request".to_owned());
        }
        if method == LOG && !self.may_log {
            return Err("a log message, for which the request did not ask (`Client::set_level`)".to_owned());
        }
        let token = params.get("progressToken").cloned();
        let message = notification(method, params)?;
        if let Message::Progress(progress) = &message {
            if token != self.token {
                return Err("progress under a token that is not the request's".to_owned());
            }
            if self.progress.is_some_and(|before| progress.progress <= before) {
                return Err("progress that does not increase".to_owned());
            }
            self.progress = Some(progress.progress);
        }
        Ok(message)
    }

    fn is_mine(&self, id: &Value) -> Result<(), String> {
        if *id == self.id { Ok(()) } else { Err(format!("an answer to {id}, where {} was asked", self.id)) }
    }

    /// Everything on the stream of a subscription names it.
    fn names_me(&self, params: &Value) -> Result<(), String> {
        let named = &params["_meta"]["io.modelcontextprotocol/subscriptionId"];
        if *named == self.id { Ok(()) } else { Err(format!("`subscriptionId` is {named}, and not {}", self.id)) }
    }
}

impl Listening {
    fn notified(&mut self, method: &str, params: &Value) -> Result<(), String> {
        match (&self.acknowledged, method) {
            (None, ACKNOWLEDGED) => {
                let agreed = params["notifications"].clone();
                if let Some((_, key)) = CHANGES.iter().find(|(_, key)| is_on(&agreed[key]) && !is_on(&self.wanted[key]))
                {
                    return Err(format!("`{key}` is acknowledged, and nobody asked for it"));
                }
                self.acknowledged = Some(agreed);
                Ok(())
            }
            (None, _) => Err(format!("a message before {ACKNOWLEDGED}")),
            (Some(_), PROGRESS | LOG | ACKNOWLEDGED) => Err("a message that is no change".to_owned()),
            (Some(agreed), _) => match CHANGES.iter().find(|(change, _)| *change == method) {
                Some((_, key)) if !is_on(&agreed[key]) => Err(format!("`{key}` was not acknowledged")),
                // Extensions have notifications of their own.
                _ => Ok(()),
            },
        }
    }
}

/// `true`, or some resources.
fn is_on(member: &Value) -> bool {
    match member {
        Value::Array(members) => !members.is_empty(),
        other => *other == true,
    }
}

fn notification(method: String, params: Value) -> Result<Message, String> {
    let wrong = |error: serde_json::Error| format!("not the params of {method}: {error}");
    match method.as_str() {
        PROGRESS => Ok(Message::Progress(serde_json::from_value(params).map_err(wrong)?)),
        LOG => Ok(Message::Log(serde_json::from_value(params).map_err(wrong)?)),
        _ => Ok(Message::Notification { method, params }),
    }
}
