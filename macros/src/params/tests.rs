use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

use super::*;

/// One tool's parameters as the wrapper sees them, the complaints, and the signature that is kept.
struct Seen {
    roles: Vec<String>,
    errors: Vec<String>,
    kept: String,
}

/// `E` stands for an extractor; an argument is its attributes and its name.
fn see(tokens: TokenStream) -> Seen {
    see_as(Kind::Tool, tokens)
}

fn see_as(kind: Kind, tokens: TokenStream) -> Seen {
    let mut signature: Signature = syn::parse2(tokens).expect("a signature");
    let mut errors = Errors::default();
    let roles = read(kind, &mut signature, &mut errors)
        .into_iter()
        .map(|parameter| match parameter.role {
            Role::Extractor => "E".to_owned(),
            Role::Argument(Argument { name, attributes, header, completion }) => {
                quote!(#(#attributes)* #name #header #completion).to_string()
            }
        })
        .collect();
    Seen { roles, errors: errors.messages(), kept: signature.to_token_stream().to_string() }
}

fn roles(tokens: TokenStream) -> Vec<String> {
    let seen = see(tokens);
    assert_eq!(seen.errors, [""; 0]);
    seen.roles
}

fn only_error(tokens: TokenStream) -> String {
    let errors = see(tokens).errors;
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.concat()
}

#[test]
fn the_last_segment_of_the_path_decides() {
    let extractors = roles(quote!(fn f(
        State(db): State<Db>, mcp_mount::Args(_): mcp_mount::Args<()>, user: x::Extension<User>,
        headers: Headers, ctx: mcp_mount::Context, who: Principal, Extract(claims): Extract<Claims, AppState>
    )));
    assert_eq!(extractors, ["E"; 7]);
    let arguments = roles(quote!(fn f(
        s: State, a: Args, h: Headers<u8>, c: Context<u8>, v: Vec<State<u8>>, p: Principal<u8>, j: Json
    )));
    assert_eq!(arguments, ["s", "a", "h", "c", "v", "p", "j"]);
    assert_eq!(roles(quote!(fn f(mut a: u8, r#type: (State)))), ["a", "r#type"]);
}

#[test]
fn an_option_of_an_extractor_is_one() {
    let extractors = roles(quote!(fn f(
        user: Option<Extension<User>>, who: std::option::Option<Principal>, a: Option<Option<Args<A>>>
    )));
    assert_eq!(extractors, ["E"; 3]);
    let arguments = roles(quote!(fn f(a: Option<u8>, b: Option<State>, c: Option, d: Option<Vec<Principal>>)));
    assert_eq!(arguments, ["a", "b", "c", "d"]);
    assert_eq!(roles(quote!(fn f(#[arg] who: Option<Principal>))), ["who"]);
}

#[test]
fn json_is_all_arguments() {
    assert_eq!(roles(quote!(fn f(Json(body): axum::Json<T>, ctx: Context))), ["E", "E"]);
    for tokens in [quote!(Json(b): Json<T>), quote!(Args(b): Args<T>), quote!(b: Option<Json<T>>)] {
        assert!(only_error(quote!(fn f(Json(a): Json<A>, #tokens))).contains("only once"), "{tokens}");
        assert!(only_error(quote!(fn f(limit: u8, #tokens))).contains("move `limit`"), "{tokens}");
    }
    assert_eq!(only_error(quote!(fn f(a: &Json<A>))), "an extractor is taken by value");
    // Without `<..>`, or with a mark, it is somebody's own type.
    assert_eq!(roles(quote!(fn f(a: Json, #[arg] b: sqlx::Json<T>))), ["a", "b"]);
}

#[test]
fn a_completion_request_is_for_completions() {
    for kind in [Kind::Tool, Kind::Resource, Kind::Prompt] {
        let errors = see_as(kind, quote!(fn f(request: CompletionRequest))).errors;
        assert!(errors[0].contains("`#[complete(..)]`"), "{errors:?}");
    }
    assert_eq!(roles(quote!(fn f(#[extract] a: CompletionRequest, #[arg] b: CompletionRequest))), ["E", "b"]);
}

#[test]
fn bare_extractors_want_their_type() {
    let error = only_error(quote!(fn f(State(db): State)));
    assert!(error.contains("`State<Db>`"), "{error}");
}

#[test]
fn headers_are_tokens_and_differ() {
    let seen = see(quote!(fn f(#[mcp_header("Region")] region: String, #[mcp_header("X-y!2")] b: u8)));
    assert_eq!(seen.errors, [""; 0]);
    assert_eq!(seen.roles, [r#"region "Region""#, r#"b "X-y!2""#]);
    assert_eq!(seen.kept, quote!(fn f(region: String, b: u8)).to_string());
    for (tokens, says) in [
        (quote!(#[mcp_header("")] a: u8), "empty"),
        (quote!(#[mcp_header("My Region")] a: u8), "not ' '"),
        (quote!(#[mcp_header("Région")] a: u8), "not 'é'"),
        (quote!(#[mcp_header("A:")] a: u8), "not ':'"),
        (quote!(#[mcp_header("A\r\nB")] a: u8), "not '\\r'"),
        (quote!(#[mcp_header] a: u8), "`#[mcp_header(\"Region\")]`"),
        (quote!(#[mcp_header(Region)] a: u8), "`#[mcp_header(\"Region\")]`"),
        (quote!(#[mcp_header("A")] #[mcp_header("B")] a: u8), "one header"),
        (quote!(#[mcp_header("Region")] a: u8, #[mcp_header("REGION")] b: u8), "another argument"),
        (quote!(#[mcp_header("Region")] ctx: Context), "this parameter is an extractor"),
    ] {
        let error = only_error(quote!(fn f(#tokens)));
        assert!(error.contains(says), "{tokens}: {error}");
    }
    for kind in [Kind::Resource, Kind::Prompt] {
        let errors = see_as(kind, quote!(fn f(#[mcp_header("Region")] a: u8))).errors;
        assert_eq!(errors, [format!("only a tool's arguments are sent as headers too, not a {kind}'s")]);
    }
}

#[test]
fn completions_are_paths() {
    for kind in [Kind::Resource, Kind::Prompt] {
        let seen = see_as(kind, quote!(fn f(#[complete(tags)] tag: String, #[complete(x::y::<Z>)] b: u8)));
        assert_eq!(seen.errors, [""; 0]);
        assert_eq!(seen.roles, ["tag tags".to_owned(), quote!(b x::y::<Z>).to_string()]);
        assert_eq!(seen.kept, quote!(fn f(tag: String, b: u8)).to_string());
        for (tokens, says) in [
            (quote!(#[complete] a: u8), "takes the path"),
            (quote!(#[complete("tags")] a: u8), "takes the path"),
            (quote!(#[complete(|| 1)] a: u8), "takes the path"),
            (quote!(#[complete(x)] #[complete(y)] a: u8), "by one function"),
            (quote!(#[complete(x)] ctx: Context), "this parameter is an extractor"),
        ] {
            let errors = see_as(kind, quote!(fn f(#tokens))).errors;
            assert_eq!(errors.len(), 1, "{tokens}: {errors:?}");
            assert!(errors[0].contains(says), "{tokens}: {errors:?}");
        }
    }
    assert!(only_error(quote!(fn f(#[complete(tags)] a: u8))).contains("a tool's arguments are never completed"));
}

#[test]
fn marks_decide_against_the_name_and_are_taken_off() {
    let seen = see(quote!(fn f(#[extract] Db(db): Db, #[arg] #[allow(unused)] state: State<u8>)));
    assert_eq!(seen.roles, ["E", "state"]);
    assert_eq!(seen.errors, [""; 0]);
    assert_eq!(seen.kept, quote!(fn f(Db(db): Db, #[allow(unused)] state: State<u8>)).to_string());
    assert!(only_error(quote!(fn f(#[arg] #[extract] a: u8))).contains("either"));
    assert!(only_error(quote!(fn f(#[extract(x)] a: u8))).contains("no arguments"));
}

#[test]
fn what_belongs_on_the_field_is_moved_there() {
    let seen = see(quote!(fn f(#[doc = " How many."] #[serde(default)] #[schemars(range(min = 1))] n: u8)));
    let field = quote!(
        #[doc = " How many."]
        #[serde(default)]
        #[schemars(range(min = 1))]
        n
    );
    assert_eq!(seen.roles, [field.to_string()]);
    assert_eq!(seen.kept, quote!(fn f(n: u8)).to_string());
    assert_eq!(roles(quote!(fn f(#[doc = "documented"] ctx: Context))), ["E"]);
    assert!(only_error(quote!(fn f(#[serde(default)] ctx: Context))).contains("extractor"));
    assert!(only_error(quote!(fn f(#[cfg(unix)] a: u8))).contains("conditional"));
}

#[test]
fn arguments_are_plain_names() {
    for tokens in [quote!((a, b): (u8, u8)), quote!(_: u8), quote!(ref a: u8), quote!(a @ 1: u8)] {
        assert!(only_error(quote!(fn f(#tokens))).contains("plain name"), "{tokens}");
    }
}

#[test]
fn arguments_are_owned() {
    assert_eq!(only_error(quote!(fn f(a: &str))), "a tool's argument must be owned; use String");
    assert_eq!(only_error(quote!(fn f(a: Option<&'static str>))), "a tool's argument must be owned; use String");
    assert_eq!(only_error(quote!(fn f(a: &[u8]))), "a tool's argument must be owned; use Vec");
    assert!(only_error(quote!(fn f(a: Cow<'_, str>))).contains("'static"));
    assert_eq!(roles(quote!(fn f(a: Cow<'static, str>, b: State<&'static Db>))), ["a", "E"]);
    assert_eq!(only_error(quote!(fn f(ctx: &Context))), "an extractor is taken by value");
    assert_eq!(only_error(quote!(fn f(#[extract] db: &Db))), "an extractor is taken by value");
}

#[test]
fn types_have_names() {
    for tokens in [quote!(a: impl Into<String>), quote!(a: Vec<impl Send>), quote!(a: State<impl Send>)] {
        let error = only_error(quote!(fn f(#tokens)));
        assert_eq!(error, "a tool's parameter needs a type with a name, since no client could choose one", "{tokens}");
    }
}

#[test]
fn args_stand_alone() {
    assert!(only_error(quote!(fn f(Args(a): Args<A>, ctx: Context, limit: u8))).contains("move `limit`"));
    assert!(only_error(quote!(fn f(Args(a): Args<A>, Args(b): Args<B>))).contains("only once"));
    assert_eq!(roles(quote!(fn f(Args(a): Args<A>, ctx: Context))), ["E", "E"]);
}

#[test]
fn extractors_are_counted() {
    let states = |n: usize| vec![quote!(_: State<u8>); n];
    let (eight, seven) = (states(8), states(7));
    assert_eq!(roles(quote!(fn f(#(#eight),*))).len(), 8);
    assert_eq!(roles(quote!(fn f(#(#seven),*, a: u8, b: u8))).len(), 9);
    assert!(only_error(quote!(fn f(#(#eight),*, a: u8))).contains("this one has 9"));
}
