//! Antialiased resizing on one thread, with the SIMD the machine has (fast_image_resize).
//!
//! A crate of its own for the sake of the others: the resizer is generic, its kernels for every
//! kind of pixel and of processor are compiled where it is called, and that takes a minute. Behind
//! [`Pixels::resampled`], which is not generic, it is one minute once.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

/// How source pixels are weighed. All widen with the reduction, so that none aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Triangle: what `antialias=True` means in Pillow and torchvision; networks expect it.
    Bilinear,
    /// Cubic, a = −0.5: sharp without visible ringing. For enlarging.
    CatmullRom,
    /// Three-lobed sinc. For reducing.
    Lanczos3,
}

impl Filter {
    /// How far the kernel reaches, in source pixels when not reducing.
    #[must_use]
    pub fn support(self) -> f64 {
        match self {
            Self::Bilinear => 1.0,
            Self::CatmullRom => 2.0,
            Self::Lanczos3 => 3.0,
        }
    }

    fn algorithm(self) -> ResizeAlg {
        ResizeAlg::Convolution(match self {
            Self::Bilinear => FilterType::Bilinear,
            Self::CatmullRom => FilterType::CatmullRom,
            Self::Lanczos3 => FilterType::Lanczos3,
        })
    }
}

/// The resizer refuses: the buffer is too short for its size, or the span leaves the picture.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ResampleError(String);

/// Interleaved 8-bit pixels.
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    /// Row by row, `width × height × channels` bytes.
    pub bytes: &'a [u8],
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes a pixel: 1, 3 or 4.
    pub channels: usize,
    /// Of four channels the last is alpha. Colour is multiplied by it before it is averaged and
    /// divided after, so that invisible pixels lend no colour to visible ones, unless this says
    /// that it is multiplied already.
    pub premultiplied: bool,
}

impl Pixels<'_> {
    /// The rows from `top` on, `rows` of them, both of which may fall between rows, at another
    /// size. Rows beyond still weigh in at the borders.
    ///
    /// # Errors
    /// [`ResampleError`].
    pub fn resampled(
        &self,
        (top, rows): (f64, f64),
        (width, height): (u32, u32),
        filter: Filter,
    ) -> Result<Vec<u8>, ResampleError> {
        let options = ResizeOptions::new()
            .resize_alg(filter.algorithm())
            .use_alpha(self.channels == 4 && !self.premultiplied)
            .crop(0.0, top, f64::from(self.width), rows);
        match self.channels {
            1 => self.typed::<U8>(&options, width, height),
            3 => self.typed::<U8x3>(&options, width, height),
            _ => self.typed::<U8x4>(&options, width, height),
        }
    }

    /// Only the three kinds of pixel in use: the resizer's untyped entry brings in its fourteen.
    fn typed<P: PixelTrait>(
        &self,
        options: &ResizeOptions,
        width: u32,
        height: u32,
    ) -> Result<Vec<u8>, ResampleError> {
        let failed = |error: &dyn std::fmt::Display| ResampleError(error.to_string());
        let source = TypedImageRef::<P>::from_buffer(self.width, self.height, self.bytes)
            .map_err(|error| failed(&error))?;
        let mut resized = vec![0; width as usize * height as usize * P::size()];
        let mut target = TypedImage::<P>::from_buffer(width, height, &mut resized)
            .map_err(|error| failed(&error))?;
        Resizer::new()
            .resize_typed(&source, &mut target, options)
            .map_err(|error| failed(&error))?;
        drop(target);
        Ok(resized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_colours_do_not_bleed() {
        let bytes = [255, 0, 0, 255, 0, 255, 0, 0];
        let pixels =
            Pixels { bytes: &bytes, width: 2, height: 1, channels: 4, premultiplied: false };
        let half = pixels.resampled((0.0, 1.0), (1, 1), Filter::Bilinear).expect("resized");
        assert_eq!(half, [255, 0, 0, 128]);
    }

    #[test]
    fn a_short_buffer_is_refused() {
        let pixels =
            Pixels { bytes: &[0; 5], width: 2, height: 1, channels: 3, premultiplied: false };
        assert!(pixels.resampled((0.0, 1.0), (1, 1), Filter::Bilinear).is_err());
    }
}
