//! The tables of `docs/conformance.md`: every requirement has its row, and every test that a row names is there.

use std::{collections::BTreeSet, fs, path::Path};

/// The tables, by the letter of their rows, and how many each has.
const TABLES: [(char, usize); 3] = [('T', 23), ('L', 21), ('N', 23)];

const LEVELS: [&str; 6] = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "ours"];

/// Marks a row that the last part of the page says more of.
const OTHERWISE: &str = " †";

/// Stands where a test has still to be named.
const OPEN: &str = "TODO-";

fn read(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

fn text(path: &str) -> String {
    read(path).unwrap_or_else(|| panic!("{path} is not there"))
}

fn page() -> String {
    text("docs/conformance.md")
}

/// The cells of each row, without the two lines that head a table.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let heads = |line: &str| line.starts_with("|---") || line.starts_with("| id |");
    let rows = page.lines().filter(|line| line.starts_with('|') && !heads(line));
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// The code in a cell, and what is between.
fn spans(cell: &str) -> (Vec<&str>, String) {
    let code = cell.split('`').skip(1).step_by(2).collect();
    (code, cell.split('`').step_by(2).collect())
}

/// What is wrong with the page's tables; `is_there` says what is wrong with the name of a test.
fn faults(page: &str, is_there: impl Fn(&str) -> Result<(), String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut expected = TABLES.into_iter().flat_map(|(letter, rows)| (1..=rows).map(move |n| format!("{letter}{n}")));
    let mut otherwise = BTreeSet::new();
    for cells in rows(page) {
        let [id, level, requirement, source, tests] = cells[..] else {
            faults.push(format!("{}: a row has five cells, this one {}", cells[0], cells.len()));
            continue;
        };
        let (id, marked) = id.strip_suffix(OTHERWISE).map_or((id, false), |id| (id, true));
        if marked {
            otherwise.insert(id.to_owned());
        }
        match expected.next() {
            Some(next) if next == id => {}
            Some(next) => faults.push(format!("{id}: {next} comes next")),
            None => faults.push(format!("{id}: a row too many")),
        }
        if level.split(", ").any(|level| !LEVELS.contains(&level)) {
            faults.push(format!("{id}: {level:?} is no level"));
        }
        if requirement.is_empty() || source.is_empty() {
            faults.push(format!("{id}: a cell is empty"));
        }
        let (names, between) = spans(tests);
        if names.is_empty() || between != ", ".repeat(names.len() - 1) {
            faults.push(format!("{id}: tests are named as `module::test`, with a comma between two"));
        }
        let named: BTreeSet<_> = names.iter().collect();
        if named.len() < names.len() {
            faults.push(format!("{id}: a test is named twice"));
        }
        let wrong = names.iter().filter(|name| !name.starts_with(OPEN)).filter_map(|name| is_there(name).err());
        faults.extend(wrong.map(|fault| format!("{id}: {fault}")));
    }
    faults.extend(expected.next().map(|id| format!("{id}: no row")));
    let explained: BTreeSet<_> = explanations(page).collect();
    let differing = otherwise.symmetric_difference(&explained);
    faults.extend(differing.map(|id| format!("{id}: a row with{OTHERWISE} and a reason below belong together")));
    faults
}

/// The ids that the list below the tables begins with, each in its line.
fn explanations(page: &str) -> impl Iterator<Item = String> {
    let ids = page.lines().filter_map(|line| line.strip_prefix("- **")?.split_once("**: "));
    ids.map(|(id, _)| id.to_owned())
}

/// Whether a name is one of something that fails.
fn is_there(name: &str) -> Result<(), String> {
    if let Some(scenario) = name.strip_prefix("suite:") {
        return is_run(scenario, &text("tests/interop/conformance/run.py"));
    }
    if name.starts_with("tests/interop/") {
        return read(name).map(|_| ()).ok_or(format!("there is no script {name}"));
    }
    let (place, test) =
        name.rsplit_once("::").ok_or(format!("{name} is neither a test nor a script nor a scenario"))?;
    if place.starts_with("src/") {
        let file = read(place).ok_or(format!("there is no file {place}"))?;
        return has_test(&file, test).then_some(()).ok_or(format!("there is no test {test} in {place}"));
    }
    let module = place.split("::").next().unwrap_or_default();
    let roots = ["suite", "main", "on_actix", "on_axum"].map(|root| text(&format!("tests/it/{root}.rs")));
    if !roots.iter().any(|root| root.lines().any(|line| line.trim_start_matches("pub ") == format!("mod {module};"))) {
        return Err(format!("there is no module {module} in tests/it"));
    }
    let path = format!("tests/it/{}.rs", place.replace("::", "/"));
    let file = read(&path).ok_or(format!("there is no file {path}"))?;
    has_test(&file, test).then_some(()).ok_or(format!("there is no test {test} in {path}"))
}

/// A scenario that the script leaves out holds nobody to anything. That there is one of this name, the script checks.
fn is_run(scenario: &str, script: &str) -> Result<(), String> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let left_out = format!("\"{scenario}\": ");
    if !is_name(scenario) {
        return Err(format!("suite:{scenario} is no scenario's name"));
    }
    if script.lines().any(|line| line.trim_start().starts_with(&left_out)) {
        return Err(format!("suite:{scenario} is not run"));
    }
    Ok(())
}

/// Whether a source has a test of this name that is run: a function right below an attribute that makes it one, and none
/// that has it ignored.
fn has_test(source: &str, name: &str) -> bool {
    let (mut is_test, mut is_ignored) = (false, false);
    for line in source.lines().map(str::trim_start) {
        let function = line.split_once("fn ").map(|(_, rest)| rest.split_once('(').map_or(rest, |(name, _)| name));
        if line.starts_with("#[") {
            is_test |= ["#[test]", "#[tokio::test", "#[actix_web::test"].iter().any(|mark| line.starts_with(mark));
            is_ignored |= line.starts_with("#[ignore") || (line.starts_with("#[cfg_attr(") && line.contains("ignore"));
        } else if is_test && !is_ignored && function == Some(name) {
            return true;
        } else {
            (is_test, is_ignored) = (false, false);
        }
    }
    false
}

#[test]
fn every_requirement_has_its_row_and_every_test_is_there() {
    let faults = faults(&page(), is_there);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn nothing_is_left_to_be_filled_in() {
    let page = page();
    let open: Vec<_> = page.split('`').filter(|span| span.starts_with(OPEN)).collect();
    assert!(open.is_empty(), "docs/conformance.md: each stands for a test that has to be named: {open:?}");
}

/// What the page says of the official suite is what `scripts/test` runs.
#[test]
fn the_page_names_the_suite_that_is_run() {
    let (page, script) = (page(), text("tests/interop/conformance/run.py"));
    let packages: serde_json::Value =
        serde_json::from_str(&text("tests/interop/conformance/package.json")).expect("JSON");
    let version = packages["dependencies"]["@modelcontextprotocol/conformance"].as_str().expect("a version");
    assert!(page.contains(&format!("`@modelcontextprotocol/conformance` {version} ")), "the version is {version}");
    let list = script.lines().find_map(|line| line.strip_prefix("REVISIONS = ")).expect("the revisions that are run");
    let revisions: Vec<String> = serde_json::from_str(list).expect("a list of texts");
    let (last, others) = revisions.split_last().expect("at least one");
    let listed = format!("once for each of {} and {last}.", others.join(", "));
    assert!(page.contains(&listed), "not in the page: {listed}");
}

/// The crate opens no socket; what people copy must not open one to everybody.
#[test]
fn programs_listen_on_loopback() {
    let mut pages: Vec<String> =
        ["README.md", "docs/crate.md", "docs/lifespan.md", "docs/mounting.md"].map(str::to_owned).into();
    pages.extend(["actix_mount", "axum_mount", "everything"].map(|name| format!("examples/{name}/src/main.rs")));
    for path in pages {
        let text = text(&path);
        let starts = ["TcpListener::bind(\"", ".bind((\"", "variable(\"ADDR\", \""];
        let addresses: Vec<_> = starts.iter().flat_map(|start| text.split(start).skip(1)).collect();
        assert!(!addresses.is_empty(), "{path}: no program here listens");
        for address in addresses {
            let address = address.split('"').next().unwrap_or_default();
            assert!(address.split(':').next() == Some("127.0.0.1"), "{path} listens on {address}");
        }
    }
}

/// The page with one thing changed in it.
fn changed(from: &str, to: &str) -> Vec<String> {
    let page = page();
    assert!(page.contains(from), "the page does not have {from:?}");
    faults(&page.replacen(from, to, 1), |_| Ok(()))
}

#[test]
fn a_wrong_page_does_not_pass() {
    let line = |id: &str| {
        let page = page();
        let line = page.lines().find(|line| line.starts_with(&format!("| {id} "))).expect("a row");
        format!("{line}\n")
    };
    let (first, last) = (line("T5"), line("N23"));
    let tests = "| `stateless::the_meta_is_complete`, ";
    for (what, from, to, says) in [
        ("a row is missing", first.as_str(), "", "T6: T5 comes next"),
        ("the last row is missing", &last, "", "N23: no row"),
        ("a row is there twice", &first, &first.repeat(2), "T5: T6 comes next"),
        ("a row too many", &last, &format!("{last}{}", last.replace("N23", "N24")), "N24: a row too many"),
        ("two rows have changed places", &format!("{first}{}", line("T6")), &line("T6"), "T6: T5 comes next"),
        ("an unknown level", "| N3 | MUST |", "| N3 | must |", "N3: \"must\" is no level"),
        ("no level", "| N3 | MUST |", "| N3 | |", "N3: \"\" is no level"),
        ("a cell too few", "| N3 | MUST |", "| N3 |", "N3: a row has five cells"),
        ("a cell too many", "| N3 | MUST |", "| N3 | MUST | |", "N3: a row has five cells"),
        ("no source", "| basic/index, «`_meta`» |", "| |", "N3: a cell is empty"),
        ("a word among the tests", tests, "| all of `stateless::the_meta_is_complete`, ", "N3: tests are named"),
        ("a test twice", tests, &tests.repeat(2).replacen(", | ", ", ", 1), "N3: a test is named twice"),
        ("a reason without its mark", "| L21 † |", "| L21 |", "L21: a row with"),
        ("a mark without its reason", "| N3 |", "| N3 † |", "N3: a row with"),
        ("a reason for nothing", "- **L21**: ", "- **L22**: ", "L22: a row with"),
    ] {
        let found = changed(from, to);
        assert!(found.iter().any(|fault| fault.contains(says)), "{what}: {found:#?}");
    }
    let nothing: String = page().lines().filter(|line| !line.starts_with('|')).collect();
    assert_eq!(faults(&nothing, |_| Ok(()))[0], "T1: no row");
    let untested = changed(&last, &last.replace('`', ""));
    assert!(untested.iter().any(|fault| fault.starts_with("N23: tests are named")), "{untested:#?}");
    let unknown = faults(&page(), |name| Err(name.to_owned()));
    assert!(unknown.contains(&"N3: stateless::the_meta_is_complete".to_owned()), "{unknown:#?}");
}

#[test]
fn what_is_not_there_is_not_found() {
    for name in [
        "wire::methods",
        "architecture::the_rules_themselves::lines_are_counted_through_comments_and_strings",
        "mounting_actix::each_row",
        "src/protocol/id.rs::ids_keep_their_type_and_value",
        "src/protocol/uri_template/tests/any.rs::nothing_panics",
        "tests/interop/clients.py",
        "suite:caching",
    ] {
        assert_eq!(is_there(name), Ok(()));
    }
    for name in [
        "wire::no_such_test",
        // Functions that are no tests.
        "wire::echo",
        // A test that is not run.
        "processes::waiting_for_signals",
        "rig::server",
        "nowhere::methods",
        "wire",
        "src/nowhere.rs::methods",
        "src/protocol/jsonrpc.rs::no_such_test",
        "tests/interop/nowhere.py",
        "suite:",
        "suite:two words",
        "suite:tasks-lifecycle",
    ] {
        assert!(is_there(name).is_err(), "{name}");
    }
    assert!(has_test("#[test]\n#[cfg(unix)]\nfn a() {}", "a"));
    assert!(!has_test("#[test]\nfn a() {}\nfn b() {}", "b"), "an attribute is for one function");
    assert!(!has_test("// #[test]\nfn a() {}", "a"));
    for ignored in ["#[ignore]", "#[ignore = \"slow\"]", "#[cfg_attr(windows, ignore)]"] {
        assert!(!has_test(&format!("#[test]\n{ignored}\nfn a() {{}}"), "a"), "{ignored}");
        assert!(!has_test(&format!("{ignored}\n#[test]\nfn a() {{}}"), "a"), "{ignored}");
        let other = format!("#[test]\n{ignored}\nfn a() {{}}\n#[test]\nfn b() {{}}");
        assert!(has_test(&other, "b"), "{ignored}: of another function");
    }
}
