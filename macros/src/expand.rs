//! What the attributes write: the function, its companion, and the companion's `ToolSource`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use crate::{
    attr::{Attributes, check_name},
    errors::Errors,
    function::Function,
    kind::Kind,
    params::{self, Parameter},
    template::Template,
    wrapper::wrapper,
};

/// All that is known of the function and what it becomes.
pub(crate) struct Item {
    pub(crate) kind: Kind,
    pub(crate) attributes: Attributes,
    pub(crate) function: Function,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) name: String,
    pub(crate) description: String,
}

pub(crate) fn expand(kind: Kind, arguments: TokenStream, tokens: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let attributes = Attributes::parse(kind, arguments, &mut errors);
    let function = match Function::read(kind, tokens.clone()) {
        Ok(function) => function,
        Err(error) => {
            errors.push(error);
            let errors = errors.into_compile_errors();
            return quote!(#tokens #errors);
        }
    };
    let item = Item::new(kind, attributes, function, &mut errors);
    let function = &item.function;
    let companion = item.attributes.companion.as_ref().unwrap_or(&function.signature.ident);
    let source = match errors.into_compile_errors() {
        // No type can be declared among methods, so that the errors can only stand alone.
        Some(errors) if function.is_method() => return quote!(#function #errors),
        Some(errors) => source(kind, companion, &errors),
        None => {
            let (wrapper, made) = wrapper(&item);
            let source = source(kind, companion, &made);
            // `deprecated`: a deprecated tool is still one, and the call in the wrapper is not its author's.
            quote! {
                #[allow(deprecated)]
                const _: () = { #wrapper #source };
            }
        }
    };
    let companion = item.companion_struct(companion);
    // By value is what we demand of an argument, so that a lint must not ask for a reference.
    quote!(#[allow(clippy::needless_pass_by_value)] #function #companion #source)
}

impl Item {
    fn new(kind: Kind, attributes: Attributes, mut function: Function, errors: &mut Errors) -> Self {
        function.check(errors);
        // Before anything is given back: it takes off the attributes that a function's parameters cannot keep.
        let parameters = params::read(kind, &mut function.signature, errors);
        let name = name(kind, &attributes, &function, errors);
        let description = description(kind, &attributes, &function, errors);
        check_uri(&attributes, &parameters, errors);
        Self { kind, attributes, function, parameters, name, description }
    }

    /// The type that `tools![..]` names. Braces keep it out of the namespace of values, where the function is.
    fn companion_struct(&self, companion: &Ident) -> TokenStream {
        let Self { kind, name, function, .. } = self;
        let visibility = &function.visibility;
        let documentation = format!("The {kind} `{name}`, for `{kind}s![..]`.");
        quote! {
            #[doc = #documentation]
            #[allow(non_camel_case_types)]
            #[derive(::core::fmt::Debug)]
            #[non_exhaustive]
            #visibility struct #companion {}
        }
    }
}

/// The name; its mistakes are shown where it was written.
fn name(kind: Kind, attributes: &Attributes, function: &Function, errors: &mut Errors) -> String {
    if let Some(name) = &attributes.name {
        return name.value();
    }
    let name = function.name();
    if let Err(message) = check_name(kind, &name) {
        errors.at(&function.signature.ident, message);
    }
    name
}

fn description(kind: Kind, attributes: &Attributes, function: &Function, errors: &mut Errors) -> String {
    let ident = &function.signature.ident;
    let purpose = kind.purpose_of_description();
    let missing = format!("a {kind} needs a description, {purpose}; add a doc comment, or `description = \"..\"`");
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

fn check_uri(attributes: &Attributes, parameters: &[Parameter], errors: &mut Errors) {
    let Some(template) = attributes.uri.as_ref().and_then(|uri| Template::read(uri, errors)) else {
        return;
    };
    template.check(parameters, errors);
    if let Some(size) = attributes.given("size").filter(|_| !template.is_fixed()) {
        errors.at(size, "a template stands for many resources, which have no one size");
    }
}

fn source(kind: Kind, companion: &Ident, body: &TokenStream) -> TokenStream {
    let (source, method, made) = (kind.source(), kind.source_method(), kind.made());
    quote! {
        impl ::mcp_mount::__private::#source for #companion {
            fn #method() -> ::mcp_mount::#made { #body }
        }
    }
}

#[cfg(test)]
mod tests;
