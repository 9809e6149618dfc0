//! Refusing what could be read in more than one way, or could never match.

use super::matching::ahead;
use super::parse::{Draft, Fault};
use super::{Expression, Operator, Part};

pub(super) fn check(draft: &Draft<'_>) -> Result<(), Fault> {
    let mut greedy = None;
    for (index, part) in draft.parts.iter().enumerate() {
        let Some(expression) = part.expression() else { continue };
        let at = draft.places[index].start;
        let fault = greedy_twice(draft, expression, index, greedy)
            .or_else(|| query_out_of_place(draft, expression, index, greedy))
            .or_else(|| touching(draft, expression, index))
            .or_else(|| lists(draft, expression, index));
        if let Some(what) = fault {
            return Err((what, at));
        }
        if expression.is_greedy() {
            greedy = Some(index);
        }
    }
    Ok(())
}

fn greedy_twice(draft: &Draft<'_>, expression: &Expression, index: usize, greedy: Option<usize>) -> Option<String> {
    let first = greedy.filter(|_| expression.is_greedy())?;
    let (first, second) = (draft.written(first), draft.written(index));
    Some(format!("`{first}` and `{second}` both take all that is there; a template can have one such expression"))
}

/// A URI has its query behind its path and before its fragment.
fn query_out_of_place(
    draft: &Draft<'_>,
    expression: &Expression,
    index: usize,
    greedy: Option<usize>,
) -> Option<String> {
    if !expression.operator.is_query() {
        return None;
    }
    let this = draft.written(index);
    let (before, behind) = (&draft.parts[..index], draft.parts.get(index + 1));
    let in_literals = |c: char| before.iter().filter_map(Part::literal).any(|literal| literal.contains(c));
    let continues = before.last().and_then(Part::expression).is_some_and(|before| before.operator.is_query());
    let fragment = before.iter().filter_map(Part::expression).any(|before| before.operator == Operator::Fragment);
    if fragment || in_literals('#') {
        return Some(format!("`{this}` stands behind `#`, in the fragment; a query comes before it"));
    }
    if expression.operator == Operator::Query && in_literals('?') {
        return Some(format!("the query has begun already: write `{}`", this.replacen('?', "&", 1)));
    }
    if let (Operator::QueryContinuation, false, Some(greedy)) = (expression.operator, continues, greedy) {
        let greedy = draft.written(greedy);
        return Some(format!("`{greedy}` would take what `{this}` is for: write `{}`", this.replacen('&', "?", 1)));
    }
    let fits = match behind {
        None => true,
        Some(Part::Literal(literal)) => literal.starts_with('#'),
        Some(Part::Expression(behind)) => {
            matches!(behind.operator, Operator::QueryContinuation | Operator::Fragment)
        }
    };
    (!fits).then(|| format!("behind `{this}` only `{{&..}}`, `{{#..}}` or a `#` can stand"))
}

/// Two expressions with nothing between them.
fn touching(draft: &Draft<'_>, expression: &Expression, index: usize) -> Option<String> {
    let neighbours = draft.parts[index + 1..].iter().map_while(Part::expression);
    // Those that may be absent do not separate what is around them.
    for (distance, behind) in neighbours.enumerate() {
        let clash = match behind.operator.prefix() {
            None => distance == 0,
            Some(prefix) => match expression.operator {
                _ if behind.operator.is_query() => false,
                _ if expression.is_greedy() => behind.exploded && behind.operator == Operator::Label,
                Operator::Label => expression.exploded && prefix == b'.',
                Operator::PathParameter => prefix == b';',
                _ => false,
            },
        };
        if clash {
            let (first, second) = (draft.written(index), draft.written(index + 1 + distance));
            return Some(format!("nothing tells where `{first}` ends and `{second}` begins"));
        }
    }
    None
}

/// Several values in one expression.
fn lists(draft: &Draft<'_>, expression: &Expression, index: usize) -> Option<String> {
    let named = expression.operator.is_query() || expression.operator == Operator::PathParameter;
    if named || !expression.is_list() {
        return None;
    }
    let this = draft.written(index);
    let variables = &draft.variables[expression.variables.clone()];
    if variables.iter().filter(|variable| variable.exploded).count() > 1 {
        return Some(format!("`{this}` has two lists, and nothing tells where the first one ends"));
    }
    let separator = char::from(expression.operator.separator());
    let (literal, _) = ahead(&draft.parts[index + 1..], None);
    let same =
        !expression.is_greedy() && literal.is_some_and(|literal| literal.len() == 1 && literal.starts_with(separator));
    same.then(|| format!("nothing tells where `{this}` ends: `{separator}` stands between its values and behind them"))
}

impl Draft<'_> {
    fn written(&self, index: usize) -> &str {
        &self.text[self.places[index].clone()]
    }
}
