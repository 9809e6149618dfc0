//! What is known of a stream's log: who writes it, and which request it answers.

use bytes::{BufMut as _, Bytes};

use crate::protocol::encode;
use crate::protocol::error::{ErrorCode, RpcError};
use crate::protocol::id::{Id, RequestId};

/// The first byte: another one means that a later version has written it.
const FORMAT: u8 = 1;

/// What is kept about a log: no more than this.
const LONGEST: usize = 1024;

/// What the first entry of a stream's log says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// Which replica.
    pub(crate) writer: u128,
    /// `None` if there is no room for its id.
    pub(crate) request: Option<RequestId>,
}

impl About {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(64);
        out.put_u8(FORMAT);
        out.put_u128(self.writer);
        let head = out.len();
        if let Some(request) = &self.request {
            request.write(&mut out);
        }
        if out.len() > LONGEST {
            out.truncate(head);
        }
        Bytes::from(out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[format], rest) = bytes.split_first_chunk()?;
        let (writer, request) = rest.split_first_chunk()?;
        let request = serde_json::from_slice::<Id<'_>>(request).ok().and_then(|id| id.to_request_id());
        (format == FORMAT).then_some(Self { writer: u128::from_be_bytes(*writer), request })
    }
}

/// The last entry of a stream whose server has stopped. Without an id it answers nothing, and all the same the client has
/// the id of an event behind which nothing comes, and does not come back for ever.
pub(super) fn stopped(request: Option<&RequestId>) -> Bytes {
    ended(request, "the server that ran this call has stopped; whether the call had an effect is not known")
}

/// The last entry of a stream that could not be kept to its end.
pub(super) fn not_kept(request: Option<&RequestId>) -> Bytes {
    ended(request, "what this call said from here on could not be kept; whether it succeeded is not known")
}

fn ended(request: Option<&RequestId>, text: &'static str) -> Bytes {
    encode::error(request, &RpcError::new(ErrorCode::Internal, text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> impl Strategy<Value = RequestId> {
        prop_oneof![
            any::<i64>().prop_filter("the others are unsigned", |id| *id < 0).prop_map(RequestId::Signed),
            any::<u64>().prop_map(RequestId::Unsigned),
            "\\PC{0,200}".prop_map(|text| RequestId::Text(text.into())),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(writer: u128, request in proptest::option::of(id())) {
            let about = About { writer, request };
            let bytes = about.encode();
            prop_assert!(bytes.len() <= LONGEST);
            let read = About::decode(&bytes);
            // What has no room is left out.
            let expected = if bytes.len() == 17 { About { request: None, ..about } } else { about };
            prop_assert_eq!(read, Some(expected));
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let _ = About::decode(&bytes);
        }
    }

    #[test]
    fn an_id_that_is_too_long_is_left_out() {
        let about = |length| About { writer: 7, request: Some(RequestId::Text("x".repeat(length).into())) };
        let (fits, too_long) = (about(LONGEST - 19), about(LONGEST - 18));
        assert_eq!(fits.encode().len(), LONGEST);
        assert_eq!(About::decode(&fits.encode()), Some(fits));
        assert_eq!(About::decode(&too_long.encode()), Some(About { writer: 7, request: None }));
    }

    #[test]
    fn a_later_format_is_not_guessed_at() {
        let mut bytes = About { writer: 7, request: None }.encode().to_vec();
        bytes[0] += 1;
        assert_eq!((About::decode(&bytes), About::decode(b"")), (None, None));
    }
}
