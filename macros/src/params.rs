//! The parameters of the function: which the server fills (extractors) and which the client sends (arguments).

use syn::{Attribute, ExprPath, FnArg, Ident, LitStr, Pat, PatIdent, PatType, Signature, Type, visit::Visit};

use crate::{errors::Errors, kind::Kind};

mod marks;
mod names;
mod types;

use marks::Marks;
use names::Names;
use types::{Known, Named, Owned, known};
pub(crate) use types::{lacks_generics, with_static_lifetimes};

/// What the handler of a tool, resource or prompt accepts.
const MOST_EXTRACTORS: usize = 8;

/// One parameter, as the wrapper needs it.
pub(crate) struct Parameter {
    pub(crate) ty: Type,
    pub(crate) role: Role,
}

pub(crate) enum Role {
    Extractor,
    Argument(Argument),
}

/// What the client sends.
pub(crate) struct Argument {
    pub(crate) name: Ident,
    /// Those that belong on the field: documentation, `serde` and `schemars`.
    pub(crate) attributes: Vec<Attribute>,
    /// What `Mcp-Param-` is followed by in the header that repeats it.
    pub(crate) header: Option<LitStr>,
    /// The function that completes it.
    pub(crate) completion: Option<ExprPath>,
}

impl Parameter {
    pub(crate) fn argument(&self) -> Option<&Argument> {
        match &self.role {
            Role::Argument(argument) => Some(argument),
            Role::Extractor => None,
        }
    }

    /// Whether this is `Args<..>` or its like.
    pub(crate) fn takes_all_arguments(&self) -> bool {
        self.argument().is_none() && known(&self.ty) == Some(Known::Arguments)
    }
}

impl Argument {
    /// What it is called in JSON.
    pub(crate) fn names(&self) -> Names {
        Names::read(&self.name, &self.attributes)
    }

    /// Whether nothing is said of it to serde and schemars, so that its type alone decides how it is read.
    pub(crate) fn is_plain(&self) -> bool {
        self.attributes.iter().all(|attribute| attribute.path().is_ident("doc"))
    }
}

/// Reads the parameters in order, and takes off them the attributes that the compiler would refuse on a function.
pub(crate) fn read(kind: Kind, signature: &mut Signature, errors: &mut Errors) -> Vec<Parameter> {
    let parameters: Vec<_> = signature
        .inputs
        .iter_mut()
        .filter_map(|input| match input {
            FnArg::Typed(parameter) => {
                let marks = Marks::take(kind, &mut parameter.attrs, errors);
                read_one(kind, parameter, marks, errors)
            }
            FnArg::Receiver(_) => None,
        })
        .collect();
    check_headers(&parameters, errors);
    check_together(kind, &parameters, errors);
    parameters
}

fn read_one(kind: Kind, parameter: &PatType, marks: Marks, errors: &mut Errors) -> Option<Parameter> {
    let ty = (*parameter.ty).clone();
    let known = if marks.arg { None } else { known(&ty) };
    if marks.extract || known.is_some() {
        if known == Some(Known::Completion) && !marks.extract {
            errors.at(
                &ty,
                format!(
                    "a {kind} is never asked to complete anything; \
                     `CompletionRequest` is for the function that `#[complete(..)]` names"
                ),
            );
        }
        check_extractor(kind, &ty, &marks, errors);
        return Some(Parameter { ty, role: Role::Extractor });
    }
    Owned { kind, errors }.visit_type(&ty);
    let Some(name) = plain_name(&parameter.pat) else {
        let message = if lacks_generics(&ty) {
            "say of what type, as in `State<Db>`: without the `<..>` this is no extractor".to_owned()
        } else {
            format!(
                "a {kind}'s argument must be a plain name, which is its name in JSON; \
                 if the server is to fill this parameter, mark it `#[extract]`"
            )
        };
        errors.at(&parameter.pat, message);
        return None;
    };
    let Marks { field: attributes, header, completion, .. } = marks;
    Some(Parameter { ty, role: Role::Argument(Argument { name, attributes, header, completion }) })
}

/// The name in `x` and `mut x`; nothing else is plain.
fn plain_name(pattern: &Pat) -> Option<Ident> {
    match pattern {
        Pat::Ident(PatIdent { by_ref: None, subpat: None, ident, .. }) => Some(ident.clone()),
        _ => None,
    }
}

fn check_extractor(kind: Kind, ty: &Type, marks: &Marks, errors: &mut Errors) {
    if let Type::Reference(reference) = ty {
        errors.at(reference, "an extractor is taken by value");
    }
    Named { kind, errors }.visit_type(ty);
    for attribute in &marks.only_for_arguments {
        errors.at(attribute, format!("only a {kind}'s arguments can have this, and this parameter is an extractor"));
    }
}

fn check_headers(parameters: &[Parameter], errors: &mut Errors) {
    let mut seen = Vec::new();
    for header in parameters.iter().filter_map(Parameter::argument).filter_map(|argument| argument.header.as_ref()) {
        let folded = header.value().to_ascii_lowercase();
        if seen.contains(&folded) {
            errors.at(header, "another argument is sent as this header (names of headers do not differ by case)");
        }
        seen.push(folded);
    }
}

fn check_together(kind: Kind, parameters: &[Parameter], errors: &mut Errors) {
    let arguments = || parameters.iter().filter_map(Parameter::argument);
    let mut all = parameters.iter().filter(|parameter| parameter.takes_all_arguments());
    if all.next().is_some() {
        for second in all {
            errors.at(&second.ty, format!("a {kind} takes all its arguments only once, as `Args<..>` or `Json<..>`"));
        }
        for Argument { name, .. } in arguments() {
            errors.at(
                name,
                format!(
                    "a {kind} takes its arguments either all together, as `Args<..>` or `Json<..>`, or one by one; \
                     move `{name}` into the type of those, or mark it `#[extract]` if the server is to fill it"
                ),
            );
        }
    }
    let extractors = parameters.len() - arguments().count() + usize::from(arguments().next().is_some());
    if extractors > MOST_EXTRACTORS
        && let Some(last) = parameters.last()
    {
        errors.at(
            &last.ty,
            format!(
                "a {kind} has at most {MOST_EXTRACTORS} extractors (its arguments count as one), \
                 this one has {extractors}"
            ),
        );
    }
}

#[cfg(test)]
mod tests;
