//! Any values, any templates, any URIs.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestRunner};

use super::super::UriTemplate;
use super::expand::{Value, defined, expand};
use super::values;

/// The same cases in every run: what fails here fails everywhere.
fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(6570), ..Config::default() })
}

fn word() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => prop::char::range('a', 'e'),
        4 => select("-._~%/?#[]@!$&'()*+,;= \\:\"<>{}".chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ];
    vec(character, 1..8).prop_map(|characters| characters.into_iter().collect())
}

/// Whether a value has a way back: not refused, and without a `%` that an expansion of `{+x}` would take for encoded.
fn comes_back(value: &str) -> bool {
    let hexadecimal = |after: &str| after.starts_with(|c: char| c.is_ascii_hexdigit());
    let segment = |segment: &str| segment == "..";
    !value.contains('\0')
        && value != "."
        && !value.split(['/', '\\']).any(segment)
        && !value.starts_with(['/', '\\'])
        && value.as_bytes().get(1) != Some(&b':')
        && !value.split('%').skip(1).any(hexadecimal)
}

/// A template whose literals are made of characters that an expansion encodes within values.
fn unambiguous() -> impl Strategy<Value = String> {
    let separator = || select(&["/", ":", "@", "/x/", "!", "=(", "$"][..]);
    let simple = |names: &'static [&'static str]| select(names);
    let left = simple(&["{a}", "{a,b}", "{a,b*}", "{a:5}", "{a*}", "{a}{;b}", "{a}{;c,b*}"]);
    let middle = simple(&["", "{m}", "{+m}", "{+m:6}", "{/m*}", "{/m}", "{/m,n}", "{/m,n*,o}", "{;m}"]);
    let right = simple(&["{s}", "{s,t}", "{s*,t}", "{s}{;t}"]);
    let query = simple(&["", "{?q}", "{?q,r*}", "{?q}{&r}", "{?q:3,r*}"]);
    let fragment = simple(&["", "#", "#-{z}"]);
    (left, separator(), middle, separator(), right, query, fragment).prop_map(|parts| {
        let (left, first, middle, mut second, right, query, fragment) = parts;
        if middle == "{/m,n}" && second == "/" {
            second = ":";
        }
        format!("x://{left}{first}{middle}{second}{right}{query}{fragment}")
    })
}

#[test]
fn what_was_expanded_is_read_back() {
    let matched = Cell::new(0);
    let cases = (unambiguous(), vec(vec(word(), 1..3), 7));
    let result = runner(1000).run(&cases, |(text, words)| {
        let template = UriTemplate::parse(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let exploded: Vec<_> = template.variables.iter().filter(|variable| variable.exploded).collect();
        let value = |name: &str| {
            let words = &words[usize::from(name.as_bytes()[0]) % words.len()];
            let list = exploded.iter().any(|variable| variable.name == name);
            if list { Value::List(words.clone()) } else { Value::Text(words[0].clone()) }
        };
        let expected = defined(&text, &value);
        let greedy = |name: &str| text.contains(&format!("{{+{name}"));
        prop_assume!(expected.iter().all(|(_, value)| comes_back(value)));
        // The first `?` begins a query and the first `#` a fragment.
        let ends = |(name, value): &(String, String)| greedy(name) && value.contains(['?', '#']);
        prop_assume!(!expected.iter().any(ends));
        let uri = expand(&text, &value);
        let found = values(&template, &uri);
        prop_assert_eq!(found, Some(expected), "{} on {}", text, uri);
        matched.set(matched.get() + 1);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(matched.get() >= 1000);
}

/// Percent-decoded, without asking whether it is UTF-8.
fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        let digits = rest.get(..2).filter(|two| two.iter().all(u8::is_ascii_hexdigit));
        let octet = digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match octet.filter(|_| *first == b'%') {
            Some(octet) => {
                out.push(octet);
                bytes = &rest[2..];
            }
            None => {
                out.push(*first);
                bytes = rest;
            }
        }
    }
    out
}

const TEMPLATE_PIECES: &[&str] = &[
    "/", "a", "b", ".", "-", ",", "{a}", "{b}", "{c,d}", "{+e}", "{+e,w}", "{#f}", "{.g}", "{.g,h}", "{.i*}", "{/j}",
    "{/k*}", "{/l,m}", "{;n}", "{;o*,p}", "{?q}", "{?r*,s}", "{&t}", "{u:2}", "{v*}", "#", "?", "&", ";", "%2F", "%2f",
    "ü", "=", "{", "}",
];

const URI_PIECES: &[&str] = &[
    "/",
    "/",
    "a",
    "b",
    "a",
    "b",
    ".",
    "..",
    "-",
    ",",
    ",",
    "#",
    "?",
    "&",
    ";",
    "=",
    "%2F",
    "%2f",
    "%2e",
    "%",
    "%C3%BC",
    "ü",
    "%FF",
    "%00",
    ";n=a",
    ";o=1",
    ";p",
    "?q=1",
    "&r=2",
    "&s",
    "&t=3",
    "\\",
    ":",
    " ",
    "\u{0}",
    "\u{10ffff}",
];

/// Whatever matches is what the URI says: expanded again it is the same URI, but for what need not have been encoded.
#[test]
fn any_template_reads_any_uri_rightly_or_not_at_all() {
    let (parsed, matched) = (Cell::new(0), Cell::new(0));
    let pieces = |pieces, most| vec(select(pieces), 0..most).prop_map(|pieces| pieces.concat());
    let cases = (pieces(TEMPLATE_PIECES, 6), vec(pieces(URI_PIECES, 8), 20));
    let result = runner(2000).run(&cases, |(text, uris)| {
        let text = format!("x:{text}");
        let Ok(template) = UriTemplate::parse(&text) else { return Ok(()) };
        parsed.set(parsed.get() + 1);
        for uri in uris {
            let uri = format!("x:{uri}");
            let Some(found) = values(&template, &uri) else { continue };
            matched.set(matched.get() + 1);
            for (name, value) in &found {
                prop_assert!(!value.contains('\0'), "{} on {}", text, uri);
                let query = ["q", "r", "s", "t"].contains(&name.as_str());
                let leads_out = value == "." || value.split(['/', '\\']).any(|segment| segment == "..");
                prop_assert!(query || !leads_out, "{} on {}: {}", text, uri, value);
            }
            // Pairs may come in another order, and `;n=` is `;n`. Within `{+e}` a `%` may seem to begin an octet.
            let other = ["{?", "{&", "{;"].iter().any(|operator| text.contains(operator));
            if other || found.iter().any(|(_, value)| value.contains('%')) {
                continue;
            }
            let value = |name: &str| {
                let found: Vec<_> =
                    found.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect();
                if found.is_empty() { Value::Undefined } else { Value::List(found) }
            };
            let again = expand(&text, &value);
            prop_assert_eq!(decoded(&again), decoded(&uri), "{} on {}: {:?}", text, uri, found);
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let counts = (parsed.get(), matched.get());
    assert!(counts.0 > 500 && counts.1 > 500, "{counts:?} are too few to say anything");
}

#[test]
fn nothing_panics() {
    let result = runner(300).run(&(any::<String>(), any::<String>()), |(text, uri)| {
        let _ = UriTemplate::parse(&text).map_err(|error| error.to_string());
        let template = UriTemplate::parse(&format!("x:{}", text.replace(['{', '}'], ""))).ok();
        let _ = template.map(|template| template.matches(&uri).is_some());
        for text in ["x:{a}", "x:{+a}-{b}{.c}", "x:{/a*}{;b}", "x:{a}{?b*}{#c}"] {
            let template = UriTemplate::parse(text).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let _ = template.matches(&uri);
            let _ = template.matches(&format!("x:{uri}"));
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
