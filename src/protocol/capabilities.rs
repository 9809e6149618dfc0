//! What clients can do, and what servers offer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::revision::Revision;
use super::text::ObjectText;

/// Something that a client may be able to do for a server: [`Context::supports`](crate::Context::supports) and
/// [`Context::require`](crate::Context::require).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// Asking its model (`sampling`).
    Sampling,
    /// Asking its model with tools (`sampling.tools`), since 2025-11-25.
    SamplingTools,
    /// Asking its user by a form (`elicitation`), since 2025-06-18.
    Elicitation,
    /// Sending its user to a URL (`elicitation.url`), since 2025-11-25.
    ElicitationUrl,
    /// Naming the folders it works in (`roots`).
    Roots,
}

impl Capability {
    /// The capability's path, as `sampling.tools`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sampling => "sampling",
            Self::SamplingTools => "sampling.tools",
            Self::Elicitation => "elicitation",
            Self::ElicitationUrl => "elicitation.url",
            Self::Roots => "roots",
        }
    }

    /// The first revision that has it.
    pub(crate) const fn since(self) -> Revision {
        match self {
            Self::Sampling | Self::Roots => Revision::V2024_11_05,
            Self::Elicitation => Revision::V2025_06_18,
            Self::SamplingTools | Self::ElicitationUrl => Revision::V2025_11_25,
        }
    }

    /// `requiredCapabilities` of -32021: an object of objects (2026-07-28, schema,
    /// «MissingRequiredClientCapabilityError»).
    pub(crate) fn required(self) -> Value {
        self.as_str().rsplit('.').fold(json!({}), |inner, name| json!({ name: inner }))
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The capabilities of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientCapabilities(u8);

impl ClientCapabilities {
    /// Reads `capabilities` or `clientCapabilities`. What cannot be read is not offered; the rest is.
    pub(crate) fn read(json: &str) -> Self {
        let declared: Value = serde_json::from_str(json).unwrap_or_default();
        let offered = |path: &[&str]| {
            let found = path.iter().try_fold(&declared, |value, name| value.get(name));
            found.is_some_and(Value::is_object)
        };
        // An empty object means forms, which came first (2025-11-25, client/elicitation, «Capabilities»).
        let by_form =
            offered(&["elicitation"]) && (offered(&["elicitation", "form"]) || !offered(&["elicitation", "url"]));
        let offered = [
            (Capability::Sampling, offered(&["sampling"])),
            (Capability::SamplingTools, offered(&["sampling", "tools"])),
            (Capability::Elicitation, by_form),
            (Capability::ElicitationUrl, offered(&["elicitation", "url"])),
            (Capability::Roots, offered(&["roots"])),
        ];
        Self(offered.iter().filter(|(_, offered)| *offered).fold(0, |bits, (one, _)| bits | one.bit()))
    }

    pub(crate) const fn has(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// As it is kept with a session.
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

/// How much of the extensions that a client declares is kept with each of many sessions: bytes.
const KEPT_EXTENSIONS: usize = 1024;

/// `extensions` of a client's capabilities, as JSON text, short enough to be kept: the first ones that have room
/// (2026-07-28, schema, «ClientCapabilities»; earlier revisions do not define it, and some of their clients send it).
pub(crate) fn extensions_to_keep(capabilities: &str) -> Cow<'_, str> {
    #[derive(Deserialize)]
    struct Declared<'a> {
        #[serde(borrow)]
        extensions: Option<ObjectText<'a>>,
    }

    let declared: Option<Declared<'_>> = serde_json::from_str(capabilities).ok();
    let Some(ObjectText(text)) = declared.and_then(|declared| declared.extensions) else { return Cow::Borrowed("") };
    if text.len() <= KEPT_EXTENSIONS {
        return Cow::Borrowed(text);
    }
    let declared: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let mut kept = Map::new();
    let mut bytes = 2;
    for (identifier, settings) in declared {
        // Quotes, a colon and a comma come with each.
        let size = json!({ &identifier: &settings }).to_string().len() - 1;
        if bytes + size <= KEPT_EXTENSIONS {
            bytes += size;
            kept.insert(identifier, settings);
        }
    }
    Cow::Owned(Value::Object(kept).to_string())
}

/// What a server can tell its clients beside the answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside {
    /// Log messages, while a call runs.
    pub(crate) logging: bool,
    /// What has changed.
    pub(crate) changes: bool,
}

/// What a server offers: which kinds of things it has, or once had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerCapabilities {
    pub(crate) tools: bool,
    pub(crate) resources: bool,
    pub(crate) prompts: bool,
    pub(crate) completions: bool,
}

impl ServerCapabilities {
    /// Everything that either offers.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            tools: self.tools || other.tools,
            resources: self.resources || other.resources,
            prompts: self.prompts || other.prompts,
            completions: self.completions || other.completions,
        }
    }

    /// As it is declared, with what can be told `beside` the answers.
    pub(crate) fn to_json(self, revision: Revision, beside: Beside) -> Value {
        let (changing, resources) = match beside.changes {
            true => (json!({ "listChanged": true }), json!({ "listChanged": true, "subscribe": true })),
            false => (json!({}), json!({})),
        };
        let mut capabilities = if beside.logging { json!({ "logging": {} }) } else { json!({}) };
        let mut offer = |offered: bool, name: &str, details: Value| {
            if offered {
                capabilities[name] = details;
            }
        };
        offer(self.tools, "tools", changing.clone());
        offer(self.resources, "resources", resources);
        offer(self.prompts, "prompts", changing);
        // 2024-11-05 has the method, and no word for it here.
        offer(self.completions && revision >= Revision::V2025_03_26, "completions", json!({}));
        capabilities
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_as_each_revision_declares_them() {
        use Capability::{Elicitation, ElicitationUrl, Roots, Sampling, SamplingTools};
        let all = [Sampling, SamplingTools, Elicitation, ElicitationUrl, Roots];
        for (json, expected) in [
            ("{}", &[][..]),
            (r#"{"sampling":{},"roots":{"listChanged":true}}"#, &[Sampling, Roots]),
            (r#"{"sampling":{"tools":{}}}"#, &[Sampling, SamplingTools]),
            (r#"{"elicitation":{}}"#, &[Elicitation]),
            (r#"{"elicitation":{"url":{}}}"#, &[ElicitationUrl]),
            (r#"{"elicitation":{"form":{},"url":{}}}"#, &[Elicitation, ElicitationUrl]),
            (r#"{"elicitation":null,"sampling":null}"#, &[]),
            (r#"{"sampling":true,"elicitation":{},"roots":[]}"#, &[Elicitation]),
        ] {
            let capabilities = ClientCapabilities::read(json);
            let offered: Vec<_> = all.into_iter().filter(|one| capabilities.has(*one)).collect();
            assert_eq!(offered, expected, "{json}");
            assert_eq!(ClientCapabilities::from_bits(capabilities.bits()), capabilities);
        }
    }

    #[test]
    fn extensions_are_kept_as_far_as_they_have_room() {
        let few = r#"{"sampling":{},"extensions":{"com.example/a": {}}}"#;
        assert_eq!(extensions_to_keep(few), r#"{"com.example/a": {}}"#);
        let many =
            json!({ "extensions": { "a/large": { "x": "y".repeat(2000) }, "b/small": {}, "c/whole": { "n": 1 } } });
        assert_eq!(extensions_to_keep(&many.to_string()), r#"{"b/small":{},"c/whole":{"n":1}}"#);
        let names: Map<_, _> = (0..200).map(|n| (format!("a/extension-{n}"), json!({}))).collect();
        let kept = extensions_to_keep(&json!({ "extensions": names }).to_string()).into_owned();
        assert!((900..=KEPT_EXTENSIONS).contains(&kept.len()) && serde_json::from_str::<Value>(&kept).is_ok());
        for none in ["{}", r#"{"extensions":null}"#, r#"{"extensions":[]}"#] {
            assert_eq!(extensions_to_keep(none), "");
        }
    }

    #[test]
    fn what_is_required_is_an_object_of_objects() {
        assert_eq!(Capability::Sampling.required(), json!({ "sampling": {} }));
        assert_eq!(Capability::ElicitationUrl.required(), json!({ "elicitation": { "url": {} } }));
    }
}
