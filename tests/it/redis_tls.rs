//! A store in Redis over TLS.

use mcp_mount::Redis;

use crate::redis_server::RedisServer;

#[cfg(not(feature = "redis-tls"))]
#[tokio::test]
async fn without_the_feature_the_error_names_it() {
    let server = RedisServer::start();
    let error = Redis::connect(&server.url().replace("redis:", "rediss:")).await.unwrap_err();
    assert!(error.to_string().contains("feature `redis-tls`"), "{error}");
}

#[cfg(feature = "redis-tls")]
mod over_tls {
    use std::path::Path;
    use std::process::Command;
    use std::time::Duration;

    use mcp_mount::Store as _;
    use mcp_mount::stores::{Expect, Key, Kind, LogKey};

    use super::*;
    use crate::redis_server::free_port;

    /// Has `openssl` make what is asked for in a folder.
    fn openssl(folder: &Path, arguments: &str) {
        let made = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
        let made = made.unwrap_or_else(|error| panic!("openssl cannot be started ({error}): install it"));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Certificates of an authority of their own, for 127.0.0.1.
    fn certificates(folder: &Path) {
        openssl(folder, "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem");
        openssl(folder, "req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr");
        std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
        openssl(folder, "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -extfile names -out server.pem");
    }

    #[tokio::test]
    async fn a_server_that_the_given_authority_vouches_for_is_used() {
        let mut server = RedisServer::with_password("right", &[]);
        server.down();
        certificates(server.folder());
        let port = free_port();
        let tls = format!(
            "--tls-port {port} --tls-cert-file server.pem --tls-key-file server.key --tls-ca-cert-file ca.pem \
             --tls-auth-clients no"
        );
        assert!(server.up_with(&tls.split(' ').collect::<Vec<_>>()));
        let url = format!("rediss://:right@127.0.0.1:{port}");
        let authority = std::fs::read(server.folder().join("ca.pem")).unwrap();
        let store = Redis::builder(&url).root_certificates(authority.clone()).connect().await.unwrap();
        let key = Key::new(Kind::State, 1);
        store.put(key, "sealed".into(), Duration::from_secs(60), Expect::Absent).await.unwrap();
        assert_eq!(store.get(key, None).await.unwrap().unwrap().value, "sealed");
        store.tell(LogKey::new(1, 1), 1).await.unwrap();
        let stranger = Redis::connect(&url).await.unwrap_err().to_string();
        assert!(stranger.contains(&format!("redis at 127.0.0.1:{port}")) && !stranger.contains("right"), "{stranger}");
        let elsewhere = Redis::builder(&url.replace("127.0.0.1", "localhost")).root_certificates(authority);
        assert!(elsewhere.connect().await.is_err(), "the certificate names another host");
        let nonsense = Redis::builder(&url).root_certificates("none").connect().await;
        assert!(nonsense.is_err(), "no authority vouches for anybody");
    }
}
