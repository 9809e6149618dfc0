//! The function under the attribute: its parts, and what it must not be.

use proc_macro2::{Delimiter, Group, TokenStream};
use quote::ToTokens;
use syn::{
    Attribute, Error, Expr, ExprLit, Lit, Meta, Result, ReturnType, Signature, Token, Type, TypeParamBound, Visibility,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    spanned::Spanned,
};

use crate::{errors::Errors, kind::Kind};

/// A function whose body is left unread: it is not ours to judge, and a tool whose body somebody is still typing keeps
/// its signature, and with it completion in the editor.
pub(crate) struct Function {
    kind: Kind,
    attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    body: Group,
}

impl Function {
    /// Reads the function that is to become a `kind`.
    pub(crate) fn read(kind: Kind, item: TokenStream) -> Result<Self> {
        let parser = |input: ParseStream<'_>| Self::parse(kind, input);
        parser.parse2(item)
    }

    fn parse(kind: Kind, input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let lookahead = input.lookahead1();
        let is_function = lookahead.peek(Token![fn])
            || lookahead.peek(Token![async])
            || lookahead.peek(Token![const])
            || lookahead.peek(Token![unsafe])
            || lookahead.peek(Token![extern]);
        if !is_function {
            return Err(input.error(format!("`#[{kind}]` goes on a free function")));
        }
        let signature = input.parse()?;
        if input.peek(Token![;]) {
            return Err(input.error(format!("a {kind} needs a body")));
        }
        let body: Group = input.parse()?;
        if body.delimiter() != Delimiter::Brace {
            return Err(Error::new(body.span(), "expected the function's body"));
        }
        Ok(Self { kind, attributes, visibility, signature, body })
    }

    /// The function's name, without `r#`.
    pub(crate) fn name(&self) -> String {
        self.signature.ident.unraw().to_string()
    }

    pub(crate) fn is_method(&self) -> bool {
        self.signature.receiver().is_some()
    }

    /// Reports what no tool, resource or prompt can have.
    pub(crate) fn check(&self, errors: &mut Errors) {
        let Self { kind, signature, .. } = self;
        if let Some(receiver) = signature.receiver() {
            errors.at(
                receiver,
                format!("a {kind} cannot be a method; write a free function and take what it needs as `State<T>`"),
            );
        }
        if !signature.generics.params.is_empty() {
            let message = format!("a {kind} cannot be generic, since no client could choose the type");
            errors.at(&signature.generics, message);
        }
        if let Some(unsafety) = &signature.unsafety {
            errors.at(unsafety, format!("a {kind} cannot be `unsafe`, since any client may call it"));
        }
        if let Some(abi) = &signature.abi {
            errors.at(abi, format!("a {kind} cannot be `extern`; write an ordinary function"));
        }
        if let Some(future) = self.returned_future() {
            let message = format!("a {kind} does not return a future; write `async fn`, and the result alone");
            errors.at(future, message);
        }
    }

    /// The `impl Future<..>` that the function returns.
    fn returned_future(&self) -> Option<&Type> {
        let ReturnType::Type(_, ty) = &self.signature.output else {
            return None;
        };
        let Type::ImplTrait(opaque) = &**ty else {
            return None;
        };
        let is_future = |bound: &TypeParamBound| match bound {
            TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| last.ident == "Future"),
            _ => false,
        };
        opaque.bounds.iter().any(is_future).then_some(ty)
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
                    format!(
                        "`#[{}]` cannot evaluate this; write the doc comment out, or add `description = \"..\"`",
                        self.kind
                    ),
                ));
            };
            lines.extend(comment_lines(&text.value()));
        }
        let text = lines.join("\n").trim().to_owned();
        Ok(Some(text).filter(|text| !text.is_empty()))
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

    fn read(text: &str) -> Result<Function> {
        Function::read(Kind::Tool, text.parse().expect("tokens"))
    }

    fn function(text: &str) -> Function {
        read(text).expect("a function")
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
        assert!(
            problems("fn add() -> impl Send + std::future::Future<Output = u8> {}")[0].contains("write `async fn`")
        );
        assert_eq!(problems("fn add() -> impl IntoToolResult {}"), [""; 0]);
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
            let error = read(text).map(drop).expect_err("no tool");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn the_body_is_not_read() {
        let text = "fn add () { let half = ; }";
        assert_eq!(function(text).to_token_stream().to_string(), text);
    }
}
