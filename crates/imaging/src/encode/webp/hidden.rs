//! Colours where nothing shows, chosen to cost least and to harm what shows least.
//!
//! Lossy blocks mix neighbouring pixels: black beside the subject would darken its edge. In a block
//! that shows something, hidden pixels take the mean of what shows; wholly hidden blocks repeat the
//! colour before them, which a predictor writes in almost no bits.

use image::RgbaImage;

/// Side of the codec's macroblocks.
const BLOCK: usize = 16;

/// Recolours the pixels of alpha 0.
pub(super) fn fill(image: &mut RgbaImage) {
    let width = image.width() as usize;
    if width == 0 {
        return;
    }
    let pixels = image.as_chunks_mut::<4>().0;
    for band in pixels.chunks_mut(width * BLOCK) {
        let mut colour = [0; 3];
        for left in (0..width).step_by(BLOCK) {
            let columns = left..(left + BLOCK).min(width);
            let mut sums = [0_u32; 4];
            for pixel in band.chunks_exact(width).flat_map(|row| &row[columns.clone()]) {
                if pixel[3] > 0 {
                    sums[3] += 1;
                    (0..3).for_each(|c| sums[c] += u32::from(pixel[c]));
                }
            }
            if sums[3] as usize == columns.len() * (band.len() / width) {
                continue;
            }
            if let Some(shown) = std::num::NonZeroU32::new(sums[3]) {
                colour = [sums[0], sums[1], sums[2]].map(|sum| (sum / shown) as u8);
            }
            let [r, g, b] = colour;
            for pixel in band.chunks_exact_mut(width).flat_map(|row| &mut row[columns.clone()]) {
                if pixel[3] == 0 {
                    *pixel = [r, g, b, 0];
                }
            }
        }
    }
}
