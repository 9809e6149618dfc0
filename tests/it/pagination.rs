//! Pages of lists, and the cursors between them (server/utilities/pagination).

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use mcp_mount::{BuildErrorKind, CacheScope, Mcp, McpService, Prompt, Resource, Tool, prompt_fn, resource_fn, tool_fn};
use serde_json::{Value, json};

use crate::{
    eras::{Client, LISTS, List, PROMPTS, RESOURCES, TEMPLATES, TOOLS, both},
    support::Reply,
};

/// What an entry of a list is found by; not in the order of the alphabet.
fn key(list: List, number: usize) -> String {
    let number = (number * 7) % 10;
    match list.method {
        "resources/list" => format!("x://n{number}"),
        "resources/templates/list" => format!("x://t{number}/{{id}}"),
        _ => format!("n{number}"),
    }
}

fn tool(number: usize) -> Tool {
    tool_fn(key(TOOLS, number), "A tool", || "text")
}

fn prompt(number: usize) -> Prompt {
    prompt_fn(key(PROMPTS, number), "A prompt", || "text")
}

fn resource(number: usize) -> Resource {
    resource_fn(key(RESOURCES, number), "resource", || "text")
}

fn template(number: usize) -> Resource {
    resource_fn(key(TEMPLATES, number), "template", || "text")
}

/// So many entries in each list, in pages of that size.
fn with(entries: usize, page: usize) -> Mcp {
    Mcp::new("rig", "1.2.3")
        .page_size(page)
        .tools((0..entries).map(tool))
        .prompts((0..entries).map(prompt))
        .resources((0..entries).flat_map(|number| [resource(number), template(number)]))
}

fn built(mcp: Mcp) -> McpService {
    mcp.build().expect("the server builds")
}

async fn page(client: &Client, list: List, cursor: Option<&str>) -> Reply {
    let params = cursor.map_or_else(|| json!({}), |cursor| json!({ "cursor": cursor }));
    client.send(list.method, params).await
}

/// The keys of a page, and the cursor of the next one.
fn read(list: List, result: &Value) -> (Vec<String>, Option<String>) {
    let entries = result[list.member].as_array().unwrap_or_else(|| panic!("no {}: {result}", list.member));
    let cursor = result.get("nextCursor").map(|cursor| cursor.as_str().expect("a string").to_owned());
    (list.keys(entries), cursor)
}

/// The keys of every page from this cursor on.
async fn pages(client: &Client, list: List, mut cursor: Option<String>) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let (keys, next) = read(list, &page(client, list, cursor.as_deref()).await.result());
        pages.push(keys);
        assert!(pages.len() < 100, "{}: it never ends", list.method);
        match next {
            Some(next) => cursor = Some(next),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn pages_give_every_entry_once_in_the_order_of_registration() {
    for (entries, size, lengths) in
        [(5, 2, &[2, 2, 1][..]), (4, 2, &[2, 2]), (3, 3, &[3]), (3, 10, &[3]), (3, 1, &[1, 1, 1])]
    {
        let mcp = built(with(entries, size));
        for client in both(&mcp).await {
            for list in LISTS {
                let pages = pages(&client, list, None).await;
                let found: Vec<usize> = pages.iter().map(Vec::len).collect();
                assert_eq!(found, lengths, "{entries} in pages of {size}: {}", list.method);
                let expected: Vec<String> = (0..entries).map(|number| key(list, number)).collect();
                assert_eq!(pages.concat(), expected, "{}", list.method);
            }
        }
    }
}

#[tokio::test]
async fn hardly_any_list_has_a_second_page_by_default() {
    let many = |count: usize| (0..count).map(|number| tool_fn(format!("t{number}"), "", || "text"));
    for (count, expected) in [(1000, &[1000][..]), (1001, &[1000, 1])] {
        let mcp = built(Mcp::new("rig", "1.2.3").tools(many(count)));
        for client in both(&mcp).await {
            let lengths: Vec<usize> = pages(&client, TOOLS, None).await.iter().map(Vec::len).collect();
            assert_eq!(lengths, expected);
        }
    }
    let Err(error) = with(1, 0).build() else { panic!("pages of nothing") };
    assert_eq!(error.kind(), BuildErrorKind::InvalidSetting);
    assert!(error.to_string().contains("page_size"), "{error}");
}

/// The cursor behind the second of six entries.
async fn second(client: &Client, list: List) -> Option<String> {
    let (keys, cursor) = read(list, &page(client, list, None).await.result());
    assert_eq!(keys.len(), 2, "{}", list.method);
    assert!(cursor.is_some(), "{}: there is more", list.method);
    cursor
}

/// One call on the handle of whatever is in this list.
macro_rules! on {
    ($mcp:expr, $list:expr, $method:ident, $number:expr) => {{
        let (list, key) = ($list, key($list, $number));
        match list.member {
            "tools" => $mcp.tools().$method(&key),
            "prompts" => $mcp.prompts().$method(&key),
            _ => $mcp.resources().$method(&key),
        }
    }};
}

fn add(mcp: &McpService, list: List, number: usize) {
    match list.member {
        "tools" => mcp.tools().add(tool(number)),
        "prompts" => mcp.prompts().add(prompt(number)),
        "resources" => mcp.resources().add(resource(number)),
        _ => mcp.resources().add(template(number)),
    }
    .expect("it can be added");
}

/// «Servers SHOULD provide stable cursors.»
#[tokio::test]
async fn a_cursor_survives_what_comes_and_goes() {
    type Change = (&'static str, fn(&McpService, List), &'static [usize]);
    let changes: [Change; 8] = [
        ("nothing", |_, _| (), &[2, 3, 4, 5]),
        ("an entry was added", |mcp, list| add(mcp, list, 6), &[2, 3, 4, 5, 6]),
        ("an entry before it is gone", |mcp, list| assert!(on!(mcp, list, remove, 0)), &[2, 3, 4, 5]),
        ("its own entry is gone", |mcp, list| assert!(on!(mcp, list, remove, 1)), &[2, 3, 4, 5]),
        ("the next entry is gone", |mcp, list| assert!(on!(mcp, list, remove, 2)), &[3, 4, 5]),
        (
            "entries are hidden",
            |mcp, list| assert!(on!(mcp, list, disable, 1) && on!(mcp, list, disable, 4)),
            &[2, 3, 5],
        ),
        (
            "a hidden one is shown",
            |mcp, list| assert!(on!(mcp, list, disable, 3) && on!(mcp, list, enable, 3)),
            &[2, 3, 4, 5],
        ),
        ("all is gone", |mcp, list| assert!((0..6).all(|number| on!(mcp, list, remove, number))), &[]),
    ];
    for (what, change, left) in changes {
        for list in LISTS {
            let mcp = built(with(6, 2));
            let clients = both(&mcp).await;
            let cursors = [second(&clients[0], list).await, second(&clients[1], list).await];
            change(&mcp, list);
            for (client, cursor) in clients.iter().zip(cursors) {
                let expected: Vec<String> = left.iter().map(|number| key(list, *number)).collect();
                assert_eq!(pages(client, list, cursor).await.concat(), expected, "{what}: {}", list.method);
            }
        }
    }
}

#[tokio::test]
async fn what_was_removed_and_added_again_comes_last() {
    let mcp = built(with(3, 2));
    for list in LISTS {
        assert!(on!(mcp, list, remove, 0));
        add(&mcp, list, 0);
        for client in both(&mcp).await {
            let expected: Vec<String> = [1, 2, 0].map(|number| key(list, number)).into();
            assert_eq!(pages(&client, list, None).await.concat(), expected, "{}", list.method);
        }
    }
}

/// «Invalid cursors SHOULD result in an error with code -32602.»
#[tokio::test]
async fn a_cursor_of_no_or_another_list_is_refused() {
    let mcp = built(with(6, 2));
    let few = built(with(3, 2));
    for (client, smaller) in both(&mcp).await.into_iter().zip(both(&few).await) {
        let mut own = Vec::new();
        for list in LISTS {
            own.push(second(&client, list).await.expect("a cursor"));
        }
        for (index, list) in LISTS.into_iter().enumerate() {
            let mut bad: Vec<String> = own.clone();
            let good = bad.remove(index);
            let decoded = String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(&good).unwrap_or_default()).into_owned();
            bad.extend(["", "x", "0", "null", "eyJwYWdlIjogMn0=", "ü"].map(str::to_owned));
            bad.extend([
                format!("{good}x"),
                format!(" {good}"),
                good.to_lowercase() + "=",
                good[1..].to_owned(),
                decoded,
            ]);
            for cursor in bad {
                let reply = page(&client, list, Some(&cursor)).await;
                assert_eq!(
                    (reply.code(), reply.status.as_u16()),
                    (-32602, 200),
                    "{}: {cursor:?}\n{reply}",
                    list.method
                );
            }
            for cursor in [json!(7), json!(["x"]), json!({})] {
                let reply = client.send(list.method, json!({ "cursor": cursor })).await;
                assert_eq!(reply.code(), -32602, "{}: {cursor}\n{reply}", list.method);
            }
            page(&client, list, Some(&good)).await.result();
            // Of a server that has had more than this one ever had.
            let (_, third) = read(list, &page(&client, list, Some(&good)).await.result());
            let reply = page(&smaller, list, third.as_deref()).await;
            assert_eq!(reply.code(), -32602, "{}\n{reply}", list.method);
        }
    }
}

/// «Servers MUST apply the same cacheScope to all response pages» (server/utilities/caching).
#[tokio::test]
async fn every_page_may_be_kept_alike() {
    let mcp = built(with(5, 2).cache_scope(CacheScope::Public).ttl(Duration::from_secs(9)));
    let [session, modern] = both(&mcp).await;
    for list in LISTS {
        let (mut cursor, mut seen) = (None, 0);
        loop {
            let result = page(&modern, list, cursor.as_deref()).await.result();
            assert_eq!((&result["cacheScope"], &result["ttlMs"]), (&json!("public"), &json!(9000)), "{result}");
            seen += 1;
            let Some(next) = read(list, &result).1 else { break };
            cursor = Some(next);
        }
        assert_eq!(seen, 3, "{}", list.method);
        let result = page(&session, list, None).await.result();
        assert_eq!(result.get("cacheScope"), None, "{result}");
    }
}

/// The same list in the same order, whoever asks and however often (server/tools, «Capabilities»).
#[tokio::test]
async fn a_list_is_the_same_each_time() {
    let mcp = built(with(6, 4));
    let [session, modern] = both(&mcp).await;
    for list in LISTS {
        let once = pages(&session, list, None).await;
        session.call(&key(TOOLS, 0), json!({})).await.text();
        assert_eq!(pages(&session, list, None).await, once);
        assert_eq!(pages(&modern, list, None).await, once);
    }
}
