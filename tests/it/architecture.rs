//! What the compiler does not enforce: who may name whom, and who alone may do what.
//!
//! The rules read the source as text, lexed far enough to leave out comments and strings and to take imports apart.

use std::collections::BTreeMap;

mod source;
mod the_rules_themselves;

use source::{Named, Source, sources};

/// The longest file, tests included.
const LINES: usize = 400;

/// The constants of `http::StatusCode` that say that something went wrong.
const ERROR_STATUSES: &[&str] = &[
    "BAD_REQUEST",
    "UNAUTHORIZED",
    "PAYMENT_REQUIRED",
    "FORBIDDEN",
    "NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "NOT_ACCEPTABLE",
    "PROXY_AUTHENTICATION_REQUIRED",
    "REQUEST_TIMEOUT",
    "CONFLICT",
    "GONE",
    "LENGTH_REQUIRED",
    "PRECONDITION_FAILED",
    "PAYLOAD_TOO_LARGE",
    "URI_TOO_LONG",
    "UNSUPPORTED_MEDIA_TYPE",
    "RANGE_NOT_SATISFIABLE",
    "EXPECTATION_FAILED",
    "IM_A_TEAPOT",
    "MISDIRECTED_REQUEST",
    "UNPROCESSABLE_ENTITY",
    "LOCKED",
    "FAILED_DEPENDENCY",
    "TOO_EARLY",
    "UPGRADE_REQUIRED",
    "PRECONDITION_REQUIRED",
    "TOO_MANY_REQUESTS",
    "REQUEST_HEADER_FIELDS_TOO_LARGE",
    "UNAVAILABLE_FOR_LEGAL_REASONS",
    "INTERNAL_SERVER_ERROR",
    "NOT_IMPLEMENTED",
    "BAD_GATEWAY",
    "SERVICE_UNAVAILABLE",
    "GATEWAY_TIMEOUT",
    "HTTP_VERSION_NOT_SUPPORTED",
    "VARIANT_ALSO_NEGOTIATES",
    "INSUFFICIENT_STORAGE",
    "LOOP_DETECTED",
    "NOT_EXTENDED",
    "NETWORK_AUTHENTICATION_REQUIRED",
    // A status made from a number can be any of these.
    "from_u16",
    "from_bytes",
];

/// The top-level modules that have rules, each with the ones it may name beside itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("lifespan", &[]),
    ("store", &["lifespan"]),
    ("auth", &["error", "store"]),
    ("protocol", &[]),
    ("server", &["protocol", "auth", "store", "lifespan", "error"]),
    ("transport", &["server", "protocol", "auth", "store", "lifespan", "error"]),
    ("mount", &["transport", "server", "protocol", "auth", "store", "lifespan", "error"]),
];

#[test]
fn only_the_lifespan_spawns() {
    let spawns = |named: &Named| {
        let last = named.segments.last();
        matches!(
            last.map(String::as_str),
            Some("spawn" | "spawn_blocking" | "spawn_local" | "spawn_on" | "spawn_scoped")
        )
    };
    let home = "src/lifespan/spawner.rs";
    let sources = sources("src");
    assert!(sources.iter().any(|source| source.file == home), "{home} is where it is");
    none(&all(&sources, &[home], spawns), "starts work outside of src/lifespan/spawner.rs");
}

#[test]
fn only_rejection_picks_an_error_status() {
    let picks = |named: &Named| {
        named.segments.windows(2).any(|pair| pair[0] == "StatusCode" && ERROR_STATUSES.contains(&pair[1].as_str()))
    };
    let sources = sources("src");
    let home = "src/transport/rejection.rs";
    // Translates what was picked into the status of another version of `http`.
    let translator = "src/mount/actix/reply.rs";
    let mut found = all(&sources, &[home, translator], picks);
    // `Response::builder().status(404)`
    for source in sources.iter().filter(|source| source.file != home) {
        for three in source.tokens.windows(3) {
            let number: u16 = three[2].text.parse().unwrap_or(0);
            if three[0].text == "status" && three[1].text == "(" && (400..600).contains(&number) {
                found.push(format!("{}:{}: status({number})", source.file, three[2].line));
            }
        }
    }
    none(&found, "picks an error status outside of src/transport/rejection.rs");
}

#[test]
fn the_era_is_matched_where_it_is_decided() {
    let matches_era = |named: &Named| {
        let era = named.segments.iter().position(|segment| segment == "Era");
        era.is_some_and(|at| at + 1 < named.segments.len())
    };
    let homes = [
        "src/protocol/revision.rs",
        "src/protocol/method.rs",
        "src/protocol/encode/mod.rs",
        "src/transport/incoming.rs",
    ];
    let found = all(&sources("src"), &homes, matches_era);
    none(&found, "matches the era; let `transport::incoming` turn it into data instead");
}

#[test]
fn time_is_tokios() {
    let mut found = Vec::new();
    for source in &sources("src") {
        let short = source.paths.iter().any(|named| named.imported && named.segments == ["std", "time"]);
        found.extend(report(source, |named| {
            let path: Vec<_> = named.segments.iter().map(String::as_str).collect();
            match path.as_slice() {
                ["std", "time", "Instant", ..] | ["std", "time", "*"] => true,
                ["time", "Instant", ..] => short,
                _ => false,
            }
        }));
    }
    none(&found, "uses std's clock, which does not pause in tests: take tokio::time::Instant");
}

#[test]
fn only_mounts_know_a_web_framework() {
    let frameworks = |named: &Named| {
        let first = named.segments[0].as_str();
        let framework = first.starts_with("axum") || first.starts_with("actix");
        framework && (named.imported || named.segments.len() > 1)
    };
    let sources = sources("src");
    let outside: Vec<_> = sources.into_iter().filter(|s| s.room() != "mount").collect();
    none(&all(&outside, &[], frameworks), "names a web framework outside of src/mount/");
}

#[test]
fn imports_point_one_way() {
    let sources = sources("src");
    let exported = exports(&sources);
    let mut found = Vec::new();
    for source in &sources {
        let Some((room, allowed)) = ROOMS.iter().find(|(room, _)| *room == source.room()) else {
            continue;
        };
        found.extend(report(source, |named| {
            let target = target(source, named, &exported);
            target.is_some_and(|target| target != *room && !allowed.contains(&target.as_str()))
        }));
    }
    none(
        &found,
        "points the wrong way: protocol <- server <- transport <- mount, while lifespan, error and store are leaves",
    );
}

#[test]
fn the_test_client_and_the_crate_do_not_know_each_other() {
    let sources = sources("src");
    // What would check the crate must not be made of it; that a revision has a name is all they share.
    let (client, crate_itself): (Vec<_>, Vec<_>) = sources.iter().partition(|source| source.room() == "testing");
    let first = |source: &Source, named: &Named| source.within_crate(named).and_then(|path| path.first().cloned());
    let mut found = Vec::new();
    for source in client {
        found.extend(report(source, |named| {
            // `replays_equal` makes a server of the tool that it is given.
            let serves = source.file == "src/testing/replay.rs";
            // The contract of stores is about the trait, and needs threads.
            let stores = source.file.starts_with("src/testing/contract/");
            first(source, named).is_some_and(|name| match name.as_str() {
                "testing" | "Revision" | "__store_contract" => false,
                "Mcp" | "Tool" => !serves,
                "Store" | "stores" | "lifespan" => !stores,
                _ => true,
            })
        }));
    }
    for source in crate_itself.iter().filter(|source| source.room() != "lib") {
        found.extend(report(source, |named| first(source, named).is_some_and(|name| name == "testing")));
    }
    none(&found, "ties the test client to the crate's internals");
}

#[test]
fn the_protocol_does_no_io() {
    let io = |named: &Named| {
        let first = named.segments[0].as_str();
        let forbidden = first.starts_with("tokio") || first == "http" || first.starts_with("http_");
        forbidden && (named.imported || named.segments.len() > 1)
    };
    let sources = sources("src/protocol");
    none(&all(&sources, &[], io), "names tokio or http in src/protocol, which is pure data");
}

#[test]
fn files_stay_short() {
    let mut found = Vec::new();
    for source in sources("src").iter().chain(&sources("macros/src")) {
        let lines = source.text.lines().count();
        if lines > LINES {
            found.push(format!("{}:{lines}: {lines} lines", source.file));
        }
    }
    none(&found, "is longer than 400 lines: look for the second thing it does");
}

#[test]
fn every_example_in_the_docs_is_compiled() {
    let mut found = Vec::new();
    for source in sources("src").iter().chain(&sources("macros/src")) {
        for (number, line) in source.text.lines().enumerate() {
            let fence = line.split_once("```").map_or("", |(_, fence)| fence);
            if fence.split(',').any(|word| word.trim().starts_with("ignore")) {
                found.push(format!("{}:{}: {}", source.file, number + 1, line.trim()));
            }
        }
    }
    none(&found, "is an example that nobody compiles: make it run, or use `no_run`");
}

/// The places where `rule` holds, but for the files named in `homes`.
fn all(sources: &[Source], homes: &[&str], rule: impl Fn(&Named) -> bool) -> Vec<String> {
    let outside = sources.iter().filter(|source| !homes.contains(&source.file.as_str()));
    outside.flat_map(|source| report(source, &rule)).collect()
}

fn report(source: &Source, rule: impl Fn(&Named) -> bool) -> Vec<String> {
    let found = source.paths.iter().filter(|named| rule(named));
    found.map(|named| format!("{}:{}: {}", source.file, named.line, named.segments.join("::"))).collect()
}

fn none(found: &[String], what: &str) {
    assert!(found.is_empty(), "each of these {what}:\n  {}", found.join("\n  "));
}

/// What `lib.rs` re-exports at the root of the crate, and from which room: `crate::Tool` is `server` all the same.
fn exports(sources: &[Source]) -> BTreeMap<String, String> {
    let library = sources.iter().find(|source| source.file == "src/lib.rs");
    let library = library.expect("src/lib.rs");
    let imports = library.paths.iter().filter(|named| named.imported);
    imports
        .filter_map(|named| {
            let path = library.within_crate(named)?;
            let [room, _, ..] = path.as_slice() else {
                return None;
            };
            let known = ROOMS.iter().any(|(name, _)| name == room);
            known.then(|| (named.name.clone(), room.clone()))
        })
        .collect()
}

/// The room that a path leads to, if it leads to one.
fn target(source: &Source, named: &Named, exported: &BTreeMap<String, String>) -> Option<String> {
    let path = source.within_crate(named)?;
    let first = path.first()?;
    if ROOMS.iter().any(|(room, _)| room == first) {
        return Some(first.clone());
    }
    exported.get(first).cloned()
}
