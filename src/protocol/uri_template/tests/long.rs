//! The time is linear whatever the URI is: counted in bytes that are looked at, since clocks are not reliable in tests.

use super::super::scan::steps;
use super::super::value::normalise;
use super::template;

const LONG: usize = 100_000;

const TEMPLATES: &[&str] = &[
    "x:{/id*}",
    "x:{?tags*}",
    "x:{?a,b,c}",
    "x:{+a}/x/{b}",
    "x:{a}-{b}-{c}",
    "x:{a*}",
    "x:{a,b*,c}-{d}",
    "x:{a}{.b,c}/d",
    "x:{.a*}/{b}",
    "x:{/a,b,c}/x/{d}{.e}",
    "x:{;a*,b}",
    "x:{+p}{;a*}",
    "x:{+p}{.a,b}{/c}",
    "x:{+a}.tar{.b}",
    "x:{+a}/x/{b}/x/{c}-x",
    "x:{a:9}{/b*}{?c*}",
    "x:{#f}x/x{.g}",
];

/// What is repeated up to the length.
const PATTERNS: &[&str] = &[
    "a", "/", "/a", "/x", "/x/", "-", "-a", ",", "a,", ".", "..", ".a", ".tar", ".tar.", ";", ";a", ";a=1", ";c", "?",
    "?a", "?tags=a,", "&tags=", "&tags=a", "?a=1&a=1", "&a", "&%61=1", "%", "%2", "%25", "%2F", "%2f", "%2e%2e", "#",
    "x/x", "ü", "%C3", "=", "a-x",
];

fn uri(begin: &str, pattern: &str, end: &str, length: usize) -> String {
    format!("x:{begin}{}{end}", pattern.repeat(length / pattern.len()))
}

const ENDS: &[(&str, &str)] = &[("", ""), ("/", "!"), ("?tags=", "/x/b"), ("a", "-x"), (";a=", "/d")];

/// Gives the steps for `length`, after comparing them with those for twice the length.
fn linear(text: &str, begin: &str, pattern: &str, end: &str, length: usize) -> usize {
    let template = template(text);
    let parts = template.before.len() + template.after.len() + usize::from(template.query.is_some());
    let count = |length| {
        let uri = uri(begin, pattern, end, length);
        (steps::count(|| template.matches(&uri)).1, normalise(&uri).len())
    };
    let ((once, length), (twice, _)) = (count(length), count(2 * length));
    let what = format!("{text} on {begin}{pattern}..{end}: {once} steps, then {twice}");
    assert!(once <= (5 + 2 * parts) * length, "{what}");
    assert!(twice <= 2 * once + 100, "{what}");
    once
}

#[test]
fn twice_the_length_is_twice_the_work() {
    let length = 1_500;
    let mut most = 0;
    for text in TEMPLATES {
        for pattern in PATTERNS {
            for (begin, end) in ENDS {
                most = most.max(linear(text, begin, pattern, end, length));
            }
        }
    }
    // Otherwise nothing was counted.
    assert!(most > 4 * length, "{most} steps at most");
}

#[test]
fn a_long_uri_is_no_attack() {
    for (text, pattern, end) in [
        ("x:{/id*}", "/a", "!?"),
        ("x:{/id*}", "/a,a", "#"),
        ("x:{?tags*}", "?tags=a,", "%"),
        ("x:{?tags*}", "&tags=a", "%"),
        ("x:{+a}/x/{b}", "/x", "/x/"),
        ("x:{+a}/x/{b}", "/x/", "/"),
        ("x:{a}-{b}-{c}", "-", "/"),
        ("x:{a}-{b}-{c}", "a", "-"),
    ] {
        linear(text, "", pattern, end, LONG);
    }
}

#[test]
fn long_uris_are_read_all_the_same() {
    let many = LONG / 8;
    let values = template("x:{/id*}").matches(&uri("", "/a", "", 2 * many)).unwrap().len();
    assert_eq!(values, many);
    let values = template("x:{?tags*}").matches(&uri("?", "&tags=a", "", 7 * many)).unwrap().len();
    assert_eq!(values, many);
    let template = template("x:{+a}/x/{b}");
    let uri = uri("", "/x", "/x/b", LONG);
    let values = template.matches(&uri).unwrap();
    assert!(values.contains(&("b", "b".to_owned())));
}
