//! The name of a request, in its answer, its log lines and the workers' logs.

use actix_web::{
    HttpMessage, HttpRequest,
    dev::ServiceRequest,
    http::header::{HeaderMap, HeaderName},
};
use uuid::Uuid;

/// The header that brings and returns it.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

const MAX_LENGTH: usize = 64;

/// A name made of letters, digits and `-_.`, safe to log and to send on.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// The caller's own where it is sane, else a new one.
    fn choose(headers: &HeaderMap) -> Self {
        let sent = headers.get(HEADER).and_then(|value| value.to_str().ok());
        match sent {
            Some(id) if is_sane(id) => Self(id.to_owned()),
            _ => Self(Uuid::now_v7().to_string()),
        }
    }

    /// Names the request for everything that follows.
    pub(crate) fn assign(request: &ServiceRequest) -> Self {
        let id = Self::choose(request.headers());
        request.extensions_mut().insert(id.clone());
        id
    }

    /// The name of a request that came through the edge.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let assigned = request.extensions().get::<Self>().cloned();
        assigned.unwrap_or_else(|| Self::choose(request.headers()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_sane(id: &str) -> bool {
    (1..=MAX_LENGTH).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_names_are_taken_over() {
        for id in ["a", "0198c2-7f_x.y", &"x".repeat(64)] {
            assert!(is_sane(id), "{id}");
        }
        for id in ["", "a b", "a\tb", "é", "a\"b", "a=b", "<x>", &"x".repeat(65)] {
            assert!(!is_sane(id), "{id}");
        }
    }
}
