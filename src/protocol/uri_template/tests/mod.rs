mod any;
mod expand;
mod long;
mod refused;
mod rfc;
mod rules;
mod traversal;

use super::UriTemplate;

fn template(text: &str) -> UriTemplate {
    UriTemplate::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// What a URI is read as, in the order of the variables.
fn values(template: &UriTemplate, uri: &str) -> Option<Vec<(String, String)>> {
    let mut values = template.matches(uri)?;
    values.sort_by_key(|(name, _)| template.variables().position(|known| known == *name));
    Some(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The same in one line: `a=1 b=x`, or `-` if it does not match.
fn read(text: &str, uri: &str) -> String {
    let Some(values) = values(&template(text), uri) else { return "-".into() };
    let values: Vec<_> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    values.join(" ")
}

#[test]
fn a_template_knows_its_variables() {
    let template = template("x://{b}/{+a:5}{?d*,c}{&e}");
    assert_eq!(template.variables().collect::<Vec<_>>(), ["b", "a", "d", "c", "e"]);
}

#[test]
fn braces_make_a_template() {
    assert!(super::has_variables("x://{a}"));
    assert!(super::has_variables("x://a}"), "so that parsing names the mistake");
    assert!(!super::has_variables("x://a?b=c#d"));
}
