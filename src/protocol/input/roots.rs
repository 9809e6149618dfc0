//! The folders that a client works in.

use serde::Deserialize;

use crate::protocol::text::Object;

/// A folder or a file that a client works in (2025-11-25, client/roots, «Root»).
///
/// It is what the client says, and gives a server no right to anything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Root {
    /// Its address. The protocol has only `file://` URIs for now; others are handed on as they come.
    pub uri: String,
    /// A name to show.
    #[serde(default)]
    pub name: Option<String>,
}

#[derive(Deserialize)]
struct ListRootsResult {
    roots: Vec<Object<Root>>,
}

/// Reads a `ListRootsResult`. A fault names the member.
pub(crate) fn read_roots(json: &str) -> Result<Vec<Root>, String> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let read: Result<Object<ListRootsResult>, _> = serde_path_to_error::deserialize(&mut reader);
    let Object(result) = read.map_err(|error| format!("the list of roots cannot be read: {error}"))?;
    Ok(result.roots.into_iter().map(|Object(root)| root).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_read_as_they_come() {
        let json = r#"{"roots":[{"uri":"file:///a","name":"A","_meta":{}},{"uri":"repo:b"}]}"#;
        let roots = read_roots(json).unwrap();
        assert_eq!(roots[0], Root { uri: "file:///a".to_owned(), name: Some("A".to_owned()) });
        assert_eq!(roots[1], Root { uri: "repo:b".to_owned(), name: None });
        assert_eq!(read_roots(r#"{"roots":[]}"#).unwrap(), []);
    }

    #[test]
    fn a_fault_names_the_member() {
        for (json, member) in [
            ("[]", "an object"),
            ("{}", "`roots`"),
            (r#"{"roots":{}}"#, "roots"),
            (r#"{"roots":[{"name":"A"}]}"#, "roots[0]: missing field `uri`"),
            (r#"{"roots":[{"uri":"file:///a"},{"uri":7}]}"#, "roots[1].uri"),
            (r#"{"roots":[["file:///a",null]]}"#, "roots[0]"),
        ] {
            let fault = read_roots(json).unwrap_err();
            assert!(fault.contains(member), "{json}: {fault}");
        }
    }
}
