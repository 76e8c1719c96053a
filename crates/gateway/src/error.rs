//! Every answer that is no success: one shape, one place that decides the text.

use std::{borrow::Cow, time::Duration};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};
use proto::{ErrorCode, ServiceError, billing_v1::RateStatus};
use serde::Serialize;
use validation::{FieldError, Message, Rejection, service};

/// A body is longer than anything that is read there.
pub(crate) const BODY_TOO_LARGE: &str = "The request body is too large.";
/// A body stops before its announced end.
pub(crate) const BODY_ENDED_EARLY: &str = "The request body ended early.";
/// A body comes too slowly.
pub(crate) const UPLOAD_TOO_SLOW: &str = "The upload took too long.";

/// How long a caller waits after a 503 or 429 that does not say.
const DEFAULT_RETRY: Duration = Duration::from_secs(1);

/// A request that ends without success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request breaks the contract's rules for fields.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A service refused or failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The edge itself refuses.
    #[error("{message}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The text for the client.
        message: Cow<'static, str>,
    },
}

impl ApiError {
    pub(crate) fn refused(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused { status, message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, message)
    }

    /// The edge has no room for this request.
    pub(crate) fn busy(why: &'static str) -> Self {
        ServiceError::new(ErrorCode::Busy, why).into()
    }

    /// A body is too long for another reason than its picture.
    pub(crate) fn body_too_large() -> Self {
        Self::bad_request(BODY_TOO_LARGE)
    }

    /// Whether the request as it was written is at fault.
    pub(crate) fn is_of_request(&self) -> bool {
        matches!(self.status_code(), StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE)
    }

    /// Whether the caller may not call at all.
    pub(crate) fn is_of_identity(&self) -> bool {
        use ErrorCode::{EmailNotVerified, InvalidApiKey, InvalidSession};
        let Self::Service(error) = self else { return false };
        matches!(error.code, InvalidApiKey | InvalidSession | EmailNotVerified)
    }

    /// The text for the client.
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Rejected(rejection) => rejection.message().into(),
            Self::Refused { message, .. } => Cow::Borrowed(message),
            Self::Service(error) => service_text(error),
        }
    }

    fn code(&self) -> Option<&'static str> {
        match self {
            Self::Service(error) if error.code.http() == 429 => Some(error.code.name()),
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        let Self::Service(error) = self else { return None };
        matches!(self.status_code().as_u16(), 429 | 503)
            .then(|| error.retry_after.unwrap_or(DEFAULT_RETRY))
    }
}

/// The fixed text of a service's error; only three codes carry their own.
fn service_text(error: &ServiceError) -> Cow<'_, str> {
    match error.code {
        ErrorCode::InvalidArgument | ErrorCode::NotFound | ErrorCode::Conflict => {
            Cow::Borrowed(&error.message)
        }
        ErrorCode::InvalidImage => Message::InvalidImage.to_string().into(),
        ErrorCode::InvalidApiKey => service::INVALID_API_KEY.into(),
        ErrorCode::InvalidCredentials => service::INVALID_CREDENTIALS.into(),
        ErrorCode::InvalidSession => service::INVALID_SESSION.into(),
        ErrorCode::EmailNotVerified => service::EMAIL_NOT_VERIFIED.into(),
        ErrorCode::RateLimited => service::RATE_LIMITED.into(),
        ErrorCode::DailyLimit => service::DAILY_LIMIT.into(),
        ErrorCode::OutOfCredits => service::OUT_OF_CREDITS.into(),
        ErrorCode::Cancelled | ErrorCode::Busy | ErrorCode::Unavailable => service::BUSY.into(),
        ErrorCode::DeadlineExceeded => service::DEADLINE.into(),
        ErrorCode::Internal => service::INTERNAL.into(),
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Rejected(_) => StatusCode::BAD_REQUEST,
            Self::Refused { status, .. } => *status,
            // The caller is still here, so it was a service that was cut off.
            Self::Service(ServiceError { code: ErrorCode::Cancelled, .. }) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Service(error) => {
                StatusCode::from_u16(error.code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        if let Some(wait) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, whole_seconds(wait)));
        }
        if let Self::Service(ServiceError { rate: Some(rate), .. }) = self {
            rate_headers(&mut response, rate);
        }
        // A 500 names its request, which only the edge knows: it writes that
        // body itself.
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            return response.finish();
        }
        let details = match self {
            Self::Rejected(rejection) => rejection.details(),
            _ => None,
        };
        let error = &self.text();
        response.json(ErrorBody { code: self.code(), details, ..ErrorBody::new(error, status) })
    }
}

/// The body of every error.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorBody<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a [FieldError]>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl<'a> ErrorBody<'a> {
    pub(crate) fn new(error: &'a str, status: StatusCode) -> Self {
        Self { error, code: None, details: None, status: status.as_u16(), request_id: None }
    }

    pub(crate) fn with_request_id(self, request_id: &'a str) -> Self {
        Self { request_id: Some(request_id), ..self }
    }
}

/// Adds `X-RateLimit-*` from the limit as it stands.
pub(crate) fn rate_headers(response: &mut HttpResponseBuilder, rate: &RateStatus) {
    response
        .insert_header(("X-RateLimit-Limit", rate.limit))
        .insert_header(("X-RateLimit-Remaining", rate.remaining))
        .insert_header(("X-RateLimit-Reset", rate.reset_seconds));
}

/// `Retry-After` counts in whole seconds; waiting 0 would help nobody.
fn whole_seconds(wait: Duration) -> u64 {
    let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    rounded_up.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_rounds_up() {
        let cases = [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (30_000, 30)];
        for (millis, seconds) in cases {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }

    #[test]
    fn internal_causes_stay_inside() {
        let error = ApiError::from(ServiceError::internal("password=hunter2"));
        assert_eq!(error.text(), "Internal server error");
        let error = ApiError::from(ServiceError::new(ErrorCode::Unavailable, "10.0.0.7 refused"));
        assert_eq!(error.text(), "The service is busy. Please retry shortly.");
    }
}
