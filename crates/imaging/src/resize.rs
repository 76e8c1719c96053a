//! Antialiased resizing on one thread, with the SIMD the machine has (fast_image_resize).
//!
//! Colour is multiplied by alpha before it is averaged and divided after, so that invisible pixels
//! lend no colour to visible ones.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use crate::{ImagingError, Size};

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
    /// The filter for a result that people look at.
    ///
    /// Lanczos keeps the most detail of a reduction; enlarged, its ringing shows at cut edges, so
    /// the shorter cubic is used there.
    #[must_use]
    pub fn for_viewing(from: Size, to: Size) -> Self {
        if to.width > from.width || to.height > from.height {
            Self::CatmullRom
        } else {
            Self::Lanczos3
        }
    }

    /// How far the kernel reaches, in source pixels when not reducing.
    pub(crate) fn support(self) -> f64 {
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

/// Rows of a source picture, as a range that may fall between rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowSpan {
    top: f64,
    height: f64,
}

impl RowSpan {
    /// A span that ends within `rows`, whatever rounding did to its sum.
    pub(crate) fn new(top: f64, height: f64, rows: usize) -> Self {
        let mut height = height;
        while top + height > rows as f64 {
            height = height.min(rows as f64 - top).next_down();
        }
        Self { top, height }
    }
}

/// Resizes interleaved 8-bit pixels of `channels` bytes (1, 3 or 4).
///
/// With four channels the last is alpha and the colours are not multiplied by it; `premultiplied`
/// says that they already are.
pub(crate) struct Plane<'a> {
    pub(crate) pixels: &'a [u8],
    pub(crate) size: Size,
    pub(crate) channels: usize,
    pub(crate) premultiplied: bool,
}

impl Plane<'_> {
    /// The picture at another size.
    pub(crate) fn resized(&self, to: Size, filter: Filter) -> Result<Vec<u8>, ImagingError> {
        let all = RowSpan { top: 0.0, height: f64::from(self.size.height) };
        self.span_resized(all, to, filter)
    }

    /// A span of rows at another size. Rows beyond the span still weigh in at its borders.
    pub(crate) fn span_resized(
        &self,
        span: RowSpan,
        to: Size,
        filter: Filter,
    ) -> Result<Vec<u8>, ImagingError> {
        match self.channels {
            1 => self.typed::<U8>(span, to, filter),
            3 => self.typed::<U8x3>(span, to, filter),
            _ => self.typed::<U8x4>(span, to, filter),
        }
    }

    /// Only the three kinds of pixel in use are compiled: the untyped entry of the resizer brings
    /// in its fourteen, which take minutes.
    fn typed<P: PixelTrait>(
        &self,
        span: RowSpan,
        to: Size,
        filter: Filter,
    ) -> Result<Vec<u8>, ImagingError> {
        let failed = |e: &dyn std::fmt::Display| ImagingError::internal("resize", e);
        let source =
            TypedImageRef::<P>::from_buffer(self.size.width, self.size.height, self.pixels)
                .map_err(|e| failed(&e))?;
        let mut resized = vec![0; to.width as usize * to.height as usize * P::size()];
        let mut target = TypedImage::<P>::from_buffer(to.width, to.height, &mut resized)
            .map_err(|e| failed(&e))?;
        let options = ResizeOptions::new()
            .resize_alg(filter.algorithm())
            .use_alpha(self.channels == 4 && !self.premultiplied)
            .crop(0.0, span.top, f64::from(self.size.width), span.height);
        Resizer::new().resize_typed(&source, &mut target, &options).map_err(|e| failed(&e))?;
        drop(target);
        Ok(resized)
    }
}
