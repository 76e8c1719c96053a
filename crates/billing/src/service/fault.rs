//! From what went wrong inside to what the caller may know.

use proto::{ErrorCode, ServiceError};

use crate::{counters::CountersError, identity::Malformed, store::StoreError};

/// A database that does not answer is a reason to come back; anything else is
/// a fault of ours.
pub(super) fn store(error: StoreError) -> ServiceError {
    let code = match &error {
        StoreError::ForeignOperation => ErrorCode::Conflict,
        StoreError::Database(
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed,
        ) => ErrorCode::Unavailable,
        StoreError::Database(sqlx::Error::Database(cause)) if is_going_away(cause.code().as_deref()) => {
            ErrorCode::Unavailable
        }
        _ => ErrorCode::Internal,
    };
    ServiceError::new(code, error.to_string())
}

/// Postgres's classes 57P0x (shutdown, crash) and 53 (out of resources), and
/// SQLite's "busy".
fn is_going_away(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.starts_with("57P0") || code.starts_with("53") || code == "5")
}

pub(super) fn counters(error: CountersError) -> ServiceError {
    ServiceError::new(ErrorCode::Unavailable, error.to_string())
}

pub(super) fn malformed(error: Malformed) -> ServiceError {
    ServiceError::new(ErrorCode::InvalidArgument, error.0)
}

pub(super) fn invalid_key() -> ServiceError {
    ServiceError::new(ErrorCode::InvalidApiKey, "invalid api key")
}

pub(super) fn invalid_session() -> ServiceError {
    ServiceError::new(ErrorCode::InvalidSession, "unknown or expired session")
}
