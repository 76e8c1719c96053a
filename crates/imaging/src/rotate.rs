//! Counter-clockwise rotation about the centre.
//!
//! Quarter turns move pixels unchanged. Any other angle resamples with the cubic kernel of Keys
//! (1981, a = −0.5); outside the picture everything is zero, so its border comes out smooth. Rows of
//! the result can be asked for in bands: a rotation that is then reduced never exists whole.

use std::ops::Range;

use crate::geometry::{self, Size};
use crate::{rotated_size, turn};

/// A rotation of a picture of a known size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rotation {
    source: Size,
    target: Size,
    angle: f64,
}

impl Rotation {
    /// `angle` in degrees; see [`rotated_size`] for `expand`.
    pub(crate) fn new(source: Size, angle: f64, expand: bool) -> Self {
        Self {
            source,
            target: rotated_size(source, angle, expand),
            angle: geometry::normalised(angle),
        }
    }

    /// Size of the rotated picture.
    pub(crate) fn target(&self) -> Size {
        self.target
    }

    /// Whether pixels only move and none are mixed.
    pub(crate) fn is_lossless(&self) -> bool {
        self.angle % 90.0 == 0.0
    }

    /// The rotated picture of a lossless rotation, in pixels of `C` bytes.
    pub(crate) fn turned<const C: usize>(&self, mut pixels: Vec<u8>) -> Vec<u8> {
        let lying = self.source.transposed();
        let (pixels, size) = match self.angle as u32 {
            90 => (turn::counter_clockwise::<C>(&pixels, self.source), lying),
            180 => {
                turn::half_turn::<C>(&mut pixels);
                (pixels, self.source)
            }
            270 => (turn::clockwise::<C>(&pixels, self.source), lying),
            _ => (pixels, self.source),
        };
        if size == self.target {
            return pixels;
        }
        recentred::<C>(&pixels, size, self.target)
    }

    /// Rows of the rotated picture, in pixels of `C` bytes.
    ///
    /// With four channels colours must be multiplied by alpha, and come back so.
    pub(crate) fn rows<const C: usize>(&self, pixels: &[u8], rows: Range<usize>) -> Vec<u8> {
        let (cos, sin) = geometry::direction(self.angle);
        let half = |side: u32| f64::from(side) / 2.0;
        let source = Sampler::<C> {
            pixels: pixels.as_chunks::<C>().0,
            width: self.source.width as usize,
            height: self.source.height as usize,
        };
        let width = self.target.width as usize;
        let mut out = vec![0; rows.len() * width * C];
        let lines = out.as_chunks_mut::<C>().0.chunks_exact_mut(width);
        for (y, line) in rows.zip(lines) {
            let down = y as f64 + 0.5 - half(self.target.height);
            for (x, pixel) in line.iter_mut().enumerate() {
                let across = x as f64 + 0.5 - half(self.target.width);
                *pixel = source.at(
                    cos * across - sin * down + half(self.source.width) - 0.5,
                    sin * across + cos * down + half(self.source.height) - 0.5,
                );
            }
        }
        out
    }
}

/// A picture in the middle of a canvas of another size: cropped where larger, zero where smaller.
///
/// When the difference is odd the picture sits half a pixel towards the top left.
fn recentred<const C: usize>(pixels: &[u8], from: Size, to: Size) -> Vec<u8> {
    let offset = |from: u32, to: u32| (i64::from(to) - i64::from(from)).div_euclid(2);
    let (dx, dy) = (offset(from.width, to.width), offset(from.height, to.height));
    let (left, skipped) = (dx.max(0) as usize, (-dx).max(0) as usize);
    let run = from.width.min(to.width) as usize * C;
    let mut out = vec![0; to.width as usize * to.height as usize * C];
    for (y, line) in out.chunks_exact_mut(to.width as usize * C).enumerate() {
        let row = y as i64 - dy;
        if (0..i64::from(from.height)).contains(&row) {
            let start = (row as usize * from.width as usize + skipped) * C;
            line[left * C..left * C + run].copy_from_slice(&pixels[start..start + run]);
        }
    }
    out
}

/// Cubic interpolation between pixels; zero outside the picture.
struct Sampler<'a, const C: usize> {
    pixels: &'a [[u8; C]],
    width: usize,
    height: usize,
}

impl<const C: usize> Sampler<'_, C> {
    /// The value at a position where pixel centres are whole numbers.
    fn at(&self, x: f64, y: f64) -> [u8; C] {
        let (column, row) = (x.floor(), y.floor());
        let (left, top) = (column as i64 - 1, row as i64 - 1);
        let (width, height) = (self.width as i64, self.height as i64);
        if left <= -4 || top <= -4 || left >= width || top >= height {
            return [0; C];
        }
        let across = weights((x - column) as f32);
        let down = weights((y - row) as f32);
        let inside = left >= 0 && top >= 0 && left + 4 <= width && top + 4 <= height;
        let sum = if inside {
            self.inner(left as usize, top as usize, across, down)
        } else {
            self.border(left, top, across, down)
        };
        to_pixel(sum)
    }

    fn inner(&self, left: usize, top: usize, across: [f32; 4], down: [f32; 4]) -> [f32; C] {
        let mut sum = [0.0; C];
        for (row, vertical) in down.iter().enumerate() {
            let taps = &self.pixels[(top + row) * self.width + left..][..4];
            // Most of a cut-out is empty.
            if taps == [[0; C]; 4] {
                continue;
            }
            for (tap, horizontal) in taps.iter().zip(across) {
                let weight = vertical * horizontal;
                for c in 0..C {
                    sum[c] += weight * f32::from(tap[c]);
                }
            }
        }
        sum
    }

    fn border(&self, left: i64, top: i64, across: [f32; 4], down: [f32; 4]) -> [f32; C] {
        let mut sum = [0.0; C];
        for (row, vertical) in (top..).zip(down) {
            for (column, horizontal) in (left..).zip(across) {
                let in_rows = (0..self.height as i64).contains(&row);
                if in_rows && (0..self.width as i64).contains(&column) {
                    let tap = self.pixels[row as usize * self.width + column as usize];
                    for c in 0..C {
                        sum[c] += vertical * horizontal * f32::from(tap[c]);
                    }
                }
            }
        }
        sum
    }
}

/// Rounds. The kernel overshoots at edges: where the last of four channels is alpha, colours are
/// scaled back with it, so that clipping it changes no hue, and none may exceed it.
fn to_pixel<const C: usize>(sum: [f32; C]) -> [u8; C] {
    if C != 4 {
        return sum.map(|v| (v + 0.5) as u8);
    }
    let scale = 255.0 / sum[C - 1].max(255.0);
    let pixel = sum.map(|v| (v * scale + 0.5) as u8);
    pixel.map(|v| v.min(pixel[C - 1]))
}

/// Weights of the four nearest samples at a fraction between the middle two.
fn weights(t: f32) -> [f32; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        0.5 * (-t3 + 2.0 * t2 - t),
        0.5 * (3.0 * t3 - 5.0 * t2 + 2.0),
        0.5 * (-3.0 * t3 + 4.0 * t2 + t),
        0.5 * (t3 - t2),
    ]
}
