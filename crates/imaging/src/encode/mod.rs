//! Finished pixels to a file. The same pixels always give the same bytes.

mod plain;
mod png;
mod webp;

use crate::render::Raster;
use crate::{ImagingError, OutputFormat, Rendered, Size};

/// Writes a rendered picture in its format.
///
/// # Errors
/// [`ImagingError::SizeNotEncodable`] when the format cannot hold the size;
/// [`ImagingError::Internal`] when the encoder fails, which only lack of memory should cause.
pub fn encode(rendered: Rendered) -> Result<Vec<u8>, ImagingError> {
    let format = rendered.format;
    check_size(rendered.size(), format)?;
    match format {
        OutputFormat::Png => png::encode(&rendered.raster),
        OutputFormat::Jpeg => plain::encode_jpeg(&rendered.raster),
        OutputFormat::WebP => webp::encode(rendered.raster),
        OutputFormat::Bmp => plain::encode_bmp(&rendered.raster),
    }
}

/// The longest side each format's header can state.
fn check_size(size: Size, format: OutputFormat) -> Result<(), ImagingError> {
    let longest = match format {
        OutputFormat::WebP => 16_383,
        OutputFormat::Jpeg => 65_535,
        OutputFormat::Png | OutputFormat::Bmp => i32::MAX.unsigned_abs(),
    };
    let fits = |side| (1..=longest).contains(&side);
    if fits(size.width) && fits(size.height) {
        return Ok(());
    }
    Err(ImagingError::SizeNotEncodable {
        format: format.name(),
        width: size.width,
        height: size.height,
    })
}

/// Bytes, size and channel count of a raster.
fn parts(raster: &Raster) -> (&[u8], Size, usize) {
    let (pixels, (width, height), channels) = match raster {
        Raster::Grey(image) => (image.as_raw(), image.dimensions(), 1),
        Raster::Rgb(image) => (image.as_raw(), image.dimensions(), 3),
        Raster::Rgba(image) => (image.as_raw(), image.dimensions(), 4),
    };
    (pixels, Size::new(width, height), channels)
}
