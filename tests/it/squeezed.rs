//! Replies to a client that accepts gzip, read as they arrive.

use std::io::Write as _;

use flate2::write::GzDecoder;
use http::HeaderMap;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::{
    support::{Ask, secs},
    target::{Received, Target},
};

pub struct Squeezed {
    headers: HeaderMap,
    body: Received,
    decoder: GzDecoder<Vec<u8>>,
}

impl Squeezed {
    pub async fn open(target: &impl Target, ask: Ask) -> Self {
        let request = ask.header("accept-encoding", "gzip").request();
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let Ok(response) = target.door().oneshot(request).await;
        let (head, body) = response.into_parts();
        assert_eq!(head.status, 200, "{:#?}", head.headers);
        Self { headers: head.headers, body, decoder: GzDecoder::new(Vec::new()) }
    }

    pub fn is_compressed(&self) -> bool {
        self.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip")
    }

    /// Whether this text arrives before the first keep-alive would push it.
    pub async fn hears(&mut self, text: &str) -> bool {
        let reading = async {
            let mut plain = Vec::new();
            while let Some(frame) = self.body.frame().await {
                let data = frame.expect("no error").into_data().expect("data");
                if self.headers.contains_key("content-encoding") {
                    self.decoder.write_all(&data).and_then(|()| self.decoder.flush()).expect("gzip");
                    plain.clone_from(self.decoder.get_ref());
                } else {
                    plain.extend_from_slice(&data);
                }
                if String::from_utf8_lossy(&plain).contains(text) {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(secs(14), reading).await.unwrap_or(false)
    }
}
