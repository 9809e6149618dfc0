//! The function under `#[tool]`: its parts, and what it must not be.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::ToTokens;
use syn::{
    Attribute, Error, Expr, ExprLit, Lit, Meta, Result, Signature, Token, Visibility,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

use crate::errors::Errors;

/// A function whose body is left unread: it is not ours to judge, and a tool whose body somebody is still typing keeps
/// its signature, and with it completion in the editor.
pub(crate) struct Function {
    attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    body: Group,
}

impl Function {
    /// The function's name, without `r#`.
    pub(crate) fn name(&self) -> String {
        self.signature.ident.unraw().to_string()
    }

    pub(crate) fn is_method(&self) -> bool {
        self.signature.receiver().is_some()
    }

    /// Reports what no tool can have.
    pub(crate) fn check(&self, errors: &mut Errors) {
        let signature = &self.signature;
        if let Some(receiver) = signature.receiver() {
            errors
                .at(receiver, "a tool cannot be a method; write a free function and take what it needs as `State<T>`");
        }
        if !signature.generics.params.is_empty() {
            errors.at(&signature.generics, "a tool cannot be generic, since no client could choose the type");
        }
        if let Some(unsafety) = &signature.unsafety {
            errors.at(unsafety, "a tool cannot be `unsafe`, since any client may call it");
        }
        if let Some(abi) = &signature.abi {
            errors.at(abi, "a tool cannot be `extern`; write an ordinary function");
        }
    }

    /// The doc comment, or `None` when there is none or only a blank one.
    pub(crate) fn documentation(&self) -> Result<Option<String>> {
        let mut lines = Vec::new();
        for attribute in &self.attributes {
            let Meta::NameValue(meta) = &attribute.meta else {
                continue;
            };
            if !meta.path.is_ident("doc") {
                continue;
            }
            let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &meta.value else {
                return Err(Error::new(
                    meta.value.span(),
                    "`#[tool]` cannot evaluate this; write the doc comment out, or add `description = \"..\"`",
                ));
            };
            lines.extend(comment_lines(&text.value()));
        }
        let text = lines.join("\n").trim().to_owned();
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let lookahead = input.lookahead1();
        let is_function = lookahead.peek(Token![fn])
            || lookahead.peek(Token![async])
            || lookahead.peek(Token![const])
            || lookahead.peek(Token![unsafe])
            || lookahead.peek(Token![extern]);
        if !is_function {
            return Err(input.error("`#[tool]` goes on a free function"));
        }
        let signature = input.parse()?;
        if input.peek(Token![;]) {
            return Err(input.error("a tool needs a body"));
        }
        let body: Group = input.parse()?;
        if body.delimiter() != Delimiter::Brace {
            return Err(Error::new(body.span(), "expected the function's body"));
        }
        Ok(Self { attributes, visibility, signature, body })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attribute in &self.attributes {
            attribute.to_tokens(tokens);
        }
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}

/// The lines of one `#[doc = ".."]`. `///` gives a line each, `/** .. */` gives all at once, mostly behind a column of
/// stars that is no part of the text.
fn comment_lines(text: &str) -> Vec<String> {
    let starred = text.contains('\n')
        && text.split('\n').skip(1).map(str::trim_start).all(|line| line.is_empty() || line.starts_with('*'));
    text.split('\n')
        .enumerate()
        .map(|(number, line)| {
            let line = match line.trim_start().strip_prefix('*') {
                Some(rest) if starred && number > 0 => rest,
                _ => line,
            };
            line.strip_prefix(' ').unwrap_or(line).to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(text: &str) -> Function {
        syn::parse_str(text).expect("a function")
    }

    fn documentation(text: &str) -> Option<String> {
        function(text).documentation().expect("literal documentation")
    }

    fn problems(text: &str) -> Vec<String> {
        let mut errors = Errors::default();
        function(text).check(&mut errors);
        errors.messages()
    }

    #[test]
    fn lines_are_joined_and_lose_one_space() {
        let text = documentation(
            "/// Add two numbers.
             ///
             ///   - indented
             #[doc(hidden)]
             ///bare\u{20}
             ///
             fn add() {}",
        );
        assert_eq!(text.as_deref(), Some("Add two numbers.\n\n  - indented\nbare"));
    }

    #[test]
    fn a_block_comment_loses_its_stars() {
        let text = documentation(
            "/**
              * Add two numbers.
              *
              *  - exactly
              */
             fn add() {}",
        );
        assert_eq!(text.as_deref(), Some("Add two numbers.\n\n - exactly"));
        let list = documentation("/** Either\n * a star\n or not */ fn add() {}");
        assert_eq!(list.as_deref(), Some("Either\n* a star\nor not"));
    }

    #[test]
    fn a_blank_comment_is_none() {
        assert_eq!(documentation("fn add() {}"), None);
        assert_eq!(documentation("///  \n fn add() {}"), None);
    }

    #[test]
    fn included_documentation_is_an_error() {
        let function = function(r#"#[doc = include_str!("add.md")] fn add() {}"#);
        assert!(function.documentation().is_err());
    }

    #[test]
    fn what_no_tool_can_be() {
        assert_eq!(problems("pub(crate) async fn add() {}"), [""; 0]);
        assert!(problems("fn add(&self) {}")[0].contains("State<T>"));
        assert!(problems("fn add<'a, T>() {}")[0].contains("generic"));
        let both = problems("unsafe extern \"C\" fn add() {}");
        assert!(both[0].contains("`unsafe`") && both[1].contains("`extern`"), "{both:?}");
    }

    #[test]
    fn only_functions_with_bodies_are_read() {
        for (text, expected) in [
            ("struct Add;", "`#[tool]` goes on a free function"),
            ("fn add();", "a tool needs a body"),
            ("fn add() []", "expected the function's body"),
        ] {
            let error = syn::parse_str::<Function>(text).map(drop).expect_err("no tool");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn the_body_is_not_read() {
        let text = "fn add () { let half = ; }";
        assert_eq!(function(text).to_token_stream().to_string(), text);
    }
}
