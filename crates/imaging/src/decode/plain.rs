//! WebP and BMP through `image`'s decoders, with the length checks that they leave out.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder, Limits};

use super::Stored;
use crate::Size;
use crate::colour::Samples;

pub(super) fn decode_webp(bytes: &[u8], size: Size) -> Result<Stored, String> {
    let stated = bytes.get(4..8).and_then(|b| b.try_into().ok());
    let stated = u32::from_le_bytes(stated.ok_or("no length")?);
    if u64::from(stated) + 8 > bytes.len() as u64 {
        return Err("shorter than its stated length".into());
    }
    read(WebPDecoder::new(Cursor::new(bytes)).map_err(|e| e.to_string())?, size)
}

pub(super) fn decode_bmp(bytes: &[u8], size: Size) -> Result<Stored, String> {
    let mut stored = read(BmpDecoder::new(Cursor::new(bytes)).map_err(|e| e.to_string())?, size)?;
    // Many writers leave the fourth byte at zero and mean an opaque picture.
    stored.alpha = stored.alpha.filter(|alpha| alpha.iter().any(|&a| a > 0));
    Ok(stored)
}

fn read(mut decoder: impl ImageDecoder, size: Size) -> Result<Stored, String> {
    if decoder.dimensions() != (size.width, size.height) {
        return Err("two sizes in one file".into());
    }
    decoder.set_limits(limits(size)).map_err(|e| e.to_string())?;
    let profile = decoder.icc_profile().unwrap_or(None);
    let layout = decoder.color_type();
    let length = usize::try_from(decoder.total_bytes()).map_err(|e| e.to_string())?;
    let mut pixels = vec![0; length];
    decoder.read_image(&mut pixels).map_err(|e| e.to_string())?;
    let (samples, alpha) = match layout {
        ColorType::L8 => (Samples::Grey(pixels), None),
        ColorType::Rgb8 => (Samples::Rgb(pixels), None),
        ColorType::Rgba8 => {
            let alpha = pixels.as_chunks::<4>().0.iter().map(|p| p[3]).collect();
            (Samples::Rgb(without_alpha(pixels)), Some(alpha))
        }
        other => return Err(format!("unexpected samples {other:?}")),
    };
    Ok(Stored { size, samples, alpha, profile })
}

/// What a decoder may allocate besides the output: two more buffers of four bytes a pixel.
fn limits(size: Size) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(size.pixels() * 12 + (16 << 20));
    limits
}

/// Drops every fourth byte in place: no second buffer of the picture's size.
fn without_alpha(mut pixels: Vec<u8>) -> Vec<u8> {
    let count = pixels.len() / 4;
    for index in 0..count {
        pixels.copy_within(index * 4..index * 4 + 3, index * 3);
    }
    pixels.truncate(count * 3);
    pixels
}
