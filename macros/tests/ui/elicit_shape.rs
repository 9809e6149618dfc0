use mcp_mount::Elicit;

#[derive(Elicit)]
struct Tuple(String);

#[derive(Elicit)]
struct Unit;

#[derive(Elicit)]
struct Generic<T> {
    value: T,
}

#[derive(Elicit)]
struct Borrowed<'a> {
    value: &'a str,
}

#[derive(Elicit)]
enum Data {
    Plain,
    One(String),
    Named { value: String },
}

#[derive(Elicit)]
enum Empty {}

#[derive(Elicit)]
union Either {
    value: u8,
}

fn main() {}
