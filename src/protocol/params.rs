//! The parameters of requests and notifications, as they are read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::RpcError;
use super::fill::fill;
use super::id::Id;
use super::meta::Meta;
use super::strict::{Strict, Strings};
use super::text::{ObjectText, Text};

/// The parameters of every method, in one struct: one pass reads them without knowing the method, which may come after
/// them in the text. `arguments` stays a slice, and so do the members that few methods have: another method may use such
/// a name for something else. A member that is `null` counts as absent.
#[derive(Debug, Default)]
pub(crate) struct Params<'a> {
    pub(crate) meta: Meta<'a>,
    pub(crate) name: Option<Text<'a>>,
    pub(crate) arguments: Option<ObjectText<'a>>,
    pub(crate) cursor: Option<Text<'a>>,
    pub(crate) protocol_version: Option<Text<'a>>,
    pub(crate) capabilities: Option<ObjectText<'a>>,
    pub(crate) client_info: Option<ObjectText<'a>>,
    pub(crate) level: Option<Text<'a>>,
    pub(crate) request_id: Id<'a>,
    pub(super) uri: Option<&'a RawValue>,
    reference: Option<&'a RawValue>,
    argument: Option<&'a RawValue>,
    context: Option<&'a RawValue>,
    notifications: Option<&'a RawValue>,
    input_responses: Option<&'a RawValue>,
    request_state: Option<&'a RawValue>,
}

fill!(Params {
    0 "_meta" => { meta or null },
    1 "name" => name,
    2 "arguments" => arguments,
    3 "cursor" => cursor,
    4 "protocolVersion" => protocol_version,
    5 "capabilities" => capabilities,
    6 "clientInfo" => client_info,
    7 "level" => level,
    8 "requestId" => request_id,
    9 "uri" => uri,
    10 "ref" => reference,
    11 "argument" => argument,
    12 "context" => context,
    13 "notifications" => notifications,
    14 "inputResponses" => input_responses,
    15 "requestState" => request_state,
});

/// `completion/complete`, read (2026-07-28, server/utilities/completion).
#[derive(Debug)]
pub(crate) struct CompleteParams {
    pub(crate) reference: Reference,
    pub(crate) argument: String,
    pub(crate) value: String,
    /// What has been filled in already.
    pub(crate) context: Vec<(String, String)>,
}

/// What has the argument that is to be completed.
#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Reference {
    #[serde(rename = "ref/prompt")]
    Prompt { name: String },
    /// A template, or a URI.
    #[serde(rename = "ref/resource")]
    Resource { uri: String },
}

#[derive(Deserialize)]
struct Argument {
    name: String,
    value: String,
}

#[derive(Default, Deserialize)]
struct Context {
    #[serde(default)]
    arguments: Strings,
}

/// The longest URI that is looked up: bytes. Longer ones are beyond what HTTP's own servers take.
const LONGEST_URI: usize = 8 * 1024;

/// How many resources one subscriber may watch.
pub(crate) const MOST_SUBSCRIPTIONS: usize = 256;

/// How many bytes the URIs that one subscriber wants to know changes of may take, two more for each: a stream may be open
/// for days.
pub(crate) const SUBSCRIPTION_BYTES: usize = 16 * 1024;

/// The `notifications` of `subscriptions/listen` (2026-07-28, basic/patterns/subscriptions, «Notification Filter»).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Filter {
    pub(crate) tools_list_changed: bool,
    pub(crate) prompts_list_changed: bool,
    pub(crate) resources_list_changed: bool,
    pub(crate) resource_subscriptions: Vec<String>,
}

impl<'a> Params<'a> {
    /// Parameters of which nothing but `_meta` is known.
    pub(super) fn of(meta: Meta<'a>) -> Self {
        Self { meta, ..Self::default() }
    }

    /// `uri`, of the methods that name a resource.
    pub(crate) fn uri(&self) -> Result<Cow<'_, str>, RpcError> {
        let raw = self.uri.ok_or_else(|| missing("uri", "the URI of a resource"))?;
        let text: Text<'_> =
            serde_json::from_str(raw.get()).map_err(|_| RpcError::invalid_params("params.uri: expected a string"))?;
        check_uri("params.uri", &text.0)?;
        Ok(text.0)
    }

    /// `arguments` of a prompt, all of which are strings (2026-07-28, server/prompts).
    pub(crate) fn prompt_arguments(&self) -> Result<Vec<(String, String)>, RpcError> {
        let Some(arguments) = self.arguments else { return Ok(Vec::new()) };
        let Strings(arguments) = read("arguments", arguments.0)?;
        Ok(arguments)
    }

    /// `arguments` as a value that can mean one thing only, for checks that come before the handler.
    ///
    /// # Errors
    ///
    /// When another reader could see something else in them.
    pub(crate) fn strict_arguments(&self) -> Result<Value, RpcError> {
        let Some(arguments) = self.arguments else { return Ok(Value::Object(Map::new())) };
        let Strict(value) = read("arguments", arguments.0)?;
        Ok(value)
    }

    pub(crate) fn completion(&self) -> Result<CompleteParams, RpcError> {
        let reference = self.reference.ok_or_else(|| missing("ref", "an object of type ref/prompt or ref/resource"))?;
        let argument = self.argument.ok_or_else(|| missing("argument", "an object with name and value"))?;
        let Argument { name, value } = read("argument", argument.get())?;
        let context: Context = self.context.map_or_else(|| Ok(Context::default()), |raw| read("context", raw.get()))?;
        let reference: Reference = read("ref", reference.get())?;
        if let Reference::Resource { uri } = &reference {
            check_uri("params.ref.uri", uri)?;
        }
        Ok(CompleteParams { reference, argument: name, value, context: context.arguments.0 })
    }

    /// What the client answered to the questions of an earlier round: an object, as JSON text (2026-07-28,
    /// basic/patterns/mrtr).
    pub(crate) fn input_responses(&self) -> Option<&str> {
        self.input_responses.map(RawValue::get)
    }

    /// Whether it comes with something from an earlier round.
    pub(crate) fn is_retry(&self) -> bool {
        self.input_responses.is_some() || self.request_state.is_some()
    }

    /// What the server left for this round.
    pub(crate) fn request_state(&self) -> Result<Option<Cow<'_, str>>, RpcError> {
        let Some(raw) = self.request_state else { return Ok(None) };
        let text: Result<Text<'_>, _> = serde_json::from_str(raw.get());
        text.map(|text| Some(text.0)).map_err(|_| RpcError::invalid_params("params.requestState: expected a string"))
    }

    pub(crate) fn filter(&self) -> Result<Filter, RpcError> {
        let raw = self.notifications.ok_or_else(|| missing("notifications", "an object, the filter"))?;
        let filter: Filter = read("notifications", raw.get())?;
        let bytes: usize = filter.resource_subscriptions.iter().map(|uri| uri.len() + 2).sum();
        if bytes > SUBSCRIPTION_BYTES || filter.resource_subscriptions.len() > MOST_SUBSCRIPTIONS {
            let text = format!(
                "params.notifications.resourceSubscriptions: more than {MOST_SUBSCRIPTIONS} URIs, or than \
                 {SUBSCRIPTION_BYTES} bytes of them; open several subscriptions"
            );
            return Err(RpcError::invalid_params(text));
        }
        Ok(filter)
    }
}

/// `params` of a message that has been read before, but for `_meta`: what a method of the application's own is given.
pub(crate) fn custom(message: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct OfMessage<'a> {
        #[serde(borrow)]
        params: Option<ObjectText<'a>>,
    }

    let message: OfMessage<'_> = serde_json::from_str(message).ok()?;
    let text = message.params?.0;
    let mut members: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    if members.remove("_meta").is_none() {
        return Some(Cow::Borrowed(text));
    }
    Some(Cow::Owned(serde_json::to_string(&members).expect("what was read as JSON is JSON")))
}

/// The same as a value that can mean one thing only.
pub(crate) fn strict_custom(params: &[u8]) -> Result<Value, RpcError> {
    let Strict(value) = serde_json::from_slice(params)
        .map_err(|error| RpcError::invalid_params(format!("params: {}", without_position(&error))))?;
    Ok(value)
}

fn check_uri(member: &str, uri: &str) -> Result<(), RpcError> {
    if uri.len() <= LONGEST_URI {
        return Ok(());
    }
    Err(RpcError::invalid_params(format!("{member}: longer than {LONGEST_URI} bytes")))
}

fn missing(member: &str, expected: &str) -> RpcError {
    RpcError::invalid_params(format!("params.{member}: missing; expected {expected}"))
}

/// Reads an object among the parameters; a fault is told with its path.
fn read<T: DeserializeOwned>(member: &str, json: &str) -> Result<T, RpcError> {
    let fault = |text: String| RpcError::invalid_params(format!("params.{member}{text}"));
    // A derived struct would take an array for its fields in order.
    if !json.starts_with('{') {
        return Err(fault(": expected an object".into()));
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { format!(".{path}") };
        fault(format!("{path}: {}", without_position(error.inner())))
    })
}

/// serde_json's position counts within the text that was read, not in what the client sent.
pub(crate) fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// What is wrong with the parameters, with the path to it.
pub(crate) fn fault(params: &str) -> Option<String> {
    if !params.starts_with('{') {
        return Some("params: expected an object".into());
    }
    let mut deserializer = serde_json::Deserializer::from_str(params);
    let result: Result<Params<'_>, _> = serde_path_to_error::deserialize(&mut deserializer);
    let error = result.err()?;
    let path = error.path().to_string();
    let place = if path == "." { "params".to_owned() } else { format!("params.{path}") };
    Some(format!("{place}: {}", error.inner()))
}
