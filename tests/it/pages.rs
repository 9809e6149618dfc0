//! The pages for people: the README, those of the examples, and `docs`.

use std::fs;
use std::path::{Path, PathBuf};

/// The pages that rustdoc shows, where a link may be the path of an item.
const RUSTDOC: [&str; 2] = ["docs/crate.md", "docs/testing.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Path and text of every page, by its path from the root.
fn pages() -> Vec<(String, String)> {
    let mut paths = vec![PathBuf::from("README.md")];
    for folder in [
        "docs",
        "docs/deploy",
        "examples/actix_mount",
        "examples/axum_mount",
        "examples/bookmarks",
        "examples/everything",
    ] {
        let entries = fs::read_dir(root().join(folder)).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        paths.extend(names.map(|name| Path::new(folder).join(name)).filter(|path| path.extension().is_some_and(is_md)));
    }
    let read = |path: &PathBuf| fs::read_to_string(root().join(path)).expect("a page");
    paths.iter().map(|path| (path.display().to_string().replace('\\', "/"), read(path))).collect()
}

fn is_md(extension: &std::ffi::OsStr) -> bool {
    extension == "md"
}

/// Whether each line of a text is inside of a fence, with the line.
fn lines(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.lines().scan(false, |fenced, line| {
        let is_fence = line.trim_start().starts_with("```");
        let inside = *fenced || is_fence;
        *fenced ^= is_fence;
        Some((inside, line))
    })
}

#[test]
fn every_page_with_examples_in_rust_is_compiled() {
    let library = fs::read_to_string(root().join("src/lib.rs")).expect("the library");
    let mut compiled = 0;
    for (path, text) in pages().iter().filter(|(path, _)| !path.starts_with("examples")) {
        let ignored = |line: &str| line.trim_start().starts_with("```") && line.contains("ignore");
        assert!(!text.lines().any(ignored), "{path} has an example that is ignored");
        if text.contains("```rust") {
            assert!(library.contains(&format!("include_str!(\"../{path}\")")), "lib.rs does not compile {path}");
            compiled += 1;
        }
    }
    assert!(compiled > 3, "{compiled}");
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    let mut followed = 0;
    for (path, text) in pages().iter().filter(|(path, _)| !RUSTDOC.contains(&path.as_str())) {
        let folder = root().join(path).parent().expect("a folder").to_owned();
        for (_, line) in lines(text).filter(|(fenced, _)| !fenced) {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = target.split('#').next().unwrap_or_default();
                if !file.is_empty() && !file.contains("://") {
                    assert!(folder.join(file).exists(), "{path} has a link to {file}, which is not there");
                    followed += 1;
                }
            }
        }
    }
    assert!(followed > 50, "{followed}");
}
