//! What the application prints once it accepts connections: its URL, and three commands to try.

use std::io::{self, Write};

use mcp_mount::Description;
use serde_json::{Value, json};

/// The revision the commands speak: the one in which a request stands alone, without a session to open first.
const REVISION: &str = "2026-07-28";

/// Prints the URL on a line of its own, what is served there, then each command on one line, so that it survives being
/// pasted.
///
/// # Errors
///
/// When nobody reads it any more.
pub fn print(out: &mut impl Write, url: &str, server: &Description) -> io::Result<()> {
    writeln!(out, "{url}\n\n{server}")?;
    for (title, command) in commands(url) {
        writeln!(out, "\n{title}:\n{command}")?;
    }
    writeln!(out)?;
    // A pipe is block-buffered: who waits for the URL at its other end must see it now.
    out.flush()
}

fn commands(url: &str) -> [(&'static str, String); 3] {
    let page = json!({
        "url": "https://www.rust-lang.org/learn",
        "title": "Learn Rust",
        "tags": ["rust", "learning"],
    });
    [
        ("List the tools", curl(url, "tools/list", None, &json!({ "_meta": meta() }))),
        ("Add a bookmark", call(url, "add_bookmark", &page, &meta())),
        ("Import 500 bookmarks and watch the progress", {
            let mut meta = meta();
            meta["progressToken"] = json!("import");
            call(url, "import_bookmarks", &json!({}), &meta)
        }),
    ]
}

/// What every request says about its client, there being no session that would remember it.
fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

fn call(url: &str, tool: &str, arguments: &Value, meta: &Value) -> String {
    curl(url, "tools/call", Some(tool), &json!({ "name": tool, "arguments": arguments, "_meta": meta }))
}

/// The request as a command. `-N` lets curl show each event as it arrives.
fn curl(url: &str, method: &str, name: Option<&str>, params: &Value) -> String {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    debug_assert!(!body.contains('\''), "the body is quoted for the shell by single quotes");
    let name = name.map(|name| format!(" -H 'Mcp-Name: {name}'")).unwrap_or_default();
    format!(
        "curl -sS -N '{url}' -H 'Content-Type: application/json' \
         -H 'Accept: application/json, text/event-stream' \
         -H 'MCP-Protocol-Version: {REVISION}' -H 'Mcp-Method: {method}'{name} -d '{body}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_has_the_first_line_and_each_command_one() {
        let mut out = Vec::new();
        let server = mcp_mount::Mcp::new("demo", "1.0.0").build().expect("a server").describe();
        print(&mut out, "http://127.0.0.1:8000/mcp", &server).expect("a Vec takes everything");
        let text = String::from_utf8(out).expect("UTF-8");
        assert_eq!(text.lines().next(), Some("http://127.0.0.1:8000/mcp"));

        let commands: Vec<_> = text.lines().filter(|line| line.starts_with("curl ")).collect();
        assert_eq!(commands.len(), 3);
        for command in commands {
            let (_, body) = command.split_once(" -d '").expect("a body");
            let body: Value = serde_json::from_str(body.strip_suffix('\'').expect("a quote")).expect("JSON");
            let method = body["method"].as_str().expect("a method");
            assert!(command.contains(&format!("-H 'Mcp-Method: {method}'")), "{command}");
            if let Some(name) = body["params"]["name"].as_str() {
                assert!(command.contains(&format!("-H 'Mcp-Name: {name}'")), "{command}");
            }
            assert_eq!(body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], REVISION);
        }
    }
}
