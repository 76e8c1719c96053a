//! JPEG through zune-jpeg, the decoder under the `image` crate, used directly for two reasons:
//! `image` always decodes leniently (missing data becomes grey) and hides CMYK behind a conversion
//! that ignores the profile.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::Stored;
use crate::Size;
use crate::colour::Samples;
use crate::jpeg_segments;

/// Zeros put in place of a baseline file's end marker: more than the decoder reads ahead, less than
/// a row of blocks.
const PADDING: usize = 16;

pub(super) fn decode(bytes: &[u8], size: Size) -> Result<Stored, String> {
    let header = jpeg_segments::read_header(bytes).ok_or("unreadable header")?;
    let end = jpeg_segments::end_of_image(bytes).ok_or("no end of image")?;
    if header.progressive {
        // Here the decoder demands the marker, and scans that stop short are errors of their own.
        return decode_scans(bytes, size);
    }
    // The decoder takes an end marker as leave to invent all blocks that are missing before it.
    // Without one it runs dry and says so.
    let mut endless = Vec::with_capacity(end + PADDING);
    endless.extend_from_slice(&bytes[..end]);
    endless.resize(end + PADDING, 0);
    decode_scans(&endless, size)
}

fn decode_scans(bytes: &[u8], size: Size) -> Result<Stored, String> {
    let options = DecoderOptions::default()
        .set_max_width(size.width as usize)
        .set_max_height(size.height as usize);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    // Junk between header segments is common and harmless; junk in the scans is neither.
    decoder.decode_headers().map_err(|e| e.to_string())?;
    let stored = decoder.input_colorspace().ok_or("no colour space")?;
    let target = target_space(stored)?;
    decoder.set_options(options.set_strict_mode(true).jpeg_set_out_colorspace(target));
    let (width, height) = decoder.dimensions().ok_or("no dimensions")?;
    let profile = decoder.icc_profile();
    let mut pixels = vec![0; width * height * target.num_components()];
    decoder.decode_into(&mut pixels).map_err(|e| e.to_string())?;
    Ok(Stored {
        size: Size::new(width as u32, height as u32),
        samples: samples(pixels, target),
        alpha: None,
        profile,
    })
}

/// The layout asked of the decoder: grey and four-channel data stay as they are for the profile.
fn target_space(stored: ColorSpace) -> Result<ColorSpace, String> {
    match stored {
        ColorSpace::Luma | ColorSpace::CMYK | ColorSpace::YCCK => Ok(stored),
        ColorSpace::YCbCr | ColorSpace::RGB => Ok(ColorSpace::RGB),
        other => Err(format!("unsupported colour space {other:?}")),
    }
}

fn samples(mut pixels: Vec<u8>, space: ColorSpace) -> Samples {
    match space {
        ColorSpace::Luma => Samples::Grey(pixels),
        ColorSpace::YCCK => {
            ycck_to_inks(&mut pixels);
            Samples::Cmyk(pixels)
        }
        ColorSpace::CMYK => {
            // Adobe's convention, which everybody follows: 255 is no ink.
            pixels.iter_mut().for_each(|v| *v = 255 - *v);
            Samples::Cmyk(pixels)
        }
        _ => Samples::Rgb(pixels),
    }
}

/// Adobe's YCCK, in place, to inks where 255 is full.
///
/// The first three samples are YCbCr of the inverted inks' inverse (T.872), so they convert to
/// the inks themselves; black is stored inverted.
fn ycck_to_inks(pixels: &mut [u8]) {
    for pixel in pixels.as_chunks_mut::<4>().0 {
        let [y, cb, cr, k] = pixel.map(f32::from);
        let (cb, cr) = (cb - 128.0, cr - 128.0);
        *pixel = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb, 255.0 - k]
            .map(|v| (v + 0.5) as u8);
    }
}
