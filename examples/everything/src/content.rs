//! Tools that answer with each kind of content.

use mcp_mount::{Content, Tool, ToolError, tool, tools};

/// A red picture of one pixel.
pub(crate) const PNG: &[u8] = include_bytes!("../data/red.png");

/// A sound of one silent sample.
const WAV: &[u8] = include_bytes!("../data/silence.wav");

pub(crate) fn tools() -> Vec<Tool> {
    tools![
        test_simple_text,
        test_image_content,
        test_audio_content,
        test_embedded_resource,
        test_multiple_content_types,
        test_error_handling,
    ]
}

/// Answer with a text.
#[tool(read_only)]
fn test_simple_text() -> &'static str {
    "This is a simple text response for testing."
}

/// Answer with a picture.
#[tool(read_only)]
fn test_image_content() -> Content {
    Content::image(PNG, "image/png")
}

/// Answer with a sound.
#[tool(read_only)]
fn test_audio_content() -> Content {
    Content::audio(WAV, "audio/wav")
}

/// Answer with a resource inside of the result.
#[tool(read_only)]
fn test_embedded_resource() -> Content {
    Content::text_resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")
}

/// Answer with a text, a picture and a resource.
#[tool(read_only)]
fn test_multiple_content_types() -> Vec<Content> {
    let json = r#"{"test":"data","value":123}"#;
    vec![
        Content::text("Multiple content types test:"),
        Content::image(PNG, "image/png"),
        Content::text_resource("test://mixed-content-resource", "application/json", json),
    ]
}

/// Fail, with a text that the client may see.
#[tool(read_only)]
fn test_error_handling() -> Result<(), ToolError> {
    Err(ToolError::expose("This tool intentionally returns an error for testing"))
}
