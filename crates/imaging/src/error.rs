//! What can go wrong with a picture, as a closed list.

use crate::InputFormat;

/// Why a picture could not be read, changed or written.
///
/// The first six are the caller's picture or request; the last two are ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImagingError {
    /// The signature is none of PNG, JPEG, WebP or BMP.
    #[error("not a PNG, JPEG, WebP or BMP file")]
    UnknownFormat,
    /// The file is cut short, damaged, or uses something no decoder here reads.
    #[error("damaged or unsupported {format:?} file: {reason}")]
    Damaged {
        /// What the signature says the file is.
        format: InputFormat,
        /// What the decoder said; for logs, not for callers.
        reason: String,
    },
    /// A side in pixels is above the limit; the value is the width found or asked for.
    #[error("width of {0} pixels is above the limit")]
    TooWide(u32),
    /// A side in pixels is above the limit; the value is the height found or asked for.
    #[error("height of {0} pixels is above the limit")]
    TooTall(u32),
    /// Width times height is above the limit.
    #[error("{0} pixels are above the limit")]
    TooManyPixels(u64),
    /// The output format cannot hold a picture of this size.
    #[error("{format} cannot hold {width}x{height} pixels")]
    SizeNotEncodable {
        /// Name of the output format.
        format: &'static str,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A matte's length does not match its stated size, or sizes disagree.
    #[error("mismatched sizes: {0}")]
    MismatchedSize(String),
    /// An encoder or resizer refused; the text says which and why.
    #[error("{0}")]
    Internal(String),
}

impl ImagingError {
    pub(crate) fn damaged(format: InputFormat, reason: impl Into<String>) -> Self {
        Self::Damaged { format, reason: reason.into() }
    }

    pub(crate) fn internal(step: &str, cause: impl std::fmt::Display) -> Self {
        Self::Internal(format!("{step}: {cause}"))
    }
}
