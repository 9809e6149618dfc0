//! The arguments of `#[tool(..)]`, `#[resource(..)]` and `#[prompt(..)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    Error, Ident, LitStr, Result, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::{errors::Errors, kind::Kind};

mod value;

pub(crate) use value::check_name;

/// What the user wrote in the parentheses; `None` is what they left out.
#[derive(Default)]
pub(crate) struct Attributes {
    /// Of a resource: always there if there was no mistake.
    pub(crate) uri: Option<LitStr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) icons: Vec<LitStr>,
    pub(crate) companion: Option<Ident>,
    /// Method calls, `.read_only(true)`: all the other arguments have the names of the builder's methods.
    pub(crate) settings: Vec<TokenStream>,
    /// The names of the arguments that were read, where they were written.
    given: Vec<Ident>,
}

impl Attributes {
    /// Reads what can be read; a mistake in one argument does not hide those in the next.
    pub(crate) fn parse(kind: Kind, tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut attributes = Self::default();
        let parser = |input: ParseStream<'_>| {
            if kind == Kind::Resource {
                match uri(input) {
                    Ok(uri) => attributes.uri = Some(uri),
                    Err(error) => errors.push(error),
                }
            }
            while !input.is_empty() {
                if let Err(error) = attributes.argument(kind, input).and_then(|()| comma(input)) {
                    errors.push(error);
                    skip_argument(input)?;
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            errors.push(error);
        }
        attributes
    }

    /// The argument's name, if it was given.
    pub(crate) fn given(&self, name: &str) -> Option<&Ident> {
        self.given.iter().find(|given| *given == name)
    }

    fn argument(&mut self, kind: Kind, input: ParseStream<'_>) -> Result<()> {
        let Ok(key) = input.call(Ident::parse_any) else {
            return Err(input.error(format!("expected an argument, one of {}", allowed(kind))));
        };
        let name = key.to_string();
        if !kind.arguments().contains(&name.as_str()) {
            let allowed = allowed(kind);
            return Err(Error::new(key.span(), format!("`#[{kind}]` has no argument `{name}`; it has {allowed}")));
        }
        if name != "icon" && self.given(&name).is_some() {
            return Err(Error::new(key.span(), format!("`{name}` is given twice")));
        }
        match name.as_str() {
            "name" => self.name = Some(value::name(kind, &key, input)?),
            "description" => self.description = Some(value::text(&key, input)?),
            "icon" => self.icons.push(value::text(&key, input)?),
            "companion" => self.companion = Some(value::identifier(&key, input)?),
            _ => {
                let value = value::setting(&name, &key, input)?;
                self.settings.push(quote!(.#key(#value)));
            }
        }
        self.given.push(key);
        Ok(())
    }
}

/// The URI, which comes first and without a name.
fn uri(input: ParseStream<'_>) -> Result<LitStr> {
    if !input.peek(LitStr) {
        let span = if input.is_empty() { Span::call_site() } else { input.span() };
        return Err(Error::new(
            span,
            "`#[resource]` begins with the resource's URI: `#[resource(\"app://config\", ..)]`",
        ));
    }
    let uri = input.parse()?;
    comma(input)?;
    Ok(uri)
}

fn allowed(kind: Kind) -> String {
    let names: Vec<_> = kind.arguments().iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// Takes the comma between two arguments.
fn comma(input: ParseStream<'_>) -> Result<()> {
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(())
}

/// Goes on behind the next comma, or to the end.
fn skip_argument(input: ParseStream<'_>) -> Result<()> {
    while !input.is_empty() {
        if input.parse::<Option<Token![,]>>()?.is_some() {
            break;
        }
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
