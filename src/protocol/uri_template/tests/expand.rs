//! From variables to a URI, as RFC 6570, §3.2.1 says it and as simply as that allows: what the matching is held against.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Undefined,
    Text(String),
    List(Vec<String>),
}

pub(super) fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

pub(super) fn list(values: &[&str]) -> Value {
    Value::List(values.iter().map(|value| (*value).to_owned()).collect())
}

pub(super) fn expand(template: &str, value: &dyn Fn(&str) -> Value) -> String {
    let mut out = String::new();
    for (index, piece) in template.split('{').enumerate() {
        let literal = match piece.split_once('}') {
            Some((expression, literal)) if index > 0 => {
                out.push_str(&expand_expression(expression, value));
                literal
            }
            _ => piece,
        };
        out.push_str(&encode(literal, true));
    }
    out
}

/// What is defined, in order, each value as it is after `:n`; one entry for a list's every element if it is exploded.
pub(super) fn defined(template: &str, value: &dyn Fn(&str) -> Value) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for expression in template.split('{').skip(1).filter_map(|piece| piece.split_once('}')) {
        for specification in expression.0.trim_start_matches(|c| "+#./;?&".contains(c)).split(',') {
            let name = specification.trim_end_matches('*').split(':').next().unwrap().to_owned();
            match value(&name) {
                Value::Undefined => {}
                Value::Text(text) => out.push((name, cut(specification, &text))),
                Value::List(values) if specification.ends_with('*') => {
                    out.extend(values.into_iter().map(|value| (name.clone(), value)));
                }
                Value::List(values) => out.push((name, values.join(","))),
            }
        }
    }
    out
}

fn expand_expression(expression: &str, value: &dyn Fn(&str) -> Value) -> String {
    let (first, separator, named, if_empty, reserved) = match expression.chars().next().unwrap() {
        '+' => ("", ",", false, "", true),
        '#' => ("#", ",", false, "", true),
        '.' => (".", ".", false, "", false),
        '/' => ("/", "/", false, "", false),
        ';' => (";", ";", true, "", false),
        '?' => ("?", "&", true, "=", false),
        '&' => ("&", "&", true, "=", false),
        _ => ("", ",", false, "", false),
    };
    let mut pieces = Vec::new();
    for specification in expression.trim_start_matches(|c| "+#./;?&".contains(c)).split(',') {
        let name = specification.trim_end_matches('*').split(':').next().unwrap();
        let one = |value: String| match (named, value.is_empty()) {
            (false, _) => value,
            (true, true) => format!("{name}{if_empty}"),
            (true, false) => format!("{name}={value}"),
        };
        match value(name) {
            Value::Undefined => {}
            Value::Text(text) => pieces.push(one(encode(&cut(specification, &text), reserved))),
            Value::List(values) => {
                let values = values.iter().map(|value| encode(value, reserved));
                if specification.ends_with('*') {
                    pieces.extend(values.map(one));
                } else if values.len() > 0 {
                    pieces.push(one(values.collect::<Vec<_>>().join(",")));
                }
            }
        }
    }
    if pieces.is_empty() { String::new() } else { format!("{first}{}", pieces.join(separator)) }
}

fn cut(specification: &str, text: &str) -> String {
    let max = specification.split_once(':').map_or(usize::MAX, |(_, max)| max.parse().unwrap());
    text.chars().take(max).collect()
}

fn encode(text: &str, reserved: bool) -> String {
    let mut out = String::new();
    for (at, byte) in text.bytes().enumerate() {
        let octet = byte == b'%'
            && text.get(at + 1..at + 3).is_some_and(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain || (reserved && (b":/?#[]@!$&'()*+,;=".contains(&byte) || octet)) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
