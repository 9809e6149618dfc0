//! Arguments, held against the schema that the client was shown.

use std::fmt;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use super::schema::walk;
use crate::protocol::params::without_position;
use crate::protocol::strict::Strict;

/// How many faults are told at once.
const TOLD: usize = 3;

/// How much of each: characters.
const LONGEST: usize = 200;

/// The keywords that hold for whatever has been read into the type that the schema was made of, or that say nothing of
/// what is valid.
const ENFORCED: [&str; 27] = [
    "$anchor",
    "$comment",
    "$defs",
    "$id",
    "$ref",
    "$schema",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contentEncoding",
    "contentMediaType",
    "default",
    "definitions",
    "deprecated",
    "description",
    "enum",
    "examples",
    "format",
    "items",
    "oneOf",
    "prefixItems",
    "properties",
    "readOnly",
    "required",
    "title",
    "type",
];

/// Whether a tool's arguments are validated, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Validation {
    /// Whether this tool asked for it.
    pub(crate) wanted: bool,
    /// Whether the schema is the application's own, and not made of the type that the arguments are read into.
    pub(crate) own_schema: bool,
}

/// A tool's input schema, ready to be applied.
#[derive(Clone)]
pub(crate) struct Check(Arc<Validator>);

impl Check {
    /// `None` where nothing is left to validate: `typed` arguments are what their schema says as far as their type says it.
    pub(crate) fn of(schema: &Value, typed: bool) -> Result<Option<Self>, String> {
        if typed && is_enforced(schema) {
            return Ok(None);
        }
        // A pattern takes time that is linear in the length of the text.
        let options =
            jsonschema::options().with_draft(Draft::Draft202012).with_pattern_options(PatternOptions::regex());
        let validator = options.offline().build(schema);
        let validator = validator.map_err(|error| format!("cannot be applied: {}", shortened(&error.to_string())))?;
        Ok(Some(Self(Arc::new(validator))))
    }

    /// What is wrong with the arguments: where, and what was expected there, but not what was sent.
    pub(crate) fn fault(&self, arguments: Option<&[u8]>) -> Option<String> {
        let read = arguments.map_or_else(|| Ok(Strict(Value::Object(Map::new()))), serde_json::from_slice);
        let arguments = match read {
            Ok(Strict(arguments)) => arguments,
            Err(error) => return Some(format!("arguments: {}", without_position(&error))),
        };
        let mut errors = self.0.iter_errors(&arguments);
        let told: Vec<_> = errors.by_ref().take(TOLD).map(|error| told(&error)).collect();
        let more = if errors.next().is_some() { "; and more" } else { "" };
        (!told.is_empty()).then(|| told.join("; ") + more)
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Check")
    }
}

fn is_enforced(schema: &Value) -> bool {
    walk(schema, 1, &mut |members, _| {
        let other = members.keys().find(|name| !ENFORCED.contains(&name.as_str()) && !name.starts_with("x-"));
        other.map_or(Ok(()), |name| Err(name.clone()))
    })
    .is_ok()
}

fn told(error: &ValidationError<'_>) -> String {
    let mut place = "arguments".to_owned();
    for segment in error.instance_path().as_str().split('/').skip(1) {
        match segment.parse::<usize>() {
            Ok(index) => place += &format!("[{index}]"),
            Err(_) => place += &format!(".{}", segment.replace("~1", "/").replace("~0", "~")),
        }
    }
    format!("{}: {}", shortened(&place), shortened(&error.masked().to_string()))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}
