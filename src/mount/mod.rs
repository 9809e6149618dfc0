//! Where it sits: the hosts that the service is mounted in.
//!
//! [`tower`] is the home that needs nothing; the others are the only files that know a web framework.

#[cfg(feature = "actix-web")]
pub(crate) mod actix;
#[cfg(feature = "axum")]
pub(crate) mod axum;
pub(crate) mod tower;
