//! Rounds, as 2026-07-28 asks (basic/patterns/mrtr): the answers that came with the request, and what is left to ask.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::state::{Binding, LONGEST, Payload, Seals, StateFault, TooLarge};
use super::{Asks, State};
use crate::protocol::error::RpcError;
use crate::protocol::input::InputRequest;
use crate::protocol::input::responses::InputResponses;
use crate::protocol::params::without_position;

/// What a request brought along.
#[derive(Debug)]
pub(crate) struct Rounds {
    seals: Arc<Seals>,
    binding: Binding,
    answers: HashMap<Box<str>, Given>,
    kept: HashMap<Box<str>, Box<RawValue>>,
}

/// An answer.
#[derive(Debug)]
struct Given {
    /// The digest of the question that it answers. An answer that came without a state has none, and is taken for any: it
    /// could not be told from one that the client makes up, which no more than its user would do.
    question: Option<u128>,
    json: Box<RawValue>,
}

/// What is left to ask when a round ends.
#[derive(Debug)]
pub(crate) struct InputRequired {
    pub(crate) requests: Vec<(Box<str>, InputRequest)>,
    pub(crate) state: Result<String, TooLarge>,
}

impl Rounds {
    /// Reads what came with the request: `inputResponses`, and the `requestState` of the round before.
    ///
    /// # Errors
    ///
    /// When the state is not one that was made for this request, or the responses are no object.
    pub(crate) fn read(
        seals: &Arc<Seals>,
        binding: Binding,
        responses: Option<&str>,
        state: Option<&str>,
    ) -> Result<Self, RpcError> {
        let InputResponses(mut responses) = match responses {
            None => InputResponses::default(),
            Some(json) => serde_json::from_str(json).map_err(|error| {
                RpcError::invalid_params(format!("params.inputResponses: {}", without_position(&error)))
            })?,
        };
        let payload = state.map(|state| open(seals, state, &binding)).transpose()?;
        let mut rounds = Self { seals: Arc::clone(seals), binding, answers: HashMap::new(), kept: HashMap::new() };
        let Some(Payload { answers, kept, asked, .. }) = payload else {
            rounds.answers = responses.into_iter().map(|(key, json)| (key, Given { question: None, json })).collect();
            return Ok(rounds);
        };
        let answers = answers.into_iter().map(|(key, question, json)| (key, Given { question: Some(question), json }));
        rounds.answers = answers.collect();
        rounds.kept = kept.into_iter().collect();
        // Others were not asked for: they are ignored («Error Handling»).
        for (key, question) in asked {
            if let Some(json) = responses.remove(&key) {
                rounds.answers.insert(key, Given { question: Some(question), json });
            }
        }
        Ok(rounds)
    }

    /// The answer to this question, if it is among those that were given.
    pub(super) fn answer(&self, key: &str, question: u128) -> Option<&RawValue> {
        let given = self.answers.get(key)?;
        given.question.is_none_or(|answered| answered == question).then_some(&given.json)
    }

    /// What an earlier round computed.
    pub(super) fn kept(&self, key: &str) -> Option<&RawValue> {
        self.kept.get(key).map(|json| &**json)
    }

    /// Ends the round of a run that has asked this.
    pub(crate) fn end(&self, asks: &Asks) -> InputRequired {
        let mut state = asks.lock();
        let State { open, used, kept, .. } = &mut *state;
        let open = std::mem::take(open);
        let question_of = |key: &str, given: &Given| {
            // What was asked for is known by its question; what was not, by what it came with.
            let used = used.iter().find(|(used, _)| **used == *key).map(|(_, question)| *question);
            used.or(given.question)
        };
        let answers = self.answers.iter().filter(|(key, _)| !open.iter().any(|open| open.key == **key));
        let answers = answers.filter_map(|(key, given)| {
            question_of(key, given).map(|question| (key.clone(), question, given.json.clone()))
        });
        let mut all_kept: Vec<_> = std::mem::take(kept);
        // What could not be read was computed anew.
        let earlier = self.kept.iter().filter(|(key, _)| !all_kept.iter().any(|(anew, _)| anew == *key));
        let earlier: Vec<_> = earlier.map(|(key, json)| (key.clone(), json.clone())).collect();
        all_kept.extend(earlier);
        let payload = Payload {
            answers: answers.collect(),
            kept: all_kept,
            asked: open.iter().map(|open| (open.key.clone(), open.digest)).collect(),
            ..Payload::default()
        };
        drop(state);
        let requests = open.into_iter().map(|open| (open.key, open.request)).collect();
        InputRequired { requests, state: self.seals.seal(payload, &self.binding) }
    }
}

fn open(seals: &Seals, state: &str, binding: &Binding) -> Result<Payload, RpcError> {
    if state.len() > LONGEST {
        let text = format!("params.requestState: longer than {LONGEST} bytes, which none of this server's is");
        return Err(RpcError::invalid_params(text));
    }
    seals.open(state, binding).map_err(|fault| {
        RpcError::invalid_params(match fault {
            StateFault::Foreign => {
                "params.requestState: not one that this server made for you and for this request; send it exactly as it came, \
                 with the same arguments, or begin again without it"
            }
            StateFault::Expired => "params.requestState: it has expired; begin again without it",
        })
    })
}
