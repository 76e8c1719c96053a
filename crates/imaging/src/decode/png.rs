//! PNG row by row, so that colour and alpha part ways without a second full-size copy.

use std::io::Cursor;

use png::{BitDepth, ColorType, DecodeOptions, Decoder, Limits, Reader, Transformations};

use super::Stored;
use crate::Size;
use crate::colour::Samples;

/// Room for ancillary chunks (profiles, EXIF) and one row, in bytes.
const CHUNK_BYTES: usize = 64 * 1024 * 1024;

pub(super) fn decode(bytes: &[u8], size: Size) -> Result<Stored, String> {
    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_ignore_text_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    decoder.set_limits(Limits { bytes: CHUNK_BYTES });
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|e| e.to_string())?;
    let found = Size::new(reader.info().width, reader.info().height);
    if found != size {
        return Err("two sizes in one file".into());
    }
    let mut planes = Planes::new(&reader, size)?;
    if reader.info().interlaced {
        read_interlaced(&mut reader, &mut planes)?;
    } else {
        while let Some(row) = reader.next_row().map_err(|e| e.to_string())? {
            planes.push(row.data());
        }
    }
    // Reads on to the end chunk, so that a cut tail or a bad checksum is noticed.
    reader.finish().map_err(|e| e.to_string())?;
    let profile = reader.info().icc_profile.as_ref().map(|p| p.to_vec());
    planes.finish(size, profile)
}

fn read_interlaced(reader: &mut Reader<Cursor<&[u8]>>, planes: &mut Planes) -> Result<(), String> {
    let length = reader.output_buffer_size().ok_or("too large")?;
    let mut pixels = vec![0; length];
    reader.next_frame(&mut pixels).map_err(|e| e.to_string())?;
    planes.push(&pixels);
    Ok(())
}

/// Colour (one or three bytes a pixel) and, where the file has it, alpha.
struct Planes {
    layout: ColorType,
    colour: Vec<u8>,
    alpha: Vec<u8>,
}

impl Planes {
    fn new(reader: &Reader<Cursor<&[u8]>>, size: Size) -> Result<Self, String> {
        let (layout, depth) = reader.output_color_type();
        if depth != BitDepth::Eight || layout == ColorType::Indexed {
            return Err(format!("unexpected samples {layout:?} {depth:?}"));
        }
        let pixels = usize::try_from(size.pixels()).map_err(|e| e.to_string())?;
        let has_alpha = matches!(layout, ColorType::GrayscaleAlpha | ColorType::Rgba);
        let channels = layout.samples() - usize::from(has_alpha);
        Ok(Self {
            layout,
            colour: Vec::with_capacity(pixels * channels),
            alpha: Vec::with_capacity(if has_alpha { pixels } else { 0 }),
        })
    }

    fn push(&mut self, row: &[u8]) {
        match self.layout {
            ColorType::Rgba => {
                let pixels = row.as_chunks::<4>().0;
                self.colour.extend(pixels.iter().flat_map(|&[r, g, b, _]| [r, g, b]));
                self.alpha.extend(pixels.iter().map(|p| p[3]));
            }
            ColorType::GrayscaleAlpha => {
                let pixels = row.as_chunks::<2>().0;
                self.colour.extend(pixels.iter().map(|p| p[0]));
                self.alpha.extend(pixels.iter().map(|p| p[1]));
            }
            _ => self.colour.extend_from_slice(row),
        }
    }

    fn finish(self, size: Size, profile: Option<Vec<u8>>) -> Result<Stored, String> {
        let grey = matches!(self.layout, ColorType::Grayscale | ColorType::GrayscaleAlpha);
        Ok(Stored {
            size,
            samples: if grey { Samples::Grey(self.colour) } else { Samples::Rgb(self.colour) },
            alpha: (!self.alpha.is_empty()).then_some(self.alpha),
            profile,
        })
    }
}
