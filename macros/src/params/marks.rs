//! The attributes on one parameter.

use std::mem;

use syn::{Attribute, ExprPath, LitStr, Meta};

use crate::{errors::Errors, kind::Kind};

/// Our attributes on one parameter, and those that belong on the field.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) extract: bool,
    pub(super) arg: bool,
    /// `#[complete(path)]`
    pub(super) completion: Option<ExprPath>,
    /// `#[mcp_header("Name")]`
    pub(super) header: Option<LitStr>,
    /// Documentation, `serde` and `schemars`.
    pub(super) field: Vec<Attribute>,
    /// Those that no extractor can have.
    pub(super) only_for_arguments: Vec<Attribute>,
}

impl Marks {
    /// Leaves to the function only what is not ours, such as `#[allow(..)]`.
    pub(super) fn take(kind: Kind, attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut marks = Self::default();
        for attribute in mem::take(attributes) {
            let path = attribute.path();
            if path.is_ident("extract") || path.is_ident("arg") {
                marks.role(&attribute, errors);
            } else if path.is_ident("complete") {
                marks.complete(kind, &attribute, errors);
                marks.only_for_arguments.push(attribute);
            } else if path.is_ident("mcp_header") {
                marks.header(kind, &attribute, errors);
                marks.only_for_arguments.push(attribute);
            } else if path.is_ident("doc") {
                marks.field.push(attribute);
            } else if path.is_ident("serde") || path.is_ident("schemars") {
                marks.field.push(attribute.clone());
                marks.only_for_arguments.push(attribute);
            } else {
                if path.is_ident("cfg") || path.is_ident("cfg_attr") {
                    // The compiler applies it after us, when wrapper and schema are already written.
                    let message = format!("a {kind}'s parameter cannot be conditional; put `#[cfg]` on the function");
                    errors.at(&attribute, message);
                }
                attributes.push(attribute);
            }
        }
        marks
    }

    fn role(&mut self, attribute: &Attribute, errors: &mut Errors) {
        if !matches!(attribute.meta, Meta::Path(_)) {
            errors.at(attribute, "`#[extract]` and `#[arg]` take no arguments");
        }
        if attribute.path().is_ident("extract") {
            self.extract = true;
        } else {
            self.arg = true;
        }
        if self.extract && self.arg {
            errors.at(attribute, "a parameter is either `#[extract]` or `#[arg]`");
        }
    }

    fn complete(&mut self, kind: Kind, attribute: &Attribute, errors: &mut Errors) {
        if kind == Kind::Tool {
            let message = "a tool's arguments are never completed: clients ask that only of prompts and resources";
            errors.at(attribute, message);
            return;
        }
        let Ok(handler) = attribute.parse_args() else {
            let message = "`#[complete(..)]` takes the path of the function that completes: `#[complete(tags)]`";
            errors.at(attribute, message);
            return;
        };
        if self.completion.replace(handler).is_some() {
            errors.at(attribute, "an argument is completed by one function");
        }
    }

    fn header(&mut self, kind: Kind, attribute: &Attribute, errors: &mut Errors) {
        if kind != Kind::Tool {
            errors.at(attribute, format!("only a tool's arguments are sent as headers too, not a {kind}'s"));
            return;
        }
        let Ok(name) = attribute.parse_args::<LitStr>() else {
            let message = "`#[mcp_header(..)]` takes what follows `Mcp-Param-` in the name of the header: \
                           `#[mcp_header(\"Region\")]`";
            errors.at(attribute, message);
            return;
        };
        if let Some(fault) = header_fault(&name.value()) {
            errors.at(&name, fault);
        }
        if self.header.replace(name).is_some() {
            errors.at(attribute, "an argument is sent as one header");
        }
    }
}

/// Why no header can be called `Mcp-Param-{name}`, if none can (RFC 9110, 5.6.2, token).
fn header_fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("a header's name cannot be empty".to_owned());
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let wrong = name.chars().find(|&c| !allowed(c))?;
    Some(format!("a header's name may hold only ASCII letters, digits and any of !#$%&'*+-.^_`|~, not {wrong:?}"))
}
