//! A subject cut out of its photo: its own colours, and how much of each pixel is subject.

use image::{GrayImage, RgbImage};

use crate::{ImagingError, Photo, Size, compose};

/// Colours and alpha of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cutout {
    pub(crate) colour: RgbImage,
    pub(crate) alpha: GrayImage,
}

impl Cutout {
    /// The photo's own colours under the matte.
    ///
    /// Right for masks, and the base that [`crate::estimate_foreground`] improves on. The photo's
    /// own transparency is respected: alpha is the matte times it.
    ///
    /// # Errors
    /// [`ImagingError::MismatchedSize`] when photo and matte differ in size.
    pub fn from_matte(photo: Photo, matte: GrayImage) -> Result<Self, ImagingError> {
        check_sizes(&photo, &matte)?;
        let mut alpha = matte;
        if let Some(own) = &photo.alpha {
            for (a, &own) in alpha.iter_mut().zip(own.as_raw()) {
                *a = compose::multiply(*a, own);
            }
        }
        Ok(Self { colour: photo.colour, alpha })
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> Size {
        Size::new(self.alpha.width(), self.alpha.height())
    }

    /// Interleaved RGB, not multiplied by alpha.
    #[must_use]
    pub fn colour(&self) -> &RgbImage {
        &self.colour
    }

    /// 0 = transparent, 255 = subject.
    #[must_use]
    pub fn alpha(&self) -> &GrayImage {
        &self.alpha
    }
}

pub(crate) fn check_sizes(photo: &Photo, matte: &GrayImage) -> Result<(), ImagingError> {
    if photo.colour.dimensions() == matte.dimensions() {
        return Ok(());
    }
    Err(ImagingError::MismatchedSize(format!(
        "photo {:?}, matte {:?}",
        photo.colour.dimensions(),
        matte.dimensions()
    )))
}
