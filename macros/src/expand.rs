//! What `#[tool]` writes: the function, its companion, and the companion's `ToolSource`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Ident;

use crate::{
    attr::{Attributes, OnDisconnect, check_name},
    errors::Errors,
    function::Function,
    params::{self, Parameter, Role},
};

pub(crate) fn tool(arguments: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let attributes = Attributes::parse(arguments, &mut errors);
    let mut function: Function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            errors.push(error);
            let errors = errors.into_compile_errors();
            return quote!(#item #errors);
        }
    };
    function.check(&mut errors);
    // Before anything is given back: it takes off the attributes that a function's parameters cannot keep.
    let parameters = params::read(&mut function.signature, &mut errors);
    let name = name(&attributes, &function, &mut errors);
    let description = description(&attributes, &function, &mut errors);

    let companion = attributes.companion.as_ref().unwrap_or(&function.signature.ident);
    let source = match errors.into_compile_errors() {
        // No type can be declared among methods, so that the errors can only stand alone.
        Some(errors) if function.is_method() => return quote!(#function #errors),
        Some(errors) => source(companion, &errors),
        None => {
            let body = body(&function, &parameters, &attributes, &name, &description);
            let arguments = arguments_struct(&parameters, &name);
            let source = source(companion, &body);
            // `deprecated`: a deprecated tool is still one, and the call below is not its author's.
            quote! {
                #[allow(deprecated)]
                const _: () = { #arguments #source };
            }
        }
    };
    let companion = companion_struct(companion, &function, &name);
    // By value is what we demand of an argument, so that a lint must not ask for a reference.
    quote!(#[allow(clippy::needless_pass_by_value)] #function #companion #source)
}

/// The tool's name; its mistakes are shown where it was written.
fn name(attributes: &Attributes, function: &Function, errors: &mut Errors) -> String {
    if let Some(name) = &attributes.name {
        return name.value();
    }
    let name = function.name();
    if let Err(message) = check_name(&name) {
        errors.at(&function.signature.ident, message);
    }
    name
}

fn description(attributes: &Attributes, function: &Function, errors: &mut Errors) -> String {
    let ident = &function.signature.ident;
    let missing = "a tool needs a description, which is all a model knows of it; \
                   add a doc comment, or `description = \"..\"`";
    if let Some(description) = &attributes.description {
        let text = description.value();
        if text.trim().is_empty() {
            errors.at(description, missing);
        }
        return text;
    }
    match function.documentation() {
        Ok(Some(text)) => return text,
        Ok(None) => errors.at(ident, missing),
        Err(error) => errors.push(error),
    }
    String::new()
}

/// The type that `tools![..]` names. Braces keep it out of the namespace of values, where the function is.
fn companion_struct(companion: &Ident, function: &Function, name: &str) -> TokenStream {
    let visibility = &function.visibility;
    let documentation = format!("The tool `{name}`, for `tools![..]`.");
    quote! {
        #[doc = #documentation]
        #[allow(non_camel_case_types)]
        #[derive(::core::fmt::Debug)]
        #[non_exhaustive]
        #visibility struct #companion {}
    }
}

fn source(companion: &Ident, body: &TokenStream) -> TokenStream {
    quote! {
        impl ::mcp_mount::__private::ToolSource for #companion {
            fn tool() -> ::mcp_mount::Tool { #body }
        }
    }
}

/// The arguments as one type, from which come the schema and the decoding.
fn arguments_struct(parameters: &[Parameter], tool: &str) -> Option<TokenStream> {
    let fields: Vec<_> = parameters
        .iter()
        .filter_map(|Parameter { ty, role }| match role {
            Role::Argument { name, attributes } => Some(quote!(#(#attributes)* #name: #ty)),
            Role::Extractor => None,
        })
        .collect();
    if fields.is_empty() {
        return None;
    }
    // The schema's title, and what serde says it expected; without them both would be our struct's name.
    let title = format!("{}Arguments", pascal_case(tool));
    Some(quote! {
        #[derive(::mcp_mount::__private::serde::Deserialize, ::mcp_mount::__private::schemars::JsonSchema)]
        #[serde(crate = "::mcp_mount::__private::serde", rename = #title, expecting = "an object of arguments")]
        #[schemars(crate = "::mcp_mount::__private::schemars")]
        #[allow(non_snake_case)]
        struct __McpArguments { #(#fields),* }
    })
}

/// The call of `tool_fn`.
fn body(
    function: &Function,
    parameters: &[Parameter],
    attributes: &Attributes,
    name: &str,
    description: &str,
) -> TokenStream {
    let ident = &function.signature.ident;
    // Errors about the handler as a whole underline the function's name. Mixed site: our bindings hide no item of the
    // user's.
    let span = Span::mixed_site().located_at(ident.span());
    let args = Ident::new("args", span);

    let mut inputs = Vec::new();
    let mut values = Vec::new();
    if parameters.iter().any(Parameter::is_argument) {
        inputs.push(quote_spanned!(span=> ::mcp_mount::Args(#args): ::mcp_mount::Args<__McpArguments>));
    }
    for (number, Parameter { ty, role }) in parameters.iter().enumerate() {
        match role {
            Role::Argument { name, .. } => values.push(quote_spanned!(span=> #args.#name)),
            Role::Extractor => {
                let extractor = format_ident!("extractor_{number}", span = span);
                inputs.push(quote_spanned!(span=> #extractor: #ty));
                values.push(extractor.into_token_stream());
            }
        }
    }
    let dot_await = function.signature.asyncness.map(|_| quote_spanned!(span=> .await));
    let settings = settings(attributes);
    quote_spanned! {span=>
        ::mcp_mount::tool_fn(#name, #description, |#(#inputs),*| async move { #ident(#(#values),*) #dot_await })
            #settings
    }
}

/// A method call for everything the attribute says; what it leaves out keeps `Tool`'s default.
fn settings(attributes: &Attributes) -> TokenStream {
    let title = attributes.title.as_ref().map(|text| quote!(.title(#text)));
    let icons = (!attributes.icons.is_empty()).then(|| {
        let icons = &attributes.icons;
        quote!(.icons([#(::mcp_mount::Icon::new(#icons)),*]))
    });
    let read_only = attributes.read_only.map(|yes| quote!(.read_only(#yes)));
    let destructive = attributes.destructive.map(|yes| quote!(.destructive(#yes)));
    let idempotent = attributes.idempotent.map(|yes| quote!(.idempotent(#yes)));
    let open_world = attributes.open_world.map(|yes| quote!(.open_world(#yes)));
    let timeout = attributes.timeout.map(|timeout| {
        let (seconds, nanoseconds) = (timeout.as_secs(), timeout.subsec_nanos());
        quote!(.timeout(::core::time::Duration::new(#seconds, #nanoseconds)))
    });
    let on_disconnect = attributes.on_disconnect.map(|choice| match choice {
        OnDisconnect::Finish => quote!(.on_disconnect(::mcp_mount::OnDisconnect::Finish)),
        OnDisconnect::Cancel => quote!(.on_disconnect(::mcp_mount::OnDisconnect::Cancel)),
    });
    quote!(#title #icons #read_only #destructive #idempotent #open_world #timeout #on_disconnect)
}

/// `web.search_pages` becomes `WebSearchPages`.
fn pascal_case(name: &str) -> String {
    name.split(['_', '-', '.'])
        .filter_map(|word| {
            let mut letters = word.chars();
            let first = letters.next()?.to_ascii_uppercase();
            Some(format!("{first}{}", letters.as_str()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The output, without its spaces: how tokens print depends on how they were put together.
    fn expand(arguments: &str, item: &str) -> String {
        let [arguments, item] = [arguments, item].map(|text| text.parse().expect("tokens"));
        dense(&tool(arguments, &item).to_string())
    }

    fn dense(text: &str) -> String {
        text.replace(char::is_whitespace, "")
    }

    #[track_caller]
    fn assert_has(output: &str, part: &str) {
        assert!(output.contains(&dense(part)), "no {part:?} in {output}");
    }

    #[test]
    fn arguments_and_extractors_keep_their_order() {
        let output = expand(
            "",
            "/// Add.
             pub async fn add(mut a: f64, State(db): State<Db>, #[serde(default)] b: f64) -> f64 { a + b }",
        );
        assert_has(&output, "pub async fn add(mut a: f64, State(db): State<Db>, b: f64) -> f64 { a + b }");
        assert_has(&output, "pub struct add {}");
        assert_has(&output, "struct __McpArguments { a: f64, #[serde(default)] b: f64 }");
        assert_has(
            &output,
            r#"::mcp_mount::tool_fn("add", "Add.",
                |::mcp_mount::Args(args): ::mcp_mount::Args<__McpArguments>, extractor_1: State<Db>|
                async move { add(args.a, extractor_1, args.b).await })"#,
        );
        assert!(!output.contains("compile_error"));
    }

    #[test]
    fn without_arguments_there_is_no_args() {
        let output = expand(r#"description = "Tick""#, "fn tick(ctx: Context) {}");
        assert_has(&output, r#"("tick", "Tick", |extractor_0: Context| async move { tick(extractor_0) })"#);
        assert!(!output.contains("__McpArguments"));
        let output = expand(r#"description = "Tick""#, "fn tick() {}");
        assert_has(&output, r#"("tick", "Tick", || async move { tick() })"#);
    }

    #[test]
    fn every_setting_is_passed_on() {
        let output = expand(
            r#"name = "web.search", title = "Search", description = "Find", icon = "https://example.com/a.png",
               read_only, destructive = false, idempotent, open_world = true, timeout = "1500ms",
               on_disconnect = "finish", companion = search_tool, icon = "data:b""#,
            "fn search(q: String) {}",
        );
        assert_has(&output, "struct search_tool {}");
        assert_has(&output, "ToolSource for search_tool");
        assert_has(&output, r#"rename = "WebSearchArguments""#);
        assert_has(
            &output,
            r#".title("Search")
               .icons([::mcp_mount::Icon::new("https://example.com/a.png"), ::mcp_mount::Icon::new("data:b")])
               .read_only(true).destructive(false).idempotent(true).open_world(true)
               .timeout(::core::time::Duration::new(1u64, 500000000u32))
               .on_disconnect(::mcp_mount::OnDisconnect::Finish)"#,
        );
    }

    #[test]
    fn what_is_left_out_is_not_set() {
        let output = expand(r#"description = "Tick""#, "fn tick() {}");
        assert_has(&output, "async move { tick() }) }");
    }

    #[test]
    fn raw_names_lose_their_mark() {
        let output = expand(r#"description = "Match""#, "fn r#match(r#type: u8) {}");
        assert_has(&output, r#"tool_fn("match", "#);
        assert_has(&output, "r#match(args.r#type)");
        assert_has(&output, "struct r#match {}");
    }

    #[test]
    fn a_mistake_leaves_function_and_companion() {
        let output = expand(r#"nam = "x""#, "fn add(/** no */ a: &str, #[arg] (b, c): (u8, u8)) {}");
        assert_has(&output, "fn add(a: &str, (b, c): (u8, u8)) {}");
        assert_has(&output, "struct add {}");
        for part in ["no argument `nam`", "must be owned; use String", "plain name", "add a doc comment"] {
            assert_has(&output, part);
        }
        assert_eq!(output.matches("compile_error").count(), 4);
        assert!(!output.contains("tool_fn"));
    }

    #[test]
    fn methods_get_no_companion() {
        let output = expand(r#"description = "Add""#, "fn add(&self, a: u8) {}");
        assert_has(&output, "fn add(&self, a: u8) {}");
        assert_has(&output, "write a free function");
        assert!(!output.contains("structadd"));
    }

    #[test]
    fn what_is_no_function_is_given_back() {
        let output = expand("", "struct Add;");
        assert_has(&output, "struct Add;");
        assert_has(&output, "goes on a free function");
    }

    #[test]
    fn a_name_that_no_client_accepts_is_refused() {
        let output = expand(r#"description = "Size""#, "fn größe() {}");
        assert_has(&output, "compile_error");
        assert_has(&output, "only ASCII letters");
        let output = expand(r#"description = "Size", name = "size""#, "fn größe() {}");
        assert!(!output.contains("compile_error"));
    }

    #[test]
    fn a_blank_description_is_none() {
        for (arguments, item) in
            [("", "fn size() {}"), ("", "/// \n fn size() {}"), (r#"description = " ""#, "/// Size.\n fn size() {}")]
        {
            assert_has(&expand(arguments, item), "a tool needs a description");
        }
    }

    #[test]
    fn titles_are_pascal_case() {
        assert_eq!(pascal_case("web.search_pages.v2-x"), "WebSearchPagesV2X");
        assert_eq!(pascal_case("_"), "");
    }
}
