use super::derive;

/// The output, without its spaces.
fn dense(item: &str) -> String {
    derive(item.parse().expect("tokens")).to_string().replace(char::is_whitespace, "")
}

#[track_caller]
fn assert_has(output: &str, part: &str) {
    assert!(output.contains(&part.replace(char::is_whitespace, "")), "no {part:?} in {output}");
}

#[test]
fn each_type_is_checked() {
    let output = dense(
        "struct Form {
            a: String,
            #[serde(default)] #[schemars(length(min = 1), title = \"B\")] b: Vec<Size>,
            #[schemars(with = \"String\")] c: PathBuf,
            #[serde(skip)] d: Cache,
            #[serde(with = \"hex\")] e: Bytes,
        }",
    );
    let expected =
        "impl ::mcp_mount::Elicit for Form where for<'__mcp> Form: ::mcp_mount::__private::Readable<'__mcp> {}
        const _: fn() = || {
            let _ = <Form as ::mcp_mount::__private::ElicitStruct>::check;
            let _ = <String as ::mcp_mount::__private::ElicitField>::check;
            let _ = <Vec<Size> as ::mcp_mount::__private::ElicitField>::check;
            let _ = <String as ::mcp_mount::__private::ElicitField>::check;
            let _ = <Bytes as ::mcp_mount::__private::ElicitField>::check;
        };";
    assert_eq!(output, expected.replace(char::is_whitespace, ""));
}

#[test]
fn an_enum_is_a_choice() {
    let output = dense("#[serde(rename_all = \"lowercase\")] enum Size { #[serde(alias = \"s\")] Small, Large }");
    let expected = "impl ::mcp_mount::__private::ElicitField for Size {}
        impl ::mcp_mount::__private::ElicitChoice for Size {}";
    assert_eq!(output, expected.replace(char::is_whitespace, ""));
}

#[test]
fn a_form_may_ask_for_nothing_but_consent() {
    assert!(!dense("struct Sure {}").contains("compile_error"));
}

#[test]
fn one_mistake_does_not_hide_the_next() {
    let output = dense(
        "#[serde(transparent)] #[schemars(with = \"u8\")]
         struct Form { #[serde(rename = \"b\", flatten)] a: Rest, b: String }",
    );
    for part in ["cannot be `transparent`", "cannot be `with`", "is flat by itself"] {
        assert_has(&output, part);
    }
    assert!(!output.contains("<Rest"), "{output}");
    // Who asks with it is told nothing more.
    assert_has(&output, "impl ::mcp_mount::Elicit for Form where");
    let output = dense("#[serde(tag = \"t\")] enum Choice { A(u8), #[serde(other)] B }");
    for part in ["cannot be `tag`", "variants without data", "cannot be `other`"] {
        assert_has(&output, part);
    }
}

#[test]
fn what_is_no_form_is_told_what_is() {
    for (item, part) in [
        ("struct Form(String);", "struct Form { name: String }"),
        ("struct Form;", "named fields"),
        ("struct Form<T> { a: T }", "no parameters"),
        ("enum Choice {}", "needs variants"),
        ("union Form { a: u8 }", "a form is a struct with named fields"),
        ("fn form() {}", "compile_error"),
    ] {
        assert_has(&dense(item), part);
    }
}
