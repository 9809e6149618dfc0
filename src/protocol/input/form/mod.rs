//! Forms: the flat part of JSON Schema that clients can show to their users.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

mod answer;
mod check;
mod derived;
#[cfg(test)]
mod tests;

pub(crate) use answer::read_content;
pub(crate) use check::check_form;
pub(crate) use derived::form_schema;

/// What a form asks for: a struct whose fields are the fields of the form.
///
/// It is derived, together with serde's `Deserialize` and schemars' `JsonSchema`, which read and describe it:
///
/// ```
/// # #[cfg(feature = "macros")] {
/// use mcp_mount::Elicit;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
/// struct Deploy {
///     /// Where to
///     target: Target,
///     #[serde(default = "yes")]
///     dry_run: bool,
///     #[schemars(range(min = 1, max = 20))]
///     replicas: u8,
///     #[schemars(email)]
///     tell: Option<String>,
///     #[schemars(length(min = 1))]
///     regions: Vec<Region>,
/// }
///
/// #[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
/// #[serde(rename_all = "lowercase")]
/// enum Target {
///     #[schemars(title = "The stage")]
///     Stage,
///     #[schemars(title = "What everybody sees")]
///     Production,
/// }
///
/// #[derive(serde::Deserialize, schemars::JsonSchema, Elicit)]
/// enum Region { Oslo, Madrid }
///
/// fn yes() -> bool {
///     true
/// }
/// # }
/// ```
///
/// # What may be in it
///
/// Forms are flat (2025-11-25, client/elicitation, «Requested Schema»). A field is one of
///
/// | type | in the form | what `schemars` may say of it |
/// |---|---|---|
/// | `String` | a text | `length(min, max)` in characters; `email`, `url`, `extend("format" = "date")`, `"date-time"` |
/// | `bool` | yes or no | |
/// | integers, `f32`, `f64` | a number | `range(min, max)` |
/// | an enum of variants without data, which derives `Elicit` too | one of several | |
/// | `Vec` of such an enum | any of several, since 2025-11-25 | `length(min, max)` |
/// | `Option` of one of these | the same, which may be left out | |
///
/// A field has a `title`, a description (its doc comment) and with `#[serde(default)]` a value that the form proposes;
/// such a field need not be filled in. A variant is shown by its `title`, or else its doc comment, or else its name;
/// those without either come first.
///
/// A field of another type needs `#[schemars(with = "..")]`, which names one of these.
///
/// # When it is checked
///
/// The derive checks the types of the fields, or those that `with` names, and refuses what serde would make another shape
/// of and what schemars could say beyond the table above, as `regex(..)`. Bounds of which the lower is above the upper, and a
/// default beyond them, are found when the form is first made: the question is an [`AskError::Invalid`](crate::AskError),
/// which the client sees masked and the log in full. `testing::replays_equal` makes the form, and so finds it in a test.
pub trait Elicit: DeserializeOwned + JsonSchema + Send + 'static {}

/// A struct that can be described and read.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a form, as it is not `Deserialize` and `JsonSchema`",
    label = "not `Deserialize` and `JsonSchema`",
    note = "a form derives all three: `#[derive(serde::Deserialize, schemars::JsonSchema, mcp_mount::Elicit)]`"
)]
pub trait ElicitStruct {
    /// Compiles if the type can be a form.
    fn check() {}
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> ElicitStruct for T {}

/// A type that a field of a form can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of a form",
    label = "not a type that forms have",
    note = "a form has `String`, `bool`, numbers, enums that derive `Elicit`, `Vec`s of those, and `Option`s",
    note = "for another type that is written as one of these, say so: `#[schemars(with = \"String\")]`"
)]
pub trait ElicitField {
    /// Compiles if the type can be in a form.
    fn check() {}
}

/// An enum that is a choice: its variants have no data.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a choice, of which a form can offer several",
    label = "not an enum that derives `Elicit`",
    note = "in a form, a `Vec` is a choice of several: its items are an enum without data that derives `Elicit`"
)]
pub trait ElicitChoice: ElicitField {}

macro_rules! fields {
    ($($ty:ty),*) => { $(#[diagnostic::do_not_recommend] impl ElicitField for $ty {})* };
}
fields!(String, bool, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize, f32, f64);

impl<F: ElicitField> ElicitField for Option<F> {}

impl<C: ElicitChoice> ElicitField for Vec<C> {}

/// Why a schema is no form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormFault {
    field: Option<String>,
    fault: String,
}

impl FormFault {
    /// Of the form as a whole; `fault` goes on after "the form".
    fn whole(fault: impl Into<String>) -> Self {
        Self { field: None, fault: fault.into() }
    }

    /// Of one field; `fault` goes on after its name.
    fn field(name: &str, fault: impl Into<String>) -> Self {
        Self { field: Some(name.to_owned()), fault: fault.into() }
    }
}

impl fmt::Display for FormFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(name) => write!(f, "the field `{name}` of the form {}", self.fault),
            None => write!(f, "the form {}", self.fault),
        }
    }
}

impl std::error::Error for FormFault {}
