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
    let mut signature: Signature = syn::parse2(tokens).expect("a signature");
    let mut errors = Errors::default();
    let roles = read(&mut signature, &mut errors)
        .into_iter()
        .map(|parameter| match parameter.role {
            Role::Extractor => "E".to_owned(),
            Role::Argument { name, attributes } => quote!(#(#attributes)* #name).to_string(),
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
        headers: Headers, ctx: mcp_mount::Context
    )));
    assert_eq!(extractors, ["E"; 5]);
    let arguments =
        roles(quote!(fn f(s: State, a: Args, h: Headers<u8>, c: Context<u8>, v: Vec<State<u8>>, p: Principal)));
    assert_eq!(arguments, ["s", "a", "h", "c", "v", "p"]);
    assert_eq!(roles(quote!(fn f(mut a: u8, r#type: (State)))), ["a", "r#type"]);
}

#[test]
fn json_is_for_results() {
    for tokens in [
        quote!(Json(body): Json<T>),
        quote!(body: axum::Json<T>),
        quote!(#[serde(default)] body: (Json<T>)),
        quote!(body: &Json<T>),
    ] {
        assert_eq!(
            only_error(quote!(fn f(Args(a): Args<A>, #tokens))),
            "`Json` is what a tool returns; take arguments as plain parameters or as `Args<T>`",
            "{tokens}"
        );
    }
    // Without `<..>`, or with a mark, it is somebody's own type.
    assert_eq!(roles(quote!(fn f(a: Json, #[arg] b: sqlx::Json<T>, #[extract] Json(c): Json<T>))), ["a", "b", "E"]);
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
        assert_eq!(only_error(quote!(fn f(#tokens))), IMPL_TRAIT, "{tokens}");
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
