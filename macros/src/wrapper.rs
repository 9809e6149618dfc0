//! The closure around the function, and the type of its arguments.
//!
//! The wrapper is a closure, and all that the compiler has to say of a closure that does not fit is that it does not.
//! So the types in the function's signature are checked where the user wrote them, and the wrapper is compiled under
//! the assumption that they are right:
//!
//! ```text
//! const _: fn() = || { let _ = <State<Db> as FromCall>::needs; };              // the error, if it is one
//! impl Make<Tool> for __McpMade where for<'a> State<Db>: Extractor<'a> { .. }  // and no second one in here
//! ```
//!
//! Whoever calls `make` has to prove what is assumed. `Checked` in `mcp_mount::__private` calls it if that can be
//! proven, and is no error where it cannot, because then there is one already.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};

use crate::{
    checks::Checks,
    expand::Item,
    params::{Argument, Parameter, Role},
};

/// What stands hidden beside the companion, and the expression that makes a `Tool` with it.
pub(crate) fn wrapper(item: &Item) -> (TokenStream, TokenStream) {
    let arguments = arguments_struct(item);
    let Checks { checks, assumptions } = Checks::new(item);
    let made = item.kind.made();
    let make = make(item);
    let wrapper = quote! {
        #arguments
        const _: fn() = || { #(#checks)* };
        struct __McpMade;
        impl ::mcp_mount::__private::Make<::mcp_mount::#made> for __McpMade where #(#assumptions),* {
            fn make() -> ::mcp_mount::#made { #make }
        }
    };
    let call = quote! {
        #[allow(unused_imports)]
        use ::mcp_mount::__private::Unchecked as _;
        ::mcp_mount::__private::Checked::<__McpMade, _>::make()
    };
    (wrapper, call)
}

/// The arguments as one type, from which come the schema and the decoding.
///
/// The types of plain arguments are parameters of it, so that what is derived compiles whatever they are. Where serde
/// or schemars were told something, it may be about the type itself.
fn arguments_struct(item: &Item) -> Option<TokenStream> {
    let mut generics = Vec::new();
    let mut fields = Vec::new();
    for Parameter { ty, role } in &item.parameters {
        let Role::Argument(argument) = role else {
            continue;
        };
        let ty = if argument.is_plain() {
            let generic = format_ident!("__McpArgument{}", generics.len());
            generics.push(generic.clone());
            generic.into_token_stream()
        } else {
            ty.into_token_stream()
        };
        let Argument { name, attributes, header, .. } = argument;
        let header = header.as_ref().map(|header| quote!(#[schemars(extend("x-mcp-header" = #header))]));
        fields.push(quote!(#(#attributes)* #header #name: #ty));
    }
    if fields.is_empty() {
        return None;
    }
    // The schema's title, and what serde says it expected; without them both would be our struct's name.
    let title = format!("{}Arguments", pascal_case(&item.name));
    Some(quote! {
        #[derive(::mcp_mount::__private::serde::Deserialize, ::mcp_mount::__private::schemars::JsonSchema)]
        #[serde(crate = "::mcp_mount::__private::serde", rename = #title, expecting = "an object of arguments")]
        #[schemars(crate = "::mcp_mount::__private::schemars")]
        #[allow(non_snake_case)]
        struct __McpArguments<#(#generics),*> { #(#fields),* }
    })
}

/// The call of `tool_fn`.
fn make(item: &Item) -> TokenStream {
    let signature = &item.function.signature;
    let ident = &signature.ident;
    // Errors about the handler as a whole underline the function's name. Mixed site: our bindings hide no item of the
    // user's.
    let span = Span::mixed_site().located_at(ident.span());
    let args = Ident::new("args", span);

    let mut inputs = Vec::new();
    let mut values = Vec::new();
    let mut generics = Vec::new();
    for (number, Parameter { role, .. }) in item.parameters.iter().enumerate() {
        match role {
            Role::Argument(argument) => {
                let name = &argument.name;
                values.push(quote_spanned!(span=> #args.#name));
                generics.extend(argument.is_plain().then(|| quote_spanned!(span=> _)));
            }
            Role::Extractor => {
                let extractor = format_ident!("extractor_{number}", span = span);
                inputs.push(extractor.to_token_stream());
                values.push(extractor.into_token_stream());
            }
        }
    }
    if inputs.len() < values.len() {
        let args = quote_spanned!(span=> ::mcp_mount::Args(#args): ::mcp_mount::Args<__McpArguments<#(#generics),*>>);
        inputs.insert(0, args);
    }
    // The types of the other inputs, and of the arguments, are those of the function's parameters.
    let dot_await = signature.asyncness.map(|_| quote_spanned!(span=> .await));
    let handler = quote_spanned! {span=>
        |#(#inputs),*| ::mcp_mount::__private::running(async move { #ident(#(#values),*) #dot_await })
    };
    let (name, description) = (&item.name, &item.description);
    let maker = item.kind.maker();
    let settings = settings(item);
    match &item.attributes.uri {
        Some(uri) => quote_spanned! {span=>
            ::mcp_mount::#maker(#uri, #name, #handler).description(#description) #settings
        },
        None => quote_spanned!(span=> ::mcp_mount::#maker(#name, #description, #handler) #settings),
    }
}

/// A method call for everything that was said of it; what was left out keeps its default.
fn settings(item: &Item) -> TokenStream {
    let settings = &item.attributes.settings;
    let icons = (!item.attributes.icons.is_empty()).then(|| {
        let icons = &item.attributes.icons;
        quote!(.icons([#(::mcp_mount::Icon::new(#icons)),*]))
    });
    let completions = item.parameters.iter().filter_map(Parameter::argument).filter_map(|argument| {
        let handler = argument.completion.as_ref()?;
        let names = argument.names();
        let name = names.first();
        Some(quote!(.complete(#name, #handler)))
    });
    quote!(#(#settings)* #icons #(#completions)*)
}

/// `web.search_pages` becomes `WebSearchPages`.
fn pascal_case(name: &str) -> String {
    name.split(|c: char| !c.is_alphanumeric())
        .filter_map(|word| {
            let mut letters = word.chars();
            let first = letters.next()?.to_uppercase();
            Some(format!("{first}{}", letters.as_str()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_pascal_case() {
        assert_eq!(pascal_case("web.search_pages.v2-x"), "WebSearchPagesV2X");
        assert_eq!(pascal_case("ein großes Wort"), "EinGroßesWort");
        assert_eq!(pascal_case("_"), "");
    }
}
