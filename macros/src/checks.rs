//! The types in the function's signature, checked where the user wrote them; `wrapper` says why.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{ReturnType, Type, TypeImplTrait, TypeInfer, TypeNever, parse_quote_spanned, spanned::Spanned, visit::Visit};

use crate::{
    expand::Item,
    params::{Parameter, Role, lacks_generics, with_static_lifetimes},
};

#[derive(Default)]
pub(crate) struct Checks {
    /// Statements that compile if the types are right.
    pub(crate) checks: Vec<TokenStream>,
    /// The same as bounds. The compiler checks a bound without parameters where it stands, which would be a second
    /// error, unless it has a lifetime of its own: hence `for<'__mcp>`.
    pub(crate) assumptions: Vec<TokenStream>,
}

impl Checks {
    pub(crate) fn new(item: &Item) -> Self {
        let mut checks = Self::default();
        for parameter in &item.parameters {
            // The compiler has said all there is to say.
            if !lacks_generics(&parameter.ty) {
                checks.parameter(parameter);
            }
        }
        checks.result(item);
        checks
    }

    fn parameter(&mut self, Parameter { ty, role }: &Parameter) {
        let ty = with_static_lifetimes(ty);
        let span = generated(&ty);
        match role {
            Role::Extractor => {
                self.checks.push(quote_spanned!(span=> let _ = <#ty as ::mcp_mount::FromCall>::needs;));
                self.assumptions
                    .push(quote_spanned!(span=> for<'__mcp> #ty: ::mcp_mount::__private::Extractor<'__mcp>));
            }
            // Serde and schemars may have been told to read and describe any other in a way of its own.
            Role::Argument(argument) if argument.is_plain() => {
                self.checks.push(quote_spanned!(span=> let _ = <#ty as ::mcp_mount::__private::Argument>::check;));
                self.assumptions.push(quote_spanned!(span=> for<'__mcp> #ty: ::mcp_mount::__private::Readable<'__mcp>));
            }
            Role::Argument(_) => {}
        }
    }

    fn result(&mut self, item: &Item) {
        let signature = &item.function.signature;
        let ty = match &signature.output {
            ReturnType::Default => parse_quote_spanned!(signature.ident.span()=> ()),
            ReturnType::Type(_, ty) => with_static_lifetimes(ty),
        };
        if !is_nameable(&ty) {
            return;
        }
        let span = generated(&ty);
        let (result, method, answer) = (item.kind.result(), item.kind.result_method(), item.kind.answer());
        self.checks.push(quote_spanned!(span=> let _ = <#ty as ::mcp_mount::#result>::#method;));
        self.assumptions.push(quote_spanned!(span=> for<'__mcp> #ty: ::mcp_mount::__private::#answer<'__mcp>));
    }
}

/// Where the user wrote `ty`, but written by us.
fn generated(ty: &Type) -> Span {
    Span::mixed_site().located_at(ty.span())
}

/// Whether a return type can be written again outside of the signature.
fn is_nameable(ty: &Type) -> bool {
    struct Unnameable(bool);

    impl<'ast> Visit<'ast> for Unnameable {
        fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {
            self.0 = true;
        }

        fn visit_type_infer(&mut self, _: &'ast TypeInfer) {
            self.0 = true;
        }

        fn visit_type_never(&mut self, _: &'ast TypeNever) {
            self.0 = true;
        }
    }

    let mut found = Unnameable(false);
    found.visit_type(ty);
    !found.0
}
