//! From a cut-out to the picture that was asked for: rotate, fit, background, in this order.

use image::{GrayImage, RgbImage, RgbaImage};

use crate::resize::{Plane, RowSpan, filter_for_viewing};
use crate::rotate::Rotation;
use crate::{
    Cutout, DecodeLimits, ImagingError, OutputFormat, Size, compose, fit_size, rotated_size,
};

/// What to make of a cut-out. [`Default`] gives the cut-out itself, as WebP.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RenderOptions {
    /// Counter-clockwise rotation in degrees, −360…360.
    pub angle: f64,
    /// Whether the canvas grows to hold the rotated picture, or keeps its size.
    pub expand: bool,
    /// Requested width in pixels.
    pub width: Option<u32>,
    /// Requested height in pixels.
    pub height: Option<u32>,
    /// With both sides given: exactly them, even if the picture is distorted.
    pub exact: bool,
    /// The alpha matte alone, as one grey channel: white = subject, black = opened corners.
    pub mask: bool,
    /// Colour laid under the cut-out: red, green, blue, alpha, not multiplied. Not used for masks.
    pub background: Option<[u8; 4]>,
    /// The file format; decides whether alpha survives.
    pub format: OutputFormat,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self {
            angle: 0.0,
            expand: true,
            width: None,
            height: None,
            exact: false,
            mask: false,
            background: None,
            format: OutputFormat::default(),
        }
    }
}

impl RenderOptions {
    /// The size of the file that comes back for a photo of `size` (oriented).
    ///
    /// # Errors
    /// [`ImagingError::TooWide`] or [`ImagingError::TooTall`] when it is above
    /// [`crate::limits::MAX_SIDE`]; the value is the size that rotation and fit lead to.
    pub fn output_size(&self, size: Size) -> Result<Size, ImagingError> {
        let rotated = rotated_size(size, self.angle, self.expand);
        let fitted = fit_size(rotated, self.width, self.height, self.exact);
        DecodeLimits::default().check(fitted)?;
        Ok(fitted)
    }

    /// The most pixels of the rotated canvas that [`render`] holds at once for a photo of `size`
    /// (oriented): the whole canvas where that is what is delivered, else a band of it.
    ///
    /// # Errors
    /// As [`Self::output_size`].
    pub fn canvas_pixels(&self, size: Size) -> Result<u64, ImagingError> {
        let to = self.output_size(size)?;
        let canvas = rotated_size(size, self.angle, self.expand);
        if canvas == to || Rotation::new(size, self.angle, self.expand).is_lossless() {
            return Ok(canvas.pixels());
        }
        let bands = Bands::new(canvas, to);
        let rows = f64::from(bands.step) * bands.scale + 2.0 * bands.reach + 1.0;
        Ok(u64::from(canvas.width) * (rows as u64).min(u64::from(canvas.height)))
    }
}

/// A finished picture, ready for [`crate::encode`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub(crate) raster: Raster,
    pub(crate) format: OutputFormat,
}

/// Pixels in the channels that the file will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Raster {
    Grey(GrayImage),
    Rgb(RgbImage),
    Rgba(RgbaImage),
}

impl Rendered {
    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> Size {
        let (width, height) = match &self.raster {
            Raster::Grey(image) => image.dimensions(),
            Raster::Rgb(image) => image.dimensions(),
            Raster::Rgba(image) => image.dimensions(),
        };
        Size::new(width, height)
    }

    /// The format that it will be written in.
    #[must_use]
    pub fn format(&self) -> OutputFormat {
        self.format
    }
}

/// Rotates, fits and backs a cut-out.
///
/// # Errors
/// Those of [`RenderOptions::output_size`], before anything is allocated;
/// [`ImagingError::Internal`] when the resizer refuses.
pub fn render(cutout: Cutout, options: &RenderOptions) -> Result<Rendered, ImagingError> {
    let target = options.output_size(cutout.size())?;
    let raster = if options.mask {
        Raster::Grey(mask(cutout, target, options)?)
    } else {
        backed(placed(cutout, target, options)?, options)?
    };
    Ok(Rendered { raster, format: options.format })
}

fn mask(cutout: Cutout, to: Size, options: &RenderOptions) -> Result<GrayImage, ImagingError> {
    let size = cutout.size();
    let pixels = place::<1>(cutout.alpha.into_raw(), size, to, options)?;
    image_of(to, pixels, GrayImage::from_raw)
}

fn placed(cutout: Cutout, to: Size, options: &RenderOptions) -> Result<RgbaImage, ImagingError> {
    let size = cutout.size();
    let mut pixels = vec![0; cutout.alpha.len() * 4];
    let colours = cutout.colour.as_raw().as_chunks::<3>().0;
    for ((out, &[r, g, b]), &a) in
        pixels.as_chunks_mut::<4>().0.iter_mut().zip(colours).zip(cutout.alpha.as_raw())
    {
        // The background goes for good: its colours do not hide under alpha 0.
        *out = if a == 0 { [0; 4] } else { [r, g, b, a] };
    }
    drop(cutout);
    let pixels = place::<4>(pixels, size, to, options)?;
    image_of(to, pixels, RgbaImage::from_raw)
}

/// Rotation, then fit, of pixels of `C` bytes: grey, or RGBA.
fn place<const C: usize>(
    pixels: Vec<u8>,
    size: Size,
    to: Size,
    options: &RenderOptions,
) -> Result<Vec<u8>, ImagingError> {
    let rotation = Rotation::new(size, options.angle, options.expand);
    if !rotation.is_lossless() {
        return turn_and_fit::<C>(pixels, &rotation, to);
    }
    let rotated = rotation.target();
    let pixels = rotation.turned::<C>(pixels);
    if rotated == to {
        return Ok(pixels);
    }
    Plane { pixels: &pixels, size: rotated, channels: C, premultiplied: false }
        .resized(to, filter_for_viewing(rotated, to))
}

/// Rotates by any angle and fits, in bands of rows: the rotated canvas may be twice the photo's
/// size and would double the memory of the largest requests.
fn turn_and_fit<const C: usize>(
    mut pixels: Vec<u8>,
    rotation: &Rotation,
    to: Size,
) -> Result<Vec<u8>, ImagingError> {
    if C == 4 {
        compose::premultiply(&mut pixels);
    }
    let canvas = rotation.target();
    let mut placed = if canvas == to {
        rotation.rows::<C>(&pixels, 0..to.height as usize)
    } else {
        fitted_bands::<C>(&pixels, rotation, to)?
    };
    if C == 4 {
        compose::unmultiply(&mut placed);
    }
    Ok(placed)
}

/// How the rotated canvas is cut into bands of rows that are resized one after the other.
struct Bands {
    filter: resampling::Filter,
    /// Canvas rows a delivered row.
    scale: f64,
    /// Canvas rows beyond a band that its borders still look at.
    reach: f64,
    /// Delivered rows a band.
    step: u32,
}

impl Bands {
    /// Canvas rows in a band, unless a single delivered row needs more.
    const ROWS: f64 = 512.0;

    fn new(canvas: Size, to: Size) -> Self {
        let filter = filter_for_viewing(canvas, to);
        let scale = f64::from(canvas.height) / f64::from(to.height);
        let reach = (filter.support() * scale.max(1.0)).ceil() + 1.0;
        Self { filter, scale, reach, step: ((Self::ROWS / scale) as u32).max(1) }
    }
}

fn fitted_bands<const C: usize>(
    pixels: &[u8],
    rotation: &Rotation,
    to: Size,
) -> Result<Vec<u8>, ImagingError> {
    let canvas = rotation.target();
    let Bands { filter, scale, reach, step } = Bands::new(canvas, to);
    let mut placed = Vec::with_capacity(to.width as usize * to.height as usize * C);
    for first in (0..to.height).step_by(step as usize) {
        let end = (first + step).min(to.height);
        let (top, bottom) = (f64::from(first) * scale, f64::from(end) * scale);
        let rows = (top - reach).max(0.0) as usize
            ..((bottom + reach).ceil() as usize).min(canvas.height as usize);
        let span = RowSpan::new(top - rows.start as f64, bottom - top, rows.len());
        let band = Plane {
            pixels: &rotation.rows::<C>(pixels, rows.clone()),
            size: Size::new(canvas.width, rows.len() as u32),
            channels: C,
            premultiplied: true,
        };
        placed.extend(band.span_resized(span, Size::new(to.width, end - first), filter)?);
    }
    Ok(placed)
}

fn backed(mut image: RgbaImage, options: &RenderOptions) -> Result<Raster, ImagingError> {
    if let Some(background) = options.background {
        for pixel in image.as_chunks_mut::<4>().0 {
            *pixel = compose::over(*pixel, background);
        }
    }
    let opaque = options.background.is_some_and(|colour| colour[3] == 255);
    if options.format.keeps_alpha() && !opaque {
        return Ok(Raster::Rgba(image));
    }
    flattened(image).map(Raster::Rgb)
}

/// On white: what formats without alpha show where nothing else was asked for.
///
/// In place: each pixel moves forward over what was already read.
fn flattened(image: RgbaImage) -> Result<RgbImage, ImagingError> {
    let size = Size::new(image.width(), image.height());
    let mut pixels = image.into_raw();
    for at in 0..pixels.len() / 4 {
        let alpha = pixels[at * 4 + 3];
        for c in 0..3 {
            pixels[at * 3 + c] = compose::blend(pixels[at * 4 + c], 255, alpha);
        }
    }
    pixels.truncate(pixels.len() / 4 * 3);
    image_of(size, pixels, RgbImage::from_raw)
}

fn image_of<I>(
    size: Size,
    pixels: Vec<u8>,
    build: impl FnOnce(u32, u32, Vec<u8>) -> Option<I>,
) -> Result<I, ImagingError> {
    build(size.width, size.height, pixels)
        .ok_or_else(|| ImagingError::internal("render", "wrong pixel count"))
}
