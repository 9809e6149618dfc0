use super::*;

/// The output, without its spaces: how tokens print depends on how they were put together.
fn expand(kind: Kind, arguments: &str, item: &str) -> String {
    let [arguments, item] = [arguments, item].map(|text| text.parse().expect("tokens"));
    dense(&super::expand(kind, arguments, &item).to_string())
}

fn tool(arguments: &str, item: &str) -> String {
    expand(Kind::Tool, arguments, item)
}

fn dense(text: &str) -> String {
    text.replace(char::is_whitespace, "")
}

#[track_caller]
fn assert_has(output: &str, part: &str) {
    assert!(output.contains(&dense(part)), "no {part:?} in {output}");
}

#[track_caller]
fn assert_no_error(output: &str) {
    assert!(!output.contains("compile_error"), "{output}");
}

#[test]
fn arguments_and_extractors_keep_their_order() {
    let output = tool(
        "",
        "/// Add.
         pub async fn add(mut a: f64, State(db): State<Db>, #[serde(default)] b: f64, c: f64) -> f64 { a + b + c }",
    );
    assert_has(&output, "pub async fn add(mut a: f64, State(db): State<Db>, b: f64, c: f64) -> f64 { a + b + c }");
    assert_has(&output, "pub struct add {}");
    assert_has(
        &output,
        "struct __McpArguments<__McpArgument0, __McpArgument1> {
            a: __McpArgument0, #[serde(default)] b: f64, c: __McpArgument1
        }",
    );
    assert_has(
        &output,
        r#"fn make() -> ::mcp_mount::Tool {
            ::mcp_mount::tool_fn("add", "Add.",
                |::mcp_mount::Args(args): ::mcp_mount::Args<__McpArguments<_, _>>, extractor_1|
                ::mcp_mount::__private::running(async move { add(args.a, extractor_1, args.b, args.c).await }))
        }"#,
    );
    assert_has(
        &output,
        "impl ::mcp_mount::__private::ToolSource for add {
            fn tool() -> ::mcp_mount::Tool {
                #[allow(unused_imports)]
                use ::mcp_mount::__private::Unchecked as _;
                ::mcp_mount::__private::Checked::<__McpMade, _>::make()
            }
        }",
    );
    assert_no_error(&output);
}

#[test]
fn types_are_checked_and_then_assumed() {
    let output = tool(
        "",
        "/// Add.
         fn add(a: f64, State(db): State<&Db>, #[serde(default)] b: f64, #[extract] c: C<'_>) -> Option<&str> {}",
    );
    assert_has(
        &output,
        "const _: fn() = || {
            let _ = <f64 as ::mcp_mount::__private::Argument>::check;
            let _ = <State<&'static Db> as ::mcp_mount::FromCall>::needs;
            let _ = <C<'static> as ::mcp_mount::FromCall>::needs;
            let _ = <Option<&'static str> as ::mcp_mount::IntoToolResult>::into_tool_result;
        };",
    );
    assert_has(
        &output,
        "impl ::mcp_mount::__private::Make<::mcp_mount::Tool> for __McpMade
        where
            for<'__mcp> f64: ::mcp_mount::__private::Readable<'__mcp>,
            for<'__mcp> State<&'static Db>: ::mcp_mount::__private::Extractor<'__mcp>,
            for<'__mcp> C<'static>: ::mcp_mount::__private::Extractor<'__mcp>,
            for<'__mcp> Option<&'static str>: ::mcp_mount::__private::ToolAnswer<'__mcp>
        {",
    );
}

#[test]
fn what_has_no_name_is_not_checked() {
    for result in ["impl IntoToolResult", "Option<impl Sized>", "!", "Vec<_>"] {
        let output = tool("", &format!("/// Add. \n fn add(a: State) -> {result} {{}}"));
        assert_has(&output, "const _: fn() = || {};");
        assert_has(&output, "for __McpMade where {");
    }
}

#[test]
fn only_our_lifetimes_are_filled_in() {
    let output = tool("", "/// Add. \n fn add(a: State<fn(&str) -> &str>, b: State<Box<dyn Fn(&str)>>) {}");
    assert_has(&output, "<State<fn(&str) -> &str> as ::mcp_mount::FromCall>::needs");
    assert_has(&output, "<State<Box<dyn Fn(&str)>> as ::mcp_mount::FromCall>::needs");
    assert_has(&output, "<() as ::mcp_mount::IntoToolResult>::into_tool_result");
}

#[test]
fn without_arguments_there_is_no_args() {
    let output = tool(r#"description = "Tick""#, "fn tick(ctx: Context) {}");
    assert_has(
        &output,
        r#"("tick", "Tick", |extractor_0| ::mcp_mount::__private::running(async move { tick(extractor_0) }))"#,
    );
    assert!(!output.contains("__McpArguments"));
    let output = tool(r#"description = "Tick""#, "fn tick() {}");
    assert_has(&output, r#"("tick", "Tick", || ::mcp_mount::__private::running(async move { tick() })) }"#);
}

#[test]
fn every_setting_is_passed_on() {
    let output = tool(
        r#"name = "web.search", title = "Search", description = "Find", icon = "https://example.com/a.png",
           read_only, timeout = "1500ms", blocking, companion = search_tool, icon = "data:b""#,
        "fn search(q: String) {}",
    );
    assert_has(&output, "struct search_tool {}");
    assert_has(&output, "ToolSource for search_tool");
    assert_has(&output, r#"rename = "WebSearchArguments""#);
    assert_has(
        &output,
        r#".title("Search").read_only(true).timeout(::core::time::Duration::new(1u64, 500000000u32)).blocking(true)
           .icons([::mcp_mount::Icon::new("https://example.com/a.png"), ::mcp_mount::Icon::new("data:b")])"#,
    );
}

#[test]
fn headers_are_on_the_schema() {
    let output = tool("", "/// Go. \n fn go(#[mcp_header(\"Region\")] region: String, #[serde(default)] n: u8) {}");
    assert_has(&output, "fn go(region: String, n: u8) {}");
    assert_has(
        &output,
        r#"struct __McpArguments<__McpArgument0> {
            #[schemars(extend("x-mcp-header" = "Region"))] region: __McpArgument0, #[serde(default)] n: u8
        }"#,
    );
    assert_no_error(&output);
}

#[test]
fn a_resource_has_its_uri_first() {
    let output = expand(
        Kind::Resource,
        r#""bookmark://{id}{?tag}", mime_type = "application/json", ttl = "60s", cache_scope = "private""#,
        "/// A bookmark.
         pub async fn bookmark(#[complete(ids::all)] id: u64, State(db): State<Db>, tag: Option<String>) -> Json<B> {}",
    );
    assert_no_error(&output);
    assert_has(&output, "pub async fn bookmark(id: u64, State(db): State<Db>, tag: Option<String>) -> Json<B> {}");
    assert_has(
        &output,
        r#"::mcp_mount::resource_fn("bookmark://{id}{?tag}", "bookmark",
            |::mcp_mount::Args(args): ::mcp_mount::Args<__McpArguments<_, _>>, extractor_1|
            ::mcp_mount::__private::running(async move { bookmark(args.id, extractor_1, args.tag).await }))
            .description("A bookmark.")
            .mime_type("application/json")
            .ttl(::core::time::Duration::new(60u64, 0u32))
            .cache_scope(::mcp_mount::CacheScope::Private)
            .complete("id", ids::all)"#,
    );
    assert_has(&output, "<Json<B> as ::mcp_mount::IntoResourceResult>::into_resource_result;");
    assert_has(&output, "for<'__mcp> Json<B>: ::mcp_mount::__private::ResourceAnswer<'__mcp>");
    assert_has(&output, "impl ::mcp_mount::__private::Make<::mcp_mount::Resource> for __McpMade");
    assert_has(
        &output,
        "impl ::mcp_mount::__private::ResourceSource for bookmark { fn resource() -> ::mcp_mount::Resource {",
    );
    assert_has(&output, r#"#[doc = "The resource `bookmark`, for `resources![..]`."]"#);
}

#[test]
fn a_fixed_resource_may_have_a_size_and_no_arguments() {
    let output =
        expand(Kind::Resource, r#""app://config", size = 12, name = "The config""#, "/// C. \n fn c() -> String {}");
    assert_no_error(&output);
    assert_has(
        &output,
        r#"resource_fn("app://config", "The config", || ::mcp_mount::__private::running(async move { c() }))
            .description("C.").size(12u64)"#,
    );
    let output = expand(Kind::Resource, r#""app://{id}", size = 12"#, "/// C. \n fn c(id: u8) -> String {}");
    assert_has(&output, "many resources");
    let output = expand(Kind::Resource, r#""app://{id""#, "/// C. \n fn c(id: u8) -> String {}");
    assert_has(&output, "not closed");
    assert_eq!(output.matches("compile_error").count(), 1, "no complaint about `id`");
    let output = expand(Kind::Resource, "", "/// C. \n fn c(id: u8) -> String {}");
    assert_eq!(output.matches("compile_error").count(), 1);
}

#[test]
fn a_prompt_completes_its_arguments() {
    let output = expand(
        Kind::Prompt,
        r#"title = "Summarize", blocking = false"#,
        r#"/// Summarize.
         fn summarize(/** The tag. */ #[complete(tags)] #[serde(rename = "t")] tag: String, #[complete(a::b::<C>)] n: u8) -> String {}"#,
    );
    assert_no_error(&output);
    assert_has(&output, "fn summarize(tag: String, n: u8) -> String {}");
    assert_has(
        &output,
        r#"::mcp_mount::prompt_fn("summarize", "Summarize.",
            |::mcp_mount::Args(args): ::mcp_mount::Args<__McpArguments<_>>|
            ::mcp_mount::__private::running(async move { summarize(args.tag, args.n) }))
            .title("Summarize").blocking(false).complete("t", tags).complete("n", a::b::<C>)"#,
    );
    assert_has(&output, "<String as ::mcp_mount::IntoPromptResult>::into_prompt_result;");
    assert_has(&output, "PromptSource for summarize { fn prompt() -> ::mcp_mount::Prompt {");
}

#[test]
fn raw_names_lose_their_mark() {
    let output = tool(r#"description = "Match""#, "fn r#match(r#type: u8) {}");
    assert_has(&output, r#"tool_fn("match", "#);
    assert_has(&output, "r#match(args.r#type)");
    assert_has(&output, "struct r#match {}");
}

#[test]
fn a_mistake_leaves_function_and_companion() {
    let output = tool(r#"nam = "x""#, "fn add(/** no */ a: &str, #[arg] (b, c): (u8, u8)) {}");
    assert_has(&output, "fn add(a: &str, (b, c): (u8, u8)) {}");
    assert_has(&output, "struct add {}");
    for part in ["no argument `nam`", "must be owned; use String", "plain name", "add a doc comment"] {
        assert_has(&output, part);
    }
    assert_eq!(output.matches("compile_error").count(), 4);
    assert!(!output.contains("tool_fn"));
}

#[test]
fn methods_get_no_companion() {
    let output = tool(r#"description = "Add""#, "fn add(&self, a: u8) {}");
    assert_has(&output, "fn add(&self, a: u8) {}");
    assert_has(&output, "write a free function");
    assert!(!output.contains("structadd"));
}

#[test]
fn what_is_no_function_is_given_back() {
    for kind in [Kind::Tool, Kind::Resource, Kind::Prompt] {
        let output = expand(kind, r#""a:b""#, "struct Add;");
        assert_has(&output, "struct Add;");
        assert_has(&output, &format!("`#[{kind}]` goes on a free function"));
    }
}

#[test]
fn a_name_that_no_client_accepts_is_refused() {
    let output = tool(r#"description = "Size""#, "fn größe() {}");
    assert_has(&output, "compile_error");
    assert_has(&output, "only ASCII letters");
    assert_no_error(&tool(r#"description = "Size", name = "size""#, "fn größe() {}"));
    assert_no_error(&expand(Kind::Prompt, r#"description = "Size""#, "fn größe() {}"));
}

#[test]
fn a_blank_description_is_none() {
    for (arguments, item) in
        [("", "fn size() {}"), ("", "/// \n fn size() {}"), (r#"description = " ""#, "/// Size.\n fn size() {}")]
    {
        assert_has(&tool(arguments, item), "a tool needs a description");
        assert_has(&expand(Kind::Prompt, arguments, item), "a prompt needs a description, by which people choose it");
    }
    assert_has(&expand(Kind::Resource, r#""a:b""#, "fn size() {}"), "a resource needs a description");
}
