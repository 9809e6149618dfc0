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

/// Path and text of whatever shows how to write a program: pages, the library's own documentation, the examples.
fn programs() -> Vec<(String, String)> {
    let mut programs = vec![("README.md".to_owned(), fs::read_to_string(root().join("README.md")).expect("a page"))];
    let mut folders = ["docs", "src", "examples"].map(PathBuf::from).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = folder.join(entry.file_name());
            if entry.file_type().expect("a type").is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs" || is_md(extension)) {
                let text = fs::read_to_string(root().join(&path)).expect("text");
                programs.push((path.display().to_string().replace('\\', "/"), text));
            }
        }
    }
    programs
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

/// The code of a text, without what its lines say in comments. In the library, and in no other place, it is in comments
/// itself.
fn code(path: &str, text: &str) -> String {
    let documentation = |line: &str| ["///", "//!"].iter().find_map(|mark| line.strip_prefix(mark).map(str::to_owned));
    let line = |line: &str| match documentation(line) {
        Some(line) if path.starts_with("src") => line,
        Some(_) => String::new(),
        None => line.to_owned(),
    };
    let code = text.lines().map(|text| line(text.trim_start()));
    code.map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect()
}

/// What is set between `HttpServer::new` and `run` or the next one, for each.
fn servers(code: &str) -> impl Iterator<Item = &str> {
    code.split("HttpServer::new(").skip(1).map(|rest| rest.split(".run()").next().unwrap_or_default())
}

/// What goes wrong without them is in the mounting guide, in words: no page shows it as a program.
#[test]
fn every_server_of_actix_web_is_set_as_it_has_to_be() {
    let mut servers_found = 0;
    for (path, text) in programs() {
        let code = code(&path, &text);
        for server in servers(&code) {
            for setting in [".h1_allow_half_closed(false)", ".tcp_nodelay(true)", ".disable_signals()"] {
                assert!(server.contains(setting), "{path} has a server without {setting}");
            }
            // Their grace is whatever the environment says.
            assert!(!path.starts_with("examples") || server.contains(".shutdown_timeout("), "{path}");
            servers_found += 1;
        }
    }
    assert!(servers_found >= 5, "{servers_found}");
}

#[test]
fn what_is_in_a_comment_is_not_set() {
    let program =
        "// HttpServer::new(a)\nHttpServer::new(b)\n    // .tcp_nodelay(true)\n.disable_signals() // .x()\n.run();";
    assert_eq!(servers(&code("docs/page.md", program)).collect::<Vec<_>>(), ["b)\n\n.disable_signals() \n"]);
    let documented = "    /// HttpServer::new(a) // b\n    ///     .run()\n";
    assert_eq!(servers(&code("src/lib.rs", documented)).collect::<Vec<_>>(), ["a) \n     "]);
    assert_eq!(servers(&code("examples/main.rs", documented)).count(), 0);
}
