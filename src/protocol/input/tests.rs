use super::*;

fn form() -> InputRequest {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "name": { "type": "string", "minLength": 1, "default": "Ada" },
            "age": { "type": "integer", "minimum": 0, "default": 30 },
            "verified": { "type": "boolean", "default": true },
            "size": { "type": "string", "default": "s", "oneOf": [
                { "const": "s", "title": "Small" }, { "const": "l", "title": "Large" },
            ] },
            "status": { "type": "string", "enum": ["on", "off"], "default": "on" },
            "legacy": { "type": "string", "enum": ["a"], "enumNames": ["A"] },
        },
        "required": ["name"],
    });
    InputRequest::Form { message: "Who are you?".to_owned(), schema }
}

fn url() -> InputRequest {
    InputRequest::Url { message: "Sign in".to_owned(), url: "https://example.com/".to_owned(), id: "e-1".to_owned() }
}

#[test]
fn a_form_of_2025_06_18_has_what_that_revision_has() {
    let expected = json!({ "message": "Who are you?", "requestedSchema": {
        "type": "object",
        "properties": {
            "name": { "type": "string", "minLength": 1 },
            "age": { "type": "integer", "minimum": 0 },
            "verified": { "type": "boolean", "default": true },
            "size": { "type": "string", "enum": ["s", "l"], "enumNames": ["Small", "Large"] },
            "status": { "type": "string", "enum": ["on", "off"] },
            "legacy": { "type": "string", "enum": ["a"], "enumNames": ["A"] },
        },
        "required": ["name"],
    } });
    assert_eq!(form().params(Revision::V2025_06_18).unwrap(), expected);
}

#[test]
fn a_form_is_sent_as_it_is_since_2025_11_25() {
    let InputRequest::Form { message, schema } = form() else { unreachable!() };
    for revision in [Revision::V2025_11_25, Revision::V2026_07_28] {
        let params = form().params(revision).unwrap();
        assert_eq!(params, json!({ "mode": "form", "message": message, "requestedSchema": schema }));
    }
}

#[test]
fn what_a_revision_does_not_have_is_told_by_its_name() {
    let several = InputRequest::Form {
        message: String::new(),
        schema: json!({ "type": "object", "properties": { "colours": {
            "type": "array", "items": { "type": "string", "enum": ["red"] },
        } } }),
    };
    assert!(several.params(Revision::V2025_11_25).is_ok());
    let fault = several.params(Revision::V2025_06_18).unwrap_err().to_string();
    let expected = "the field `colours`, a choice of several, is not in 2025-06-18, the revision of this client";
    assert_eq!(fault, expected);
    for revision in [Revision::V2024_11_05, Revision::V2025_03_26] {
        assert!(form().params(revision).is_err(), "{revision}");
        assert!(url().params(revision).is_err(), "{revision}");
    }
    assert!(url().params(Revision::V2025_06_18).unwrap_err().to_string().contains("URL"));
}

#[test]
fn a_url_has_an_id_in_2025_11_25_alone() {
    let members = json!({ "mode": "url", "message": "Sign in", "url": "https://example.com/" });
    assert_eq!(url().params(Revision::V2026_07_28).unwrap(), members);
    let mut with_id = members;
    with_id["elicitationId"] = "e-1".into();
    assert_eq!(url().params(Revision::V2025_11_25).unwrap(), with_id);
}

#[test]
fn each_question_needs_what_it_uses() {
    let sample = |request| InputRequest::Sample(Box::new(request));
    let plain = CreateMessageRequest::new(1).user("Hello");
    let tools = plain.clone().tools([sampling::SamplingTool::new("a", "", json!({ "type": "object" }))]);
    for (request, method, capabilities) in [
        (form(), "elicitation/create", &[Capability::Elicitation][..]),
        (url(), "elicitation/create", &[Capability::ElicitationUrl]),
        (sample(plain), "sampling/createMessage", &[Capability::Sampling]),
        (sample(tools), "sampling/createMessage", &[Capability::Sampling, Capability::SamplingTools]),
        (InputRequest::Roots, "roots/list", &[Capability::Roots]),
    ] {
        assert_eq!((request.method(), request.capabilities().as_slice()), (method, capabilities));
    }
    assert_eq!(InputRequest::Roots.params(Revision::V2024_11_05).unwrap(), json!({}));
}

#[test]
fn the_same_question_has_the_same_text() {
    let with = |schema: &str| {
        let schema = serde_json::from_str(schema).unwrap();
        InputRequest::Form { message: "Who \"are\" you?".to_owned(), schema }.digest_text()
    };
    let text = with(r#"{"type":"object","properties":{"b":{"type":"string"},"a":{"enum":["y","x"]}}}"#);
    assert_eq!(text, with(r#"{"properties":{"a":{"enum":["y","x"]},"b":{"type":"string"}},"type":"object"}"#));
    let expected = r#"elicitation/create {"message":"Who \"are\" you?","requestedSchema":{"properties":{"#.to_owned()
        + r#""a":{"enum":["y","x"]},"b":{"type":"string"}},"type":"object"}}"#;
    assert_eq!(text, expected);
    // Choices are shown in their order.
    assert_ne!(text, with(r#"{"properties":{"a":{"enum":["x","y"]},"b":{"type":"string"}},"type":"object"}"#));
}

#[test]
fn the_id_of_a_url_is_no_part_of_the_question() {
    let InputRequest::Url { message, url: address, .. } = url() else { unreachable!() };
    let again = InputRequest::Url { message: message.clone(), url: address, id: "e-2".to_owned() };
    assert_eq!(url().digest_text(), again.digest_text());
    let elsewhere = InputRequest::Url { message, url: "https://example.com/other".to_owned(), id: "e-1".to_owned() };
    assert_ne!(url().digest_text(), elsewhere.digest_text());
    let hello = InputRequest::Sample(Box::new(CreateMessageRequest::new(1).user("Hello"))).digest_text();
    assert!(hello.starts_with("sampling/createMessage {\"maxTokens\":1,"), "{hello}");
    assert_eq!(InputRequest::Roots.digest_text(), "roots/list {}");
}
