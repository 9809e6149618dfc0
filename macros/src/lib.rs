//! The `#[tool]`, `#[resource]` and `#[prompt]` attributes of `mcp-mount`, and its `#[derive(Elicit)]`.
//!
//! Depend on `mcp-mount` and write `mcp_mount::tool`: the code this crate generates names `::mcp_mount`, and the
//! runnable examples stand there, at the re-exports.

use proc_macro::TokenStream;

mod attr;
mod checks;
mod elicit;
mod errors;
mod expand;
mod function;
mod kind;
mod params;
mod template;
mod wrapper;

use kind::Kind;

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
/// `Json<..>`, `State<..>`, `Extension<..>`, `Extract<..>`, `Data<..>`, `ReqData<..>`, `Headers`, `Principal`, `Context`
/// or `EndpointUrl`, or an `Option` of one of these, or when it carries `#[extract]`. Every other parameter is an
/// *argument*, sent by the client. `#[arg]` makes an argument of a type that only happens to have an extractor's name.
///
/// An argument is a plain name of an owned type (`query: String`, not `&str`) that implements serde's `Deserialize`
/// and schemars' `JsonSchema`. It may carry a doc comment, `#[serde(..)]` and `#[schemars(..)]`, which act as on the
/// field of a struct. A raw name such as `r#type` is called `type` in JSON. Instead of arguments one by one a tool can
/// take all of them as `Args<T>` or `Json<T>`, but not both ways at once.
///
/// | on a parameter | what it says |
/// |---|---|
/// | `#[extract]` | the server fills it; its type implements `FromCall` |
/// | `#[arg]` | the client sends it, whatever its type is called |
/// | `#[mcp_header("Region")]` | clients repeat this argument in the header `Mcp-Param-Region` (`x-mcp-header`), for those on the way who do not read bodies; the name is an RFC 9110 token that no other argument has |
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
/// | `timeout = ".."` | `"500ms"`, `"30s"`, `"2m"`, `"1h"`, or whole seconds: `30` | how long a call may run |
/// | `on_disconnect = ".."` | `"finish"` or `"cancel"` | what becomes of a call whose client goes away |
/// | `blocking` | flag | each call runs on a thread of its own, which it may block; the function may be `async` all the same |
/// | `companion = ..` | an identifier | the companion's name, when a module or type already has the function's |
///
/// # Conditional tools
///
/// A `#[cfg]` on the function, above `#[tool]` or below, holds for its companion too: a tool that is configured away
/// leaves nothing behind.
///
/// # What it refuses
///
/// Methods (write a free function and take `State<T>`), generic functions, `impl Trait` parameters, borrowed arguments,
/// `unsafe` and `extern` functions, and parameters under `#[cfg]`.
#[proc_macro_attribute]
pub fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Tool, arguments.into(), &item.into()).into()
}

/// Makes a function a resource, or with a template all the resources that the template stands for, and leaves the
/// function as it is.
///
/// The function, its companion (for `resources![..]`), its parameters and what is refused are as with [`macro@tool`];
/// here is what differs.
///
/// # The URI
///
/// It comes first and is a text: `#[resource("config://app")]` is one resource,
/// `#[resource("bookmark://{id}{?format}")]` is an RFC 6570 template. The variables of a template are the function's
/// arguments: each is a parameter of the same name (or of the name that `#[serde(rename = "..")]` gives it), or all of
/// them are taken as `Args<T>` or `Json<T>`. They arrive as text and are read into the parameter's type: numbers,
/// `bool`, an `Option` for what may be missing, a `Vec` for an exploded list (`{/path*}`). A fixed URI has no variables,
/// and so the function no arguments.
///
/// # Parameters
///
/// | on a parameter | what it says |
/// |---|---|
/// | `#[extract]`, `#[arg]` | as for a tool |
/// | `#[complete(path)]` | the function that completes this variable while somebody types it |
///
/// # Arguments of the attribute
///
/// | argument | value | what it sets |
/// |---|---|---|
/// | `name = ".."` | text | the resource's name, instead of the function's |
/// | `title = ".."` | text | the name for people |
/// | `description = ".."` | text | the description, instead of the doc comment |
/// | `icon = ".."` | an `https:` or `data:` URI | a picture for the resource; may be given several times |
/// | `mime_type = ".."` | a media type | the type of what is read, where the contents do not say it themselves |
/// | `size = ..` | a whole number | the size in bytes; a template has none |
/// | `ttl = ".."` | `"60s"`, `"1h"`, or whole seconds: `60` | for how long clients may keep what they read |
/// | `cache_scope = ".."` | `"public"` or `"private"` | whether what is read is the same for everybody |
/// | `timeout = ".."` | as for a tool | how long a read may run |
/// | `on_disconnect = ".."` | `"finish"` or `"cancel"` | what becomes of a read whose client goes away |
/// | `blocking` | flag | each read runs on a thread of its own |
/// | `companion = ..` | an identifier | the companion's name, when a module or type already has the function's |
#[proc_macro_attribute]
pub fn resource(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Resource, arguments.into(), &item.into()).into()
}

/// Makes a function a prompt, and leaves the function as it is.
///
/// The function, its companion (for `prompts![..]`), its parameters and what is refused are as with [`macro@tool`];
/// here is what differs.
///
/// # Parameters
///
/// The arguments of a prompt arrive as text and are read into the parameter's type: numbers, `bool`, an `Option` for
/// what may be missing. The doc comment of a parameter describes it to whoever fills in the prompt.
///
/// | on a parameter | what it says |
/// |---|---|
/// | `#[extract]`, `#[arg]` | as for a tool |
/// | `#[complete(path)]` | the function that completes this argument while somebody types it |
///
/// # Arguments of the attribute
///
/// | argument | value | what it sets |
/// |---|---|---|
/// | `name = ".."` | text | the prompt's name, instead of the function's |
/// | `title = ".."` | text | the name for people |
/// | `description = ".."` | text | the description, instead of the doc comment |
/// | `icon = ".."` | an `https:` or `data:` URI | a picture for the prompt; may be given several times |
/// | `timeout = ".."` | as for a tool | how long it may take |
/// | `on_disconnect = ".."` | `"finish"` or `"cancel"` | what becomes of it when the client goes away |
/// | `blocking` | flag | each runs on a thread of its own |
/// | `companion = ..` | an identifier | the companion's name, when a module or type already has the function's |
#[proc_macro_attribute]
pub fn prompt(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Kind::Prompt, arguments.into(), &item.into()).into()
}

/// Makes a struct what a form asks for, or an enum a choice in such a form.
///
/// On a struct with named fields it implements `mcp_mount::Elicit`, whose documentation has the types that a field can
/// have; every other type is an error where it is written. On an enum of variants without data it makes the enum one of
/// these types. Both derive serde's `Deserialize` and schemars' `JsonSchema` too, and what these are told in
/// `#[serde(..)]` and `#[schemars(..)]` holds for the form: names, defaults, titles, lengths, ranges.
///
/// # What it refuses
///
/// Structs without names for their fields, type parameters and lifetimes, unions, variants with data, and what makes
/// another shape of it all: `flatten`, `transparent`, `tag`, `content`, `untagged`, `from`, `try_from`, `remote`,
/// `other`, and on the struct or enum itself `with`.
///
/// On a field, what schemars could say and no form has a word for: `regex`, `example`, `inner` and their like, and `extend`
/// but for `"format"`. `#[schemars(with = "..")]` says what the field is in the form, in place of its own type.
///
/// That bounds contradict each other or a default, or that a format is one that clients do not know, is found out when the
/// form is first made: when the handler asks, or by `testing::replays_equal`.
#[proc_macro_derive(Elicit)]
pub fn elicit(item: TokenStream) -> TokenStream {
    elicit::derive(item.into()).into()
}
