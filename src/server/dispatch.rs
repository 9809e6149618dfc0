//! A method to its answer: one line each.

use std::sync::Arc;

use bytes::Bytes;

use super::registry::Registry;
use super::state::States;
use super::tool::Tool;
use crate::protocol::encode::Encoder;
use crate::protocol::error::RpcError;
use crate::protocol::jsonrpc::{Params, RequestId};
use crate::protocol::method::Method;
use crate::protocol::revision::Revision;

/// What is served, whoever asks and however it travels.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) registry: Registry,
    pub(crate) states: Arc<States>,
    pub(crate) encoder: Encoder,
}

/// What a request comes to.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The whole response.
    Ready(Bytes),
    /// The handler of this tool has to run.
    Call(Arc<Tool>),
    /// The transport opens a session.
    Initialize,
    /// The transport keeps the level in the session.
    SetLevel,
}

impl Server {
    /// # Errors
    ///
    /// When the parameters are not what the method takes.
    pub(crate) fn dispatch(
        &self,
        method: Method,
        id: &RequestId,
        revision: Revision,
        params: &Params<'_>,
    ) -> Result<Answer, RpcError> {
        match method {
            Method::Initialize => Ok(Answer::Initialize),
            Method::SetLevel => Ok(Answer::SetLevel),
            Method::Ping => Ok(Answer::Ready(self.encoder.empty(id, revision))),
            Method::Discover => Ok(Answer::Ready(self.encoder.discover(id, revision))),
            Method::ToolsList => self.tools_list(id, revision, params),
            Method::ToolsCall => self.tool(params).map(Answer::Call),
        }
    }

    fn tools_list(&self, id: &RequestId, revision: Revision, params: &Params<'_>) -> Result<Answer, RpcError> {
        // The list is one page, so no cursor was ever given out.
        if params.cursor.is_some() {
            return Err(RpcError::invalid_params("params.cursor: not a cursor of this server; leave it out"));
        }
        Ok(Answer::Ready(self.encoder.tools(id, revision, self.registry.list(revision))))
    }

    fn tool(&self, params: &Params<'_>) -> Result<Arc<Tool>, RpcError> {
        let Some(name) = &params.name else {
            return Err(RpcError::invalid_params("params.name: missing; expected the name of a tool"));
        };
        self.registry.get(name.as_str()).cloned().ok_or_else(|| {
            RpcError::invalid_params(format!(
                "params.name: there is no tool {:?}; see tools/list",
                shorten(name.as_str())
            ))
        })
    }
}

/// A name from outside, short enough to be repeated.
fn shorten(name: &str) -> &str {
    const LONGEST: usize = 100;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => &name[..end],
        None => name,
    }
}
