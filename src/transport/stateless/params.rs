//! `Mcp-Param-*`: the arguments that a tool's schema has mirrored into headers (2026-07-28,
//! basic/transports/streamable-http, «Custom Headers from Tool Parameters»).

use serde_json::Value;

use super::decode;
use crate::server::mirror::HeaderParam;
use crate::transport::headers::Head;
use crate::transport::rejection::Rejection;

/// Checks that each header says what the arguments say: there if the argument is, and nothing else.
pub(crate) fn check(head: &Head<'_>, mirrored: &[HeaderParam], arguments: &Value) -> Result<(), Box<Rejection>> {
    for param in mirrored {
        if let Err(fault) = check_one(head, param, arguments) {
            return Err(Rejection::header_mismatch(format!("Header mismatch: {} {fault}", param.header)));
        }
    }
    Ok(())
}

fn check_one(head: &Head<'_>, param: &HeaderParam, arguments: &Value) -> Result<(), String> {
    let field = head.parameter(&param.header);
    let place = || format!("`params.arguments.{}`", param.path.join("."));
    if field.duplicate {
        return Err("is there more than once; send it once".into());
    }
    let header = match field.text() {
        None => None,
        Some(Err(_)) => {
            return Err("has characters that a header must not have; encode the value as =?base64?..?=".into());
        }
        Some(Ok(text)) => Some(decode(text).ok_or("is not valid Base64 of UTF-8 text between =?base64? and ?=")?),
    };
    match (header, param.value(arguments)) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(format!("is missing; it must mirror {}", place())),
        (Some(_), None) => Err(format!("is there, but the body has no {}", place())),
        (Some(header), Some(value)) if is_written(value, &header) => Ok(()),
        (Some(_), Some(_)) => Err(format!("is not what the body has in {}", place())),
    }
}

/// Whether the header's text is this value, as the specification writes it («Value Encoding»). Integers are compared as
/// numbers: `42.0` is 42.
fn is_written(value: &Value, header: &str) -> bool {
    match value {
        Value::String(text) => text == header,
        Value::Bool(yes) => header == if *yes { "true" } else { "false" },
        Value::Number(number) => {
            let number = number.to_string();
            number == header || integer(&number).is_some_and(|number| integer(header) == Some(number))
        }
        // No header can say it, so none may claim to.
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// The integer that a decimal text is, be it with a fraction of zeros. Exactly: rounded, different ones could be equal.
fn integer(text: &str) -> Option<i128> {
    let whole = match text.split_once('.') {
        Some((whole, fraction)) => Some(whole).filter(|_| fraction.bytes().all(|digit| digit == b'0')),
        None => Some(text),
    };
    whole?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_compared_as_they_are_written() {
        for (value, header) in [
            (json!("us west"), "us west"),
            (json!(42), "42"),
            (json!(42.0), "42"),
            (json!(42), "42.0"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(-7), "-7"),
            (json!(true), "true"),
        ] {
            assert!(is_written(&value, header), "{value}");
        }
        for (value, header) in [
            (json!("a"), "A"),
            (json!(42), "43"),
            (json!(42), "forty"),
            (json!(42), "42.5"),
            (json!(9_007_199_254_740_993_u64), "9007199254740992.0"),
            (json!(u64::MAX), "18446744073709551614"),
            (json!(true), "True"),
            (json!("true"), "false"),
            (json!([]), "[]"),
        ] {
            assert!(!is_written(&value, header), "{value}");
        }
    }
}
