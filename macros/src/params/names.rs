//! What an argument is called in JSON.

use proc_macro2::TokenTree;
use syn::{Attribute, Ident, LitStr, Token, ext::IdentExt, meta::ParseNestedMeta};

/// The names by which an argument is read, the first of which is the one to tell.
pub(crate) struct Names {
    pub(crate) all: Vec<String>,
    /// Whether its field is no member of the JSON object (`flatten`, `skip`), so that nothing can be said of it.
    pub(crate) unknown: bool,
}

impl Names {
    /// The parameter's name, unless serde is told otherwise.
    pub(super) fn read(name: &Ident, attributes: &[Attribute]) -> Self {
        let mut names = Self { all: vec![name.unraw().to_string()], unknown: false };
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            // What cannot be read here, serde will report.
            let _ = attribute.parse_nested_meta(|meta| names.change(&meta));
        }
        names
    }

    /// The name to tell.
    pub(crate) fn first(&self) -> &str {
        &self.all[0]
    }

    fn change(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if meta.path.is_ident("flatten") || meta.path.is_ident("skip") || meta.path.is_ident("skip_deserializing") {
            self.unknown = true;
        } else if meta.path.is_ident("rename") && !meta.input.peek(Token![=]) {
            // `rename(deserialize = "..", serialize = "..")`
            return meta.parse_nested_meta(|inner| {
                let value = text(&inner)?;
                if inner.path.is_ident("deserialize") {
                    self.all[0] = value;
                }
                Ok(())
            });
        } else if meta.path.is_ident("rename") {
            self.all[0] = text(meta)?;
        } else if meta.path.is_ident("alias") {
            self.all.push(text(meta)?);
        } else {
            skip_value(meta)?;
        }
        Ok(())
    }
}

fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<String> {
    meta.value()?.parse().map(|text: LitStr| text.value())
}

/// Goes on before the next comma.
fn skip_value(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
        meta.input.parse::<TokenTree>()?;
    }
    Ok(())
}
