//! What clients are told of changes: to the lists, and to the resources that they subscribed to.

use bytes::{BufMut, Bytes};

use super::escape::write_string;
use super::id::RequestId;
use super::params::Filter;

/// The key in `_meta` that names the subscription a message belongs to.
pub(crate) const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// The lists that can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangedList {
    Tools,
    Resources,
    Prompts,
}

/// `notifications/{tools,resources,prompts}/list_changed`; of a subscription in 2026-07-28, of none before.
pub(crate) fn list_changed(list: ChangedList, subscription: Option<&RequestId>) -> Bytes {
    let name = match list {
        ChangedList::Tools => "tools",
        ChangedList::Resources => "resources",
        ChangedList::Prompts => "prompts",
    };
    let mut out = start(&format!("{name}/list_changed"));
    if let Some(subscription) = subscription {
        out.put_slice(br#","params":{"#);
        write_meta(&mut out, subscription);
        out.put_u8(b'}');
    }
    out.put_u8(b'}');
    Bytes::from(out)
}

/// `notifications/resources/updated`.
pub(crate) fn resource_updated(uri: &str, subscription: Option<&RequestId>) -> Bytes {
    let mut out = start("resources/updated");
    out.put_slice(br#","params":{"#);
    if let Some(subscription) = subscription {
        write_meta(&mut out, subscription);
        out.put_u8(b',');
    }
    out.put_slice(br#""uri":"#);
    write_string(&mut out, uri);
    out.put_slice(b"}}");
    Bytes::from(out)
}

/// `notifications/subscriptions/acknowledged`, with what of the filter is honoured (2026-07-28,
/// basic/patterns/subscriptions, «Acknowledgment»).
pub(crate) fn acknowledged(subscription: &RequestId, filter: &Filter) -> Bytes {
    let mut honoured = serde_json::Map::new();
    for (name, asked) in [
        ("toolsListChanged", filter.tools_list_changed),
        ("promptsListChanged", filter.prompts_list_changed),
        ("resourcesListChanged", filter.resources_list_changed),
    ] {
        if asked {
            honoured.insert(name.into(), true.into());
        }
    }
    if !filter.resource_subscriptions.is_empty() {
        honoured.insert("resourceSubscriptions".into(), filter.resource_subscriptions.clone().into());
    }
    let mut out = start("subscriptions/acknowledged");
    out.put_slice(br#","params":{"#);
    write_meta(&mut out, subscription);
    out.put_slice(br#","notifications":"#);
    out.put_slice(&super::encode::to_json(&honoured));
    out.put_slice(b"}}");
    Bytes::from(out)
}

fn start(method: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(192);
    out.put_slice(br#"{"jsonrpc":"2.0","method":"notifications/"#);
    out.put_slice(method.as_bytes());
    out.put_u8(b'"');
    out
}

fn write_meta(out: &mut Vec<u8>, subscription: &RequestId) {
    out.put_slice(br#""_meta":{""#);
    out.put_slice(SUBSCRIPTION_ID.as_bytes());
    out.put_slice(br#"":"#);
    subscription.write(out);
    out.put_u8(b'}');
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn value(bytes: &Bytes) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn every_message_of_a_subscription_names_it() {
        let id = RequestId::Text("s".into());
        let meta = json!({ "io.modelcontextprotocol/subscriptionId": "s" });
        let filter = Filter { tools_list_changed: true, ..Filter::default() };
        for message in [
            list_changed(ChangedList::Tools, Some(&id)),
            resource_updated("test://a\"b", Some(&id)),
            acknowledged(&id, &filter),
        ] {
            assert_eq!(value(&message)["params"]["_meta"], meta);
        }
        assert_eq!(value(&acknowledged(&id, &filter))["params"]["notifications"], json!({ "toolsListChanged": true }));
    }

    #[test]
    fn without_a_subscription_there_is_no_meta() {
        let message = json!({ "jsonrpc": "2.0", "method": "notifications/prompts/list_changed" });
        assert_eq!(value(&list_changed(ChangedList::Prompts, None)), message);
        assert_eq!(value(&resource_updated("test://a", None))["params"], json!({ "uri": "test://a" }));
    }
}
