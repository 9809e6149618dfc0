//! Just enough of a Rust lexer to ask which paths a file names, without being misled by comments and strings.

use std::{fs, path::Path};

/// A word or a mark of the program text, and the line it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// A path such as `crate::server::Tool`; a `use` with braces is one path per leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub segments: Vec<String>,
    pub line: usize,
    /// The name it has in this file: of an import, what stands behind `as`, or else its last segment.
    pub name: String,
    pub imported: bool,
    /// Called or named behind a dot, as `x.spawn(..)`.
    pub method: bool,
}

#[derive(Debug)]
pub struct Source {
    /// Relative to the package, with forward slashes: `src/protocol/mod.rs`.
    pub file: String,
    pub text: String,
    pub tokens: Vec<Token>,
    pub paths: Vec<Named>,
}

impl Source {
    pub fn new(file: &str, text: &str) -> Self {
        let tokens = tokens(text);
        Self { file: file.to_owned(), text: text.to_owned(), paths: paths(&tokens), tokens }
    }

    /// The top-level module this file belongs to: `protocol` for `src/protocol/mod.rs`, `error` for `src/error.rs`.
    pub fn room(&self) -> &str {
        let inside = self.file.strip_prefix("src/").unwrap_or(&self.file);
        let first = inside.split('/').next().unwrap_or(inside);
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The module path of the file: `["server", "tool"]` for `src/server/tool.rs`.
    fn module(&self) -> Vec<String> {
        let inside = self.file.strip_prefix("src/").unwrap_or(&self.file);
        let inside = inside.strip_suffix(".rs").unwrap_or(inside);
        let mut parts: Vec<String> = inside.split('/').map(str::to_owned).collect();
        if matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
            parts.pop();
        }
        parts
    }

    /// What comes behind `crate::` once `self` and `super` are resolved; `None` for what is outside of the crate.
    ///
    /// In an inline module `super` is taken for one level too many, which stays within the room or names none.
    pub fn within_crate(&self, named: &Named) -> Option<Vec<String>> {
        let mut rest = named.segments.as_slice();
        let mut base = match rest.first()?.as_str() {
            "crate" => {
                rest = &rest[1..];
                Vec::new()
            }
            "self" => {
                rest = &rest[1..];
                self.module()
            }
            "super" => self.module(),
            _ if self.file == "src/lib.rs" => Vec::new(),
            _ => return None,
        };
        while rest.first().is_some_and(|segment| segment == "super") {
            base.pop();
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        Some(base)
    }
}

/// All Rust files below `folder` of this package, in the order of their names.
pub fn sources(folder: &str) -> Vec<Source> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![package.join(folder)];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("a directory entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                let file = path.strip_prefix(package).expect("below the package");
                found.push(Source::new(&file.to_string_lossy().replace('\\', "/"), &text));
            }
        }
    }
    assert!(!found.is_empty(), "no Rust file below {folder}");
    found.sort_by(|a, b| a.file.cmp(&b.file));
    found
}

/// The program text without comments and without the insides of strings (an empty string is left in their place).
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { chars, at: 0, line: 1 };
    let mut out = Vec::new();
    while let Some(c) = lexer.peek(0) {
        let line = lexer.line;
        let text = if c.is_whitespace() {
            lexer.advance(1);
            continue;
        } else if c == '/' && lexer.peek(1) == Some('/') {
            lexer.until_line_end();
            continue;
        } else if c == '/' && lexer.peek(1) == Some('*') {
            lexer.block_comment();
            continue;
        } else if c == '_' || c.is_alphanumeric() {
            lexer.word()
        } else if c == '"' {
            lexer.quoted()
        } else if c == '\'' {
            lexer.character_or_lifetime()
        } else if c == ':' && lexer.peek(1) == Some(':') {
            lexer.advance(2);
            "::".to_owned()
        } else {
            lexer.advance(1);
            c.to_string()
        };
        out.push(Token { text, line });
    }
    out
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn advance(&mut self, count: usize) {
        for _ in 0..count {
            self.line += usize::from(self.peek(0) == Some('\n'));
            self.at += 1;
        }
    }

    fn until_line_end(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.advance(1);
        }
    }

    /// Block comments nest in Rust.
    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.peek(0).is_some() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.advance(2);
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.advance(2);
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.advance(1),
            }
        }
    }

    /// An identifier or a number, or the string that such a prefix opens (`r#".."#`, `b".."`, `c".."`).
    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek(0).filter(|c| *c == '_' || c.is_alphanumeric()) {
            word.push(c);
            self.advance(1);
        }
        let hashes = self.chars[self.at.min(self.chars.len())..].iter().take_while(|c| **c == '#').count();
        match (word.as_str(), self.peek(0), self.peek(hashes)) {
            ("r" | "br" | "cr", _, Some('"')) => self.raw_string(hashes),
            ("b" | "c", Some('"'), _) => self.quoted(),
            ("b", Some('\''), _) => self.character_or_lifetime(),
            ("r", Some('#'), Some(_)) if hashes == 1 => {
                self.advance(1); // r#type is the identifier `type`
                self.word()
            }
            _ => word,
        }
    }

    fn raw_string(&mut self, hashes: usize) -> String {
        self.advance(hashes + 1);
        while let Some(c) = self.peek(0) {
            self.advance(1);
            if c == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.advance(hashes);
                break;
            }
        }
        "\"\"".to_owned()
    }

    fn quoted(&mut self) -> String {
        self.advance(1);
        while let Some(c) = self.peek(0) {
            self.advance(if c == '\\' { 2 } else { 1 });
            if c == '"' {
                break;
            }
        }
        "\"\"".to_owned()
    }

    fn character_or_lifetime(&mut self) -> String {
        if self.peek(1) == Some('\\') {
            self.advance(3); // the quote, the backslash and what it escapes, be it a quote
            while self.peek(0).is_some_and(|c| c != '\'') {
                self.advance(1);
            }
            self.advance(1);
        } else if self.peek(2) == Some('\'') {
            self.advance(3);
        } else {
            self.advance(1);
            return format!("'{}", self.word());
        }
        "''".to_owned()
    }
}

fn is_word(token: &Token) -> bool {
    let first = token.text.chars().next();
    first.is_some_and(|c| c == '_' || c.is_alphabetic())
}

/// Every path that the tokens name, imports taken apart.
fn paths(tokens: &[Token]) -> Vec<Named> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at + 1).map(|token| token.text.as_str());
        // `use<'a>` is a bound, not an import.
        if token.text == "use" && next != Some("<") {
            at = import(tokens, at + 1, &[], &mut out);
        } else if is_word(token) {
            at = path(tokens, at, &mut out);
        } else {
            at += 1;
        }
    }
    out
}

/// A path outside of imports, beginning at `at`; gives where it ends.
fn path(tokens: &[Token], mut at: usize, out: &mut Vec<Named>) -> usize {
    let line = tokens[at].line;
    let method = at > 0 && tokens[at - 1].text == ".";
    let mut segments = vec![tokens[at].text.clone()];
    at += 1;
    while tokens.get(at).is_some_and(|token| token.text == "::") && tokens.get(at + 1).is_some_and(is_word) {
        segments.push(tokens[at + 1].text.clone());
        at += 2;
    }
    let name = segments[segments.len() - 1].clone();
    out.push(Named { segments, line, name, imported: false, method });
    at
}

/// One branch of a `use` tree, beginning at `at`; gives where it ends.
fn import(tokens: &[Token], mut at: usize, prefix: &[String], out: &mut Vec<Named>) -> usize {
    let mut segments = prefix.to_vec();
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    at = import(tokens, at, &segments, out);
                    at += usize::from(tokens.get(at).is_some_and(|token| token.text == ","));
                }
                return at + 1;
            }
            "," | "}" | ";" | "as" => break,
            word => {
                segments.push(word.to_owned());
                at += 1;
            }
        }
    }
    // `use a::{self}` imports `a`.
    if segments.len() > 1 && segments.last().is_some_and(|segment| segment == "self") {
        segments.pop();
    }
    let line = tokens.get(at.saturating_sub(1)).map_or(0, |token| token.line);
    let mut name = segments.last().cloned().unwrap_or_default();
    if tokens.get(at).is_some_and(|token| token.text == "as") {
        name = tokens.get(at + 1).map_or(name, |token| token.text.clone());
        at += 2;
    }
    out.push(Named { segments, line, name, imported: true, method: false });
    at
}
