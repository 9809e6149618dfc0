//! Forms as 2025-06-18 has them, the first revision with elicitation.

use serde_json::{Map, Value, json};

use super::NotInRevision;
use crate::protocol::revision::Revision;

/// The form without what came with 2025-11-25. Titles of choices have another name; defaults, which are proposals to
/// the user, are left out; the choice of several has no other form.
pub(super) fn form(schema: &Value, revision: Revision) -> Result<Value, NotInRevision> {
    let mut schema = schema.clone();
    let Some(members) = schema.as_object_mut() else {
        return Ok(schema);
    };
    members.remove("$schema");
    for (name, field) in members.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        let Some(field) = field.as_object_mut() else {
            continue;
        };
        match field.get("type").and_then(Value::as_str) {
            Some("array") => {
                let what = format!("the field `{name}`, a choice of several,");
                return Err(NotInRevision::new(what, revision));
            }
            Some("boolean") => {}
            _ => {
                field.remove("default");
                name_titles(field);
            }
        }
    }
    Ok(schema)
}

/// `oneOf` of constants with titles becomes `enum` and `enumNames`.
fn name_titles(field: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = field.remove("oneOf") else {
        return;
    };
    let all = |member: &str| choices.iter().map(|choice| choice[member].clone()).collect::<Vec<_>>();
    field.insert("enum".to_owned(), json!(all("const")));
    field.insert("enumNames".to_owned(), json!(all("title")));
}
