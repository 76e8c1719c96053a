//! Why a job ends without a picture, and what its caller is told.

use imaging::{ImagingError, limits::MAX_SIDE};
use proto::{ErrorCode, ServiceError};
use validation::Message;

use crate::{engine::EngineError, timing::Step};

/// Why a job ends without a picture.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The picture cannot be read, or the result cannot be made.
    #[error(transparent)]
    Imaging(#[from] ImagingError),
    /// The network failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The code of a step panicked; only this job is lost.
    #[error("panic while the step '{}' ran", .0.name())]
    Panicked(Step),
    /// The picture alone needs more memory than the worker may use.
    #[error(
        "Image has {found:.1} megapixels, more than the {limit:.1} this server can return in this format."
    )]
    TooLarge {
        /// Millions of pixels of the largest picture on the way.
        found: f64,
        /// Millions of pixels that fit.
        limit: f64,
    },
    /// The caller stopped waiting.
    #[error("the deadline passed")]
    DeadlineExceeded,
}

impl From<JobError> for ServiceError {
    fn from(error: JobError) -> Self {
        let text = error.to_string();
        match error {
            JobError::Imaging(error) => from_imaging(&error),
            // Decoders are known to panic on some damaged files.
            JobError::Panicked(Step::Decode) => Self::new(ErrorCode::InvalidImage, text),
            JobError::TooLarge { .. } => Self::new(ErrorCode::InvalidArgument, text),
            JobError::DeadlineExceeded => Self::new(ErrorCode::DeadlineExceeded, text),
            JobError::Engine(_) | JobError::Panicked(_) => Self::internal(text),
        }
    }
}

fn from_imaging(error: &ImagingError) -> ServiceError {
    let text = match error {
        ImagingError::TooWide(width) => {
            Message::TooWide { width: *width, limit: MAX_SIDE }.to_string()
        }
        ImagingError::TooTall(height) => {
            Message::TooTall { height: *height, limit: MAX_SIDE }.to_string()
        }
        other => other.to_string(),
    };
    let code = match error {
        ImagingError::UnknownFormat | ImagingError::Damaged { .. } => ErrorCode::InvalidImage,
        ImagingError::TooWide(_)
        | ImagingError::TooTall(_)
        | ImagingError::TooManyPixels(_)
        | ImagingError::SizeNotEncodable { .. } => ErrorCode::InvalidArgument,
        ImagingError::MismatchedSize(_) | ImagingError::Internal(_) => ErrorCode::Internal,
    };
    ServiceError::new(code, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_faults_are_the_callers_and_ours_are_ours() {
        let rows = [
            (JobError::from(ImagingError::UnknownFormat), ErrorCode::InvalidImage),
            (JobError::Panicked(Step::Decode), ErrorCode::InvalidImage),
            (JobError::Panicked(Step::Encode), ErrorCode::Internal),
            (ImagingError::TooWide(10_001).into(), ErrorCode::InvalidArgument),
            (JobError::TooLarge { found: 100.0, limit: 60.0 }, ErrorCode::InvalidArgument),
            (ImagingError::Internal("resize".into()).into(), ErrorCode::Internal),
            (EngineError("boom".into()).into(), ErrorCode::Internal),
            (JobError::DeadlineExceeded, ErrorCode::DeadlineExceeded),
        ];
        for (error, code) in rows {
            let text = error.to_string();
            assert_eq!(ServiceError::from(error).code, code, "{text}");
        }
    }

    #[test]
    fn a_side_that_is_too_long_gets_the_contracts_message() {
        let error = ServiceError::from(JobError::from(ImagingError::TooWide(12_000)));
        let expected = "Image width (12000px) exceeds the maximum allowed width of 10000px.";
        assert_eq!(error.message, expected);
    }
}
