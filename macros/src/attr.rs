//! The arguments of `#[tool(..)]`.

use std::time::Duration;

use proc_macro2::TokenStream;
use syn::{
    Error, Ident, LitBool, LitInt, LitStr, Result, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

use crate::errors::Errors;

const ALLOWED: &str = "`name`, `title`, `description`, `icon`, `read_only`, `destructive`, `idempotent`, \
                       `open_world`, `timeout`, `on_disconnect`, `companion`";
const TIMEOUT: &str = "a timeout is a text such as \"500ms\", \"30s\" or \"2m\", or a whole number of seconds";
/// The bounds and characters of a name are those of the specification (2026-07-28, server/tools, «Tool Names»), where
/// they are a SHOULD. A name beyond them would be at the mercy of each client and model.
const LONGEST_NAME: usize = 128;

/// What the user wrote in the parentheses; `None` is what they left out.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) icons: Vec<LitStr>,
    pub(crate) read_only: Option<bool>,
    pub(crate) destructive: Option<bool>,
    pub(crate) idempotent: Option<bool>,
    pub(crate) open_world: Option<bool>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_disconnect: Option<OnDisconnect>,
    pub(crate) companion: Option<Ident>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum OnDisconnect {
    Finish,
    Cancel,
}

impl Attributes {
    /// Reads what can be read; a mistake in one argument does not hide those in the next.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut attributes = Self::default();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = attributes.argument(input).and_then(|()| comma(input)) {
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

    fn argument(&mut self, input: ParseStream<'_>) -> Result<()> {
        let Ok(key) = input.call(Ident::parse_any) else {
            return Err(input.error(format!("expected an argument, one of {ALLOWED}")));
        };
        match key.to_string().as_str() {
            "name" => once(&mut self.name, &key, tool_name(&key, input)?),
            "title" => once(&mut self.title, &key, text(&key, input)?),
            "description" => once(&mut self.description, &key, text(&key, input)?),
            "icon" => {
                self.icons.push(text(&key, input)?);
                Ok(())
            }
            "read_only" => once(&mut self.read_only, &key, flag(&key, input)?),
            "destructive" => once(&mut self.destructive, &key, flag(&key, input)?),
            "idempotent" => once(&mut self.idempotent, &key, flag(&key, input)?),
            "open_world" => once(&mut self.open_world, &key, flag(&key, input)?),
            "timeout" => once(&mut self.timeout, &key, timeout(&key, input)?),
            "on_disconnect" => once(&mut self.on_disconnect, &key, on_disconnect(&key, input)?),
            "companion" => once(&mut self.companion, &key, companion(&key, input)?),
            unknown => Err(Error::new(key.span(), format!("`#[tool]` has no argument `{unknown}`; it has {ALLOWED}"))),
        }
    }
}

/// Says why `name` cannot be the name of a tool.
pub(crate) fn check_name(name: &str) -> std::result::Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if name.is_empty() {
        return Err("a tool's name cannot be empty".to_owned());
    }
    if let Some(c) = name.chars().find(|&c| !allowed(c)) {
        return Err(format!(
            "a tool's name may hold only ASCII letters, digits, `_`, `-` and `.`, not {c:?}; \
             give another with `name = \"..\"`"
        ));
    }
    // Every character is ASCII by now, so bytes are characters.
    if name.len() > LONGEST_NAME {
        return Err(format!(
            "a tool's name has at most {LONGEST_NAME} characters, this one has {}; give another with `name = \"..\"`",
            name.len()
        ));
    }
    Ok(())
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

fn once<T>(slot: &mut Option<T>, key: &Ident, value: T) -> Result<()> {
    if slot.replace(value).is_some() {
        return Err(Error::new(key.span(), format!("`{key}` is given twice")));
    }
    Ok(())
}

/// Takes the `=` that every argument but a flag needs; `example` is a value to show to who left it out.
fn equals(key: &Ident, input: ParseStream<'_>, example: &str) -> Result<()> {
    if !input.peek(Token![=]) {
        return Err(Error::new(key.span(), format!("`{key}` needs a value: `{key} = {example}`")));
    }
    input.parse::<Token![=]>().map(drop)
}

fn text(key: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    equals(key, input, "\"..\"")?;
    input.parse()
}

fn tool_name(key: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let name = text(key, input)?;
    check_name(&name.value()).map_err(|message| Error::new(name.span(), message))?;
    Ok(name)
}

fn flag(key: &Ident, input: ParseStream<'_>) -> Result<bool> {
    if !input.peek(Token![=]) {
        return Ok(true);
    }
    equals(key, input, "true")?;
    Ok(input.parse::<LitBool>()?.value)
}

fn timeout(key: &Ident, input: ParseStream<'_>) -> Result<Duration> {
    equals(key, input, "\"30s\"")?;
    let (duration, span) = if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        (duration(&text.value()), text.span())
    } else if input.peek(LitInt) {
        let seconds: LitInt = input.parse()?;
        (whole_seconds(&seconds), seconds.span())
    } else {
        return Err(input.error(TIMEOUT));
    };
    match duration {
        Some(Duration::ZERO) => Err(Error::new(span, "a timeout of zero would end every call at once")),
        Some(duration) => Ok(duration),
        None => Err(Error::new(span, TIMEOUT)),
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit.trim_start() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

/// `30`, but not `30ms`: to the compiler that is the integer 30 with a suffix, which would pass for 30 seconds.
fn whole_seconds(literal: &LitInt) -> Option<Duration> {
    if !literal.suffix().is_empty() {
        return None;
    }
    literal.base10_parse().ok().map(Duration::from_secs)
}

fn on_disconnect(key: &Ident, input: ParseStream<'_>) -> Result<OnDisconnect> {
    let choice = text(key, input)?;
    match choice.value().as_str() {
        "finish" => Ok(OnDisconnect::Finish),
        "cancel" => Ok(OnDisconnect::Cancel),
        _ => Err(Error::new(choice.span(), "`on_disconnect` is \"finish\" or \"cancel\"")),
    }
}

fn companion(key: &Ident, input: ParseStream<'_>) -> Result<Ident> {
    equals(key, input, "another_name")?;
    input.parse()
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn parse(tokens: TokenStream) -> (Attributes, Vec<String>) {
        let mut errors = Errors::default();
        let attributes = Attributes::parse(tokens, &mut errors);
        (attributes, errors.messages())
    }

    #[test]
    fn every_argument_is_read() {
        let (attributes, errors) = parse(quote! {
            name = "web.search", title = "Search", description = "Find pages", icon = "https://example.com/a.png",
            icon = "data:b", read_only, destructive = false, idempotent = true, open_world, timeout = "30s",
            on_disconnect = "cancel", companion = search_tool,
        });
        assert_eq!(errors, [""; 0]);
        assert_eq!(attributes.name.map(|text| text.value()).as_deref(), Some("web.search"));
        assert_eq!(attributes.title.map(|text| text.value()).as_deref(), Some("Search"));
        assert_eq!(attributes.description.map(|text| text.value()).as_deref(), Some("Find pages"));
        let icons: Vec<_> = attributes.icons.iter().map(LitStr::value).collect();
        assert_eq!(icons, ["https://example.com/a.png", "data:b"]);
        assert_eq!(attributes.read_only, Some(true));
        assert_eq!(attributes.destructive, Some(false));
        assert_eq!(attributes.idempotent, Some(true));
        assert_eq!(attributes.open_world, Some(true));
        assert_eq!(attributes.timeout, Some(Duration::from_secs(30)));
        assert_eq!(attributes.on_disconnect, Some(OnDisconnect::Cancel));
        assert_eq!(attributes.companion.map(|ident| ident.to_string()).as_deref(), Some("search_tool"));
    }

    #[test]
    fn timeouts_have_units() {
        let seconds = |tokens| parse(tokens).0.timeout;
        assert_eq!(seconds(quote!(timeout = "500ms")), Some(Duration::from_millis(500)));
        assert_eq!(seconds(quote!(timeout = "2m")), Some(Duration::from_secs(120)));
        assert_eq!(seconds(quote!(timeout = "2 m")), Some(Duration::from_secs(120)));
        assert_eq!(seconds(quote!(timeout = 30)), Some(Duration::from_secs(30)));
        for bad in [
            quote!(timeout = "30"),
            quote!(timeout = "s"),
            quote!(timeout = ""),
            quote!(timeout = "1.5s"),
            quote!(timeout = "-1s"),
            quote!(timeout = "30sec"),
            quote!(timeout = "18446744073709551615m"),
            quote!(timeout = "99999999999999999999s"),
            quote!(timeout = 30ms),
            quote!(timeout = 0.5),
            quote!(timeout = -1),
        ] {
            let (attributes, errors) = parse(bad.clone());
            assert_eq!(attributes.timeout, None, "{bad}");
            assert_eq!(errors, [TIMEOUT], "{bad}");
        }
        let (_, errors) = parse(quote!(timeout = "0s"));
        assert_eq!(errors, ["a timeout of zero would end every call at once"]);
    }

    #[test]
    fn names_are_checked() {
        for good in ["a", "getUser", "DATA_EXPORT_v2", "admin.tools.list", "read-all", ".", &"x".repeat(128)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "two words", "größe", "a:b", "a,b", "files/read", "\n", &"x".repeat(129)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        let (attributes, errors) = parse(quote!(name = "two words"));
        assert!(attributes.name.is_none());
        assert!(errors[0].contains("not ' '"), "{errors:?}");
    }

    #[test]
    fn an_unknown_argument_lists_the_known_ones() {
        let (_, errors) = parse(quote!(readonly));
        assert_eq!(errors, [format!("`#[tool]` has no argument `readonly`; it has {ALLOWED}")]);
    }

    #[test]
    fn one_mistake_does_not_hide_the_next() {
        let (attributes, errors) = parse(quote! {
            "Add", title, type = 3, read_only = "yes", read_only, read_only, on_disconnect = "stop", name = "a" "b",
            idempotent
        });
        assert_eq!(errors.len(), 7, "{errors:#?}");
        assert_eq!(errors[1], "`title` needs a value: `title = \"..\"`");
        assert_eq!(errors[4], "`read_only` is given twice");
        assert_eq!(errors[5], "`on_disconnect` is \"finish\" or \"cancel\"");
        assert_eq!(attributes.idempotent, Some(true));
    }
}
