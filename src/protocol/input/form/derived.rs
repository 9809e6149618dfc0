//! The form of a type, from what schemars says of it.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{Elicit, FormFault, check_form};

/// The form that asks for a `T`.
pub(crate) fn form_schema<T: Elicit>() -> Result<Value, FormFault> {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let generator = settings.with(|settings| settings.inline_subschemas = true).into_generator();
    from_schema(generator.into_root_schema_for::<T>().to_value())
}

/// The flat form of what schemars wrote.
pub(super) fn from_schema(mut schema: Value) -> Result<Value, FormFault> {
    let Some(members) = schema.as_object_mut() else {
        return Err(FormFault::whole("is no struct"));
    };
    // 2020-12 is the dialect without `$schema`, the message says what the form is for, and members beyond the form's
    // are for the type to refuse.
    for name in ["$schema", "title", "description", "additionalProperties"] {
        members.remove(name);
    }
    members.entry("properties").or_insert_with(|| json!({}));
    for field in members["properties"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Some(field) = field.as_object_mut() {
            flatten(field);
        }
    }
    check_form(&schema)?;
    Ok(schema)
}

/// Says of a field what forms can say. What is left that they cannot is for [`check_form`] to find.
fn flatten(field: &mut Map<String, Value>) {
    drop_null(field);
    if field.get("type").is_some_and(|kind| kind == "integer" || kind == "number") {
        // `uint8`, `double`: no formats of JSON Schema.
        field.remove("format");
    }
    if let Some(choices) = take_choices(field) {
        field.insert("type".to_owned(), "string".into());
        choices.write(field, "oneOf");
    }
    if let Some(items) = field.get_mut("items").and_then(Value::as_object_mut)
        && let Some(choices) = take_choices(items)
    {
        let described = items.remove("description");
        let mut flat = Map::new();
        if !choices.titled() {
            flat.insert("type".to_owned(), "string".into());
        }
        choices.write(&mut flat, "anyOf");
        // What the items are says what the field is, if nothing else does.
        if let Some(described) = described {
            field.entry("description").or_insert(described);
        }
        field.insert("items".to_owned(), flat.into());
    }
}

/// What may be left out is not required; forms have no `null` for it.
fn drop_null(field: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = field.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = &mut kinds[..] {
            let kind = kind.take();
            field.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(values)) = field.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(either)) = field.get_mut("anyOf") {
        either.retain(|one| *one != json!({ "type": "null" }));
        if let [Value::Object(one)] = &mut either[..] {
            let one = std::mem::take(one);
            field.remove("anyOf");
            // What is said of the field goes before what is said of its type.
            for (name, value) in one {
                field.entry(name).or_insert(value);
            }
        }
    }
    if field.get("default").is_some_and(Value::is_null) {
        field.remove("default");
    }
    // Said of the type, and nothing to a form.
    for name in ["deprecated", "readOnly", "writeOnly"] {
        field.remove(name);
    }
}

/// Values to choose from, each with its title.
struct Choices(Vec<(String, Option<String>)>);

impl Choices {
    fn titled(&self) -> bool {
        self.0.iter().any(|(_, title)| title.is_some())
    }

    /// As an `enum`, or with titles under the given name.
    fn write(self, schema: &mut Map<String, Value>, name: &str) {
        if self.titled() {
            let choices = self.0.into_iter().map(|(value, title)| {
                let title = title.unwrap_or_else(|| value.clone());
                json!({ "const": value, "title": title })
            });
            schema.insert(name.to_owned(), choices.collect());
        } else {
            schema.insert("enum".to_owned(), self.0.into_iter().map(|(value, _)| Value::from(value)).collect());
        }
    }
}

/// Takes the choices out of a schema, which is an `enum`, or a `oneOf` of constants and of `enum`s.
fn take_choices(schema: &mut Map<String, Value>) -> Option<Choices> {
    let choices = match schema.get("oneOf") {
        Some(Value::Array(choices)) => {
            let choices = choices.iter().map(|choice| plain_choices(choice.as_object()?));
            choices.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect()
        }
        _ => plain_choices(schema)?.into_iter().map(|(value, _)| (value, None)).collect(),
    };
    for name in ["oneOf", "enum", "const"] {
        schema.remove(name);
    }
    Some(Choices(choices))
}

/// The strings of a `const` or of an `enum`. A variant's doc comment is its title, unless it has one.
fn plain_choices(schema: &Map<String, Value>) -> Option<Vec<(String, Option<String>)>> {
    let text = |name: &str| schema.get(name).and_then(Value::as_str).map(str::to_owned);
    if schema.get("type").is_some_and(|kind| kind != "string") {
        return None;
    }
    if let Some(value) = text("const") {
        return Some(vec![(value, text("title").or_else(|| text("description")))]);
    }
    let values = schema.get("enum")?.as_array()?;
    values.iter().map(|value| Some((value.as_str()?.to_owned(), None))).collect()
}
