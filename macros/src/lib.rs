//! The `#[tool]` attribute of `mcp-mount`.
//!
//! Depend on `mcp-mount` and write `mcp_mount::tool`: the code this crate generates names `::mcp_mount`, and the
//! runnable examples stand there, at the re-export.

use proc_macro::TokenStream;

mod attr;
mod errors;
mod expand;
mod function;
mod params;

/// Makes a function a tool, and leaves the function as it is.
///
/// `#[tool]` goes on a free function, `async` or not. The function stays callable from ordinary code and tests.
/// Beside it appears a companion type of the same name and visibility, which is what `tools![..]` collects; it lives in
/// the namespace of types, so that one `use` brings both.
///
/// # What the client sees
///
/// - The **name** is the function's name.
/// - The **description** is the doc comment. A tool without one does not compile.
/// - The **input schema** has one property per argument: its type gives the property's schema, its doc comment the
///   property's description. An `Option` may be left out by the client; so may an argument with `#[serde(default)]`.
///
/// # Parameters
///
/// A parameter is an *extractor*, filled by the server, when the last segment of its type's path is `Args<..>`,
/// `State<..>`, `Extension<..>`, `Headers` or `Context`, or when it carries `#[extract]`. Every other parameter is an
/// *argument*, sent by the client. `#[arg]` makes an argument of a type that only happens to have an extractor's name.
///
/// `Json<..>` is what a tool returns: as a parameter it is refused, unless `#[arg]` or `#[extract]` says that it is
/// another type of that name.
///
/// An argument is a plain name of an owned type (`query: String`, not `&str`) that implements serde's `Deserialize`
/// and schemars' `JsonSchema`. It may carry a doc comment, `#[serde(..)]` and `#[schemars(..)]`, which act as on the
/// field of a struct. A raw name such as `r#type` is called `type` in JSON. Instead of arguments one by one a tool can
/// take all of them as `Args<T>`, but not both ways at once.
///
/// A tool has at most eight extractors; its arguments together count as one of them.
///
/// # Arguments of the attribute
///
/// All are optional, and each but `icon` may be given only once. A flag is written `read_only`, or `read_only = false`
/// to say no; a flag that is left out is not sent.
///
/// | argument | value | what it sets |
/// |---|---|---|
/// | `name = ".."` | 1 to 128 of `A-Z a-z 0-9 _ - .` | the tool's name, instead of the function's |
/// | `title = ".."` | text | the name for people |
/// | `description = ".."` | text | the description, instead of the doc comment |
/// | `icon = ".."` | an `https:` or `data:` URI | a picture for the tool; may be given several times |
/// | `read_only` | flag | the tool changes nothing (`readOnlyHint`) |
/// | `destructive` | flag | the tool may delete or overwrite (`destructiveHint`) |
/// | `idempotent` | flag | a second call with the same arguments changes nothing more (`idempotentHint`) |
/// | `open_world` | flag | the tool reaches beyond this server (`openWorldHint`) |
/// | `timeout = ".."` | `"500ms"`, `"30s"`, `"2m"`, or whole seconds: `30` | how long a call may run |
/// | `on_disconnect = ".."` | `"finish"` or `"cancel"` | what becomes of a call whose client goes away |
/// | `companion = ..` | an identifier | the companion's name, when a module or type already has the function's |
///
/// # Conditional tools
///
/// A `#[cfg]` on the function, above `#[tool]` or below, holds for its companion too: a tool that is configured away
/// leaves nothing behind.
///
/// # What it refuses
///
/// Methods (write a free function and take `State<T>`), generic functions, `impl Trait` and `Json<..>` parameters,
/// borrowed arguments, `unsafe` and `extern` functions, and parameters under `#[cfg]`.
#[proc_macro_attribute]
pub fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::tool(arguments.into(), &item.into()).into()
}
