//! Input schemas: which ones are served, that nothing is fetched for them, and how arguments are held against them.

use std::net::TcpListener;

use mcp_mount::{Args, BuildErrorKind, Mcp, Tool, tool_fn};
use serde_json::{Value, json};

fn raw(schema: Value) -> Tool {
    Tool::raw("raw", schema, |Args(arguments): Args<Value>| arguments.to_string()).description("Say what came")
}

fn with_property(property: Value) -> Value {
    json!({"type": "object", "properties": {"a": property}})
}

/// Why a server with this tool cannot be built.
fn fault(tool: Tool) -> String {
    let error = Mcp::new("demo", "1").tool(tool).build().unwrap_err();
    assert_eq!(error.kind(), BuildErrorKind::InvalidTool, "{error}");
    error.to_string()
}

#[test]
fn nothing_is_fetched_for_a_schema() {
    let canary = TcpListener::bind("127.0.0.1:0").expect("a free port");
    canary.set_nonblocking(true).expect("it can wait");
    let address = canary.local_addr().expect("an address");
    let elsewhere = format!("http://{address}/schema.json");
    for schema in [
        with_property(json!({"$ref": elsewhere})),
        with_property(json!({"allOf": [{"items": {"$ref": format!("{elsewhere}#/$defs/x")}}]})),
        json!({"type": "object", "$defs": {"x": {"$dynamicRef": elsewhere}}}),
        json!({"type": "object", "$id": elsewhere, "properties": {"a": {"$ref": "other.json"}}}),
    ] {
        let fault = fault(raw(schema.clone()));
        assert!(fault.contains("tool `raw`: its input schema") && fault.contains("$ref"), "{fault}");
        let output = tool_fn("out", "Work", || "done").output_schema(schema);
        assert!(self::fault(output).contains("tool `out`: its output schema"));
    }
    let dialect = fault(raw(json!({"type": "object", "$schema": elsewhere})));
    assert!(dialect.contains("dialect"), "{dialect}");
    assert!(canary.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "somebody called");
}

#[test]
fn a_dialect_that_is_not_known_is_told() {
    for (dialect, good) in [
        ("https://json-schema.org/draft/2020-12/schema", true),
        ("https://json-schema.org/draft/2020-12/schema#", true),
        ("http://json-schema.org/draft-07/schema#", false),
        ("https://json-schema.org/draft/2019-09/schema", false),
        ("https://example.com/my-dialect", false),
    ] {
        let tool = raw(json!({"type": "object", "$schema": dialect}));
        if good {
            Mcp::new("demo", "1").tool(tool).build().expect(dialect);
        } else {
            let fault = fault(tool);
            assert!(fault.contains("tool `raw`") && fault.contains(dialect) && fault.contains("2020-12"), "{fault}");
        }
    }
}

#[test]
fn a_schema_is_bounded() {
    let nested = |levels: u32| (0..levels).fold(json!({}), |inner, _| json!({"items": inner}));
    let wide = |count: usize| with_property(json!({"anyOf": vec![json!({"type": "string"}); count]}));
    for (tool, says) in [
        (raw(with_property(nested(100))), "deeper than 32 levels"),
        (raw(wide(2_001)), "more than 2000 schemas"),
        (raw(with_property(json!({"description": "x".repeat(300_000)}))), "bytes"),
        (tool_fn("out", "Work", || "done").output_schema(nested(100)), "deeper than 32 levels"),
    ] {
        let fault = fault(tool);
        assert!(fault.contains("schema") && fault.contains(says), "{fault}");
    }
    Mcp::new("demo", "1")
        .tool(raw(with_property(nested(29))))
        .tool(tool_fn("wide", "", || ""))
        .build()
        .expect("within");
}

#[cfg(feature = "jsonschema")]
mod applied {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use mcp_mount::{McpService, Reply as CallReply, Tool, tool_fn};
    use schemars::JsonSchema;
    use serde::Deserialize;
    use tower::util::MapResponseLayer;

    use super::*;
    use crate::{
        rig::{Session, session},
        support::{Reply, call, legacy, message, modern_call},
    };

    #[derive(Deserialize, JsonSchema)]
    struct Film {
        #[schemars(length(min = 1, max = 5), regex(pattern = r"^[a-z]+$"))]
        title: String,
        #[schemars(range(min = 1900))]
        year: Option<i32>,
    }

    #[derive(Deserialize, JsonSchema)]
    struct Plain {
        text: String,
        kind: Option<Kind>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Long,
        Short,
    }

    fn film(runs: &Arc<AtomicUsize>) -> Tool {
        let runs = runs.clone();
        tool_fn("film", "Find a film", move |Args(film): Args<Film>| {
            runs.fetch_add(1, SeqCst);
            format!("{} {:?}", film.title, film.year)
        })
    }

    fn orders() -> Tool {
        let item = json!({"type": "object", "properties": {"price": {"type": "number", "exclusiveMinimum": 0}}, "required": ["price"]});
        raw(
            json!({"type": "object", "properties": {"items": {"type": "array", "items": item, "maxItems": 3}}, "required": ["items"]}),
        )
    }

    /// The failure of a call, the same in every era.
    async fn failure(mcp: &McpService, tool: &str, arguments: Value) -> String {
        let session = session(mcp).await;
        let mut texts = Vec::new();
        for ask in [
            session.post(call(tool, arguments.clone())),
            legacy(call(tool, arguments.clone())),
            modern_call(tool, arguments),
        ] {
            let reply = ask.to(mcp).await;
            assert_eq!(reply.status, 200, "{reply}");
            texts.push(reply.tool_error());
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "{texts:?}");
        texts.remove(0)
    }

    #[tokio::test]
    async fn arguments_that_do_not_fit_reach_no_handler() {
        let runs = Arc::new(AtomicUsize::new(0));
        let mcp = Mcp::new("rig", "1").tools([film(&runs), orders()]).validate_arguments().build().expect("builds");
        for (tool, arguments, says) in [
            ("film", json!({"title": ""}), "arguments.title: "),
            ("film", json!({"title": "UPPER"}), "arguments.title: "),
            ("film", json!({"title": "abc", "year": 1899}), "arguments.year: "),
            ("film", json!({"year": 2000}), "\"title\" is a required property"),
            ("raw", json!({"items": [{"price": 1}, {"price": 0}]}), "arguments.items[1].price: "),
            ("raw", json!({"items": [{"price": 1}, {}]}), "arguments.items[1]: "),
            ("raw", json!({"items": [{}, {}, {}, {}]}), "; and more"),
            ("raw", json!({}), "\"items\" is a required property"),
            ("raw", json!({"items": {}}), "arguments.items: "),
        ] {
            let text = failure(&mcp, tool, arguments).await;
            assert!(text.contains(says), "{text}");
        }
        assert_eq!(runs.load(SeqCst), 0);
        let good = modern_call("film", json!({"title": "abc", "year": 1999})).to(&mcp).await;
        assert_eq!((good.text().as_str(), runs.load(SeqCst)), ("abc Some(1999)", 1));
        assert_eq!(modern_call("raw", json!({"items": []})).to(&mcp).await.text(), r#"{"items":[]}"#);
    }

    #[tokio::test]
    async fn what_was_sent_is_not_repeated() {
        let mcp = Mcp::new("rig", "1").tool(orders()).validate_arguments().build().expect("builds");
        let secret = "hunter2".repeat(10_000);
        for arguments in
            [json!({"items": secret}), json!({"items": [{"price": secret}]}), json!({"items": [secret, secret]})]
        {
            let text = failure(&mcp, "raw", arguments).await;
            assert!(!text.contains("hunter2") && text.len() < 2_000, "{text}");
        }
        let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"raw","arguments":{"items":[],"items":5}}}"#;
        let session = session(&mcp).await;
        let reply: Reply = session.post(Value::Null).with_body(twice).to(&mcp).await;
        assert!(reply.tool_error().contains("duplicate field `items`"), "{reply}");
        let none = session.post(message(1, "tools/call", json!({"name": "raw"}))).to(&mcp).await;
        assert!(none.tool_error().contains("required"), "{none}");
    }

    #[tokio::test]
    async fn it_is_for_those_tools_that_ask_for_it() {
        let mcp = Mcp::new("rig", "1").tools([orders()]).build().expect("builds");
        assert_eq!(modern_call("raw", json!({})).to(&mcp).await.text(), "{}", "a schema is not applied by itself");
        let mcp = Mcp::new("rig", "1").tool(orders().validate_arguments()).build().expect("builds");
        failure(&mcp, "raw", json!({})).await;
        // Those that are added later are held to it, too.
        let mcp = Mcp::new("rig", "1").validate_arguments().build().expect("builds");
        mcp.tools().add(orders()).expect("added");
        failure(&mcp, "raw", json!({})).await;
    }

    #[tokio::test]
    async fn a_type_says_what_it_says_itself() {
        let plain = tool_fn("plain", "Work", |Args(plain): Args<Plain>| {
            let kind = plain.kind.map_or("none", |kind| if matches!(kind, Kind::Long) { "long" } else { "short" });
            format!("{} {kind}", plain.text)
        });
        let mcp = Mcp::new("rig", "1").tools([plain, tool_fn("nothing", "Work", || "done")]).validate_arguments();
        let mcp = mcp.build().expect("builds");
        let session = Session::open(&mcp, "2025-11-25", None).await;
        let ask = |arguments| session.post(call("plain", arguments));
        assert_eq!(ask(json!({"text": "a", "kind": "long"})).to(&mcp).await.text(), "a long");
        // In serde's own words: the schema had nothing to add.
        let wrong = ask(json!({"text": "a", "kind": "wide"})).to(&mcp).await;
        assert!(wrong.tool_error().contains("unknown variant"), "{wrong}");
        // No type reads the arguments of a tool that takes none, but its schema knows that there are none.
        failure(&mcp, "nothing", json!({"a": 1})).await;
        assert_eq!(session.post(call("nothing", json!({}))).to(&mcp).await.text(), "done");
    }

    #[tokio::test]
    async fn layers_see_the_failure() {
        let seen = MapResponseLayer::new(|reply: CallReply| match reply {
            CallReply::Tool(result) if result.is_error() => CallReply::Tool(result.meta("seen", true)),
            other => other,
        });
        let mcp = Mcp::new("rig", "1").tool(orders()).validate_arguments().layer(seen).build().expect("builds");
        let reply = modern_call("raw", json!({})).to(&mcp).await;
        assert_eq!(reply.result()["_meta"]["seen"], true, "{reply}");
    }

    #[test]
    fn a_schema_that_cannot_be_applied_fails_the_build() {
        for (schema, says) in [
            (json!({"type": "object", "properties": {"a": {"type": "text"}}}), "cannot be applied"),
            (json!({"type": "object", "properties": {"a": {"pattern": "("}}}), "cannot be applied"),
            (json!({"type": "object", "properties": {"a": {"pattern": r"(?=x)\1"}}}), "cannot be applied"),
            (json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/nowhere"}}}), "cannot be applied"),
        ] {
            let fault = fault(raw(schema.clone()).validate_arguments());
            assert!(fault.contains("tool `raw`: its input schema") && fault.contains(says), "{fault}");
            Mcp::new("demo", "1").tool(raw(schema)).build().expect("listed as it is, unless it is to be applied");
        }
    }

    #[tokio::test]
    async fn a_schema_may_refer_to_itself() {
        let node = json!({"type": "object", "properties": {"next": {"$ref": "#"}, "value": {"minimum": 1}}});
        let mcp = Mcp::new("rig", "1").tool(raw(node)).validate_arguments().build().expect("builds");
        let list = |last: i32| (0..40).fold(json!({"value": last}), |inner, _| json!({"next": inner, "value": 2}));
        assert!(modern_call("raw", list(1)).to(&mcp).await.text().contains("next"));
        let text = failure(&mcp, "raw", list(0)).await;
        assert!(text.starts_with("arguments.next.next"), "{text}");
        for endless in [json!({"type": "object", "$ref": "#"}), json!({"type": "object", "allOf": [{"$ref": "#"}]})] {
            if let Ok(mcp) = Mcp::new("rig", "1").tool(raw(endless)).validate_arguments().build() {
                assert_eq!(modern_call("raw", json!({})).to(&mcp).await.status, 200, "and it ends");
            }
        }
    }
}
