//! Lossless turns and flips of interleaved pixels: orientation, and rotation by quarter turns.

use image::metadata::Orientation;

use crate::Size;

/// Side of the square blocks that a quarter turn works in, so that the strided side of the copy
/// stays in the first-level cache.
const BLOCK: usize = 32;

/// Applies an EXIF orientation to pixels of `C` bytes each; returns the turned pixels and size.
pub(crate) fn orient<const C: usize>(
    pixels: Vec<u8>,
    size: Size,
    orientation: Orientation,
) -> (Vec<u8>, Size) {
    let mut pixels = pixels;
    match orientation {
        Orientation::NoTransforms => (pixels, size),
        Orientation::FlipHorizontal => {
            flip_rows::<C>(&mut pixels, size);
            (pixels, size)
        }
        Orientation::FlipVertical => {
            flip_columns::<C>(&mut pixels, size);
            (pixels, size)
        }
        Orientation::Rotate180 => {
            half_turn::<C>(&mut pixels);
            (pixels, size)
        }
        Orientation::Rotate90 => (clockwise::<C>(&pixels, size), size.transposed()),
        Orientation::Rotate270 => (counter_clockwise::<C>(&pixels, size), size.transposed()),
        Orientation::Rotate90FlipH => {
            let mut turned = clockwise::<C>(&pixels, size);
            flip_rows::<C>(&mut turned, size.transposed());
            (turned, size.transposed())
        }
        Orientation::Rotate270FlipH => {
            let mut turned = counter_clockwise::<C>(&pixels, size);
            flip_rows::<C>(&mut turned, size.transposed());
            (turned, size.transposed())
        }
    }
}

/// Turns by 90° clockwise.
pub(crate) fn clockwise<const C: usize>(pixels: &[u8], size: Size) -> Vec<u8> {
    let (w, h) = (size.width as usize, size.height as usize);
    transposed::<C>(pixels, w, h, |x, y| x * h + (h - 1 - y))
}

/// Turns by 90° counter-clockwise.
pub(crate) fn counter_clockwise<const C: usize>(pixels: &[u8], size: Size) -> Vec<u8> {
    let (w, h) = (size.width as usize, size.height as usize);
    transposed::<C>(pixels, w, h, |x, y| (w - 1 - x) * h + y)
}

/// Turns by 180°, in place.
pub(crate) fn half_turn<const C: usize>(pixels: &mut [u8]) {
    pixels.as_chunks_mut::<C>().0.reverse();
}

fn flip_rows<const C: usize>(pixels: &mut [u8], size: Size) {
    for row in pixels.chunks_exact_mut(size.width as usize * C) {
        row.as_chunks_mut::<C>().0.reverse();
    }
}

fn flip_columns<const C: usize>(pixels: &mut [u8], size: Size) {
    let stride = size.width as usize * C;
    let (top, bottom) = pixels.split_at_mut(size.height as usize / 2 * stride);
    for (a, b) in top.chunks_exact_mut(stride).zip(bottom.chunks_exact_mut(stride).rev()) {
        a.swap_with_slice(b);
    }
}

fn transposed<const C: usize>(
    pixels: &[u8],
    w: usize,
    h: usize,
    target: impl Fn(usize, usize) -> usize,
) -> Vec<u8> {
    let mut out = vec![0; pixels.len()];
    let source = pixels.as_chunks::<C>().0;
    let turned = out.as_chunks_mut::<C>().0;
    for top in (0..h).step_by(BLOCK) {
        for left in (0..w).step_by(BLOCK) {
            for x in left..(left + BLOCK).min(w) {
                for y in top..(top + BLOCK).min(h) {
                    turned[target(x, y)] = source[y * w + x];
                }
            }
        }
    }
    out
}
