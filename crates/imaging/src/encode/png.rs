//! PNG.

use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use super::parts;
use crate::ImagingError;
use crate::render::Raster;

pub(super) fn encode(raster: &Raster) -> Result<Vec<u8>, ImagingError> {
    let (pixels, size, channels) = parts(raster);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, size.width, size.height);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_color(match channels {
        1 => ColorType::Grayscale,
        3 => ColorType::Rgb,
        _ => ColorType::Rgba,
    });
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Up);
    let failed = |e| ImagingError::internal("PNG", e);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
