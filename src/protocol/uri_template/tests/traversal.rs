//! Values that would lead out of a directory (2026-07-28, server/resources, «Security Considerations», 5).

use super::read;

/// Each has `{p}` where the attempt goes.
const TEMPLATES: &[(&str, &str)] = &[
    ("files://{path}", "files://{p}"),
    ("files://{path}/meta", "files://{p}/meta"),
    ("files://{dir,path}", "files://docs,{p}"),
    ("files:///{+path}", "files:///{p}"),
    ("files://{+path}", "files://{p}"),
    ("file:///{+path}", "file:///{p}"),
    ("file://{+path}", "file://{p}"),
    ("files://{+path}/meta", "files://{p}/meta"),
    ("files://a{+path}", "files://a{p}"),
    ("files://docs{/path*}", "files://docs/{p}"),
    ("files://docs{/path*}", "files://docs/x/{p}"),
    ("files://docs{/path}", "files://docs/{p}"),
    ("files://docs{.path}", "files://docs.{p}"),
    ("files://docs{.path*}", "files://docs.{p}"),
    ("files://docs{;path}", "files://docs;path={p}"),
    ("files://docs{;path*}", "files://docs;path=x;path={p}"),
    ("files://docs{#path}", "files://docs#{p}"),
    ("files://docs?path={path}", "files://docs?path={p}"),
];

const ATTEMPTS: &[&str] = &[
    "..",
    "../etc/passwd",
    "%2e%2e",
    "%2E./etc",
    ".%2e%2fetc",
    "..%2Fetc%2Fpasswd",
    "..%5Cwindows",
    "..\\windows",
    "docs/../../etc",
    "docs%2F..%2F..%2Fetc",
    "docs/%2e%2e/etc",
    "docs\\..\\x",
    "docs%5c%2e%2e",
    "docs/..",
    "%252e%252e%252fetc",
    "%252E%252e",
    "docs%252f..",
    "docs/..%00.txt",
    "a%00",
    "%00",
    "a%2500",
    "%c0%ae%c0%ae/etc",
    "%e0%80%ae",
    "%",
    "a%2",
    "%u002e",
];

#[test]
fn nothing_leads_out() {
    for (template, uri) in TEMPLATES {
        for attempt in ATTEMPTS {
            let uri = uri.replace("{p}", attempt);
            assert_eq!(read(template, &uri), "-", "{template} on {uri}");
        }
        assert_ne!(read(template, &uri.replace("{p}", "guide")), "-", "{template}");
    }
}

#[test]
fn a_dot_is_the_directory_itself() {
    for (template, uri) in TEMPLATES {
        // In these the dot is a part of something longer, or stands between values.
        let other = ["files://a{+path}", "files://docs{.path*}"].contains(template);
        for dot in [".", "%2e", "%252e"] {
            let uri = uri.replace("{p}", dot);
            assert!(other || read(template, &uri) == "-", "{template} on {uri}");
        }
    }
}

#[test]
fn a_root_has_to_be_the_template_s() {
    let attempts = [
        "%2Fetc",
        "%2fetc/x",
        "%5C%5Chost%5Cx",
        "\\\\host\\x",
        "%5cetc",
        "C:%5C",
        "c:%2Fx",
        "C%3A%2f",
        "C:",
        "%252Fetc",
    ];
    for template in ["files:///{+path}", "files://{+path}", "file:///{+path}", "files://{path}", "files://{/path*}"] {
        let begin = &template[..template.find('{').unwrap()];
        let slash = if template.contains('*') { "/" } else { "" };
        for attempt in attempts {
            let uri = format!("{begin}{slash}{attempt}");
            assert_eq!(read(template, &uri), "-", "{template} on {uri}");
        }
        let uri = format!("{begin}{slash}/etc/passwd");
        assert_eq!(read(template, &uri), "-", "{template} on {uri}");
    }
    assert_eq!(read("file://{+path}", "file:///etc/passwd"), "path=/etc/passwd");
    assert_eq!(read("files://host{+path}", "files://host/etc/passwd"), "path=/etc/passwd");
    assert_eq!(read("files://host/{+path}", "files://host//etc/passwd"), "-");
    assert_eq!(read("schema://a{#pointer}", "schema://a#/definitions/x"), "pointer=/definitions/x");
}

#[test]
fn values_of_a_query_are_only_free_of_nul() {
    for (value, expected) in [
        ("..", "q=.."),
        ("../x", "q=../x"),
        ("%2Fetc%2f..", "q=/etc/.."),
        ("%252e", "q=%2e"),
        (".", "q=."),
        ("a%00", "-"),
        ("a%2500", "q=a%00"),
    ] {
        assert_eq!(read("x://a{?q}", &format!("x://a?q={value}")), expected);
        assert_eq!(read("x://a?b{&q*}", &format!("x://a?b&q={value}")), expected);
    }
}

#[test]
fn dots_alone_are_no_traversal() {
    for value in ["...", "v1..v2", "HEAD~3..HEAD", ".env", "..hidden", "a.tar.gz", "x.", "C++", "2026-07-28", "50%25"] {
        assert_ne!(read("git://{ref}", &format!("git://{value}")), "-", "{value}");
        assert_ne!(read("git://x/{+ref}", &format!("git://x/a/{value}/b")), "-", "{value}");
        assert_ne!(read("git://x{/ref*}", &format!("git://x/{value}/b")), "-", "{value}");
    }
}
