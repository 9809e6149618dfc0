use super::*;

fn parse(kind: Kind, tokens: TokenStream) -> (Attributes, Vec<String>) {
    let mut errors = Errors::default();
    let attributes = Attributes::parse(kind, tokens, &mut errors);
    (attributes, errors.messages())
}

/// The settings as they will be written, without spaces.
fn settings(kind: Kind, tokens: TokenStream) -> Vec<String> {
    let (attributes, errors) = parse(kind, tokens);
    assert_eq!(errors, [""; 0]);
    attributes.settings.iter().map(|setting| setting.to_string().replace(' ', "")).collect()
}

#[test]
fn every_argument_is_read() {
    let (attributes, errors) = parse(
        Kind::Tool,
        quote! {
            name = "web.search", description = "Find pages", icon = "https://example.com/a.png", icon = "data:b",
            companion = search_tool,
        },
    );
    assert_eq!(errors, [""; 0]);
    assert_eq!(attributes.name.map(|text| text.value()).as_deref(), Some("web.search"));
    assert_eq!(attributes.description.map(|text| text.value()).as_deref(), Some("Find pages"));
    let icons: Vec<_> = attributes.icons.iter().map(LitStr::value).collect();
    assert_eq!(icons, ["https://example.com/a.png", "data:b"]);
    assert_eq!(attributes.companion.map(|ident| ident.to_string()).as_deref(), Some("search_tool"));
    assert_eq!(attributes.settings.len(), 0);
}

#[test]
fn every_setting_is_a_call() {
    let tool = settings(
        Kind::Tool,
        quote! {
            title = "Search", read_only, destructive = false, idempotent = true, open_world, timeout = "30s",
            on_disconnect = "cancel", blocking
        },
    );
    let expected = [
        r#".title("Search")"#,
        ".read_only(true)",
        ".destructive(false)",
        ".idempotent(true)",
        ".open_world(true)",
        ".timeout(::core::time::Duration::new(30u64,0u32))",
        ".on_disconnect(::mcp_mount::OnDisconnect::Cancel)",
        ".blocking(true)",
    ];
    assert_eq!(tool, expected);
    let resource = settings(
        Kind::Resource,
        quote!("a:b", title = "B", mime_type = "text/plain", size = 0x10, ttl = "1h", cache_scope = "public"),
    );
    let expected = [
        r#".title("B")"#,
        r#".mime_type("text/plain")"#,
        ".size(16u64)",
        ".ttl(::core::time::Duration::new(3600u64,0u32))",
        ".cache_scope(::mcp_mount::CacheScope::Public)",
    ];
    assert_eq!(resource, expected);
    let prompt = settings(Kind::Prompt, quote!(title = "C", on_disconnect = "finish", blocking = false, timeout = 5));
    let expected = [
        r#".title("C")"#,
        ".on_disconnect(::mcp_mount::OnDisconnect::Finish)",
        ".blocking(false)",
        ".timeout(::core::time::Duration::new(5u64,0u32))",
    ];
    assert_eq!(prompt, expected);
}

#[test]
fn a_resource_begins_with_its_uri() {
    let (attributes, errors) = parse(Kind::Resource, quote!("config://app",));
    assert_eq!(errors, [""; 0]);
    assert_eq!(attributes.uri.map(|uri| uri.value()).as_deref(), Some("config://app"));
    for tokens in [quote!(), quote!(name = "a"), quote!(config)] {
        let (attributes, errors) = parse(Kind::Resource, tokens.clone());
        assert!(attributes.uri.is_none());
        assert!(errors[0].contains("begins with the resource's URI"), "{tokens}: {errors:?}");
    }
    let (_, errors) = parse(Kind::Resource, quote!("a:b" name = "a", size = -1));
    assert_eq!(errors.len(), 2, "{errors:?}");
    // Neither of the others takes one.
    for kind in [Kind::Tool, Kind::Prompt] {
        assert!(parse(kind, quote!("a:b")).1[0].starts_with("expected an argument"));
    }
}

#[test]
fn each_attribute_has_its_own_arguments() {
    for (kind, tokens) in [
        (Kind::Resource, quote!("a:b", read_only)),
        (Kind::Prompt, quote!(read_only)),
        (Kind::Tool, quote!(mime_type = "a/b")),
        (Kind::Prompt, quote!(ttl = "1s")),
    ] {
        let (attributes, errors) = parse(kind, tokens);
        assert!(errors[0].starts_with(&format!("`#[{kind}]` has no argument `")), "{errors:?}");
        assert!(errors[0].contains("; it has `name`, `title`, "), "{errors:?}");
        assert_eq!((errors.len(), attributes.settings.len()), (1, 0));
    }
}

#[test]
fn durations_have_units() {
    let timeout = |tokens| settings(Kind::Tool, tokens).concat();
    let expected = |seconds: u64, nanos: u32| format!(".timeout(::core::time::Duration::new({seconds}u64,{nanos}u32))");
    assert_eq!(timeout(quote!(timeout = "500ms")), expected(0, 500_000_000));
    assert_eq!(timeout(quote!(timeout = "2m")), expected(120, 0));
    assert_eq!(timeout(quote!(timeout = "2 m")), expected(120, 0));
    assert_eq!(timeout(quote!(timeout = "1h")), expected(3600, 0));
    assert_eq!(timeout(quote!(timeout = 30)), expected(30, 0));
    for bad in [
        quote!("30"),
        quote!("s"),
        quote!(""),
        quote!("1.5s"),
        quote!("-1s"),
        quote!("30sec"),
        quote!("18446744073709551615m"),
        quote!("18446744073709551615h"),
        quote!("99999999999999999999s"),
        quote!(30ms),
        quote!(0.5),
        quote!(-1),
    ] {
        for (kind, key) in [(Kind::Tool, quote!(timeout)), (Kind::Resource, quote!("a:b", ttl))] {
            let (attributes, errors) = parse(kind, quote!(#key = #bad));
            assert!(attributes.settings.is_empty(), "{bad}");
            assert_eq!(errors.len(), 1, "{bad}");
            assert!(errors[0].contains("or a whole number of seconds"), "{bad}: {errors:?}");
        }
    }
    let (_, errors) = parse(Kind::Tool, quote!(timeout = "0s"));
    assert_eq!(errors, ["a timeout of zero would end every call at once"]);
    // Stale at once is a thing to say.
    assert_eq!(settings(Kind::Resource, quote!("a:b", ttl = 0)).len(), 1);
}

#[test]
fn names_are_checked() {
    for good in ["a", "getUser", "DATA_EXPORT_v2", "admin.tools.list", "read-all", ".", &"x".repeat(128)] {
        assert_eq!(check_name(Kind::Tool, good), Ok(()), "{good}");
    }
    for bad in ["", "two words", "größe", "a:b", "a,b", "files/read", "\n", &"x".repeat(129)] {
        assert!(check_name(Kind::Tool, bad).is_err(), "{bad:?}");
    }
    let (attributes, errors) = parse(Kind::Tool, quote!(name = "two words"));
    assert!(attributes.name.is_none());
    assert!(errors[0].contains("not ' '"), "{errors:?}");
    for kind in [Kind::Resource, Kind::Prompt] {
        assert_eq!(check_name(kind, "Größe: two words"), Ok(()));
        assert!(check_name(kind, " ").is_err());
    }
}

#[test]
fn an_unknown_argument_lists_the_known_ones() {
    let (_, errors) = parse(Kind::Prompt, quote!(readonly));
    let known = "`name`, `title`, `description`, `icon`, `timeout`, `on_disconnect`, `blocking`, `companion`";
    assert_eq!(errors, [format!("`#[prompt]` has no argument `readonly`; it has {known}")]);
}

#[test]
fn one_mistake_does_not_hide_the_next() {
    let (attributes, errors) = parse(
        Kind::Tool,
        quote! {
            "Add", title, type = 3, read_only = "yes", read_only, read_only, on_disconnect = "stop", name = "a" "b",
            idempotent
        },
    );
    assert_eq!(errors.len(), 7, "{errors:#?}");
    assert_eq!(errors[1], "`title` needs a value: `title = \"..\"`");
    assert_eq!(errors[4], "`read_only` is given twice");
    assert_eq!(errors[5], "`on_disconnect` is \"finish\" or \"cancel\"");
    assert_eq!(attributes.settings.len(), 2);
    let (_, errors) = parse(Kind::Resource, quote!("a:b", cache_scope = "shared", cache_scope, size, size = "1"));
    assert_eq!(errors[0], "`cache_scope` is \"public\" or \"private\"");
    assert_eq!(errors[1], "`cache_scope` needs a value: `cache_scope = \"public\"`");
    assert_eq!(errors[2], "`size` needs a value: `size = 1024`");
    assert_eq!(errors.len(), 4, "{errors:#?}");
}
