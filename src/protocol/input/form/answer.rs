//! Whether what a user filled in is what the form asked for.

use serde_json::{Map, Value};

use super::check::{Kind, strings};

/// Checks the content of an accepted form against a schema that [`check_form`](super::check_form) has passed
/// (2025-11-25, client/elicitation, «Security Considerations»: servers should). Formats are not checked, and members
/// that nobody asked for do no harm. A fault names the field, and says nothing of what was filled in. Whole numbers that
/// were written with a fraction, as `10.0`, become integers.
pub(crate) fn read_content(schema: &Value, content: &mut Value) -> Result<(), String> {
    let content = content.as_object_mut().ok_or("the answer has no `content`, which is an object")?;
    for name in schema.get("required").and_then(strings).into_iter().flatten() {
        if !content.contains_key(name) {
            return Err(format!("the field `{name}` is required, and missing"));
        }
    }
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let (Some(field), Some(value)) = (field.as_object(), content.get_mut(name)) else {
            continue;
        };
        if let Some(fault) = value_fault(field, value) {
            return Err(format!("the field `{name}` {fault}"));
        }
        if field.get("type").is_some_and(|kind| kind == "integer")
            && let Some(whole) = whole(value)
        {
            *value = whole;
        }
    }
    Ok(())
}

/// A whole number with a fraction of zeros, as the integer that it is: serde takes it for no integer.
#[expect(clippy::cast_possible_truncation, reason = "whole, and well within 64 bits")]
fn whole(value: &Value) -> Option<Value> {
    const LARGEST: f64 = 9e15;
    let number = value.as_f64().filter(|_| value.is_f64())?;
    (number.abs() < LARGEST && number.fract() == 0.0).then(|| Value::from(number as i64))
}

/// Why a value is not what a field asks for, if it is not.
pub(super) fn value_fault(field: &Map<String, Value>, value: &Value) -> Option<String> {
    match Kind::of(field)? {
        Kind::Text => match value.as_str() {
            // JSON Schema counts characters, not bytes.
            Some(text) => length_fault(field, ["minLength", "maxLength"], text.chars().count(), "characters"),
            None => Some("is not a string".to_owned()),
        },
        Kind::Choice | Kind::TitledChoice => {
            let chosen = value.as_str().is_some_and(|value| choices(field).contains(&value));
            (!chosen).then(|| "is none of the choices".to_owned())
        }
        Kind::Number => number_fault(field, value),
        Kind::Boolean => (!value.is_boolean()).then(|| "is not a boolean".to_owned()),
        Kind::Several => {
            let Some(chosen) = strings(value) else {
                return Some("is not a list of strings".to_owned());
            };
            let choices = field.get("items").and_then(Value::as_object).map(choices).unwrap_or_default();
            if chosen.iter().any(|one| !choices.contains(one)) {
                return Some("has an item that is none of the choices".to_owned());
            }
            length_fault(field, ["minItems", "maxItems"], chosen.len(), "items")
        }
    }
}

/// The values of an `enum`, a `oneOf` or an `anyOf`.
fn choices(schema: &Map<String, Value>) -> Vec<&str> {
    let plain = schema.get("enum").and_then(strings).unwrap_or_default();
    let titled = ["oneOf", "anyOf"].into_iter().filter_map(|name| schema.get(name)?.as_array()).flatten();
    plain.into_iter().chain(titled.filter_map(|choice| choice.get("const")?.as_str())).collect()
}

fn length_fault(field: &Map<String, Value>, [least, most]: [&str; 2], length: usize, of: &str) -> Option<String> {
    let bound = |name: &str| field.get(name).and_then(Value::as_u64);
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    match (bound(least), bound(most)) {
        (Some(least), _) if length < least => Some(format!("has fewer than {least} {of}")),
        (_, Some(most)) if length > most => Some(format!("has more than {most} {of}")),
        _ => None,
    }
}

fn number_fault(field: &Map<String, Value>, value: &Value) -> Option<String> {
    let Some(number) = value.as_f64() else {
        return Some("is not a number".to_owned());
    };
    // To JSON Schema 1.0 is an integer.
    if field.get("type").is_some_and(|kind| kind == "integer") && number.fract() != 0.0 {
        return Some("is not a whole number".to_owned());
    }
    let bound = |name: &str| field.get(name).filter(|bound| bound.is_number());
    let beyond = |bound: &&Value, wrong| compare(value, bound) == Some(wrong);
    if let Some(least) = bound("minimum").filter(|bound| beyond(bound, std::cmp::Ordering::Less)) {
        return Some(format!("is less than {least}"));
    }
    let most = bound("maximum").filter(|bound| beyond(bound, std::cmp::Ordering::Greater))?;
    Some(format!("is more than {most}"))
}

/// Compares numbers: integers exactly, which as `f64` would be equal to their neighbours beyond 2^53.
fn compare(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    let integer = |value: &Value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}
