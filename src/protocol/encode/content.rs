//! Content blocks, as each revision knows them.

use bytes::BufMut;

use crate::protocol::content::Content;
use crate::protocol::escape::{plain, write_string};
use crate::protocol::revision::Revision;

/// Writes blocks as an array.
pub(super) fn write_content(out: &mut Vec<u8>, content: &[Content], revision: Revision) {
    out.put_u8(b'[');
    for (index, block) in content.iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        write_block(out, block, revision);
    }
    out.put_u8(b']');
}

/// Writes one block.
pub(super) fn write_block(out: &mut Vec<u8>, block: &Content, revision: Revision) {
    match block {
        Content::Text { text, annotations: None } => write_text(out, text),
        // What a revision does not have yet is told in words.
        Content::Audio { mime_type, .. } if revision < Revision::V2025_03_26 => {
            write_text(out, &format!("[audio, {mime_type}]"));
        }
        Content::ResourceLink { uri, name, .. } if revision < Revision::V2025_06_18 => {
            write_text(out, &format!("{name}: {uri}"));
        }
        block if revision < Revision::V2025_06_18 => write_json(out, &block.clone().for_revision(revision)),
        block => write_json(out, block),
    }
}

fn write_json(out: &mut Vec<u8>, block: &Content) {
    serde_json::to_writer(out.writer(), block).expect("content has string keys, so it is JSON");
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.put_slice(TEXT);
    write_string(out, text);
    out.put_u8(b'}');
}

const TEXT: &[u8] = br#"{"type":"text","text":"#;

/// How much blocks take as an array: exactly if they are plain texts that need no escapes, and enough if they need the usual
/// ones.
pub(super) fn content_size(content: &[Content]) -> usize {
    let sizes = content.iter().map(|block| match block {
        // With its quotes and the last brace.
        Content::Text { text, annotations: None } => TEXT.len() + usual_size(text) + 3,
        Content::Text { text, .. } => usual_size(text) + 256,
        _ => 256,
    });
    // The brackets, and the commas between.
    sizes.sum::<usize>() + content.len().saturating_sub(1) + 2
}

/// How much a text takes. One that needs escapes, as lines and JSON do, mostly needs some in its first lines.
fn usual_size(text: &str) -> usize {
    let begin = &text.as_bytes()[..text.len().min(BEGIN)];
    if plain(begin) == begin.len() { text.len() } else { text.len() + text.len() / 3 + 16 }
}

/// How much of a text is looked at: bytes.
const BEGIN: usize = 128;
