//! URI templates (RFC 6570) as resource templates use them, read backwards: from a URI to the variables.
//!
//! RFC 6570 defines the way from variables to a URI and leaves the way back to rules like these, so that a URI has one
//! reading at most:
//!
//! - **Literals** compare exactly, but for the case of percent-encoded octets. A character outside of ASCII is the same
//!   as its encoded form. In values a client may have left more unencoded than it should: `@`, `:`, a space.
//! - **`{x}`** takes what comes up to the first occurrence of the literal behind it, or up to the operator character of
//!   the expression behind it; never `/`, `?` or `#`. `{x,y}` is divided at the commas. A lone `{x}` may have commas in
//!   it.
//! - **`{.x}`, `{/x}`, `{;x}`** are the same behind their character. They may be absent, and so may the last variables
//!   of `{/x,y}`. The pairs of `{;x,y}` may come in any order.
//! - **`{+x}`, `{#x}` and `{/x*}`** are greedy: what stands behind them is matched from the right, what stands before
//!   them from the left, and they take what is between. A template has one of them at most.
//! - **`{?x,y}`** begins at the first `?` of the URI and ends at `#`. Pairs come in any order, others are ignored, each is
//!   optional. A variable that is not exploded and comes twice is no match. A `+` is a `+`, not a space. **`{&x}`** is the
//!   rest of a query that the template has begun itself.
//! - **`{x:3}`** has at most three characters; **`{x*}`** gives its name once for each element of the list. Lists that
//!   are not exploded stay one value, commas included; associative arrays have no way back.
//! - Values are percent-decoded, to UTF-8. A broken `%` or octets that are no UTF-8 are no match, nor is an empty value
//!   outside of `;`, `?` and `&`: a resource without its id is another resource.
//!
//! **Time.** Nothing is tried twice: each part of the template looks at the URI once, by searching for a byte or a
//! literal, so that the time is linear in parts × length whatever the URI is. (Matching templates by a backtracking
//! regular expression was CVE-2026-0621.)
//!
//! **Directory traversal.** «Servers MUST sanitize file paths to prevent directory traversal attacks when serving
//! `file://` resources» (2026-07-28, server/resources, «Security Considerations»). A handler gets its values decoded, and
//! often makes a path of them. So a value that could leave the directory it is joined to does not match at all; see
//! [`value::is_unsafe`] for what that is. Values of a query are only kept free of NUL. What cannot be seen in the text,
//! symbolic links above all, stays with the handler.

mod matching;
mod parse;
mod scan;
#[cfg(test)]
mod tests;
mod unambiguous;
mod value;

use std::fmt;
use std::ops::Range;

/// A parsed template.
#[derive(Clone, Debug)]
pub(crate) struct UriTemplate {
    /// Of all expressions, in order.
    variables: Vec<Variable>,
    /// What comes up to the query, or everything if there is no `{?..}` or `{&..}`.
    before: Vec<Part>,
    query: Option<Expression>,
    /// What comes behind the query: a fragment.
    after: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    /// [Normalised](value::normalise).
    Literal(String),
    Expression(Expression),
}

#[derive(Clone, Debug)]
struct Expression {
    operator: Operator,
    /// Its part of [`UriTemplate::variables`].
    variables: Range<usize>,
    exploded: bool,
    /// Whether a value may be an absolute path.
    absolute: bool,
}

#[derive(Clone, Debug)]
struct Variable {
    name: String,
    exploded: bool,
    max_chars: Option<usize>,
}

/// The operators by their names in RFC 6570, §3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Simple,
    Reserved,
    Fragment,
    Label,
    PathSegment,
    PathParameter,
    Query,
    QueryContinuation,
}

/// Why a text is no template that can be matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateError {
    what: String,
    template: String,
    /// In characters, from 1.
    position: usize,
}

/// Whether a resource's URI is a template. A lone brace says so too: it is a mistake that parsing names.
pub(crate) fn has_variables(text: &str) -> bool {
    text.contains(['{', '}'])
}

impl UriTemplate {
    /// Parses a template, and refuses one whose URIs would have more than one reading.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        parse::parse(text)
    }

    /// The names of the variables, in order.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|variable| variable.name.as_str())
    }

    /// The variables of a URI, decoded; `None` for a URI that is none of the template's.
    ///
    /// An exploded variable gives its name once for each element, in their order. A variable that is absent is left out.
    pub(crate) fn matches(&self, uri: &str) -> Option<Vec<(&str, String)>> {
        matching::matches(self, uri)
    }
}

impl Part {
    fn expression(&self) -> Option<&Expression> {
        match self {
            Self::Literal(_) => None,
            Self::Expression(expression) => Some(expression),
        }
    }

    fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(literal) => Some(literal),
            Self::Expression(_) => None,
        }
    }
}

impl Expression {
    /// Whether it takes all that the parts around it leave.
    fn is_greedy(&self) -> bool {
        match self.operator {
            Operator::Reserved | Operator::Fragment => true,
            Operator::PathSegment => self.exploded,
            _ => false,
        }
    }

    /// Whether it has more than one value, with separators between.
    fn is_list(&self) -> bool {
        self.exploded || self.variables.len() > 1
    }
}

impl Operator {
    /// The character that begins an expansion.
    fn prefix(self) -> Option<u8> {
        match self {
            Self::Simple | Self::Reserved => None,
            Self::Fragment => Some(b'#'),
            Self::Label => Some(b'.'),
            Self::PathSegment => Some(b'/'),
            Self::PathParameter => Some(b';'),
            Self::Query => Some(b'?'),
            Self::QueryContinuation => Some(b'&'),
        }
    }

    /// The character between the values of an expansion.
    fn separator(self) -> u8 {
        match self {
            Self::Simple | Self::Reserved | Self::Fragment => b',',
            Self::Label => b'.',
            Self::PathSegment => b'/',
            Self::PathParameter => b';',
            Self::Query | Self::QueryContinuation => b'&',
        }
    }

    fn is_query(self) -> bool {
        matches!(self, Self::Query | Self::QueryContinuation)
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, template, position } = self;
        write!(f, "the URI template `{template}`, at character {position}: {what}")
    }
}

impl std::error::Error for TemplateError {}
