//! From a URI to the variables. What the rules are is said in the [module](super) above.

use super::scan::{Set, count, find, first_of, last_of, looked_at, nth, nth_last, rfind, split};
use super::value::{decode, is_unsafe, normalise};
use super::{Expression, Operator, Part, UriTemplate, Variable};

/// What a value never contains, unless it is encoded.
const STOPS: &[u8] = b"/?#";

/// See [`UriTemplate::matches`].
pub(super) fn matches<'t>(template: &'t UriTemplate, uri: &str) -> Option<Vec<(&'t str, String)>> {
    let uri = normalise(uri);
    let mut reading = Reading { variables: &template.variables, found: Vec::new() };
    reading.uri(template, &uri)?;
    Some(reading.found)
}

/// What comes next: the first literal, and what the expressions before it begin with. `last` is what comes behind the
/// last part.
pub(super) fn ahead(parts: &[Part], last: Option<u8>) -> (Option<&str>, Set) {
    let mut set = Set::of(&[]);
    for part in parts {
        match part {
            Part::Literal(literal) => return (Some(literal), set),
            Part::Expression(expression) => {
                set = expression.operator.prefix().map_or(set, |prefix| set.with(prefix));
            }
        }
    }
    (None, last.map_or(set, |last| set.with(last)))
}

struct Reading<'t> {
    variables: &'t [Variable],
    found: Vec<(&'t str, String)>,
}

impl Reading<'_> {
    fn uri(&mut self, template: &UriTemplate, uri: &str) -> Option<()> {
        // Most templates that are asked are not the one that is meant.
        if template.before.first().and_then(Part::literal).is_some_and(|literal| !uri.starts_with(literal)) {
            return None;
        }
        let Some(query) = &template.query else { return self.sequence(&template.before, uri) };
        let fragment = |from: usize| first_of(&uri[from..], Set::of(b"#")).map_or(uri.len(), |at| from + at);
        if query.operator == Operator::Query {
            let path = first_of(uri, Set::of(b"?#")).unwrap_or(uri.len());
            let end = fragment(path);
            self.sequence(&template.before, &uri[..path])?;
            self.expression(query, &uri[path..end])?;
            self.sequence(&template.after, &uri[end..])
        } else {
            let end = fragment(0);
            let rest = self.rightwards(&template.before, &uri[..end], query.operator.prefix())?;
            self.expression(query, rest)?;
            self.sequence(&template.after, &uri[end..])
        }
    }

    /// Matches all of `window`.
    fn sequence(&mut self, parts: &[Part], window: &str) -> Option<()> {
        let greedy = parts.iter().position(|part| part.expression().is_some_and(Expression::is_greedy));
        let (left, right) = match greedy {
            Some(at) => (&parts[..at], &parts[at + 1..]),
            // A literal at the end is at the end, wherever else it may occur.
            None if parts.last().is_some_and(|part| part.literal().is_some()) => parts.split_at(parts.len() - 1),
            None => (parts, [].as_slice()),
        };
        let window = self.leftwards(right, window)?;
        let greedy = greedy.and_then(|at| parts[at].expression());
        let rest = self.rightwards(left, window, greedy.and_then(|greedy| greedy.operator.prefix()))?;
        match greedy {
            Some(greedy) => self.expression(greedy, rest),
            None => rest.is_empty().then_some(()),
        }
    }

    /// Matches parts that are not greedy at the beginning of `window` and gives what is left of it. `last` begins what
    /// may come behind them.
    fn rightwards<'u>(&mut self, parts: &[Part], mut window: &'u str, last: Option<u8>) -> Option<&'u str> {
        for (index, part) in parts.iter().enumerate() {
            match part {
                Part::Literal(literal) => window = window.strip_prefix(literal.as_str())?,
                Part::Expression(expression) => {
                    let end = end_of(expression, window, &parts[index + 1..], last)?;
                    self.expression(expression, &window[..end])?;
                    window = &window[end..];
                }
            }
        }
        Some(window)
    }

    /// Matches the parts behind a greedy expression at the end of `window` and gives what is left of it.
    fn leftwards<'u>(&mut self, mut parts: &[Part], mut window: &'u str) -> Option<&'u str> {
        while let Some(at) = parts.iter().rposition(|part| part.literal().is_some()) {
            let literal = parts[at].literal()?;
            let behind = &parts[at + 1..];
            let start = last_occurrence(literal, behind, window)?;
            let rest = self.rightwards(behind, &window[start + literal.len()..], None)?;
            if !rest.is_empty() {
                return None;
            }
            (parts, window) = (&parts[..at], &window[..start]);
        }
        for expression in parts.iter().rev().filter_map(Part::expression) {
            let start = self.start_of(expression, window);
            self.expression(expression, &window[start..])?;
            window = &window[..start];
        }
        Some(window)
    }

    /// Where an expression begins that ends with `window` and has a greedy one before it.
    fn start_of(&self, expression: &Expression, window: &str) -> usize {
        let (separator, variables) = (expression.operator.separator(), expression.variables.clone());
        let free = last_of(window, Set::of(STOPS).without(separator)).map_or(0, |at| at + 1);
        if expression.operator != Operator::PathParameter {
            return nth_last(&window[free..], separator, variables.len()).map_or(window.len(), |at| free + at);
        }
        let mut start = window.len();
        while let Some(at) = last_of(&window[free..start], Set::of(b";")) {
            let name = window[free + at + 1..start].split('=').next();
            if name.and_then(|name| self.named(expression, name)).is_none() {
                break;
            }
            start = free + at;
        }
        start
    }

    /// Reads what belongs to one expression.
    fn expression(&mut self, expression: &Expression, text: &str) -> Option<()> {
        let Some(prefix) = expression.operator.prefix() else { return self.positional(expression, text) };
        if text.is_empty() {
            return Some(());
        }
        let inside = text.strip_prefix(char::from(prefix))?;
        match expression.operator {
            Operator::PathParameter | Operator::Query | Operator::QueryContinuation => self.pairs(expression, inside),
            _ => self.positional(expression, inside),
        }
    }

    fn positional(&mut self, expression: &Expression, text: &str) -> Option<()> {
        let Expression { operator, variables, exploded, .. } = expression;
        if *operator == Operator::PathSegment && first_of(text, Set::of(b"?#")).is_some() {
            return None;
        }
        if !expression.is_list() {
            return self.value(expression, variables.start, text);
        }
        let count = 1 + count(text, operator.separator());
        // The ones behind its character may be absent; RFC 6570 leaves out what is undefined.
        let optional = matches!(operator, Operator::Label | Operator::PathSegment);
        if (count < variables.len() && !optional) || (count > variables.len() && !exploded) {
            return None;
        }
        // The list takes what the variables before and behind it leave.
        let list = variables.clone().find(|index| self.variables[*index].exploded).unwrap_or(variables.end);
        let before = count.min(list - variables.start);
        let behind = (count - before).min(variables.end.saturating_sub(list + 1));
        self.found.reserve(count);
        for (index, text) in split(text, operator.separator()).enumerate() {
            let variable = match index {
                _ if index < before => variables.start + index,
                _ if index < count - behind => list,
                _ => list + 1 + index - (count - behind),
            };
            self.value(expression, variable, text)?;
        }
        Some(())
    }

    fn pairs(&mut self, expression: &Expression, text: &str) -> Option<()> {
        let query = expression.operator.is_query();
        let mut seen = vec![false; expression.variables.len()];
        for pair in split(text, expression.operator.separator()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match self.named(expression, name) {
                Some(index) => {
                    let again = std::mem::replace(&mut seen[index - expression.variables.start], true);
                    if again && !self.variables[index].exploded {
                        return None;
                    }
                    self.value(expression, index, value)?;
                }
                None if query => {}
                None => return None,
            }
        }
        Some(())
    }

    /// The variable of a pair. Either side may have encoded more of the name than it had to.
    fn named(&self, expression: &Expression, name: &str) -> Option<usize> {
        looked_at(name.len());
        let decoded = decode(name);
        let is_it = |index: &usize| {
            let known = self.variables[*index].name.as_str();
            known == name
                || (decoded.is_some() && (known.contains('%') || name.contains('%')) && decode(known) == decoded)
        };
        expression.variables.clone().find(is_it)
    }

    fn value(&mut self, expression: &Expression, index: usize, text: &str) -> Option<()> {
        let value = decode(text)?;
        let query = expression.operator.is_query();
        let may_be_empty = query || expression.operator == Operator::PathParameter;
        let Variable { name, max_chars, .. } = &self.variables[index];
        let too_long = max_chars.is_some_and(|max| value.chars().nth(max).is_some());
        let refused = if query { value.contains('\0') } else { is_unsafe(&value, expression.absolute) };
        if too_long || refused || (value.is_empty() && !may_be_empty) {
            return None;
        }
        self.found.push((name, value.into_owned()));
        Some(())
    }
}

/// Where an expression ends that begins with `window` and is not greedy.
fn end_of(expression: &Expression, window: &str, behind: &[Part], last: Option<u8>) -> Option<usize> {
    let operator = expression.operator;
    if operator.prefix().is_some_and(|prefix| !window.starts_with(char::from(prefix))) {
        return Some(0);
    }
    // The values of `{.x,y}` are divided by what may also end them, so the number of values decides.
    let divided = matches!(operator, Operator::Label | Operator::PathSegment) && expression.is_list();
    let (literal, expressions) = ahead(behind, last);
    let mut ends = Set::of(STOPS).union(expressions);
    if divided {
        ends = ends.without(operator.separator());
    }
    // A value has one character at least: what ends it is behind that.
    let value = usize::from(operator.prefix().is_some());
    if window.as_bytes().get(value).is_none_or(|byte| STOPS.contains(byte)) {
        return None;
    }
    let from = value + 1;
    let mut end = first_of(&window[from..], ends).map_or(window.len(), |at| from + at);
    if divided && !expression.exploded {
        end = nth(&window[value..end], operator.separator(), expression.variables.len()).map_or(end, |at| value + at);
    }
    let Some(literal) = literal else { return Some(end) };
    let reach = window.len().min(end + literal.len());
    let found = find(&window[from..reach], literal).map(|at| from + at);
    // `{/x}/y` on `/y`: it is the literal that begins here.
    let absent = found.is_none() && value > 0 && behind[0].literal().is_some() && window.starts_with(literal);
    Some(if absent { 0 } else { found.unwrap_or(end) })
}

/// Where the last `literal` is that the expressions behind it can follow.
fn last_occurrence(literal: &str, behind: &[Part], window: &str) -> Option<usize> {
    let prefix = |part: &Part| part.expression().and_then(|expression| expression.operator.prefix());
    if behind.first().is_some_and(|part| prefix(part).is_none()) {
        // Its value has one character at least.
        return rfind(&window[..window.len().checked_sub(1)?], literal);
    }
    if window.ends_with(literal) {
        return Some(window.len() - literal.len());
    }
    let with = |prefix: u8| rfind(window, &format!("{literal}{}", char::from(prefix)));
    behind.iter().filter_map(prefix).filter_map(with).max()
}
