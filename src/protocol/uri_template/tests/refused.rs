//! What is no template.

use super::UriTemplate;

/// The fault and the character where it is.
fn fault(text: &str) -> (String, usize) {
    let error = UriTemplate::parse(text).expect_err(text);
    (error.what, error.position)
}

#[test]
fn mistakes_are_named() {
    let name = "is no variable name: those have letters, digits, `_`, and `.` between them";
    let number = "behind `:` stands a number from 1 to 9999, without anything else";
    let scheme = "a URI begins with its scheme, written out, as in `bookmark://{id}`";
    for (text, at, what) in [
        ("", 1, scheme),
        ("notes/{id}", 1, scheme),
        ("{scheme}://a", 1, scheme),
        ("://{id}", 1, scheme),
        ("1x://{id}", 1, scheme),
        ("x://{id", 5, "this brace is never closed"),
        ("x://{a{b}}", 5, "this brace is never closed"),
        ("x://a}", 6, "this brace was never opened"),
        ("ü://{id}", 1, scheme),
        ("x://üü{id", 7, "this brace is never closed"),
        ("x://{}", 6, "there is no variable between these braces"),
        ("x://{?}", 7, "a variable's name is missing"),
        ("x://{a,}", 8, "a variable's name is missing"),
        ("x://{*}", 6, "a variable's name is missing"),
        ("x://{a b}", 6, &format!("`a b` {name}")),
        ("x://{b,-a}", 8, &format!("`-a` {name}")),
        ("x://{.a..b}", 7, &format!("`a..b` {name}")),
        ("x://{a.}", 6, &format!("`a.` {name}")),
        ("x://{a%2}", 6, &format!("`a%2` {name}")),
        ("x://{ü}", 6, &format!("`ü` {name}")),
        ("x://{a:3*}", 6, &format!("`a:3` {name}")),
        ("x://{a:}", 7, number),
        ("x://{a:0}", 7, number),
        ("x://{a:03}", 7, number),
        ("x://{a:10000}", 7, number),
        ("x://{a:-1}", 7, number),
        ("x://{a:+1}", 7, number),
        ("x://{a*:3}", 6, &format!("`a*` {name}")),
        ("x://{=a}", 6, "RFC 6570 reserves the operator `=` and gives it no meaning"),
        ("x://{|a}", 6, "RFC 6570 reserves the operator `|` and gives it no meaning"),
        ("x://{@a}", 6, "RFC 6570 reserves the operator `@` and gives it no meaning"),
        ("x://{!a}", 6, "RFC 6570 reserves the operator `!` and gives it no meaning"),
        ("x://{,a}", 6, "RFC 6570 reserves the operator `,` and gives it no meaning"),
        ("x://{a}/{?b,a}", 13, "the variable `a` is there twice"),
        ("x://a b{c}", 6, "a URI has no ' ': percent-encode it"),
        ("x://a\n{c}", 6, "a URI has no '\\n': percent-encode it"),
        ("x://100%/{c}", 8, "behind `%` stand two hexadecimal digits"),
    ] {
        assert_eq!(fault(text), (what.to_owned(), at), "{text}");
    }
}

#[test]
fn what_could_be_read_in_more_than_one_way_is_refused() {
    for (text, at, what) in [
        ("x://{a}{b}", 5, "nothing tells where `{a}` ends and `{b}` begins"),
        ("x://{.a}{b}", 5, "nothing tells where `{.a}` ends and `{b}` begins"),
        ("x://{a}{+b}", 5, "nothing tells where `{a}` ends and `{+b}` begins"),
        ("x://{a}{.b}{c}", 8, "nothing tells where `{.b}` ends and `{c}` begins"),
        ("x://{.a*}{.b}", 5, "nothing tells where `{.a*}` ends and `{.b}` begins"),
        ("x://{.a*}{/b}{.c}", 5, "nothing tells where `{.a*}` ends and `{.c}` begins"),
        ("x://{+a}{.b*}", 5, "nothing tells where `{+a}` ends and `{.b*}` begins"),
        ("x://{;a}{;b}", 5, "nothing tells where `{;a}` ends and `{;b}` begins"),
        ("x://{a*,b*}", 5, "`{a*,b*}` has two lists, and nothing tells where the first one ends"),
        ("x://{a,b},{c}", 5, "nothing tells where `{a,b}` ends: `,` stands between its values and behind them"),
        ("x://{a*}{.b},{c}", 5, "nothing tells where `{a*}` ends: `,` stands between its values and behind them"),
    ] {
        assert_eq!(fault(text), (what.to_owned(), at), "{text}");
    }
    let both = |a, b| format!("`{a}` and `{b}` both take all that is there; a template can have one such expression");
    assert_eq!(fault("x://{+a}/x/{+b}").0, both("{+a}", "{+b}"));
    assert_eq!(fault("x://{/a*}{#b}").0, both("{/a*}", "{#b}"));
    assert_eq!(fault("x://{+a}{?q}{#b}").0, both("{+a}", "{#b}"));
}

#[test]
fn a_query_has_its_place() {
    for (text, at, what) in [
        ("x://a{?b}c", 6, "behind `{?b}` only `{&..}`, `{#..}` or a `#` can stand"),
        ("x://a{?b}{c}", 6, "behind `{?b}` only `{&..}`, `{#..}` or a `#` can stand"),
        ("x://a{?b}{/c}", 6, "behind `{?b}` only `{&..}`, `{#..}` or a `#` can stand"),
        ("x://a{?b}{?c}", 6, "behind `{?b}` only `{&..}`, `{#..}` or a `#` can stand"),
        ("x://a{?b}&c=1{&d}", 6, "behind `{?b}` only `{&..}`, `{#..}` or a `#` can stand"),
        ("x://a?b=1{?c,d}", 10, "the query has begun already: write `{&c,d}`"),
        ("x://a{#b}{?c}", 10, "`{?c}` stands behind `#`, in the fragment; a query comes before it"),
        ("x://a#b{&c}", 8, "`{&c}` stands behind `#`, in the fragment; a query comes before it"),
        ("x://{+a}?b=1{&c,d}", 13, "`{+a}` would take what `{&c,d}` is for: write `{?c,d}`"),
    ] {
        assert_eq!(fault(text), (what.to_owned(), at), "{text}");
    }
}

#[test]
fn the_message_has_the_template_and_the_place() {
    let error = UriTemplate::parse("x://{a}{b}").unwrap_err();
    let text = "the URI template `x://{a}{b}`, at character 5: nothing tells where `{a}` ends and `{b}` begins";
    assert_eq!(error.to_string(), text);
}
