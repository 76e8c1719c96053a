//! Bytes to a [`Photo`]: any accepted file becomes upright 8-bit sRGB with an optional alpha plane.
//!
//! Strict where decoders are lenient: a file that is cut short or damaged is an error, never a
//! picture with a grey or torn part. Limits are checked on the header, before pixels are allocated.

mod jpeg;
mod plain;
mod png;

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{GrayImage, RgbImage};

use crate::colour::{self, Samples};
use crate::turn;
use crate::{DecodeLimits, Header, ImagingError, InputFormat, Photo, Size, probe};

/// Pixels as stored: not yet oriented, not yet in sRGB.
struct Stored {
    size: Size,
    samples: Samples,
    alpha: Option<Vec<u8>>,
    profile: Option<Vec<u8>>,
}

/// Decodes a complete file.
///
/// JPEG (baseline, progressive, grey, CMYK, YCCK), PNG (any colour type and depth), WebP (lossy,
/// lossless, first frame of an animation) and BMP. The EXIF orientation is applied and embedded ICC
/// profiles are converted to sRGB; a broken profile is ignored. Deeper samples become 8-bit.
///
/// Peak memory is about six bytes a pixel (progressive JPEG: up to nine), the file not counted.
///
/// # Errors
/// [`ImagingError::UnknownFormat`], the errors of [`DecodeLimits::check`], or
/// [`ImagingError::Damaged`] for a truncated, damaged or unsupported file.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Photo, ImagingError> {
    let header = probe(bytes)?;
    limits.check(header.stored)?;
    behind_barrier(header.format, || {
        let stored = match header.format {
            InputFormat::Jpeg => jpeg::decode(bytes, header.stored),
            InputFormat::Png => png::decode(bytes, header.stored),
            InputFormat::WebP => plain::decode_webp(bytes, header.stored),
            InputFormat::Bmp => plain::decode_bmp(bytes, header.stored),
        };
        upright(stored.map_err(|reason| ImagingError::damaged(header.format, reason))?, &header)
    })
}

/// A panic in the decoders of others, of pixels or of colour profiles, whose assertions a hostile
/// file may break, becomes an error of the file. What they worked on is dropped with them, so
/// nothing half-done is seen afterwards.
fn behind_barrier(
    format: InputFormat,
    decode: impl FnOnce() -> Result<Photo, ImagingError>,
) -> Result<Photo, ImagingError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(ImagingError::damaged(format, "the decoder panicked")))
}

fn upright(stored: Stored, header: &Header) -> Result<Photo, ImagingError> {
    if stored.size != header.stored {
        return Err(ImagingError::damaged(header.format, "two sizes in one file"));
    }
    let alpha = stored.alpha.filter(|alpha| alpha.iter().any(|&a| a < 255));
    let rgb = colour::into_srgb(stored.samples, stored.profile.as_deref());
    let (rgb, size) = turn::orient::<3>(rgb, stored.size, header.orientation);
    let alpha = alpha.map(|alpha| turn::orient::<1>(alpha, stored.size, header.orientation).0);
    let too_short = || ImagingError::damaged(header.format, "too few samples");
    Ok(Photo {
        colour: RgbImage::from_raw(size.width, size.height, rgb).ok_or_else(too_short)?,
        alpha: alpha
            .map(|a| GrayImage::from_raw(size.width, size.height, a).ok_or_else(too_short))
            .transpose()?,
    })
}
