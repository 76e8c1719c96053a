//! How large a picture may be, checked before a pixel is decoded or allocated.

use crate::{ImagingError, Size};

/// The longest side in pixels that is read or written.
pub const MAX_SIDE: u32 = 10_000;

/// The largest upload in bytes: 50 MB, where 1 MB is 1024 × 1024 bytes.
pub const MAX_BYTES: u64 = 50 * 1024 * 1024;

/// The most pixels one picture may have: a square of [`MAX_SIDE`].
pub const MAX_PIXELS: u64 = MAX_SIDE as u64 * MAX_SIDE as u64;

/// Limits that a header must meet before its pixels are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Longest width or height in pixels.
    pub max_side: u32,
    /// Largest width × height.
    pub max_pixels: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_side: MAX_SIDE, max_pixels: MAX_PIXELS }
    }
}

impl DecodeLimits {
    /// Checks a size against the limits.
    ///
    /// # Errors
    /// [`ImagingError::TooWide`], [`ImagingError::TooTall`] or
    /// [`ImagingError::TooManyPixels`], the first that applies in this order.
    pub fn check(&self, size: Size) -> Result<(), ImagingError> {
        if size.width > self.max_side {
            return Err(ImagingError::TooWide(size.width));
        }
        if size.height > self.max_side {
            return Err(ImagingError::TooTall(size.height));
        }
        if size.pixels() > self.max_pixels {
            return Err(ImagingError::TooManyPixels(size.pixels()));
        }
        Ok(())
    }
}
