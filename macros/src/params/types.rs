//! What a parameter's type says by its looks: nothing more of it is known here.

use syn::{
    AngleBracketedGenericArguments, GenericArgument, Lifetime, ParenthesizedGenericArguments, PathArguments,
    PathSegment, Type, TypeBareFn, TypeImplTrait, TypeReference, parse_quote,
    visit::{self, Visit},
    visit_mut::{self, VisitMut},
};

use crate::{errors::Errors, kind::Kind};

/// The extractors with a type of their own choice, in which arguments come all together.
const ALL_ARGUMENTS: [&str; 2] = ["Args", "Json"];
/// The other extractors with a type of their own choice.
const GENERIC: [&str; 5] = ["State", "Extension", "Extract", "Data", "ReqData"];
const PLAIN: [&str; 4] = ["Headers", "Context", "Principal", "EndpointUrl"];

/// An extractor that needs no `#[extract]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Known {
    /// All arguments in one.
    Arguments,
    /// What only the handler of a completion is given.
    Completion,
    Other,
}

/// The extractor that `ty` is by its last path segment, also in an `Option`. Without the `<..>` (or with them, where
/// there should be none) it is somebody's own type of the same name: `state: State` may well be the state of a country.
pub(super) fn known(ty: &Type) -> Option<Known> {
    let last = last_segment(ty)?;
    let name = last.ident.to_string();
    let name = name.as_str();
    match &last.arguments {
        PathArguments::AngleBracketed(_) if ALL_ARGUMENTS.contains(&name) => Some(Known::Arguments),
        PathArguments::AngleBracketed(_) if GENERIC.contains(&name) => Some(Known::Other),
        PathArguments::AngleBracketed(generics) if name == "Option" => known(only_type(generics)?),
        PathArguments::None if PLAIN.contains(&name) => Some(Known::Other),
        PathArguments::None if name == "CompletionRequest" => Some(Known::Completion),
        _ => None,
    }
}

/// Whether this has the name of an extractor that should have `<..>`, and has not. It may be a type of the user's; if it
/// is ours, the compiler says all there is to say where it stands.
pub(crate) fn lacks_generics(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|last| {
        last.arguments.is_none() && ALL_ARGUMENTS.iter().chain(&GENERIC).any(|name| last.ident == name)
    })
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

fn only_type(generics: &AngleBracketedGenericArguments) -> Option<&Type> {
    let mut arguments = generics.args.iter();
    match (arguments.next(), arguments.next()) {
        (Some(GenericArgument::Type(ty)), None) => Some(ty),
        _ => None,
    }
}

/// `ty` where no lifetime may be left out. What a handler takes and gives is `'static`, so that is the one it can be.
pub(crate) fn with_static_lifetimes(ty: &Type) -> Type {
    let mut ty = ty.clone();
    Static.visit_type_mut(&mut ty);
    ty
}

struct Static;

impl VisitMut for Static {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        reference.lifetime.get_or_insert_with(|| parse_quote!('static));
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = Lifetime::new("'static", lifetime.span());
        }
    }

    // Their lifetimes are their own: `fn(&str)` takes a text of any.
    fn visit_type_bare_fn_mut(&mut self, _: &mut TypeBareFn) {}

    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut ParenthesizedGenericArguments) {}
}

/// Reports `impl Trait`, at any depth.
pub(super) struct Named<'e> {
    pub(super) kind: Kind,
    pub(super) errors: &'e mut Errors,
}

impl<'ast> Visit<'ast> for Named<'_> {
    fn visit_type_impl_trait(&mut self, opaque: &'ast TypeImplTrait) {
        let kind = self.kind;
        let message = format!("a {kind}'s parameter needs a type with a name, since no client could choose one");
        self.errors.at(opaque, message);
    }
}

/// Reports what an argument cannot borrow: it is decoded from JSON that does not outlive the decoding.
pub(super) struct Owned<'e> {
    pub(super) kind: Kind,
    pub(super) errors: &'e mut Errors,
}

impl<'ast> Visit<'ast> for Owned<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let kind = self.kind;
        let message = match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => format!("a {kind}'s argument must be owned; use String"),
            Type::Slice(_) => format!("a {kind}'s argument must be owned; use Vec"),
            inner if known(inner).is_some() => "an extractor is taken by value".to_owned(),
            _ => format!("a {kind}'s argument must be owned; take it by value"),
        };
        self.errors.at(reference, message);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            let message = format!("a {}'s argument must be owned; only `'static` is possible here", self.kind);
            self.errors.at(lifetime, message);
        }
        visit::visit_lifetime(self, lifetime);
    }

    fn visit_type_impl_trait(&mut self, opaque: &'ast TypeImplTrait) {
        Named { kind: self.kind, errors: self.errors }.visit_type_impl_trait(opaque);
    }
}
