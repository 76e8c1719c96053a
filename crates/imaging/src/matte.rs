//! The network's answer: how much of each pixel is subject.

use crate::ImagingError;

/// A matte at the network's own size: row-major, 0.0 = background, 1.0 = subject.
///
/// It covers the whole photo, stretched: column `x` of `width` stands for the photo's columns
/// `x / width … (x + 1) / width`.
#[derive(Debug, Clone, PartialEq)]
pub struct Matte {
    values: Vec<f32>,
    width: u32,
    height: u32,
}

impl Matte {
    /// Wraps a network's output. Values outside 0…1 are clamped and NaN becomes 0.
    ///
    /// # Errors
    /// [`ImagingError::MismatchedSize`] when `values` is empty or not `width` × `height` long.
    pub fn new(mut values: Vec<f32>, width: u32, height: u32) -> Result<Self, ImagingError> {
        if values.is_empty() || values.len() as u64 != u64::from(width) * u64::from(height) {
            return Err(ImagingError::MismatchedSize(format!(
                "{} matte values for {width}x{height}",
                values.len()
            )));
        }
        for value in &mut values {
            // `max` of NaN and 0 is 0, where `clamp` would keep the NaN.
            *value = 1.0_f32.min(value.max(0.0));
        }
        Ok(Self { values, width, height })
    }

    /// Row-major values in 0…1.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Columns.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }
}
