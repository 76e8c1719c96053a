//! The subject's own colours where it shares pixels with the background.

use image::GrayImage;

use crate::{Cutout, ImagingError, Photo};

/// Estimates the subject's colours wherever the matte is neither 0 nor 255.
///
/// The photo's pixels are changed in place. `matte` is what [`crate::refine`] returned for this
/// photo; the photo's own transparency is multiplied in afterwards.
///
/// # Errors
/// [`ImagingError::MismatchedSize`] when photo and matte differ in size.
pub fn estimate_foreground(photo: Photo, matte: GrayImage) -> Result<Cutout, ImagingError> {
    Cutout::from_matte(photo, matte)
}
