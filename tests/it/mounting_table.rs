//! The tables of `docs/mounting.md` that say where a mount answers, and whether it does.

use std::{fs, path::Path};

use http::Method;
use mcp_mount::{Mcp, McpService};
use serde_json::json;

use crate::{
    mounted::missing,
    rig::rig_with,
    support::{bare, modern_call},
    target::Target,
};

/// A mount as it is written in an application. Its code is both run and compared with the page's.
pub struct Mount<T> {
    pub code: &'static str,
    pub app: T,
}

/// One row of a table.
#[derive(Debug)]
pub struct Row {
    code: String,
    urls: Vec<String>,
    /// Where the liveness probe can be reached, if at all.
    probes: Vec<String>,
}

/// A server with probes.
pub fn server() -> McpService {
    rig_with(Mcp::health).mcp
}

/// The rows of the table whose first column has this heading.
fn rows(heading: &str) -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mounting.md");
    let page = fs::read_to_string(page).expect("the mounting guide");
    let begin = format!("| {heading} | the URLs that answer | the liveness probe |");
    let lines = page.lines().skip_while(|line| *line != begin).skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<_> = lines.map(row).collect();
    assert!(rows.len() > 2, "docs/mounting.md has no table that begins with {begin}");
    rows
}

fn row(line: &str) -> Row {
    let cells: Vec<_> = line.trim_matches('|').split(" | ").collect();
    let [code, urls, probes] = cells[..] else { panic!("three cells: {line}") };
    let code = spans(code).into_iter().next().unwrap_or_else(|| panic!("code in the first cell: {line}"));
    Row { code, urls: spans(urls), probes: spans(probes) }
}

/// The code in a cell.
fn spans(cell: &str) -> Vec<String> {
    let spans = cell.split('`').skip(1).step_by(2);
    spans.map(str::to_owned).collect()
}

fn without_spaces(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Each row has its mount, each mount its row, and each answers where its row says and nowhere near.
pub async fn compare<T: Target>(heading: &str, mounts: impl IntoIterator<Item = Mount<T>>) {
    let mut rows = rows(heading);
    for mount in mounts {
        let found = rows.iter().position(|row| without_spaces(&row.code) == without_spaces(mount.code));
        let row = rows.remove(found.unwrap_or_else(|| panic!("docs/mounting.md has no row for {}", mount.code)));
        holds(&row, &mount.app).await;
    }
    assert!(rows.is_empty(), "rows of docs/mounting.md that are not tested: {rows:#?}");
}

async fn holds(row: &Row, app: &impl Target) {
    let asked = |path: &String| path.replace("{tenant}", "north");
    let urls: Vec<_> = row.urls.iter().map(asked).collect();
    let probes: Vec<_> = row.probes.iter().map(asked).collect();
    assert!(!urls.is_empty() && urls.iter().all(|url| url.starts_with('/')), "{row:?}");
    for url in &urls {
        let reply = modern_call("echo", json!({"text": "here"})).at(url).to(app).await;
        assert_eq!(reply.status, 200, "{} at {url}\n{reply}", row.code);
        assert_eq!(reply.text(), "here", "{} at {url}", row.code);
    }
    for probe in &probes {
        let reply = bare(Method::GET, "").at(probe).to(app).await;
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (200, &br#"{"status":"ok"}"#[..]), "{row:?}\n{reply}");
    }
    for near in urls.iter().flat_map(|url| near_misses(url)) {
        if !urls.contains(&near) && !probes.contains(&near) {
            missing(app, &near).await;
        }
    }
}

/// What somebody who is wrong about a URL asks for.
fn near_misses(url: &str) -> Vec<String> {
    let path = url.trim_end_matches('/');
    let (above, last) = path.rsplit_once('/').unwrap_or_default();
    let mut near: Vec<_> = ["/", "/x", "/mcp", "/health"].map(|suffix| format!("{path}{suffix}")).into();
    near.extend(["/mcp", "/api", "/no/such/mcp", "/"].map(str::to_owned));
    if !path.is_empty() {
        near.extend([path.to_owned(), format!("{path}x"), path.to_uppercase(), format!("{above}/{last}/{last}")]);
    }
    near
}
