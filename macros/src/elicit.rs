//! `#[derive(Elicit)]`: what a form asks for, checked field by field.
//!
//! The schema is schemars', the reading serde's. What is derived here is that both will stay within what forms can say:
//! the types of the fields where the user wrote them, and the attributes that would change the shape of it all.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Attribute, Data, DataEnum, DataStruct, DeriveInput, Expr, ExprAssign, ExprLit, Field, Fields, Lit, Meta, Token,
    Type, Variant, punctuated::Punctuated, spanned::Spanned,
};

use crate::errors::Errors;

pub(crate) fn derive(tokens: TokenStream) -> TokenStream {
    let input = match syn::parse2::<DeriveInput>(tokens) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::default();
    let implemented = match &input.data {
        Data::Struct(data) => form(&input, data, &mut errors),
        Data::Enum(data) => choice(&input, data, &mut errors),
        Data::Union(data) => {
            let message = "a form is a struct with named fields, and a choice is an enum of variants without data";
            errors.at(data.union_token, message);
            TokenStream::new()
        }
    };
    // Implemented all the same, so that whoever asks with it is not told a second time. Not so with parameters, which
    // would have to be bounded.
    let implemented = if input.generics.params.is_empty() {
        implemented
    } else {
        let message = "a form has no parameters: what it asks for is always the same";
        errors.at(&input.generics.params, message);
        TokenStream::new()
    };
    let errors = errors.into_compile_errors();
    quote!(#implemented #errors)
}

/// A struct: `Elicit`, and a check of each field's type.
fn form(input: &DeriveInput, data: &DataStruct, errors: &mut Errors) -> TokenStream {
    let ident = &input.ident;
    let Fields::Named(fields) = &data.fields else {
        errors.at(ident, format!("a form has named fields, or none: `struct {ident} {{ name: String }}`"));
        return TokenStream::new();
    };
    for meta in said_to(&input.attrs, "schemars").filter(|meta| is_any(meta, &["extend", "transform"])) {
        errors.at(&meta, format!("a form cannot say `{}` of itself: clients show no such thing", name(&meta)));
    }
    for meta in said(&input.attrs).filter(|meta| is_any(meta, RESHAPING)) {
        let message = format!("a form cannot be `{}`: its fields are the fields of its struct", name(&meta));
        errors.at(&meta, message);
    }
    let checks: Vec<_> = fields.named.iter().filter_map(|field| field_check(field, errors)).collect();
    let span = generated(ident);
    let checked = quote_spanned!(span=> let _ = <#ident as ::mcp_mount::__private::ElicitStruct>::check;);
    // On the assumption that is checked below, so that there is one error and no second one.
    quote! {
        impl ::mcp_mount::Elicit for #ident where for<'__mcp> #ident: ::mcp_mount::__private::Readable<'__mcp> {}
        const _: fn() = || { #checked #(#checks)* };
    }
}

fn field_check(field: &Field, errors: &mut Errors) -> Option<TokenStream> {
    for meta in said_to(&field.attrs, "schemars") {
        if is_any(&meta, BEYOND_FORMS) {
            let message = format!("a form cannot say `{}` of a field: clients show no such thing", name(&meta));
            errors.at(&meta, message);
        } else if is_any(&meta, &["extend"]) && !extends_format(&meta) {
            errors.at(
                &meta,
                "beyond what schemars has words for, a form can say one thing of a field: `extend(\"format\" = \"date\")`, or \"date-time\"",
            );
        }
    }
    for meta in said(&field.attrs).filter(|meta| is_any(meta, &["flatten"])) {
        errors.at(&meta, "a form is flat by itself: write the fields of the other struct into this one");
    }
    // Neither left out nor described as something else.
    let aside = |meta: Meta| is_any(&meta, &["skip", "skip_deserializing", "flatten"]);
    if said(&field.attrs).any(aside) {
        return None;
    }
    let ty = said_to(&field.attrs, "schemars").find_map(described_as).unwrap_or_else(|| field.ty.clone());
    let span = generated(&ty);
    Some(quote_spanned!(span=> let _ = <#ty as ::mcp_mount::__private::ElicitField>::check;))
}

/// The type that a field is described as: `with = "String"`.
fn described_as(meta: Meta) -> Option<Type> {
    let Meta::NameValue(pair) = meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value else { return None };
    pair.path.is_ident("with").then(|| text.parse().ok()).flatten()
}

/// Whether what is added to the schema is the format of a text.
fn extends_format(meta: &Meta) -> bool {
    let Meta::List(list) = meta else { return false };
    let pairs = list.parse_args_with(Punctuated::<ExprAssign, Token![,]>::parse_terminated);
    let is_format = |pair: &ExprAssign| match &*pair.left {
        Expr::Lit(ExprLit { lit: Lit::Str(key), .. }) => key.value() == "format",
        _ => false,
    };
    pairs.is_ok_and(|pairs| pairs.iter().all(is_format))
}

/// An enum: one of the things that a field can be.
fn choice(input: &DeriveInput, data: &DataEnum, errors: &mut Errors) -> TokenStream {
    let ident = &input.ident;
    for meta in said(&input.attrs).filter(|meta| is_any(meta, RESHAPING)) {
        errors.at(&meta, format!("a choice cannot be `{}`: it is written as the name of a variant", name(&meta)));
    }
    if data.variants.is_empty() {
        errors.at(ident, "a choice needs variants, of which one is chosen");
    }
    for variant in &data.variants {
        check_variant(variant, errors);
    }
    quote! {
        impl ::mcp_mount::__private::ElicitField for #ident {}
        impl ::mcp_mount::__private::ElicitChoice for #ident {}
    }
}

fn check_variant(variant: &Variant, errors: &mut Errors) {
    if !matches!(variant.fields, Fields::Unit) {
        let message = "a choice has variants without data: what else is to be asked are fields of the form";
        errors.at(variant, message);
    }
    for meta in said(&variant.attrs).filter(|meta| is_any(meta, &["other", "untagged", "with", "deserialize_with"])) {
        errors.at(&meta, format!("a variant of a choice cannot be `{}`: it stands for its name", name(&meta)));
    }
}

/// What schemars could say of a field, and no form has a word for (2025-11-25, schema, «PrimitiveSchemaDefinition»).
const BEYOND_FORMS: &[&str] =
    &["regex", "pattern", "contains", "inner", "example", "examples", "schema_with", "transform"];

/// What makes serde or schemars take the type for another than its fields or variants say.
const RESHAPING: &[&str] =
    &["transparent", "from", "try_from", "remote", "tag", "content", "untagged", "with", "schema_with"];

/// All that serde and schemars are told.
fn said(attributes: &[Attribute]) -> impl Iterator<Item = Meta> {
    said_to(attributes, "serde").chain(said_to(attributes, "schemars"))
}

/// What one of them is told. What cannot be read here is for its own derive to refuse.
fn said_to(attributes: &[Attribute], whom: &str) -> impl Iterator<Item = Meta> {
    let lists = attributes.iter().filter(move |attribute| attribute.path().is_ident(whom));
    let read = |list: &Attribute| list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok();
    lists.filter_map(read).flatten()
}

fn is_any(meta: &Meta, names: &[&str]) -> bool {
    names.iter().any(|name| meta.path().is_ident(name))
}

fn name(meta: &Meta) -> String {
    meta.path().to_token_stream().to_string()
}

/// Where the user wrote it, but written by us.
fn generated(tokens: &impl Spanned) -> Span {
    Span::mixed_site().located_at(tokens.span())
}

#[cfg(test)]
mod tests;
