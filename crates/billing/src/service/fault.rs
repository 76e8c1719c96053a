//! From what went wrong inside to what the caller may know.

use proto::{ErrorCode, ServiceError};

use crate::{
    counters::CountersError, identity::Malformed, password::PasswordError, store::StoreError,
    stripe::StripeError,
};

/// A database that does not answer is a reason to come back; anything else is
/// a fault of ours.
impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::ForeignOperation => ErrorCode::Conflict,
            StoreError::Database(cause) if is_away(cause) => ErrorCode::Unavailable,
            _ => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}

fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // Postgres's classes 57P0x (shutdown, crash) and 53 (out of resources),
        // and SQLite's "busy".
        sqlx::Error::Database(cause) => cause
            .code()
            .is_some_and(|code| code.starts_with("57P0") || code.starts_with("53") || code == "5"),
        _ => false,
    }
}

impl From<CountersError> for ServiceError {
    fn from(error: CountersError) -> Self {
        Self::new(ErrorCode::Unavailable, error.to_string())
    }
}

impl From<StripeError> for ServiceError {
    fn from(error: StripeError) -> Self {
        Self::new(ErrorCode::Unavailable, error.to_string())
    }
}

impl From<PasswordError> for ServiceError {
    fn from(error: PasswordError) -> Self {
        Self::internal(error)
    }
}

impl From<Malformed> for ServiceError {
    fn from(error: Malformed) -> Self {
        Self::new(ErrorCode::InvalidArgument, error.0)
    }
}

pub(super) fn invalid_key() -> ServiceError {
    ServiceError::new(ErrorCode::InvalidApiKey, "invalid api key")
}

pub(super) fn not_verified() -> ServiceError {
    ServiceError::new(ErrorCode::EmailNotVerified, "e-mail address not verified")
}

pub(super) fn invalid_session() -> ServiceError {
    ServiceError::new(ErrorCode::InvalidSession, "unknown or expired session")
}
