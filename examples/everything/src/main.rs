//! One of everything that MCP has, to try clients and conformance suites on.
//!
//! The names that begin with `test_` or `test://` are those that the official conformance suite asks for.

#![allow(clippy::needless_pass_by_value, reason = "a handler takes by value what it is called with")]

mod asking;
mod changes;
mod content;
mod host;
mod prompts;
mod reports;
mod resources;
mod schema;
mod tools;

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use environment::{Deployment, variable};
use mcp_mount::{CacheScope, Mcp, McpService};

use crate::host::Host;
use crate::resources::Watched;
use crate::tools::Sleepers;

/// What a client's model is told about the server as a whole.
const INSTRUCTIONS: &str = "For tests only: every tool, resource and prompt here is there to be tried.";

/// Where the MCP Inspector's page is served from.
const INSPECTOR: &str = "http://localhost:6274";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // To stderr, so that over stdio the output has nothing but messages.
    environment::log();
    let over = Over::named(env::args().skip(1))?;
    let addr = variable("ADDR", "127.0.0.1:8001")?;
    let host: Host = variable("HOST", "axum")?.parse()?;
    let deployment = Deployment::from_env()?;
    let mcp = mcp(&variable("MCP_CORS_ORIGINS", "")?, &variable("PAGE_SIZE", "")?, &deployment).await?;

    if over == Over::Stdio {
        let report = mcp.serve_stdio().await?;
        tracing::info!(?report, "stopped");
        return Ok(());
    }
    let description = mcp.describe();
    let listening = |address| {
        let mut out = io::stdout().lock();
        writeln!(out, "{}\n\n{description}", environment::url(address))?;
        // A pipe is block-buffered: who waits for the URL at its other end must see it now.
        out.flush()
    };
    let report = host.serve(&addr, mcp, &deployment, listening).await?;
    tracing::info!(?report, "stopped");
    Ok(())
}

/// How clients reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// At `ADDR`.
    Http,
    /// As the parent of this process.
    Stdio,
}

impl Over {
    /// What the arguments of the process say.
    fn named(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Ok(Self::Http),
            ["--stdio"] => Ok(Self::Stdio),
            _ => Err(format!("{}: the one argument there is is --stdio", arguments.join(" "))),
        }
    }
}

/// The MCP server. `origins` are web pages that may call it beside the Inspector's, separated by commas; `page_size` is
/// how long a page of a list is, and empty for lists in one piece.
async fn mcp(origins: &str, page_size: &str, deployment: &Deployment) -> Result<McpService, Box<dyn Error>> {
    let origins = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    let mut mcp = Mcp::new("everything", env!("CARGO_PKG_VERSION"))
        .title("Everything")
        .instructions(INSTRUCTIONS)
        // The suite's header checks call the first tool without arguments.
        .tools(content::tools())
        .tools(reports::tools())
        .tools(asking::tools())
        .tools(changes::tools())
        .tools(schema::tools())
        .tools(tools::tools())
        .resources(resources::resources())
        .prompts(prompts::prompts())
        .prompts(asking::prompts())
        .state(Sleepers::default())
        .state(Watched::default())
        // Long enough for a test to see that a client asks once, and is told of a change.
        .ttl(Duration::from_secs(60))
        .cache_scope(CacheScope::Public)
        .cors([INSPECTOR].into_iter().chain(origins))
        .health()
        .legacy_sse();
    if !page_size.is_empty() {
        mcp = mcp.page_size(page_size.parse().map_err(|e| format!("PAGE_SIZE={page_size}: {e}"))?);
    }
    Ok(deployment.configure(mcp).await?.build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_served_can_be_built() {
        let names = async |origins, page_size| {
            mcp(origins, page_size, &Deployment::default()).await.expect("a valid configuration").tools().keys()
        };
        let all = names("", "").await;
        assert_eq!(all.first().map(String::as_str), Some("test_simple_text"));
        assert_eq!(names(" http://localhost:1 ,", "5").await.len(), all.len());
    }

    #[test]
    fn the_arguments_say_how_it_is_reached() {
        let named = |arguments: &[&str]| Over::named(arguments.iter().map(|argument| (*argument).to_owned()));
        assert_eq!(named(&[]), Ok(Over::Http));
        assert_eq!(named(&["--stdio"]), Ok(Over::Stdio));
        for bad in [&["stdio"][..], &["--http"], &["--stdio", "--stdio"]] {
            assert!(named(bad).is_err_and(|error| error.contains(&bad.join(" "))), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_page_size_that_is_no_number_is_refused_by_name() {
        let error = mcp("", "many", &Deployment::default()).await.expect_err("not a number").to_string();
        assert!(error.contains("PAGE_SIZE=many"), "{error}");
    }
}
