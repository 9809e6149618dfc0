//! What the compiler says of common mistakes.
//!
//! Each file in `tests/ui` is one, and the `.stderr` beside it is what whoever makes it reads. After a change of wording,
//! `TRYBUILD=overwrite cargo test -p mcp-mount-macros --test ui` writes them anew, to be read again before they are kept.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
