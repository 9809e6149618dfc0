//! What the compiler says of common mistakes.
//!
//! Each file in `tests/ui` is one, and the `.stderr` beside it is what whoever makes it reads. After a change of wording,
//! `TRYBUILD=overwrite cargo test -p mcp-mount-macros --test ui` writes them anew, to be read again before they are kept.

use std::process::Command;

/// The compiler whose words are in the `.stderr` files: another one says the same in others.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn mistakes_are_explained() {
    let version = Command::new("rustc").arg("--version").output().expect("rustc is what compiled this");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if version.starts_with(COMPILER) {
        trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
    } else {
        eprintln!("not compared: the messages are those of {COMPILER}x, this is {version}");
    }
}
