//! The parameters of a tool: which the server fills (extractors) and which the client sends (arguments).

use std::mem;

use syn::{
    Attribute, FnArg, Ident, Lifetime, Meta, Pat, PatIdent, PatType, PathArguments, PathSegment, Signature, Type,
    TypeImplTrait, TypeReference,
    visit::{self, Visit},
};

use crate::errors::Errors;

/// What `tool_fn` accepts.
const MOST_EXTRACTORS: usize = 8;
const JSON: &str = "`Json` is what a tool returns; take arguments as plain parameters or as `Args<T>`";
const IMPL_TRAIT: &str = "a tool's parameter needs a type with a name, since no client could choose one";

/// One parameter, as the wrapper needs it.
pub(crate) struct Parameter {
    pub(crate) ty: Type,
    pub(crate) role: Role,
}

pub(crate) enum Role {
    Extractor,
    /// `attributes` are those that belong on the field: documentation, `serde` and `schemars`.
    Argument {
        name: Ident,
        attributes: Vec<Attribute>,
    },
}

impl Parameter {
    pub(crate) fn is_argument(&self) -> bool {
        matches!(self.role, Role::Argument { .. })
    }

    fn is_args(&self) -> bool {
        !self.is_argument() && known_extractor(&self.ty).is_some_and(|name| name == "Args")
    }
}

/// Reads the parameters in order, and takes off them the attributes that the compiler would refuse on a function.
pub(crate) fn read(signature: &mut Signature, errors: &mut Errors) -> Vec<Parameter> {
    let parameters: Vec<_> = signature
        .inputs
        .iter_mut()
        .filter_map(|input| match input {
            FnArg::Typed(parameter) => read_one(parameter, errors),
            FnArg::Receiver(_) => None,
        })
        .collect();
    check_together(&parameters, errors);
    parameters
}

fn read_one(parameter: &mut PatType, errors: &mut Errors) -> Option<Parameter> {
    let marks = Marks::take(&mut parameter.attrs, errors);
    let ty = (*parameter.ty).clone();
    let is_extractor = marks.extract || (!marks.arg && known_extractor(&ty).is_some());
    if is_extractor {
        check_extractor(&ty, &marks, errors);
        return Some(Parameter { ty, role: Role::Extractor });
    }
    if !marks.arg && is_json(&ty) {
        errors.at(&ty, JSON);
        return None;
    }
    Owned { errors }.visit_type(&ty);
    let Some(name) = plain_name(&parameter.pat) else {
        errors.at(
            &parameter.pat,
            "a tool's argument must be a plain name, which is its name in JSON; \
             if the server is to fill this parameter, mark it `#[extract]`",
        );
        return None;
    };
    Some(Parameter { ty, role: Role::Argument { name, attributes: marks.field } })
}

/// Our attributes on one parameter.
#[derive(Default)]
struct Marks {
    extract: bool,
    arg: bool,
    field: Vec<Attribute>,
}

impl Marks {
    /// Leaves to the function only what is not ours, such as `#[allow(..)]`.
    fn take(attributes: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut marks = Self::default();
        for attribute in mem::take(attributes) {
            let path = attribute.path();
            if path.is_ident("extract") || path.is_ident("arg") {
                if !matches!(attribute.meta, Meta::Path(_)) {
                    errors.at(&attribute, "`#[extract]` and `#[arg]` take no arguments");
                }
                if path.is_ident("extract") {
                    marks.extract = true;
                } else {
                    marks.arg = true;
                }
                if marks.extract && marks.arg {
                    errors.at(&attribute, "a parameter is either `#[extract]` or `#[arg]`");
                }
            } else if path.is_ident("doc") || path.is_ident("serde") || path.is_ident("schemars") {
                marks.field.push(attribute);
            } else {
                if path.is_ident("cfg") || path.is_ident("cfg_attr") {
                    // The compiler applies it after us, when wrapper and schema are already written.
                    errors.at(&attribute, "a tool's parameter cannot be conditional; put `#[cfg]` on the function");
                }
                attributes.push(attribute);
            }
        }
        marks
    }
}

/// The name of the extractor that `ty` is by its last path segment. Without the `<..>` (or with them, where there
/// should be none) it is somebody's own type of the same name: `state: State` may well be the state of a country.
fn known_extractor(ty: &Type) -> Option<String> {
    let last = last_segment(ty)?;
    let name = last.ident.to_string();
    let known = match last.arguments {
        PathArguments::AngleBracketed(_) => matches!(name.as_str(), "Args" | "State" | "Extension"),
        PathArguments::None => matches!(name.as_str(), "Headers" | "Context"),
        PathArguments::Parenthesized(_) => false,
    };
    known.then_some(name)
}

/// Whether this is `Json<..>`, which is an extractor in axum, but not here.
fn is_json(ty: &Type) -> bool {
    if let Type::Reference(reference) = ty {
        return is_json(&reference.elem);
    }
    last_segment(ty)
        .is_some_and(|last| last.ident == "Json" && matches!(last.arguments, PathArguments::AngleBracketed(_)))
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        // A type that came through a `macro_rules!`, or in parentheses.
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// The name in `x` and `mut x`; nothing else is plain.
fn plain_name(pattern: &Pat) -> Option<Ident> {
    match pattern {
        Pat::Ident(PatIdent { by_ref: None, subpat: None, ident, .. }) => Some(ident.clone()),
        _ => None,
    }
}

fn check_extractor(ty: &Type, marks: &Marks, errors: &mut Errors) {
    if let Type::Reference(reference) = ty {
        errors.at(reference, "an extractor is taken by value");
    }
    Named { errors }.visit_type(ty);
    for attribute in &marks.field {
        if !attribute.path().is_ident("doc") {
            errors.at(attribute, "only a tool's arguments can have this, and this parameter is an extractor");
        }
    }
}

fn check_together(parameters: &[Parameter], errors: &mut Errors) {
    let arguments = || parameters.iter().filter(|parameter| parameter.is_argument());
    let mut args = parameters.iter().filter(|parameter| parameter.is_args());
    if args.next().is_some() {
        for second in args {
            errors.at(&second.ty, "a tool takes `Args<..>` only once");
        }
        for argument in arguments() {
            let Role::Argument { name, .. } = &argument.role else {
                continue;
            };
            errors.at(
                name,
                format!(
                    "a tool takes either `Args<..>` or arguments one by one; \
                     move `{name}` into the type of `Args`, or mark it `#[extract]` if the server is to fill it"
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
                "a tool has at most {MOST_EXTRACTORS} extractors (its arguments count as one), \
                 this one has {extractors}"
            ),
        );
    }
}

/// Reports `impl Trait`, at any depth.
struct Named<'e> {
    errors: &'e mut Errors,
}

impl<'ast> Visit<'ast> for Named<'_> {
    fn visit_type_impl_trait(&mut self, opaque: &'ast TypeImplTrait) {
        self.errors.at(opaque, IMPL_TRAIT);
    }
}

/// Reports what an argument cannot borrow: it is decoded from JSON that does not outlive the decoding.
struct Owned<'e> {
    errors: &'e mut Errors,
}

impl<'ast> Visit<'ast> for Owned<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let message = match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => "a tool's argument must be owned; use String",
            Type::Slice(_) => "a tool's argument must be owned; use Vec",
            inner if known_extractor(inner).is_some() => "an extractor is taken by value",
            _ => "a tool's argument must be owned; take it by value",
        };
        self.errors.at(reference, message);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            self.errors.at(lifetime, "a tool's argument must be owned; only `'static` is possible here");
        }
        visit::visit_lifetime(self, lifetime);
    }

    fn visit_type_impl_trait(&mut self, opaque: &'ast TypeImplTrait) {
        self.errors.at(opaque, IMPL_TRAIT);
    }
}

#[cfg(test)]
mod tests;
