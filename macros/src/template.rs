//! The URI of a resource, and which of its arguments take which of its variables.

use proc_macro2::Span;
use syn::LitStr;

use crate::{
    errors::Errors,
    params::{Argument, Parameter},
};

/// A URI as it was written, or an RFC 6570 template.
pub(crate) struct Template {
    span: Span,
    variables: Vec<String>,
}

impl Template {
    /// Looks it over; whether it is a URI at all is for `build()` to find out.
    pub(crate) fn read(uri: &LitStr, errors: &mut Errors) -> Option<Self> {
        match variables(&uri.value()) {
            Ok(variables) => Some(Self { span: uri.span(), variables }),
            Err(fault) => {
                errors.at(uri, fault);
                None
            }
        }
    }

    /// Whether it is the URI of one resource.
    pub(crate) fn is_fixed(&self) -> bool {
        self.variables.is_empty()
    }

    /// Reports arguments that are no variables, and variables that are no arguments.
    pub(crate) fn check(&self, parameters: &[Parameter], errors: &mut Errors) {
        let arguments = || parameters.iter().filter_map(Parameter::argument);
        for argument in arguments() {
            self.check_argument(argument, errors);
        }
        if self.is_fixed() {
            for all in parameters.iter().filter(|parameter| parameter.takes_all_arguments()) {
                errors.at(&all.ty, "the URI is fixed: it has no variables that this could take");
            }
            return;
        }
        let names: Vec<_> = arguments().map(Argument::names).collect();
        if names.iter().any(|names| names.unknown) || parameters.iter().any(Parameter::takes_all_arguments) {
            return;
        }
        let is_taken = |variable: &String| names.iter().any(|names| names.all.contains(variable));
        for variable in self.variables.iter().filter(|variable| !is_taken(variable)) {
            errors.push(syn::Error::new(
                self.span,
                format!(
                    "no argument takes the variable `{variable}` of this URI; \
                     add a parameter of that name, or take all variables as `Args<..>`"
                ),
            ));
        }
    }

    fn check_argument(&self, argument: &Argument, errors: &mut Errors) {
        let names = argument.names();
        if names.unknown || names.all.iter().any(|name| self.variables.contains(name)) {
            return;
        }
        let name = names.first();
        let fault = if self.is_fixed() {
            format!("the URI is fixed, so that no client can send `{name}`: write `{{{name}}}` into the URI")
        } else {
            format!("`{name}` is no variable of the URI, which has `{}`", self.variables.join("`, `"))
        };
        errors.at(&argument.name, format!("{fault}, or mark it `#[extract]` if the server is to fill it"));
    }
}

/// The names of the variables, each once.
fn variables(uri: &str) -> Result<Vec<String>, String> {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let in_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(in_scheme) {
        return Err("a resource's URI begins with a scheme, as in \"app://config\" or \"file:///{+path}\"".to_owned());
    }
    let mut names: Vec<String> = Vec::new();
    let mut rest = uri;
    while let Some(at) = rest.find(['{', '}']) {
        let expression = rest[at..].strip_prefix('{').ok_or("a `}` closes nothing; a variable is written `{name}`")?;
        let end = expression.find(['{', '}']).filter(|&end| expression[end..].starts_with('}'));
        let end = end.ok_or("a `{` is not closed; a variable is written `{name}`")?;
        for name in expression_names(&expression[..end])? {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        rest = &expression[end + 1..];
    }
    Ok(names)
}

/// RFC 6570, 2.2 and 2.3.
fn expression_names(expression: &str) -> Result<Vec<String>, String> {
    let list = expression.strip_prefix(['+', '#', '.', '/', ';', '?', '&']).unwrap_or(expression);
    list.split(',')
        .map(|variable| {
            let name = match variable.split_once(':') {
                Some((name, length)) if length.parse().is_ok_and(|length: u16| (1..10_000).contains(&length)) => name,
                _ => variable.strip_suffix('*').unwrap_or(variable),
            };
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_.%".contains(c);
            if name.is_empty() || !name.chars().all(allowed) {
                return Err(format!(
                    "`{{{expression}}}` is no variable: its name has letters, digits, `_` and `.`, as in `{{user_id}}`, \
                     or `{{+path}}` for one that takes slashes too"
                ));
            }
            Ok(name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::*;
    use crate::{kind::Kind, params};

    fn problems(uri: &str, function: TokenStream) -> Vec<String> {
        let mut errors = Errors::default();
        let mut signature = syn::parse2(function).expect("a signature");
        let parameters = params::read(Kind::Resource, &mut signature, &mut errors);
        let uri = LitStr::new(uri, Span::call_site());
        if let Some(template) = Template::read(&uri, &mut errors) {
            template.check(&parameters, &mut errors);
        }
        errors.messages()
    }

    #[test]
    fn variables_are_found() {
        let none: [&str; 0] = [];
        assert_eq!(variables("app://config"), Ok(none.map(str::to_owned).to_vec()));
        let found =
            variables("file:///{+path}{/more*}{?page,size:3,tags*}{#a.b}/{id}/{id}{&x_1}{;y}{.z}").expect("good");
        assert_eq!(found, ["path", "more", "page", "size", "tags", "a.b", "id", "x_1", "y", "z"]);
    }

    #[test]
    fn what_is_no_uri() {
        for (uri, says) in [
            ("", "scheme"),
            ("config", "scheme"),
            ("/a:b", "scheme"),
            ("{scheme}:b", "scheme"),
            ("9p://x", "scheme"),
            ("a:{b", "not closed"),
            ("a:{b{c}}", "not closed"),
            ("a:b}", "closes nothing"),
            ("a:{b}}", "closes nothing"),
            ("a:{}", "`{}` is no variable"),
            ("a:{*path}", "`{*path}` is no variable"),
            ("a:{=x}", "`{=x}` is no variable"),
            ("a:{b,}", "no variable"),
            ("a:{b c}", "no variable"),
            ("a:{b:0}", "no variable"),
            ("a:{b:10000}", "no variable"),
        ] {
            let problems = problems(uri, quote!(fn f(anything: u8)));
            assert_eq!(problems.len(), 1, "{uri}: {problems:?}");
            assert!(problems[0].contains(says), "{uri}: {problems:?}");
        }
    }

    #[test]
    fn arguments_and_variables_match() {
        let none = [""; 0];
        assert_eq!(problems("a:b", quote!(fn f(ctx: Context))), none);
        assert_eq!(problems("a:{id}{?page}", quote!(fn f(page: Option<u8>, State(db): State<Db>, id: u64))), none);
        assert_eq!(problems("a:{type}", quote!(fn f(r#type: u64))), none);
        assert_eq!(problems("a:{id}{?page}", quote!(fn f(Args(all): Args<All>))), none);
        assert_eq!(problems("a:{id}{?page}", quote!(fn f(Json(all): axum::Json<All>))), none);
        let missing = problems("a:{id}{?page}", quote!(fn f(id: u8)));
        assert_eq!(missing.len(), 1);
        assert!(missing[0].contains("`page`") && missing[0].contains("Args<..>"), "{missing:?}");
        let unknown = problems("a:{id}{?page}", quote!(fn f(id: u8, page: u8, size: u8)));
        assert_eq!(unknown.len(), 1);
        assert!(unknown[0].contains("`size` is no variable of the URI, which has `id`, `page`"), "{unknown:?}");
        let fixed = problems("a:b", quote!(fn f(id: u8)));
        assert_eq!(fixed.len(), 1);
        assert!(fixed[0].contains("write `{id}` into the URI"), "{fixed:?}");
        assert!(problems("a:b", quote!(fn f(Args(all): Args<All>)))[0].contains("fixed"));
    }

    #[test]
    fn serdes_names_count() {
        let none = [""; 0];
        assert_eq!(problems("a:{user.id}", quote!(fn f(#[serde(default, rename = "user.id")] id: u8))), none);
        assert_eq!(problems("a:{b}", quote!(fn f(#[serde(rename(serialize = "x", deserialize = "b"))] id: u8))), none);
        assert_eq!(problems("a:{b}", quote!(fn f(#[serde(default = "x::y", alias = "b")] id: u8))), none);
        // What is flattened or skipped may take any variable, or none.
        assert_eq!(problems("a:{b}{c}", quote!(fn f(#[serde(flatten)] rest: Rest, c: u8))), none);
        assert_eq!(problems("a:{b}", quote!(fn f(#[serde(skip)] cache: u8, b: u8))), none);
        let renamed = problems("a:{id}", quote!(fn f(#[serde(rename = "ID")] id: u8)));
        assert_eq!(renamed.len(), 2, "{renamed:?}");
        assert!(renamed[0].starts_with("`ID` is no variable"), "{renamed:?}");
    }
}
