//! Width, height and orientation from a header, without decoding a pixel.
//!
//! Written against slices with checked access only: the edge of the service calls it on whatever
//! was uploaded, outside any panic barrier.

use image::metadata::Orientation;

use crate::jpeg_segments;
use crate::{ImagingError, InputFormat, Size, sniff};

/// What a file's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The format by signature.
    pub format: InputFormat,
    /// Width and height as stored in the file.
    pub stored: Size,
    /// Width and height once EXIF orientation is applied: what [`crate::decode`] returns.
    pub oriented: Size,
    pub(crate) orientation: Orientation,
}

/// Reads the header of a complete file held in memory.
///
/// The sides are at least 1 and otherwise unchecked; see [`crate::DecodeLimits::check`]. Success
/// says nothing about the rest of the file.
///
/// # Errors
/// [`ImagingError::UnknownFormat`] for a foreign signature, [`ImagingError::Damaged`] for a header
/// that cannot be read or states an empty picture. Never panics.
pub fn probe(bytes: &[u8]) -> Result<Header, ImagingError> {
    let format = sniff(bytes).ok_or(ImagingError::UnknownFormat)?;
    let found = match format {
        InputFormat::Png => png(bytes),
        InputFormat::Jpeg => jpeg(bytes),
        InputFormat::WebP => webp(bytes),
        InputFormat::Bmp => bmp(bytes).map(|size| (size, None)),
    };
    let (stored, exif) = found
        .filter(|(size, _)| size.width > 0 && size.height > 0)
        .ok_or_else(|| ImagingError::damaged(format, "unreadable header"))?;
    let orientation =
        exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    Ok(Header { format, stored, oriented: oriented(stored, orientation), orientation })
}

fn oriented(stored: Size, orientation: Orientation) -> Size {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    match orientation {
        Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH => stored.transposed(),
        _ => stored,
    }
}

type Found<'a> = Option<(Size, Option<&'a [u8]>)>;

fn jpeg(bytes: &[u8]) -> Found<'_> {
    let header = jpeg_segments::read_header(bytes)?;
    let size = Size::new(header.width.into(), header.height.into());
    Some((size, header.exif))
}

/// PNG (ISO/IEC 15948): the first chunk is IHDR; `eXIf` may stand before or after the pixels.
fn png(bytes: &[u8]) -> Found<'_> {
    let ihdr = png_chunk(bytes, 8).filter(|(name, body, _)| name == b"IHDR" && body.len() == 13)?;
    let size = Size::new(be32(ihdr.1, 0)?, be32(ihdr.1, 4)?);
    let mut at = ihdr.2;
    while let Some((name, body, next)) = png_chunk(bytes, at) {
        match &name {
            b"eXIf" => return Some((size, Some(body))),
            b"IEND" => break,
            _ => at = next,
        }
    }
    Some((size, None))
}

fn png_chunk(bytes: &[u8], at: usize) -> Option<([u8; 4], &[u8], usize)> {
    let length = usize::try_from(be32(bytes, at)?).ok()?;
    let name = bytes.get(at + 4..at + 8)?.try_into().ok()?;
    let end = (at + 8).checked_add(length)?;
    Some((name, bytes.get(at + 8..end)?, end + 4))
}

/// WebP container (RFC 9649): the canvas of `VP8X`, else the frame header of `VP8 ` or `VP8L`.
fn webp(bytes: &[u8]) -> Found<'_> {
    let (name, body, mut at) = riff_chunk(bytes, 12)?;
    let size = match &name {
        b"VP8X" => Size::new(le24(body, 4)? + 1, le24(body, 7)? + 1),
        b"VP8 " => vp8_size(body)?,
        b"VP8L" => vp8l_size(body)?,
        _ => return None,
    };
    let mut exif = None;
    while let Some((name, body, next)) = riff_chunk(bytes, at) {
        if &name == b"EXIF" {
            exif = Some(body.strip_prefix(b"Exif\0\0").unwrap_or(body));
        }
        at = next;
    }
    Some((size, exif))
}

fn riff_chunk(bytes: &[u8], at: usize) -> Option<([u8; 4], &[u8], usize)> {
    let name = bytes.get(at..at + 4)?.try_into().ok()?;
    let length = usize::try_from(le32(bytes, at + 4)?).ok()?;
    let end = (at + 8).checked_add(length)?;
    Some((name, bytes.get(at + 8..end)?, end + length % 2))
}

fn vp8_size(body: &[u8]) -> Option<Size> {
    if body.get(3..6) != Some(&[0x9D, 0x01, 0x2A]) {
        return None;
    }
    let side = |at| Some(u32::from(le16(body, at)?) & 0x3FFF);
    Some(Size::new(side(6)?, side(8)?))
}

fn vp8l_size(body: &[u8]) -> Option<Size> {
    if body.first() != Some(&0x2F) {
        return None;
    }
    let bits = le32(body, 1)?;
    Some(Size::new((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
}

/// BMP: the OS/2 header has 16-bit sides, all later ones 32-bit; a negative height means top-down.
fn bmp(bytes: &[u8]) -> Option<Size> {
    if le32(bytes, 14)? == 12 {
        return Some(Size::new(le16(bytes, 18)?.into(), le16(bytes, 20)?.into()));
    }
    let width = i32::try_from(le32(bytes, 18)?).ok()?;
    let height = le32(bytes, 22)?.cast_signed();
    Some(Size::new(width.unsigned_abs(), height.unsigned_abs()))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

fn le24(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
}
