//! What makes a request the same request.

use actix_web::{http::header::HeaderMap, web::Bytes};
use sha2::{Digest as _, Sha256};
use validation::Options;

use crate::error::ApiError;

const HEADER: &str = "Idempotency-Key";
const MAX_LENGTH: usize = 255;

/// The client's own name for a request that it may repeat; empty is none.
#[derive(Debug, Clone, Default)]
pub(super) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the header.
    ///
    /// # Errors
    /// 400 for a key that is too long or not visible ASCII: taking it for
    /// absent would charge a repetition twice.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let Some(value) = headers.get(HEADER) else { return Ok(Self::default()) };
        match value.to_str() {
            Ok(key) if key.len() <= MAX_LENGTH => Ok(Self(key.trim().to_owned())),
            _ => {
                let message = "'Idempotency-Key' must be at most 255 visible ASCII characters";
                Err(ApiError::bad_request(message))
            }
        }
    }

    pub(super) fn into_inner(self) -> String {
        self.0
    }
}

/// SHA-256 over the picture and what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Options count by meaning, so `jpg` and `JPEG` are the same request.
    pub(super) fn of(image: &[u8], options: &Options) -> Self {
        let options = serde_json::to_vec(options).unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update((image.len() as u64).to_be_bytes());
        hash.update(image);
        hash.update(options);
        Self(hash.finalize().into())
    }

    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        validation::parse_options(&pairs.iter().copied().collect()).expect("valid")
    }

    #[test]
    fn the_same_meaning_has_the_same_fingerprint() {
        let one = Fingerprint::of(b"picture", &options(&[("format", "jpg"), ("w", "0")]));
        let same = Fingerprint::of(b"picture", &options(&[("format", "JPEG")]));
        let other_options = Fingerprint::of(b"picture", &options(&[]));
        let other_picture = Fingerprint::of(b"Picture", &options(&[("format", "jpg")]));
        assert_eq!(one, same);
        assert_ne!(one, other_options);
        assert_ne!(one, other_picture);
    }
}
