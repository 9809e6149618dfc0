//! The format in which browsers export bookmarks: the "Netscape bookmark file", HTML as it was written in 1996.
//!
//! ```html
//! <DL><p>
//!     <DT><H3 ADD_DATE="1700000000">Rust</H3>
//!     <DL><p>
//!         <DT><A HREF="https://docs.rs/" ADD_DATE="1700000000" TAGS="docs,crates">Docs.rs</A>
//!     </DL><p>
//! </DL><p>
//! ```
//!
//! `DT` and `p` are never closed and nobody validates it, so this follows the tags as they come, out of an HTML
//! tokenizer, and builds no tree: whatever is missing or crossed, each link that can be read is read.

use std::borrow::Cow;
use std::convert::Infallible;
use std::mem;
use std::sync::Arc;

use html5gum::{StartTag, Token, Tokenizer};
use tokio::task::{JoinError, spawn_blocking};

use crate::bookmark::{Error, NewBookmark};

/// Folders nested deeper than this are no tags of the links in them. Nobody files so deep; but a hostile file does,
/// and would have each of its links carry all of its folders.
const MAX_DEPTH: usize = 16;

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Export {
    pub(crate) links: Vec<Link>,
    /// How many folders there are, empty ones too.
    pub(crate) folders: usize,
}

/// One bookmark of the file. Its URL is as the file has it, and may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) url: String,
    pub(crate) title: String,
    /// The folders around it, outermost first. Shared by all links of a folder.
    pub(crate) folders: Arc<[Arc<str>]>,
    /// From the attribute `TAGS`, which Firefox writes.
    pub(crate) tags: Vec<String>,
    /// In seconds since 1970-01-01 UTC.
    pub(crate) added: Option<i64>,
}

impl Link {
    /// The folder it is in, as a path.
    pub(crate) fn folder(&self) -> String {
        self.folders.join("/")
    }
}

impl TryFrom<&Link> for NewBookmark {
    type Error = Error;

    /// Folders become tags, and a link without a text is called by its URL.
    fn try_from(link: &Link) -> Result<Self, Error> {
        let tags = link.folders.iter().map(AsRef::as_ref).chain(link.tags.iter().map(String::as_str));
        let title = if link.title.trim().is_empty() { &link.url } else { &link.title };
        Ok(NewBookmark::new(&link.url, title, tags)?.added(link.added))
    }
}

/// Reads a file. There is no error: what is not a link or a folder is passed over.
pub(crate) fn parse(html: &str) -> Export {
    let mut reader = Reader::default();
    for token in Tokenizer::new(html) {
        let token = token.unwrap_or_else(|never: Infallible| match never {});
        match token {
            Token::StartTag(tag) => reader.open(&tag),
            Token::EndTag(tag) => reader.close(&tag.name),
            Token::String(text) => reader.text(&text),
            _ => {}
        }
    }
    // A file that was cut off inside of a link's text still has the link.
    reader.finish_text();
    reader.export
}

/// [`parse`] on a thread that may be busy: megabytes of HTML would hold up the other requests of this one.
#[expect(clippy::disallowed_methods, reason = "bounded by the size of a request's body: it cannot hold the process")]
pub(crate) async fn parse_in_background(html: Cow<'static, str>) -> Result<Export, JoinError> {
    spawn_blocking(move || parse(&html)).await
}

/// What the reader is inside of, as far as text is concerned.
#[derive(Default)]
enum Inside {
    #[default]
    Nothing,
    Link(Link),
    /// The name of a folder. `None` for the browser's own, such as the toolbar: where a link is shown says nothing
    /// about what it is.
    Folder(Option<String>),
}

#[derive(Default)]
struct Reader {
    export: Export,
    inside: Inside,
    /// A folder whose name was read and whose `DL` is to come.
    announced: Option<Arc<str>>,
    /// For each open `DL`, the folders its links are in.
    path: Vec<Arc<[Arc<str>]>>,
}

impl Reader {
    fn open(&mut self, tag: &StartTag<()>) {
        match &tag.name[..] {
            b"a" => {
                self.finish_text();
                if let Some(url) = attribute(tag, b"href").filter(|url| !url.trim().is_empty()) {
                    self.inside = Inside::Link(self.link(tag, url));
                }
            }
            b"h3" => {
                self.finish_text();
                self.announced = None;
                self.export.folders += 1;
                let own = attribute(tag, b"personal_toolbar_folder").or(attribute(tag, b"unfiled_bookmarks_folder"));
                self.inside = Inside::Folder(own.is_none().then(String::new));
            }
            b"dl" => {
                self.finish_text();
                let folders = self.inner_folders();
                self.path.push(folders);
            }
            // These begin something else, so a link or a name that was never closed ends here.
            b"dt" | b"dd" | b"hr" | b"h1" => self.finish_text(),
            _ => {}
        }
    }

    fn close(&mut self, name: &[u8]) {
        match name {
            b"a" | b"h3" => self.finish_text(),
            b"dl" => {
                self.finish_text();
                self.announced = None;
                self.path.pop();
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &[u8]) {
        if let Inside::Link(Link { title: target, .. }) | Inside::Folder(Some(target)) = &mut self.inside {
            target.push_str(&String::from_utf8_lossy(text));
        }
    }

    /// Ends the link or the folder's name whose text was being read.
    fn finish_text(&mut self) {
        match mem::take(&mut self.inside) {
            Inside::Nothing | Inside::Folder(None) => {}
            Inside::Link(link) => self.export.links.push(link),
            Inside::Folder(Some(name)) => {
                let name = name.trim();
                self.announced = (!name.is_empty()).then(|| name.into());
            }
        }
    }

    fn link(&self, tag: &StartTag<()>, url: String) -> Link {
        let tags = attribute(tag, b"tags").unwrap_or_default();
        Link {
            url,
            title: String::new(),
            folders: self.path.last().cloned().unwrap_or_default(),
            tags: tags.split(',').filter(|tag| !tag.trim().is_empty()).map(str::to_owned).collect(),
            added: attribute(tag, b"add_date").as_deref().and_then(seconds),
        }
    }

    /// The folders of the `DL` that begins here: those around it, and the one that was announced.
    fn inner_folders(&mut self) -> Arc<[Arc<str>]> {
        let outer = self.path.last().cloned().unwrap_or_default();
        match self.announced.take() {
            Some(name) if outer.len() < MAX_DEPTH => outer.iter().cloned().chain([name]).collect(),
            _ => outer,
        }
    }
}

/// An attribute's value, its entities decoded. The tokenizer has lower-cased the names.
fn attribute(tag: &StartTag<()>, name: &[u8]) -> Option<String> {
    tag.attributes.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
}

/// `ADD_DATE` is in seconds, though some services export milliseconds or microseconds. The bounds are the year 5138 in
/// seconds, which is 1973 in milliseconds; anything outside, or not a number, is no date.
fn seconds(text: &str) -> Option<i64> {
    match text.trim().parse().ok()? {
        seconds @ 1..100_000_000_000 => Some(seconds),
        millis @ 100_000_000_000..100_000_000_000_000 => Some(millis / 1_000),
        micros @ 100_000_000_000_000..100_000_000_000_000_000_i64 => Some(micros / 1_000_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SAMPLE: &str = include_str!("../data/bookmarks.html");

    /// `url title folder` of each link.
    fn links(html: &str) -> Vec<String> {
        let export = parse(html);
        export.links.iter().map(|link| format!("{} {} {}", link.url, link.title, link.folder())).collect()
    }

    #[test]
    fn the_sample_has_500_good_bookmarks_each_once() {
        let export = parse(SAMPLE);
        assert_eq!(export.links.len(), 500);
        assert_eq!(export.folders, SAMPLE.matches("<H3").count());
        let urls: HashSet<_> = export.links.iter().map(|link| &link.url).collect();
        assert_eq!(urls.len(), 500);
        for link in &export.links {
            NewBookmark::try_from(link).expect("a bookmark");
            assert!(link.added.is_some() && !link.title.is_empty(), "{link:?}");
        }
    }

    #[test]
    fn folders_nest_and_the_browsers_own_are_left_out() {
        let html = r#"<DL><p>
            <DT><H3 PERSONAL_TOOLBAR_FOLDER="true">Bookmarks Toolbar</H3>
            <DL><p>
                <DT><H3>Code &amp; more</H3>
                <DL><p>
                    <DT><H3>Rust</H3>
                    <DL><p><DT><A HREF="u:1">one</A></DL><p>
                    <DT><A HREF="u:2">two</A>
                </DL><p>
                <DT><H3>Empty</H3>
                <DL><p></DL><p>
                <DT><A HREF="u:3">three</A>
            </DL><p>
        </DL><p>"#;
        assert_eq!(links(html), ["u:1 one Code & more/Rust", "u:2 two Code & more", "u:3 three "]);
        assert_eq!(parse(html).folders, 4);
    }

    #[test]
    fn entities_are_decoded_in_texts_and_attributes() {
        let html = r#"<DT><A HREF="https://example.com/?a=1&amp;b=2" TAGS="r&amp;d,caf&eacute;, ,x">&quot;&#39;&#x2014;&nbsp;&lt;b&gt; é &bogus;</A>"#;
        let link = parse(html).links.remove(0);
        assert_eq!(link.url, "https://example.com/?a=1&b=2");
        assert_eq!(link.title, "\"'—\u{a0}<b> é &bogus;");
        assert_eq!(link.tags, ["r&d", "café", "x"]);
    }

    #[test]
    fn malformed_input_loses_no_link_that_can_be_read() {
        for (html, expected) in [
            ("", vec![]),
            ("no bookmarks & no tags < here", vec![]),
            ("<a href=u:1>unquoted</a><A HREF='u:2'>single</A>", vec!["u:1 unquoted ", "u:2 single "]),
            (
                "<DT><A HREF=\"u:1\">never closed<DT><A HREF=\"u:2\">nor this",
                vec!["u:1 never closed ", "u:2 nor this "],
            ),
            ("<A HREF=\"u:1\">cut off</A><DT><A HREF=\"u:2", vec!["u:1 cut off "]),
            ("</DL></DL><A HREF=\"u:1\">too many ends</A>", vec!["u:1 too many ends "]),
            ("<A>no address</A><A HREF=\"\">empty</A><A HREF=\"u:1\"></A>", vec!["u:1  "]),
            ("<H3>f<DL><A HREF=\"u:1\"><b>bold</b> name</A>", vec!["u:1 bold name f"]),
            (
                "<H3>f</H3><A HREF=\"u:1\">outside</A><H3>g</H3><DL><A HREF=\"u:2\">inside</A>",
                vec!["u:1 outside ", "u:2 inside g"],
            ),
            (
                "<A HREF=\"u:1\">t</A><DD>not a title<A HREF=\"u:2\" HREF=\"u:3\">first</A>",
                vec!["u:1 t ", "u:2 first "],
            ),
        ] {
            assert_eq!(links(html), expected, "{html}");
        }
    }

    #[test]
    fn dates_are_seconds_whatever_the_unit_was() {
        for (text, expected) in [
            ("1700000000", Some(1_700_000_000)),
            ("1700000000123", Some(1_700_000_000)),
            ("1700000000123456", Some(1_700_000_000)),
            ("0", None),
            ("-5", None),
            ("yesterday", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn a_link_becomes_a_bookmark_if_it_leads_to_the_web() {
        let link = |url: &str| parse(&format!("<H3>F</H3><DL><A HREF='{url}' TAGS='t'></A>")).links.remove(0);
        assert!(NewBookmark::try_from(&link("https://example.com/")).is_ok(), "its URL serves as its title");
        assert!(NewBookmark::try_from(&link("javascript:void(0)")).is_err());
        assert!(NewBookmark::try_from(&link("place:sort=8")).is_err());
    }

    #[test]
    fn depth_is_bounded_and_the_links_are_still_read() {
        let html = "<H3>f</H3><DL>".repeat(50_000) + "<A HREF='u:1'>deep</A>";
        let export = parse(&html);
        assert_eq!((export.folders, export.links.len()), (50_000, 1));
        assert_eq!(export.links[0].folders.len(), MAX_DEPTH);
    }
}
