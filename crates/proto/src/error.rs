//! The closed set of errors that cross a service boundary, and the one table
//! that gives each its name on the wire, its gRPC code and its HTTP status.

use std::time::Duration;

use tonic::{
    Code, Status,
    metadata::{Ascii, MetadataMap, MetadataValue},
};

use crate::billing_v1::RateStatus;

const CODE_KEY: &str = "rembg-error";
const RETRY_KEY: &str = "rembg-retry-after-ms";
const RATE_KEY: &str = "rembg-rate";

/// Why a service refused or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// A value is not acceptable; the message says which and why.
    InvalidArgument,
    /// The bytes are no picture, or a damaged one.
    InvalidImage,
    /// Unknown, revoked or malformed API key.
    InvalidApiKey,
    /// Wrong e-mail or password.
    InvalidCredentials,
    /// Unknown or expired session or one-time token.
    InvalidSession,
    /// The account's e-mail address is not verified yet.
    EmailNotVerified,
    /// No such thing, or not the caller's.
    NotFound,
    /// The request contradicts what is already there.
    Conflict,
    /// Short-term rate limit.
    RateLimited,
    /// The anonymous trial of the day is used up.
    DailyLimit,
    /// Included and prepaid credits are gone.
    OutOfCredits,
    /// The caller went away.
    Cancelled,
    /// A bounded queue is full.
    Busy,
    /// No instance answers, or something it needs does not.
    Unavailable,
    /// The caller's deadline passed.
    DeadlineExceeded,
    /// Anything else; the cause is logged, never sent.
    Internal,
}

impl ErrorCode {
    /// Every code with its wire name, gRPC code and HTTP status.
    const TABLE: [(Self, &'static str, Code, u16); 16] = [
        (Self::InvalidArgument, "invalid_argument", Code::InvalidArgument, 400),
        (Self::InvalidImage, "invalid_image", Code::InvalidArgument, 400),
        (Self::InvalidApiKey, "invalid_api_key", Code::Unauthenticated, 401),
        (Self::InvalidCredentials, "invalid_credentials", Code::Unauthenticated, 401),
        (Self::InvalidSession, "invalid_session", Code::Unauthenticated, 401),
        (Self::EmailNotVerified, "email_not_verified", Code::PermissionDenied, 403),
        (Self::NotFound, "not_found", Code::NotFound, 404),
        (Self::Conflict, "conflict", Code::AlreadyExists, 409),
        (Self::RateLimited, "rate_limited", Code::ResourceExhausted, 429),
        (Self::DailyLimit, "daily_limit", Code::ResourceExhausted, 429),
        (Self::OutOfCredits, "out_of_credits", Code::ResourceExhausted, 429),
        (Self::Cancelled, "cancelled", Code::Cancelled, 499),
        (Self::Busy, "busy", Code::Unavailable, 503),
        (Self::Unavailable, "unavailable", Code::Unavailable, 503),
        (Self::DeadlineExceeded, "deadline_exceeded", Code::DeadlineExceeded, 504),
        (Self::Internal, "internal", Code::Internal, 500),
    ];

    fn row(self) -> &'static (Self, &'static str, Code, u16) {
        // The table is in the order of the enum; a test holds it there.
        &Self::TABLE[self as usize]
    }

    /// The name on the wire, in metrics and in the `code` field of a 429.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The gRPC status code.
    #[must_use]
    pub fn grpc(self) -> Code {
        self.row().2
    }

    /// The HTTP status.
    #[must_use]
    pub fn http(self) -> u16 {
        self.row().3
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// What a bare gRPC status means when no service of ours sent it: a proxy,
    /// the transport, or a call that ran out of time.
    fn from_grpc(code: Code) -> Self {
        match code {
            Code::Cancelled => Self::Cancelled,
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            Code::Unavailable | Code::ResourceExhausted => Self::Unavailable,
            _ => Self::Internal,
        }
    }
}

/// An error of a service call.
///
/// `message` is for the caller when the code is [`ErrorCode::InvalidArgument`],
/// [`ErrorCode::NotFound`] or [`ErrorCode::Conflict`]; for all other codes the
/// edge has a fixed text, and the message is for the log.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}: {message}", code.name())]
pub struct ServiceError {
    /// Which of the closed set.
    pub code: ErrorCode,
    /// One line without secrets.
    pub message: String,
    /// When trying again can help.
    pub retry_after: Option<Duration>,
    /// The short-term limit, where it was consulted.
    pub rate: Option<RateStatus>,
}

impl ServiceError {
    /// An error with a one-line message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None, rate: None }
    }

    /// An [`ErrorCode::Internal`] from any cause.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::Internal, cause.to_string())
    }

    /// Says when trying again can help.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds the short-term limit as it stands.
    #[must_use]
    pub fn rate(mut self, rate: RateStatus) -> Self {
        self.rate = Some(rate);
        self
    }
}

impl From<ServiceError> for Status {
    fn from(error: ServiceError) -> Self {
        let mut metadata = MetadataMap::new();
        metadata.insert(CODE_KEY, MetadataValue::from_static(error.code.name()));
        if let Some(after) = error.retry_after {
            insert(&mut metadata, RETRY_KEY, &after.as_millis().to_string());
        }
        if let Some(rate) = error.rate {
            let value = format!("{},{},{}", rate.limit, rate.remaining, rate.reset_seconds);
            insert(&mut metadata, RATE_KEY, &value);
        }
        Self::with_metadata(error.code.grpc(), error.message, metadata)
    }
}

impl From<Status> for ServiceError {
    fn from(status: Status) -> Self {
        let metadata = status.metadata();
        let code = text(metadata, CODE_KEY)
            .and_then(ErrorCode::from_name)
            .unwrap_or_else(|| ErrorCode::from_grpc(status.code()));
        let retry_after = text(metadata, RETRY_KEY)
            .and_then(|value| value.parse().ok())
            .map(Duration::from_millis);
        let rate = text(metadata, RATE_KEY).and_then(parse_rate);
        Self { code, message: status.message().to_owned(), retry_after, rate }
    }
}

fn insert(metadata: &mut MetadataMap, key: &'static str, value: &str) {
    if let Ok(value) = MetadataValue::<Ascii>::try_from(value) {
        metadata.insert(key, value);
    }
}

fn text<'m>(metadata: &'m MetadataMap, key: &str) -> Option<&'m str> {
    metadata.get(key)?.to_str().ok()
}

fn parse_rate(value: &str) -> Option<RateStatus> {
    let mut parts = value.split(',').map(|part| part.parse::<u32>().ok());
    Some(RateStatus {
        limit: parts.next()??,
        remaining: parts.next()??,
        reset_seconds: parts.next()??,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (at, row) in ErrorCode::TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, at);
            assert_eq!(ErrorCode::from_name(row.1), Some(row.0));
        }
    }

    #[test]
    fn every_error_survives_the_wire() {
        for (code, ..) in ErrorCode::TABLE {
            let error = ServiceError::new(code, "why")
                .retry_after(Duration::from_millis(1500))
                .rate(RateStatus { limit: 60, remaining: 0, reset_seconds: 7 });
            assert_eq!(ServiceError::from(Status::from(error.clone())), error);
        }
    }

    #[test]
    fn a_foreign_status_is_never_a_client_error() {
        let foreign = ServiceError::from(Status::unavailable("tcp connect error"));
        assert_eq!(foreign.code, ErrorCode::Unavailable);
        let odd = ServiceError::from(Status::unauthenticated("proxy"));
        assert_eq!(odd.code, ErrorCode::Internal);
    }
}
