//! The marker structure of a JPEG file (ITU-T T.81, annex B), read without decoding.
//!
//! Serves two ends: the header's facts for [`crate::probe`], and the place of the end, which the
//! pixel decoder does not ask for (it fills what is missing with grey).

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;
const TEM: u8 = 0x01;

/// What the segments before the first scan say.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct JpegHeader<'a> {
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// TIFF structure of the EXIF segment, without its `Exif\0\0` prefix.
    pub(crate) exif: Option<&'a [u8]>,
    pub(crate) progressive: bool,
}

/// Reads the header up to the first scan, or `None` when it is damaged or has no frame.
pub(crate) fn read_header(bytes: &[u8]) -> Option<JpegHeader<'_>> {
    let mut header = JpegHeader::default();
    let mut at = 2;
    loop {
        let (marker, body, next) = segment(bytes, at)?;
        match marker {
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                header.progressive = matches!(marker, 0xC2 | 0xC6 | 0xCA | 0xCE);
                header.height = u16::from_be_bytes([*body.get(1)?, *body.get(2)?]);
                header.width = u16::from_be_bytes([*body.get(3)?, *body.get(4)?]);
            }
            0xE1 if header.exif.is_none() => header.exif = body.strip_prefix(b"Exif\0\0"),
            SOS => return (header.width > 0 && header.height > 0).then_some(header),
            EOI => return None,
            _ => {}
        }
        at = next;
    }
}

/// Where the end-of-image marker is, or `None` when the file was cut before it.
///
/// Walks segment by segment, so that the end of a thumbnail inside EXIF does not count.
pub(crate) fn end_of_image(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        let (marker, _, next) = segment(bytes, at)?;
        match marker {
            EOI => return Some(next - 2),
            SOS => at = next + scan_length(&bytes[next..]),
            _ => at = next,
        }
    }
}

/// The segment whose marker is at or after `at`: marker, body, and where the next one starts.
///
/// Bytes before the marker are skipped, as decoders do.
fn segment(bytes: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let mut at = at;
    loop {
        at += bytes.get(at..)?.iter().position(|&b| b == 0xFF)?;
        while *bytes.get(at)? == 0xFF {
            at += 1;
        }
        let marker = bytes[at];
        at += 1;
        match marker {
            0x00 => continue,
            SOI | EOI | TEM | 0xD0..=0xD7 => return Some((marker, &[], at)),
            _ => {
                let length = u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]);
                let end = at + usize::from(length).max(2);
                return Some((marker, bytes.get(at + 2..end)?, end));
            }
        }
    }
}

/// Length of entropy-coded data: up to the next marker that is not a restart.
fn scan_length(data: &[u8]) -> usize {
    let mut at = 0;
    while let Some(offset) = data[at..].iter().position(|&b| b == 0xFF) {
        at += offset;
        match data.get(at + 1) {
            Some(0x00 | 0xD0..=0xD7) => at += 2,
            Some(0xFF) => at += 1,
            _ => return at,
        }
    }
    data.len()
}
