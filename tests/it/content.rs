//! Blocks of content, as far as each revision knows them.

use mcp_mount::{Annotations, Content, McpService, Tool, tool_fn};
use serde_json::{Value, json};

use crate::{
    rig::{Session, server},
    support::{ALL_REVISIONS, MODERN, call, modern_call},
};

const URI: &str = "file:///reports/2026.pdf";
const MIME: &str = "audio/x-birdsong";

/// One block of each type, in this order: text, image, audio, link, resource, text.
fn blocks() -> Vec<Content> {
    vec![
        Content::text("first"),
        Content::image([0x89, 0x50], "image/png"),
        Content::audio([1, 2, 3, 4, 5, 6], MIME),
        Content::resource_link(URI, "the report"),
        Content::text_resource("file:///notes.txt", "text/plain", "embedded"),
        Content::text("last"),
    ]
}

fn tool() -> Tool {
    tool_fn("everything", "One block of each type", || async { blocks() })
}

async fn content(mcp: &McpService, revision: &str, tool: &str) -> Vec<Value> {
    let ask = match revision {
        MODERN => modern_call(tool, json!({})),
        revision => Session::open(mcp, revision, None).await.post(call(tool, json!({}))),
    };
    let reply = ask.to(mcp).await;
    let content = reply.result()["content"].as_array().cloned();
    content.unwrap_or_else(|| panic!("{revision}: no content\n{reply}"))
}

fn types(content: &[Value]) -> Vec<&str> {
    content.iter().map(|block| block["type"].as_str().expect("a type")).collect()
}

#[tokio::test]
async fn a_block_is_sent_as_far_as_the_revision_goes() {
    let mcp = server([tool()]);
    for (revision, expected) in [
        ("2024-11-05", ["text", "image", "text", "text", "resource", "text"]),
        ("2025-03-26", ["text", "image", "audio", "text", "resource", "text"]),
        ("2025-06-18", ["text", "image", "audio", "resource_link", "resource", "text"]),
        ("2025-11-25", ["text", "image", "audio", "resource_link", "resource", "text"]),
        (MODERN, ["text", "image", "audio", "resource_link", "resource", "text"]),
    ] {
        let content = content(&mcp, revision, "everything").await;
        assert_eq!(types(&content), expected, "{revision}: {content:?}");
        let known: Vec<Value> = blocks().iter().map(|block| serde_json::to_value(block).expect("JSON")).collect();
        for (block, known) in content.iter().zip(&known) {
            if block["type"] == known["type"] {
                assert_eq!(block, known, "{revision}: what is known is sent as it is");
            }
        }
    }
}

#[tokio::test]
async fn what_stands_for_a_block_says_what_it_was() {
    let mcp = server([tool()]);
    for (revision, place, name) in [("2024-11-05", 2, MIME), ("2024-11-05", 3, URI), ("2025-03-26", 3, URI)] {
        let content = content(&mcp, revision, "everything").await;
        let block = content[place].as_object().expect("a block");
        assert_eq!(block.get("type"), Some(&json!("text")), "{revision}: {block:?}");
        let text = block.get("text").and_then(Value::as_str).unwrap_or_default();
        assert!(text.contains(name), "{revision}: does not name {name:?}: {block:?}");
        for foreign in ["data", "mimeType", "uri", "name"] {
            assert!(!block.contains_key(foreign), "{revision}: {block:?}");
        }
    }
}

/// A failure of the tool has content too, and each revision on its own must not spoil what the next is sent.
#[tokio::test]
async fn revisions_do_not_disturb_each_other() {
    let mcp = server([tool(), tool_fn("alone", "Nothing but sound", || async { Content::audio([1], MIME) })]);
    for _ in 0..2 {
        for (revision, kind) in [("2024-11-05", "text"), (MODERN, "audio"), ("2025-03-26", "audio")] {
            let content = content(&mcp, revision, "alone").await;
            assert_eq!(types(&content), [kind], "{revision}: {content:?}");
        }
    }
}

#[tokio::test]
async fn hints_are_sent_as_far_as_the_revision_goes() {
    let annotated = || {
        let hints = Annotations::new().audience(["user"]).priority(0.5).last_modified("2025-01-12T15:00:58Z");
        let annotations = Some(hints);
        let (data, mime_type) = ("AQID".to_owned(), "image/png".to_owned());
        vec![
            Content::Text { text: "hinted".into(), annotations: annotations.clone() },
            Content::Image { data, mime_type, annotations },
        ]
    };
    let mcp = server([tool_fn("hinted", "With annotations", annotated)]);
    for revision in ALL_REVISIONS {
        let mut expected = json!({"audience": ["user"], "priority": 0.5});
        if revision >= "2025-06-18" {
            expected["lastModified"] = json!("2025-01-12T15:00:58Z");
        }
        for block in content(&mcp, revision, "hinted").await {
            assert_eq!(block["annotations"], expected, "{revision}: {block}");
        }
    }
}
