//! The mounting guide's table for actix-web, row by row.

use actix_web::{App, guard, web};

use crate::{
    mount_actix::host,
    mounting_table::{Mount, compare, server},
    support::User,
};

/// The mount `|mcp| .service(mcp.scope("/mcp"))`: each name is a server of its own.
macro_rules! mount {
    (|$($mcp:ident),+| $($code:tt)+) => {{
        $(let $mcp = server();)+
        Mount { code: stringify!($($code)+), app: host(move || App::new() $($code)+) }
    }};
}

#[tokio::test]
async fn each_row() {
    let mounts = [
        mount!(|mcp| .service(mcp.scope("/mcp"))),
        mount!(|mcp| .service(mcp.scope("/api/mcp"))),
        mount!(|mcp| .service(mcp.scope("/"))),
        mount!(|mcp| .configure(mcp.configure_at("/mcp"))),
        mount!(|mcp| .configure(mcp.configure_at("/"))),
        mount!(|mcp| .service(web::scope("/api").service(mcp.scope("/mcp")))),
        mount!(|mcp| .service(web::scope("/api").configure(mcp.configure_at("/mcp")))),
        mount!(|mcp| .service(web::scope("/mcp").configure(mcp.configure_at("")))),
        mount!(|mcp| .service(web::scope("/{tenant}").service(mcp.scope("/mcp")))),
        mount!(|mcp| .service(mcp.scope("/mcp").forward::<User>())),
        mount!(|mcp| .configure(mcp.scope("/mcp").forward::<User>().configure())),
        mount!(|mcp| .service(web::scope("").guard(guard::Host("localhost")).service(mcp.scope("/mcp")))),
        mount!(|mcp| .service(mcp.scope("/a")).service(mcp.scope("/b"))),
        mount!(|notes, admin| .service(notes.scope("/notes")).service(admin.scope("/admin"))),
    ];
    compare("in actix-web", mounts).await;
}
