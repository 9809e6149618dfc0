//! The examples of RFC 6570, §1.2 and §3.2, read backwards. (Without those of associative arrays, which have no way
//! back, and with `x:` before each, since a resource's URI has a scheme.)

use super::expand::{Value, defined, expand, list, text};
use super::{UriTemplate, read, values};

fn value(name: &str) -> Value {
    text(match name {
        "count" => return list(&["one", "two", "three"]),
        "dom" => return list(&["example", "com"]),
        "list" => return list(&["red", "green", "blue"]),
        "dub" => "me/too",
        "hello" => "Hello World!",
        "half" => "50%",
        "var" => "value",
        "who" => "fred",
        "base" => "http://example.com/home/",
        "path" => "/foo/bar",
        "v" => "6",
        "x" => "1024",
        "y" => "768",
        "empty" => "",
        _ => return Value::Undefined,
    })
}

/// Those that are read back to what they were made of.
const SAME: &[(&str, &str)] = &[
    // §1.2
    ("{var}", "value"),
    ("{hello}", "Hello%20World%21"),
    ("{+var}", "value"),
    ("{+hello}", "Hello%20World!"),
    ("{+path}/here", "/foo/bar/here"),
    ("here?ref={+path}", "here?ref=/foo/bar"),
    ("X{#var}", "X#value"),
    ("X{#hello}", "X#Hello%20World!"),
    ("map?{x,y}", "map?1024,768"),
    ("{x,hello,y}", "1024,Hello%20World%21,768"),
    ("{+x,hello,y}", "1024,Hello%20World!,768"),
    ("{+path,x}/here", "/foo/bar,1024/here"),
    ("{#x,hello,y}", "#1024,Hello%20World!,768"),
    ("{#path,x}/here", "#/foo/bar,1024/here"),
    ("X{.var}", "X.value"),
    ("X{.x,y}", "X.1024.768"),
    ("{/var}", "/value"),
    ("{/var,x}/here", "/value/1024/here"),
    ("{;x,y}", ";x=1024;y=768"),
    ("{;x,y,empty}", ";x=1024;y=768;empty"),
    ("{?x,y}", "?x=1024&y=768"),
    ("{?x,y,empty}", "?x=1024&y=768&empty="),
    ("?fixed=yes{&x}", "?fixed=yes&x=1024"),
    ("{&x,y,empty}", "&x=1024&y=768&empty="),
    ("{var:3}", "val"),
    ("{var:30}", "value"),
    ("{list}", "red,green,blue"),
    ("{list*}", "red,green,blue"),
    ("{+path:6}/here", "/foo/b/here"),
    ("{+list}", "red,green,blue"),
    ("{+list*}", "red,green,blue"),
    ("{#path:6}here", "#/foo/bhere"),
    ("{#list}", "#red,green,blue"),
    ("{#list*}", "#red,green,blue"),
    ("X{.var:3}", "X.val"),
    ("X{.list}", "X.red,green,blue"),
    ("X{.list*}", "X.red.green.blue"),
    ("{/list}", "/red,green,blue"),
    ("{/list*}", "/red/green/blue"),
    ("{;hello:5}", ";hello=Hello"),
    ("{;list}", ";list=red,green,blue"),
    ("{;list*}", ";list=red;list=green;list=blue"),
    ("{?var:3}", "?var=val"),
    ("{?list}", "?list=red,green,blue"),
    ("{?list*}", "?list=red&list=green&list=blue"),
    ("{&var:3}", "&var=val"),
    ("{&list}", "&list=red,green,blue"),
    ("{&list*}", "&list=red&list=green&list=blue"),
    // §3.2
    ("{count}", "one,two,three"),
    ("{count*}", "one,two,three"),
    ("{/count}", "/one,two,three"),
    ("{/count*}", "/one/two/three"),
    ("{;count}", ";count=one,two,three"),
    ("{;count*}", ";count=one;count=two;count=three"),
    ("{?count}", "?count=one,two,three"),
    ("{?count*}", "?count=one&count=two&count=three"),
    ("{&count*}", "&count=one&count=two&count=three"),
    ("{half}", "50%25"),
    ("{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex"),
    ("{+half}", "50%25"),
    ("{+base}index", "http://example.com/home/index"),
    ("{#half}", "#50%25"),
    ("foo{#undef}", "foo"),
    ("{.who}", ".fred"),
    ("{.half,who}", ".50%25.fred"),
    ("www{.dom*}", "www.example.com"),
    ("X{.undef}", "X"),
    ("{/who}", "/fred"),
    ("{/half,who}", "/50%25/fred"),
    ("{/who,dub}", "/fred/me%2Ftoo"),
    ("{/var,undef}", "/value"),
    ("{;who}", ";who=fred"),
    ("{;half}", ";half=50%25"),
    ("{;empty}", ";empty"),
    ("{;v,empty,who}", ";v=6;empty;who=fred"),
    ("{;v,bar,who}", ";v=6;who=fred"),
    ("{?who}", "?who=fred"),
    ("{?half}", "?half=50%25"),
    ("{?x,y,undef}", "?x=1024&y=768"),
    ("{&who}", "&who=fred"),
    ("{&half}", "&half=50%25"),
    ("{&x,y,empty}", "&x=1024&y=768&empty="),
];

/// Those that are not, and why.
const NO_MATCH: &[(&str, &str)] = &[
    // An empty value is none, but in a query and its like.
    ("O{empty}X", "OX"),
    ("O{+empty}X", "OX"),
    ("?{x,empty}", "?1024,"),
    ("foo{#empty}", "foo#"),
    ("X{.empty}", "X."),
    ("{/var,empty}", "/value/"),
    // Which of the two is it?
    ("?{x,undef}", "?1024"),
    ("?{undef,y}", "?768"),
    // The path that is left of `path` is absolute.
    ("{/list*,path:4}", "/red/green/blue/%2Ffoo"),
];

/// Those that are no templates here, and why.
const REFUSED: &[(&str, &str)] = &[
    ("up{+path}{var}/here", "nothing tells where `{+path}` ends and `{var}` begins"),
    ("{.who,who}", "the variable `who` is there twice"),
    ("{/who,who}", "the variable `who` is there twice"),
    ("{/var:1,var}", "the variable `var` is there twice"),
];

#[test]
fn the_examples_are_read_back() {
    for (template, uri) in SAME {
        let (template, uri) = (format!("x:{template}"), format!("x:{uri}"));
        assert_eq!(expand(&template, &value), uri, "the tests' own expansion of {template}");
        let parsed = UriTemplate::parse(&template).unwrap_or_else(|error| panic!("{error}"));
        let read = values(&parsed, &uri).unwrap_or_else(|| panic!("{template} does not match {uri}"));
        assert_eq!(read, defined(&template, &value), "{template} on {uri}");
    }
}

#[test]
fn what_has_no_way_back() {
    for (template, uri) in NO_MATCH {
        let (template, uri) = (format!("x:{template}"), format!("x:{uri}"));
        assert_eq!(expand(&template, &value), uri, "the tests' own expansion of {template}");
        assert_eq!(read(&template, &uri), "-", "{template} on {uri}");
    }
    for (template, why) in REFUSED {
        let error = UriTemplate::parse(&format!("x:{template}")).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
