//! The network's answer: how much of each pixel is subject.

use image::{GrayImage, Luma};

use crate::bilinear::{Axis, interpolated};
use crate::{ImagingError, Size};

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

    /// The matte of the mirror image, left and right exchanged.
    #[must_use]
    pub fn mirrored(mut self) -> Self {
        for row in self.values.chunks_exact_mut(self.width as usize) {
            row.reverse();
        }
        self
    }

    /// The matte at another size of at least one pixel, in steps of 1/255: bilinear, pixel centres
    /// aligned, as networks are trained to be read.
    #[must_use]
    pub fn enlarged(&self, to: Size) -> GrayImage {
        let columns = Axis::new(to.width as usize, self.width as usize);
        let rows = Axis::new(to.height as usize, self.height as usize);
        GrayImage::from_fn(to.width, to.height, |x, y| {
            let (x, y) = (columns.at(x as usize), rows.at(y as usize));
            let value = interpolated(&self.values, self.width as usize, x, y);
            Luma([(value * 255.0 + 0.5) as u8])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_image_exchanges_left_and_right() {
        let matte = Matte::new(vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 3, 2).expect("a matte");
        assert_eq!(matte.mirrored().values(), [0.3, 0.2, 0.1, 0.6, 0.5, 0.4]);
    }

    #[test]
    fn enlarging_keeps_corners_and_blends_between() {
        let matte = Matte::new(vec![0.0, 1.0], 2, 1).expect("a matte");
        let alpha = matte.enlarged(Size::new(4, 2));
        assert_eq!(alpha.as_raw(), &[0, 64, 191, 255, 0, 64, 191, 255]);
    }

    #[test]
    fn the_same_size_is_the_same_matte() {
        let matte = Matte::new(vec![0.0, 1.0, 0.2, 0.6], 2, 2).expect("a matte");
        assert_eq!(matte.enlarged(Size::new(2, 2)).as_raw(), &[0, 255, 51, 153]);
    }
}
