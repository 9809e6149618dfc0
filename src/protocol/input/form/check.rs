//! Whether a schema is a form (2025-11-25, schema, «PrimitiveSchemaDefinition»).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::FormFault;
use super::answer::value_fault;

/// Checks a schema, as it was written by hand or derived.
pub(crate) fn check_form(schema: &Value) -> Result<(), FormFault> {
    let members = schema.as_object().ok_or_else(|| FormFault::whole("is not a JSON object"))?;
    let known = ["$schema", "type", "properties", "required"];
    if let Some(other) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(FormFault::whole(format!("has `{other}`: it may have {}", listed(&known))));
    }
    if members.get("type").is_none_or(|kind| kind != "object") {
        return Err(FormFault::whole("must have `\"type\": \"object\"`"));
    }
    if members.get("$schema").is_some_and(|dialect| !dialect.is_string()) {
        return Err(FormFault::whole("has a `$schema` that is not a string"));
    }
    let fields = members.get("properties").and_then(Value::as_object);
    let fields = fields.ok_or_else(|| FormFault::whole("has no object `properties`"))?;
    for (name, field) in fields {
        let fault = field.as_object().map_or_else(|| Some("is not a JSON object".to_owned()), field_fault);
        if let Some(fault) = fault {
            return Err(FormFault::field(name, fault));
        }
    }
    let Some(required) = members.get("required") else {
        return Ok(());
    };
    let required = strings(required).ok_or_else(|| FormFault::whole("has a `required` that is not a list of names"))?;
    match required.into_iter().find(|name| !fields.contains_key(*name)) {
        Some(name) => Err(FormFault::field(name, "is required, and not among its `properties`")),
        None => Ok(()),
    }
}

/// What kind of field it is, by what it has.
pub(super) enum Kind {
    Text,
    Choice,
    TitledChoice,
    Number,
    Boolean,
    Several,
}

impl Kind {
    pub(super) fn of(field: &Map<String, Value>) -> Option<Self> {
        Some(match field.get("type")?.as_str()? {
            "string" if field.contains_key("oneOf") => Self::TitledChoice,
            "string" if field.contains_key("enum") => Self::Choice,
            "string" => Self::Text,
            "number" | "integer" => Self::Number,
            "boolean" => Self::Boolean,
            "array" => Self::Several,
            _ => return None,
        })
    }

    /// What it is called, and what it may have beside `type`, `title`, `description` and `default`.
    const fn may_have(&self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Text => ("a text", &["minLength", "maxLength", "format"]),
            Self::Choice => ("a choice", &["enum", "enumNames"]),
            Self::TitledChoice => ("a choice with titles", &["oneOf"]),
            Self::Number => ("a number", &["minimum", "maximum"]),
            Self::Boolean => ("a boolean", &[]),
            Self::Several => ("a choice of several", &["items", "minItems", "maxItems"]),
        }
    }
}

const COMMON: [&str; 4] = ["type", "title", "description", "default"];

/// Formats that clients know.
const FORMATS: [&str; 4] = ["email", "uri", "date", "date-time"];

fn field_fault(field: &Map<String, Value>) -> Option<String> {
    let Some(kind) = Kind::of(field) else {
        return Some(
            "has another `type` than `string`, `number`, `integer`, `boolean` or `array`: forms are flat".into(),
        );
    };
    let (called, own) = kind.may_have();
    let known = |name: &str| COMMON.contains(&name) || own.contains(&name);
    if let Some(other) = field.keys().find(|name| !known(name)) {
        let all: Vec<_> = COMMON.iter().chain(own).copied().collect();
        return Some(format!("has `{other}`: {called} may have {}", listed(&all)));
    }
    if let Some(name) =
        ["title", "description"].into_iter().find(|name| field.get(*name).is_some_and(|text| !text.is_string()))
    {
        return Some(format!("has a `{name}` that is not a string"));
    }
    let fault = match kind {
        Kind::Text => lengths_fault(field, "minLength", "maxLength").or_else(|| format_fault(field)),
        Kind::Choice => enum_fault(&field["enum"]).or_else(|| enum_names_fault(field)),
        Kind::TitledChoice => titled_fault(&field["oneOf"], "oneOf"),
        Kind::Number => bounds_fault(field),
        Kind::Boolean => None,
        Kind::Several => lengths_fault(field, "minItems", "maxItems").or_else(|| items_fault(field.get("items"))),
    };
    fault.or_else(|| {
        let fault = value_fault(field, field.get("default")?)?;
        Some(format!("has a `default` that {fault}"))
    })
}

fn lengths_fault(field: &Map<String, Value>, least: &str, most: &str) -> Option<String> {
    for name in [least, most] {
        if field.get(name).is_some_and(|length| length.as_u64().is_none()) {
            return Some(format!("has a `{name}` that is not a whole number, 0 or more"));
        }
    }
    let of = |name: &str| field.get(name).and_then(Value::as_u64);
    (of(least)? > of(most)?).then(|| format!("has a `{least}` above its `{most}`"))
}

fn format_fault(field: &Map<String, Value>) -> Option<String> {
    let format = field.get("format")?;
    let known = format.as_str().is_some_and(|format| FORMATS.contains(&format));
    (!known).then(|| format!("has another `format` than {}", listed(&FORMATS)))
}

fn bounds_fault(field: &Map<String, Value>) -> Option<String> {
    for name in ["minimum", "maximum"] {
        if field.get(name).is_some_and(|bound| !bound.is_number()) {
            return Some(format!("has a `{name}` that is not a number"));
        }
    }
    let of = |name: &str| field.get(name).and_then(Value::as_f64);
    (of("minimum")? > of("maximum")?).then(|| "has a `minimum` above its `maximum`".to_owned())
}

fn enum_fault(choices: &Value) -> Option<String> {
    let fault = match strings(choices) {
        None => "an `enum` that is not a list of strings",
        Some(choices) if choices.is_empty() => "an empty `enum`",
        Some(choices) if has_twice(&choices) => "an `enum` with a value twice",
        Some(_) => return None,
    };
    Some(format!("has {fault}"))
}

/// 2025-11-25, schema, «LegacyTitledEnumSchema».
fn enum_names_fault(field: &Map<String, Value>) -> Option<String> {
    let names = strings(field.get("enumNames")?);
    let all = names.is_some_and(|names| Some(names.len()) == field["enum"].as_array().map(Vec::len));
    (!all).then(|| "has `enumNames` that are not a list of strings as long as its `enum`".to_owned())
}

fn titled_fault(choices: &Value, name: &str) -> Option<String> {
    let read = choices.as_array().and_then(|choices| choices.iter().map(titled).collect::<Option<Vec<_>>>());
    match read {
        None => Some(format!("has a `{name}` of others than objects of two strings, `const` and `title`")),
        Some(values) if values.is_empty() => Some(format!("has an empty `{name}`")),
        Some(values) if has_twice(&values) => Some(format!("has a `{name}` with a value twice")),
        Some(_) => None,
    }
}

/// The value of a choice that is `{"const", "title"}` and nothing else.
fn titled(choice: &Value) -> Option<&str> {
    let choice = choice.as_object().filter(|choice| choice.len() == 2)?;
    choice.get("title")?.as_str()?;
    choice.get("const")?.as_str()
}

fn items_fault(items: Option<&Value>) -> Option<String> {
    let items = items.and_then(Value::as_object);
    let members = items.map(|items| items.iter().map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>());
    match (items, members.map(|members| members.into_iter().collect::<Vec<_>>()).as_deref()) {
        (Some(items), Some(["anyOf"])) => titled_fault(&items["anyOf"], "anyOf"),
        (Some(items), Some(["enum", "type"])) if items["type"] == "string" => enum_fault(&items["enum"]),
        _ => Some("has other `items` than `{\"type\": \"string\", \"enum\": [..]}` and `{\"anyOf\": [..]}`".to_owned()),
    }
}

pub(super) fn strings(list: &Value) -> Option<Vec<&str>> {
    list.as_array()?.iter().map(Value::as_str).collect()
}

fn has_twice(values: &[&str]) -> bool {
    values.iter().collect::<BTreeSet<_>>().len() < values.len()
}

/// "`a`, `b`"
fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
