//! Arguments, read into the handler's own types.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::call::{Arguments, Call};
use super::extract::{FromCall, Needs};
use super::refusal::Refusal;
use super::result::Json;
use super::target::Kind;
use super::variables::from_strings;
use super::{fields, schema};
use crate::protocol::params::without_position;

/// All arguments, read into `T`: those of a tool or a prompt, or the variables of a resource's template.
///
/// ```
/// use mcp_mount::{Args, tool_fn};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Add { a: f64, b: f64 }
///
/// let add = tool_fn("add", "Add two numbers", |Args(add): Args<Add>| async move { add.a + add.b });
/// # let _ = add;
/// ```
///
/// A tool's are read from JSON. Those of a prompt and the variables of a template are strings, and read into numbers,
/// `bool`s, enums of plain variants, `Option`s, and `Vec`s for what comes several times.
///
/// Arguments that are no `T` never reach the handler: a tool's call fails (`isError`), any other is answered with -32602,
/// with the path and what was expected there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Args<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> FromCall for Args<T> {
    fn needs(needs: &mut Needs) {
        needs.arguments += 1;
        needs.input_schema = Some(schema::input::<T>());
        needs.argument_names = fields::names::<T>();
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        read(call).map(Self)
    }
}

/// All arguments, as axum's own `Json` is all of a body: the same as [`Args`].
impl<T: DeserializeOwned + JsonSchema + Send + 'static> FromCall for Json<T> {
    fn needs(needs: &mut Needs) {
        Args::<T>::needs(needs);
    }

    async fn from_call(call: &mut Call) -> Result<Self, Refusal> {
        read(call).map(Self)
    }
}

/// Reads the arguments of a call.
pub(crate) fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    let place = if matches!(call.target.kind, Kind::Custom) { "params" } else { "arguments" };
    match &call.arguments {
        // Absent arguments are no arguments.
        Arguments::Json(None) => read_arguments(b"{}", place).map_err(nothing),
        Arguments::Json(Some(json)) => read_arguments(json, place).map_err(|refusal| {
            let given = json.trim_ascii().strip_prefix(b"{").is_none_or(|rest| rest.trim_ascii() != b"}");
            if given { refusal } else { nothing(refusal) }
        }),
        Arguments::Named(named) => from_strings(&named.strings).map_err(|fault| {
            let refusal = Refusal::new(fault);
            if named.strings.is_empty() { nothing(refusal) } else { refusal }
        }),
    }
}

/// Nothing was given, so that `Option<Args<T>>` is `None`.
fn nothing(refusal: Refusal) -> Refusal {
    Refusal::absent(refusal.reason)
}

fn read_arguments<T: DeserializeOwned>(json: &[u8], place: &str) -> Result<T, Refusal> {
    // A derived struct would take an array for its fields in order.
    let json = std::str::from_utf8(json).ok().filter(|json| json.starts_with('{'));
    let Some(json) = json else { return Err(Refusal::new(format!("{place}: expected an object"))) };
    serde_json::from_str(json).map_err(|_| arguments_fault::<T>(json, place))
}

/// Reads once more to find the path, which costs too much to keep while all goes well.
#[cold]
fn arguments_fault<T: DeserializeOwned>(json: &str, root: &str) -> Refusal {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => {
            let path = error.path().to_string();
            let place = if path == "." { root.to_owned() } else { format!("{root}.{path}") };
            Refusal::new(format!("{place}: {}", without_position(error.inner())))
        }
        Ok(_) => Refusal::new(format!("{root}: not what the schema describes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Order {
        #[expect(dead_code, reason = "read by the test's faults only")]
        items: Vec<Item>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Item {
        #[expect(dead_code, reason = "read by the test's faults only")]
        price: f64,
    }

    fn fault(json: &str) -> String {
        read_arguments::<Order>(json.as_bytes(), "arguments").unwrap_err().reason
    }

    #[test]
    fn faults_name_the_path_and_what_was_expected() {
        assert_eq!(
            fault(r#"{"items":[{"price":1},{"price":"x"}]}"#),
            "arguments.items[1].price: invalid type: string \"x\", expected f64"
        );
        assert_eq!(fault("{}"), "arguments: missing field `items`");
        assert_eq!(fault("[[]]"), "arguments: expected an object");
        assert_eq!(fault(r#"{"items":[],"items":[]}"#), "arguments: duplicate field `items`");
    }
}
