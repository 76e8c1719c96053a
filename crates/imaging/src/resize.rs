//! Resizing planes of a picture, whole or a span of rows at a time.

use resampling::{Filter, Pixels};

use crate::{ImagingError, Size};

/// The filter for a result that people look at.
///
/// Lanczos keeps the most detail of a reduction; enlarged, its ringing shows at cut edges, so the
/// shorter cubic is used there.
pub(crate) fn filter_for_viewing(from: Size, to: Size) -> Filter {
    if to.width > from.width || to.height > from.height {
        Filter::CatmullRom
    } else {
        Filter::Lanczos3
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

/// Interleaved 8-bit pixels of `channels` bytes (1, 3 or 4), the fourth being alpha that the
/// colours are multiplied by where `premultiplied` says so.
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
        let pixels = Pixels {
            bytes: self.pixels,
            width: self.size.width,
            height: self.size.height,
            channels: self.channels,
            premultiplied: self.premultiplied,
        };
        pixels
            .resampled((span.top, span.height), (to.width, to.height), filter)
            .map_err(|error| ImagingError::internal("resize", error))
    }
}
