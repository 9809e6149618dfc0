//! The values of the attributes' arguments.

use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Error, Ident, LitBool, LitInt, LitStr, Result, Token, parse::ParseStream};

use crate::kind::Kind;

/// The bounds and characters of a tool's name are those of the specification (2026-07-28, server/tools, «Tool Names»),
/// where they are a SHOULD. A name beyond them would be at the mercy of each client and model.
const LONGEST_NAME: usize = 128;

/// Says why `name` cannot be the name of a tool, resource or prompt.
pub(crate) fn check_name(kind: Kind, name: &str) -> std::result::Result<(), String> {
    if name.trim().is_empty() {
        return Err(format!("a {kind}'s name cannot be empty"));
    }
    if kind != Kind::Tool {
        return Ok(());
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
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

pub(super) fn name(kind: Kind, key: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let name = text(key, input)?;
    check_name(kind, &name.value()).map_err(|message| Error::new(name.span(), message))?;
    Ok(name)
}

pub(super) fn text(key: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    equals(key, input, "\"..\"")?;
    input.parse()
}

pub(super) fn identifier(key: &Ident, input: ParseStream<'_>) -> Result<Ident> {
    equals(key, input, "another_name")?;
    input.parse()
}

/// What the builder's method `name` is called with.
pub(super) fn setting(name: &str, key: &Ident, input: ParseStream<'_>) -> Result<TokenStream> {
    match name {
        "title" | "mime_type" => text(key, input).map(ToTokens::into_token_stream),
        "size" => size(key, input),
        "timeout" => timeout(key, input),
        "ttl" => duration(key, input, "60s").map(|(ttl, _)| duration_expression(ttl)),
        "on_disconnect" => choice(key, input, [("finish", "Finish"), ("cancel", "Cancel")], "OnDisconnect"),
        "cache_scope" => choice(key, input, [("public", "Public"), ("private", "Private")], "CacheScope"),
        _ => flag(key, input).map(ToTokens::into_token_stream),
    }
}

/// Takes the `=` that every argument but a flag needs; `example` is a value to show to who left it out.
fn equals(key: &Ident, input: ParseStream<'_>, example: &str) -> Result<()> {
    if !input.peek(Token![=]) {
        return Err(Error::new(key.span(), format!("`{key}` needs a value: `{key} = {example}`")));
    }
    input.parse::<Token![=]>().map(drop)
}

fn flag(key: &Ident, input: ParseStream<'_>) -> Result<LitBool> {
    if !input.peek(Token![=]) {
        return Ok(LitBool::new(true, key.span()));
    }
    equals(key, input, "true")?;
    input.parse()
}

fn size(key: &Ident, input: ParseStream<'_>) -> Result<TokenStream> {
    equals(key, input, "1024")?;
    let literal: LitInt = input.parse()?;
    let bytes: u64 = literal.base10_parse()?;
    Ok(quote!(#bytes))
}

fn timeout(key: &Ident, input: ParseStream<'_>) -> Result<TokenStream> {
    match duration(key, input, "30s")? {
        (Duration::ZERO, span) => Err(Error::new(span, "a timeout of zero would end every call at once")),
        (timeout, _) => Ok(duration_expression(timeout)),
    }
}

/// A duration, and where it is written.
fn duration(key: &Ident, input: ParseStream<'_>, example: &str) -> Result<(Duration, Span)> {
    equals(key, input, &format!("{example:?}"))?;
    let wrong =
        || format!("`{key}` is a text such as \"500ms\", \"30s\", \"2m\" or \"1h\", or a whole number of seconds");
    let (duration, span) = if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        (with_unit(&text.value()), text.span())
    } else if input.peek(LitInt) {
        let seconds: LitInt = input.parse()?;
        (whole_seconds(&seconds), seconds.span())
    } else {
        return Err(input.error(wrong()));
    };
    duration.map(|duration| (duration, span)).ok_or_else(|| Error::new(span, wrong()))
}

fn with_unit(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let seconds = match unit.trim_start() {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => number,
        "m" => number.checked_mul(60)?,
        "h" => number.checked_mul(3600)?,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

/// `30`, but not `30ms`: to the compiler that is the integer 30 with a suffix, which would pass for 30 seconds.
fn whole_seconds(literal: &LitInt) -> Option<Duration> {
    if !literal.suffix().is_empty() {
        return None;
    }
    literal.base10_parse().ok().map(Duration::from_secs)
}

fn duration_expression(duration: Duration) -> TokenStream {
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanoseconds))
}

/// One of two texts, each for a variant of our enum `of`.
fn choice(key: &Ident, input: ParseStream<'_>, choices: [(&str, &str); 2], of: &str) -> Result<TokenStream> {
    let [(first, _), (second, _)] = choices;
    equals(key, input, &format!("{first:?}"))?;
    let chosen: LitStr = input.parse()?;
    let Some((_, variant)) = choices.into_iter().find(|(text, _)| *text == chosen.value()) else {
        return Err(Error::new(chosen.span(), format!("`{key}` is {first:?} or {second:?}")));
    };
    let [of, variant] = [of, variant].map(|name| Ident::new(name, Span::call_site()));
    Ok(quote!(::mcp_mount::#of::#variant))
}
