//! Reading a template's text (RFC 6570, §2).

use std::ops::Range;

use super::value::{normalise, octet};
use super::{Expression, Operator, Part, TemplateError, UriTemplate, Variable, unambiguous};

/// What is wrong, and at which byte of the template.
pub(super) type Fault = (String, usize);

/// A template in parts, each with where it is written.
pub(super) struct Draft<'t> {
    pub(super) text: &'t str,
    pub(super) variables: Vec<Variable>,
    pub(super) parts: Vec<Part>,
    pub(super) places: Vec<Range<usize>>,
}

pub(super) fn parse(text: &str) -> Result<UriTemplate, TemplateError> {
    let mut draft = Draft { text, variables: Vec::new(), parts: Vec::new(), places: Vec::new() };
    match draft.read().and_then(|()| unambiguous::check(&draft)) {
        Ok(()) => Ok(draft.finish()),
        Err((what, at)) => {
            let position = text[..at].chars().count() + 1;
            Err(TemplateError { what, template: text.to_owned(), position })
        }
    }
}

impl Draft<'_> {
    fn read(&mut self) -> Result<(), Fault> {
        let mut at = 0;
        while at < self.text.len() {
            let (part, length) =
                if self.text[at..].starts_with('{') { self.expression(at)? } else { literal(&self.text[at..], at)? };
            self.parts.push(part);
            self.places.push(at..at + length);
            at += length;
        }
        match self.parts.first().and_then(Part::literal).and_then(|literal| literal.split_once(':')) {
            Some((scheme, _)) if is_scheme(scheme) => Ok(()),
            _ => Err(("a URI begins with its scheme, written out, as in `bookmark://{id}`".into(), 0)),
        }
    }

    fn expression(&mut self, at: usize) -> Result<(Part, usize), Fault> {
        let rest = &self.text[at + 1..];
        let end = rest.find(['{', '}']).filter(|end| rest[*end..].starts_with('}'));
        let Some(end) = end else { return Err(("this brace is never closed".into(), at)) };
        let inside = &rest[..end];
        let operator = operator(inside, at + 1)?;
        let mut place = at + 1 + usize::from(!matches!(operator, Operator::Simple));
        let first = self.variables.len();
        for specification in self.text[place..at + 1 + end].split(',') {
            let variable = variable(specification, place)?;
            if self.variables.iter().any(|known| known.name == variable.name) {
                return Err((format!("the variable `{}` is there twice", variable.name), place));
            }
            self.variables.push(variable);
            place += specification.len() + 1;
        }
        let variables = first..self.variables.len();
        let exploded = self.variables[first..].iter().any(|variable| variable.exploded);
        let absolute = match operator {
            Operator::Fragment => true,
            // A root of the URI's own choice has to be what the template's author meant.
            Operator::Reserved => !self.text[..at].ends_with('/') || self.text[..at].eq_ignore_ascii_case("file://"),
            _ => false,
        };
        Ok((Part::Expression(Expression { operator, variables, exploded, absolute }), end + 2))
    }

    fn finish(self) -> UriTemplate {
        let Self { variables, parts, .. } = self;
        let (mut before, mut query, mut after) = (Vec::new(), None::<Expression>, Vec::new());
        for part in parts {
            match part {
                Part::Expression(expression) if expression.operator.is_query() => match &mut query {
                    // `{?a}{&b}` is `{?a,b}`.
                    Some(query) => query.variables.end = expression.variables.end,
                    None => query = Some(expression),
                },
                part if query.is_some() => after.push(part),
                part => before.push(part),
            }
        }
        UriTemplate { variables, before, query, after }
    }
}

fn operator(inside: &str, at: usize) -> Result<Operator, Fault> {
    Ok(match inside.chars().next() {
        Some('+') => Operator::Reserved,
        Some('#') => Operator::Fragment,
        Some('.') => Operator::Label,
        Some('/') => Operator::PathSegment,
        Some(';') => Operator::PathParameter,
        Some('?') => Operator::Query,
        Some('&') => Operator::QueryContinuation,
        Some(reserved @ ('=' | ',' | '!' | '@' | '|')) => {
            return Err((format!("RFC 6570 reserves the operator `{reserved}` and gives it no meaning"), at));
        }
        Some(_) => Operator::Simple,
        None => return Err(("there is no variable between these braces".into(), at)),
    })
}

fn variable(specification: &str, at: usize) -> Result<Variable, Fault> {
    let (name, exploded, max_chars) = if let Some(name) = specification.strip_suffix('*') {
        (name, true, None)
    } else if let Some((name, digits)) = specification.split_once(':') {
        (name, false, Some(max_chars(digits, at + name.len())?))
    } else {
        (specification, false, None)
    };
    if name.is_empty() {
        return Err(("a variable's name is missing".into(), at));
    }
    if !is_name(name) {
        let what = format!("`{name}` is no variable name: those have letters, digits, `_`, and `.` between them");
        return Err((what, at));
    }
    Ok(Variable { name: name.to_owned(), exploded, max_chars })
}

/// RFC 6570, §2.4.1: below 10000, without a leading zero.
fn max_chars(digits: &str, at: usize) -> Result<usize, Fault> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    let number = digits.parse().ok().filter(|number: &usize| plain && *number < 10_000);
    number.ok_or_else(|| ("behind `:` stands a number from 1 to 9999, without anything else".into(), at))
}

/// RFC 6570, §2.3. A percent-encoded octet is part of the name as it is written.
fn is_name(name: &str) -> bool {
    name.split('.').all(|word| {
        let bytes = word.as_bytes();
        let valid = |at: usize| match bytes[at] {
            b'%' => octet(bytes, at).is_some(),
            byte => byte.is_ascii_alphanumeric() || byte == b'_',
        };
        !word.is_empty() && (0..bytes.len()).all(valid)
    })
}

/// RFC 6570, §2.1.
fn literal(rest: &str, at: usize) -> Result<(Part, usize), Fault> {
    let literal = &rest[..rest.find('{').unwrap_or(rest.len())];
    for (offset, c) in literal.char_indices() {
        let what = match c {
            '}' => "this brace was never opened".into(),
            '%' if octet(literal.as_bytes(), offset).is_none() => "behind `%` stand two hexadecimal digits".into(),
            ' ' | '"' | '<' | '>' | '\\' | '^' | '`' | '|' => format!("a URI has no {c:?}: percent-encode it"),
            _ if c.is_control() => format!("a URI has no {c:?}: percent-encode it"),
            _ => continue,
        };
        return Err((what, at + offset));
    }
    Ok((Part::Literal(normalise(literal).into_owned()), literal.len()))
}

/// RFC 3986, §3.1.
fn is_scheme(scheme: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(valid)
}
