use serde_json::json;

use super::*;
use crate::protocol::content::{Annotations, Content};
use crate::protocol::prompts::Role;
use crate::protocol::revision::Revision;

fn request() -> CreateMessageRequest {
    CreateMessageRequest::new(100).user("What is the capital of France?")
}

fn weather() -> SamplingTool {
    SamplingTool::new("weather", "", json!({ "type": "object" }))
}

fn tool_use(id: &str) -> SamplingContent {
    let block = json!({ "type": "tool_use", "id": id, "name": "weather", "input": {}, "_meta": { "k": 1 } });
    serde_json::from_value(block).unwrap()
}

fn tool_result(id: &str) -> SamplingContent {
    SamplingContent::tool_result(id, [Content::text("rain")])
}

#[test]
fn a_plain_request_is_the_same_in_every_revision() {
    let expected = json!({
        "messages": [{ "role": "user", "content": { "type": "text", "text": "What is the capital of France?" } }],
        "maxTokens": 100,
    });
    for revision in Revision::ALL {
        assert_eq!(request().params(revision).unwrap(), expected, "{revision}");
    }
}

#[test]
fn all_that_is_said_is_written() {
    let full = request()
        .assistant("Paris.")
        .system_prompt("Be brief.")
        .temperature(0.5)
        .stop_sequences(["END"])
        .model_preferences(ModelPreferences::new().hint("small").cost_priority(1.0).speed_priority(0.5))
        .include_context(IncludeContext::ThisServer)
        .tools([weather()])
        .tool_choice(ToolChoice::Required)
        .metadata(json!({ "user": 7 }));
    assert_eq!(full.fault(), None);
    let mut params = full.params(Revision::V2025_11_25).unwrap();
    assert_eq!(params["messages"].as_array_mut().unwrap().len(), 2);
    params.as_object_mut().unwrap().remove("messages");
    let expected = json!({
        "maxTokens": 100,
        "systemPrompt": "Be brief.",
        "temperature": 0.5,
        "stopSequences": ["END"],
        "modelPreferences": { "hints": [{ "name": "small" }], "costPriority": 1.0, "speedPriority": 0.5 },
        "includeContext": "thisServer",
        "tools": [{ "name": "weather", "inputSchema": { "type": "object" } }],
        "toolChoice": { "mode": "required" },
        "metadata": { "user": 7 },
    });
    assert_eq!(params, expected);
}

#[test]
fn several_blocks_are_several_messages_where_a_message_has_one() {
    let picture = SamplingMessage::user("What is this?").and(SamplingContent::image([1], "image/png"));
    let request = CreateMessageRequest::new(1).message(picture);
    let new = request.params(Revision::V2025_11_25).unwrap();
    assert_eq!(new["messages"][0]["content"][1]["mimeType"], "image/png");
    let old = request.params(Revision::V2025_06_18).unwrap();
    assert_eq!(old["messages"][0]["content"]["text"], "What is this?");
    assert_eq!(
        old["messages"][1],
        json!({
            "role": "user",
            "content": { "type": "image", "data": "AQ==", "mimeType": "image/png" },
        })
    );
}

#[test]
fn what_a_revision_does_not_have_is_not_sent_to_it() {
    let sound = CreateMessageRequest::new(1).message(SamplingMessage::user(SamplingContent::audio([1], "audio/wav")));
    assert!(sound.params(Revision::V2025_03_26).is_ok());
    assert!(sound.params(Revision::V2024_11_05).unwrap_err().to_string().contains("2024-11-05"));
    for tools in [request().tools([weather()]), request().tool_choice(ToolChoice::None), {
        request().message(SamplingMessage::assistant(tool_use("a"))).message(SamplingMessage::user(tool_result("a")))
    }] {
        assert!(tools.uses_tools());
        assert!(tools.params(Revision::V2025_11_25).is_ok());
        assert!(tools.params(Revision::V2025_06_18).unwrap_err().to_string().contains("tools"));
    }
    let dated = SamplingContent::Text {
        text: "old".to_owned(),
        annotations: Some(Annotations::new().last_modified("2025-01-12T15:00:58Z")),
    };
    let dated = CreateMessageRequest::new(1).message(SamplingMessage::user(dated));
    let last_modified = |revision| {
        let params = dated.params(revision).unwrap();
        params["messages"][0]["content"]["annotations"]["lastModified"].clone()
    };
    assert_eq!(last_modified(Revision::V2025_03_26), Value::Null);
    assert_eq!(last_modified(Revision::V2025_06_18), "2025-01-12T15:00:58Z");
}

#[test]
fn results_of_tools_are_objects_before_2026_07_28() {
    let mut result = tool_result("a");
    let SamplingContent::ToolResult { structured_content, .. } = &mut result else { unreachable!() };
    *structured_content = Some(json!([1]));
    let asked = request().message(SamplingMessage::assistant(tool_use("a"))).message(SamplingMessage::user(result));
    assert_eq!(asked.fault(), None);
    let structured = |revision| asked.params(revision).unwrap()["messages"][2]["content"]["structuredContent"].take();
    assert_eq!(structured(Revision::V2025_11_25), json!({ "result": [1] }));
    assert_eq!(structured(Revision::V2026_07_28), json!([1]));
}

#[test]
fn tools_are_answered_before_anything_else_is_said() {
    let talk = |messages: Vec<SamplingMessage>| request().messages(messages).fault();
    let user = |block: SamplingContent| SamplingMessage::user(block);
    let assistant = |block: SamplingContent| SamplingMessage::assistant(block);
    let two = assistant(tool_use("a")).and(tool_use("b"));
    assert_eq!(talk(vec![two.clone(), user(tool_result("b")).and(tool_result("a")), assistant("Rain.".into())]), None);
    for (messages, part) in [
        (vec![two.clone()], "\"a\" is not answered"),
        (vec![two.clone(), user(tool_result("a"))], "message 2: the tool use \"b\""),
        (vec![two.clone(), assistant("Hm.".into())], "message 2: the tool use \"a\""),
        (vec![two.clone(), user(tool_result("a")).and(tool_result("b")).and(tool_result("b"))], "\"b\""),
        (vec![two.clone(), user(tool_result("a")).and(tool_result("b")).and(tool_result("c"))], "\"c\""),
        (vec![two, user(tool_result("a")).and(tool_result("b")).and("and")], "other content"),
        (vec![assistant(tool_use("a")).and(tool_use("a"))], "two tool uses"),
        (vec![user(tool_result("a"))], "\"a\", which is not in the message before it"),
        (vec![user(tool_use("a"))], "only the assistant"),
        (vec![assistant(tool_result("a"))], "of the user"),
        (vec![SamplingMessage::new(Role::User, [])], "says nothing"),
    ] {
        let fault = talk(messages).unwrap();
        assert!(fault.contains(part), "{part}: {fault}");
    }
}

#[test]
fn what_no_client_understands_is_told() {
    let no_object = SamplingTool::new("weather", "", json!({ "type": "string" }));
    let annotated = SamplingContent::Text { text: String::new(), annotations: Some(Annotations::new().priority(2.0)) };
    for (request, part) in [
        (CreateMessageRequest::new(1), "no message"),
        (request().temperature(f64::NAN), "temperature"),
        (request().metadata(json!(7)), "metadata"),
        (request().model_preferences(ModelPreferences::new().intelligence_priority(1.5)), "intelligencePriority"),
        (request().tools([weather(), weather()]), "two tools `weather`"),
        (request().tools([no_object]), "`weather`"),
        (request().tools([SamplingTool::new("", "", json!({ "type": "object" }))]), "no name"),
        (request().tool_choice(ToolChoice::Auto), "tool choice"),
        (request().message(SamplingMessage::user(annotated)), "message 1: the priority"),
    ] {
        let fault = request.fault().unwrap();
        assert!(fault.contains(part), "{part}: {fault}");
    }
    assert_eq!(request().tool_choice(ToolChoice::None).fault(), None);
}

#[test]
fn an_answer_is_one_block_or_several() {
    let one = r#"{"role":"assistant","content":{"type":"text","text":"Paris"},"model":"m","stopReason":"endTurn"}"#;
    let one = CreateMessageResult::read(one).unwrap();
    assert_eq!((one.role, one.text().as_str(), one.model.as_str()), (Role::Assistant, "Paris", "m"));
    assert_eq!(one.stop_reason.as_deref(), Some("endTurn"));
    let several = json!({ "role": "assistant", "model": "m", "content": [
        { "type": "text", "text": "Let me " },
        { "type": "thinking", "depth": 3 },
        { "type": "text", "text": "see." },
        { "type": "tool_use", "id": "a", "name": "weather", "input": { "city": "Oslo" }, "_meta": { "k": 1 } },
    ] });
    let result = CreateMessageResult::read(&several.to_string()).unwrap();
    assert_eq!(result.text(), "Let me see.");
    assert_eq!(result.stop_reason, None);
    assert_eq!(result.content[1], SamplingContent::Other(json!({ "type": "thinking", "depth": 3 })));
    // What is sent back is what came.
    let message = SamplingMessage::from(result);
    assert_eq!(json!(message.content()), several["content"]);
}

#[test]
fn what_is_no_answer_is_told_by_its_member() {
    let with = |content: &str| format!(r#"{{"role":"assistant","model":"m","content":{content}}}"#);
    for (json, part) in [
        ("[]".to_owned(), "an object"),
        (r#"{"role":"assistant","content":[]}"#.to_owned(), "`model`"),
        (r#"{"role":"assistant","model":"m"}"#.to_owned(), "`content`"),
        (r#"{"role":"system","model":"m","content":[]}"#.to_owned(), "role: "),
        (with(r#"{"type":"text"}"#), "content: missing field `text`"),
        (with(r#"[{"type":"tool_use","id":"a"}]"#), "content: missing field `name`"),
        (with(r#"{"text":"Paris"}"#), "content: missing field `type`"),
        (with(r#"{"type":7}"#), "content: `type`"),
        (with(r#""Paris""#), "content: "),
    ] {
        let fault = CreateMessageResult::read(&json).unwrap_err();
        assert!(fault.contains(part), "{json}: {fault}");
    }
}
