//! Arguments that headers mirror: `x-mcp-header` (2026-07-28, basic/transports/streamable-http, «Custom Headers from Tool
//! Parameters»).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use mcp_mount::{Args, McpService, tool_fn};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    eras::{TOOLS, both, mirrored, sentinel},
    rig::server,
    support::{Ask, LATEST_SESSION, SESSION_REVISIONS, modern_call},
};

#[derive(Deserialize, JsonSchema)]
struct Query {
    #[schemars(extend("x-mcp-header" = "Region"))]
    region: String,
    /// An `Option` has to have one type only.
    #[schemars(extend("x-mcp-header" = "Limit"))]
    limit: Option<u32>,
    #[schemars(extend("x-mcp-header" = "Dry-Run"))]
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    at: Place,
    text: Option<String>,
}

#[derive(Default, Deserialize, JsonSchema)]
struct Place {
    #[schemars(extend("x-mcp-header" = "Zone"))]
    zone: Option<i64>,
}

/// A tool with mirrored arguments, and how often it ran.
fn query() -> (McpService, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let tool = tool_fn("query", "Query", move |Args(query): Args<Query>| {
        counted.fetch_add(1, SeqCst);
        let Query { region, limit, dry_run, at, text } = query;
        format!("{region} {limit:?} {dry_run} {:?} {}", at.zone, text.unwrap_or_default())
    });
    (server([tool]), runs)
}

#[tokio::test]
async fn annotations_of_a_type_are_listed() {
    let (mcp, _) = query();
    for client in both(&mcp).await {
        let schema = client.list(TOOLS).await[0]["inputSchema"].clone();
        for (pointer, name, kind) in [
            ("/properties/region", "Region", "string"),
            ("/properties/limit", "Limit", "integer"),
            ("/properties/dry_run", "Dry-Run", "boolean"),
            ("/properties/at/properties/zone", "Zone", "integer"),
        ] {
            let property = schema.pointer(pointer).expect("a property");
            assert_eq!((&property["x-mcp-header"], &property["type"]), (&json!(name), &json!(kind)), "{schema}");
        }
    }
}

fn with(arguments: Value, headers: &[(&str, &str)]) -> Ask {
    let ask = modern_call("query", arguments);
    headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))
}

#[tokio::test]
async fn headers_that_say_what_the_arguments_say_are_served() {
    let (mcp, _) = query();
    let greeting = "Hello, \u{4e16}\u{754c}";
    let lines = "line1\nline2";
    for (arguments, headers, expected) in [
        (json!({"region": "us-west1"}), vec![("mcp-param-region", "us-west1")], "us-west1 None false None "),
        (json!({"region": "a"}), vec![("MCP-PARAM-REGION", "a")], "a None false None "),
        (
            json!({"region": "us west", "limit": 42, "dry_run": true, "at": {"zone": -7}, "text": "free"}),
            vec![
                ("mcp-param-region", "us west"),
                ("mcp-param-limit", "42"),
                ("mcp-param-dry-run", "true"),
                ("mcp-param-zone", "-7"),
            ],
            "us west Some(42) true Some(-7) free",
        ),
        (
            json!({"region": "a", "dry_run": false}),
            vec![("mcp-param-region", "a"), ("mcp-param-dry-run", "false")],
            "a None false None ",
        ),
        // `null` and absent: no header is expected.
        (
            json!({"region": "a", "limit": null, "at": {"zone": null}}),
            vec![("mcp-param-region", "a")],
            "a None false None ",
        ),
        (json!({"region": ""}), vec![("mcp-param-region", "")], " None false None "),
        // Integers are compared as numbers.
        (
            json!({"region": "a", "limit": 42}),
            vec![("mcp-param-region", "a"), ("mcp-param-limit", "42.0")],
            "a Some(42) false None ",
        ),
        (
            json!({"region": "a", "limit": 42}),
            vec![("mcp-param-region", "=?base64?YQ==?="), ("mcp-param-limit", "=?base64?NDI=?=")],
            "a Some(42) false None ",
        ),
        // Headers that nothing was said of are nobody's business.
        (
            json!({"region": "a"}),
            vec![("mcp-param-region", "a"), ("mcp-param-other", "x"), ("mcp-param-text", "y")],
            "a None false None ",
        ),
    ] {
        let reply = with(arguments.clone(), &headers).to(&mcp).await;
        assert_eq!(reply.text(), expected, "{arguments} {headers:?}");
    }
    for region in [greeting, " padded ", lines, "=?base64?literal?=", "\u{1f600}"] {
        let reply = with(json!({"region": region}), &[("mcp-param-region", &sentinel(region))]).to(&mcp).await;
        assert_eq!(reply.text(), format!("{region} None false None "), "{region:?}");
    }
}

/// The examples of the page, so that this and the rest of the tests encode as it says.
#[test]
fn values_are_encoded_as_the_page_shows() {
    for (value, header) in [
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
    ] {
        assert_eq!(mirrored(value), header);
    }
}

/// Each is refused with 400 and -32020, and the header is named.
async fn refuses(asks: impl IntoIterator<Item = (&'static str, Ask)>, header: &str) {
    let (mcp, runs) = query();
    for (what, ask) in asks {
        let reply = ask.to(&mcp).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, -32020), "{header}, {what}\n{reply}");
        let message = reply.error()["message"].to_string().to_lowercase();
        assert!(message.contains(header), "{header}, {what}: is not named\n{reply}");
    }
    assert_eq!(runs.load(SeqCst), 0, "no handler sees them");
}

#[tokio::test]
async fn a_text_that_differs_is_never_served() {
    let header = "mcp-param-region";
    let of = |region: &str, value: &str| with(json!({ "region": region }), &[(header, value)]);
    let one = |value: &str| of("us-west1", value);
    let asks = [
        ("missing", with(json!({"region": "us-west1"}), &[])),
        ("different", one("eu-west1")),
        ("another case", one("US-west1")),
        ("empty", one("")),
        ("twice", one("us-west1").also(header, "us-west1")),
        ("twice, the second different", one("us-west1").also(header, "eu-west1")),
        ("a list", one("us-west1, us-west1")),
        ("not for a header", one("us-west1\u{e9}")),
        ("not for a header, and what the body has", of("us-west1\u{e9}", "us-west1\u{e9}")),
        ("no Base64", one("=?base64?us-west1?=")),
        ("Base64 without its end", one("=?base64?dXMtd2VzdDE?=")),
        ("Base64 for URLs", of("??>", "=?base64?Pz8-?=")),
        ("Base64 of no UTF-8", one("=?base64?/w==?=")),
        ("Base64 in capitals", one("=?BASE64?dXMtd2VzdDE=?=")),
        ("Base64 of another", one(&sentinel("eu-west1"))),
        ("bare Base64", one("dXMtd2VzdDE=")),
        ("what looks encoded and is not", of("=?base64?YQ==?=", "=?base64?YQ==?=")),
        ("padded", of(" a ", " a ")),
        ("no such argument", with(json!({}), &[(header, "a")])),
        ("an argument that is null", with(json!({"region": null}), &[(header, "null")])),
    ];
    refuses(asks, header).await;
}

#[tokio::test]
async fn a_number_or_a_truth_that_differs_is_never_served() {
    let with = |name: &str, value: Value, header: &str| {
        let header = (format!("mcp-param-{}", name.replace('_', "-")), header);
        with(json!({"region": "a", name: value}), &[("mcp-param-region", "a"), (&header.0, header.1)])
    };
    let limit = |limit: Value, header: &str| with("limit", limit, header);
    let large = json!(9_007_199_254_740_993_u64);
    let asks = [
        ("extra", limit(json!(null), "3")),
        ("extra and empty", limit(json!(null), "")),
        ("another", limit(json!(42), "43")),
        ("almost", limit(json!(42), "42.5")),
        ("no number", limit(json!(42), "forty-two")),
        ("none at all", limit(json!(42), "NaN")),
        ("of a text", limit(json!("42"), "43")),
        ("too large to be rounded", limit(large.clone(), "9007199254740992")),
        ("too large to be rounded, with a fraction", limit(large, "9007199254740992.0")),
        ("larger than 63 bits", limit(json!(u64::MAX), "18446744073709551614")),
        ("of a list", limit(json!([1]), "[1]")),
    ];
    refuses(asks, "mcp-param-limit").await;
    let dry = |value: bool, header: &str| with("dry_run", json!(value), header);
    let asks = [("true", dry(true, "false")), ("True", dry(true, "True")), ("1", dry(true, "1")), ("", dry(false, ""))];
    refuses(asks, "mcp-param-dry-run").await;
}

#[tokio::test]
async fn a_value_is_looked_for_at_its_own_path() {
    let region = ("mcp-param-region", "a");
    let asks = [
        ("missing", with(json!({"region": "a", "at": {"zone": 3}}), &[region])),
        ("elsewhere", with(json!({"region": "a", "zone": 3}), &[region, ("mcp-param-zone", "3")])),
        ("different", with(json!({"region": "a", "zone": 3, "at": {"zone": 4}}), &[region, ("mcp-param-zone", "3")])),
        ("below nothing", with(json!({"region": "a", "at": null}), &[region, ("mcp-param-zone", "3")])),
    ];
    refuses(asks, "mcp-param-zone").await;
}

#[tokio::test]
async fn sessions_know_nothing_of_it() {
    let (mcp, _) = query();
    for revision in SESSION_REVISIONS {
        let client = crate::eras::Client::new(&mcp, revision).await;
        let ask = || client.ask("tools/call", json!({"name": "query", "arguments": {"region": "a", "limit": 3}}));
        for ask in [ask(), ask().header("mcp-param-region", "b").header("mcp-param-dry-run", "?")] {
            assert_eq!(ask.to(&mcp).await.text(), "a Some(3) false None ", "{revision}");
        }
    }
    assert_eq!(SESSION_REVISIONS[0], LATEST_SESSION);
}

/// The tool is looked for first: what is not there has no annotations.
#[tokio::test]
async fn a_tool_that_is_not_there_has_no_headers() {
    let (mcp, _) = query();
    let reply = modern_call("queries", json!({"region": "a"})).header("mcp-param-region", "b").to(&mcp).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (200, -32602), "{reply}");
    assert!(mcp.tools().remove("query"));
    mcp.tools().add(tool_fn("query", "Without headers", || "plain")).expect("added");
    let reply = modern_call("query", json!({"region": "a"})).header("mcp-param-region", "b").to(&mcp).await;
    assert_eq!(reply.text(), "plain", "annotations come and go with their tool");
}

#[tokio::test]
async fn arguments_that_two_readers_could_read_differently_are_refused() {
    let (mcp, runs) = query();
    let deep = format!("{}{}", "[".repeat(130), "]".repeat(130));
    for more in
        [r#""x":1e999"#, r#""x":"\ud800""#, r#""x":{"a":1,"a":2}"#, r#""region":"us""#, &format!(r#""x":{deep}"#)]
    {
        let ask = with(json!({"region": "eu"}), &[]);
        let body = String::from_utf8(ask.bytes().await.to_vec()).expect("UTF-8");
        let spoiled = body.replace(r#""region":"eu""#, &format!(r#""region":"eu",{more}"#));
        assert_ne!(spoiled, body);
        for ask in [ask.clone(), ask.header("mcp-param-region", "eu")] {
            let reply = ask.with_body(spoiled.clone()).to(&mcp).await;
            assert_eq!(reply.status, 400, "{more}\n{reply}");
            assert!([-32602, -32700].contains(&reply.code()), "{more}\n{reply}");
        }
    }
    assert_eq!(runs.load(SeqCst), 0);
}
