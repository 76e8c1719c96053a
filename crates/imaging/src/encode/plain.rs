//! JPEG and BMP through `image`'s encoders: neither keeps alpha.

use image::ExtendedColorType;
use image::codecs::bmp::BmpEncoder;
use image::codecs::jpeg::JpegEncoder;

use super::parts;
use crate::ImagingError;
use crate::render::Raster;

/// JPEG quality: the usual "high", where blocks and ringing no longer show.
const JPEG_QUALITY: u8 = 90;

pub(super) fn encode_jpeg(raster: &Raster) -> Result<Vec<u8>, ImagingError> {
    let (pixels, size, channels) = parts(raster);
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
        .encode(pixels, size.width, size.height, layout(channels)?)
        .map_err(|e| ImagingError::internal("JPEG", e))?;
    Ok(bytes)
}

pub(super) fn encode_bmp(raster: &Raster) -> Result<Vec<u8>, ImagingError> {
    let (pixels, size, channels) = parts(raster);
    let mut bytes = Vec::new();
    BmpEncoder::new(&mut bytes)
        .encode(pixels, size.width, size.height, layout(channels)?)
        .map_err(|e| ImagingError::internal("BMP", e))?;
    Ok(bytes)
}

fn layout(channels: usize) -> Result<ExtendedColorType, ImagingError> {
    match channels {
        1 => Ok(ExtendedColorType::L8),
        3 => Ok(ExtendedColorType::Rgb8),
        _ => Err(ImagingError::internal("encode", "alpha was not flattened")),
    }
}
