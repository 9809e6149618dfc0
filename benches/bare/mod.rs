//! The service without a host, and the hand-written function beside it.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use mcp_mount::McpService;
use tower::Service as _;

use super::by_hand;
use super::calls::{INITIALIZE, Mode, headers};

/// The request of a mode, as the service has it from its host: with the path below the mount.
pub(crate) fn request(mode: &Mode) -> Request<Full<Bytes>> {
    let mut request = Request::post("/").body(Full::new(mode.body.clone())).expect("a valid request");
    for (name, value) in &mode.headers {
        request.headers_mut().insert(*name, value.clone());
    }
    request
}

/// Opens a session, whose id the first mode sends.
pub(crate) async fn open(service: &mut McpService) -> String {
    let mode = Mode { name: "", headers: headers(&[]), body: INITIALIZE.into() };
    let response = service.call(request(&mode)).await.expect("infallible");
    response.headers()["mcp-session-id"].to_str().expect("visible ASCII").to_owned()
}

pub(crate) async fn through_service(service: &mut McpService, mode: &Mode) -> Bytes {
    let response = service.call(request(mode)).await.expect("infallible");
    read(response).await
}

pub(crate) async fn through_hand(mode: &Mode) -> Bytes {
    read(by_hand::answer(request(mode)).await).await
}

/// Reads a body as hyper would: frame by frame.
async fn read<B: http_body::Body<Data = Bytes> + Unpin>(response: Response<B>) -> Bytes {
    let mut body = response.into_body();
    let frame = body.frame().await.and_then(Result::ok).and_then(|frame| frame.into_data().ok()).unwrap_or_default();
    assert!(body.is_end_stream(), "a plain call is answered in one frame");
    frame
}
