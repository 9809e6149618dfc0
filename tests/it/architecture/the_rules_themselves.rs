//! Do the rules see what they claim to see?

use super::{
    exports,
    source::{Source, tokens},
    target,
};

fn words(text: &str) -> String {
    let words: Vec<_> = tokens(text).into_iter().map(|token| token.text).collect();
    words.join(" ")
}

fn paths(text: &str) -> Vec<String> {
    let source = Source::new("src/server/tool.rs", text);
    let paths = source.paths.iter();
    paths.map(|named| named.segments.join("::")).collect()
}

#[test]
fn comments_and_strings_are_left_out() {
    assert_eq!(words("a // tokio::spawn\nb"), "a b");
    assert_eq!(words("a /* b /* nested */ c */ d /** doc */ e"), "a d e");
    assert_eq!(words("//! axum\n/// axum\nf"), "f");
    assert_eq!(words(r#"f("axum \" // no comment", g)"#), r#"f ( "" , g )"#);
    assert_eq!(words(r###"r#"a " // b"# c r"\" d br##"x"# y"## e"###), r#""" c "" d "" e"#);
    assert_eq!(words(r#"b"x" c"y" b'"' '"' '\'' '\u{1F600}' '/'"#), r#""" "" '' '' '' '' ''"#);
    assert_eq!(words("fn f<'a>(x: &'a str) // 'b'"), "fn f < 'a > ( x : & 'a str )");
    assert_eq!(words("r#type x / y"), "type x / y");
    assert_eq!(words("/* never closed"), "");
}

#[test]
fn lines_are_counted_through_comments_and_strings() {
    let lexed = tokens("/* one\ntwo */ a\n\"three\nfour\" b\n// five\nc");
    let lines: Vec<_> = lexed.iter().map(|token| (token.text.as_str(), token.line)).collect();
    assert_eq!(lines, [("a", 2), ("\"\"", 3), ("b", 4), ("c", 6)]);
}

#[test]
fn imports_are_taken_apart() {
    let text = "pub use crate::{error::Error, server::{self, Tool as T, tool::*}}; x.spawn(tokio::spawn(f));";
    assert_eq!(
        paths(text),
        [
            "pub",
            "crate::error::Error",
            "crate::server",
            "crate::server::Tool",
            "crate::server::tool::*",
            "x",
            "spawn",
            "tokio::spawn",
            "f"
        ]
    );
    assert_eq!(paths("use ::axum::Router; g"), ["axum::Router", "g"]);
    assert_eq!(paths("-> impl Sized + use<'a, T>"), ["impl", "Sized", "use", "T"]);
}

#[test]
fn relative_paths_and_re_exports_lead_to_a_room() {
    let library = Source::new("src/lib.rs", "mod auth; pub use auth::Principal; pub use transport::Body as B;");
    let text = "use super::super::transport::Body; use self::inner::X; use crate::Principal; use crate::B; serde::D";
    let source = Source::new("src/server/tool.rs", text);
    let exported = exports(&[library]);
    let rooms: Vec<_> = source.paths.iter().map(|named| target(&source, named, &exported)).collect();
    let rooms: Vec<_> = rooms.iter().map(Option::as_deref).collect();
    assert_eq!(rooms, [Some("transport"), Some("server"), Some("auth"), Some("transport"), None]);
}
