//! Access to the fixture files, and pictures made in code.

use image::{GrayImage, Luma, RgbImage};
use imaging::{DecodeLimits, ImagingError, Photo, decode};

/// Bytes of a file in `tests/fixtures`.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

pub(crate) fn open(bytes: &[u8]) -> Result<Photo, ImagingError> {
    decode(bytes, &DecodeLimits::default())
}

/// A fixture, decoded.
pub(crate) fn photo(name: &str) -> Photo {
    open(&bytes(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Mean and largest difference of two pictures' samples.
pub(crate) fn difference(a: &RgbImage, b: &RgbImage) -> (f64, u8) {
    assert_eq!(a.dimensions(), b.dimensions());
    let steps = || a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b));
    let sum: f64 = steps().map(f64::from).sum();
    (sum / a.len() as f64, steps().max().unwrap_or(0))
}

/// Smooth colours that differ at every pixel.
pub(crate) fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([
            (x * 255 / width.max(1)) as u8,
            (y * 255 / height.max(1)) as u8,
            ((x + y) * 7 % 256) as u8,
        ])
    })
}

/// A disc of alpha 255 with an edge `soft` pixels wide.
pub(crate) fn disc(width: u32, height: u32, soft: f64) -> GrayImage {
    let (cx, cy) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
    let radius = cx.min(cy) * 0.7;
    GrayImage::from_fn(width, height, |x, y| {
        let distance = (f64::from(x) + 0.5 - cx).hypot(f64::from(y) + 0.5 - cy);
        let value = ((radius - distance) / soft + 0.5).clamp(0.0, 1.0);
        Luma([(value * 255.0).round() as u8])
    })
}
